"""What was decided of a paymentId stands: it is answered alike, never decided twice, and contradicted by nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from acqp_gateway.orders import states
from acqp_gateway.store import merchants
from tests.payments.helpers import GCASH, SUCCESS, Answer, Till, amount, new_payment_id

CONFLICT = Answer("PROCESS_FAIL", "F")


def suspend(till: Till, status: str = "SUSPENDED") -> None:
    merchants.set_status(till.store, till.shop.merchant_id, status, reason=None, at=till.at)


def test_an_accepted_one_is_answered_alike_whatever_has_changed(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    assert till.push(order, payment_id) == SUCCESS
    decided, paid = till.payment(payment_id), till.order(order)
    till.wait(hours=2)
    suspend(till)
    for _ in range(2):
        assert till.push(order, payment_id) == SUCCESS
    assert (till.payment(payment_id), till.order(order)) == (decided, paid)
    assert till.outcomes(order) == [("APPLIED", "SUCCESS", False), *[("REPEATED", "SUCCESS", False)] * 2]
    assert till.inquire(order, payment_id) == Answer("SUCCESS", "S", "SUCCESS")


def test_a_refused_one_is_answered_alike_when_it_would_be_accepted_now(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    suspend(till)
    refused = Answer("INVALID_MERCHANT_STATUS", "F")
    assert till.push(order, payment_id) == refused
    decided = till.payment(payment_id)
    suspend(till, "ACTIVE")
    assert till.push(order, payment_id) == refused
    assert till.push(order, payment_id, sent_at=till.at + timedelta(minutes=1)) == refused
    assert (till.payment(payment_id), till.state(order)) == (decided, "OPEN")
    assert [outcome for outcome, *_ in till.outcomes(order)] == ["REFUSED", "REPEATED", "REPEATED"]
    assert till.push(order, new_payment_id()) == SUCCESS
    assert till.push(order, payment_id) == refused


def test_a_refused_one_keeps_its_first_code(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    suspend(till)
    assert till.push(order, payment_id).code == "INVALID_MERCHANT_STATUS"
    states.close(till.store, order.payment_request_id, reason=None, at=till.at)
    till.wait(minutes=10)
    assert till.push(order, payment_id).code == "INVALID_MERCHANT_STATUS"
    assert till.inquire(order, payment_id).payment == "INVALID_MERCHANT_STATUS"


CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "code": ({"codeValue": "another code"}, "codeValue"),
    "wallet": ({"pspId": GCASH}, "pspId"),
    "order": ({"paymentRequestId": "another"}, "paymentRequestId"),
    "amount": ({"paymentAmount": amount(1)}, "paymentAmount"),
    "currency": ({"paymentAmount": amount(1500, "USD")}, "paymentAmount"),
    "settlement amount": ({"settlementAmount": amount(1001, "USD")}, "settlementAmount"),
    "settlement currency": ({"settlementAmount": amount(1000, "JPY")}, "settlementAmount"),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_what_contradicts_an_accepted_one(till: Till, what: str) -> None:
    changes, member = CONTRADICTIONS[what]
    order, payment_id = till.place(), new_payment_id()
    assert till.push(order, payment_id) == SUCCESS
    decided, paid = till.payment(payment_id), till.order(order)
    assert till.push(order, payment_id, **changes) == CONFLICT
    assert (till.payment(payment_id), till.order(order)) == (decided, paid)
    message = till.messages(payment_id=payment_id)[-1]
    assert (message.outcome, message.result_code, message.needs_attention) == ("CONFLICT", "PROCESS_FAIL", True)
    assert message.said == f"{member} differs from the first call with this paymentId, which stands"
    assert till.push(order, payment_id) == SUCCESS
    assert till.inquire(order, payment_id) == Answer("SUCCESS", "S", "SUCCESS")


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_what_contradicts_a_refused_one(till: Till, what: str) -> None:
    changes, _ = CONTRADICTIONS[what]
    order, payment_id = till.place(), new_payment_id()
    suspend(till)
    assert till.push(order, payment_id).code == "INVALID_MERCHANT_STATUS"
    suspend(till, "ACTIVE")
    assert till.push(order, payment_id, **changes) == CONFLICT
    assert till.messages(payment_id=payment_id)[-1].needs_attention
    assert till.push(order, payment_id).code == "INVALID_MERCHANT_STATUS"
    assert till.state(order) == "OPEN"


def test_what_was_wrong_the_first_time_cannot_be_mended_with_the_same_payment_id(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    wrong = {"paymentAmount": amount(1)}
    assert till.push(order, payment_id, **wrong).code == "PAYMENT_AMOUNT_INVALID"
    assert till.push(order, payment_id) == CONFLICT
    assert till.push(order, payment_id, **wrong).code == "PAYMENT_AMOUNT_INVALID"
    assert till.state(order) == "OPEN"


def test_one_payment_for_two_orders(till: Till) -> None:
    first, second, payment_id = till.place(), till.place(), new_payment_id()
    assert till.push(first, payment_id) == SUCCESS
    assert till.push(second, payment_id) == CONFLICT
    assert (till.state(first), till.state(second)) == ("PAID", "OPEN")
    assert till.push(second, new_payment_id()) == SUCCESS


def test_who_pays_may_be_named_later_or_not_at_all(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    assert till.push(order, payment_id) == SUCCESS
    for member in ("paymentRequestId", "paymentAmount", "settlementAmount", "customerId"):
        assert till.push(order, payment_id, **{member: ...}) == SUCCESS


def test_an_amount_that_the_first_call_left_out_is_held_against_the_order(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    assert till.push(order, payment_id, paymentAmount=...) == SUCCESS
    assert till.push(order, payment_id, paymentAmount=amount(1500)) == SUCCESS
    assert till.push(order, payment_id, paymentAmount=amount(1)) == CONFLICT


def test_the_very_same_contradiction_calls_no_second_person(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    till.push(order, payment_id)
    for _ in range(3):
        assert till.push(order, payment_id, paymentAmount=amount(1)) == CONFLICT
    assert till.push(order, payment_id, paymentAmount=amount(2)) == CONFLICT
    assert [told for outcome, _, told in till.outcomes(order) if outcome == "CONFLICT"] == [True, False, False, True]


def test_the_very_same_wrong_amount_calls_no_second_person(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    for _ in range(2):
        assert till.push(order, payment_id, paymentAmount=amount(1)).code == "PAYMENT_AMOUNT_INVALID"
    assert [told for _, _, told in till.outcomes(order)] == [True, False]
