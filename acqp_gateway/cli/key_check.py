"""Every key file as the gateway would read it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from acqp_gateway.clients import keys_folder
from acqp_gateway.errors import KeyFileError
from acqp_gateway.protocol import keyring
from acqp_gateway.protocol.keyring import ALIPAYPLUS_KEY_PREFIX, OWN_KEY_PREFIX
from acqp_gateway.settings import Settings
from acqp_gateway.store import clients
from acqp_gateway.store.database import Store

COLUMNS = ("file", "owner", "keyVersion", "fingerprint")
_OURSELVES = "the gateway"


@dataclass(frozen=True, slots=True)
class Finding:
    """One key file, or a folder that lacks one. `key` is the public half; `fault` a line with the next step."""

    path: Path
    owner: str
    version: str | None = None
    key: RSAPublicKey | None = None
    fault: str | None = None

    def as_record(self) -> dict[str, Any]:
        """What is printed of it."""
        return {
            "file": self.path,
            "owner": self.owner,
            "keyVersion": self.version,
            "fingerprint": None if self.key is None else keyring.fingerprint(self.key),
            "fault": self.fault,
        }


def findings(settings: Settings, store: Store) -> list[Finding]:
    """All keys: our own, those of Alipay+, and those of every further client that may call."""
    missing = keyring.no_key_text(settings.keys_dir, OWN_KEY_PREFIX)
    own = _read_all(settings.keys_dir, OWN_KEY_PREFIX, _OURSELVES, _public_half, missing)
    own_keys = [finding.key for finding in own if finding.key is not None]
    found = own
    for client_id in _expected_clients(settings, store):
        folder = keys_folder(settings.keys_dir, client_id, settings.client_id)
        missing = _missing_keys_text(folder, client_id, settings)
        theirs = _read_all(folder, ALIPAYPLUS_KEY_PREFIX, client_id, keyring.read_public_key, missing)
        found = found + [_unless_own(finding, own_keys) for finding in theirs]
    return found


def _expected_clients(settings: Settings, store: Store) -> list[str]:
    """Alipay+, and whoever else may call: a client that is switched off needs no key."""
    enabled = {row.client_id for row in clients.listed(store) if row.enabled}
    return [settings.client_id, *sorted(enabled - {settings.client_id})]


def _missing_keys_text(folder: Path, client_id: str, settings: Settings) -> str:
    if client_id == settings.client_id:
        return keyring.no_key_text(folder, ALIPAYPLUS_KEY_PREFIX)
    return (
        f"{folder}: holds no {ALIPAYPLUS_KEY_PREFIX}-<version>.pem; save the public key of client {client_id} there"
    )


def _read_all(
    folder: Path, prefix: str, owner: str, read: Callable[[Path], RSAPublicKey], missing: str
) -> list[Finding]:
    try:
        files = keyring.key_files(folder, prefix)
    except KeyFileError as error:
        return [Finding(folder, owner, fault=str(error))]
    if not files:
        return [Finding(folder, owner, fault=missing)]
    return [_read(path, owner, version, read) for version, path in files]


def _read(path: Path, owner: str, version: str, read: Callable[[Path], RSAPublicKey]) -> Finding:
    try:
        return Finding(path, owner, version, read(path))
    except KeyFileError as error:
        return Finding(path, owner, version, fault=str(error))


def _public_half(path: Path) -> RSAPublicKey:
    return keyring.read_private_key(path).public_key()


def _unless_own(finding: Finding, own_keys: Sequence[RSAPublicKey]) -> Finding:
    if finding.key is None or not any(keyring.same_key(finding.key, own) for own in own_keys):
        return finding
    fault = (
        f"{finding.path}: is our own public key; replace it by the one of {finding.owner}"
        " (Alipay+ shows theirs in Developer Center)"
    )
    return Finding(finding.path, finding.owner, finding.version, finding.key, fault)


def sandbox_keys_in_use(settings: Settings) -> list[Path]:
    """The files among Alipay+'s keys that hold the sandbox's key. Raises KeyFileError."""
    stand_in = keyring.read_private_keys(settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX)
    theirs = [key.public_key() for key in stand_in.by_version.values()]
    return [
        path
        for _, path in keyring.key_files(settings.keys_dir, ALIPAYPLUS_KEY_PREFIX)
        if any(keyring.same_key(keyring.read_public_key(path), key) for key in theirs)
    ]
