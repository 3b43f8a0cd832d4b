"""pushPayment: an order is paid once, by the first payment that may; every refusal has its code and is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from acqp_gateway.orders import states
from acqp_gateway.store import merchants, orders, registrations
from tests.payments.helpers import ALIPAY_CN, GCASH, SUCCESS, Answer, Till, amount, new_payment_id
from tests.store.helpers import run_sql


def test_it_marks_the_order_paid_and_is_kept(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    till.wait(seconds=30)
    assert till.push(order, payment_id) == SUCCESS
    paid = till.order(order)
    assert (paid.state, paid.state_reason, paid.state_since) == ("PAID", f"pushPayment {payment_id}", till.at)
    kept = till.payment(payment_id)
    assert kept is not None
    assert (
        kept._mapping.items()
        >= {
            "payment_request_id": order.payment_request_id,
            "code_value": order.code_value,
            "api": "pushPayment",
            "state": "ACCEPTED",
            "result_code": "SUCCESS",
            "reason": "",
            "psp_id": ALIPAY_CN,
            "customer_id": "U1",
            "amount": 1500,
            "currency": "JPY",
            "settlement_amount": 1000,
            "settlement_currency": "USD",
            "paid_at": till.at,
            "decided_at": till.at,
            "denied_at": None,
        }.items()
    )
    (message,) = till.messages(order)
    assert (message.api, message.outcome, message.needs_attention) == ("pushPayment", "APPLIED", False)
    assert (message.amount, message.currency, message.at) == (1500, "JPY", till.at)
    assert payment_id.encode() in message.body
    assert till.decode(order) == Answer("ORDER_IS_CLOSED", "F")


def test_what_it_may_leave_out(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    left_out = dict.fromkeys(("paymentRequestId", "settlementAmount", "customerId"), ...)
    assert till.push(order, payment_id, **left_out) == SUCCESS
    assert till.outcomes(order) == [("APPLIED", "SUCCESS", False)]


def test_a_person_is_told_of_a_call_that_does_not_say_which_amount(till: Till) -> None:
    order = till.place()
    assert till.push(order, new_payment_id(), paymentAmount=...) == SUCCESS
    assert till.outcomes(order) == [("APPLIED", "SUCCESS", True)]
    assert till.messages(order)[0].said == "paid; the call did not say which amount"


def test_members_that_nobody_knows_are_ignored(till: Till) -> None:
    assert till.push(till.place(), new_payment_id(), extendInfo={"a": [1]}, paymentMethod=7) == SUCCESS


def _close(till: Till, order: Any) -> None:
    states.close(till.store, order.payment_request_id, reason=None, at=till.at)


def _cancel(till: Till, order: Any) -> None:
    orders.move(till.store, order.payment_request_id, "CANCELLED", from_states=["OPEN"], reason=None, at=till.at)


def _pay_by_hand(till: Till, order: Any) -> None:
    states.mark_paid(till.store, order.payment_request_id, reason=None, at=till.at)


def _pay_by_another(till: Till, order: Any) -> None:
    assert till.push(order, new_payment_id()) == SUCCESS


def _pay_by_notification(till: Till, order: Any) -> None:
    assert till.notify(order, new_payment_id()) == SUCCESS


def _suspend(till: Till, _order: Any) -> None:
    merchants.set_status(till.store, till.shop.merchant_id, "SUSPENDED", reason=None, at=till.at)


def _close_store(till: Till, _order: Any) -> None:
    shop = till.shop
    merchants.set_store_status(till.store, shop.merchant_id, shop.store_id, "CLOSED", reason=None, at=till.at)


def _suspend_store(till: Till, _order: Any) -> None:
    shop = till.shop
    merchants.set_store_status(till.store, shop.merchant_id, shop.store_id, "SUSPENDED", reason=None, at=till.at)


def _fail_kyb(till: Till, _order: Any) -> None:
    merchants.change(till.store, till.shop.merchant_id, {"kyb_level": "FAILED"})


def _end_contract(till: Till, _order: Any) -> None:
    for contract in merchants.listed_contracts(till.store, till.shop.merchant_id):
        merchants.end_contract(till.store, contract.contract_id, at=till.at)


def _reject(till: Till, _order: Any) -> None:
    shop = till.shop
    registrations.set_by_hand(
        till.store, shop.merchant_id, shop.store_id, "ALIPAY_CN", ["IN_STORE_PAYMENT"], status="REJECTED",
        rejection_reason=None, at=till.at,
    )  # fmt: skip


def _change_amount(till: Till, order: Any) -> None:
    change = "UPDATE orders SET amount = 1 WHERE payment_request_id = :id"
    assert run_sql(till.store, change, id=order.payment_request_id) == 1


def _wait_too_long(till: Till, _order: Any) -> None:
    till.wait(minutes=3, microseconds=1)


Preparation = Callable[[Till, Any], None]

#: Cause -> what is done between decode and push, result code, label.
BETWEEN: dict[str, tuple[Preparation, str, str]] = {
    "closed": (_close, "ORDER_IS_CLOSED", "order_closed"),
    "cancelled": (_cancel, "ORDER_IS_CLOSED", "order_cancelled"),
    "paid by hand": (_pay_by_hand, "ORDER_IS_CLOSED", "order_paid"),
    "paid by another payment": (_pay_by_another, "ORDER_IS_CLOSED", "order_paid"),
    "paid by a notification": (_pay_by_notification, "ORDER_IS_CLOSED", "order_paid"),
    "merchant suspended": (_suspend, "INVALID_MERCHANT_STATUS", "merchant_suspended"),
    "store suspended": (_suspend_store, "INVALID_MERCHANT_STATUS", "store_suspended"),
    "store closed": (_close_store, "INVALID_MERCHANT_STATUS", "store_closed"),
    "KYB failed": (_fail_kyb, "MERCHANT_KYB_NOT_QUALIFIED", "kyb_failed"),
    "contract ended": (_end_contract, "INVALID_CONTRACT", "no_contract_in_force"),
    "registration rejected": (_reject, "MERCHANT_NOT_REGISTERED", "not_registered"),
    "amount changed since": (_change_amount, "PROCESS_FAIL", "order_differs_from_pin"),
    "decoded too long ago": (_wait_too_long, "EXPIRED_CODE", "decoded_too_long_ago"),
}

#: Cause -> what the call says, result code, label, whether a person is told.
SAID: dict[str, tuple[dict[str, Any], str, str, bool]] = {
    "amount lower": ({"paymentAmount": amount(1499)}, "PAYMENT_AMOUNT_INVALID", "payment_amount_differs", True),
    "amount higher": ({"paymentAmount": amount(1501)}, "PAYMENT_AMOUNT_INVALID", "payment_amount_differs", True),
    "amount 0": ({"paymentAmount": amount(0)}, "PAYMENT_AMOUNT_INVALID", "payment_amount_differs", True),
    "amount of 18 digits": (
        {"paymentAmount": amount("9" * 18)}, "PAYMENT_AMOUNT_INVALID", "payment_amount_differs", True,
    ),
    "currency": ({"paymentAmount": amount(1500, "USD")}, "PAYMENT_AMOUNT_INVALID", "payment_amount_differs", True),
    "settlement currency": (
        {"settlementAmount": amount(1000, "EUR")}, "PAYMENT_AMOUNT_INVALID", "settlement_currency_differs", True,
    ),
    "settlement 0": (
        {"settlementAmount": amount(0, "USD")}, "PAYMENT_AMOUNT_INVALID", "settlement_amount_differs", True,
    ),
    "another order's id": ({"paymentRequestId": "another"}, "PROCESS_FAIL", "payment_request_id_differs", False),
    "wallet where the shop is not registered": (
        {"pspId": GCASH}, "MERCHANT_NOT_REGISTERED", "not_registered", False,
    ),
}  # fmt: skip


def assert_refused_and_kept(till: Till, order: Any, payment_id: str, code: str, reason: str, told: bool) -> None:
    """Kept with its code, nothing applied, and the inquiry agrees."""
    kept = till.payment(payment_id)
    assert kept is not None
    assert (kept.state, kept.result_code, kept.reason, kept.paid_at) == ("REFUSED", code, reason, None)
    assert payment_id not in till.accepted(order)
    message = till.messages(payment_id=payment_id)[-1]
    assert (message.outcome, message.result_code, message.needs_attention) == ("REFUSED", code, told)
    assert message.said == reason
    assert till.inquire(order, payment_id) == Answer("SUCCESS", "S", code)


@pytest.mark.parametrize("cause", BETWEEN)
def test_refused_by_what_happened_since_the_decode(till: Till, cause: str) -> None:
    prepare, code, reason = BETWEEN[cause]
    order, payment_id = till.place(expires_in_s=600), new_payment_id()
    prepare(till, order)
    before = till.order(order)
    assert till.push(order, payment_id) == Answer(code, "F")
    assert till.order(order) == before
    assert_refused_and_kept(till, order, payment_id, code, reason, told=False)


@pytest.mark.parametrize("cause", SAID)
def test_refused_by_what_it_says(till: Till, cause: str) -> None:
    changes, code, reason, told = SAID[cause]
    order, payment_id = till.place(), new_payment_id()
    before = till.order(order)
    assert till.push(order, payment_id, **changes) == Answer(code, "F")
    assert till.order(order) == before
    same = {name: value for name, value in changes.items() if name in ("pspId", "paymentRequestId")}
    kept = till.payment(payment_id)
    assert kept is not None
    assert (kept.state, kept.result_code, kept.reason) == ("REFUSED", code, reason)
    (message,) = till.messages(order)
    assert (message.outcome, message.result_code, message.needs_attention) == ("REFUSED", code, told)
    assert till.inquire(order, payment_id, **same) == Answer("SUCCESS", "S", code)
    assert till.push(order, new_payment_id()) == SUCCESS


def test_settlement_in_the_payments_own_currency_is_the_same_amount(till: Till) -> None:
    _end_contract(till, None)
    till.wait(seconds=1)
    merchants.add_contract(
        till.store,
        merchants.NewContract(
            merchant_id=till.shop.merchant_id, currency="JPY", largest_amount=1_000_000, settlement_currency="JPY",
            in_force_from=till.at,
        ),
    )  # fmt: skip
    order = till.place()
    wrong = till.push(order, new_payment_id(), settlementAmount=amount(1499))
    assert wrong == Answer("PAYMENT_AMOUNT_INVALID", "F")
    assert till.push(order, new_payment_id(), settlementAmount=amount(1500)) == SUCCESS


def test_settlement_is_judged_by_what_the_pinned_answer_promised(till: Till) -> None:
    order = till.place()
    _end_contract(till, None)
    till.wait(seconds=1)
    merchants.add_contract(
        till.store,
        merchants.NewContract(
            merchant_id=till.shop.merchant_id, currency="JPY", largest_amount=1_000_000, settlement_currency="EUR",
            in_force_from=till.at,
        ),
    )  # fmt: skip
    till.wait(seconds=1)
    assert till.push(order, new_payment_id(), settlementAmount=amount(9, "EUR")).code == "PAYMENT_AMOUNT_INVALID"
    assert till.push(order, new_payment_id(), settlementAmount=amount(9, "USD")) == SUCCESS


def test_an_unknown_code(till: Till) -> None:
    order, payment_id = till.shop.place(), new_payment_id()
    nobodys = {"codeValue": f"{order.code_value}-nobody", "paymentRequestId": ...}
    assert till.push(order, payment_id, **nobodys) == Answer("ORDER_NOT_EXIST", "F")
    kept = till.payment(payment_id)
    assert kept is not None
    assert (kept.state, kept.reason, kept.payment_request_id) == ("REFUSED", "unknown_code", None)
    (message,) = till.messages(payment_id=payment_id)
    assert (message.outcome, message.code_value) == ("REFUSED", f"{order.code_value}-nobody")
    assert till.inquire(order, payment_id, **nobodys) == Answer("SUCCESS", "S", "ORDER_NOT_EXIST")
    assert till.push(order, payment_id).code == "PROCESS_FAIL"


def test_an_order_that_was_never_decoded(till: Till) -> None:
    order, payment_id = till.place(decoded=False), new_payment_id()
    assert till.push(order, payment_id) == Answer("PROCESS_FAIL", "F")
    assert_refused_and_kept(till, order, payment_id, "PROCESS_FAIL", "never_decoded", told=False)


def test_a_decode_that_was_refused_is_no_decode(till: Till) -> None:
    order = till.place(decoded=False)
    assert till.decode(order, pspId=GCASH).status == "F"
    assert till.push(order, new_payment_id()) == Answer("PROCESS_FAIL", "F")


def test_an_order_that_expired_and_was_never_decoded(till: Till) -> None:
    order, payment_id = till.place(decoded=False, expires_in_s=60), new_payment_id()
    till.at = order.expires_at
    assert till.push(order, payment_id) == Answer("EXPIRED_CODE", "F")
    assert_refused_and_kept(till, order, payment_id, "EXPIRED_CODE", "code_expired", told=False)


def test_another_acquirer_reaches_nothing(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    other = {"acquirerId": "2021228199999999"}
    denied = Answer("ACCESS_DENIED", "F")
    assert till.push(order, payment_id, **other) == denied
    assert till.inquire(order, payment_id, **other) == denied
    assert till.notify(order, payment_id, **other) == denied
    assert (till.payment(payment_id), till.outcomes(order), till.state(order)) == (None, [], "OPEN")
    assert till.push(order, payment_id, sent_at=till.at - timedelta(seconds=9)) == SUCCESS


class TestWindow:
    """Three minutes after the last successful decode."""

    def test_the_last_moment(self, till: Till) -> None:
        order = till.place(expires_in_s=600)
        till.wait(minutes=3)
        assert till.push(order, new_payment_id()) == SUCCESS

    def test_the_order_has_expired_meanwhile(self, till: Till) -> None:
        order = till.place(decoded=False, expires_in_s=60)
        till.at = order.expires_at - timedelta(milliseconds=1)
        assert till.decode(order) == SUCCESS
        till.wait(minutes=3)
        assert till.push(order, new_payment_id()) == SUCCESS
        assert till.state(order) == "PAID"

    def test_and_somebody_has_written_it_down(self, till: Till) -> None:
        order = till.place(expires_in_s=60)
        till.wait(seconds=170)
        assert till.decode(order) == Answer("EXPIRED_CODE", "F")
        assert till.state(order) == "EXPIRED"
        till.wait(seconds=10)
        assert till.push(order, new_payment_id()) == SUCCESS
        assert till.state(order) == "PAID"
        assert till.decode(order) == Answer("ORDER_IS_CLOSED", "F")

    def test_a_refused_decode_opens_no_new_window(self, till: Till) -> None:
        order = till.place(expires_in_s=60)
        till.wait(seconds=179)
        assert till.decode(order) == Answer("EXPIRED_CODE", "F")
        till.wait(seconds=2)
        assert till.push(order, new_payment_id()) == Answer("EXPIRED_CODE", "F")
        assert till.state(order) == "EXPIRED"

    def test_a_second_decode_opens_a_new_one(self, till: Till) -> None:
        order, late = till.place(expires_in_s=600), new_payment_id()
        till.wait(minutes=3, seconds=1)
        assert till.push(order, late) == Answer("EXPIRED_CODE", "F")
        assert till.decode(order) == SUCCESS
        assert till.push(order, late) == Answer("EXPIRED_CODE", "F")
        assert till.push(order, new_payment_id()) == SUCCESS

    def test_what_counts_is_when_the_call_arrived(self, till: Till) -> None:
        order, payment_id = till.place(), new_payment_id()
        till.wait(minutes=3, seconds=1)
        assert till.push(order, payment_id, sent_at=till.at - timedelta(minutes=2)) == Answer("EXPIRED_CODE", "F")
