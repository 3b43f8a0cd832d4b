"""The named faults of the calls to the gateway: each makes one thing wrong, or unusual, of a call that was right.

A fault is given the signed call and makes another call of it. Its description says what the gateway should answer:
a call that is only unusual has to be answered like any other.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from acqp_gateway.protocol import results
from acqp_gateway.protocol.client import Sent
from acqp_gateway.protocol.headers import read_signature, write_signature, write_time
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.protocol.signature import Message, sign
from acqp_gateway.sandbox.faults import FOREIGN_CLIENT_ID, STALE_BY

UNKNOWN_KEY_VERSION = "987654321"
LATE_MS = 10_000
_WEST = timezone(timedelta(hours=-8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CLIENT_ID, REQUEST_TIME, SIGNATURE, CONTENT_LENGTH = "Client-Id", "Request-Time", "Signature", "Content-Length"


@dataclass(frozen=True, slots=True)
class Call:
    """What a fault has to work with. `previous` is the call of this API before this one, if there was one."""

    sent: Sent
    key_version: str
    key: RSAPrivateKey
    at: datetime
    previous: Sent | None = None

    def signed(
        self, *, client_id: str | None = None, request_time: str | None = None, key: RSAPrivateKey | None = None
    ) -> Sent:
        """The call signed again as Alipay+ would, with one thing different."""
        client_id = client_id or self.sent.headers[CLIENT_ID]
        request_time = request_time or self.sent.headers[REQUEST_TIME]
        message = Message("POST", self.sent.target, client_id, request_time, self.sent.body)
        signature = write_signature(sign(message, key or self.key), self.key_version, blank_after_comma=False)
        return self.with_headers({CLIENT_ID: client_id, REQUEST_TIME: request_time, SIGNATURE: signature})

    def with_headers(self, headers: Mapping[str, str]) -> Sent:
        """The call with headers changed in their places."""
        return replace(self.sent, headers={**self.sent.headers, **headers})

    def without(self, header: str) -> Sent:
        """The call with a header left out."""
        return replace(self.sent, headers={name: text for name, text in self.sent.headers.items() if name != header})

    def signature_bytes(self) -> bytes:
        """The raw signature."""
        return read_signature(self.sent.headers[SIGNATURE]).signature

    def with_signature_value(self, value: str) -> Sent:
        """The call with its signature's value written in another way."""
        return self.with_headers({SIGNATURE: f"algorithm=RSA256,keyVersion={self.key_version},signature={value}"})


@dataclass(frozen=True, slots=True)
class CallFault:
    """One row of the table. `default_ms` is how late the call is sent, `copies` how often at the same time.

    `answered` is what a gateway says to it, None where it answers as to any other call.
    """

    description: str
    apply: Callable[[Call], Sent]
    answered: ResultCode | None = None
    needs_previous: bool = False
    default_ms: int | None = None
    copies: int = 1
    once_per_subject: bool = False

    @property
    def takes_ms(self) -> bool:
        """Whether a time can be given for it."""
        return self.default_ms is not None

    @property
    def asks_something_else(self) -> bool:
        """Whether what comes back is about another call, and so no answer to this one."""
        return self.needs_previous


@functools.cache
def _another_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def _as_it_is(call: Call) -> Sent:
    return call.sent


def _tampered(call: Call) -> Sent:
    body = call.sent.body[:-1] + b',"extendInfo":"changed on the way"}'
    return replace(call.with_headers({CONTENT_LENGTH: str(len(body))}), body=body)


def _time_unsigned(call: Call) -> Sent:
    return call.with_headers({REQUEST_TIME: write_time(call.at + timedelta(seconds=1))})


def _reordered(call: Call) -> Sent:
    value = call.sent.headers[SIGNATURE].partition("signature=")[2]
    return call.with_headers({SIGNATURE: f"signature={value} ,  keyVersion = {call.key_version}, algorithm=RSA256"})


def _time_form(write: Callable[[datetime], str]) -> Callable[[Call], Sent]:
    return lambda call: call.signed(request_time=write(call.at))


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _with_fraction(moment: datetime, digits: int) -> str:
    fraction = f"{moment.microsecond:06}0"[:digits]
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{fraction}Z"


