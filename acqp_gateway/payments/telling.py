"""notifyPushPayment, ACQP -> Alipay+: what became of a pushPayment that was answered U."""

from __future__ import annotations

import logging
from collections.abc import Callable

from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import CallFailed, GatewayError, StoreError
from acqp_gateway.payments.push import Push, Verdict
from acqp_gateway.protocol import results
from acqp_gateway.protocol.client import SigningClient
from acqp_gateway.protocol.headers import write_time
from acqp_gateway.protocol.messages.notify_push_payment import NOTIFY_PUSH_PAYMENT_API
from acqp_gateway.protocol.results import ResultStatus
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.store import payments
from acqp_gateway.store.database import Store
from acqp_gateway.store.payments import PaymentMessage

_log = logging.getLogger("acqp_gateway.payments")

_MOST_ATTEMPTS = 5
_LONGEST_WAIT_S = 8.0


class PushPaymentNotifier:
    """Tells Alipay+, and keeps what came of it. `client` makes a client with the keys of now."""

    def __init__(self, store: Store, *, url: str, client: Callable[[], SigningClient], clock: Clock = now) -> None:
        self._store = store
        self._url = url
        self._client = client
        self._clock = clock

    def tell(self, push: Push, verdict: Verdict) -> None:
        """Send until it is acknowledged, five times at most. Raises nothing of ours."""
        body = _body(verdict)
        attempts = Retrying(
            retry=retry_if_result(lambda trouble: trouble is not None),
            stop=stop_after_attempt(_MOST_ATTEMPTS),
            wait=wait_exponential(max=_LONGEST_WAIT_S),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        trouble: str | None = attempts(self._send, body)
        try:
            self._keep(push, verdict, body, trouble)
        except StoreError as error:
            _log.error("what notifyPushPayment said of payment %s is not on record: %s", verdict.payment_id, error)

    def _send(self, body: bytes) -> str | None:
        """What went wrong; None when it was acknowledged."""
        try:
            received = self._client().call(self._url, body)
        except GatewayError as error:
            return f"{error.reason}: {error}" if isinstance(error, CallFailed) else str(error)
        if received.result["resultStatus"] != ResultStatus.S:
            return f"answered {received.result['resultCode']}"
        return None

    def _keep(self, push: Push, verdict: Verdict, body: bytes, trouble: str | None) -> None:
        code = verdict.standing.code
        said = f"told {code}" if trouble is None else f"could not be told {code}: {trouble}"
        message = PaymentMessage(
            at=self._clock(),
            api=NOTIFY_PUSH_PAYMENT_API.name,
            payment_request_id=verdict.payment_request_id,
            code_value=push.request.code_value,
            payment_id=verdict.payment_id,
            psp_id=push.request.psp_id,
            amount=None,
            currency=None,
            outcome="DELIVERED" if trouble is None else "UNDELIVERED",
            result_code=code,
            said=said[:512],
            needs_attention=trouble is not None,
            body=body,
        )
        with self._store.writing() as connection:
            payments.record(connection, message)


def _body(verdict: Verdict) -> bytes:
    """notifyPushPayment, request members: order and time belong to a success."""
    members: dict[str, object] = {"paymentResult": verdict.standing.as_members(), "paymentId": verdict.payment_id}
    if verdict.payment_request_id is not None:
        members["paymentRequestId"] = verdict.payment_request_id
    if verdict.standing is results.SUCCESS:
        members["paymentTime"] = write_time(verdict.decided_at)
    return write_object(members)
