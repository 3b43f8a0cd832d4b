"""notifyPayment: a success is a fact and always counts; what a person should know of it is flagged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from acqp_gateway.orders import states
from acqp_gateway.protocol.headers import write_time
from acqp_gateway.store import merchants, orders
from tests.payments.helpers import FAILED, GCASH, SUCCESS, Answer, Till, amount, new_payment_id

REFUSED = Answer("PROCESS_FAIL", "F")


def test_an_open_order_is_paid(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    paid_at = till.at.replace(microsecond=0)
    till.wait(seconds=5)
    assert till.notify(order, payment_id, paymentTime=write_time(paid_at)) == SUCCESS
    paid = till.order(order)
    assert (paid.state, paid.state_reason, paid.state_since) == ("PAID", f"notifyPayment {payment_id}", till.at)
    kept = till.payment(payment_id)
    assert kept is not None
    assert (kept.state, kept.api, kept.paid_at, kept.decided_at) == ("ACCEPTED", "notifyPayment", paid_at, till.at)
    assert (kept.amount, kept.currency, kept.customer_id) == (1500, "JPY", "U1")
    (message,) = till.messages(order)
    assert (message.outcome, message.said, message.needs_attention) == ("APPLIED", "paid", False)
    assert till.decode(order) == Answer("ORDER_IS_CLOSED", "F")
    assert till.push(order, new_payment_id()) == Answer("ORDER_IS_CLOSED", "F")


def _expire(till: Till, order: Any) -> None:
    till.at = order.expires_at


def _write_expired(till: Till, order: Any) -> None:
    till.at = order.expires_at
    till.decode(order)
    assert till.state(order) == "EXPIRED"


def _close(till: Till, order: Any) -> None:
    states.close(till.store, order.payment_request_id, reason=None, at=till.at)


def _cancel(till: Till, order: Any) -> None:
    orders.move(till.store, order.payment_request_id, "CANCELLED", from_states=["OPEN"], reason=None, at=till.at)


def _pay_by_hand(till: Till, order: Any) -> None:
    states.mark_paid(till.store, order.payment_request_id, reason="seen", at=till.at)


def _suspend(till: Till, _order: Any) -> None:
    merchants.set_status(till.store, till.shop.merchant_id, "SUSPENDED", reason=None, at=till.at)


def _close_store(till: Till, _order: Any) -> None:
    shop = till.shop
    merchants.set_store_status(till.store, shop.merchant_id, shop.store_id, "CLOSED", reason=None, at=till.at)


def _fail_kyb(till: Till, _order: Any) -> None:
    merchants.change(till.store, till.shop.merchant_id, {"kyb_level": "FAILED"})


FLAGGED: dict[str, tuple[Callable[[Till, Any], None], str | None]] = {
    "open": (lambda _till, _order: None, None),
    "past its time": (_expire, "late: the order was past its time"),
    "expired": (_write_expired, "late: the order was past its time"),
    "closed": (_close, "late: the order had been closed before"),
    "cancelled": (_cancel, "late: the order had been cancelled before"),
    "paid by hand": (_pay_by_hand, "the order had been marked as paid by hand before"),
    "merchant suspended": (_suspend, "the merchant is suspended"),
    "store closed": (_close_store, "the store is closed"),
    "KYB failed": (_fail_kyb, None),
}


@pytest.mark.parametrize("case", FLAGGED)
def test_it_counts_whatever_the_state_and_the_late_one_is_flagged(till: Till, case: str) -> None:
    prepare, flag = FLAGGED[case]
    order, payment_id = till.place(), new_payment_id()
    prepare(till, order)
    assert till.notify(order, payment_id) == SUCCESS
    assert till.state(order) == "PAID"
    assert till.accepted(order) == [payment_id]
    (message,) = till.messages(order)
    assert (message.outcome, message.needs_attention) == ("APPLIED", flag is not None)
    assert message.said == ("paid" if flag is None else f"paid; {flag}")
    assert till.decode(order) == Answer("ORDER_IS_CLOSED", "F")


def test_an_order_that_was_never_decoded_counts_too(till: Till) -> None:
    order = till.place(decoded=False)
    assert till.notify(order, new_payment_id()) == SUCCESS
    assert till.state(order) == "PAID"


def test_paid_by_hand_keeps_its_own_reason(till: Till) -> None:
    order = till.place()
    _pay_by_hand(till, order)
    till.notify(order, new_payment_id())
    assert till.order(order).state_reason == "seen"


def test_paid_in_time_and_told_late_is_not_late(till: Till) -> None:
    order = till.place()
    paid_at = order.expires_at - timedelta(seconds=2)
    _expire(till, order)
    assert till.notify(order, new_payment_id(), paymentTime=write_time(paid_at)) == SUCCESS
    assert till.outcomes(order) == [("APPLIED", "SUCCESS", False)]


def test_it_may_leave_out_almost_everything(till: Till) -> None:
    order = till.place()
    left_out = dict.fromkeys(("pspId", "paymentAmount", "customerId"), ...)
    assert till.notify(order, None, **left_out) == SUCCESS
    assert till.state(order) == "PAID"
    assert till.accepted(order) == [None]
    (message,) = till.messages(order)
    assert (message.said, message.needs_attention) == ("paid; the notification did not say which amount", True)


def test_without_a_payment_id_a_repeat_is_a_repeat(till: Till) -> None:
    order = till.place()
    for _ in range(2):
        assert till.notify(order, None) == SUCCESS
    payment_id = new_payment_id()
    assert till.notify(order, payment_id) == SUCCESS
    assert till.outcomes(order) == [("APPLIED", "SUCCESS", False), *[("REPEATED", "SUCCESS", False)] * 2]
    assert till.accepted(order) == [None]


def test_who_is_named_first_is_the_payment(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    for name in (None, payment_id, payment_id):
        assert till.notify(order, name) == SUCCESS
    assert till.notify(order, new_payment_id()) == SUCCESS
    assert [outcome for outcome, *_ in till.outcomes(order)] == ["APPLIED", "REPEATED", "REPEATED", "CONFLICT"]
    assert till.outcomes(order)[-1] == ("CONFLICT", "SUCCESS", True)


def test_a_success_after_the_same_payment_s_failure_counts_and_calls_a_person(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    till.notify(order, payment_id, paymentResult=FAILED)
    assert till.notify(order, payment_id) == SUCCESS
    assert (till.state(order), till.outcomes(order)[-1]) == ("PAID", ("APPLIED", "SUCCESS", True))
    another, other_id = till.place(), new_payment_id()
    till.notify(another, other_id, paymentResult=FAILED)
    assert till.notify(another, new_payment_id()) == SUCCESS
    assert till.outcomes(another)[-1] == ("APPLIED", "SUCCESS", False)


def test_a_success_that_an_inquiry_was_told_does_not_exist_calls_a_person(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    till.inquire(order, payment_id)
    assert till.notify(order, payment_id) == SUCCESS
    assert (till.state(order), till.outcomes(order)[-1]) == ("PAID", ("APPLIED", "SUCCESS", True))


def test_a_failed_payment_leaves_the_order_open(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    before = till.order(order)
    assert till.notify(order, payment_id, paymentResult=FAILED) == SUCCESS
    assert (till.order(order), till.payment(payment_id)) == (before, None)
    (message,) = till.messages(order)
    assert (message.outcome, message.needs_attention) == ("FAILED", False)
    assert message.said == "the payment failed: USER_BALANCE_NOT_ENOUGH"
    assert till.decode(order) == SUCCESS
    assert till.notify(order, payment_id) == SUCCESS
    assert till.state(order) == "PAID"


def test_a_failure_after_the_success_is_acknowledged_and_changes_nothing(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    till.notify(order, payment_id)
    paid, kept = till.order(order), till.payment(payment_id)
    assert till.notify(order, payment_id, paymentResult=FAILED) == SUCCESS
    assert till.notify(order, None, paymentResult=FAILED) == SUCCESS
    assert (till.order(order), till.payment(payment_id)) == (paid, kept)
    assert till.outcomes(order)[1:] == [("CONFLICT", "SUCCESS", True)] * 2
    assert till.notify(order, new_payment_id(), paymentResult=FAILED) == SUCCESS
    assert till.outcomes(order)[-1] == ("FAILED", "SUCCESS", False)


def test_a_failure_that_was_said_before_the_success_and_again_after_it(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    for result in ({"paymentResult": FAILED}, {}, {"paymentResult": FAILED}, {"paymentResult": FAILED}):
        assert till.notify(order, payment_id, **result) == SUCCESS
    assert [told for outcome, _, told in till.outcomes(order) if outcome == "CONFLICT"] == [True, False]


def test_a_repeat_is_acknowledged_and_changes_nothing(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    till.notify(order, payment_id)
    paid, kept = till.order(order), till.payment(payment_id)
    till.wait(days=2)
    _suspend(till, order)
    assert till.notify(order, payment_id) == SUCCESS
    assert till.notify(order, payment_id, pspId=..., customerId=...) == SUCCESS
    assert (till.order(order), till.payment(payment_id)) == (paid, kept)
    assert till.outcomes(order)[1:] == [("REPEATED", "SUCCESS", False)] * 2


@pytest.mark.parametrize("first", ["notifyPayment", "pushPayment"])
def test_a_second_payment_is_acknowledged_and_not_applied(till: Till, first: str) -> None:
    order, payment_id, second = till.place(), new_payment_id(), new_payment_id()
    pay = till.notify if first == "notifyPayment" else till.push
    assert pay(order, payment_id) == SUCCESS
    for _ in range(2):
        assert till.notify(order, second) == SUCCESS
    assert (till.accepted(order), till.payment(second)) == ([payment_id], None)
    assert till.outcomes(order)[1:] == [("CONFLICT", "SUCCESS", True), ("CONFLICT", "SUCCESS", False)]
    assert till.messages(order)[1].said == (
        f"a second payment for an order that payment {payment_id} has paid; not applied"
    )


def test_the_push_of_the_same_payment_and_its_notification_agree(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    assert till.push(order, payment_id) == SUCCESS
    assert till.notify(order, payment_id) == SUCCESS
    assert till.outcomes(order) == [("APPLIED", "SUCCESS", False), ("REPEATED", "SUCCESS", False)]


def test_a_repeat_from_another_wallet_or_customer_is_a_conflict(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    till.notify(order, payment_id)
    for changes in ({"pspId": GCASH}, {"customerId": "U2"}):
        assert till.notify(order, payment_id, **changes) == SUCCESS
        assert till.outcomes(order)[-1] == ("CONFLICT", "SUCCESS", True)


@pytest.mark.parametrize(
    "wrong",
    [amount(1499), amount(0), amount(1500, "USD"), amount("9" * 18)],
    ids=lambda it: f"{it['value']}{it['currency']}",
)
@pytest.mark.parametrize("result", [{}, {"paymentResult": FAILED}], ids=["S", "F"])
def test_a_wrong_amount_is_refused_and_kept(till: Till, wrong: dict[str, Any], result: dict[str, Any]) -> None:
    order, payment_id = till.place(), new_payment_id()
    before = till.order(order)
    for _ in range(2):
        assert till.notify(order, payment_id, paymentAmount=wrong, **result) == REFUSED
    assert (till.order(order), till.payment(payment_id)) == (before, None)
    assert till.outcomes(order) == [("REFUSED", "PROCESS_FAIL", True), ("REFUSED", "PROCESS_FAIL", False)]
    assert till.messages(order)[0].said == "the amount differs from the order's, 1500 JPY in minor units"


def test_a_repeat_that_says_another_amount_is_a_conflict(till: Till) -> None:
    """It is acknowledged: refused, it would be repeated for ever, though the order is paid by this very payment."""
    order, payment_id = till.place(), new_payment_id()
    assert till.notify(order, payment_id) == SUCCESS
    for changes in ({}, {"paymentResult": FAILED}):
        assert till.notify(order, payment_id, paymentAmount=amount(1), **changes) == SUCCESS
        assert till.outcomes(order)[-1] == ("CONFLICT", "SUCCESS", True)
    assert till.notify(order, new_payment_id(), paymentAmount=amount(1)) == REFUSED
    assert till.accepted(order) == [payment_id]


@pytest.mark.parametrize("result", [{}, {"paymentResult": FAILED}], ids=["S", "F"])
def test_a_payment_that_has_paid_elsewhere_is_refused_be_it_said_to_have_failed(
    till: Till, result: dict[str, Any]
) -> None:
    paid, order, payment_id = till.place(), till.place(), new_payment_id()
    assert till.push(paid, payment_id) == SUCCESS
    assert till.notify(order, payment_id, **result) == REFUSED
    assert till.outcomes(order) == [("REFUSED", "PROCESS_FAIL", True)]


def test_the_amount_that_counts_is_the_one_of_the_first_answer(till: Till) -> None:
    order = till.place()
    with till.store.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE orders SET amount = 7 WHERE payment_request_id = '{order.payment_request_id}'"
        )
    assert till.notify(order, new_payment_id(), paymentAmount=amount(7)) == REFUSED
    assert till.notify(order, new_payment_id(), paymentAmount=amount(1500)) == SUCCESS


@pytest.mark.parametrize("result", [{}, {"paymentResult": FAILED}], ids=["S", "F"])
def test_an_unknown_order_is_refused_and_kept(till: Till, result: dict[str, Any]) -> None:
    order, payment_id = till.place(), new_payment_id()
    unknown = f"X{payment_id}"
    for _ in range(2):
        assert till.notify(order, payment_id, paymentRequestId=unknown, **result) == REFUSED
    assert till.payment(payment_id) is None
    found = till.messages(payment_id=payment_id)
    assert [(row.payment_request_id, row.code_value, row.outcome) for row in found] == [
        (unknown, None, "REFUSED")
    ] * 2
    assert [row.needs_attention for row in found] == [True, False]


def test_a_payment_that_has_paid_another_order_is_refused_and_kept(till: Till) -> None:
    first, second, payment_id = till.place(), till.place(), new_payment_id()
    assert till.push(first, payment_id) == SUCCESS
    assert till.notify(second, payment_id) == REFUSED
    assert (till.state(second), till.accepted(second)) == ("OPEN", [])
    (message,) = till.messages(second)
    assert (message.outcome, message.needs_attention) == ("REFUSED", True)
    assert message.said == f"this paymentId has paid another order, {first.payment_request_id}"


def test_a_fact_outweighs_the_refusal_of_its_push(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    _suspend(till, order)
    assert till.push(order, payment_id).code == "INVALID_MERCHANT_STATUS"
    assert till.notify(order, payment_id) == SUCCESS
    assert till.accepted(order) == [payment_id]
    message = till.messages(order)[-1]
    assert message.needs_attention
    assert message.said == (
        "paid; the merchant is suspended; its pushPayment had been refused (INVALID_MERCHANT_STATUS)"
    )
    assert till.inquire(order, payment_id).payment == "SUCCESS"
