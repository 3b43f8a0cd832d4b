"""pushPayment and inquiryPushPayment: an order is paid exactly once, and the truth of it can be asked at any time.

What was decided of a paymentId stands: a repeat is answered alike, and nothing is decided twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import (
    AccessDenied,
    AmountInvalid,
    OrderRefused,
    OrderUnknown,
    PaymentContradicts,
    PaymentInProcess,
    StoreError,
)
from acqp_gateway.payments import decision
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import Handled, Incoming, refusal_body, result_of
from acqp_gateway.protocol.messages import inquiry_push_payment, push_payment
from acqp_gateway.protocol.messages.inquiry_push_payment import INQUIRY_PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.push_payment import PUSH_PAYMENT_API
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.store import payments
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import look_up_in
from acqp_gateway.store.payments import ACCEPTED, DENIED, REFUSED, Payment, PaymentMessage

#: After an outage, pushPayments that were answered U are settled within this time, by whichever worker holds them.
_SETTLED_AFTER_AN_OUTAGE_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Push:
    """A pushPayment as it arrived: what it says, its bytes, when Alipay+ made it and when it came (UTC)."""

    request: push_payment.Request
    body: bytes
    requested_at: datetime
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a pushPayment is answered, be it the first time or again. `decided_at` is UTC.

    `contradicted` is what was decided of the paymentId before, where this call contradicts it and is refused.
    """

    result: ResultCode
    reason: str
    payment_id: str
    payment_request_id: str | None
    decided_at: datetime
    contradicted: ResultCode | None = None

    @property
    def standing(self) -> ResultCode:
        """What was decided of the paymentId."""
        return self.contradicted or self.result


class PushPayments:
    """Decides pushPayments and answers inquiries about them.

    `continue_with` takes a pushPayment whose outcome the store kept from us; it says whether it will be settled
    and told. `is_settling` says whether a paymentId is among those.
    """

    def __init__(
        self,
        store: Store,
        *,
        acquirer_id: str,
        continue_with: Callable[[Push], bool],
        is_settling: Callable[[str], bool] = lambda _payment_id: False,
        clock: Clock = now,
    ) -> None:
        self._store = store
        self._acquirer_id = acquirer_id
        self._continue_with = continue_with
        self._is_settling = is_settling
        self._clock = clock

    def handle(self, incoming: Incoming[push_payment.Request]) -> Handled:
        """The answer to a pushPayment. Raises AccessDenied, PaymentInProcess, StoreError."""
        self._check_acquirer(incoming.request.acquirer_id)
        push = Push(incoming.request, incoming.body, incoming.requested_at, self._clock())
        try:
            verdict = self.settle(push)
        except StoreError as error:
            if not self._continue_with(push):
                raise
            in_process = PaymentInProcess(detail=str(error))
            in_process.facts = _facts(push)
            raise in_process from error
        facts = {**_facts(push), "order": verdict.payment_request_id, "reason": verdict.reason or None}
        return Handled(refusal_body(verdict.result), verdict.result, facts)

    def settle(self, push: Push) -> Verdict:
        """Decide, pay and keep in one transaction, or find what was decided before. Raises StoreError."""
        return payments.decide(self._store, lambda connection: _settle(connection, push))

    def handle_inquiry(self, incoming: Incoming[inquiry_push_payment.Request]) -> Handled:
        """The answer to an inquiryPushPayment. Raises AccessDenied, OrderUnknown, PaymentContradicts, StoreError."""
        request = incoming.request
        self._check_acquirer(request.acquirer_id)
        # Looked at before the record: what is settled in between is on record then.
        may_be_settling = self._is_settling(request.payment_id) or self._store.breaker.recovered_within(
            _SETTLED_AFTER_AN_OUTAGE_WITHIN_S
        )
        denial = None if may_be_settling else (incoming.requested_at, self._clock())
        found = payments.decide(self._store, lambda connection: _look_into(connection, request, denial))
        if found is None and may_be_settling:
            return _told(results.PAYMENT_IN_PROCESS, request.payment_id, None)
        if found is None:
            raise OrderUnknown("unknown_payment")
        differing = decision.difference(request, found)
        if differing is not None:
            raise PaymentContradicts("differs_from_first_call", differing)
        return _told(results.BY_CODE[found.result_code], found.payment_id, found.payment_request_id)

    def _check_acquirer(self, acquirer_id: str) -> None:
        if acquirer_id != self._acquirer_id:
            raise AccessDenied("other_acquirer")


