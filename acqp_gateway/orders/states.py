"""The ways out of OPEN. A paid order stays paid; only OPEN orders are decoded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from acqp_gateway.store import orders, values
from acqp_gateway.store.database import Store

#: From these a payment may make it PAID; an EXPIRED order is decoded no more, but may have been in time.
UNPAID_STATES = ("OPEN", "EXPIRED")


def close(store: Store, payment_request_id: str, *, reason: str | None, at: datetime) -> bool:
    """Close an order that is not to be paid any more; whether that is a change. Raises NotOnRecord, IllegalState."""
    return orders.move(
        store,
        payment_request_id,
        "CLOSED",
        from_states=UNPAID_STATES,
        reason=values.optional_text("reason", reason, 256),
        at=at,
    )


def mark_paid(store: Store, payment_request_id: str, *, reason: str | None, at: datetime) -> bool:
    """Mark an order as paid by hand; whether that is a change. Raises NotOnRecord, IllegalState."""
    return orders.move(
        store,
        payment_request_id,
        "PAID",
        from_states=UNPAID_STATES,
        reason=values.optional_text("reason", reason, 256),
        at=at,
    )


def state_at(order: Row[Any], at: datetime) -> str:
    """The state of an order at a time: one past its time is EXPIRED, written down or not."""
    return "EXPIRED" if order.state == "OPEN" and order.expires_at <= at else str(order.state)
