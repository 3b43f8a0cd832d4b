"""Who may call: read again while the gateway runs, and kept when it cannot be read."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from sqlalchemy import text

from acqp_gateway import clients as directory
from acqp_gateway.clients import ClientDirectory
from acqp_gateway.protocol.keyring import public_pem, same_key
from acqp_gateway.store import clients
from acqp_gateway.store.database import Store

AT = datetime.now(UTC)


@pytest.fixture
def looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "LOOK_AGAIN_AFTER_S", 0.0)


@pytest.fixture(scope="module")
def public_keys() -> list[RSAPublicKey]:
    return [generate_private_key(65537, 2048).public_key() for _ in range(2)]


def newest(found: ClientDirectory, client_id: str) -> RSAPublicKey:
    client = found.find(client_id)
    assert client is not None
    return client.keys.newest


@pytest.mark.usefixtures("looked_at_each_time")
def test_a_key_replaced_within_a_second_by_one_of_the_same_size(
    store: Store, tmp_path: Path, public_keys: list[RSAPublicKey]
) -> None:
    clients.add(store, "C1", note=None, at=AT)
    path = tmp_path / "alipayplus-1.pem"
    path.write_bytes(public_pem(public_keys[0]))
    os.utime(path, ns=(1, 1_000_000_001))
    found = ClientDirectory(store, tmp_path, "C1")
    assert same_key(newest(found, "C1"), public_keys[0])
    path.write_bytes(public_pem(public_keys[1]))
    os.utime(path, ns=(1, 1_000_000_002))
    assert same_key(newest(found, "C1"), public_keys[1])


@pytest.mark.usefixtures("looked_at_each_time")
def test_a_broken_key_file_leaves_the_known_keys_in_force(
    store: Store, tmp_path: Path, public_keys: list[RSAPublicKey]
) -> None:
    clients.add(store, "C1", note=None, at=AT)
    (tmp_path / "C1").mkdir()
    path = tmp_path / "C1" / "alipayplus-1.pem"
    path.write_bytes(public_pem(public_keys[0]))
    found = ClientDirectory(store, tmp_path, "5YACQP0000000001")
    assert same_key(newest(found, "C1"), public_keys[0])
    path.write_text("half a key")
    assert same_key(newest(found, "C1"), public_keys[0])


@pytest.mark.usefixtures("looked_at_each_time")
def test_known_clients_stay_known_whatever_keeps_them_from_being_read(store: Store, tmp_path: Path) -> None:
    clients.add(store, "C1", note=None, at=AT)
    found = ClientDirectory(store, tmp_path, "C1")
    assert found.find("C1") is not None
    with store.writing() as connection:
        connection.execute(text("ALTER TABLE clients RENAME TO clients_gone"))
    assert found.find("C1") is not None
    assert found.find("C2") is None


def test_clients_are_not_read_for_each_request(store: Store, tmp_path: Path) -> None:
    clients.add(store, "C1", note=None, at=AT)
    found = ClientDirectory(store, tmp_path, "C1")
    assert found.find("C1") is not None
    clients.switch(store, "C1", enabled=False, at=AT)
    again = found.find("C1")
    assert again is not None
    assert again.enabled
