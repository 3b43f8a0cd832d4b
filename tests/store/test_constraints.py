"""What the database itself refuses, whoever writes: statements as an administrator might run them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from acqp_gateway.store import clients, mpps, tables
from acqp_gateway.store.database import Store
from tests.merchants import Shop, open_shop
from tests.store.helpers import AT, run_sql

ANOTHER_TIME = AT + timedelta(days=1)


@pytest.fixture(scope="module")
def shop(shared_store: Store) -> Shop:
    """A shop with a row in every table."""
    clients.add(shared_store, "5Y", note=None, at=AT)
    opened = open_shop(shared_store)
    opened.place()
    return opened


@pytest.fixture(scope="module")
def other_shop(shared_store: Store) -> Shop:
    return open_shop(shared_store)


GENERATED = {"contract_id", "registration_id", "decode_id", "store_key"}


def insert_like(store: Store, table: Table, changes: dict[str, Any]) -> None:
    """Insert a row that is like one that is there, but for the changes."""
    with store.engine.begin() as connection:
        row = connection.execute(select(table).order_by(table.columns[0]).limit(1)).mappings().one()
        values = {name: value for name, value in row.items() if name not in GENERATED}
        connection.execute(insert(table).values(**{**values, **changes}))


NEW_ORDER = {"payment_request_id": "NEW", "code_value": "NEW"}
NEW_CONTRACT = {"product": "CASHIER_PAYMENT"}
BAD_ROWS: list[tuple[Table, str, dict[str, Any]]] = [
    (tables.orders, "code-taken", {"payment_request_id": "NEW"}),
    (tables.orders, "id-taken", {"code_value": "NEW"}),
    (tables.orders, "odd-state", {**NEW_ORDER, "state": "PENDING"}),
    (tables.orders, "lower-case-state", {**NEW_ORDER, "state": "open"}),
    (tables.orders, "amount-0", {**NEW_ORDER, "amount": 0}),
    (tables.orders, "amount-negative", {**NEW_ORDER, "amount": -1}),
    (tables.orders, "ends-when-placed", {**NEW_ORDER, "placed_at": AT, "expires_at": AT}),
    (tables.orders, "unknown-merchant", {**NEW_ORDER, "merchant_id": "NOBODY", "store_id": None}),
    (tables.orders, "unknown-store", {**NEW_ORDER, "store_id": "NOWHERE"}),
    (tables.orders, "pin-without-amount", {**NEW_ORDER, "pinned_answer": b"x", "pinned_at": AT}),
    (tables.orders, "pin-without-answer", {**NEW_ORDER, "pinned_amount": 1}),
    (tables.orders, "pinned-at-alone", {**NEW_ORDER, "pinned_at": AT}),
    (tables.orders, "pinned-currency-alone", {**NEW_ORDER, "pinned_currency": "JPY"}),
    *(
        (tables.orders, f"no-{name}", {**NEW_ORDER, name: None})
        for name in (
            "code_value",
            "reference_order_id",
            "merchant_id",
            "description",
            "amount",
            "currency",
            "placed_at",
            "expires_at",
            "state",
        )
    ),
    (tables.merchants, "id-taken", {}),
    (tables.merchants, "odd-kyb", {"merchant_id": "NEW", "kyb_level": "HIGH"}),
    (tables.merchants, "odd-sells", {"merchant_id": "NEW", "sells": "NOWHERE"}),
    (tables.merchants, "odd-status", {"merchant_id": "NEW", "status": "OPEN"}),
    (tables.merchants, "no-name", {"merchant_id": "NEW", "name": None}),
    (tables.stores, "id-taken", {}),
    (tables.stores, "unknown-merchant", {"merchant_id": "NOBODY", "store_id": "NEW"}),
    (tables.stores, "odd-status", {"store_id": "NEW", "status": "OPEN"}),
    (tables.contracts, "odd-product", {"product": "ORDER_CODE"}),
    (tables.contracts, "limit-0", {**NEW_CONTRACT, "largest_amount": 0}),
    (tables.contracts, "kyb-failed", {**NEW_CONTRACT, "required_kyb_level": "FAILED"}),
    (tables.contracts, "ends-first", {**NEW_CONTRACT, "in_force_from": ANOTHER_TIME, "in_force_to": AT}),
    (tables.contracts, "unknown-merchant", {**NEW_CONTRACT, "merchant_id": "NOBODY"}),
    (tables.mpps, "name-taken", {"psp_id": "NEW"}),
    (tables.mpps, "id-taken", {"psp_name": "NEW"}),
    (tables.clients, "id-taken", {}),
    (tables.registrations, "same-store", {}),
    (tables.registrations, "unknown-merchant", {"merchant_id": "NOBODY", "store_id": None}),
    (tables.registrations, "unknown-store", {"store_id": "NOWHERE"}),
    (tables.decodes, "no-result", {"result_code": None}),
    (tables.decodes, "no-code", {"code_value": None}),
]


@pytest.mark.parametrize(
    ("table", "changes"),
    [(table, changes) for table, _, changes in BAD_ROWS],
    ids=[f"{table.name}-{name}" for table, name, _ in BAD_ROWS],
)
def test_a_row_that_must_not_be_is_refused(
    table: Table, changes: dict[str, Any], shared_store: Store, shop: Shop
) -> None:
    if table is tables.decodes:
        values = {"decoded_at": AT, "code_value": "c", "result_code": "SUCCESS", "reason": "", "duration_us": 1}
        with pytest.raises(IntegrityError), shared_store.engine.begin() as connection:
            connection.execute(insert(table).values(**{**values, **changes}))
        return
    with pytest.raises(IntegrityError):
        insert_like(shared_store, table, changes)


def test_the_rows_are_refused_for_that_alone(store: Store) -> None:
    """What the table above changes is all that is wrong with its rows."""
    clients.add(store, "5Y", note=None, at=AT)
    shop = open_shop(store)
    shop.place()
    new_rows: list[tuple[Table, dict[str, Any]]] = [
        (tables.orders, NEW_ORDER),
        (tables.merchants, {"merchant_id": "NEW"}),
        (tables.stores, {"store_id": "NEW"}),
        (tables.contracts, NEW_CONTRACT),
        (tables.mpps, {"psp_name": "NEW", "psp_id": "NEW"}),
        (tables.clients, {"client_id": "NEW"}),
        (tables.registrations, {"product_code": "NEW"}),
        (tables.registrations, {"store_id": None}),
    ]
    for table, changes in new_rows:
        insert_like(store, table, changes)
    with pytest.raises(IntegrityError):
        # NULL equals nothing, and yet the merchant's own standing is one.
        insert_like(store, tables.registrations, {"store_id": None})


def test_an_order_is_not_paid_in_another_merchants_store(shared_store: Store, shop: Shop, other_shop: Shop) -> None:
    with pytest.raises(IntegrityError):
        insert_like(shared_store, tables.orders, {**NEW_ORDER, "merchant_id": other_shop.merchant_id})


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM merchants WHERE merchant_id = :merchant",
        "DELETE FROM stores WHERE merchant_id = :merchant",
        "UPDATE merchants SET merchant_id = 'M-NEW' WHERE merchant_id = :merchant",
        "UPDATE stores SET store_id = 'S-NEW' WHERE merchant_id = :merchant",
    ],
)
def test_nobody_is_deleted_who_has_orders(statement: str, shared_store: Store, shop: Shop) -> None:
    with pytest.raises(IntegrityError):
        run_sql(shared_store, statement, merchant=shop.merchant_id)


PIN = (
    "UPDATE orders SET pinned_answer = :answer, pinned_at = placed_at, pinned_amount = 1500, pinned_currency = 'JPY'"
    " WHERE payment_request_id = :id"
)


@pytest.mark.parametrize("state", [state for state in tables.ORDER_STATES if state != "PAID"])
def test_a_paid_order_stays_paid(state: str, shared_store: Store) -> None:
    order_id = open_shop(shared_store).place().payment_request_id
    assert run_sql(shared_store, "UPDATE orders SET state = 'PAID' WHERE payment_request_id = :id", id=order_id) == 1
    with pytest.raises(DBAPIError, match="a paid order stays paid"):
        run_sql(
            shared_store, "UPDATE orders SET state = :state WHERE payment_request_id = :id", state=state, id=order_id
        )
    for harmless in ("state = 'PAID'", "state_reason = 'why'", "description = 'x'"):
        assert run_sql(shared_store, f"UPDATE orders SET {harmless} WHERE payment_request_id = :id", id=order_id) == 1


@pytest.mark.parametrize(
    "change",
    [
        "pinned_answer = :other",
        "pinned_answer = NULL, pinned_at = NULL, pinned_amount = NULL, pinned_currency = NULL",
        "code_value = 'another'",
        "payment_request_id = 'another'",
        "pinned_answer = :other, state = 'OPEN'",
    ],
)
def test_a_pinned_answer_stays_as_it_is(change: str, shared_store: Store) -> None:
    order_id = open_shop(shared_store).place().payment_request_id
    assert run_sql(shared_store, PIN, id=order_id, answer=b"first") == 1
    values = {"other": b"second"} if ":other" in change else {}
    with pytest.raises(DBAPIError, match="a pinned answer stays as it is"):
        run_sql(shared_store, f"UPDATE orders SET {change} WHERE payment_request_id = :id", id=order_id, **values)
    assert run_sql(shared_store, PIN, id=order_id, answer=b"first") == 1


def test_what_is_not_pinned_yet_may_change(shared_store: Store) -> None:
    order_id = open_shop(shared_store).place().payment_request_id
    for number in range(2):
        assert (
            run_sql(
                shared_store,
                "UPDATE orders SET code_value = :code WHERE payment_request_id = :id",
                code=f"{order_id}-{number}",
                id=order_id,
            )
            == 1
        )


def test_the_longest_code_fits_the_index(store: Store) -> None:
    code = "".join(chr(0x1F600 + number % 80) + chr(0x20000 + number) for number in range(256))
    assert len(code) == 512
    order = open_shop(store).place(code_value=code)
    with store.engine.connect() as connection:
        count = select(func.count()).where(tables.orders.c.code_value == code)
        assert connection.execute(count).scalar_one() == 1
    assert order.code_value == code


def test_codes_that_look_alike_are_different(store: Store) -> None:
    shop = open_shop(store)
    alike = ["a", "A", "a ", " a", "á", "a\u0301", "ａ", "a\u200b", "%", "_", "a%"]
    placed = {shop.place(code_value=code).code_value for code in alike}
    assert placed == set(alike)


def test_the_published_mpps_are_seeded_once(store: Store) -> None:
    known = {row.psp_name: (row.psp_id, row.registration_required) for row in mpps.listed(store)}
    assert len(known) == 25
    assert all(required for _, required in known.values())
    assert known["ALIPAY_CN"] == ("1022088000000000001", True)
