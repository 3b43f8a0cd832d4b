"""One question to an Alipay+ that is none: when it is asked again, and the one name of what comes of it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from acqp_gateway import errors
from acqp_gateway.protocol.client import Received
from acqp_gateway.protocol.results import FURTHER_ACTIONS, INQUIRY_REGISTRATION_STATUS, ResultStatus
from acqp_gateway.registration.asking import Question
from acqp_gateway.registration.checks import MOST_ATTEMPTS, Outcome
from acqp_gateway.store.standings import Subject
from tests.registration.helpers import (
    AT,
    FakeAlipayplus,
    FakeWait,
    Reply,
    asker,
    at,
    entry,
    news,
    question,
    received,
    refused,
    success,
)

APPROVED = received(success(entry("ALIPAY_CN", "APPROVED")))
TIMED_OUT = errors.TimedOut("alipayplus.test did not answer within 5 s; ask again later")
UNREACHABLE = errors.Unreachable("alipayplus.test cannot be reached or hung up; check the address and the network")
UNKNOWN = refused("UNKNOWN_EXCEPTION", "U")
TOO_OFTEN = refused("REQUEST_TRAFFIC_EXCEED_LIMIT", "U")


def failure(kind: type[errors.CallFailed], text: str, answer: bytes | None = None) -> errors.CallFailed:
    raised = kind(text)
    raised.answer = answer
    return raised


def ask(*replies: Reply, about: Question | None = None) -> tuple[Outcome, FakeAlipayplus, FakeWait]:
    alipayplus, wait = FakeAlipayplus(*replies), FakeWait()
    outcome = asker(alipayplus, wait=wait).ask(about or question(), triggered_by="kim", run_id=7)
    return outcome, alipayplus, wait


def test_an_answer() -> None:
    outcome, alipayplus, wait = ask(APPROVED)
    check = outcome.check
    assert outcome.answered
    assert outcome.news == news(("ALIPAY_CN", "APPROVED"), answered_at=AT)
    assert (check.outcome, check.said, check.result_code) == ("answered", "registration is COMPLETED", "SUCCESS")
    assert (check.kind, check.triggered_by, check.run_id, check.started_at) == ("INQUIRY", "kim", 7, AT)
    assert (check.merchant_id, check.asked_how, check.registration_request_id) == ("M1", "merchant", None)
    assert (check.collective_status, check.attempts, check.raw_answer) == ("COMPLETED", 1, APPROVED.body)
    assert check.duration_us >= 0
    assert not check.needs_person
    assert (len(alipayplus.bodies), wait.waited) == (1, [])


@pytest.mark.parametrize(
    ("members", "body"),
    [
        ({"registrationRequestId": "R1"}, b'{"registrationRequestId":"R1"}'),
        ({"referenceMerchantId": "M1"}, b'{"referenceMerchantId":"M1"}'),
        (
            {"referenceMerchantId": "M1", "referenceStoreId": "S1"},
            b'{"referenceMerchantId":"M1","referenceStoreId":"S1"}',
        ),
    ],
)
def test_what_is_sent_and_where(members: dict[str, str], body: bytes) -> None:
    asked = Question(Subject("M1", "S1", "R9"), members, "as asked")
    outcome, alipayplus, _ = ask(APPROVED, about=asked)
    assert alipayplus.bodies == [body]
    assert alipayplus.urls == {"https://alipayplus.test/base/aps/api/v1/merchants/inquiryRegistrationStatus"}
    assert (outcome.check.merchant_id, outcome.check.store_id) == ("M1", "S1")
    assert outcome.check.registration_request_id == members.get("registrationRequestId")


def test_the_time_of_the_answer_counts_and_not_ours() -> None:
    outcome, *_ = ask(received(success(), answered_at=at(seconds=-17)))
    assert outcome.news is not None
    assert outcome.news.answered_at == at(seconds=-17)
    assert outcome.check.started_at == AT


@pytest.mark.parametrize(
    "again", [TIMED_OUT, UNREACHABLE, UNKNOWN, TOO_OFTEN], ids=lambda reply: type(reply).__name__
)
def test_what_may_help_is_tried_again_with_the_same_parameters(again: Reply) -> None:
    outcome, alipayplus, wait = ask(again, again, APPROVED)
    assert outcome.answered
    assert outcome.check.attempts == 3
    assert alipayplus.bodies == [b'{"referenceMerchantId":"M1"}'] * 3
    assert len(wait.waited) == 2
    assert all(0 <= seconds <= 4 for seconds in wait.waited)


@pytest.mark.parametrize(
    ("reply", "name", "said"),
    [
        (TIMED_OUT, "timed_out", "did not answer within 5 s"),
        (UNREACHABLE, "unreachable", "cannot be reached or hung up"),
        (UNKNOWN, "refused", "Alipay+ refused: UNKNOWN_EXCEPTION. An API call failed"),
        (
            TOO_OFTEN,
            "refused",
            "REQUEST_TRAFFIC_EXCEED_LIMIT. The request traffic exceeds the limit. Ask less often.",
        ),
        (refused("SOMETHING_NEW", "U"), "refused", "a code that its document does not name, 'SOMETHING_NEW'"),
    ],
)
def test_three_times_and_no_more(reply: Reply, name: str, said: str) -> None:
    outcome, alipayplus, _ = ask(reply)
    assert len(alipayplus.bodies) == outcome.check.attempts == MOST_ATTEMPTS == 3
    assert (outcome.check.outcome, outcome.news, outcome.answered) == (name, None, False)
    assert said in outcome.check.said


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (failure(errors.NotAuthentic, "the answer's signature is wrong", b"{}"), "not_authentic"),
        (failure(errors.NotOk, "the answer had HTTP status 500", b"<html>"), "not_ok"),
        (failure(errors.NotUnderstood, "the answer is not a JSON object", b"\xff"), "not_understood"),
        (failure(errors.CallNotSent, "the address must be https://"), "not_sent"),
    ],
)
def test_other_failures_are_not_tried_again_and_keep_what_came_back(reply: errors.CallFailed, name: str) -> None:
    outcome, alipayplus, wait = ask(reply, APPROVED)
    assert (len(alipayplus.bodies), wait.waited, outcome.check.attempts) == (1, [], 1)
    assert (outcome.check.outcome, outcome.check.said) == (name, str(reply))
    assert (outcome.check.raw_answer, outcome.check.result_code, outcome.news) == (reply.answer, None, None)


@pytest.mark.parametrize("result", [r for r in INQUIRY_REGISTRATION_STATUS if r.status is ResultStatus.F])
def test_f_is_never_tried_again_and_says_what_the_document_advises(result: Any) -> None:
    refusal = refused(result.code)
    outcome, alipayplus, wait = ask(refusal, APPROVED)
    assert (len(alipayplus.bodies), wait.waited) == (1, [])
    assert (outcome.check.outcome, outcome.check.result_code) == ("refused", result.code)
    assert outcome.check.said == f"Alipay+ refused: {result.code}. {result.message} {FURTHER_ACTIONS[result]}"
    assert outcome.check.raw_answer == refusal.body
    assert not outcome.slow_down


def test_every_refusal_of_the_document_has_its_further_action() -> None:
    assert FURTHER_ACTIONS.keys() == {r for r in INQUIRY_REGISTRATION_STATUS if r.status is not ResultStatus.S}


@pytest.mark.parametrize(
    "reply",
    [
        refused("SUCCESS", "F"),
        refused("PROCESS_FAIL", "S"),
        received(
            {**success(entry("ALIPAY_CN", "APPROVED")), "result": {"resultCode": "success", "resultStatus": "S"}}
        ),
        received(
            {**success(entry("ALIPAY_CN", "APPROVED")), "result": {"resultCode": "SUCCESS", "resultStatus": "F"}}
        ),
    ],
)
def test_only_s_with_success_says_anything_about_a_standing(reply: Received) -> None:
    outcome, alipayplus, _ = ask(reply)
    assert (outcome.check.outcome, outcome.news) == ("refused", None)
    assert len(alipayplus.bodies) == 1


def test_an_authentic_answer_against_its_document_is_not_understood() -> None:
    broken = received(success({"pspName": "ALIPAY_CN"}, collective=None))
    outcome, alipayplus, _ = ask(broken)
    assert (outcome.check.outcome, outcome.news, len(alipayplus.bodies)) == ("not_understood", None, 1)
    assert outcome.check.said == (
        "the answer is authentic but not as its document describes (pspRegistrationResultList)"
    )
    assert outcome.check.raw_answer == broken.body


def test_a_failure_after_another_is_named_by_the_last() -> None:
    outcome, alipayplus, _ = ask(TIMED_OUT, failure(errors.NotOk, "the answer had HTTP status 500"))
    assert (outcome.check.outcome, outcome.check.attempts, len(alipayplus.bodies)) == ("not_ok", 2, 2)


@pytest.mark.parametrize(
    ("replies", "slow_down"),
    [((TOO_OFTEN,), True), ((TOO_OFTEN, APPROVED), True), ((UNKNOWN, APPROVED), False), ((TIMED_OUT,), False)],
)
def test_being_asked_too_often_is_heard_even_if_there_is_an_answer_in_the_end(
    replies: tuple[Reply, ...], slow_down: bool
) -> None:
    assert ask(*replies)[0].slow_down is slow_down


class TestTime:
    """All attempts together end within 20 s, each taking 5 s at most."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """What time.monotonic says; tenacity reads it."""
        present = [1000.0]
        monkeypatch.setattr(time, "monotonic", lambda: present[0])
        return present

    def run(self, clock: list[float], attempt_s: float, longest_wait_s: float = 4.0) -> list[float]:
        """When each attempt began, in seconds after the first."""
        begun: list[float] = []

        def attempt() -> None:
            begun.append(clock[0] - 1000.0)
            clock[0] += attempt_s

        def wait(seconds: float) -> None:
            clock[0] += seconds

        alipayplus = FakeAlipayplus(TIMED_OUT, before=attempt)
        asker(alipayplus, wait=FakeWait(wait)).ask(question(), triggered_by="kim")
        return begun

    @pytest.mark.parametrize("attempt_s", [0.01, 5.0, 7.0, 14.9, 16.0, 30.0])
    def test_no_attempt_begins_that_could_end_after_20_s(self, clock: list[float], attempt_s: float) -> None:
        begun = self.run(clock, attempt_s)
        assert len(begun) <= MOST_ATTEMPTS
        assert all(seconds <= 15.0 for seconds in begun)
        if attempt_s <= 5.0:
            assert len(begun) == MOST_ATTEMPTS
            assert begun[-1] + attempt_s <= 20.0
        if attempt_s > 15.0:
            assert begun == [0.0]


def test_waits_grow_and_differ() -> None:
    waited = [ask(UNKNOWN)[2].waited for _ in range(200)]
    first, second = [pair[0] for pair in waited], [pair[1] for pair in waited]
    assert len(set(first)) > 100
    assert max(first) <= 0.5
    assert 0.5 < max(second) <= 1.0


def test_who_gives_up_tries_no_more_and_does_not_wait() -> None:
    given_up = threading.Event()
    alipayplus = FakeAlipayplus(UNKNOWN, before=given_up.set)
    outcome = asker(alipayplus).ask(question(), triggered_by="kim", given_up=given_up)
    assert (len(alipayplus.bodies), outcome.check.attempts, outcome.check.outcome) == (1, 1, "refused")


def test_giving_up_ends_a_wait() -> None:
    given_up = threading.Event()

    def wait(event: threading.Event, _seconds: float) -> bool:
        assert event is given_up
        event.set()
        return event.wait(10)

    alipayplus = FakeAlipayplus(UNKNOWN)
    asker(alipayplus, wait=wait).ask(question(), triggered_by="kim", given_up=given_up)
    # The attempt after the wait that was ended is the last one.
    assert len(alipayplus.bodies) == 2


@pytest.mark.parametrize("code", ["\ud800\x00", "x" * 1000, "[bold]<b>\x1b[2J\r\n"])
def test_a_hostile_code_is_one_named_refusal(code: str) -> None:
    outcome, *_ = ask(refused(code))
    assert outcome.check.outcome == "refused"
    assert outcome.check.said.isprintable()
    assert len(outcome.check.said) < 512
