"""Merchants and orders for tests, made through the store as the commands make them; each with ids of its own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from acqp_gateway.orders.placing import NewOrder, place
from acqp_gateway.store import merchants, orders, registrations
from acqp_gateway.store.database import Store

_numbers = itertools.count(1)
PREFIX = "https://pay.acqp.example/281006040001"


@dataclass(frozen=True)
class Shop:
    """A merchant with one store, ready to sell in JPY, approved at ALIPAY_CN."""

    store: Store
    merchant_id: str
    store_id: str

    def place(self, **changes: Any) -> Any:
        """Place an order; the row of it."""
        members: dict[str, Any] = {
            "merchant_id": self.merchant_id,
            "store_id": self.store_id,
            "amount": 1500,
            "currency": "JPY",
            "description": "2 lattes",
            "terminal_id": "T1",
            "terminal_request_time": datetime.fromisoformat("2026-11-20T10:00:00+09:00"),
            **changes,
        }
        placed = place(self.store, NewOrder(**members), code_url_prefix=PREFIX, at=datetime.now(UTC))
        return orders.get(self.store, placed)


def open_shop(
    store: Store,
    *,
    merchant: dict[str, Any] | None = None,
    contract: dict[str, Any] | None = None,
    approved_at: str | None = "ALIPAY_CN",
) -> Shop:
    """A shop; `contract` None means the usual one, and an empty one means none."""
    number = next(_numbers)
    at = datetime.now(UTC) - timedelta(minutes=1)
    shop = Shop(store, f"M{number}", f"S{number}")
    merchants.add(
        store,
        merchants.NewMerchant(
            **{
                "merchant_id": shop.merchant_id,
                "name": "Corner Coffee",
                "mcc": "5814",
                "region": "JP",
                **(merchant or {}),
            }
        ),
        at=at,
    )
    merchants.add_store(
        store,
        merchants.NewStore(merchant_id=shop.merchant_id, store_id=shop.store_id, name="Corner Coffee Shibuya"),
        at=at,
    )
    usual = {"currency": "JPY", "largest_amount": 1_000_000, "settlement_currency": "USD", "in_force_from": at}
    if contract is None or contract:
        merchants.add_contract(
            store, merchants.NewContract(merchant_id=shop.merchant_id, **{**usual, **(contract or {})})
        )
    if approved_at is not None:
        registrations.set_by_hand(
            store,
            shop.merchant_id,
            shop.store_id,
            approved_at,
            ["IN_STORE_PAYMENT"],
            status="APPROVED",
            rejection_reason=None,
            at=at,
        )
    return shop