def _facts(push: Push) -> dict[str, str | None]:
    return {"psp": push.request.psp_id, "payment": push.request.payment_id}


def _settle(connection: Connection, push: Push) -> Verdict:
    request = push.request
    order = payments.lock_order_of_code(connection, request.code_value)
    known = payments.find(connection, request.payment_id)
    if known is not None and known.state != DENIED:
        return _repeat(connection, push, known, order)
    try:
        if known is not None and _is_older(push, known):
            # Alipay+ was told that there is no such payment, and has given it up: this call is older than that.
            raise OrderUnknown("denied_meanwhile")
        _decide(connection, push, order)
    except OrderRefused as refusal:
        return _refuse(connection, push, order, known, refusal)
    return _accept(connection, push, order, known)


def _is_older(push: Push, denial: Row[Any]) -> bool:
    """Whether a call was made before the inquiry that was denied; in one second, which of the two came first."""
    if push.requested_at == denial.denied_at:
        return bool(push.arrived_at <= denial.decided_at)
    return bool(push.requested_at < denial.denied_at)


def _decide(connection: Connection, push: Push, order: Row[Any] | None) -> None:
    request = push.request
    record = None
    if order is not None:
        payments.hold_merchant(connection, order)
        record = look_up_in(connection, request.code_value, request.psp_id)
    last_decoded_at = payments.last_decoded_at(connection, request.code_value)
    decision.decide(request, record, last_decoded_at=last_decoded_at, at=push.arrived_at)


def _accept(connection: Connection, push: Push, order: Row[Any] | None, known: Row[Any] | None) -> Verdict:
    if order is None:
        raise RuntimeError("a payment was accepted for no order")
    request = push.request
    reason = f"pushPayment {request.payment_id}"
    payments.mark_paid(connection, order, reason=reason, at=push.arrived_at)
    payment = _payment(push, order, ACCEPTED, results.SUCCESS, "")
    payments.put(connection, payment, known=known)
    said = "paid" if request.payment_amount is not None else "paid; the call did not say which amount"
    message = _message(push, order, "APPLIED", results.SUCCESS, said, attention=request.payment_amount is None)
    payments.record(connection, message)
    return _verdict(push, payment, results.SUCCESS)


def _refuse(
    connection: Connection, push: Push, order: Row[Any] | None, known: Row[Any] | None, refusal: OrderRefused
) -> Verdict:
    result = result_of(refusal)
    payment = _payment(push, order, REFUSED, result, refusal.reason)
    payments.put(connection, payment, known=known)
    # Who claims another amount than the one that we asked for is to be looked at.
    message = _message(push, order, "REFUSED", result, str(refusal), attention=isinstance(refusal, AmountInvalid))
    payments.record(connection, message)
    return _verdict(push, payment, result)


def _repeat(connection: Connection, push: Push, known: Row[Any], order: Row[Any] | None) -> Verdict:
    differing = decision.difference(push.request, known) or _difference_from_order(push, known, order)
    contradicted = None
    if differing is not None:
        contradicted = results.BY_CODE[known.result_code]
        result, reason = results.PROCESS_FAIL, f"differs_from_first_call: {differing}"
        said = f"{differing} differs from the first call with this paymentId, which stands"
        payments.record(connection, _message(push, order, "CONFLICT", result, said, attention=True))
    else:
        result, reason = results.BY_CODE[known.result_code], known.reason
        said = f"answered like the first time: {result.code}"
        payments.record(connection, _message(push, order, "REPEATED", result, said, attention=False))
    return Verdict(result, reason, push.request.payment_id, known.payment_request_id, known.decided_at, contradicted)


