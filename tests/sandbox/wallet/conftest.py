"""A wallet of the test's own."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from acqp_gateway.protocol import keyring
from acqp_gateway.sandbox import keys
from tests.peer import Keys
from tests.sandbox.wallet.harness import Wallet

#: Reading a private key takes longer than most of these tests.
_read_once = functools.cache(keyring.read_private_keys)


@pytest.fixture
def wallet(tmp_path: Path, sandbox_keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wallet]:
    """A wallet with the sample users."""
    monkeypatch.setattr(keys, "read_private_keys", _read_once)
    found = Wallet(tmp_path, sandbox_keys)
    yield found
    found.store.close()
