"""Key files: what is read, what is refused and named, which key is the newest."""

from __future__ import annotations

import base64
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from acqp_gateway.errors import KeyFileError
from acqp_gateway.protocol.keyring import (
    ALIPAYPLUS_KEY_PREFIX,
    OWN_KEY_PREFIX,
    VersionedKeys,
    generate_key_file,
    public_line,
    public_pem,
    read_private_key,
    read_private_keys,
    read_public_key,
    read_public_keys,
    same_key,
    write_new_file,
)
from tests.protocol.helpers import alipayplus_key, our_key

KEY = our_key()
PKCS8_PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PKCS8_DER = KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
PKCS1_PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
ENCRYPTED_PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
SPKI_PEM = public_pem(KEY.public_key())
SPKI_DER = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PKCS1_PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)

SHORT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 -- to be refused
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def written(folder: Path, name: str, content: bytes, mode: int = 0o600) -> Path:
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "content",
    [
        PKCS8_PEM,
        PKCS1_PEM,
        base64.b64encode(PKCS8_DER),
        base64.b64encode(PKCS8_DER) + b"\n",
        b"\n\n  " + base64.b64encode(PKCS8_DER) + b"\r\n",
        b"kept by us since 2026\n" + PKCS8_PEM,
        PKCS8_PEM.replace(b"\n", b"\r\n"),
    ],
    ids=["pkcs8-pem", "pkcs1-pem", "bare-line", "bare-line-newline", "bare-line-blanks", "comment", "crlf"],
)
def test_a_private_key_is_read(content: bytes, tmp_path: Path) -> None:
    key = read_private_key(written(tmp_path, "gateway-1.pem", content))
    assert same_key(key.public_key(), KEY.public_key())


@pytest.mark.parametrize(
    "content",
    [SPKI_PEM, PKCS1_PUBLIC_PEM, base64.b64encode(SPKI_DER), base64.b64encode(SPKI_DER) + b"\r\n"],
    ids=["spki-pem", "pkcs1-pem", "bare-line", "bare-line-newline"],
)
def test_a_public_key_is_read(content: bytes, tmp_path: Path) -> None:
    key = read_public_key(written(tmp_path, "alipayplus-1.pem", content, 0o644))
    assert same_key(key, KEY.public_key())


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "no private key that can be read"),
        (b"\n", "no private key that can be read"),
        (b"garbage!", "no private key that can be read"),
        (os.urandom(1200), "no private key that can be read"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key that can be read"),
        (b"-----BEGIN PRIVATE KEY-----", "no private key that can be read"),
        (base64.b64encode(PKCS8_DER[:-1]), "no private key that can be read"),
        (base64.b64encode(PKCS8_DER)[:-3], "no private key that can be read"),
        (base64.encodebytes(PKCS8_DER), "no private key that can be read"),
        (ENCRYPTED_PEM, "no private key that can be read .*no password"),
        (SPKI_PEM, "no private key that can be read"),
        (base64.b64encode(SPKI_DER), "no private key that can be read"),
        (pem_of(EC_KEY), "not RSA"),
        (pem_of(ED_KEY), "not RSA"),
        (pem_of(SHORT_KEY), "has 1024 bits, at least 2048 are needed"),
        (PKCS8_PEM + b"x" * 65_536, "too large for a key"),
    ],
    ids=[
        "empty",
        "newline",
        "garbage",
        "random",
        "garbage-pem",
        "half-pem",
        "short-der",
        "short-base64",
        "many-lines",
        "encrypted",
        "public-pem",
        "public-line",
        "ec",
        "ed25519",
        "1024",
        "large",
    ],
)
def test_what_is_no_private_key_is_refused(content: bytes, named: str, tmp_path: Path) -> None:
    path = written(tmp_path, "gateway-1.pem", content)
    with pytest.raises(KeyFileError, match=f"^{re.escape(str(path))}: .*{named}"):
        read_private_key(path)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "no public key that can be read"),
        (b"garbage!", "no public key that can be read"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key that can be read"),
        (base64.b64encode(SPKI_DER)[:-5], "no public key that can be read"),
        (PKCS8_PEM, "holds a private key where a public key belongs"),
        (PKCS1_PEM, "holds a private key where a public key belongs"),
        (ENCRYPTED_PEM, "holds a private key where a public key belongs"),
        (SPKI_PEM + PKCS8_PEM, "holds a private key where a public key belongs"),
        (base64.b64encode(PKCS8_DER), "holds a private key where a public key belongs"),
        (public_pem_of(EC_KEY), "not RSA"),
        (public_pem_of(ED_KEY), "not RSA"),
        (public_pem_of(SHORT_KEY), "has 1024 bits, at least 2048 are needed"),
        (SPKI_PEM + b" " * 65_536, "too large for a key"),
    ],
    ids=[
        "empty",
        "garbage",
        "garbage-pem",
        "short-base64",
        "private-pkcs8",
        "private-pkcs1",
        "private-encrypted",
        "both",
        "private-line",
        "ec",
        "ed25519",
        "1024",
        "large",
    ],
)
def test_what_is_no_public_key_is_refused(content: bytes, named: str, tmp_path: Path) -> None:
    path = written(tmp_path, "alipayplus-1.pem", content, 0o644)
    with pytest.raises(KeyFileError, match=f"^{re.escape(str(path))}: .*{named}"):
        read_public_key(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o660, 0o777], ids=oct)
def test_a_private_key_that_others_may_use_is_refused(mode: int, tmp_path: Path) -> None:
    path = written(tmp_path, "gateway-1.pem", PKCS8_PEM, mode)
    with pytest.raises(KeyFileError, match=f"may be read by others; run: chmod 600 {re.escape(str(path))}$"):
        read_private_key(path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700], ids=oct)
