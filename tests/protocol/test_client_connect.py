"""Connecting is bounded as a whole, however many addresses a name has."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from acqp_gateway.errors import TimedOut, Unreachable
from acqp_gateway.protocol.client import SigningClient
from acqp_gateway.protocol.keyring import read_private_keys, read_public_keys
from tests.peer import make_keys


@pytest.fixture
def client(tmp_path: Path) -> SigningClient:
    keys = make_keys(tmp_path)
    return SigningClient(
        client_id="C",
        signing_keys=read_private_keys(keys.keys_dir),
        peer_keys=read_public_keys(keys.keys_dir),
        connect_s=0.4,
        answer_s=1.0,
    )


def test_five_addresses_that_do_not_answer(client: SigningClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        # With its queue full, the listener answers nobody.
        waiting = [socket.socket() for _ in range(4)]
        for early in waiting:
            early.setblocking(False)
            early.connect_ex(address)

        def five(*_: Any, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * 5

        monkeypatch.setattr(socket, "getaddrinfo", five)
        began = time.monotonic()
        with pytest.raises(TimedOut):
            client.call(f"http://localhost:{address[1]}/x", b"{}")
        assert time.monotonic() - began < 1.0
        for early in waiting:
            early.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_nobody_listens(client: SigningClient, host: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match="cannot be reached"):
        client.call(f"http://{host}:{port}/x", b"{}")
