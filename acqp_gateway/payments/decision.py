"""May a pushPayment pay this order? Pure; pushPayment, known in part, and docs/payments.md.

A pushPayment is judged anew, like a decode: who was suspended meanwhile is not paid.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from acqp_gateway.errors import AmountInvalid, CodeExpired, OrderClosed, OrderUnknown, PaymentContradicts
from acqp_gateway.orders import acceptance
from acqp_gateway.orders.states import UNPAID_STATES
from acqp_gateway.protocol.messages import inquiry_push_payment, push_payment
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.store.decodes import CodeOnRecord, Order

#: How long after its last successful decode an order may still be paid.
PAYABLE_AFTER_DECODE = timedelta(minutes=3)


def decide(
    request: push_payment.Request, record: CodeOnRecord | None, *, last_decoded_at: datetime | None, at: datetime
) -> None:
    """Return when the order is to be paid by this payment. Raises an OrderRefused otherwise.

    `at` is when the call arrived.
    """
    if record is None:
        raise OrderUnknown("unknown_code")
    order = record.order
    if request.payment_request_id not in (None, order.payment_request_id):
        raise PaymentContradicts("payment_request_id_differs")
    if order.state not in UNPAID_STATES:
        raise OrderClosed(f"order_{order.state.lower()}")
    _check_decoded_in_time(order, last_decoded_at, at)
    acceptance.judge(record, at)
    check_amounts(request, order)


def _check_decoded_in_time(order: Order, last_decoded_at: datetime | None, at: datetime) -> None:
    if last_decoded_at is None or order.pinned_answer is None:
        if order.state == "EXPIRED" or at >= order.expires_at:
            raise CodeExpired
        raise PaymentContradicts("never_decoded")
    if at > last_decoded_at + PAYABLE_AFTER_DECODE:
        raise CodeExpired("decoded_too_long_ago")


def check_amounts(request: push_payment.Request, order: Order | Row[Any]) -> None:
    """Raise AmountInvalid where a call's amounts are not what the order asks for."""
    asked = asked_amount(order)
    if request.payment_amount not in (None, asked):
        raise AmountInvalid("payment_amount_differs")
    settlement = request.settlement_amount
    if settlement is None or order.pinned_answer is None:
        return
    if settlement.currency != _promised_settlement_currency(order.pinned_answer, asked):
        raise AmountInvalid("settlement_currency_differs")
    # In the payment's own currency there is nothing to convert.
    if settlement.value == 0 or (settlement.currency == asked.currency and settlement != asked):
        raise AmountInvalid("settlement_amount_differs")


def asked_amount(order: Order | Row[Any]) -> Amount:
    """What an order costs: as its pinned answer said, where it was decoded."""
    return amount_of(order.pinned_amount, order.pinned_currency) or Amount(order.currency, order.amount)


def _promised_settlement_currency(pinned_answer: bytes, asked: Amount) -> str:
    """The currency that the pinned answer named: contracts may have changed since."""
    strategy = json.loads(pinned_answer).get("settlementStrategy") or {}
    return str(strategy.get("settlementCurrency", asked.currency))


def difference(request: push_payment.Request | inquiry_push_payment.Request, first: Row[Any]) -> str | None:
    """The first member in which a call contradicts the first one with its paymentId; None when none does.

    A member that one of the two left out contradicts nothing.
    """
    said: list[tuple[str, object, object]] = [
        ("codeValue", request.code_value, first.code_value),
        ("pspId", request.psp_id, first.psp_id),
        ("paymentRequestId", request.payment_request_id, first.said_payment_request_id or first.payment_request_id),
    ]
    if isinstance(request, push_payment.Request):
        said += [
            ("paymentAmount", request.payment_amount, amount_of(first.amount, first.currency)),
            (
                "settlementAmount",
                request.settlement_amount,
                amount_of(first.settlement_amount, first.settlement_currency),
            ),
        ]
    for name, now_said, said_first in said:
        if now_said is not None and said_first is not None and now_said != said_first:
            return name
    return None


def amount_of(value: int | None, currency: str | None) -> Amount | None:
    """An amount from its two columns."""
    return None if value is None or currency is None else Amount(currency, value)
