"""Codes and ids that we mint. Nobody guesses them, and nobody else's code passes for ours."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime

#: 128 bits; at least 96 are asked for, so that nobody's order can be guessed.
_RANDOM_BYTES = 16


def mint_code(url_prefix: str) -> str:
    """A private order code: `https://domain/281AAA04BBBB` and what identifies the order, in one path segment."""
    token = base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode("ascii").rstrip("=")
    return url_prefix + token


def mint_payment_request_id(at: datetime) -> str:
    """A paymentRequestId: the UTC time, so that ids sort by age, and 80 random bits."""
    return f"{at:%Y%m%d%H%M%S}{secrets.token_hex(10)}"


def mint_reference_order_id(at: datetime) -> str:
    """A referenceOrderId for a till that brings none."""
    return f"R{at:%Y%m%d%H%M%S}{secrets.token_hex(6)}"
