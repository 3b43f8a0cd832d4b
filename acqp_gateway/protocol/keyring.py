"""Keys by version: our own private keys, and the public keys of each client that calls us.

Files, PEM or the bare one-line base64 in which Alipay+'s Developer Center issues keys (PKCS#8 private, SPKI
public). In a folder of keys:

    gateway-<version>.pem                  our private keys
    alipayplus-<version>.pem               public keys of the configured client (Alipay+)
    <client id>/alipayplus-<version>.pem   public keys of any further client
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from acqp_gateway.errors import KeyFileError

OWN_KEY_PREFIX = "gateway"
ALIPAYPLUS_KEY_PREFIX = "alipayplus"

SMALLEST_KEY_BITS = 2048
_LARGEST_KEY_FILE_BYTES = 64 * 1024
_VERSION = re.compile(r"[1-9][0-9]{0,8}")

_NEXT_STEP = {
    OWN_KEY_PREFIX: "run: acqp-gateway init",
    ALIPAYPLUS_KEY_PREFIX: "save Alipay+'s public key there, or for a trial run: acqp-gateway init --sandbox",
}

Key = TypeVar("Key", RSAPrivateKey, RSAPublicKey)


@dataclass(frozen=True, slots=True)
class VersionedKeys(Generic[Key]):
    """The keys of one owner by keyVersion; the newest is the one with the highest number."""

    by_version: Mapping[str, Key]
    prefix: str = OWN_KEY_PREFIX

    @property
    def newest_version(self) -> str:
        """The highest keyVersion. Raises LookupError when there is no key at all."""
        if not self.by_version:
            raise LookupError("no key")
        return max(self.by_version, key=int)

    @property
    def newest(self) -> Key:
        """The key with the highest keyVersion. Raises LookupError when there is no key at all."""
        return self.by_version[self.newest_version]

    def require_any(self, folder: Path) -> list[Key]:
        """The keys, of which there must be one at least. Raises KeyFileError naming the folder where they lie."""
        if not self.by_version:
            raise KeyFileError(no_key_text(folder, self.prefix))
        return list(self.by_version.values())


def no_key_text(folder: Path, prefix: str) -> str:
    """What to tell a person whose folder lacks a key, with the next step."""
    return f"{folder}: holds no {prefix}-<version>.pem; {_NEXT_STEP[prefix]}"


def read_private_keys(folder: Path, prefix: str = OWN_KEY_PREFIX) -> VersionedKeys[RSAPrivateKey]:
    """All `<prefix>-<version>.pem` of a folder as private keys. Raises KeyFileError naming the file."""
    keys = {version: read_private_key(path) for version, path in key_files(folder, prefix)}
    return VersionedKeys(MappingProxyType(keys), prefix)


def read_public_keys(folder: Path, prefix: str = ALIPAYPLUS_KEY_PREFIX) -> VersionedKeys[RSAPublicKey]:
    """All `<prefix>-<version>.pem` of a folder as public keys. Raises KeyFileError naming the file."""
    keys = {version: read_public_key(path) for version, path in key_files(folder, prefix)}
    return VersionedKeys(MappingProxyType(keys), prefix)


def key_files(folder: Path, prefix: str) -> list[tuple[str, Path]]:
    """(version, path) of each `<prefix>-<version>.pem`, sorted. Raises KeyFileError for an odd version."""
    found = []
    for path in sorted(folder.glob(f"{prefix}-*.pem")):
        version = path.name[len(prefix) + 1 : -len(".pem")]
        if not _VERSION.fullmatch(version):
            raise KeyFileError(f"{path}: the key version in the file's name must be a number such as 1")
        found.append((version, path))
    return found


def next_version(folder: Path, prefix: str) -> str:
    """The key version after the highest `<prefix>-<version>.pem` of a folder. Raises KeyFileError."""
    return str(max((int(version) for version, _ in key_files(folder, prefix)), default=0) + 1)


def stamp(path: Path) -> tuple[int, int, int]:
    """What changes when a key file is written anew or replaced. Raises KeyFileError when it is not there."""
    try:
        found = path.stat()
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from None
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_private_key(path: Path) -> RSAPrivateKey:
    """One private key. Raises KeyFileError when others may read the file or it holds no such key."""
    content = _read(path, secret=True)
    try:
        if b"-----BEGIN" in content:
            key = load_pem_private_key(content, password=None)
        else:
            key = load_der_private_key(base64.b64decode(content, validate=True), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        raise KeyFileError(
            f"{path}: holds no private key that can be read (PEM or one line of base64, PKCS#8, no password)"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise KeyFileError(f"{path}: holds a private key that is not RSA")
    _check_size(path, key.key_size)
    return key


def read_public_key(path: Path) -> RSAPublicKey:
    """One public key. Raises KeyFileError when the file holds no such key."""
    content = _read(path, secret=False)
    if _is_private(content):
        raise KeyFileError(f"{path}: holds a private key where a public key belongs; put the public half there")
    try:
        if b"-----BEGIN" in content:
            key = load_pem_public_key(content)
        else:
            key = load_der_public_key(base64.b64decode(content, validate=True))
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        raise KeyFileError(
            f"{path}: holds no public key that can be read (PEM or one line of base64, SPKI)"
        ) from None
    if not isinstance(key, RSAPublicKey):
        raise KeyFileError(f"{path}: holds a public key that is not RSA")
    _check_size(path, key.key_size)
    return key


def _is_private(content: bytes) -> bool:
    if b"-----BEGIN" in content:
        return b"PRIVATE KEY" in content
    try:
        load_der_private_key(base64.b64decode(content, validate=True), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        return False
    return True


def _read(path: Path, *, secret: bool) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if secret and stat.S_IMODE(mode) & 0o077:
                raise KeyFileError(f"{path}: may be read by others; run: chmod 600 {path}")
            content = file.read(_LARGEST_KEY_FILE_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > _LARGEST_KEY_FILE_BYTES:
        raise KeyFileError(f"{path}: too large for a key")
    return content.strip()


def _check_size(path: Path, bits: int) -> None:
    if bits < SMALLEST_KEY_BITS:
        raise KeyFileError(f"{path}: the key has {bits} bits, at least {SMALLEST_KEY_BITS} are needed")


def generate_key_file(folder: Path, prefix: str, version: str) -> Path:
    """Make an RSA-2048 private key in a new file that only its owner may read.

    Raises KeyFileError when the file exists already or cannot be written.
    """
    key = generate_private_key(public_exponent=65537, key_size=SMALLEST_KEY_BITS)
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / f"{prefix}-{version}.pem"
    write_new_file(path, content, mode=0o600)
    return path


def write_new_file(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that must not exist yet; its folder is made when missing (mode 0700).

    Raises KeyFileError when the file exists already or cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written ({error.strerror}: {path.parent})") from None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise KeyFileError(f"{path}: exists already and is never overwritten") from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be written ({error.strerror})") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def public_pem(key: RSAPublicKey) -> bytes:
    """A public key as PEM (SPKI)."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_line(key: RSAPublicKey) -> str:
    """A public key as one line of base64 (SPKI DER), the form that Alipay+'s Developer Center asks for."""
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode("ascii")


def fingerprint(key: RSAPublicKey) -> str:
    """SHA-256 of a public key (SPKI DER) in hexadecimal, for two people to compare."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def same_key(one: RSAPublicKey, other: RSAPublicKey) -> bool:
    """Whether two public keys are the same key."""
    return one.public_numbers() == other.public_numbers()
