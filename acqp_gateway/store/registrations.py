"""Registrations: how a merchant, or a merchant at one store, stands with each MPP and product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select

from acqp_gateway.store import merchants, standings, values
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import registrations


def set_by_hand(
    store: Store,
    merchant_id: str,
    store_id: str | None,
    psp_name: str,
    product_codes: Iterable[str],
    *,
    status: str,
    rejection_reason: str | None,
    at: datetime,
) -> None:
    """Write a standing that somebody enters by hand. Raises NotOnRecord, IllegalValue."""
    values.identifier("MPP name", psp_name, 64)
    values.identifier("status", status, 64)
    values.optional_text("rejection reason", rejection_reason, 256)
    with store.writing() as connection:
        merchants.require(connection, merchant_id, store_id)
        standings.entered_by_hand(connection, merchant_id, store_id, at=at)
        for product_code in sorted(set(product_codes)):
            values.identifier("product code", product_code, 64)
            row = {
                "merchant_id": merchant_id,
                "store_id": store_id,
                "psp_name": psp_name,
                "product_code": product_code,
            }
            same = [registrations.c[name] == value for name, value in row.items() if name != "store_id"]
            connection.execute(delete(registrations).where(registrations.c.store_key == (store_id or ""), *same))
            connection.execute(
                insert(registrations).values(**row, status=status, rejection_reason=rejection_reason, since=at)
            )


def standing(store: Store, merchant_id: str, store_id: str | None) -> Sequence[Row[Any]]:
    """The rows of one standing, by MPP and product. Raises NotOnRecord."""
    with store.reading() as connection:
        merchants.require(connection, merchant_id, store_id)
        return connection.execute(
            select(registrations)
            .where(
                registrations.c.merchant_id == merchant_id,
                registrations.c.store_key == func.coalesce(store_id, ""),
            )
            .order_by(registrations.c.psp_name, registrations.c.product_code)
        ).all()
