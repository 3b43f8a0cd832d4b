"""The decision: order + merchant + contracts + standing + time -> the contract to answer by, or a refusal.

Pure; the rows of docs/refusals.md from 8 to 18, in their order. The first that holds is the answer.
"""

from __future__ import annotations

from datetime import datetime

from acqp_gateway.errors import CodeExpired, CodeUnknown, OrderClosed
from acqp_gateway.orders import acceptance
from acqp_gateway.orders.states import UNPAID_STATES
from acqp_gateway.store.decodes import CodeOnRecord, Contract, Order


def decide(record: CodeOnRecord | None, now: datetime) -> tuple[CodeOnRecord, Contract]:
    """The record to answer from and the contract that governs it. Raises an OrderRefused."""
    if record is None:
        raise CodeUnknown
    _check_state(record.order, now)
    return record, acceptance.judge(record, now)


def _check_state(order: Order, now: datetime) -> None:
    if order.state not in UNPAID_STATES:
        raise OrderClosed(f"order_{order.state.lower()}")
    if order.state == "EXPIRED" or now >= order.expires_at:
        raise CodeExpired
