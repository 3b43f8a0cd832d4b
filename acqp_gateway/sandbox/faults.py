"""The named faults, none of which is in force by default: each makes one thing wrong of an answer that was right.

A fault is given the exchange with its genuine answer and makes another answer of it. Those that change what the
answer says sign it again as they should; only the ones that are about signatures leave a wrong one.
"""

from __future__ import annotations

import functools
import gzip as gzip_format
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from acqp_gateway.protocol import results
from acqp_gateway.protocol.headers import write_signature, write_time
from acqp_gateway.protocol.messages.inquiry_registration_status import APPROVED, COMPLETED, PENDING, REJECTED
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.protocol.signature import Message, sign
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.sandbox.wire import Outgoing, cut_short, dripping, hanging_up, late

FOREIGN_CLIENT_ID = "5YOTHER000000001"
STALE_BY = timedelta(minutes=10)
GIGANTIC_BYTES = 5 * 1024 * 1024
_DEPTH = 100_000
_SLOW_MS = 30_000
_DRIPPING_MS = 1_000

#: What a reason can do to whoever shows or exports it, with a tail that makes it 100 kB long.
MARKUP = (
    "<script>alert('reason')</script><img src=x onerror=alert(1)> [bold red]rich[/] [/nothing] {{7*7}} %s %n\r\n"
    '=HYPERLINK("http://127.0.0.1/","click")\n+1+1\n-1\n@SUM(1)\t"quoted", \x1b[2J\x1b[31mred\x1b]0;title\x07'
    " \u202eright to left\u202c \u200bzero width "
)
_MARKUP_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a fault has to work with. `previous` is the answer before this one, if there was one."""

    method: str
    target: str
    client_id: str
    key_version: str
    key: RSAPrivateKey
    at: datetime
    genuine: Outgoing
    previous: Outgoing | None = None
    ms: int | None = None

    def signed(
        self,
        body: bytes,
        *,
        client_id: str | None = None,
        at: datetime | None = None,
        key: RSAPrivateKey | None = None,
    ) -> Outgoing:
        """The genuine answer with another body, signed as Alipay+ would, or with one thing different."""
        client_id = client_id or self.client_id
        response_time = write_time(at or self.at)
        message = Message(self.method, self.target, client_id, response_time, body)
        signature = write_signature(sign(message, key or self.key), self.key_version, blank_after_comma=True)
        answer = self.genuine.with_header("client-id", client_id).with_header("response-time", response_time)
        return answer.with_header("signature", signature).with_body(body)

    def said(self, members: Mapping[str, Any]) -> Outgoing:
        """A properly signed answer with these members."""
        return self.signed(write_object(dict(members)))

    def refused(self, result: ResultCode) -> Outgoing:
        """A properly signed answer that is nothing but a result."""
        return self.said({"result": result.as_members()})

    def seconds(self, default_ms: int) -> float:
        """The time that the fault was set with, or its own."""
        return (default_ms if self.ms is None else self.ms) / 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table. `once_per_subject`: the next answer about the same subject is genuine again."""

    description: str
    apply: Callable[[Exchange], Outgoing]
    once_per_subject: bool = False
    needs_previous: bool = False
    takes_ms: bool = False


def _tampered(exchange: Exchange) -> Outgoing:
    body = exchange.genuine.body
    changed = body.replace(PENDING.encode(), APPROVED.encode()).replace(REJECTED.encode(), APPROVED.encode())
    return exchange.genuine.with_body(changed if changed != body else body + b" ")


def _elsewhere(exchange: Exchange) -> Outgoing:
    answer = replace(exchange.genuine, status="302 Found", headers=(("location", exchange.target),))
    return answer.with_body(b"")


def _broken(exchange: Exchange) -> Outgoing:
    answer = replace(exchange.genuine, status="500 Internal Server Error", headers=(("content-type", "text/plain"),))
    return answer.with_body(b"the sandbox was told to fail\n")


def _previous(exchange: Exchange) -> Outgoing:
    return exchange.previous or exchange.genuine


