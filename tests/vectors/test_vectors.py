"""The protocol's own code against values that others made, and others against ours."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from acqp_gateway.errors import SignatureInvalid
from acqp_gateway.protocol.headers import read_signature, write_signature
from acqp_gateway.protocol.keyring import public_pem, same_key
from acqp_gateway.protocol.signature import Message, VerifiedMessage, sign, verify
from tests.vectors import DISTINCT_VECTORS, FOLDER, VECTORS, Vector, private_key, public_key

PUBLIC_KEY = public_key()
PRIVATE_KEY = private_key()

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
each_request = pytest.mark.parametrize("vector", DISTINCT_VECTORS, ids=lambda vector: vector.form)


def fails(message: Message, signature: bytes) -> bool:
    """Whether verification refuses, for the one right reason."""
    try:
        verify(message, signature, PUBLIC_KEY)
    except SignatureInvalid as refusal:
        return refusal.reason == "signature_wrong"
    return False


def test_the_file_holds_three_spellings_of_seven_requests() -> None:
    assert len(VECTORS) == 21
    assert {vector.signer for vector in VECTORS} == {
        "openssl",
        "global-open-sdk-python 1.7.1",
        "base64url variant",
    }
    assert len({vector.message.signed_text() for vector in VECTORS}) == len(DISTINCT_VECTORS) == 7
    assert same_key(PRIVATE_KEY.public_key(), PUBLIC_KEY)


@each_vector
def test_every_value_verifies(vector: Vector) -> None:
    header = read_signature(vector.header)
    verified = verify(vector.message, header.signature, PUBLIC_KEY)
    assert header.key_version == "1"
    assert (verified.client_id, verified.time, verified.body) == (
        vector.message.client_id,
        vector.message.time,
        vector.message.body,
    )


@each_request
def test_we_sign_as_the_others_do(vector: Vector) -> None:
    assert write_signature(sign(vector.message, PRIVATE_KEY), "1", blank_after_comma=False) == vector.header


def _changed_texts(text: str) -> Iterator[str]:
    for position, letter in enumerate(text):
        for other in {chr(ord(letter) ^ 1), letter.swapcase(), "\xff", ""} - {letter}:
            yield text[:position] + other + text[position + 1 :]
    yield text + " "
    yield " " + text


def _with(message: Message, member: str, text: str) -> Message:
    changes: dict[str, Any] = {member: text}
    return replace(message, **changes)


def _changed_bytes(body: bytes) -> Iterator[bytes]:
    for position, byte in enumerate(body):
        for other in {bytes([byte ^ 1]), bytes([byte ^ 0x80]), b" ", b""} - {bytes([byte])}:
            yield body[:position] + other + body[position + 1 :]
    yield body + b"\n"
    yield b"\xef\xbb\xbf" + body


@each_request
@pytest.mark.parametrize("member", ["method", "target", "client_id", "time"])
def test_any_change_of_the_head_fails(vector: Vector, member: str) -> None:
    signature = read_signature(vector.header).signature
    passed = [
        text
        for text in _changed_texts(getattr(vector.message, member))
        if not fails(_with(vector.message, member, text), signature)
    ]
    assert passed == []


@each_request
def test_any_change_of_the_body_fails(vector: Vector) -> None:
    signature = read_signature(vector.header).signature
    passed = [
        body
        for body in _changed_bytes(vector.message.body)
        if not fails(replace(vector.message, body=body), signature)
    ]
    assert passed == []


@each_request
def test_any_flipped_bit_of_the_signature_fails(vector: Vector) -> None:
    signature = read_signature(vector.header).signature
    assert len(signature) * 8 == 2048
    number = int.from_bytes(signature, "big")
    passed = [bit for bit in range(2048) if not fails(vector.message, (number ^ 1 << bit).to_bytes(256, "big"))]
    assert passed == []


@each_request
def test_a_signature_of_another_length_fails(vector: Vector) -> None:
    signature = read_signature(vector.header).signature
    for other in (
        signature[:-1],
        signature + b"\0",
        b"\0" + signature,
        signature[1:],
        signature * 2,
        b"",
        b"\0" * 256,
    ):
        assert fails(vector.message, other)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "raw": lambda value: value,
    "raw-unpadded": lambda value: value.rstrip("="),
    "percent-upper": lambda value: quote(value, safe=""),
    "percent-lower": lambda value: re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
    "percent-all": lambda value: "".join(f"%{ord(letter):02X}" for letter in value),
    "url-padded": lambda value: value.translate(str.maketrans("+/", "-_")),
    "url-unpadded": lambda value: value.translate(str.maketrans("+/", "-_")).rstrip("="),
    "url-padding-percent-encoded": lambda value: value.translate(str.maketrans("+/", "-_")).replace("=", "%3D"),
}


@each_request
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_other_spellings_of_the_same_bytes_pass(vector: Vector, spelling: str) -> None:
    standard = unquote(vector.value)
    header = read_signature(f"algorithm=RSA256, keyVersion=1, signature={SPELLINGS[spelling](standard)}")
    assert header.signature == base64.b64decode(standard)
    verify(vector.message, header.signature, PUBLIC_KEY)


def test_a_blank_where_a_plus_was_is_not_taken_for_it() -> None:
    value = unquote(DISTINCT_VECTORS[0].value)
    assert "+" in value
    with pytest.raises(SignatureInvalid, match="signature_malformed"):
        read_signature("algorithm=RSA256,keyVersion=1,signature=" + value.replace("+", " "))


@pytest.mark.parametrize(
    "message",
    [
        *(vector.message for vector in DISTINCT_VECTORS),
        Message("POST", "/aps/caf\xe9?a=%C3%A9&b", "5Y", "2026-11-20T10:11:12Z", '{"ü":"咖啡"}'.encode()),
        Message("HEAD", "/", "5Y", "1795140672123", b""),
    ],
    ids=[*(vector.form for vector in DISTINCT_VECTORS), "latin-1-target", "empty-body"],
)
def test_openssl_verifies_what_we_sign(message: Message, tmp_path: Path) -> None:
    (tmp_path / "public.pem").write_bytes(public_pem(PRIVATE_KEY.public_key()))
    (tmp_path / "signature").write_bytes(sign(message, PRIVATE_KEY))
    head = f"{message.method} {message.target}\n{message.client_id}.{message.time}."
    (tmp_path / "text").write_bytes(head.encode("latin-1") + message.body)
    judged = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "text"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (judged.returncode, judged.stdout) == (0, "Verified OK\n")


def test_a_verified_message_is_made_by_verification_alone() -> None:
    message = DISTINCT_VECTORS[0].message
    with pytest.raises(TypeError, match="verify"):
        VerifiedMessage(message, proof=object())
    with pytest.raises(TypeError):
        VerifiedMessage(message)  # type: ignore[call-arg]  # what must not work


@pytest.mark.parametrize(
    ("number", "printed"), [(0, "2\n"), (1, "Verified OK\n" * 21)], ids=["make-again", "check-all"]
)
def test_the_commands_of_the_readme_work(number: int, printed: str) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", (FOLDER / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 2
    done = subprocess.run(
        ["sh", "-eu", "-c", blocks[number]], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == (printed, "", 0)
