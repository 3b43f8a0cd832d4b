"""notifyPayment of the sister product: a payment that has succeeded is a fact, whatever we think of it.

An authentic success always counts; what a person should know about it is flagged. A failed one leaves the order as
it is. What fits no order, or another amount, is refused and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import AccessDenied
from acqp_gateway.payments.decision import asked_amount
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import Handled, Incoming, refusal_body
from acqp_gateway.protocol.messages.notify_payment import NOTIFY_PAYMENT_API, Notification
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.protocol.results import ResultCode, ResultStatus
from acqp_gateway.store import payments
from acqp_gateway.store.database import Store
from acqp_gateway.store.payments import ACCEPTED, DENIED, REFUSED, Payment, PaymentMessage


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What becomes of a notification; `attention` is what a person should know, `payment` what is written."""

    outcome: str
    result: ResultCode
    said: str
    attention: bool = False
    payment: Payment | None = None
    known: Row[Any] | None = None


class PaymentNotifications:
    """Takes notifyPayment."""

    def __init__(self, store: Store, *, acquirer_id: str, clock: Clock = now) -> None:
        self._store = store
        self._acquirer_id = acquirer_id
        self._clock = clock

    def handle(self, incoming: Incoming[Notification]) -> Handled:
        """Apply, keep and acknowledge, in one transaction. Raises AccessDenied, StoreError."""
        if incoming.request.acquirer_id != self._acquirer_id:
            raise AccessDenied("other_acquirer")
        at = self._clock()
        outcome = payments.decide(self._store, lambda connection: _take(connection, incoming, at))
        notification = incoming.request
        facts = {
            "order": notification.payment_request_id,
            "payment": notification.payment_id,
            "outcome": outcome.outcome,
            "reason": None if outcome.result is results.SUCCESS else outcome.said,
        }
        return Handled(refusal_body(outcome.result), outcome.result, facts)


def _take(connection: Connection, incoming: Incoming[Notification], at: datetime) -> _Outcome:
    notification = incoming.request
    order = payments.lock_order(connection, notification.payment_request_id)
    outcome = _judge(connection, notification, order, at)
    if outcome.payment is not None and order is not None:
        reason = f"notifyPayment {notification.payment_id or ''}".strip()
        payments.mark_paid(connection, order, reason=reason, at=at)
        payments.put(connection, outcome.payment, known=outcome.known)
    payments.record(connection, _message(incoming, order, outcome, at))
    return outcome


def _judge(connection: Connection, notification: Notification, order: Row[Any] | None, at: datetime) -> _Outcome:
    if order is None:
        return _refused("no order has this paymentRequestId")
    known = payments.find(connection, notification.payment_id) if notification.payment_id else None
    if known is not None and known.state == ACCEPTED and known.payment_request_id != order.payment_request_id:
        return _refused(f"this paymentId has paid another order, {known.payment_request_id}")
    accepted = payments.accepted_for(connection, order.payment_request_id)
    if notification.payment_amount not in (None, asked_amount(order)):
        return _of_another_amount(notification, order, accepted)
    if notification.result_status == ResultStatus.F:
        return _failed(notification, accepted)
    if accepted is not None:
        return _repeated(connection, notification, accepted)
    flags = _flags(connection, notification, order, at)
    if known is not None and known.state == REFUSED:
        flags.append(f"its pushPayment had been refused ({known.result_code})")
    if known is not None and known.state == DENIED:
        flags.append("an inquiry had been told that there is no such payment")
    if notification.payment_id in _named(connection, order, "FAILED"):
        flags.append("this paymentId had been said to have failed")
    payment = _payment(notification, order, at)
    said = "; ".join(["paid", *flags])
    return _Outcome("APPLIED", results.SUCCESS, said, bool(flags), payment, known)


def _of_another_amount(notification: Notification, order: Row[Any], accepted: Row[Any] | None) -> _Outcome:
    """Refused, but for the very payment that has paid the order: that one is only repeated wrongly."""
    said = f"the amount differs from the order's, {_written(asked_amount(order))}"
    if accepted is None or accepted.payment_id is None or accepted.payment_id != notification.payment_id:
        return _refused(said)
    return _Outcome("CONFLICT", results.SUCCESS, f"{said}, which this payment has paid; not applied", attention=True)


