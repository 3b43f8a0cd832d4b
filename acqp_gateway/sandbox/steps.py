"""The steps of a payment: each is one call, whose outcome stands in the store before the next.

So a payment goes on after a restart where it was: at worst a call is made once more, with the same paymentId.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from marshmallow import ValidationError

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import CommandRefused, GatewayError
from acqp_gateway.protocol import results
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.messages.inquiry_payment import INQUIRY_PAYMENT_API
from acqp_gateway.protocol.messages.inquiry_push_payment import INQUIRY_PUSH_PAYMENT_API, SCHEDULE_S
from acqp_gateway.protocol.messages.notify_payment import NOTIFY_PAYMENT_API
from acqp_gateway.protocol.messages.push_payment import PUSH_PAYMENT_API
from acqp_gateway.protocol.results import ResultStatus
from acqp_gateway.sandbox.calls import Calls
from acqp_gateway.sandbox.partners import gateway, wallet
from acqp_gateway.sandbox.scans import Mode, Scan, Scans, State
from acqp_gateway.sandbox.settlement import settlement_amount
from acqp_gateway.sandbox.settling import OPEN, GivesBack, Settling
from acqp_gateway.settings import Settings

#: How many seconds pass before the wallet is asked again, the last of them over and over.
WALLET_SCHEDULE_S = (1.0, 1.0, 2.0, 2.0, 5.0)
MOST_WALLET_INQUIRIES = 60
#: The sister product's notification, likewise.
NOTICE_SCHEDULE_S = SCHEDULE_S
MOST_NOTICES = 12


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a call brought; `members` is None without an answer to it that can be believed and understood."""

    members: Mapping[str, Any] | None
    trouble: str | None

    @property
    def result(self) -> Mapping[str, Any]:
        """The Result of the call itself."""
        result: Mapping[str, Any] = (self.members or {}).get("result", {})
        return result

    @property
    def payment_result(self) -> Mapping[str, Any]:
        """The Result of the payment that was asked about."""
        found = (self.members or {}).get("paymentResult")
        return found if isinstance(found, dict) else {}

    @property
    def status(self) -> str | None:
        """S, F or U, of the call itself."""
        return self.result.get("resultStatus")