def test_a_private_key_that_its_owner_alone_may_read_is_read(mode: int, tmp_path: Path) -> None:
    read_private_key(written(tmp_path, "gateway-1.pem", PKCS8_PEM, mode))


def test_the_file_behind_a_link_is_what_counts(tmp_path: Path) -> None:
    (tmp_path / "gateway-1.pem").symlink_to(written(tmp_path, "elsewhere", PKCS8_PEM, 0o644))
    with pytest.raises(KeyFileError, match="may be read by others"):
        read_private_key(tmp_path / "gateway-1.pem")


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_a_file_that_cannot_be_read_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "gateway-1.pem"
    if kind == "folder":
        path.mkdir(mode=0o700)
    with pytest.raises(KeyFileError, match=f"^{re.escape(str(path))}: cannot be read \\("):
        read_private_key(path)
    with pytest.raises(KeyFileError, match=f"^{re.escape(str(path))}: cannot be read \\("):
        read_public_key(path)


def test_the_newest_key_has_the_highest_number(tmp_path: Path) -> None:
    for version in ("9", "10", "2"):
        written(tmp_path, f"gateway-{version}.pem", PKCS8_PEM)
    written(tmp_path, "gateway-10.pem", pem_of(alipayplus_key()))
    keys = read_private_keys(tmp_path)
    assert sorted(keys.by_version) == ["10", "2", "9"]
    assert keys.newest_version == "10"
    assert same_key(keys.newest.public_key(), alipayplus_key().public_key())


def test_each_owner_has_files_of_their_own(tmp_path: Path) -> None:
    written(tmp_path, "gateway-1.pem", PKCS8_PEM)
    written(tmp_path, "alipayplus-3.pem", SPKI_PEM, 0o644)
    written(tmp_path, "alipayplus-3.pem.old", b"")
    written(tmp_path, "notes.txt", b"")
    assert list(read_private_keys(tmp_path).by_version) == ["1"]
    assert list(read_public_keys(tmp_path).by_version) == ["3"]


@pytest.mark.parametrize(
    "version", ["", "0", "01", "-1", "1.5", "a", "1a", " 1", "1_0", "1234567890", "\u0661"], ids=repr
)
def test_an_odd_version_is_named(version: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"gateway-{version}.pem", PKCS8_PEM)
    with pytest.raises(KeyFileError, match=f"^{re.escape(str(path))}: the key version .* must be a number"):
        read_private_keys(tmp_path)


def test_one_bad_file_among_good_ones_is_named(tmp_path: Path) -> None:
    written(tmp_path, "alipayplus-1.pem", SPKI_PEM)
    written(tmp_path, "alipayplus-2.pem", b"garbage")
    with pytest.raises(KeyFileError, match=r"alipayplus-2\.pem: "):
        read_public_keys(tmp_path)


@pytest.mark.parametrize("folder", ["", "missing"])
def test_a_folder_without_keys_is_named(folder: str, tmp_path: Path) -> None:
    keys = read_private_keys(tmp_path / folder)
    assert dict(keys.by_version) == {}
    with pytest.raises(KeyFileError, match=r"holds no gateway-<version>\.pem; run: acqp-gateway init"):
        keys.require_any(tmp_path / folder)
    with pytest.raises(KeyFileError, match=r"holds no alipayplus-<version>\.pem"):
        read_public_keys(tmp_path / folder).require_any(tmp_path)
    with pytest.raises(LookupError):
        _ = keys.newest


def test_keys_cannot_be_changed_once_read(tmp_path: Path) -> None:
    written(tmp_path, "gateway-1.pem", PKCS8_PEM)
    by_version = read_private_keys(tmp_path).by_version
    with pytest.raises(TypeError):
        by_version["2"] = KEY  # type: ignore[index]  # what must not work


def test_a_generated_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        path = generate_key_file(tmp_path / "var" / "keys", OWN_KEY_PREFIX, "1")
    finally:
        os.umask(mask)
    assert path == tmp_path / "var" / "keys" / "gateway-1.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_private_key(path).key_size == 2048
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path, "gateway-1.pem", PKCS8_PEM)
    with pytest.raises(KeyFileError, match="exists already and is never overwritten"):
        generate_key_file(tmp_path, OWN_KEY_PREFIX, "1")
    assert path.read_bytes() == PKCS8_PEM


def test_not_through_a_link_either(tmp_path: Path) -> None:
    (tmp_path / "alipayplus-1.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError, match="exists already"):
        write_new_file(tmp_path / f"{ALIPAYPLUS_KEY_PREFIX}-1.pem", SPKI_PEM, mode=0o644)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"")
    with pytest.raises(KeyFileError, match=r"gateway-1\.pem: cannot be written \("):
        write_new_file(tmp_path / "keys" / "gateway-1.pem", b"", mode=0o600)


def test_the_line_for_the_developer_center_is_read_by_openssl(tmp_path: Path) -> None:
    line = public_line(KEY.public_key())
    assert re.fullmatch("[A-Za-z0-9+/]+=*", line)
    done = subprocess.run(
        ["openssl", "pkey", "-pubin", "-inform", "DER", "-pubout"],
        input=base64.b64decode(line),
        capture_output=True,
        check=True,
    )
    assert done.stdout == SPKI_PEM
    assert same_key(read_public_key(written(tmp_path, "key", line.encode())), KEY.public_key())


def test_two_keys_are_told_apart() -> None:
    assert not same_key(KEY.public_key(), alipayplus_key().public_key())
    keys = VersionedKeys({"1": KEY, "2": alipayplus_key()})
    assert keys.require_any(Path()) == [KEY, alipayplus_key()]