CALL_FAULTS: Mapping[str, CallFault] = {
    "stale": CallFault(
        "properly signed with a Request-Time of ten minutes ago: ACCESS_DENIED",
        lambda call: call.signed(request_time=write_time(call.at - STALE_BY)),
        answered=results.ACCESS_DENIED,
    ),
    "replayed": CallFault(
        "the last call of this API before this one, byte for byte, in its place: answered as it was",
        lambda call: call.previous or call.sent,
        needs_previous=True,
    ),
    "wrong_key": CallFault(
        "signed with a key that is not Alipay+'s: INVALID_SIGNATURE",
        lambda call: call.signed(key=_another_key()),
        answered=results.INVALID_SIGNATURE,
    ),
    "tampered": CallFault(
        "a member is added to the body after signing: INVALID_SIGNATURE",
        _tampered,
        answered=results.INVALID_SIGNATURE,
    ),
    "duplicate": CallFault(
        "the same body twice at the same time, each freshly signed: both answers agree", _as_it_is, copies=2
    ),
    "late": CallFault(
        "sent 10 s, or the given ms, after it was signed: an answer, or ACCESS_DENIED outside the time window",
        _as_it_is,
        default_ms=LATE_MS,
    ),
    "time_zulu": CallFault(
        "Request-Time with Z and 3 fraction digits: answered like any other",
        _time_form(lambda moment: _with_fraction(moment, 3)),
    ),
    "time_zulu_7_digits": CallFault(
        "Request-Time with Z and 7 fraction digits: answered like any other",
        _time_form(lambda moment: _with_fraction(moment, 7)),
    ),
    "time_offset_no_colon": CallFault(
        "Request-Time with an offset such as -0800: answered like any other",
        _time_form(lambda moment: f"{moment.astimezone(_WEST):%Y-%m-%dT%H:%M:%S%z}"),
    ),
    "time_compact_offset": CallFault(
        "Request-Time such as 20261120103000-0800: answered like any other",
        _time_form(lambda moment: f"{moment.astimezone(_WEST):%Y%m%d%H%M%S%z}"),
    ),
    "time_epoch_ms": CallFault(
        "Request-Time in milliseconds since 1970: answered like any other",
        _time_form(lambda moment: str(_microseconds(moment) // 1000)),
    ),
    "time_epoch_ns": CallFault(
        "Request-Time in nanoseconds since 1970: answered like any other",
        _time_form(lambda moment: str(_microseconds(moment) * 1000)),
    ),
    "time_missing": CallFault(
        "without Request-Time: PARAM_ILLEGAL", lambda call: call.without(REQUEST_TIME), answered=results.PARAM_ILLEGAL
    ),
    "time_unsigned": CallFault(
        "another Request-Time than was signed: INVALID_SIGNATURE", _time_unsigned, answered=results.INVALID_SIGNATURE
    ),
    "signature_reordered": CallFault(
        "the parts of Signature in another order and with blanks: answered like any other", _reordered
    ),
    "signature_base64url": CallFault(
        "the signature in URL-safe base64 without padding: answered like any other",
        lambda call: call.with_signature_value(base64.urlsafe_b64encode(call.signature_bytes()).decode().rstrip("=")),
    ),
    "signature_raw_base64": CallFault(
        "the signature in base64 that is not percent-encoded: answered like any other",
        lambda call: call.with_signature_value(base64.b64encode(call.signature_bytes()).decode()),
    ),
    "signature_no_key_version": CallFault(
        "Signature without keyVersion, which means the newest key: answered like any other",
        lambda call: call.with_headers(
            {SIGNATURE: f"algorithm=RSA256,signature={quote(base64.b64encode(call.signature_bytes()), safe='')}"}
        ),
    ),
    "signature_missing": CallFault(
        "without Signature: INVALID_SIGNATURE",
        lambda call: call.without(SIGNATURE),
        answered=results.INVALID_SIGNATURE,
    ),
    "unknown_key_version": CallFault(
        f"Signature names key version {UNKNOWN_KEY_VERSION}: KEY_NOT_FOUND",
        lambda call: call.with_headers(
            {SIGNATURE: write_signature(call.signature_bytes(), UNKNOWN_KEY_VERSION, blank_after_comma=False)}
        ),
        answered=results.KEY_NOT_FOUND,
    ),
    "unknown_client": CallFault(
        "properly signed for a Client-Id that nobody knows: INVALID_CLIENT",
        lambda call: call.signed(client_id=FOREIGN_CLIENT_ID),
        answered=results.INVALID_CLIENT,
    ),
}
