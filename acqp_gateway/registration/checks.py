"""One registration check: ask Alipay+, judge what comes back, and keep it."""

from __future__ import annotations

import time
from collections.abc import Callable
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
from acqp_gateway.store.standings import Check, News

MOST_ATTEMPTS = 3
#: All attempts together end within 20 s: none begins later than this, and one takes 5 s at most.
_LAST_ATTEMPT_BEGINS_BEFORE_S = 15.0

ANSWERED = "answered"
REFUSED = "refused"
NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question: for the history, for the standing, and for the person who asked."""

    check: Check
    news: News | None

    @property
    def answered(self) -> bool:
        """Whether there was an authentic S/SUCCESS, REJECTED included."""
        return self.check.outcome == ANSWERED

    @property
    def slow_down(self) -> bool:
        """Whether Alipay+ says that we ask too often."""
        return self.check.result_code == results.REQUEST_TRAFFIC_EXCEED_LIMIT.code


class Asker:
    """Asks Alipay+ at one address; may be used by several threads. Times in seconds."""

    def __init__(
        self,
        client: SigningClient,
        base_url: str,
        *,
        clock: Clock = now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._url = base_url + INQUIRY_REGISTRATION_STATUS_API.default_path
        self._clock = clock
        self._sleep = sleep

    def ask(self, question: Question, *, triggered_by: str, run_id: int | None = None) -> Outcome:
        """Ask, again where that may help, and say what came of it. Raises nothing of the other side's."""
        started_at, began = self._clock(), time.perf_counter()
        attempts = Retrying(
            stop=stop_after_attempt(MOST_ATTEMPTS) | stop_before_delay(_LAST_ATTEMPT_BEGINS_BEFORE_S),
            wait=wait_random_exponential(multiplier=0.5, max=4),
            retry=retry_if_exception_type((TimedOut, Unreachable)) | retry_if_result(_is_unknown),
            sleep=self._sleep,
            retry_error_callback=_last_outcome,
        )
        body = write_object(question.members)

        def described(
            outcome: str, said: str, received: Received | None = None, answer: bytes | None = None,
            collective_status: str | None = None,
        ) -> Check:  # fmt: skip
            return Check(
                kind="INQUIRY",
                triggered_by=triggered_by,
                asked_how=question.asked_how,
                merchant_id=question.subject.merchant_id,
                store_id=question.subject.store_id,
                registration_request_id=question.members.get("registrationRequestId"),
                started_at=started_at,
                duration_us=int((time.perf_counter() - began) * 1_000_000),
                attempts=int(attempts.statistics.get("attempt_number", 1)),
                outcome=outcome,
                said=said,
                result_code=received.result["resultCode"][:64] if received else None,
                collective_status=collective_status,
                raw_answer=received.body if received else answer,
                run_id=run_id,
            )

        try:
            received: Received = attempts(self._client.call, self._url, body)
            registration = _understood(received)
        except CallFailed as failure:
            return Outcome(described(failure.reason, str(failure), answer=failure.answer), None)
        if registration is None:
            return Outcome(described(REFUSED, _refusal(received), received), None)
        news = news_of(registration, answered_at=_answered_at(received), about_newest=question.about_newest)
        said = f"registration is {registration.collective_status or 'without a collective status'}"
        return Outcome(described(ANSWERED, said, received, collective_status=registration.collective_status), news)


def not_asked(question_of: str, reason: str, *, at: datetime, triggered_by: str, run_id: int | None,
              merchant_id: str | None, store_id: str | None) -> Outcome:  # fmt: skip
    """A question that could not be asked, for the history."""
    return Outcome(
        Check(
            kind="INQUIRY",
            triggered_by=triggered_by,
            asked_how=question_of,
            merchant_id=merchant_id,
            store_id=store_id,
            registration_request_id=None,
            started_at=at,
            duration_us=0,
            attempts=0,
            outcome=NOT_ASKED,
            said=reason[:512],
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


def _refusal(received: Received) -> str:
    code = received.result["resultCode"]
    for result, action in results.FURTHER_ACTIONS.items():
        if result.code == code:
            return f"Alipay+ refused: {code}. {result.message} {action}"
    return f"Alipay+ refused with a code that its document does not name: {code[:64]}. Ask Alipay+ support."


def _answered_at(received: Received) -> datetime:
    """Response-Time of an answer that was verified, so that it is there and is a time."""
    return read_time(received.headers["response-time"])
