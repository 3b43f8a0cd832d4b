"""Place an order: from what a till or a person hands in to an order with a code of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from acqp_gateway.errors import IllegalValue
from acqp_gateway.orders import code, goods
from acqp_gateway.store import orders, values
from acqp_gateway.store.database import Store
from acqp_gateway.text import LONGEST_CODE_VALUE

DEFAULT_EXPIRY_S = 600
LONGEST_EXPIRY_S = 30 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order as it is handed in. `amount` in minor units of `currency`; `expires_in_s` in seconds from now."""

    merchant_id: str
    store_id: str | None = None
    amount: int
    currency: str
    description: str
    reference_order_id: str | None = None
    terminal_id: str | None = None
    terminal_request_time: datetime | None = None
    expires_in_s: int = DEFAULT_EXPIRY_S
    code_value: str | None = None
    goods: list[Any] | None = field(default=None)

    def __post_init__(self) -> None:
        """Raises IllegalValue naming the first value that breaks its rule."""
        values.currency("currency", self.currency)
        values.amount("amount", self.amount, self.currency)
        values.text("description", self.description, 256)
        values.optional_text("reference order id", self.reference_order_id, 64)
        values.optional_text("terminal id", self.terminal_id, 64)
        values.optional_text("code value", self.code_value, LONGEST_CODE_VALUE)
        if not 1 <= self.expires_in_s <= LONGEST_EXPIRY_S:
            raise IllegalValue(f"expires in must be from 1 to {LONGEST_EXPIRY_S} seconds; not {self.expires_in_s}")
        if self.terminal_request_time is not None and self.terminal_request_time.utcoffset() is None:
            raise IllegalValue("terminal request time must name its zone, such as 2026-11-20T10:00:00+09:00")


def place(store: Store, new: NewOrder, *, code_url_prefix: str, at: datetime) -> str:
    """Place one order and return its paymentRequestId. Raises NotOnRecord, AlreadyOnRecord, IllegalValue."""
    return place_all(store, [new], code_url_prefix=code_url_prefix, at=at)[0]


def place_all(store: Store, new: Sequence[NewOrder], *, code_url_prefix: str, at: datetime) -> list[str]:
    """Place orders, all or none, and return their paymentRequestIds. Raises as `place`."""
    rows = [_row(order, code_url_prefix, at) for order in new]
    orders.add_all(store, rows)
    return [row["payment_request_id"] for row in rows]


def _row(new: NewOrder, code_url_prefix: str, at: datetime) -> dict[str, Any]:
    requested = new.terminal_request_time
    offset = requested.utcoffset() if requested else None
    return {
        "payment_request_id": code.mint_payment_request_id(at),
        "code_value": new.code_value or code.mint_code(code_url_prefix),
        "reference_order_id": new.reference_order_id or code.mint_reference_order_id(at),
        "merchant_id": new.merchant_id,
        "store_id": new.store_id,
        "description": new.description,
        "amount": new.amount,
        "currency": new.currency,
        "goods": goods.check(new.goods, new.amount, new.currency) if new.goods is not None else None,
        "terminal_id": new.terminal_id,
        "terminal_request_time": requested,
        "terminal_utc_offset_s": int(offset.total_seconds()) if offset is not None else None,
        "placed_at": at,
        "expires_at": at + timedelta(seconds=new.expires_in_s),
        "state": "OPEN",
        "state_since": at,
    }
