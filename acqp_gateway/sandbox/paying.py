"""From a user's confirmation to the payment's end: the wallet pays, and all further steps go on in the background."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import CommandRefused, IllegalState, NotOnRecord
from acqp_gateway.protocol import results
from acqp_gateway.sandbox import wire
from acqp_gateway.sandbox.agenda import Agenda
from acqp_gateway.sandbox.calls import Calls
from acqp_gateway.sandbox.scans import Scan, Scans, State
from acqp_gateway.sandbox.settling import GivesBack, Settling
from acqp_gateway.sandbox.steps import Steps
from acqp_gateway.sandbox.wallet.payments import Wish
from acqp_gateway.settings import Settings


class Pays(GivesBack, Protocol):
    """The wallet, as much of it as is needed here."""

    def confirm(self, wish: Wish) -> object:
        """The user confirms. Raises CommandRefused where that is no payment at all."""

    def default_customer(self, psp_id: str) -> str | None:
        """Who pays where nobody is named."""


class Paying:
    """Carries payments to their end, in the background."""

    def __init__(
        self,
        settings: Settings,
        scans: Scans,
        calls: Calls,
        wallet: Pays,
        settling: Settling,
        *,
        stopping: threading.Event = wire.stopping,
        clock: Clock = now,
    ) -> None:
        self._scans = scans
        self._wallet = wallet
        self._clock = clock
        self._steps = Steps(settings, scans, calls, wallet, settling, clock=clock)
        self._agenda = Agenda(self.step, stopping=stopping, clock=clock)

    def resume(self) -> None:
        """Go on with what was under way when the sandbox ended."""
        for scan in self._scans.due():
            self._agenda.put(scan.scan_id, scan.next_at or self._clock())

    def pay(self, scan_id: int, *, pin: str | None) -> Scan:
        """The user confirms; the scan as it stands then. Raises NotOnRecord, IllegalState when it may not be paid.

        Where nobody is named, the MPP's first user pays.
        """
        scan = self._scans.get(scan_id)
        customer_id = scan.customer_id or self._wallet.default_customer(scan.psp_id)
        payment_id = f"{self._clock():%Y%m%d}{secrets.randbelow(10**20):020}"
        scan = self._scans.begin_paying(scan_id, payment_id=payment_id, customer_id=customer_id)
        try:
            self._confirm(scan, pin)
        finally:
            self._agenda.put(scan_id, self._clock())
        return self._scans.get(scan_id)

    def _confirm(self, scan: Scan, pin: str | None) -> None:
        if scan.payment_request_id is None or scan.payment_amount is None:
            raise IllegalState(f"scan {scan.name} says nothing of what to pay")
        try:
            merchant_id, store_id = _seller(scan.order or {})
            self._wallet.confirm(
                Wish(
                    psp_id=scan.psp_id,
                    customer_id=scan.customer_id,
                    payment_request_id=scan.payment_request_id,
                    amount=scan.payment_amount,
                    pin=pin,
                    until=scan.payable_until,
                    merchant_id=merchant_id,
                    store_id=store_id,
                )
            )
        except CommandRefused as refusal:
            self._steps.payment_failed(scan, results.PROCESS_FAIL.as_members(), str(refusal))

    def leave(self, scan_id: int) -> Scan:
        """The user walks away. Raises NotOnRecord, IllegalState when there is nothing to walk away from."""
        left = self._scans.change(scan_id, {State.DECODED}, lambda scan: replace(scan, state=State.LEFT))
        if left is None:
            raise IllegalState(f"scan {scan_id} is {self._scans.get(scan_id).state}; there is nothing to leave")
        return left

    def step(self, scan_id: int) -> datetime | None:
        """Do what is due with a scan; when the next step is due, None when there is none."""
        try:
            scan = self._scans.get(scan_id)
        except NotOnRecord:
            return None
        if scan.next_at is not None and scan.next_at > self._clock():
            return scan.next_at
        self._steps.take(scan)
        scan = self._scans.get(scan_id)
        return (scan.next_at or self._clock()) if scan.is_due else None


def _seller(order: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Who sells, by the merchant's and the store's id."""
    merchant = order.get("merchant") or {}
    return merchant.get("referenceMerchantId"), (merchant.get("store") or {}).get("referenceStoreId")
