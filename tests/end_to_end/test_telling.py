"""notifyPushPayment with every kind of bad answer to it: the gateway repeats it, and both sides agree in the end."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import select

from acqp_gateway.store.tables import payment_messages
from tests.end_to_end.conftest import Market

# An SQLite store can be held by anybody: until it is let go of, the gateway can only answer U.
pytestmark = pytest.mark.parametrize("running_market", ["sqlite"], indirect=True)

#: What is wrong with the first answer to a notification.
FAULTS = ("unsigned", "wrong_key", "tampered", "stale", "http_500", "hangs_up", "unknown_then_success", "truncated")
_PATIENCE_S = 30.0


def told(market: Market, order: Any) -> list[tuple[str, str]]:
    """What the gateway has on record of its notifications about an order."""
    found = select(payment_messages.c.outcome, payment_messages.c.result_code).where(
        payment_messages.c.payment_request_id == order.payment_request_id,
        payment_messages.c.api == "notifyPushPayment",
    )
    with market.store.reading() as connection:
        return [(outcome, code) for outcome, code in connection.execute(found)]


def test_what_is_not_acknowledged_is_told_again(market: Market) -> None:
    """All faults at once: each order has its own, and all their payments are open while the store is held."""
    assert market.store.sqlite_file is not None
    orders = {fault: market.shop.place() for fault in FAULTS}
    # Not sped up: nobody inquires meanwhile.
    scans = {fault: market.scan(order.code_value, speed=1) for fault, order in orders.items()}
    for fault, order in orders.items():
        market.set_fault("notifyPushPayment", fault, merchant=order.payment_request_id)
    with closing(sqlite3.connect(market.store.sqlite_file, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        for scan in scans.values():
            market.sandbox.done("POST", f"scans/{scan['scanId']}/pay", {})
        for scan in scans.values():
            market.wait_for(scan, lambda found: found["state"] == "IN_PROCESS")
        holder.execute("ROLLBACK")
    deadline = time.monotonic() + _PATIENCE_S
    while not all(told(market, order) for order in orders.values()):
        assert time.monotonic() < deadline, {fault: told(market, order) for fault, order in orders.items()}
        time.sleep(0.1)
    for fault, order in orders.items():
        scan = market.finished(scans[fault])
        assert (scan["state"], market.state(order), told(market, order)) == (
            "PAID",
            "PAID",
            [("DELIVERED", "SUCCESS")],
        ), fault
        assert market.accepted(order) == [scan["paymentId"]]
        notifications = [each for each in market.messages(scan) if each["api"] == "notifyPushPayment"]
        assert [each["fault"] for each in notifications] == [fault, None]
        assert all(each["signatureVerified"] for each in notifications)
