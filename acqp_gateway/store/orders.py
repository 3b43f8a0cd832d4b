"""Orders as they are written, found and moved from state to state; the decode path is in decodes.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from acqp_gateway.errors import AlreadyOnRecord, IllegalState, NotOnRecord
from acqp_gateway.store import merchants
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import decodes, orders


def add_all(store: Store, rows: Sequence[dict[str, Any]]) -> None:
    """Write new orders, all or none. Raises NotOnRecord, AlreadyOnRecord (a code or id is taken)."""
    with store.writing() as connection:
        for merchant_id, store_id in {(row["merchant_id"], row["store_id"]) for row in rows}:
            if store_id is None:
                merchants.require_merchant(connection, merchant_id)
            else:
                merchants.require_store(connection, merchant_id, store_id)
        try:
            connection.execute(insert(orders), list(rows))
        except IntegrityError:
            raise AlreadyOnRecord(_taken(store, rows)) from None


def _taken(store: Store, rows: Sequence[dict[str, Any]]) -> str:
    with store.reading() as connection:
        for row in rows:
            known = connection.execute(
                select(orders.c.payment_request_id).where(orders.c.code_value == row["code_value"])
            ).scalar_one_or_none()
            if known is not None:
                return (
                    f"code {row['code_value']!r} belongs to order {known} already; a code is used for one order"
                    " alone, so leave --code-value out or bring a new one"
                )
    return "a code appears twice; each order needs a code of its own"


def get(store: Store, payment_request_id: str) -> Row[Any]:
    """One order. Raises NotOnRecord."""
    with store.reading() as connection:
        return _require(connection, payment_request_id)


def _require(connection: Connection, payment_request_id: str) -> Row[Any]:
    row = connection.execute(select(orders).where(orders.c.payment_request_id == payment_request_id)).one_or_none()
    if row is None:
        raise NotOnRecord(f"no order {payment_request_id} on record; see: acqp-gateway orders list")
    return row


def listed(
    store: Store,
    *,
    merchant_id: str | None = None,
    reference_order_id: str | None = None,
    code_value: str | None = None,
    state: str | None = None,
    at: datetime | None = None,
    limit: int = 50,
) -> Sequence[Row[Any]]:
    """Orders, the newest first, at most `limit`. Raises NotOnRecord for an unknown merchant.

    `state` is the one written down; with `at`, the one that holds at that time: an order past its time is
    EXPIRED before anybody writes so.
    """
    query = select(orders).order_by(orders.c.placed_at.desc(), orders.c.payment_request_id).limit(limit)
    with store.reading() as connection:
        if merchant_id is not None:
            merchants.require_merchant(connection, merchant_id)
            query = query.where(orders.c.merchant_id == merchant_id)
        if reference_order_id is not None:
            query = query.where(orders.c.reference_order_id == reference_order_id)
        if code_value is not None:
            query = query.where(orders.c.code_value == code_value)
        if state is not None:
            query = query.where(orders.c.state == state if at is None else _in_state_at(state, at))
        return connection.execute(query).all()


def _in_state_at(state: str, at: datetime) -> ColumnElement[bool]:
    if state == "OPEN":
        return and_(orders.c.state == "OPEN", orders.c.expires_at > at)
    if state == "EXPIRED":
        return or_(orders.c.state == "EXPIRED", and_(orders.c.state == "OPEN", orders.c.expires_at <= at))
    return orders.c.state == state


def taken_codes(store: Store, code_values: Iterable[str]) -> set[str]:
    """Which of these codes belong to an order already; for a few hundred at a time."""
    with store.reading() as connection:
        query = select(orders.c.code_value).where(orders.c.code_value.in_(list(code_values)))
        return set(connection.execute(query).scalars())


def move(
    store: Store,
    payment_request_id: str,
    to_state: str,
    *,
    from_states: Sequence[str],
    reason: str | None,
    at: datetime,
) -> bool:
    """Move an order to a state; whether that is a change.

    One conditional UPDATE decides, whatever runs at the same time. Raises NotOnRecord, and IllegalState when the
    order is in a state from which it cannot get there.
    """
    with store.writing() as connection:
        moved = connection.execute(
            update(orders)
            .where(orders.c.payment_request_id == payment_request_id, orders.c.state.in_(from_states))
            .values(state=to_state, state_reason=reason, state_since=at)
        )
        if moved.rowcount:
            return True
        found = _require(connection, payment_request_id)
        if found.state == to_state:
            return False
        raise IllegalState(
            f"order {payment_request_id} is {found.state} and cannot become {to_state};"
            f" see: acqp-gateway orders show {payment_request_id}"
        )


def listed_decodes(
    store: Store, *, code_value: str | None = None, payment_request_id: str | None = None, limit: int = 50
) -> Sequence[Row[Any]]:
    """The recorded decodes of a code or of an order, the newest first. Raises NotOnRecord for an unknown order."""
    query = select(decodes).order_by(decodes.c.decode_id.desc()).limit(limit)
    with store.reading() as connection:
        if payment_request_id is not None:
            code_value = _require(connection, payment_request_id).code_value
        if code_value is not None:
            query = query.where(decodes.c.code_value == code_value)
        return connection.execute(query).all()
