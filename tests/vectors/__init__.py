"""Signature header values that other implementations made; README.md says where they come from."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from acqp_gateway.protocol.signature import Message

FOLDER = Path(__file__).parent
PRIVATE_KEY_FILE = FOLDER / "throwaway_private_key.pem"
_FILE = json.loads((FOLDER / "signatures.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Vector:
    """One request as its signer sent it; `header` is the whole Signature header."""

    signer: str
    form: str
    message: Message
    header: str

    @property
    def name(self) -> str:
        """What a test is called by."""
        return f"{self.signer}-{self.form}".replace(" ", "_")

    @property
    def value(self) -> str:
        """The header's part `signature`, as it stands."""
        return self.header.partition("signature=")[2]


VECTORS = [
    Vector(
        vector["signer"],
        f"{vector['body_form']}-{vector['time_form']}",
        Message(
            vector["method"],
            vector["path"],
            vector["client_id"],
            vector["request_time"],
            base64.b64decode(vector["body_b64"]),
        ),
        vector["signature"],
    )
    for vector in _FILE["vectors"]
]

#: One vector for each signed text: what the signers made of it is the same.
DISTINCT_VECTORS = [vector for vector in VECTORS if vector.signer == "openssl"]


def public_key() -> RSAPublicKey:
    """The public key that the file names."""
    key = load_pem_public_key(_FILE["public_key_pem"].encode("ascii"))
    if not isinstance(key, RSAPublicKey):
        raise TypeError("not RSA")
    return key


def private_key() -> RSAPrivateKey:
    """The throwaway key by which the values were made."""
    key = load_pem_private_key(PRIVATE_KEY_FILE.read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("not RSA")
    return key
