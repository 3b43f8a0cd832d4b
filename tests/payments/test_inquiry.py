"""inquiryPushPayment tells the truth at any time; who was told that there is no payment is never paid by it later."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from acqp_gateway.errors import StoreUnavailable
from acqp_gateway.orders import states
from acqp_gateway.store import merchants
from tests.payments.helpers import ALIPAY_CN, GCASH, SUCCESS, Answer, Till, new_payment_id

UNKNOWN = Answer("ORDER_NOT_EXIST", "F")
PAID = Answer("SUCCESS", "S", "SUCCESS")


def _paid(till: Till, order: Any) -> None:
    assert till.push(order, new_payment_id()) == SUCCESS


def _notified(till: Till, order: Any) -> None:
    assert till.notify(order, None) == SUCCESS


def _closed(till: Till, order: Any) -> None:
    states.close(till.store, order.payment_request_id, reason=None, at=till.at)


def _by_hand(till: Till, order: Any) -> None:
    states.mark_paid(till.store, order.payment_request_id, reason=None, at=till.at)


def _expired(till: Till, order: Any) -> None:
    till.at = order.expires_at
    till.decode(order)


def _open(_till: Till, _order: Any) -> None:
    return


@pytest.mark.parametrize("state", [_open, _paid, _notified, _closed, _by_hand, _expired])
def test_a_payment_that_nobody_knows(till: Till, state: Any) -> None:
    order = till.place()
    state(till, order)
    before = till.order(order)
    assert till.inquire(order, new_payment_id()) == UNKNOWN
    assert till.order(order) == before


def test_an_order_that_nobody_knows(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    assert till.inquire(order, payment_id, codeValue="nobody's") == UNKNOWN
    kept = till.payment(payment_id)
    assert kept is not None
    assert (kept.state, kept.payment_request_id, kept.denied_at) == ("DENIED", None, till.at)
    # What was denied is the payment, whatever code was named with it.
    assert till.push(order, payment_id, sent_at=till.at - timedelta(seconds=1)) == Answer("ORDER_NOT_EXIST", "F")


def test_of_one_second_the_one_that_came_first_counts(till: Till) -> None:
    order, payment_id, second = till.place(), new_payment_id(), till.at.replace(microsecond=0)
    till.at = second + timedelta(milliseconds=300)
    assert till.inquire(order, payment_id, sent_at=second) == UNKNOWN
    till.at = second + timedelta(milliseconds=100)
    assert till.push(order, payment_id, sent_at=second) == Answer("ORDER_NOT_EXIST", "F")
    another = new_payment_id()
    till.at = second + timedelta(milliseconds=400)
    assert till.inquire(order, another, sent_at=second) == UNKNOWN
    till.at = second + timedelta(milliseconds=600)
    assert till.inquire(order, another, sent_at=second) == UNKNOWN
    till.at = second + timedelta(milliseconds=500)
    assert till.push(order, another, sent_at=second) == Answer("ORDER_NOT_EXIST", "F")
    till.at = second + timedelta(milliseconds=700)
    assert till.push(order, new_payment_id(), sent_at=second) == Answer("SUCCESS", "S")


def test_a_push_right_after_the_inquiry_is_judged_anew(till: Till) -> None:
    order, payment_id, second = till.place(), new_payment_id(), till.at.replace(microsecond=0)
    till.at = second + timedelta(milliseconds=300)
    assert till.inquire(order, payment_id, sent_at=second) == UNKNOWN
    till.at = second + timedelta(milliseconds=400)
    assert till.push(order, payment_id, sent_at=second) == Answer("SUCCESS", "S")


def test_the_truth_of_an_accepted_payment_lasts(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    till.push(order, payment_id)
    till.wait(days=400)
    merchants.set_status(till.store, till.shop.merchant_id, "CLOSED", reason=None, at=till.at)
    assert till.inquire(order, payment_id) == PAID
    assert till.inquire(order, payment_id, paymentRequestId=...) == PAID
    assert till.messages(order)[-1].outcome == "APPLIED"


def test_the_truth_of_a_refused_payment_lasts(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    _closed(till, order)
    till.push(order, payment_id)
    assert till.notify(order, new_payment_id()) == SUCCESS
    assert till.inquire(order, payment_id) == Answer("SUCCESS", "S", "ORDER_IS_CLOSED")


def test_what_a_notification_said_is_known_too(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    assert till.notify(order, payment_id) == SUCCESS
    assert till.inquire(order, payment_id) == PAID


@pytest.mark.parametrize(
    "changes",
    [{"codeValue": "another"}, {"pspId": GCASH}, {"paymentRequestId": "another"}],
    ids=lambda it: next(iter(it)),
)
def test_a_question_that_contradicts_the_payment(till: Till, changes: dict[str, Any]) -> None:
    order, payment_id = till.place(), new_payment_id()
    till.push(order, payment_id)
    assert till.inquire(order, payment_id, **changes) == Answer("PROCESS_FAIL", "F")
    assert till.inquire(order, payment_id) == PAID


class TestDenied:
    """After an inquiry was told ORDER_NOT_EXIST, a push that is older than that inquiry comes too late."""

    def test_an_older_push_is_refused_and_kept(self, till: Till) -> None:
        order, payment_id = till.place(), new_payment_id()
        pushed_at = till.at
        till.wait(seconds=4)
        assert till.inquire(order, payment_id) == UNKNOWN
        assert till.push(order, payment_id, sent_at=pushed_at) == UNKNOWN
        assert till.state(order) == "OPEN"
        kept = till.payment(payment_id)
        assert kept is not None
        assert (kept.state, kept.reason, kept.api) == ("REFUSED", "denied_meanwhile", "pushPayment")
        assert till.outcomes(order) == [("REFUSED", "ORDER_NOT_EXIST", False)]
        till.wait(seconds=4)
        assert till.inquire(order, payment_id) == Answer("SUCCESS", "S", "ORDER_NOT_EXIST")
        assert till.push(order, payment_id) == UNKNOWN
        assert till.push(order, new_payment_id(), sent_at=pushed_at) == SUCCESS

    def test_a_newer_push_is_accepted(self, till: Till) -> None:
        order, payment_id = till.place(), new_payment_id()
        assert till.inquire(order, payment_id) == UNKNOWN
        till.wait(milliseconds=1)
        assert till.push(order, payment_id) == SUCCESS
        kept = till.payment(payment_id)
        assert kept is not None
        assert (kept.state, kept.api, kept.psp_id) == ("ACCEPTED", "pushPayment", ALIPAY_CN)
        assert till.inquire(order, payment_id) == PAID

    def test_the_latest_inquiry_counts_in_whatever_order_they_come(self, till: Till) -> None:
        order, payment_id = till.place(), new_payment_id()
        for seconds in (0, 8, 4):
            inquired = till.inquire(order, payment_id, sent_at=till.at + timedelta(seconds=seconds))
            assert inquired == UNKNOWN
        assert till.push(order, payment_id, sent_at=till.at + timedelta(seconds=6)) == UNKNOWN
        assert till.state(order) == "OPEN"

    def test_it_is_no_payment(self, till: Till) -> None:
        order, payment_id = till.place(), new_payment_id()
        till.inquire(order, payment_id)
        kept = till.payment(payment_id)
        assert kept is not None
        assert (kept.state, kept.paid_at, kept.denied_at) == ("DENIED", None, till.at)
        assert (till.accepted(order), till.outcomes(order)) == ([], [])
        assert till.push(order, new_payment_id()) == SUCCESS

    def test_a_fact_counts_all_the_same(self, till: Till) -> None:
        order, payment_id = till.place(), new_payment_id()
        till.inquire(order, payment_id)
        assert till.notify(order, payment_id) == SUCCESS
        assert till.inquire(order, payment_id) == PAID
        assert till.push(order, payment_id, sent_at=till.at - timedelta(seconds=9)) == SUCCESS
        assert till.accepted(order) == [payment_id]

    def test_for_another_order_s_code_it_counts_too(self, till: Till) -> None:
        asked, paid, payment_id = till.place(), till.place(), new_payment_id()
        pushed_at = till.at
        till.wait(seconds=4)
        assert till.inquire(asked, payment_id) == UNKNOWN
        assert till.push(paid, payment_id, sent_at=pushed_at) == UNKNOWN
        assert till.state(paid) == "OPEN"


class TestStillWorking:
    """A push that was answered U and waits to be settled, here or in another worker, is not denied."""

    IN_PROCESS = Answer("SUCCESS", "S", "PAYMENT_IN_PROCESS")

    def test_one_that_waits_here(self, till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
        order, payment_id = till.place(), new_payment_id()
        with monkeypatch.context() as patched:
            patched.setattr(till.payments, "settle", _unavailable)
            assert till.push(order, payment_id) == Answer("PAYMENT_IN_PROCESS", "U")
        till.wait(seconds=4)
        assert till.inquire(order, payment_id) == self.IN_PROCESS
        assert till.inquire(order, new_payment_id()) == UNKNOWN
        assert till.payment(payment_id) is None
        till.payments.settle(till.unsettled[0])
        assert till.inquire(order, payment_id) == PAID

    def test_just_after_an_outage_it_may_wait_elsewhere(self, till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
        order, payment_id = till.place(), new_payment_id()
        pushed_at = till.at
        till.wait(seconds=4)
        with monkeypatch.context() as patched:
            patched.setattr(till.store.breaker, "_well_since", time.monotonic() - 1)
            assert till.inquire(order, payment_id) == self.IN_PROCESS
        assert till.push(order, payment_id, sent_at=pushed_at) == SUCCESS
        assert till.inquire(order, payment_id) == PAID

    def test_long_after_an_outage_nothing_waits_any_more(self, till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
        order, payment_id = till.place(), new_payment_id()
        monkeypatch.setattr(till.store.breaker, "_well_since", time.monotonic() - 30)
        assert till.inquire(order, payment_id) == UNKNOWN
        assert till.push(order, payment_id, sent_at=till.at - timedelta(seconds=1)) == UNKNOWN

    def test_what_was_decided_is_told_all_the_same(self, till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
        order, payment_id = till.place(), new_payment_id()
        assert till.push(order, payment_id) == SUCCESS
        monkeypatch.setattr(till.store.breaker, "_well_since", time.monotonic())
        assert till.inquire(order, payment_id) == PAID
        assert till.inquire(order, payment_id, pspId=GCASH) == Answer("PROCESS_FAIL", "F")


def _unavailable(_push: Any) -> Any:
    raise StoreUnavailable("frozen")
