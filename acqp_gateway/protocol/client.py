"""The calling side: sign -> send with a deadline -> verify -> an answer, or a failure with a name.

One place sends and one place judges the reply. An answer is believed when it is signed by the one we asked, for
us and just now; an unsigned one only when it is a refusal (docs/divergences.md).
"""

from __future__ import annotations

import io
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from acqp_gateway.addresses import is_loopback
from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import (
    CallFailed,
    CallNotSent,
    NotAuthentic,
    NotOk,
    NotUnderstood,
    ParameterIllegal,
    SignatureInvalid,
    TimedOut,
    Unreachable,
)
from acqp_gateway.protocol.headers import read_signature, read_time, write_signature, write_time
from acqp_gateway.protocol.keyring import VersionedKeys, same_key
from acqp_gateway.protocol.signature import Message, sign, verify
from acqp_gateway.protocol.strict_json import read_object

# It would write down what it cannot parse of an answer's headers, with a traceback.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

LARGEST_ANSWER = 1024 * 1024
_UNSIGNED_BELIEVED = ("F", "U")
_OTHERS_KEY_HINT = "; our own public key is configured in place of theirs, run: acqp-gateway keys check"
_BAD_ADDRESS = "the address must be https://..., or http:// to this machine (127.0.0.1) alone"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes out; `target` is what is signed of its address."""

    url: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """An answer that may be believed.

    `signed` is False for a refusal that came without a signature; otherwise `signed_text` and `signature` are
    what was verified.
    """

    sent: Sent
    headers: Mapping[str, str]
    body: bytes
    members: Mapping[str, Any]
    signed: bool
    signed_text: bytes = b""
    signature: bytes = b""

    @property
    def result(self) -> Mapping[str, str]:
        """The Result object: resultCode, resultStatus, resultMessage."""
        result: Mapping[str, str] = self.members["result"]
        return result


class SigningClient:
    """Calls one peer. `client_id` is the partner's in both directions; times in seconds.

    `answer_s` bounds the whole call, `connect_s` the connecting; `window_s` is how far an answer's
    Response-Time may lie off, 0 for any.
    """

    def __init__(
        self,
        *,
        client_id: str,
        signing_keys: VersionedKeys[RSAPrivateKey],
        peer_keys: VersionedKeys[RSAPublicKey],
        connect_s: float = 2.0,
        answer_s: float = 5.0,
        window_s: float = 300.0,
        clock: Clock = now,
    ) -> None:
        self._client_id = client_id
        self._signing_version = signing_keys.newest_version
        self._signing_key = signing_keys.newest
        self._peer_keys = peer_keys
        self._connect_s = connect_s
        self._answer_s = answer_s
        self._window = timedelta(seconds=window_s)
        self._clock = clock
        self._session = requests.Session()
        # Proxies and passwords of the environment have no business in a signed call.
        self._session.trust_env = False
        self._session.mount("http://", _BoundedAdapter())
        self._session.mount("https://", _BoundedAdapter())

    def call(self, url: str, body: bytes, *, signed_target: str | None = None) -> Received:
        """Send a body and return the answer that may be believed. Raises CallFailed.

        `signed_target` is what is signed where a proxy in between changes the path.
        """
        return self.send(self.sign(url, body, signed_target=signed_target))

    def sign(self, url: str, body: bytes, *, signed_target: str | None = None) -> Sent:
        """A request as `call` would send it. Raises CallNotSent."""
        target = signed_target or self._prepared(url, body).path_url
        request_time = write_time(self._clock())
        signature = sign(Message("POST", target, self._client_id, request_time, body), self._signing_key)
        headers = {
            "Client-Id": self._client_id,
            "Request-Time": request_time,
            "Signature": write_signature(signature, self._signing_version, blank_after_comma=False),
            "Content-Type": "application/json; charset=UTF-8",
            "Content-Length": str(len(body)),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        return Sent(url, target, headers, body)

    def send(self, sent: Sent) -> Received:
        """Send a request as it stands and return the answer that may be believed. Raises CallFailed."""
        request = self._prepared(sent.url, sent.body)
        request.headers.clear()
        request.headers.update(sent.headers)
        status, headers, answer = self._send(request)
        try:
            return self._judge(sent, status, headers, answer)
        except CallFailed as failure:
            failure.answer, failure.answer_status, failure.answer_headers = answer, status, headers
            raise

    def _prepared(self, url: str, body: bytes) -> requests.PreparedRequest:
        check_url(url)
        try:
            request = self._session.prepare_request(requests.Request("POST", url, data=body))
        except (requests.RequestException, ValueError):
            raise CallNotSent(_BAD_ADDRESS) from None
        # What requests makes of an address is where it sends.
        check_url(str(request.url))
        return request

    def _send(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        url = str(request.url)
        host = urlsplit(url).netloc.rpartition("@")[2]
        try:
            with _deadline(self._answer_s):
                # The session itself would read the whole body of a redirect, however large it is.
                response = self._session.get_adapter(url).send(
                    request,
                    stream=True,
                    timeout=(min(self._connect_s, self._answer_s), self._answer_s),
                    verify=True,
                )
                with response:
                    body = _read_capped(response.raw)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return response.status_code, headers, body
        except (requests.Timeout, TimeoutError) as error:
            raise TimedOut(f"{host} did not answer within {self._answer_s:g} s; ask again later") from error
        except requests.exceptions.SSLError as error:
            raise Unreachable(
                f"{host} did not prove who it is (TLS); check the address and its certificate"
            ) from error
        except (requests.RequestException, HTTPError, OSError) as error:
            if _is_timeout(error):
                raise TimedOut(f"{host} did not answer within {self._answer_s:g} s; ask again later") from error
            raise Unreachable(f"{host} cannot be reached or hung up; check the address and the network") from error

    def _judge(self, sent: Sent, status: int, headers: Mapping[str, str], body: bytes) -> Received:
        if status != 200:
            raise NotOk(f"the answer had HTTP status {status} instead of 200; check the URL")
        signed = "signature" in headers or "response-time" in headers
        proof = self._authenticate(sent.target, headers, body) if signed else ()
        members = _members(body)
        if not signed and members["result"]["resultStatus"] not in _UNSIGNED_BELIEVED:
            raise NotAuthentic("the answer says success and is not signed; nothing of it is believed")
        return Received(sent, headers, body, members, signed, *proof)

    def _authenticate(self, target: str, headers: Mapping[str, str], body: bytes) -> tuple[bytes, bytes]:
        """The signed text and the signature, both verified."""
        signature_text, response_time = headers.get("signature"), headers.get("response-time")
        if not signature_text or not response_time:
            raise NotAuthentic("the answer has only one of Signature and Response-Time, or an empty one")
        if headers.get("client-id") != self._client_id:
            raise NotAuthentic(f"the answer's Client-Id is not ours, {self._client_id}")
        try:
            header = read_signature(signature_text)
        except SignatureInvalid as error:
            raise NotAuthentic(f"the answer's Signature header cannot be read ({error.reason})") from None
        key = self._peer_key(header.key_version)
        message = Message("POST", target, self._client_id, response_time, body)
        try:
            verify(message, header.signature, key)
        except SignatureInvalid:
            own_key = same_key(key, self._signing_key.public_key()) or self._own_key_fits(message, header.signature)
            hint = _OTHERS_KEY_HINT if own_key else "; check their public key"
            raise NotAuthentic(f"the answer's signature is wrong{hint}") from None
        self._check_fresh(response_time)
        return message.signed_text(), header.signature

    def _peer_key(self, version: str | None) -> RSAPublicKey:
        try:
            return self._peer_keys.by_version[version or self._peer_keys.newest_version]
        except LookupError:
            named = repr(version[:20]) if version else "(none)"
            raise NotAuthentic(f"the answer names key version {named}, which we do not hold for them") from None

    def _own_key_fits(self, message: Message, signature: bytes) -> bool:
        try:
            verify(message, signature, self._signing_key.public_key())
        except SignatureInvalid:
            return False
        return True

    def _check_fresh(self, response_time: str) -> None:
        try:
            answered_at = read_time(response_time)
        except (ValueError, OverflowError):
            raise NotAuthentic("the answer's Response-Time is no time") from None
        if self._window and abs(self._clock() - answered_at) > self._window:
            raise NotAuthentic("the answer's Response-Time is not of now; an old answer may have been played back")


def check_url(url: str) -> None:
    """Raise CallNotSent for an address to which nothing may be sent: http:// goes to this machine alone."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise CallNotSent(_BAD_ADDRESS) from None
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and is_loopback(parts.hostname):
        return
    raise CallNotSent(_BAD_ADDRESS)


