"""Who may call us: the clients of the store, each with the public keys that lie in the folder of keys.

Both are looked at again every two seconds, so that a client who is added, switched off or given a new key is
known to every worker within five, with nothing restarted.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from acqp_gateway.errors import KeyFileError, StoreUnavailable
from acqp_gateway.protocol.gate import Client
from acqp_gateway.protocol.keyring import ALIPAYPLUS_KEY_PREFIX, VersionedKeys, key_files, read_public_keys, stamp
from acqp_gateway.store import clients
from acqp_gateway.store.database import Store

_log = logging.getLogger("acqp_gateway.clients")

LOOK_AGAIN_AFTER_S = 2.0


def keys_folder(keys_dir: Path, client_id: str, configured_client_id: str) -> Path:
    """Where the public keys of a client lie."""
    return keys_dir if client_id == configured_client_id else keys_dir / client_id


class ClientDirectory:
    """The clients of one process. The first look-up waits for the store; later ones never wait for it."""

    def __init__(self, store: Store, keys_dir: Path, configured_client_id: str) -> None:
        self._store = store
        self._keys_dir = keys_dir
        self._configured_client_id = configured_client_id
        self._lock = threading.Lock()
        self._clients: dict[str, Client] | None = None
        self._look_again_at = 0.0
        self._keys: dict[str, tuple[object, VersionedKeys[RSAPublicKey]]] = {}

    def find(self, client_id: str) -> Client | None:
        """The client of this id. Raises StoreError when the store has not answered even once."""
        if time.monotonic() >= self._look_again_at:
            self._look_again()
        if self._clients is None:
            raise StoreUnavailable("the clients could not be read yet")
        return self._clients.get(client_id)

    def _look_again(self) -> None:
        # One thread looks while the others go on with what is known.
        if not self._lock.acquire(blocking=self._clients is None):
            return
        try:
            if time.monotonic() >= self._look_again_at:
                self._clients = self._read()
                self._look_again_at = time.monotonic() + LOOK_AGAIN_AFTER_S
        except Exception as error:  # whatever it is, what is known stays in force
            if self._clients is None:
                raise
            self._look_again_at = time.monotonic() + LOOK_AGAIN_AFTER_S
            _log.warning("clients could not be read again: %s", " ".join(str(error).split())[:300])
        finally:
            self._lock.release()

    def _read(self) -> dict[str, Client]:
        return {
            row.client_id: Client(row.client_id, row.enabled, self._keys_of(row.client_id))
            for row in clients.listed(self._store)
        }

    def _keys_of(self, client_id: str) -> VersionedKeys[RSAPublicKey]:
        """Read again only what changed; a file that cannot be read leaves the keys known so far in force."""
        known = self._keys.get(client_id)
        folder = keys_folder(self._keys_dir, client_id, self._configured_client_id)
        try:
            seen = [(path, stamp(path)) for _, path in key_files(folder, ALIPAYPLUS_KEY_PREFIX)]
            if known is None or known[0] != seen:
                known = (seen, read_public_keys(folder))
                self._keys[client_id] = known
        except (KeyFileError, OSError) as error:
            _log.error("keys of client %s: %s", client_id, error)
        return known[1] if known else VersionedKeys({})
