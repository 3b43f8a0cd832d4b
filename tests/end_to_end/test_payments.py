"""A code is scanned, the order is shown, paid at the wallet, and ends up paid: all of it over signed HTTP."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from acqp_gateway.store import merchants, orders, payments
from tests.end_to_end.conftest import Market

AGREEING = {"PAID": "PAID", "REFUNDED": "OPEN"}


def apis(messages: list[dict[str, Any]]) -> list[str]:
    return [message["api"] for message in messages]


def test_a_scanned_order_ends_up_paid(market: Market) -> None:
    order = market.shop.place()
    scan = market.scan(order.code_value)
    assert (scan["state"], scan["paymentRequestId"]) == ("DECODED", order.payment_request_id)
    assert scan["paymentAmount"] == {"currency": "JPY", "value": "1500"}
    assert scan["order"]["merchant"]["merchantName"] == "Corner Coffee"
    paid = market.pay(scan)
    assert (paid["state"], paid["pushResult"]["resultCode"]) == ("PAID", "SUCCESS")
    assert market.state(order) == "PAID"
    assert market.accepted(order) == [paid["paymentId"]]
    messages = market.messages(scan)
    # The sandbox keeps what it sends as Alipay+ and what it receives as the wallet.
    assert apis(messages)[0] == "userInitiatedPay"
    assert apis(messages)[-1] == "pushPayment"
    assert "inquiryPayment" in apis(messages)
    assert all(message["signatureVerified"] for message in messages), messages
    [payment] = payments.of_order(market.store, order.payment_request_id)
    assert (payment.settlement_currency, payment.psp_id) == ("USD", "1022088000000000001")


def test_the_sister_product_notifies(market: Market) -> None:
    order = market.shop.place()
    paid = market.pay(market.scan(order.code_value, mode="notify"))
    assert paid["state"] == "PAID"
    assert (market.state(order), market.accepted(order)) == ("PAID", [paid["paymentId"]])
    assert apis(market.messages(paid))[-1] == "notifyPayment"


@pytest.mark.parametrize("mode", ["push", "notify"])
def test_who_scans_after_the_payment_is_refused(market: Market, mode: str) -> None:
    order = market.shop.place()
    market.pay(market.scan(order.code_value, mode=mode))
    for psp_name in ("ALIPAY_CN", "GCASH"):
        late = market.scan(order.code_value, psp_name)
        assert (late["state"], late["result"]["resultCode"]) == ("REFUSED", "ORDER_IS_CLOSED")
    assert len(market.accepted(order)) == 1


def test_who_scans_after_the_order_s_time_is_refused(market: Market) -> None:
    order = market.shop.place(expires_in_s=1)
    wait_until(order.expires_at)
    late = market.scan(order.code_value)
    assert (late["state"], late["result"]["resultCode"]) == ("REFUSED", "EXPIRED_CODE")
    assert market.sandbox.control("POST", f"scans/{late['scanId']}/pay", {}).status_code == 409
    assert market.state(order) == "EXPIRED"


def test_who_lets_the_time_pass_cannot_pay(market: Market) -> None:
    order = market.shop.place(expires_in_s=5)
    scan = market.scan(order.code_value)
    wait_until(order.expires_at)
    assert market.wait_for(scan, lambda found: found["state"] == "LAPSED")["finished"]
    assert market.sandbox.control("POST", f"scans/{scan['scanId']}/pay", {}).status_code == 409
    assert market.accepted(order) == []


def test_who_confirms_in_time_pays_though_the_order_expires_meanwhile(market: Market) -> None:
    order = market.shop.place(expires_in_s=5)
    scan = market.scan(order.code_value)
    market.set_fault("pushPayment", "late", ms=5500)
    assert market.pay(scan)["state"] == "PAID"
    assert datetime.now(UTC) > order.expires_at
    assert market.state(order) == "PAID"


def test_of_two_wallets_one_pays(market: Market) -> None:
    order = market.shop.place()
    first, second = market.scan(order.code_value), market.scan(order.code_value, "GCASH")
    assert first["paymentRequestId"] == second["paymentRequestId"]
    paid = market.pay(first)
    assert paid["state"] == "PAID"
    refused = market.sandbox.control("POST", f"scans/{second['scanId']}/pay", {})
    assert refused.status_code == 409
    assert "paid already by" in refused.json()["error"]
    assert market.accepted(order) == [paid["paymentId"]]


def test_a_merchant_who_is_suspended_after_the_decode_is_not_paid(market: Market) -> None:
    order = market.shop.place()
    scan = market.scan(order.code_value)
    merchants.set_status(
        market.store, market.shop.merchant_id, "SUSPENDED", reason="fraud check", at=datetime.now(UTC)
    )
    try:
        paid = market.pay(scan)
    finally:
        merchants.set_status(market.store, market.shop.merchant_id, "ACTIVE", reason=None, at=datetime.now(UTC))
    assert (paid["state"], paid["pushResult"]["resultCode"]) == ("REFUNDED", "INVALID_MERCHANT_STATUS")
    assert (market.state(order), market.accepted(order)) == ("OPEN", [])


def test_an_order_that_is_closed_after_the_decode_is_not_paid(market: Market) -> None:
    order = market.shop.place()
    scan = market.scan(order.code_value)
    orders.move(
        market.store,
        order.payment_request_id,
        "CLOSED",
        from_states=("OPEN",),
        reason=None,
        at=datetime.now(UTC),
    )
    paid = market.pay(scan)
    assert (paid["state"], paid["pushResult"]["resultCode"]) == ("REFUNDED", "ORDER_IS_CLOSED")
    assert market.state(order) == "CLOSED"


def test_a_payment_that_the_wallet_refuses_leaves_the_order_open(market: Market) -> None:
    order = market.shop.place(amount=1_000_000)
    broke = {
        "pspName": "GCASH",
        "customerId": "BROKE",
        "name": "Nobody Rich",
        "loginIds": ["broke@example.com"],
        "currency": "PHP",
        "balance": "1",
        "status": "ACTIVE",
    }
    market.sandbox.done("POST", "wallet/users", broke)
    failed = market.pay(market.scan(order.code_value, "GCASH", customerId="BROKE"))
    assert (failed["state"], failed["paymentResult"]["resultCode"]) == ("PAYMENT_FAILED", "USER_BALANCE_NOT_ENOUGH")
    assert market.state(order) == "OPEN"
    assert market.pay(market.scan(order.code_value))["state"] == "PAID"


@pytest.mark.parametrize("running_market", ["sqlite"], indirect=True)
def test_a_store_that_is_held_settles_the_payment_later(market: Market) -> None:
    """The answer is U; the gateway goes on, and tells by notifyPushPayment; an inquiry says the same.

    PostgreSQL's outages are in tests/http.
    """
    assert market.store.sqlite_file is not None
    order = market.shop.place()
    # Not sped up: Alipay+ leaves the gateway 4 s before it inquires.
    scan = market.scan(order.code_value, speed=1)
    with closing(sqlite3.connect(market.store.sqlite_file, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        market.sandbox.done("POST", f"scans/{scan['scanId']}/pay", {})
        asked = market.wait_for(scan, lambda found: found["state"] == "IN_PROCESS")
        assert asked["pushResult"]["resultCode"] in ("PAYMENT_IN_PROCESS", "UNKNOWN_EXCEPTION")
        holder.execute("ROLLBACK")
    assert market.finished(scan)["state"] == "PAID"
    assert "notifyPushPayment" in apis(market.messages(scan))
    assert market.state(order) == "PAID"
    assert len(market.accepted(order)) == 1


@pytest.mark.parametrize("path", ["/", "/control/scans", "/control/faults", "/wallet", "/registrations", "/static/x"])
def test_nothing_of_the_sandbox_is_served_by_the_gateway(market: Market, path: str) -> None:
    url = market.gateway.url + path
    headers = {"Authorization": f"Bearer {market.sandbox.process.token()}"}
    assert market.sandbox.session.get(url, headers=headers, timeout=5).status_code == 404


def wait_until(moment: datetime) -> None:
    """Real clocks of other processes have to pass this moment."""
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds() + 0.05))