def _read_capped(raw: Any) -> bytes:
    response: HTTPResponse = raw
    body = response.read(LARGEST_ANSWER + 1, decode_content=False)
    if len(body) > LARGEST_ANSWER:
        raise NotUnderstood(f"the answer is larger than {LARGEST_ANSWER} bytes; nothing of it is believed")
    if response.length_remaining:
        raise ConnectionError("the answer ended early")
    return body


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = read_object(body)
    except ParameterIllegal as error:
        raise NotUnderstood(f"the answer is not a JSON object ({error.reason})") from None
    result = members.get("result")
    expected = ("resultCode", "resultStatus")
    if not isinstance(result, dict) or not all(isinstance(result.get(name), str) for name in expected):
        raise NotUnderstood("the answer has no result with resultCode and resultStatus")
    if result["resultStatus"] not in ("S", "F", "U"):
        raise NotUnderstood("the answer's resultStatus is none of S, F and U")
    return members


def _is_timeout(error: BaseException) -> bool:
    """requests wraps a time-out while the body is read as a lost connection."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (TimeoutError, requests.Timeout)) or "timed out" in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


_thread = threading.local()


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Within this block every read from a socket of ours counts against one deadline."""
    _thread.ends_at = time.monotonic() + seconds
    try:
        yield
    finally:
        del _thread.ends_at


class _BoundedReader(io.RawIOBase):
    """Reads from a socket until the thread's deadline, however slowly the bytes drip."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _thread.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedSocket:
    """A connected socket whose readers are bounded; everything else is the socket's own."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._sock))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def _connected(connection: HTTPConnection) -> socket.socket:
    """A socket to the first address that answers; all addresses together have the connect timeout."""
    ends_at = min(time.monotonic() + float(connection.timeout or 0), _thread.ends_at)
    failure: OSError = TimeoutError("timed out")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        connection.host, connection.port, type=socket.SOCK_STREAM
    ):
        left = ends_at - time.monotonic()
        if left <= 0:
            break
        candidate = socket.socket(family, kind, protocol)
        try:
            candidate.settimeout(left)
            candidate.connect(address)
            candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            candidate.close()
            failure = error
        else:
            return candidate
    raise failure


class _BoundedHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)

    def connect(self) -> None:
        super().connect()
        self.sock = _BoundedSocket(self.sock)


class _BoundedHTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connected(self)

    def connect(self) -> None:
        super().connect()
        self.sock = _BoundedSocket(self.sock)


class _BoundedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _BoundedHTTPConnection


class _BoundedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedHTTPSConnection


class _BoundedAdapter(HTTPAdapter):
    """requests' own adapter over connections that obey the deadline; nothing is sent twice by itself."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=max(maxsize, 32), block=block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _BoundedHTTPPool, "https": _BoundedHTTPSPool}
