"""The serving side: bytes in -> verified -> parsed -> handler -> signed bytes out, whatever happens.

Every request for an API comes through here and every answer to it leaves through here, in the order of
refusals that docs/refusals.md lists. What a handler or anything below it raises becomes a signed result by one
table, RESULT_OF_ERROR; what has no row there is UNKNOWN_EXCEPTION, its detail in the log alone.
"""

from __future__ import annotations

import functools
import json
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from marshmallow import ValidationError

from acqp_gateway import errors
from acqp_gateway.clock import Clock, now
from acqp_gateway.protocol import media_types, results
from acqp_gateway.protocol.headers import read_signature, read_time, write_signature, write_time
from acqp_gateway.protocol.keyring import VersionedKeys
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.protocol.signature import Message, VerifiedMessage, sign, verify
from acqp_gateway.protocol.strict_json import read_object, write_object

_calls = logging.getLogger("acqp_gateway.calls")

#: The one table from an error to what the peer reads; the nearest class in the tree of errors.py counts.
RESULT_OF_ERROR: Mapping[type[Exception], ResultCode] = {
    errors.InterfaceNotDefined: results.NO_INTERFACE_DEF,
    errors.MethodNotSupported: results.METHOD_NOT_SUPPORTED,
    errors.MediaTypeNotAcceptable: results.MEDIA_TYPE_NOT_ACCEPTABLE,
    errors.ClientUnknown: results.INVALID_CLIENT,
    errors.SignatureInvalid: results.INVALID_SIGNATURE,
    errors.KeyVersionUnknown: results.KEY_NOT_FOUND,
    errors.AccessDenied: results.ACCESS_DENIED,
    errors.TrafficLimitExceeded: results.REQUEST_TRAFFIC_EXCEED_LIMIT,
    errors.ParameterIllegal: results.PARAM_ILLEGAL,
    errors.CodeUnknown: results.INVALID_CODE,
    errors.OrderClosed: results.ORDER_IS_CLOSED,
    errors.CodeExpired: results.EXPIRED_CODE,
    errors.MerchantNotActive: results.INVALID_MERCHANT_STATUS,
    errors.KybNotQualified: results.MERCHANT_KYB_NOT_QUALIFIED,
    errors.NoContractInForce: results.INVALID_CONTRACT,
    errors.BusinessNotSupported: results.BUSINESS_NOT_SUPPORT,
    errors.MerchantNotRegistered: results.MERCHANT_NOT_REGISTERED,
    errors.CurrencyNotSupported: results.CURRENCY_NOT_SUPPORT,
    errors.AmountInvalid: results.PAYMENT_AMOUNT_INVALID,
    errors.RecordsContradict: results.PROCESS_FAIL,
    errors.OrderUnknown: results.ORDER_NOT_EXIST,
    errors.PaymentContradicts: results.PROCESS_FAIL,
    errors.PaymentInProcess: results.PAYMENT_IN_PROCESS,
    errors.UserUnknown: results.USER_NOT_EXIST,
    errors.TokenInvalid: results.INVALID_TOKEN,
    errors.StoreError: results.UNKNOWN_EXCEPTION,
}


def result_of(error: Exception) -> ResultCode:
    """The result that stands for an error; UNKNOWN_EXCEPTION for one that nobody foresaw."""
    for kind in type(error).__mro__:
        if kind in RESULT_OF_ERROR:
            return RESULT_OF_ERROR[kind]
    return results.UNKNOWN_EXCEPTION


@dataclass(frozen=True, slots=True)
class Request:
    """What the HTTP server hands over.

    `target` is raw, as received (path and query, or the absolute form); header names are lower-case.
    `read_body(limit)` gives at most `limit` bytes and raises ParameterIllegal when the framing is broken.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    read_body: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: always HTTP 200, header names in lower case (some SDKs can read no other)."""

    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who may call us, with the public keys that we hold for them."""

    client_id: str
    enabled: bool
    keys: VersionedKeys[RSAPublicKey]


Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class Incoming(Generic[Parsed]):
    """A request that was verified and parsed: its members, its bytes, and when the peer says it was made (UTC)."""

    request: Parsed
    body: bytes
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Handled:
    """What a handler made of a request: the answer's bytes, and facts for the log."""

    body: bytes
    result: ResultCode = results.SUCCESS
    facts: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Interface:
    """One API that is served here.

    `path` is what the HTTP server sees and `public_path` what the peer calls and signs; they differ only behind
    a proxy that rewrites paths.
    """

    api: Api
    path: str
    public_path: str
    handle: Callable[[Incoming[Any]], Handled]