class Steps:
    """Takes the steps of payments."""

    def __init__(
        self,
        settings: Settings,
        scans: Scans,
        calls: Calls,
        wallet: GivesBack,
        settling: Settling,
        *,
        clock: Clock = now,
    ) -> None:
        self._settings = settings
        self._scans = scans
        self._calls = calls
        self._wallet = wallet
        self._settling = settling
        self._clock = clock

    def take(self, scan: Scan) -> None:
        """Do what is due with a scan, if anything is."""
        if scan.refund_due:
            self._settling.give_back(scan)
        elif scan.state is State.PAYING:
            self._ask_wallet(scan)
        elif scan.notice_due or (scan.mode is Mode.NOTIFY and scan.is_due):
            self._notify(scan)
        elif scan.state is State.PUSHING:
            self._push(scan)
        elif scan.state is State.IN_PROCESS:
            self._inquire(scan)

    def _ask_wallet(self, scan: Scan) -> None:
        """What has become of the payment at the wallet? Asked as Alipay+ would ask an MPP."""
        scan = self._counted(scan)
        self._close_when_time_is_over(scan)
        members = {
            "acquirerId": self._settings.acquirer_id,
            "pspId": scan.psp_id,
            "paymentRequestId": scan.payment_request_id,
        }
        answer = self._called(INQUIRY_PAYMENT_API, members, scan, towards_wallet=True)
        payment = answer.payment_result
        if answer.status == ResultStatus.S and payment.get("resultStatus") == ResultStatus.S:
            self._paid_at_wallet(scan, answer)
        elif answer.status == ResultStatus.S and payment.get("resultStatus") == ResultStatus.F:
            self.payment_failed(scan, payment, None)
        elif answer.result.get("resultCode") == results.ORDER_NOT_EXIST.code:
            self.payment_failed(scan, answer.result, "the wallet knows no such payment")
        elif scan.tries >= MOST_WALLET_INQUIRIES:
            self._give_up(scan, {State.PAYING}, answer.trouble or "the wallet never said what became of the payment")
        else:
            self._later(scan, {State.PAYING}, WALLET_SCHEDULE_S, answer.trouble)

    def _close_when_time_is_over(self, scan: Scan) -> None:
        """Alipay+ has the MPP close an order whose time is over."""
        is_over = scan.payable_until is not None and self._clock() >= scan.payable_until
        if scan.tries > 1 and is_over and scan.payment_request_id:
            with contextlib.suppress(CommandRefused):
                self._wallet.refund(psp_id=scan.psp_id, payment_request_id=scan.payment_request_id)

    def _paid_at_wallet(self, scan: Scan, answer: _Answer) -> None:
        at = INQUIRY_PAYMENT_API.response.load(answer.members or {}).get("payment_time")
        amount, currency = scan.payment_amount, scan.settlement_currency
        self._scans.change(
            scan.scan_id,
            {State.PAYING},
            lambda found: replace(
                found,
                state=State.PUSHING,
                payment_result=dict(answer.payment_result),
                payment_time=at or self._clock(),
                settlement_amount=settlement_amount(amount, currency) if amount and currency else None,
                failure=None,
                tries=0,
                next_at=self._clock(),
            ),
        )

    def payment_failed(self, scan: Scan, payment_result: Mapping[str, Any], failure: str | None) -> None:
        """Nobody paid: why, in the wallet's words, or in a line for a person."""
        self._scans.change(
            scan.scan_id,
            {State.PAYING},
            lambda found: replace(
                found,
                state=State.PAYMENT_FAILED,
                payment_result=dict(payment_result),
                failure=failure,
                tries=0,
                next_at=self._clock(),
                notice_due=found.mode is Mode.NOTIFY,
            ),
        )

    def _push(self, scan: Scan) -> None:
        scan = self._counted(scan)
        answer = self._called(PUSH_PAYMENT_API, self._payment_members(scan) | _more_of_push(scan), scan)
        if answer.status in (ResultStatus.S, ResultStatus.F):
            self._settling.settle(scan.scan_id, answer.status, answer.result)
            return
        delay = self._delay(scan, SCHEDULE_S[0])
        self._scans.change(
            scan.scan_id,
            {State.PUSHING},
            lambda found: replace(
                found,
                state=State.IN_PROCESS,
                push_result=dict(answer.result) or None,
                failure=answer.trouble,
                tries=0,
                next_at=self._clock() + delay,
            ),
        )

    def _inquire(self, scan: Scan) -> None:
        scan = self._counted(scan)
        answer = self._called(INQUIRY_PUSH_PAYMENT_API, self._payment_members(scan), scan)
        said = answer.payment_result
        if answer.status == ResultStatus.S and said.get("resultStatus") in (ResultStatus.S, ResultStatus.F):
            self._settling.settle(scan.scan_id, said["resultStatus"], said)
        elif answer.result.get("resultCode") == results.ORDER_NOT_EXIST.code:
            self._settling.settle(scan.scan_id, ResultStatus.F, answer.result)
        elif scan.tries >= len(SCHEDULE_S):
            self._give_up(scan, {State.IN_PROCESS}, answer.trouble)
        else:
            self._later(scan, {State.IN_PROCESS}, SCHEDULE_S, answer.trouble, said or answer.result)

    def _notify(self, scan: Scan) -> None:
        """The sister product: the payment has reached its end at the wallet, be it a failure."""
        scan = self._counted(scan)
        succeeded = scan.state is not State.PAYMENT_FAILED
        members = {
            "paymentResult": dict(scan.payment_result or results.PROCESS_FAIL.as_members()),
            "paymentRequestId": scan.payment_request_id,
            "paymentId": scan.payment_id,
            "acquirerId": self._settings.acquirer_id,
            "pspId": scan.psp_id,
            "paymentAmount": scan.payment_amount.as_members() if scan.payment_amount else None,
            "paymentTime": scan.payment_time.isoformat(timespec="seconds") if scan.payment_time else None,
            "customerId": scan.customer_id,
        }
        answer = self._called(NOTIFY_PAYMENT_API, members, scan)
        if answer.status == ResultStatus.S:
            self._acknowledged(scan, answer)
        elif scan.tries >= MOST_NOTICES:
            self._give_up(scan, {scan.state}, answer.trouble or "the gateway never acknowledged the payment")
        else:
            # A success that the gateway does not take yet is open; a failure stays what it is.
            state = State.IN_PROCESS if succeeded else scan.state
            self._later(scan, {scan.state}, NOTICE_SCHEDULE_S, answer.trouble, answer.result, state)

    def _acknowledged(self, scan: Scan, answer: _Answer) -> None:
        if scan.state in OPEN:
            self._settling.settle(scan.scan_id, ResultStatus.S, answer.result)
            return
        self._scans.change(
            scan.scan_id,
            {scan.state},
            lambda found: replace(found, push_result=dict(answer.result), notice_due=False, next_at=None),
        )

    def _counted(self, scan: Scan) -> Scan:
        """The scan with one more call begun."""
        counted = self._scans.change(scan.scan_id, {scan.state}, lambda found: replace(found, tries=found.tries + 1))
        return counted or scan

    def _later(
        self,
        scan: Scan,
        from_states: set[State],
        schedule: Sequence[float],
        trouble: str | None,
        said: Mapping[str, Any] | None = None,
        state: State | None = None,
    ) -> None:
        """Nothing is settled yet: once more, when the schedule says so."""
        delay = self._delay(scan, schedule[min(scan.tries, len(schedule) - 1)])
        self._scans.change(
            scan.scan_id,
            from_states,
            lambda found: replace(
                found,
                state=state or found.state,
                failure=trouble,
                push_result=dict(said) if said else found.push_result,
                next_at=self._clock() + delay,
            ),
        )

    def _give_up(self, scan: Scan, from_states: set[State], failure: str | None) -> None:
        """The schedule is used up. A failed payment stays one."""
        self._scans.change(
            scan.scan_id,
            from_states,
            lambda found: replace(
                found,
                state=found.state if found.state is State.PAYMENT_FAILED else State.UNSETTLED,
                failure=failure,
                notice_due=False,
                next_at=None,
            ),
        )

    def _delay(self, scan: Scan, seconds: float) -> timedelta:
        return timedelta(seconds=seconds / scan.speed)

    def _payment_members(self, scan: Scan) -> dict[str, Any]:
        return {
            "acquirerId": self._settings.acquirer_id,
            "pspId": scan.psp_id,
            "codeValue": scan.code_value,
            "paymentId": scan.payment_id,
            "paymentRequestId": scan.payment_request_id,
        }

    def _called(self, api: Api, members: Mapping[str, Any], scan: Scan, *, towards_wallet: bool = False) -> _Answer:
        partner = wallet(self._settings) if towards_wallet else gateway(self._settings)
        try:
            called = self._calls.call(api, members, partner, scan=scan.name)
            self._note(scan, called.note)
            if called.answer is None:
                return _Answer(None, called.trouble)
            api.response.load(called.answer.members)
        except ValidationError as error:
            return _Answer(None, f"the answer is not what its document describes: {json.dumps(error.messages)}")
        except GatewayError as error:
            return _Answer(None, str(error))
        return _Answer(called.answer.members, None)

    def _note(self, scan: Scan, note: str | None) -> None:
        """Keep what a fault has brought to light."""
        if note is not None:
            self._scans.change(scan.scan_id, frozenset(State), lambda found: replace(found, note=note))


def _more_of_push(scan: Scan) -> dict[str, Any]:
    return {
        "paymentAmount": scan.payment_amount.as_members() if scan.payment_amount else None,
        "settlementAmount": scan.settlement_amount.as_members() if scan.settlement_amount else None,
        "customerId": scan.customer_id,
    }