def _refused(said: str) -> _Outcome:
    return _Outcome("REFUSED", results.PROCESS_FAIL, said, attention=True)


def _failed(notification: Notification, accepted: Row[Any] | None) -> _Outcome:
    if accepted is not None and _may_be_one(accepted.payment_id, notification.payment_id):
        said = f"said to have failed ({notification.result_code}) after it had succeeded; the order stays paid"
        return _Outcome("CONFLICT", results.SUCCESS, said, attention=True)
    return _Outcome("FAILED", results.SUCCESS, f"the payment failed: {notification.result_code}")


def _named(connection: Connection, order: Row[Any], *outcomes: str) -> set[str]:
    return payments.named_before(connection, order.payment_request_id, NOTIFY_PAYMENT_API.name, outcomes)


def _repeated(connection: Connection, notification: Notification, accepted: Row[Any]) -> _Outcome:
    # The payment may have been accepted before anybody named it; whoever did first, did.
    named = {accepted.payment_id} if accepted.payment_id else _named(connection, accepted, "APPLIED", "REPEATED")
    same = (
        (notification.payment_id is None or not named or notification.payment_id in named)
        and _may_be_one(accepted.psp_id, notification.psp_id)
        and _may_be_one(accepted.customer_id, notification.customer_id)
    )
    if same:
        return _Outcome("REPEATED", results.SUCCESS, "the order is paid by this payment already")
    paid_by = f"payment {accepted.payment_id}" if accepted.payment_id else f"another {accepted.api}"
    if accepted.payment_id is not None and accepted.payment_id == notification.payment_id:
        said = f"names another pspId or customerId than {paid_by} did when it paid the order; not applied"
    else:
        said = f"a second payment for an order that {paid_by} has paid; not applied"
    return _Outcome("CONFLICT", results.SUCCESS, said, attention=True)


def _may_be_one(known: str | None, said: str | None) -> bool:
    """What one of the two left out contradicts nothing."""
    return known is None or said is None or known == said


def _flags(connection: Connection, notification: Notification, order: Row[Any], at: datetime) -> list[str]:
    """What a person should know of a payment that counts all the same."""
    flags = []
    paid_at = notification.payment_time or at
    if order.state == "PAID":
        flags.append("the order had been marked as paid by hand before")
    elif order.state not in ("OPEN", "EXPIRED"):
        flags.append(f"late: the order had been {order.state.lower()} before")
    elif paid_at >= order.expires_at:
        flags.append("late: the order was past its time")
    if notification.payment_amount is None:
        flags.append("the notification did not say which amount")
    merchant, store = payments.merchant_statuses(connection, order)
    if merchant != "ACTIVE":
        flags.append(f"the merchant is {merchant.lower()}")
    if store not in (None, "ACTIVE"):
        flags.append(f"the store is {str(store).lower()}")
    return flags


def _written(amount: Amount) -> str:
    return f"{amount.value} {amount.currency} in minor units"


def _payment(notification: Notification, order: Row[Any], at: datetime) -> Payment:
    amount = notification.payment_amount
    return Payment(
        payment_id=notification.payment_id,
        payment_request_id=order.payment_request_id,
        code_value=order.code_value,
        api=NOTIFY_PAYMENT_API.name,
        state=ACCEPTED,
        result_code=results.SUCCESS.code,
        reason="",
        psp_id=notification.psp_id,
        customer_id=notification.customer_id,
        said_payment_request_id=notification.payment_request_id,
        amount=amount.value if amount else None,
        currency=amount.currency if amount else None,
        settlement_amount=None,
        settlement_currency=None,
        paid_at=notification.payment_time or at,
        decided_at=at,
    )


def _message(
    incoming: Incoming[Notification], order: Row[Any] | None, outcome: _Outcome, at: datetime
) -> PaymentMessage:
    notification = incoming.request
    amount = notification.payment_amount
    return PaymentMessage(
        at=at,
        api=NOTIFY_PAYMENT_API.name,
        payment_request_id=notification.payment_request_id,
        code_value=None if order is None else order.code_value,
        payment_id=notification.payment_id,
        psp_id=notification.psp_id,
        amount=amount.value if amount else None,
        currency=amount.currency if amount else None,
        outcome=outcome.outcome,
        result_code=outcome.result.code,
        said=outcome.said,
        needs_attention=outcome.attention,
        body=incoming.body,
    )