@dataclass
class _Call:
    """What is known of one call so far, for its answer and its line in the log."""

    method: str
    target: str
    started: float
    client_id: str | None = None
    store_error: errors.StoreError | None = None
    api: str = "-"
    key_version: str | None = None
    facts: Mapping[str, str | None] = field(default_factory=dict)


class Gate:
    """Judges requests and signs answers.

    `window_s` is how many seconds Request-Time may lie off either way, 0 for any; `largest_body` is in bytes.
    `may_pass` says whether a client is within its rate.
    """

    def __init__(
        self,
        *,
        interfaces: Sequence[Interface],
        own_client_id: str,
        own_keys: VersionedKeys[RSAPrivateKey],
        find_client: Callable[[str], Client | None],
        window_s: float,
        largest_body: int,
        may_pass: Callable[[str], bool],
        clock: Clock = now,
    ) -> None:
        self._interfaces = {interface.path: interface for interface in interfaces}
        self._prefixes = frozenset(_first_segment(interface.path) for interface in interfaces)
        self._own_client_id = own_client_id
        self._signing_version = own_keys.newest_version
        self._signing_key = own_keys.newest
        self._find_client = find_client
        self._window = timedelta(seconds=window_s)
        self._largest_body = largest_body
        self._may_pass = may_pass
        self._clock = clock

    def serves(self, target: str) -> bool:
        """Whether a raw target belongs to the APIs, be it misspelt by slashes, case or percent-encoding."""
        path = origin_form(target).partition("?")[0]
        return _first_segment(path) in self._prefixes

    def answer(self, request: Request) -> Answer:
        """The signed answer to a request. Raises nothing."""
        call = _Call(request.method, origin_form(request.target), time.perf_counter())
        reason = ""
        try:
            handled = self._handle(request, call)
            body, result, call.facts = handled.body, handled.result, handled.facts
        except Exception as error:
            result = result_of(error)
            body = refusal_body(result)
            reason = _log_error(error, call)
        answer = self._sign(call, body)
        _log_call(call, result, reason)
        return answer

    def _handle(self, request: Request, call: _Call) -> Handled:
        client = self._identify(request, call)
        interface = self._find_interface(call)
        _check_method_and_media(request)
        body = self._read_body(request)
        if client is None:
            raise call.store_error or errors.ClientUnknown()
        message = self._verify(request, call, client, body)
        requested_at = self._check_access(client, message)
        return interface.handle(Incoming(_parse(interface.api, message), message.body, requested_at))

    def _identify(self, request: Request, call: _Call) -> Client | None:
        """Look the client up first: even a refusal carries the request's Client-Id where we know it."""
        client_id = request.headers.get("client-id")
        if not client_id:
            return None
        try:
            client = self._find_client(client_id)
        except errors.StoreError as error:
            call.store_error = error
            return None
        if client is not None:
            call.client_id = client.client_id
        return client

    def _find_interface(self, call: _Call) -> Interface:
        path, mark, query = call.target.partition("?")
        interface = self._interfaces.get(path)
        if interface is None:
            raise errors.InterfaceNotDefined
        call.api = interface.api.name
        call.target = interface.public_path + mark + query
        return interface

    def _read_body(self, request: Request) -> bytes:
        declared = request.headers.get("content-length", "")
        # Longer than this is no length that a server lets through, and too many digits for a number.
        if declared.isdecimal() and (len(declared) > 18 or int(declared) > self._largest_body):
            raise errors.ParameterIllegal("body_too_large")
        body = request.read_body(self._largest_body + 1)
        if len(body) > self._largest_body:
            raise errors.ParameterIllegal("body_too_large")
        return body

    def _verify(self, request: Request, call: _Call, client: Client, body: bytes) -> VerifiedMessage:
        request_time = request.headers.get("request-time")
        if not request_time:
            raise errors.ParameterIllegal("request_time_missing")
        signature_text = request.headers.get("signature")
        if not signature_text:
            raise errors.SignatureInvalid("signature_missing")
        header = read_signature(signature_text)
        if not client.keys.by_version:
            raise errors.KeyVersionUnknown("client_without_keys")
        version = header.key_version or client.keys.newest_version
        public_key = client.keys.by_version.get(version)
        if public_key is None:
            raise errors.KeyVersionUnknown
        call.key_version = version
        message = Message(call.method, call.target, client.client_id, request_time, body)
        return verify(message, header.signature, public_key)

    def _check_access(self, client: Client, message: VerifiedMessage) -> datetime:
        """When the request was made. Raises what stands in rows 3e to 5."""
        try:
            requested_at = read_time(message.time)
        except (ValueError, OverflowError):
            raise errors.ParameterIllegal("request_time_no_time") from None
        if not client.enabled:
            raise errors.AccessDenied("client_switched_off")
        if self._window and abs(self._clock() - requested_at) > self._window:
            raise errors.AccessDenied("outside_time_window")
        if not self._may_pass(client.client_id):
            raise errors.TrafficLimitExceeded
        return requested_at

    def _sign(self, call: _Call, body: bytes) -> Answer:
        if call.method == "HEAD":
            body = b""
        client_id = call.client_id or self._own_client_id
        response_time = write_time(self._clock())
        message = Message(call.method, call.target, client_id, response_time, body)
        signature = sign(message, self._signing_key)
        headers = [
            ("client-id", client_id),
            ("response-time", response_time),
            ("signature", write_signature(signature, self._signing_version, blank_after_comma=True)),
            ("content-type", "application/json; charset=UTF-8"),
            ("content-length", str(len(body))),
        ]
        return Answer(headers, body)


