"""What the database itself refuses of payments, whoever writes: statements as an administrator might run them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.payments.helpers import SUCCESS, Till, new_payment_id
from tests.store.helpers import AT, run_sql

INSERT = (
    "INSERT INTO payments (payment_id, payment_request_id, api, state, result_code, reason, decided_at, amount,"
    " currency, settlement_amount, settlement_currency) VALUES (:payment_id, :order, 'pushPayment', :state, 'S',"
    " '', :at, :amount, :currency, :settlement_amount, :settlement_currency)"
)


def insert(till: Till, order_id: str | None, payment_id: str | None, state: str, **values: Any) -> int:
    proper = {
        "payment_id": payment_id,
        "order": order_id,
        "state": state,
        "at": AT.replace(tzinfo=None).isoformat(" ") if till.store.is_sqlite else AT,
        "amount": None,
        "currency": None,
        "settlement_amount": None,
        "settlement_currency": None,
        **values,
    }
    return run_sql(till.store, INSERT, **proper)


def test_two_accepted_payments_for_one_order(till: Till) -> None:
    order_id = till.place().payment_request_id
    assert insert(till, order_id, new_payment_id(), "ACCEPTED") == 1
    for payment_id in (new_payment_id(), None):
        with pytest.raises(IntegrityError):
            insert(till, order_id, payment_id, "ACCEPTED")
    for state in ("REFUSED", "DENIED"):
        assert insert(till, order_id, new_payment_id(), state) == 1
    with pytest.raises(IntegrityError):
        run_sql(till.store, "UPDATE payments SET state = 'ACCEPTED' WHERE payment_request_id = :id", id=order_id)


@pytest.mark.parametrize("state", ["ACCEPTED", "REFUSED", "DENIED"])
def test_a_second_row_with_one_payment_id(till: Till, state: str) -> None:
    payment_id = new_payment_id()
    assert insert(till, till.place().payment_request_id, payment_id, "REFUSED") == 1
    with pytest.raises(IntegrityError):
        insert(till, till.place().payment_request_id, payment_id, state)


def test_rows_without_a_payment_id_are_many(till: Till) -> None:
    for _ in range(2):
        assert insert(till, till.place().payment_request_id, None, "ACCEPTED") == 1


@pytest.mark.parametrize(
    ("state", "values"),
    [
        ("PAID", {}),
        ("accepted", {}),
        ("ACCEPTED", {"order": None}),
        ("REFUSED", {"order": "nobody's"}),
        ("REFUSED", {"amount": 1}),
        ("REFUSED", {"currency": "JPY"}),
        ("REFUSED", {"settlement_amount": 1}),
        ("REFUSED", {"settlement_currency": "USD"}),
    ],
)
def test_a_row_that_must_not_be(till: Till, state: str, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        insert(till, till.place().payment_request_id, new_payment_id(), state, **values)


@pytest.mark.parametrize(
    "change",
    [
        "state = 'REFUSED'",
        "state = 'DENIED'",
        "payment_id = 'another'",
        "payment_id = NULL",
        "payment_request_id = :other",
        "amount = 1",
        "amount = NULL, currency = NULL",
        "currency = 'USD'",
        "settlement_amount = 1",
        "settlement_currency = 'EUR'",
    ],
)
def test_an_accepted_payment_stays_as_it_is(till: Till, change: str) -> None:
    order, payment_id = till.place(), new_payment_id()
    assert till.push(order, payment_id) == SUCCESS
    values = {"other": till.place().payment_request_id} if ":other" in change else {}
    with pytest.raises(DBAPIError, match="an accepted payment stays as it is"):
        run_sql(till.store, f"UPDATE payments SET {change} WHERE payment_id = :id", id=payment_id, **values)
    same = "state = 'ACCEPTED', amount = 1500, customer_id = 'U2'"
    assert run_sql(till.store, f"UPDATE payments SET {same} WHERE payment_id = :id", id=payment_id) == 1


def test_the_order_of_a_payment_cannot_be_deleted(till: Till) -> None:
    order = till.place()
    till.push(order, new_payment_id())
    with pytest.raises(IntegrityError):
        run_sql(till.store, "DELETE FROM orders WHERE payment_request_id = :id", id=order.payment_request_id)


def test_a_message_has_one_of_the_known_outcomes(till: Till) -> None:
    with pytest.raises(IntegrityError):
        run_sql(
            till.store,
            "INSERT INTO payment_messages (at, api, outcome, result_code, said, needs_attention, body)"
            f" VALUES ('2026-11-20 02:00:00', 'x', 'PAID', 'x', 'x', {'0' if till.store.is_sqlite else 'false'}, '')",
        )
