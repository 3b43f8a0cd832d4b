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

WALLET_KEY_PREFIX = "wallet"

_FIRST_VERSION = "1"
_LOOK_AGAIN_AFTER_S = 1.0


def make_own_keys(settings: Settings) -> Path | None:
    """Make the key with which the sandbox signs as Alipay+ where there is none; the file that was made.

    Raises KeyFileError.
    """
    return _make_first(settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX)


def make_wallet_keys(settings: Settings) -> Path | None:
    """Make the key with which the sandbox signs as the wallet where there is none; the file that was made.

    Raises KeyFileError.
    """
    return _make_first(settings.sandbox_keys_dir, WALLET_KEY_PREFIX)


def _make_first(folder: Path, prefix: str) -> Path | None:
    if key_files(folder, prefix):
        return None
    return generate_key_file(folder, prefix, _FIRST_VERSION)


def own_keys(settings: Settings) -> VersionedKeys[RSAPrivateKey]:
    """The keys with which the sandbox signs as Alipay+. Raises KeyFileError when there is none."""
    return _private_keys(settings, ALIPAYPLUS_KEY_PREFIX, "acqp-gateway init --sandbox")


def wallet_keys(settings: Settings) -> VersionedKeys[RSAPrivateKey]:
    """The keys with which the sandbox signs as the wallet. Raises KeyFileError when there is none."""
    return _private_keys(settings, WALLET_KEY_PREFIX, "acqp-gateway sandbox serve")


def _private_keys(settings: Settings, prefix: str, command: str) -> VersionedKeys[RSAPrivateKey]:
    found = read_private_keys(settings.sandbox_keys_dir, prefix)
    if not found.by_version:
        raise KeyFileError(f"{settings.sandbox_keys_dir}: holds no {prefix}-<version>.pem; run: {command}")
    return found


def public_halves(private: VersionedKeys[RSAPrivateKey]) -> VersionedKeys[RSAPublicKey]:
    """What the peers of an owner of private keys hold of them."""
    return VersionedKeys({version: key.public_key() for version, key in private.by_version.items()}, private.prefix)


def check_keys_differ(settings: Settings) -> None:
    """Alipay+, the wallet and the gateway are three: no two of them may sign with one key.

    Raises KeyFileError naming both files.
    """
    owner: dict[tuple[int, int], tuple[str, Path]] = {}
    for folder, prefix in (
        (settings.keys_dir, OWN_KEY_PREFIX),
        (settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX),
        (settings.sandbox_keys_dir, WALLET_KEY_PREFIX),
    ):
        for version, path in key_files(folder, prefix):
            numbers = read_private_keys(folder, prefix).by_version[version].public_key().public_numbers()
            other_prefix, other = owner.setdefault((numbers.n, numbers.e), (prefix, path))
            if other_prefix != prefix:
                raise KeyFileError(
                    f"{path}: is the same key as {other}; Alipay+, the wallet and the gateway must each have their"
                    f" own: remove {path.name}, and the sandbox makes another"
                )


def gateway_keys(settings: Settings) -> VersionedKeys[RSAPublicKey]:
    """The gateway's public keys, derived from its private ones. Raises KeyFileError when there is none."""
    private = read_private_keys(settings.keys_dir)
    private.require_any(settings.keys_dir)
    return public_halves(private)


def is_trusted(settings: Settings) -> bool:
    """Whether the gateway would believe what the sandbox signs. Raises KeyFileError."""
    own = own_keys(settings)
    trusted = read_public_keys(settings.keys_dir).by_version.get(own.newest_version)
    return trusted is not None and same_key(trusted, own.newest.public_key())


class _OneClient:
    """The one client of a party, with the public halves of the private keys in a folder.

    A key that it gets is known within a second. Raises KeyFileError when there is no key to begin with.
    """

    def __init__(self, client_id: str, folder: Path, prefix: str) -> None:
        self._client_id = client_id
        self._folder = folder
        self._prefix = prefix
        self._lock = threading.Lock()
        self._client = self._read()
        self._seen = self._files()
        self._look_again_at = time.monotonic() + _LOOK_AGAIN_AFTER_S

    def find(self, client_id: str) -> Client | None:
        """The client, when it is meant."""
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
            _log.warning("the keys of %s could not be read again: %s", self._client_id, error)

    def _read(self) -> Client:
        private = read_private_keys(self._folder, self._prefix)
        if not private.by_version:
            raise KeyFileError(f"{self._folder}: holds no {self._prefix}-<version>.pem; run: acqp-gateway init")
        return Client(self._client_id, enabled=True, keys=public_halves(private))

    def _files(self) -> list[object]:
        found = key_files(self._folder, self._prefix)
        return [(path, path.stat().st_mtime_ns, path.stat().st_ino) for _, path in found]


class GatewayDirectory(_OneClient):
    """Who calls Alipay+: the gateway, by its own client id. Raises KeyFileError when it has no key."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.client_id, settings.keys_dir, OWN_KEY_PREFIX)


class AlipayPlusDirectory(_OneClient):
    """Who calls the wallet: Alipay+, by the wallet's client id. Raises KeyFileError when it has no key."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.sandbox_wallet_client_id, settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX)
