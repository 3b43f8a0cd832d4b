"""A record of the store from which a code is decoded, without any store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings

from acqp_gateway.store.decodes import CodeOnRecord, Contract, Order, Place, Standing

NOW = datetime(2026, 11, 20, 2, 0, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

#: The same examples in every run, on a slow machine too.
same_examples = settings(deadline=None, derandomize=True, database=None, max_examples=400)


def order(**changes: Any) -> Order:
    """An open order of 1500 JPY with ten minutes to go, not decoded yet."""
    usual = Order(
        payment_request_id="P1",
        code_value="https://pay.acqp.example/281006040001X",
        reference_order_id="A-1",
        description="2 lattes",
        amount=1500,
        currency="JPY",
        goods=None,
        terminal_id=None,
        terminal_request_time=None,
        terminal_utc_offset_s=None,
        expires_at=NOW + timedelta(minutes=10),
        state="OPEN",
        pinned_amount=None,
        pinned_currency=None,
        pinned_answer=None,
    )
    return usual._replace(**changes)


def merchant(**changes: Any) -> Place:
    """A merchant that may sell, with no more said of them than must be."""
    usual = Place("M1", "Corner Coffee", None, "5814", None, None, None, None, None, None, "ACTIVE")
    return usual._replace(**changes)


def store(**changes: Any) -> Place:
    """A store of the merchant that may sell."""
    usual = Place("S1", "Corner Coffee Shibuya", None, None, None, None, None, None, None, None, "ACTIVE")
    return usual._replace(**changes)


def contract(**changes: Any) -> Contract:
    """A contract for order codes in JPY, in force since yesterday, settled in USD."""
    usual = Contract("IN_STORE_ORDER_CODE", "JPY", 1_000_000, "USD", "BASIC", NOW - timedelta(days=1), None)
    return usual._replace(**changes)


APPROVED_HERE = Standing(registration_required=True, approved_at_this_mpp=True, approved_at_some_mpp=True)


def record(**changes: Any) -> CodeOnRecord:
    """All of these together: a code that is decoded."""
    usual = CodeOnRecord(
        order=order(),
        merchant=merchant(),
        kyb_level="FULL",
        store=store(),
        contracts=(contract(),),
        standing=APPROVED_HERE,
    )
    return usual._replace(**changes)
