"""One registration check: ask Alipay+, judge what comes back, and keep it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime

from marshmallow import ValidationError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    stop_before_delay,
    stop_when_event_set,
    wait_random_exponential,
)

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import CallFailed, NotUnderstood, TimedOut, Unreachable
from acqp_gateway.protocol import results
from acqp_gateway.protocol.client import Received, SigningClient
from acqp_gateway.protocol.headers import read_time
from acqp_gateway.protocol.messages.inquiry_registration_status import (
    INQUIRY_REGISTRATION_STATUS_API,
    Registration,
)
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.registration.asking import Question
from acqp_gateway.registration.meaning import news_of
from acqp_gateway.registration.pace import Wait
from acqp_gateway.store.standings import Check, News, Subject

MOST_ATTEMPTS = 3
#: All attempts together end within 20 s: none begins later than this, and one takes 5 s at most.
_LAST_ATTEMPT_BEGINS_BEFORE_S = 15.0

ANSWERED = "answered"
REFUSED = "refused"
NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question: for the history, for the standing, and for the person who asked.

    `slow_down` says that Alipay+ was asked too often, be it that it answered in the end.
    """

    check: Check
    news: News | None
    slow_down: bool = False

    @property
    def answered(self) -> bool:
        """Whether there was an authentic S/SUCCESS, REJECTED included."""
        return self.check.outcome == ANSWERED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What the other side made of it, be it nothing."""

    outcome: str
    said: str
    answer: bytes | None = None
    result_code: str | None = None
    collective_status: str | None = None
    news: News | None = None


class Asker:
    """Asks Alipay+ at one address; may be used by several threads. Times in seconds."""

    def __init__(
        self,
        client: SigningClient,
        base_url: str,
        *,
        clock: Clock = now,
        wait: Wait = threading.Event.wait,
    ) -> None:
        self._client = client
        self._url = base_url + INQUIRY_REGISTRATION_STATUS_API.default_path
        self._clock = clock
        self._wait = wait

    def ask(
        self,
        question: Question,
        *,
        triggered_by: str,
        run_id: int | None = None,
        given_up: threading.Event | None = None,
    ) -> Outcome:
        """Ask, again where that may help, and say what came of it. Raises nothing of the other side's.

        Once `given_up` is set, nobody waits any longer, and no attempt is made after the next.
        """
        started_at, began = self._clock(), time.perf_counter()
        attempts = self._attempts(given_up or threading.Event())
        codes: list[str] = []
        said = self._said(attempts, write_object(question.members), codes)
        check = Check(
            kind="INQUIRY",
            triggered_by=triggered_by,
            asked_how=question.asked_how,
            merchant_id=question.subject.merchant_id,
            store_id=question.subject.store_id,
            registration_request_id=question.members.get("registrationRequestId"),
            started_at=started_at,
            duration_us=int((time.perf_counter() - began) * 1_000_000),
            attempts=int(attempts.statistics["attempt_number"]),
            outcome=said.outcome,
            said=said.said,
            result_code=said.result_code,
            collective_status=said.collective_status,
            raw_answer=said.answer,
            run_id=run_id,
        )
        return Outcome(check, said.news, slow_down=results.REQUEST_TRAFFIC_EXCEED_LIMIT.code in codes)

    def _attempts(self, given_up: threading.Event) -> Retrying:
        def sleep(seconds: float) -> None:
            self._wait(given_up, seconds)

        return Retrying(
            stop=stop_after_attempt(MOST_ATTEMPTS)
            | stop_before_delay(_LAST_ATTEMPT_BEGINS_BEFORE_S)
            | stop_when_event_set(given_up),
            wait=wait_random_exponential(multiplier=0.5, max=4),
            retry=retry_if_exception_type((TimedOut, Unreachable)) | retry_if_result(_is_unknown),
            sleep=sleep,
            retry_error_callback=_last_outcome,
        )

    def _said(self, attempts: Retrying, body: bytes, codes: list[str]) -> _Said:
        """What came of all attempts; `codes` gets what each was answered."""
        try:
            received = attempts(self._call, body, codes)
            registration = _understood(received)
        except CallFailed as failure:
            return _Said(outcome=failure.reason, said=str(failure), answer=failure.answer)
        code = received.result["resultCode"]
        if registration is None:
            return _Said(outcome=REFUSED, said=_refusal(code), answer=received.body, result_code=code)
        status = registration.collective_status
        return _Said(
            outcome=ANSWERED,
            said=f"registration is {status or 'without a collective status'}",
            answer=received.body,
            result_code=code,
            collective_status=status,
            news=news_of(registration, answered_at=_answered_at(received)),
        )

    def _call(self, body: bytes, codes: list[str]) -> Received:
        received = self._client.call(self._url, body)
        codes.append(received.result["resultCode"])
        return received


def not_asked(subject: Subject, reason: str, *, at: datetime, triggered_by: str, run_id: int | None) -> Outcome:
    """A standing about which nothing can be asked, for the history."""
    return Outcome(
        Check(
            kind="INQUIRY",
            triggered_by=triggered_by,
            asked_how=NOT_ASKED,
            merchant_id=subject.merchant_id,
            store_id=subject.store_id,
            registration_request_id=None,
            started_at=at,
            duration_us=0,
            attempts=0,
            outcome=NOT_ASKED,
            said=reason,
            run_id=run_id,
        ),
        None,
    )


def _is_unknown(received: Received) -> bool:
    return received.result["resultStatus"] == results.ResultStatus.U


def _last_outcome(state: RetryCallState) -> Received:
    """Out of attempts: what the last one brought, or its failure."""
    if state.outcome is None:
        raise RuntimeError("no attempt was made")
    received: Received = state.outcome.result()
    return received


def _understood(received: Received) -> Registration | None:
    """What the answer says; None where Alipay+ refused. Raises NotUnderstood."""
    if received.result["resultStatus"] != "S" or received.result["resultCode"] != results.SUCCESS.code:
        return None
    try:
        registration: Registration = INQUIRY_REGISTRATION_STATUS_API.response.load(received.members)
    except ValidationError as error:
        names = ", ".join(sorted(str(name) for name in error.messages_dict))
        failure = NotUnderstood(f"the answer is authentic but not as its document describes ({names[:200]})")
        failure.answer = received.body
        raise failure from None
    return registration


def _refusal(code: str) -> str:
    for result, action in results.FURTHER_ACTIONS.items():
        if result.code == code:
            return f"Alipay+ refused: {code}. {result.message} {action}"
    return f"Alipay+ refused with a code that its document does not name, {code[:64]!r}: ask Alipay+ support."


def _answered_at(received: Received) -> datetime:
    """Response-Time of an answer that was verified, so that it is there and is a time."""
    return read_time(received.headers["response-time"])
