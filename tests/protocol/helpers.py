"""What the tests of the protocol share: keys that are made once, a proper request and a gate to hand it to."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from hypothesis import settings

from acqp_gateway.errors import AccessDenied, ParameterIllegal, StoreUnavailable
from acqp_gateway.protocol import gate
from acqp_gateway.protocol.headers import read_signature, write_signature
from acqp_gateway.protocol.keyring import VersionedKeys
from acqp_gateway.protocol.messages import user_initiated_pay
from acqp_gateway.protocol.signature import Message, sign, verify
from tests import vectors

#: The same examples in every run, on a slow machine too.
same_examples = settings(deadline=None, derandomize=True, database=None, max_examples=200)


@functools.cache
def our_key() -> RSAPrivateKey:
    """The key by which the gateway under test signs."""
    return generate_private_key(public_exponent=65537, key_size=2048)


@functools.cache
def alipayplus_key() -> RSAPrivateKey:
    """The key by which Alipay+ signs."""
    return vectors.private_key()


OWN_CLIENT_ID = "5YOWN00000000001"
CLIENT_ID = "5YACQP0000000001"
ACQUIRER_ID = "2021228100000001"
PATH = "/aps/api/v1/payments/userInitiatedPay"
LARGEST_BODY = 4096
NOW = datetime(2026, 11, 20, 2, 0, 0, tzinfo=UTC)
NOW_TEXT = "2026-11-20T10:00:00+08:00"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A proper request for userInitiatedPay, and a world in which it passes; `replace` what is to be broken."""

    method: str = "POST"
    target: str = PATH
    content_type: str | None = "application/json; charset=UTF-8"
    content_encoding: str | None = None
    accept: str | None = None
    content_length: str | None = None
    framing_is_broken: bool = False
    padding: int = 0
    client_id: str | None = CLIENT_ID
    time: str | None = NOW_TEXT
    algorithm: str = "RSA256"
    key_version: str | None = "1"
    more_signature: str = ""
    signature: str | None = None
    signed_by: str = "alipayplus"
    signed_target: str | None = None
    acquirer_id: str | None = ACQUIRER_ID
    psp_id: str = "p"
    more_members: str = ""
    around: tuple[bytes, bytes] = (b"", b"")
    # The world.
    store_is_down: bool = False
    client_is_enabled: bool = True
    client_key_versions: tuple[str, ...] = ("1",)
    clock: datetime = NOW
    window_s: float = 300.0
    is_within_rate: bool = True
    handler_raises: Exception | None = None
    breaking_part: str = ""
    path: str = PATH
    public_path: str = PATH

    def body(self) -> bytes:
        """The bytes of the body."""
        members = {"acquirerId": self.acquirer_id, "codeValue": "c", "pspId": self.psp_id}
        text = json.dumps({name: value for name, value in members.items() if value is not None})
        before, after = self.around
        return before + text[:-1].encode() + self.more_members.encode() + b"}" + after + b" " * self.padding

    def signature_header(self) -> str:
        """The Signature header over what is sent."""
        if self.signature is None:
            target = self.target if self.signed_target is None else self.signed_target
            message = Message(self.method, target, self.client_id or "", self.time or "", self.body())
            key = alipayplus_key() if self.signed_by == "alipayplus" else our_key()
            value = sign(message, key)
            version = self.key_version or "1"
            text = write_signature(value, version, blank_after_comma=False).replace("RSA256", self.algorithm)
            return (text if self.key_version else text.replace("keyVersion=1,", "")) + self.more_signature
        return self.signature

    def request(self) -> gate.Request:
        """What the HTTP server would hand over."""
        headers = {
            "client-id": self.client_id,
            "request-time": self.time,
            "signature": self.signature_header() or None,
            "content-type": self.content_type,
            "content-encoding": self.content_encoding,
            "accept": self.accept,
            "content-length": self.content_length,
        }
        present = {name: value for name, value in headers.items() if value is not None}
        return gate.Request(self.method, self.target, present, self._read_body)

    def _read_body(self, limit: int) -> bytes:
        self.maybe_break("read_body")
        if self.framing_is_broken:
            raise ParameterIllegal("body_broken")
        return self.body()[:limit]

    def maybe_break(self, part: str) -> None:
        """What nobody foresaw happens in the part that is to break."""
        if part == self.breaking_part:
            raise OSError("secret of the machine")


class Watched:
    """A gate in the world of a draft, and what was seen of it."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.handled: list[gate.Incoming[user_initiated_pay.Request]] = []
        self.asked_for_rate: list[str] = []
        self.gate = gate.Gate(
            interfaces=[
                gate.Interface(user_initiated_pay.USER_INITIATED_PAY_API, draft.path, draft.public_path, self._handle)
            ],
            own_client_id=OWN_CLIENT_ID,
            own_keys=VersionedKeys({"9": alipayplus_key(), "10": our_key()}),
            find_client=self._find_client,
            window_s=draft.window_s,
            largest_body=LARGEST_BODY,
            may_pass=self._may_pass,
            clock=lambda: draft.clock,
        )

    def _find_client(self, client_id: str) -> gate.Client | None:
        self.draft.maybe_break("find_client")
        if self.draft.store_is_down:
            raise StoreUnavailable("secret of the store")
        if client_id != CLIENT_ID:
            return None
        public_key = alipayplus_key().public_key()
        keys = dict.fromkeys(self.draft.client_key_versions, public_key)
        return gate.Client(client_id, self.draft.client_is_enabled, VersionedKeys(keys))

    def _may_pass(self, client_id: str) -> bool:
        self.draft.maybe_break("may_pass")
        self.asked_for_rate.append(client_id)
        return self.draft.is_within_rate

    def _handle(self, incoming: gate.Incoming[user_initiated_pay.Request]) -> gate.Handled:
        self.handled.append(incoming)
        request = incoming.request
        if request.acquirer_id not in (None, ACQUIRER_ID):
            raise AccessDenied("other_acquirer")
        if self.draft.handler_raises is not None:
            raise self.draft.handler_raises
        return gate.Handled(b'{"result":{"resultCode":"SUCCESS"}}', facts={"psp": request.psp_id, "order": None})

    def answer(self) -> gate.Answer:
        """The gate's answer to the draft."""
        return self.gate.answer(self.draft.request())


def verified_body(answer: gate.Answer, method: str, target: str, client_id: str) -> bytes:
    """The body of an answer that is what it must be: signed by our newest key for this request."""
    headers = dict(answer.headers)
    assert [name for name, _ in answer.headers] == [
        "client-id",
        "response-time",
        "signature",
        "content-type",
        "content-length",
    ]
    assert headers["client-id"] == client_id
    assert headers["content-type"] == "application/json; charset=UTF-8"
    assert headers["content-length"] == str(len(answer.body))
    assert headers["signature"].startswith("algorithm=RSA256, keyVersion=10, signature=")
    message = Message(method, target, client_id, headers["response-time"], answer.body)
    return verify(message, read_signature(headers["signature"]).signature, our_key().public_key()).body
