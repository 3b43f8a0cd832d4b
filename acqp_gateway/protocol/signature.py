"""The signed text, signing and verification: RSASSA-PKCS1-v1_5 with SHA-256.

Verification raises or hands back a VerifiedMessage, which is the only way to the body of a message and which
nothing else can make.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from acqp_gateway.errors import SignatureInvalid

_PADDING = PKCS1v15()
_HASH = SHA256()


@dataclass(frozen=True, slots=True)
class Message:
    """What is signed of a request or an answer.

    `method` and `target` are the request's in both directions, the target raw, as received; `time` is the text
    of Request-Time or Response-Time, never parsed here.
    """

    method: str
    target: str
    client_id: str
    time: str
    body: bytes

    def signed_text(self) -> bytes:
        """`<METHOD> <target>\\n<Client-Id>.<time>.<body>`; header text is latin-1 bytes."""
        head = f"{self.method} {self.target}\n{self.client_id}.{self.time}."
        return head.encode("latin-1") + self.body


class VerifiedMessage:
    """A message whose signature was right; made by `verify` alone."""

    __slots__ = ("body", "client_id", "time")

    def __init__(self, message: Message, *, proof: object) -> None:
        if proof is not _PROOF:
            raise TypeError("a VerifiedMessage is made by verify() alone")
        self.client_id = message.client_id
        self.time = message.time
        self.body = message.body


_PROOF = object()


def sign(message: Message, private_key: RSAPrivateKey) -> bytes:
    """The signature of a message, raw bytes."""
    return private_key.sign(message.signed_text(), _PADDING, _HASH)


def verify(message: Message, signature: bytes, public_key: RSAPublicKey) -> VerifiedMessage:
    """Verify the received bytes. Raises SignatureInvalid when the signature is wrong."""
    try:
        public_key.verify(signature, message.signed_text(), _PADDING, _HASH)
    except InvalidSignature:
        raise SignatureInvalid("signature_wrong") from None
    return VerifiedMessage(message, proof=_PROOF)
