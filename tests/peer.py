"""The other side of the wire for tests: makes a proper signed request and can break exactly one thing of it."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from acqp_gateway.protocol.headers import read_signature, write_signature
from acqp_gateway.protocol.keyring import generate_key_file, public_pem, read_private_key
from acqp_gateway.protocol.signature import Message, sign, verify

CLIENT_ID = "5YACQP0000000001"
ACQUIRER_ID = "2021228100000001"
DECODE_PATH = "/aps/api/v1/payments/userInitiatedPay"


@dataclass(frozen=True)
class Keys:
    """Both sides' keys, in the folders that the settings name."""

    keys_dir: Path
    sandbox_keys_dir: Path
    alipayplus: RSAPrivateKey
    gateway: RSAPublicKey
    wallet: RSAPublicKey


def make_keys(folder: Path) -> Keys:
    """A key pair for the gateway, one for Alipay+ and one for the wallet."""
    gateway = read_private_key(generate_key_file(folder / "keys", "gateway", "1"))
    alipayplus = read_private_key(generate_key_file(folder / "sandbox-keys", "alipayplus", "1"))
    (folder / "keys" / "alipayplus-1.pem").write_bytes(public_pem(alipayplus.public_key()))
    wallet = read_private_key(generate_key_file(folder / "sandbox-keys", "wallet", "1"))
    return Keys(folder / "keys", folder / "sandbox-keys", alipayplus, gateway.public_key(), wallet.public_key())


@dataclass(frozen=True)
class SignedRequest:
    """A request as it will go over the socket; `replace` what is to be broken.

    What is signed are `signed_*` where they are given, and otherwise what is sent.
    """

    key: RSAPrivateKey
    body: bytes
    method: str = "POST"
    target: str = DECODE_PATH
    client_id: str | None = CLIENT_ID
    request_time: str | None = None
    key_version: str = "1"
    signature_header: str | None = None
    signed_target: str | None = None
    more_headers: Sequence[tuple[str, str]] = ()
    framing: str = "length"
    leave_out: frozenset[str] = field(default_factory=frozenset)

    def time(self) -> str:
        """Request-Time as it is sent."""
        return datetime.now(UTC).isoformat(timespec="seconds") if self.request_time is None else self.request_time

    def signature_bytes(self, time: str) -> bytes:
        """The signature over what is sent."""
        target = self.target if self.signed_target is None else self.signed_target
        return sign(Message(self.method, target, self.client_id or "", time, self.body), self.key)

    def headers(self) -> list[tuple[str, str]]:
        """All headers in the order in which they are sent."""
        time = self.time()
        signature = self.signature_header
        if signature is None:
            signature = write_signature(self.signature_bytes(time), self.key_version, blank_after_comma=False)
        found = [
            ("Host", "gateway.test"),
            ("Client-Id", self.client_id or ""),
            ("Request-Time", time),
            ("Signature", signature),
            ("Content-Type", "application/json; charset=UTF-8"),
        ]
        if self.client_id is None:
            found.pop(1)
        replaced = {name.lower() for name, _ in self.more_headers}
        kept = [
            (name, value)
            for name, value in found
            if name.lower() not in replaced and name.lower() not in self.leave_out
        ]
        return [*kept, *self.more_headers]

    def raw(self) -> bytes:
        """The bytes for the socket."""
        headers = self.headers()
        if self.framing == "length":
            headers.append(("Content-Length", str(len(self.body))))
            sent = self.body
        elif self.framing == "chunked":
            headers.append(("Transfer-Encoding", "chunked"))
            sent = chunked(self.body)
        else:
            sent = b""
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + sent


def chunked(body: bytes, size: int = 7_000) -> bytes:
    """A body in chunks."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def decode_request(keys: Keys, code_value: str, **changes: Any) -> SignedRequest:
    """A proper userInitiatedPay for a code."""
    members = {"acquirerId": ACQUIRER_ID, "pspId": "1022088000000000001", "codeValue": code_value}
    members.update(changes.pop("members", {}))
    body = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
    return replace(SignedRequest(keys.alipayplus, body), **changes)


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the socket; header names in lower case."""

    status: int
    headers: dict[str, str]
    names: tuple[str, ...]
    body: bytes

    @property
    def members(self) -> dict[str, Any]:
        """The JSON object in the body."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def code(self) -> str:
        """result.resultCode."""
        return str(self.members["result"]["resultCode"])


def exchange(address: tuple[str, int], raw: bytes, *, timeout: float = 10, method: str = "POST") -> Reply:
    """Send bytes on a connection of their own and read one answer."""
    with socket.create_connection(address, timeout=timeout) as connection:
        connection.sendall(raw)
        return read_reply(connection, method)


def read_reply(connection: socket.socket, method: str = "POST") -> Reply:
    """Read one answer from a socket."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    body = response.read()
    names = tuple(name for name, _ in response.getheaders())
    return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, names, body)


def assert_authentic(
    reply: Reply, keys: Keys, *, target: str = DECODE_PATH, method: str = "POST", client_id: str = CLIENT_ID
) -> None:
    """The answer is HTTP 200, JSON and signed by the gateway, for this request's method and target."""
    assert reply.status == 200, reply
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    assert reply.headers["client-id"] == client_id
    assert "transfer-encoding" not in reply.headers
    assert reply.headers["signature"].startswith("algorithm=RSA256, keyVersion=1, signature=")
    message = Message(method, target, client_id, reply.headers["response-time"], reply.body)
    verify(message, read_signature(reply.headers["signature"]).signature, keys.gateway)
