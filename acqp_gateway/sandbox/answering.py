"""One request to Alipay+ from socket to socket: answered by the gate, broken by a fault, kept in the history."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import ParameterIllegal
from acqp_gateway.protocol.gate import Gate, Interface, origin_form
from acqp_gateway.protocol.keyring import VersionedKeys
from acqp_gateway.protocol.messages.inquiry_registration_status import INQUIRY_REGISTRATION_STATUS_API
from acqp_gateway.protocol.strict_json import read_object
from acqp_gateway.protocol.wsgi import GateBeforeApplication, raw_target
from acqp_gateway.sandbox.faults import FAULTS, Exchange
from acqp_gateway.sandbox.faults_in_force import FaultSetting, FaultsInForce
from acqp_gateway.sandbox.history import (
    RECEIVED,
    Entry,
    History,
    Verdict,
    answer_part,
    request_part,
    verdict_on,
)
from acqp_gateway.sandbox.inquiry import Inquiry
from acqp_gateway.sandbox.keys import GatewayDirectory
from acqp_gateway.sandbox.registrations import Registrations
from acqp_gateway.sandbox.wire import Headers, Outgoing, stopping
from acqp_gateway.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SUBJECT_MEMBERS = ("registrationRequestId", "referenceMerchantId", "referenceStoreId")


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A request as it came; header names in lower case."""

    at: datetime
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def subject(self) -> dict[str, str]:
        """The members that say whom it is about, in whatever body there is."""
        try:
            members = read_object(self.body)
        except ParameterIllegal:
            return {}
        return {name: members[name] for name in _SUBJECT_MEMBERS if isinstance(members.get(name), str)}


class Answering:
    """The APIs of Alipay+ as a WSGI application; what is none of them goes to `application`."""

    def __init__(
        self,
        settings: Settings,
        *,
        own_keys: VersionedKeys[RSAPrivateKey],
        registrations: Registrations,
        faults: FaultsInForce,
        history: History,
        application: WSGIApplication,
        clock: Clock = now,
    ) -> None:
        self._client_id = settings.client_id
        self._own_keys = own_keys
        self._directory = GatewayDirectory(settings)
        self._faults = faults
        self._history = history
        self._application = application
        self._clock = clock
        self._api_at = dict.fromkeys(_paths(settings), INQUIRY_REGISTRATION_STATUS_API)
        handle = Inquiry(registrations).handle
        self._gate = Gate(
            interfaces=[Interface(api, path, path, handle) for path, api in self._api_at.items()],
            own_client_id=settings.client_id,
            own_keys=own_keys,
            find_client=self._directory.find,
            window_s=settings.request_time_window_s,
            largest_body=settings.max_body_bytes,
            may_pass=lambda _client_id: True,
            clock=clock,
        )
        self._by_the_book = GateBeforeApplication(self._gate, application)
        self._previous: Outgoing | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """PEP 3333."""
        target = raw_target(environ)
        if not self._gate.serves(target):
            return self._application(environ, start_response)
        stopping.wait(self._faults.latency_ms() / 1000)
        arrived, genuine = self._answer_genuinely(environ, origin_form(target))
        api = self._api_at.get(arrived.target.partition("?")[0])
        verdict = self._verdict(arrived)
        subject = arrived.subject()
        setting = self._take_fault(api.name, subject) if api and verdict.verified else None
        outgoing = self._broken(arrived, genuine, setting) if setting else genuine
        self._remember(arrived, api.name if api else "-", subject, verdict, outgoing, setting)
        if setting is None and api:
            self._previous = genuine
        return outgoing.deliver(outgoing, environ, start_response)

    def _answer_genuinely(self, environ: WSGIEnvironment, target: str) -> tuple[_Arrived, Outgoing]:
        at = self._clock()
        request_body = _Recording(environ["wsgi.input"])
        answer = _Answer()
        answer.body = b"".join(self._by_the_book({**environ, "wsgi.input": request_body}, answer.start))
        arrived = _Arrived(at, environ["REQUEST_METHOD"], target, _headers(environ), request_body.recorded)
        return arrived, Outgoing(answer.headers, answer.body, answer.status)

    def _verdict(self, arrived: _Arrived) -> Verdict:
        client = self._directory.find(arrived.headers.get("client-id", ""))
        return verdict_on(
            arrived.method, arrived.target, arrived.headers, arrived.body, client.keys if client else None
        )

    def _take_fault(self, api: str, subject: Mapping[str, str]) -> FaultSetting | None:
        limits = [subject[name] for name in _SUBJECT_MEMBERS[:2] if name in subject]
        return self._faults.take(api, limits, _spoken(subject), has_previous=self._previous is not None)

    def _broken(self, arrived: _Arrived, genuine: Outgoing, setting: FaultSetting) -> Outgoing:
        exchange = Exchange(
            method=arrived.method,
            target=arrived.target,
            client_id=self._client_id,
            key_version=self._own_keys.newest_version,
            key=self._own_keys.newest,
            at=self._clock(),
            genuine=genuine,
            previous=self._previous,
            ms=setting.ms,
        )
        return FAULTS[setting.fault].apply(exchange)

    def _remember(
        self,
        arrived: _Arrived,
        api: str,
        subject: Mapping[str, str],
        verdict: Verdict,
        outgoing: Outgoing,
        setting: FaultSetting | None,
    ) -> None:
        self._history.add(
            Entry(
                at=arrived.at,
                direction=RECEIVED,
                api=api,
                method=arrived.method,
                target=arrived.target,
                request=request_part(arrived.headers, arrived.body),
                verdict=verdict,
                subject=_spoken(subject),
                status=outgoing.status,
                answer=answer_part(dict(outgoing.headers), outgoing.body) if outgoing.status else None,
                fault=setting.fault if setting else None,
            )
        )


class _Recording(io.RawIOBase):
    """The body of a request as the gate read it."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.recorded = b""

    def read(self, size: int = -1) -> bytes:
        """As PEP 3333 has it."""
        piece: bytes = self._source.read(size)
        self.recorded += piece
        return piece


class _Answer:
    """What an application answers, instead of being sent."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: Headers = ()
        self.body = b""

    def start(self, status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
        """PEP 3333's start_response."""
        self.status, self.headers = status, tuple(headers)
        return lambda _data: None


def _paths(settings: Settings) -> list[str]:
    """Where the API lies: under the base address that the gateway is told to ask, too."""
    base = urlsplit(settings.alipayplus_url).path
    path = INQUIRY_REGISTRATION_STATUS_API.default_path
    return list(dict.fromkeys((path, base + path)))


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """All headers of a request by their lower-case names."""
    found = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    return {name: found[name] for name in sorted(found)}


def _spoken(subject: Mapping[str, str]) -> str:
    """Whom a message is about, for a person: the request id, or the merchant and its store."""
    request_id = subject.get("registrationRequestId")
    if request_id is not None:
        return request_id
    return "/".join(subject[name] for name in _SUBJECT_MEMBERS[1:] if name in subject)
