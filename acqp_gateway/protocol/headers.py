"""Client-Id, Request-Time, Response-Time and Signature: read leniently, written exactly.

The documents do not describe the header; where public sources disagree, docs/divergences.md says what is read
and what is written.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote_to_bytes

from acqp_gateway.errors import SignatureInvalid

ALGORITHM = "RSA256"

_PERCENT_ENCODED = str.maketrans({"+": "%2B", "/": "%2F", "=": "%3D"})

_BASE64 = re.compile(rb"[A-Za-z0-9+/]+")
_FRACTION_AND_ZONE = r"(?:[.,]([0-9]{1,9}))?(?:Z|([+-])([0-9]{2})(?::?([0-9]{2}))?)"
_ISO_EXTENDED = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})" + _FRACTION_AND_ZONE)
_ISO_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T?([0-9]{2})([0-9]{2})([0-9]{2})" + _FRACTION_AND_ZONE)
_EPOCH_MILLISECONDS = re.compile(r"[0-9]{13}")
_EPOCH_NANOSECONDS = re.compile(r"[0-9]{19}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SignatureHeader:
    """What a Signature header says; `key_version` is None where the header leaves it out."""

    key_version: str | None
    signature: bytes


def read_signature(text: str) -> SignatureHeader:
    """Read a Signature header: parts in any order, with or without blanks, the value in either alphabet.

    Raises SignatureInvalid when a part is missing, repeated or malformed, or names another algorithm.
    """
    parts: dict[str, str] = {}
    for part in text.split(","):
        name, separator, value = part.partition("=")
        name = name.strip().lower()
        if not separator or name in parts:
            raise SignatureInvalid("signature_malformed")
        parts[name] = value.strip()
    if parts.get("algorithm") != ALGORITHM:
        raise SignatureInvalid("signature_algorithm")
    key_version = parts.get("keyversion")
    if key_version == "" or not parts.get("signature"):
        raise SignatureInvalid("signature_malformed")
    return SignatureHeader(key_version, _read_base64(parts["signature"]))


def _read_base64(text: str) -> bytes:
    """Strict base64 in either alphabet, padded or not, percent-encoded or raw."""
    value = unquote_to_bytes(text.encode("latin-1"))
    value = value.translate(_URL_SAFE_TO_STANDARD).rstrip(b"=")
    if not _BASE64.fullmatch(value) or len(value) % 4 == 1:
        raise SignatureInvalid("signature_malformed")
    return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)


_URL_SAFE_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def write_signature(signature: bytes, key_version: str, *, blank_after_comma: bool) -> str:
    """Write a Signature header: percent-encoded standard base64.

    Answers have a blank after each comma and requests have none: some readers need it, some do not trim.
    """
    comma = ", " if blank_after_comma else ","
    value = base64.b64encode(signature).decode("ascii").translate(_PERCENT_ENCODED)
    return f"algorithm={ALGORITHM}{comma}keyVersion={key_version}{comma}signature={value}"


def read_time(text: str) -> datetime:
    """Read any form in which a time has been seen in a header, as an aware UTC time.

    ISO 8601 with a zone (with or without separators, up to nine fraction digits), or the time since 1970 in
    milliseconds (13 digits) or nanoseconds (19 digits). Raises ValueError for anything else.
    """
    if _EPOCH_MILLISECONDS.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(text))
    if _EPOCH_NANOSECONDS.fullmatch(text):
        return _EPOCH + timedelta(microseconds=int(text) // 1000)
    return read_iso_8601(text).astimezone(UTC)


def read_iso_8601(text: str) -> datetime:
    """Read an ISO 8601 time that names its zone, and keep that zone. Raises ValueError for anything else."""
    match = _ISO_EXTENDED.fullmatch(text) or _ISO_COMPACT.fullmatch(text)
    if match is None:
        raise ValueError(f"not an ISO 8601 time with a zone: {text!r}")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    zone: timezone = UTC
    if sign:
        if int(zone_minutes or 0) > 59:
            raise ValueError(f"no such zone: {text!r}")
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes or 0))
        zone = timezone(-offset if sign == "-" else offset)
    return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), microsecond, tzinfo=zone)


def write_time(moment: datetime) -> str:
    """Write a time as the documents' samples do, to the second, with its offset."""
    return moment.isoformat(timespec="seconds")
