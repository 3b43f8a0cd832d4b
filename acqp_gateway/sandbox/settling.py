"""How a payment that the gateway was told of ends: it takes it, or refuses it and the money goes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from acqp_gateway.errors import CommandRefused, PaymentContradicts
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import Handled, Incoming, refusal_body
from acqp_gateway.protocol.messages.notify_push_payment import Notification
from acqp_gateway.protocol.results import ResultStatus
from acqp_gateway.sandbox.scans import Mode, Scan, Scans, State

#: The gateway was told, and has not said yet what becomes of it.
OPEN = frozenset({State.PUSHING, State.IN_PROCESS, State.UNSETTLED})


class GivesBack(Protocol):
    """The wallet, as much of it as is needed here."""

    def refund(self, *, psp_id: str, payment_request_id: str) -> None:
        """The user gets the money back; asked again it changes nothing. Raises CommandRefused."""


class Settling:
    """Settles scans."""

    def __init__(self, scans: Scans, wallet: GivesBack) -> None:
        self._scans = scans
        self._wallet = wallet

    def settle(self, scan_id: int, status: str, result: Mapping[str, Any]) -> bool:
        """The gateway took the payment (S) or refused it (F); whether that agrees with what was known before."""
        state = State.PAID if status == ResultStatus.S else State.REFUNDED
        settled = self._scans.change(
            scan_id,
            OPEN,
            lambda scan: replace(
                scan,
                state=state,
                push_result=dict(result),
                failure=None,
                next_at=None,
                refund_due=state is State.REFUNDED,
            ),
        )
        if settled is not None:
            self.give_back(settled)
            return True
        known = self._scans.get(scan_id).state
        if known is not state:
            self._note(scan_id, f"the gateway says {status} {result['resultCode']} of a payment that is {known}")
        return known is state

    def give_back(self, scan: Scan) -> None:
        """The wallet gives the money back where that is due, be it after a restart."""
        if not scan.refund_due or scan.payment_request_id is None:
            return
        failure: str | None = None
        try:
            self._wallet.refund(psp_id=scan.psp_id, payment_request_id=scan.payment_request_id)
        except CommandRefused as refusal:
            failure = f"the wallet did not give the money back: {refusal}"
        self._scans.change(
            scan.scan_id,
            {State.REFUNDED},
            lambda found: replace(found, refund_due=False, failure=failure or found.failure),
        )

    def handle(self, incoming: Incoming[Notification]) -> Handled:
        """Acknowledge a notifyPushPayment. Raises PaymentContradicts for what disagrees with what is known."""
        told = incoming.request
        scan = self._scans.of_payment(told.payment_id)
        if scan is None or scan.mode is not Mode.PUSH:
            raise PaymentContradicts("unknown_payment")
        if told.payment_request_id not in (None, scan.payment_request_id):
            self._note(scan.scan_id, "notifyPushPayment names another paymentRequestId than was pushed")
            raise PaymentContradicts("another_order")
        result = {"resultCode": told.result_code, "resultStatus": told.result_status}
        if not self.settle(scan.scan_id, told.result_status, result):
            raise PaymentContradicts("settled_otherwise")
        return Handled(refusal_body(results.SUCCESS))

    def _note(self, scan_id: int, note: str) -> None:
        self._scans.change(scan_id, frozenset(State), lambda scan: replace(scan, note=note))