def _difference_from_order(push: Push, known: Row[Any], order: Row[Any] | None) -> str | None:
    """What the first call left out is held against the order that it has paid."""
    if known.state != ACCEPTED or order is None:
        return None
    try:
        decision.check_amounts(push.request, order)
    except AmountInvalid as error:
        return error.reason
    return None


def _verdict(push: Push, payment: Payment, result: ResultCode) -> Verdict:
    return Verdict(result, payment.reason, push.request.payment_id, payment.payment_request_id, payment.decided_at)


def _payment(push: Push, order: Row[Any] | None, state: str, result: ResultCode, reason: str) -> Payment:
    request = push.request
    amount, settlement = request.payment_amount, request.settlement_amount
    return Payment(
        payment_id=request.payment_id,
        payment_request_id=None if order is None else order.payment_request_id,
        code_value=request.code_value,
        api=PUSH_PAYMENT_API.name,
        state=state,
        result_code=result.code,
        reason=reason,
        psp_id=request.psp_id,
        customer_id=request.customer_id,
        said_payment_request_id=request.payment_request_id,
        amount=amount.value if amount else None,
        currency=amount.currency if amount else None,
        settlement_amount=settlement.value if settlement else None,
        settlement_currency=settlement.currency if settlement else None,
        paid_at=push.arrived_at if state == ACCEPTED else None,
        decided_at=push.arrived_at,
    )


def _message(
    push: Push, order: Row[Any] | None, outcome: str, result: ResultCode, said: str, *, attention: bool
) -> PaymentMessage:
    request = push.request
    return PaymentMessage(
        at=push.arrived_at,
        api=PUSH_PAYMENT_API.name,
        payment_request_id=request.payment_request_id if order is None else order.payment_request_id,
        code_value=request.code_value,
        payment_id=request.payment_id,
        psp_id=request.psp_id,
        amount=request.payment_amount.value if request.payment_amount else None,
        currency=request.payment_amount.currency if request.payment_amount else None,
        outcome=outcome,
        result_code=result.code,
        said=said,
        needs_attention=attention,
        body=push.body,
    )


def _told(payment_result: ResultCode, payment_id: str, payment_request_id: str | None) -> Handled:
    """The answer to an inquiry about a payment."""
    members = {"result": results.SUCCESS.as_members(), "paymentResult": payment_result.as_members()}
    facts = {"payment": payment_id, "order": payment_request_id, "payment_result": payment_result.code}
    return Handled(write_object(members), facts=facts)


def _look_into(
    connection: Connection, request: inquiry_push_payment.Request, denial: tuple[datetime, datetime] | None
) -> Row[Any] | None:
    """What was decided of a payment; None when nothing was.

    With `denial` (when the inquiry was made, and when it came) it is kept that we said so.
    """
    # The lock waits for a pushPayment that is under way, so that both cannot say different things.
    order = payments.lock_order_of_code(connection, request.code_value)
    known = payments.find(connection, request.payment_id)
    if known is not None and known.state != DENIED:
        return known
    if denial is not None:
        payments.deny(connection, _denial(request, order, *denial), known=known)
    return None


def _denial(
    request: inquiry_push_payment.Request, order: Row[Any] | None, requested_at: datetime, at: datetime
) -> Payment:
    return Payment(
        payment_id=request.payment_id,
        payment_request_id=None if order is None else order.payment_request_id,
        code_value=request.code_value,
        api=INQUIRY_PUSH_PAYMENT_API.name,
        state=DENIED,
        result_code=results.ORDER_NOT_EXIST.code,
        reason="asked_before_paid",
        psp_id=request.psp_id,
        decided_at=at,
        denied_at=requested_at,
    )
