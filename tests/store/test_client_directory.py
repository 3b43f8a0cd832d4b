"""Who may call us, as one process knows it: clients of the store with the keys of the folder, looked at again."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from acqp_gateway import clients as directory
from acqp_gateway.clients import ClientDirectory, keys_folder
from acqp_gateway.errors import StoreUnavailable
from acqp_gateway.protocol.keyring import public_pem
from acqp_gateway.store import clients
from acqp_gateway.store.database import Store
from tests.conftest import FreshStores
from tests.store.helpers import AT, taking

KEY = public_pem(generate_private_key(public_exponent=65537, key_size=2048).public_key())


@pytest.fixture
def keys_dir(tmp_path: Path) -> Path:
    (tmp_path / "alipayplus-1.pem").write_bytes(KEY)
    return tmp_path


@pytest.fixture
def store(fresh_stores: FreshStores) -> Iterator[Store]:
    """Of one kind: what is asked of the store here, test_records.py asks of both."""
    opened = Store(fresh_stores.url("sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def found(store: Store, keys_dir: Path, monkeypatch: pytest.MonkeyPatch) -> ClientDirectory:
    """A directory that looks again at every look-up, unless a test says otherwise."""
    monkeypatch.setattr(directory, "LOOK_AGAIN_AFTER_S", 0)
    clients.add(store, "5Y", note=None, at=AT)
    return ClientDirectory(store, keys_dir, "5Y")


def versions(of: ClientDirectory, client_id: str = "5Y") -> list[str] | None:
    client = of.find(client_id)
    return None if client is None else sorted(client.keys.by_version)


def test_a_client_with_its_keys(found: ClientDirectory) -> None:
    client = found.find("5Y")
    assert client is not None
    assert (client.client_id, client.enabled, list(client.keys.by_version)) == ("5Y", True, ["1"])


@pytest.mark.parametrize("client_id", ["", "5y", "5Y ", "nobody", "../5Y", "\xff", "5Y\0", "%"])
def test_nobody_else_is_known(client_id: str, found: ClientDirectory) -> None:
    assert found.find(client_id) is None


def test_a_client_that_is_added_or_switched_is_known_when_looked_again(found: ClientDirectory, store: Store) -> None:
    assert found.find("5NEW") is None
    clients.add(store, "5NEW", note=None, at=AT)
    clients.switch(store, "5Y", enabled=False, at=AT)
    assert versions(found, "5NEW") == []
    client = found.find("5Y")
    assert client is not None
    assert client.enabled is False


def test_within_two_seconds_nothing_is_asked_again(
    found: ClientDirectory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "LOOK_AGAIN_AFTER_S", 2)
    found.find("5Y")
    clients.add(store, "5NEW", note=None, at=AT)
    assert found.find("5NEW") is None


def test_further_clients_have_folders_of_their_own(found: ClientDirectory, store: Store, keys_dir: Path) -> None:
    clients.add(store, "5B", note=None, at=AT)
    assert versions(found, "5B") == []
    (keys_dir / "5B").mkdir()
    (keys_dir / "5B" / "alipayplus-7.pem").write_bytes(KEY)
    assert versions(found, "5B") == ["7"]
    assert versions(found) == ["1"]
    assert keys_folder(keys_dir, "5B", "5Y") == keys_dir / "5B"
    assert keys_folder(keys_dir, "5Y", "5Y") == keys_dir


def test_a_key_that_is_added_or_taken_away_is_seen(found: ClientDirectory, keys_dir: Path) -> None:
    assert versions(found) == ["1"]
    (keys_dir / "alipayplus-2.pem").write_bytes(KEY)
    assert versions(found) == ["1", "2"]
    (keys_dir / "alipayplus-1.pem").unlink()
    assert versions(found) == ["2"]
    (keys_dir / "alipayplus-2.pem").unlink()
    assert versions(found) == []


def test_a_key_that_is_replaced_is_seen(found: ClientDirectory, keys_dir: Path) -> None:
    first = found.find("5Y")
    other = public_pem(generate_private_key(public_exponent=65537, key_size=2048).public_key())
    new = keys_dir / "new"
    new.write_bytes(other)
    os.utime(new, (1, 1))
    os.replace(new, keys_dir / "alipayplus-1.pem")
    second = found.find("5Y")
    assert first is not None
    assert second is not None
    assert [public_pem(client.keys.newest) for client in (first, second)] == [KEY, other]


def test_keys_that_have_not_changed_are_not_read_again(found: ClientDirectory) -> None:
    found.find("5Y")  # to read a file may change the time at which it was read last
    first, second = found.find("5Y"), found.find("5Y")
    assert first is not None
    assert second is not None
    assert first.keys is second.keys


def test_a_bad_file_leaves_the_keys_in_force_and_is_told(
    found: ClientDirectory, keys_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert versions(found) == ["1"]
    (keys_dir / "alipayplus-2.pem").write_bytes(b"garbage")
    with caplog.at_level(logging.ERROR, "acqp_gateway.clients"):
        assert versions(found) == ["1"]
    assert "keys of client 5Y: " in caplog.text
    assert "alipayplus-2.pem: holds no public key" in caplog.text


@pytest.fixture
def down_later(fresh_stores: FreshStores, keys_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(directory, "LOOK_AGAIN_AFTER_S", 0)
    store = Store(fresh_stores.url("sqlite"), patience_s=0.2, guarded=True)
    clients.add(store, "5Y", note=None, at=AT)
    yield store
    store.close()


def break_down(store: Store) -> Path:
    """Put the file out of reach, as if the disk were gone; where it is kept."""
    store.engine.dispose()
    assert store.sqlite_file is not None
    kept = store.sqlite_file.rename(store.sqlite_file.with_suffix(".gone"))
    store.sqlite_file.mkdir()
    return kept


def test_without_a_first_answer_nobody_is_said_to_be_unknown(down_later: Store, keys_dir: Path) -> None:
    kept = break_down(down_later)
    found = ClientDirectory(down_later, keys_dir, "5Y")
    for _ in range(10):
        with taking(0, 1), pytest.raises(StoreUnavailable):
            found.find("5Y")
    with pytest.raises(StoreUnavailable, match="did not answer lately"):
        down_later.breaker.check()
    assert down_later.sqlite_file is not None
    down_later.sqlite_file.rmdir()
    kept.rename(down_later.sqlite_file)


def test_who_was_known_stays_known_while_the_store_is_down(
    down_later: Store, keys_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = ClientDirectory(down_later, keys_dir, "5Y")
    assert versions(found) == ["1"]
    break_down(down_later)
    with caplog.at_level(logging.WARNING, "acqp_gateway.clients"):
        for _ in range(10):
            assert versions(found) == ["1"]
            assert found.find("nobody") is None
    assert "clients could not be read again" in caplog.text
