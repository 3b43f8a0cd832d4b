"""Every call of the sandbox, in one place: signed, changed by the fault in force, sent, verified, and remembered.

As Alipay+ it calls two partners, the gateway and the wallet, each under that partner's own client id.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import CallFailed, CallNotSent, TimedOut, Unreachable
from acqp_gateway.protocol.client import Received, Sent, SigningClient
from acqp_gateway.protocol.keyring import VersionedKeys
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.sandbox.call_faults import CALL_FAULTS, Call, CallFault
from acqp_gateway.sandbox.faults_in_force import CALLS, SIDES, FaultSetting, FaultsInForce
from acqp_gateway.sandbox.history import SENT, Entry, History, Verdict, answer_part, members_of, request_part
from acqp_gateway.sandbox.keys import own_keys
from acqp_gateway.sandbox.partners import Partner
from acqp_gateway.sandbox.wire import stopping
from acqp_gateway.settings import Settings

_log = logging.getLogger("acqp_gateway.sandbox")

#: A call without an answer is repeated so many times, as long as all of them together take no longer than this.
MOST_REPEATS = 2
ALL_WITHIN_S = 20.0
_SHORTEST_WAIT_S = 1.0

#: The members by which a fault may be limited to some calls; the first that is there says whom a call is about.
_SUBJECT_MEMBERS = (
    "registrationRequestId",
    "paymentRequestId",
    "codeValue",
    "referenceMerchantId",
    "referenceStoreId",
    "paymentId",
    "pspId",
)
_IS_ABOUT = _SUBJECT_MEMBERS[:4]

_NOT_ABOUT_THIS = "an earlier call was sent in place of this one, and what came back answers that"


@dataclass(frozen=True, slots=True)
class Called:
    """What came of a call: an answer to believe, or a failure; `note` says what a fault brought to light.

    `sent` is what went over the wire, None where nothing did.
    """

    url: str
    received: Received | None
    failure: CallFailed | None
    sent: Sent | None = None
    fault: str | None = None
    note: str | None = None

    @property
    def answer(self) -> Received | None:
        """What was received, if it answers this very call."""
        replaced = self.fault is not None and CALL_FAULTS[self.fault].asks_something_else
        return None if replaced else self.received

    @property
    def trouble(self) -> str | None:
        """What went wrong, as a line for a person; None when nothing did."""
        return str(self.failure) if self.failure is not None else self.note

    def believed(self) -> Received:
        """What was received. Raises CallFailed."""
        if self.received is None:
            raise self.failure or CallFailed("no answer")
        return self.received


_Keys = tuple[VersionedKeys[RSAPrivateKey], VersionedKeys[RSAPublicKey]]


class Calls:
    """Calls as Alipay+; without a history nothing is kept, and without faults nothing is wrong."""

    def __init__(
        self,
        settings: Settings,
        *,
        history: History | None = None,
        faults: FaultsInForce | None = None,
        clock: Clock = now,
    ) -> None:
        self._settings = settings
        self._history = history
        self._faults = faults
        self._clock = clock
        #: By client id, as of certain files: reading keys takes longer than a call.
        self._keys: dict[str, tuple[object, _Keys]] = {}

    def call(
        self,
        api: Api,
        members: Mapping[str, Any],
        partner: Partner,
        *,
        scan: str | None = None,
        url: str | None = None,
        answer_s: float | None = None,
        with_nulls: bool = False,
    ) -> Called:
        """Call an API once. Raises KeyFileError, and no failure of the call.

        Members that are None are left out, unless they go as they are, `with_nulls`.
        `scan` is the scan that the call is part of; `url` an address in place of the configured one; `answer_s`
        how many seconds to wait at most, the API's own time otherwise.
        """
        given = {name: value for name, value in members.items() if with_nulls or value is not None}
        configured, target = partner.address(self._settings, api)
        keys, peer_keys = self._keys_for(partner)
        client = SigningClient(
            client_id=partner.client_id,
            signing_keys=keys,
            peer_keys=peer_keys,
            answer_s=min(api.peer_waits_s, answer_s or api.peer_waits_s),
            window_s=self._settings.request_time_window_s,
            clock=self._clock,
        )
        calling = _Calling(self, api, client, keys, url or configured, target, write_object(given), scan)
        return calling.call()

    def call_until_answered(
        self,
        api: Api,
        members: Mapping[str, Any],
        partner: Partner,
        *,
        scan: str | None = None,
        url: str | None = None,
    ) -> Called:
        """Call an API, and again with the same parameters while nothing comes back. Raises KeyFileError."""
        ends_at = time.monotonic() + ALL_WITHIN_S
        called = self.call(api, members, partner, scan=scan, url=url)
        for _ in range(MOST_REPEATS):
            left = ends_at - time.monotonic()
            lost = isinstance(called.failure, (TimedOut, Unreachable))
            if not lost or left < _SHORTEST_WAIT_S or stopping.is_set():
                break
            called = self.call(api, members, partner, scan=scan, url=url, answer_s=left)
        return called

    def _keys_for(self, partner: Partner) -> _Keys:
        files = _files(self._settings.keys_dir, self._settings.sandbox_keys_dir)
        known = self._keys.get(partner.client_id)
        if known is None or known[0] != files:
            known = files, (own_keys(self._settings), partner.keys(self._settings))
            self._keys[partner.client_id] = known
        return known[1]

    def take_fault(self, api: Api, ids: Collection[str], subject: str, *, has_previous: bool) -> FaultSetting | None:
        """The fault for a call, counted as spent; None where none is in force."""
        if self._faults is None or SIDES.get(api.name) != CALLS:
            return None
        try:
            return self._faults.take(api.name, ids, subject, has_previous=has_previous)
        except sqlite3.Error as error:
            _log.error("the store cannot be used: %s", error)
            return None

    def previous(self, api: Api, url: str, target: str) -> Sent | None:
        """The last call of an API that no fault changed, byte for byte."""
        try:
            found = self._history.last_sent(api.name, target) if self._history else None
        except sqlite3.Error as error:
            _log.error("the store cannot be read: %s", error)
            return None
        if found is None:
            return None
        headers, body = found
        return Sent(url, target, {name.title(): text for name, text in headers.items()}, body)

    def remember(self, entry: Entry) -> None:
        """Keep an exchange in the history."""
        try:
            if self._history is not None:
                self._history.add(entry)
        except sqlite3.Error as error:
            _log.error("a message could not be kept: %s", error)

    def time(self) -> datetime:
        """The present time."""
        return self._clock()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """One message that was sent, and what came back."""

    at: datetime
    sent: Sent
    received: Received | None
    failure: CallFailed | None

    def said(self) -> object:
        """What two answers to the same call must agree on."""
        return self.failure.reason if self.failure else self.received and self.received.members


@dataclass(frozen=True, slots=True)
class _Calling:
    """One call, be it sent once or twice."""

    calls: Calls
    api: Api
    client: SigningClient
    keys: VersionedKeys[RSAPrivateKey]
    url: str
    target: str
    body: bytes
    scan: str | None

    def call(self) -> Called:
        """Send what is to be sent, and keep what came of it."""
        try:
            sent = self._signed()
        except CallNotSent as failure:
            return Called(self.url, None, failure)
        ids, subject = _subject(self.body)
        previous = self.calls.previous(self.api, sent.url, sent.target)
        setting = self.calls.take_fault(self.api, ids, subject, has_previous=previous is not None)
        fault = CALL_FAULTS[setting.fault] if setting else None
        outcomes = self._send(sent, fault, previous, setting.ms if setting else None)
        note = _NOT_ABOUT_THIS if fault is not None and fault.asks_something_else else _disagreement(outcomes)
        name = setting.fault if setting else None
        for outcome in outcomes:
            self._remember(outcome, subject, name, note)
        best = next((outcome for outcome in outcomes if outcome.received), outcomes[0])
        return Called(self.url, best.received, best.failure, best.sent, name, note)

    def _signed(self) -> Sent:
        return self.client.sign(self.url, self.body, signed_target=self.target)

    def _send(self, sent: Sent, fault: CallFault | None, previous: Sent | None, ms: int | None) -> list[_Outcome]:
        if fault is None:
            return [self._exchange(sent)]
        messages = [self._changed(sent, fault, previous)]
        for _ in range(1, fault.copies):
            messages.append(self._changed(self._signed(), fault, previous))
        if fault.default_ms is not None:
            stopping.wait((fault.default_ms if ms is None else ms) / 1000)
        if len(messages) == 1:
            return [self._exchange(messages[0])]
        with ThreadPoolExecutor(len(messages), thread_name_prefix="sandbox-duplicate") as pool:
            return list(pool.map(self._exchange, messages))

    def _changed(self, sent: Sent, fault: CallFault, previous: Sent | None) -> Sent:
        version = self.keys.newest_version
        return fault.apply(Call(sent, version, self.keys.newest, self.calls.time(), previous))

    def _exchange(self, sent: Sent) -> _Outcome:
        at = self.calls.time()
        try:
            return _Outcome(at, sent, self.client.send(sent), None)
        except CallFailed as failure:
            return _Outcome(at, sent, None, failure)

    def _remember(self, outcome: _Outcome, subject: str, fault: str | None, note: str | None) -> None:
        received, failure = outcome.received, outcome.failure
        status, answer = None, None
        if received is not None:
            text = "verified" if received.signed else "not signed (believed only because it is a refusal)"
            verdict = Verdict(received.signed, text)
            status, answer = _status(HTTPStatus.OK), answer_part(_lower(received.headers), received.body)
        else:
            verdict = Verdict(False, failure.reason if failure else "")
            if failure is not None and failure.answer is not None:
                status = _status(failure.answer_status)
                answer = answer_part(failure.answer_headers or {}, failure.answer)
        trouble = str(failure) if failure else note
        self.calls.remember(
            Entry(
                at=outcome.at,
                direction=SENT,
                api=self.api.name,
                method="POST",
                target=outcome.sent.target,
                request=request_part(_lower(outcome.sent.headers), outcome.sent.body),
                verdict=verdict,
                subject=subject,
                status=status,
                answer=answer,
                fault=fault,
                facts={"failure": trouble} if trouble else {},
                scan=self.scan,
            )
        )


def _files(*folders: Path) -> list[object]:
    """The keys that lie in some folders, as they are now."""
    found: list[object] = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.pem"))):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((path, status.st_mtime_ns, status.st_ino))
    return found


def _subject(body: bytes) -> tuple[list[str], str]:
    """All ids by which a call can be told from others, and the one that says whom it is about."""
    members = members_of(body)
    texts = {name: members[name] for name in _SUBJECT_MEMBERS if isinstance(members.get(name), str)}
    return list(texts.values()), next((texts[name] for name in _IS_ABOUT if name in texts), "")


def _disagreement(outcomes: Sequence[_Outcome]) -> str | None:
    said = [outcome.said() for outcome in outcomes]
    if all(each == said[0] for each in said):
        return None
    texts = (each if isinstance(each, str) else _result(each) for each in said)
    return f"the answers to the same call at the same time disagree: {'; '.join(texts)}"


def _result(members: Any) -> str:
    result = members["result"]
    more = {name: value for name, value in members.items() if name != "result"}
    text = f"{result['resultStatus']} {result['resultCode']}"
    return f"{text} {json.dumps(more)[:300]}" if more else text


def _status(status: int | None) -> str | None:
    """A status as history writes it, such as 200 OK."""
    try:
        return f"{status} {HTTPStatus(status or 0).phrase}"
    except ValueError:
        return None if status is None else str(status)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
