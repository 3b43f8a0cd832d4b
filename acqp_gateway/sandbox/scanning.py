"""A wallet's user scans a code: userInitiatedPay, and what its answer lets the user do."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError

from acqp_gateway.clock import Clock, now
from acqp_gateway.protocol.messages.user_initiated_pay import DEFAULT_PAYMENT_EXPIRY, USER_INITIATED_PAY_API
from acqp_gateway.protocol.results import ResultStatus
from acqp_gateway.sandbox.alipayplus import decode_members
from acqp_gateway.sandbox.calls import Called, Calls
from acqp_gateway.sandbox.partners import gateway
from acqp_gateway.sandbox.scans import Mode, Scan, Scans, State
from acqp_gateway.settings import Settings

#: Without these a user could not be shown what to pay.
_NEEDED = ("payment_request_id", "order", "payment_amount", "code_type")


@dataclass(frozen=True, slots=True)
class WantedScan:
    """What a user scans, and how the payment would go on; `speed` divides every waiting time."""

    code_value: str
    psp_id: str
    psp_name: str | None = None
    customer_id: str | None = None
    mode: Mode = Mode.PUSH
    speed: float = 1.0


class Scanner:
    """Scans codes."""

    def __init__(self, settings: Settings, scans: Scans, calls: Calls, *, clock: Clock = now) -> None:
        self._settings = settings
        self._scans = scans
        self._calls = calls
        self._clock = clock

    def scan(self, wanted: WantedScan) -> Scan:
        """Ask the gateway what a code means; the scan as it stands then. Raises KeyFileError."""
        scanned_at = self._clock()
        scan = self._scans.add(
            Scan(
                code_value=wanted.code_value,
                psp_id=wanted.psp_id,
                psp_name=wanted.psp_name,
                customer_id=wanted.customer_id,
                mode=wanted.mode,
                speed=wanted.speed,
                scanned_at=scanned_at,
            )
        )
        members = decode_members(
            self._settings, wanted.code_value, psp_id=wanted.psp_id, customer_id=wanted.customer_id
        )
        called = self._calls.call_until_answered(
            USER_INITIATED_PAY_API, members, gateway(self._settings), scan=scan.name
        )
        changed = self._scans.change(scan.scan_id, {State.NO_ANSWER}, lambda found: _judged(found, called))
        return changed or self._scans.get(scan.scan_id)


def _judged(scan: Scan, called: Called) -> Scan:
    """The scan with what the gateway's answer says."""
    scan = replace(scan, note=called.note)
    if called.answer is None:
        return replace(scan, failure=called.trouble)
    result = dict(called.answer.result)
    scan = replace(scan, result=result)
    if result["resultStatus"] != ResultStatus.S:
        refused = result["resultStatus"] == ResultStatus.F
        return replace(scan, state=State.REFUSED if refused else State.NO_ANSWER)
    try:
        found = USER_INITIATED_PAY_API.response.load(called.answer.members)
    except ValidationError as error:
        return replace(scan, failure=f"the answer is not what its document describes: {json.dumps(error.messages)}")
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        return replace(scan, failure=f"the answer says SUCCESS and lacks {', '.join(missing)}")
    settlement = found.get("settlement_strategy", {}).get("settlement_currency")
    return replace(
        scan,
        state=State.DECODED,
        payment_request_id=found["payment_request_id"],
        order=dict(called.answer.members["order"]),
        payment_amount=found["payment_amount"],
        settlement_currency=settlement or found["payment_amount"].currency,
        payable_until=_payable_until(scan.scanned_at, found),
    )


def _payable_until(scanned_at: datetime, found: dict[str, Any]) -> datetime:
    default: datetime = scanned_at + DEFAULT_PAYMENT_EXPIRY
    given = found.get("payment_expiry_time")
    return min(given.astimezone(UTC), default) if given else default