def _cut_short(exchange: Exchange) -> Outgoing:
    genuine = exchange.genuine
    return replace(genuine, body=genuine.body[: len(genuine.body) // 2], deliver=cut_short)


def _not_utf8(exchange: Exchange) -> Outgoing:
    return exchange.signed(exchange.genuine.body[:-1] + b',"extendInfo":"caf\xe9"}')


def _gigantic(exchange: Exchange) -> Outgoing:
    start = exchange.genuine.body[:-1] + b',"extendInfo":"'
    return exchange.signed(start + b"x" * (GIGANTIC_BYTES - len(start) - 2) + b'"}')


def _deep(exchange: Exchange) -> Outgoing:
    start = exchange.genuine.body[:-1] + b',"extendInfo":'
    return exchange.signed(start + b"[" * _DEPTH + b"]" * _DEPTH + b"}")


def _gzipped(exchange: Exchange) -> Outgoing:
    compressed = gzip_format.compress(exchange.genuine.body, mtime=0)
    return exchange.genuine.with_header("content-encoding", "gzip").with_body(compressed)


def _standing(collective: str, *entries: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "result": results.SUCCESS.as_members(),
        "registrationResult": {"registrationStatus": collective},
        "pspRegistrationResultList": list(entries),
    }


def _entry(psp_name: str, status: str, reason: str | None = None) -> dict[str, Any]:
    result = (
        {"registrationStatus": status}
        if reason is None
        else {"registrationStatus": status, "rejectionReason": reason}
    )
    return {"productCodes": ["IN_STORE_PAYMENT"], "pspName": psp_name, "registrationResult": result}


def _markup(exchange: Exchange) -> Outgoing:
    reason = MARKUP + "x" * (_MARKUP_BYTES - len(MARKUP.encode()))
    return exchange.said(_standing(COMPLETED, _entry("ALIPAY_CN", REJECTED, reason)))


def _unknown_status(exchange: Exchange) -> Outgoing:
    entries = (
        _entry("ALIPAY_CN", "APPROVED_WITH_CONDITIONS"),
        _entry("GCASH", "approved"),
        _entry("DANA", "CANCELLED"),
    )
    return exchange.said(_standing("HALFWAY", *entries))


def _missing_list(exchange: Exchange) -> Outgoing:
    standing = _standing(PENDING)
    del standing["pspRegistrationResultList"]
    return exchange.said(standing)


def _lone_surrogate(exchange: Exchange) -> Outgoing:
    standing = _standing(COMPLETED, _entry("ALIPAY_\ud800", APPROVED, "NUL \x00 and half a character \udfff"))
    # Only escaped can half a character be said in JSON.
    return exchange.signed(json.dumps(standing, separators=(",", ":")).encode())


@functools.cache
def _another_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


FAULTS: Mapping[str, Fault] = {
    "unsigned": Fault(
        "the true answer without Signature and Response-Time",
        lambda exchange: exchange.genuine.without_headers("signature", "response-time"),
    ),
    "unsigned_failure": Fault(
        "F PROCESS_FAIL without Signature and Response-Time: such a refusal is believed",
        lambda exchange: exchange.refused(results.PROCESS_FAIL).without_headers("signature", "response-time"),
    ),
    "wrong_key": Fault(
        "the true answer signed with a key that is not Alipay+'s",
        lambda exchange: exchange.signed(exchange.genuine.body, key=_another_key()),
    ),
    "tampered": Fault(
        "changed after signing: every PENDING and REJECTED says APPROVED, or a blank is added",
        _tampered,
    ),
    "response_time_missing": Fault(
        "the true answer with its Signature, without Response-Time",
        lambda exchange: exchange.genuine.without_headers("response-time"),
    ),
    "stale": Fault(
        "the true answer properly signed with a Response-Time of ten minutes ago",
        lambda exchange: exchange.signed(exchange.genuine.body, at=exchange.at - STALE_BY),
    ),
    "foreign": Fault(
        "the true answer properly signed for another partner's Client-Id",
        lambda exchange: exchange.signed(exchange.genuine.body, client_id=FOREIGN_CLIENT_ID),
    ),
    "replayed": Fault(
        "the last true answer before this one, signature and all, whomever it is about; waits until there is one",
        _previous,
        needs_previous=True,
    ),
    "empty_signature": Fault(
        "a Signature header with nothing in it",
        lambda exchange: exchange.genuine.with_header("signature", ""),
    ),
    "malformed_signature": Fault(
        "a Signature header whose value is no base64",
        lambda exchange: exchange.genuine.with_header(
            "signature", f"algorithm=RSA256, keyVersion={exchange.key_version}, signature=%%%no~base64%%%"
        ),
    ),
    "http_500": Fault("HTTP 500 with a line of text, unsigned", _broken),
    "redirect": Fault("HTTP 302 to the same address", _elsewhere),
    "slow": Fault(
        "the true answer after 30 s, or after the given ms",
        lambda exchange: replace(exchange.genuine, deliver=late(exchange.seconds(_SLOW_MS))),
        takes_ms=True,
    ),
    "dripping": Fault(
        "the true answer one byte a second, or with the given ms between bytes; its length is promised at once",
        lambda exchange: replace(exchange.genuine, deliver=dripping(exchange.seconds(_DRIPPING_MS))),
        takes_ms=True,
    ),
    "hangs_up": Fault(
        "the connection ends without an answer",
        lambda _exchange: Outgoing((), b"", status=None, deliver=hanging_up),
    ),
    "truncated": Fault("half of the true answer, then the connection ends; Content-Length promises all", _cut_short),
    "not_json": Fault(
        "properly signed, and no JSON",
        lambda exchange: exchange.signed(b"<status>all is well</status>"),
    ),
    "not_utf8": Fault("properly signed, with a byte that is not UTF-8", _not_utf8),
    "json_array": Fault(
        "properly signed: the true answer inside an array",
        lambda exchange: exchange.signed(b"[" + exchange.genuine.body + b"]"),
    ),
    "gigantic": Fault("properly signed: 5 MiB of JSON", _gigantic),
    "deep": Fault("properly signed: JSON with 100 000 arrays in each other", _deep),
    "gzip": Fault("compressed on its way after it was signed, with Content-Encoding: gzip", _gzipped),
    "unknown_then_success": Fault(
        "U UNKNOWN_EXCEPTION once for each subject, then the true answer",
        lambda exchange: exchange.refused(results.UNKNOWN_EXCEPTION),
        once_per_subject=True,
    ),
    "rate_limited": Fault(
        "U REQUEST_TRAFFIC_EXCEED_LIMIT",
        lambda exchange: exchange.refused(results.REQUEST_TRAFFIC_EXCEED_LIMIT),
    ),
    "process_fail": Fault("F PROCESS_FAIL", lambda exchange: exchange.refused(results.PROCESS_FAIL)),
    "markup": Fault(
        "REJECTED for 100 kB of HTML, terminal escape sequences, markup and spreadsheet formulas",
        _markup,
    ),
    "unknown_status": Fault("properly signed, with statuses that nobody knows", _unknown_status),
    "missing_list": Fault("S SUCCESS without pspRegistrationResultList", _missing_list),
    "null_list": Fault(
        "S SUCCESS with pspRegistrationResultList null",
        lambda exchange: exchange.said({**_standing(PENDING), "pspRegistrationResultList": None}),
    ),
    "lone_surrogate": Fault(
        "properly signed: a pspName and a rejectionReason with half a character, and NUL",
        _lone_surrogate,
    ),
}
