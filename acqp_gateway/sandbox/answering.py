"""One request from socket to socket: answered by the gate of a party, broken by a fault, kept in the history."""

from __future__ import annotations

import io
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import ParameterIllegal
from acqp_gateway.protocol.gate import Gate, origin_form
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.strict_json import read_object
from acqp_gateway.protocol.wsgi import GateBeforeApplication, raw_target
from acqp_gateway.sandbox.faults import FAULTS, Exchange
from acqp_gateway.sandbox.faults_in_force import FaultSetting, FaultsInForce
from acqp_gateway.sandbox.history import (
    LONGEST_BODY,
    RECEIVED,
    Entry,
    History,
    Part,
    Verdict,
    answer_part,
    request_part,
    verdict_on,
)
from acqp_gateway.sandbox.parties import Party, Subject
from acqp_gateway.sandbox.wire import Headers, Outgoing, stopping
from acqp_gateway.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("acqp_gateway.sandbox")

_NOT_KEPT = ("authorization", "cookie", "proxy-authorization")
_LONGEST_UNVERIFIED_BODY = 4_000


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A request as it came; header names in lower case."""

    at: datetime
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def texts(self) -> dict[str, str]:
        """The text members of whatever body there is."""
        try:
            members = read_object(self.body)
        except ParameterIllegal:
            return {}
        return {name: value for name, value in members.items() if isinstance(value, str)}


class _Answerer:
    """A party behind its gate."""

    def __init__(self, party: Party, settings: Settings, application: WSGIApplication, clock: Clock) -> None:
        self.party = party
        self.api_at: dict[str, Api] = {interface.path: interface.api for interface in party.interfaces}
        self._gate = Gate(
            interfaces=party.interfaces,
            own_client_id=party.client_id,
            own_keys=party.own_keys,
            find_client=party.find_client,
            window_s=settings.request_time_window_s,
            largest_body=settings.max_body_bytes,
            may_pass=lambda _client_id: True,
            clock=clock,
        )
        self.by_the_book = GateBeforeApplication(self._gate, application)

    def serves(self, target: str) -> bool:
        """Whether a raw target lies among this party's APIs, be it one of them or not."""
        return self._gate.serves(target)

    def verdict(self, arrived: _Arrived) -> Verdict:
        """Whether a request is signed by the one client of this party."""
        client = self.party.find_client(arrived.headers.get("client-id", ""))
        return verdict_on(
            arrived.method, arrived.target, arrived.headers, arrived.body, client.keys if client else None
        )


class Answering:
    """The APIs of all parties as a WSGI application; what is none of them goes to `application`.

    A request is for the party that has an API at its very path. What is no API at all goes to the one whose
    client id it carries, else to the first, so that each refusal is signed by whom it was meant for.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        parties: Sequence[Party],
        faults: FaultsInForce,
        history: History,
        application: WSGIApplication,
        clock: Clock = now,
    ) -> None:
        self._answerers = [_Answerer(party, settings, application, clock) for party in parties]
        self._faults = faults
        self._history = history
        self._application = application
        self._clock = clock
        #: The last true answer of each API, for whoever plays it back.
        self._previous: dict[str, Outgoing] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """PEP 3333."""
        target = raw_target(environ)
        path = origin_form(target).partition("?")[0]
        answerer = self._answerer(target, path, environ.get("HTTP_CLIENT_ID", ""))
        if answerer is None:
            return self._application(environ, start_response)
        self._wait()
        arrived, genuine = self._answer_genuinely(answerer, environ, origin_form(target))
        api = answerer.api_at.get(path)
        verdict = answerer.verdict(arrived)
        subject = answerer.party.subject(arrived.texts())
        setting = self._take_fault(api, subject) if api and verdict.verified else None
        outgoing = self._broken(answerer.party, api, arrived, genuine, setting) if setting and api else genuine
        self._remember(arrived, api.name if api else "-", subject, verdict, outgoing, setting)
        if setting is None and api:
            self._previous[api.name] = genuine
        return outgoing.deliver(outgoing, environ, start_response)

    def _answerer(self, target: str, path: str, client_id: str) -> _Answerer | None:
        """Whom a request is for; None when it is for none of the parties."""
        serving = [answerer for answerer in self._answerers if answerer.serves(target)]
        exact = [answerer for answerer in serving if path in answerer.api_at]
        named = [answerer for answerer in serving if answerer.party.client_id == client_id]
        return next(iter([*exact, *named, *serving]), None)

    def _wait(self) -> None:
        try:
            latency_ms = self._faults.latency_ms()
        except sqlite3.Error as error:
            _log.error("the store cannot be read: %s", error)
        else:
            stopping.wait(latency_ms / 1000)

    def _answer_genuinely(
        self, answerer: _Answerer, environ: WSGIEnvironment, target: str
    ) -> tuple[_Arrived, Outgoing]:
        at = self._clock()
        request_body = _Recording(environ["wsgi.input"])
        answer = _Answer()
        answer.body = b"".join(answerer.by_the_book({**environ, "wsgi.input": request_body}, answer.start))
        arrived = _Arrived(at, environ["REQUEST_METHOD"], target, _headers(environ), request_body.recorded)
        return arrived, Outgoing(answer.headers, answer.body, answer.status)

    def _take_fault(self, api: Api, subject: Subject) -> FaultSetting | None:
        has_previous = api.name in self._previous
        try:
            return self._faults.take(api.name, subject.ids, subject.text, has_previous=has_previous)
        except sqlite3.Error as error:
            _log.error("the store cannot be used: %s", error)
            return None

    def _broken(
        self, party: Party, api: Api, arrived: _Arrived, genuine: Outgoing, setting: FaultSetting
    ) -> Outgoing:
        exchange = Exchange(
            method=arrived.method,
            target=arrived.target,
            client_id=party.client_id,
            key_version=party.own_keys.newest_version,
            key=party.own_keys.newest,
            at=self._clock(),
            genuine=genuine,
            previous=self._previous.get(api.name),
            ms=setting.ms,
        )
        return FAULTS[setting.fault].apply(exchange)

    def _kept_part(self, arrived: _Arrived, verdict: Verdict) -> Part:
        """What is kept of a request: of one that anybody may have sent the beginning, and no passwords of theirs."""
        headers = {name: text for name, text in arrived.headers.items() if name not in _NOT_KEPT}
        return request_part(headers, arrived.body, LONGEST_BODY if verdict.verified else _LONGEST_UNVERIFIED_BODY)

    def _remember(
        self,
        arrived: _Arrived,
        api: str,
        subject: Subject,
        verdict: Verdict,
        outgoing: Outgoing,
        setting: FaultSetting | None,
    ) -> None:
        entry = Entry(
            at=arrived.at,
            direction=RECEIVED,
            api=api,
            method=arrived.method,
            target=arrived.target,
            request=self._kept_part(arrived, verdict),
            verdict=verdict,
            subject=subject.text,
            status=outgoing.status,
            answer=answer_part(dict(outgoing.headers), outgoing.body) if outgoing.status else None,
            fault=setting.fault if setting else None,
        )
        try:
            self._history.add(entry)
        except sqlite3.Error as error:
            # The answer is given all the same: it may well say that the store has failed.
            _log.error("a message could not be kept: %s", error)


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


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """All headers of a request by their lower-case names."""
    found = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    return {name: found[name] for name in sorted(found)}
