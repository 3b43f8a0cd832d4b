"""One userInitiatedPay from its parsed request to the bytes of its answer."""

from __future__ import annotations

import time
from datetime import datetime

from acqp_gateway.clock import Clock, now
from acqp_gateway.decoder import answer
from acqp_gateway.decoder.decision import decide
from acqp_gateway.errors import AccessDenied, CodeExpired, OrderRefused
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import Handled, Incoming, result_of
from acqp_gateway.protocol.messages.user_initiated_pay import Request
from acqp_gateway.store.decodes import Attempt, CodeOnRecord, Decodes, Pin


class Decoder:
    """Decodes codes of one acquirer. Look-up, decision, record and pin are one transaction."""

    def __init__(self, decodes: Decodes, *, acquirer_id: str, clock: Clock = now) -> None:
        self._decodes = decodes
        self._acquirer_id = acquirer_id
        self._clock = clock

    def handle(self, incoming: Incoming[Request]) -> Handled:
        """The answer to a request. Raises Refused, and StoreError when nothing is known to have happened."""
        request = incoming.request
        if request.acquirer_id is not None and request.acquirer_id != self._acquirer_id:
            raise AccessDenied("other_acquirer")
        started = time.perf_counter()
        refused: OrderRefused | None = None
        with self._decodes.transaction() as transaction:
            record = transaction.look_up(request.code_value, request.psp_id)
            decoded_at = self._clock()
            try:
                found, contract = decide(record, decoded_at)
            except OrderRefused as refusal:
                refused = refusal
                attempt = _attempt(request, record, decoded_at, started, refused)
                transaction.record(attempt, expired=isinstance(refused, CodeExpired))
            else:
                body = found.order.pinned_answer or answer.build(found, contract, decoded_at)
                attempt = _attempt(request, record, decoded_at, started, None)
                transaction.record(attempt, pin=_pin(found, body, decoded_at))
        facts = {"psp": request.psp_id, "order": record.order.payment_request_id if record else None}
        if refused is not None:
            refused.facts = facts
            raise refused
        return Handled(body, facts=facts)


def _attempt(
    request: Request,
    record: CodeOnRecord | None,
    decoded_at: datetime,
    started: float,
    refused: OrderRefused | None,
) -> Attempt:
    result = results.SUCCESS if refused is None else result_of(refused)
    return Attempt(
        decoded_at=decoded_at,
        code_value=request.code_value,
        payment_request_id=None if record is None else record.order.payment_request_id,
        psp_id=request.psp_id,
        customer_id=request.customer_id,
        result_code=result.code,
        reason="" if refused is None else refused.reason,
        duration_us=int((time.perf_counter() - started) * 1_000_000),
    )


def _pin(record: CodeOnRecord, body: bytes, decoded_at: datetime) -> Pin | None:
    order = record.order
    if order.pinned_answer is not None:
        return None
    return Pin(order.code_value, decoded_at, body, order.amount, order.currency)
