"""Both sides' keys as the sandbox sees them: its own private ones, and the public halves of the gateway's."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from acqp_gateway.errors import KeyFileError
from acqp_gateway.protocol.gate import Client
from acqp_gateway.protocol.keyring import (
    ALIPAYPLUS_KEY_PREFIX,
    OWN_KEY_PREFIX,
    VersionedKeys,
    generate_key_file,
    key_files,
    read_private_keys,
    read_public_keys,
    same_key,
)
from acqp_gateway.settings import Settings

_log = logging.getLogger("acqp_gateway.sandbox")

_FIRST_VERSION = "1"
_LOOK_AGAIN_AFTER_S = 1.0


def make_own_keys(settings: Settings) -> Path | None:
    """Make the key with which the sandbox signs where there is none; the file that was made. Raises KeyFileError."""
    if key_files(settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX):
        return None
    return generate_key_file(settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX, _FIRST_VERSION)


def own_keys(settings: Settings) -> VersionedKeys[RSAPrivateKey]:
    """The keys with which the sandbox signs as Alipay+. Raises KeyFileError when there is none."""
    found = read_private_keys(settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX)
    if not found.by_version:
        raise KeyFileError(
            f"{settings.sandbox_keys_dir}: holds no alipayplus-<version>.pem; run: acqp-gateway init --sandbox"
        )
    return found


def gateway_keys(settings: Settings) -> VersionedKeys[RSAPublicKey]:
    """The gateway's public keys, derived from its private ones. Raises KeyFileError when there is none."""
    private = read_private_keys(settings.keys_dir)
    private.require_any(settings.keys_dir)
    return VersionedKeys({version: key.public_key() for version, key in private.by_version.items()})


def is_trusted(settings: Settings) -> bool:
    """Whether the gateway would believe what the sandbox signs. Raises KeyFileError."""
    own = own_keys(settings)
    trusted = read_public_keys(settings.keys_dir).by_version.get(own.newest_version)
    return trusted is not None and same_key(trusted, own.newest.public_key())


class GatewayDirectory:
    """The one client of the sandbox: the gateway. A key that it gets is known within a second.

    Raises KeyFileError when there is no key to begin with.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client = self._read()
        self._seen = self._files()
        self._look_again_at = time.monotonic() + _LOOK_AGAIN_AFTER_S

    def find(self, client_id: str) -> Client | None:
        """The gateway, when it is meant."""
        if time.monotonic() >= self._look_again_at and self._lock.acquire(blocking=False):
            try:
                self._look_again()
            finally:
                self._lock.release()
        return self._client if client_id == self._client.client_id else None

    def _look_again(self) -> None:
        self._look_again_at = time.monotonic() + _LOOK_AGAIN_AFTER_S
        try:
            seen = self._files()
            if seen != self._seen:
                self._client, self._seen = self._read(), seen
        except (KeyFileError, OSError) as error:
            _log.warning("the gateway's keys could not be read again: %s", error)

    def _read(self) -> Client:
        return Client(self._settings.client_id, enabled=True, keys=gateway_keys(self._settings))

    def _files(self) -> list[object]:
        found = key_files(self._settings.keys_dir, OWN_KEY_PREFIX)
        return [(path, path.stat().st_mtime_ns, path.stat().st_ino) for _, path in found]