def origin_form(target: str) -> str:
    """The path and query of a raw target, as they stand; of the absolute form, what follows the authority."""
    if target.startswith("/"):
        return target
    _, scheme_end, rest = target.partition("://")
    if not scheme_end:
        return target
    start = re.search("[/?]", rest)
    if start is None:
        return "/"
    return rest[start.start() :] if start.group() == "/" else "/" + rest[start.start() :]


def _first_segment(path: str) -> str:
    return unquote(path).lstrip("/").partition("/")[0].lower()


def _check_method_and_media(request: Request) -> None:
    if request.method != "POST":
        raise errors.MethodNotSupported
    headers = request.headers
    content_type = headers.get("content-type")
    if content_type and not media_types.is_json_in_utf8(content_type):
        raise errors.MediaTypeNotAcceptable("content_type")
    if not media_types.is_unencoded(headers.get("content-encoding", "")):
        raise errors.MediaTypeNotAcceptable("content_encoding")
    accept = headers.get("accept")
    if accept and not media_types.accepts_json(accept):
        raise errors.MediaTypeNotAcceptable("accept")


def _parse(api: Api, message: VerifiedMessage) -> Any:
    try:
        return api.request.load(read_object(message.body))
    except ValidationError as error:
        raise errors.ParameterIllegal("illegal_member", json.dumps(error.messages)) from None


@functools.cache
def refusal_body(result: ResultCode) -> bytes:
    """The body of an answer that says nothing but its result."""
    return write_object({"result": result.as_members()})


_PLAIN = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


def _log_error(error: Exception, call: _Call) -> str:
    """Say in the log what the peer is not told, and return the reason label."""
    if isinstance(error, errors.Refused):
        call.facts = error.facts
        if error.detail:
            call.facts = {**call.facts, "detail": error.detail[:500]}
        return error.reason
    if isinstance(error, errors.StoreError):
        call.facts = {**call.facts, "detail": str(error)[:500]}
        return "store_busy" if isinstance(error, errors.StoreBusy) else "store_unavailable"
    _calls.error("unforeseen error in %s", call.api, exc_info=error)
    return "unforeseen"


def _log_call(call: _Call, result: ResultCode, reason: str) -> None:
    line = {
        "api": call.api,
        "client": call.client_id,
        "key": call.key_version,
        "result": result.code,
        "reason": reason or None,
        "ms": f"{(time.perf_counter() - call.started) * 1000:.1f}",
        **call.facts,
    }
    _calls.info("call %s", " ".join(f"{name}={_quoted(text)}" for name, text in line.items() if text))


def _quoted(text: str) -> str:
    """A value for one log line: peers' text cannot break the line or pass for another member."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text[:600])
