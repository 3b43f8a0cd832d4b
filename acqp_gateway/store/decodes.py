"""The decode path: one look-up by code, and the record of the attempt with the pin of the answer.

Both are one transaction, and the order's row is locked before the look-up, so that two answers to one code cannot
differ, no order can be paid between look-up and pin, and a look-up that had to wait sees what was committed
meanwhile: a merchant's suspension, say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, exists, func, insert, select, update

from acqp_gateway.errors import StoreUnavailable
from acqp_gateway.store import deadline as store_deadline
from acqp_gateway.store.database import Store
from acqp_gateway.store.prepared_transactions import Transaction, transactions_on
from acqp_gateway.store.tables import (
    APPROVED,
    UtcTime,
    contracts,
    decodes,
    merchants,
    mpps,
    orders,
    registrations,
    stores,
)


class Order(NamedTuple):
    """An order as the decoder meets it. Amounts in minor units, times UTC; `goods` is JSON."""

    payment_request_id: str
    code_value: str
    reference_order_id: str
    description: str
    amount: int
    currency: str
    goods: str | None
    terminal_id: str | None
    terminal_request_time: datetime | None
    terminal_utc_offset_s: int | None
    expires_at: datetime
    state: str
    pinned_amount: int | None
    pinned_currency: str | None
    pinned_answer: bytes | None


class Place(NamedTuple):
    """A merchant or a store: who they are for the wallet, and whether they may sell."""

    place_id: str
    name: str
    display_name: str | None
    mcc: str | None
    region: str | None
    state: str | None
    city: str | None
    address1: str | None
    address2: str | None
    zip_code: str | None
    status: str


class Contract(NamedTuple):
    """One contract of the merchant, in force or not. Amount in minor units, times UTC."""

    product: str
    currency: str
    largest_amount: int
    settlement_currency: str
    required_kyb_level: str
    in_force_from: datetime
    in_force_to: datetime | None


class Standing(NamedTuple):
    """How the merchant (at this store) stands with the MPP that asks.

    `registration_required` is None when no MPP was named or the one named is not in our table.
    """

    registration_required: bool | None
    approved_at_this_mpp: bool
    approved_at_some_mpp: bool


class CodeOnRecord(NamedTuple):
    """All that one look-up by code brings."""

    order: Order
    merchant: Place
    kyb_level: str
    store: Place | None
    contracts: tuple[Contract, ...]
    standing: Standing


class Attempt(NamedTuple):
    """One decode that reached the look-up, for the record. Duration in microseconds."""

    decoded_at: datetime
    code_value: str
    payment_request_id: str | None
    psp_id: str | None
    customer_id: str | None
    result_code: str
    reason: str
    duration_us: int


class Pin(NamedTuple):
    """The first answer to a code, kept for all later ones."""

    code: str
    pinned_at: datetime
    answer: bytes
    amount: int
    currency: str


def _place_columns(table: Any, key: str) -> list[Any]:
    return [table.c[key], *(table.c[name] for name in Place._fields[1:])]


def _approved(*conditions: Any) -> Any:
    return exists().where(
        registrations.c.merchant_id == orders.c.merchant_id,
        registrations.c.store_key == func.coalesce(orders.c.store_id, ""),
        registrations.c.status == APPROVED,
        *conditions,
    )


_EVERYTHING_ABOUT_A_CODE = (
    select(
        *(orders.c[name] for name in Order._fields),
        *_place_columns(merchants, "merchant_id"),
        merchants.c.kyb_level,
        *_place_columns(stores, "store_id"),
        *(contracts.c[name] for name in Contract._fields),
        mpps.c.registration_required,
        _approved(registrations.c.psp_name == mpps.c.psp_name),
        _approved(),
    )
    .select_from(
        orders.join(merchants, merchants.c.merchant_id == orders.c.merchant_id)
        .outerjoin(
            stores,
            and_(stores.c.merchant_id == orders.c.merchant_id, stores.c.store_id == orders.c.store_id),
        )
        .outerjoin(contracts, contracts.c.merchant_id == orders.c.merchant_id)
        .outerjoin(mpps, mpps.c.psp_id == bindparam("psp_id", type_=mpps.c.psp_id.type))
    )
    .where(orders.c.code_value == bindparam("code", type_=orders.c.code_value.type))
)

_LOCK = (
    select(orders.c.payment_request_id)
    .where(orders.c.code_value == bindparam("code", type_=orders.c.code_value.type))
    .with_for_update(key_share=True)
)

_RECORD = (
    insert(decodes).inline().values({name: bindparam(name, type_=decodes.c[name].type) for name in Attempt._fields})
)

_PIN = (
    update(orders)
    .where(
        orders.c.code_value == bindparam("code", type_=orders.c.code_value.type),
        orders.c.state == "OPEN",
        orders.c.pinned_answer.is_(None),
    )
    .values(
        pinned_at=bindparam("pinned_at", type_=UtcTime()),
        pinned_answer=bindparam("answer", type_=orders.c.pinned_answer.type),
        pinned_amount=bindparam("amount", type_=orders.c.amount.type),
        pinned_currency=bindparam("currency", type_=orders.c.currency.type),
    )
)

_EXPIRE = (
    update(orders)
    .where(orders.c.code_value == bindparam("code", type_=orders.c.code_value.type), orders.c.state == "OPEN")
    .values(state="EXPIRED", state_since=bindparam("expired_at", type_=UtcTime()))
)


_STEPS = {"record": _RECORD, "pin": _PIN, "expire": _EXPIRE}


class Decodes:
    """The decode path of one store; see the module."""

    def __init__(self, store: Store, *, pool_size: int) -> None:
        self._store = store
        self._transactions = transactions_on(store, pool_size, _LOCK, _EVERYTHING_ABOUT_A_CODE, _STEPS)

    @contextmanager
    def transaction(self) -> Iterator[DecodeTransaction]:
        """One decode: look up, then record. What is not recorded has not happened.

        Raises StoreUnavailable when the store does not answer within its patience, and at once for everybody
        else until a probe has seen it well again; StoreBusy when only this order is held by somebody.
        """
        with self._store.guard():
            try:
                with store_deadline.deadline(self._store.patience_s), self._transactions.transaction() as driver:
                    yield DecodeTransaction(driver)
            except StoreUnavailable:
                self._transactions.forget_connections()
                raise

    def close(self) -> None:
        """Give all connections back."""
        self._transactions.close()


class DecodeTransaction:
    """What may be done within one decode; `look_up` first, `record` last."""

    def __init__(self, driver: Transaction) -> None:
        self._driver = driver

    def look_up(self, code_value: str, psp_id: str | None) -> CodeOnRecord | None:
        """Everything about a code, with its order locked; None when no order has it."""
        rows = self._driver.begin_and_fetch({"code": code_value, "psp_id": psp_id})
        return _code_on_record(rows) if rows else None

    def record(self, attempt: Attempt, *, pin: Pin | None = None, expired: bool = False) -> None:
        """Write the attempt, pin its answer or mark the order as expired, and commit."""
        steps: list[tuple[str, dict[str, Any]]] = [("record", attempt._asdict())]
        if pin is not None:
            steps.append(("pin", pin._asdict()))
        if expired:
            steps.append(("expire", {"code": attempt.code_value, "expired_at": attempt.decoded_at}))
        self._driver.run_and_commit(steps)


def look_up_in(connection: Connection, code_value: str, psp_id: str | None) -> CodeOnRecord | None:
    """Everything about a code, within the caller's transaction, who has locked what must not change."""
    rows = connection.execute(_EVERYTHING_ABOUT_A_CODE, {"code": code_value, "psp_id": psp_id}).all()
    return _code_on_record(rows) if rows else None


def look_ahead(store: Store, code_value: str, psp_id: str | None) -> CodeOnRecord | None:
    """What a decode would find now; nothing is locked, recorded or pinned. Raises StoreUnavailable."""
    with store.reading() as connection:
        return look_up_in(connection, code_value, psp_id)


_ORDER_END = len(Order._fields)
_MERCHANT_END = _ORDER_END + len(Place._fields)
_STORE_START = _MERCHANT_END + 1
_STORE_END = _STORE_START + len(Place._fields)
_CONTRACT_END = _STORE_END + len(Contract._fields)


def _code_on_record(rows: Sequence[Sequence[Any]]) -> CodeOnRecord:
    """One row a contract; the rest of each row is the same."""
    row = rows[0]
    return CodeOnRecord(
        order=Order(*row[:_ORDER_END]),
        merchant=Place(*row[_ORDER_END:_MERCHANT_END]),
        kyb_level=row[_MERCHANT_END],
        store=None if row[_STORE_START] is None else Place(*row[_STORE_START:_STORE_END]),
        contracts=tuple(
            Contract(*other[_STORE_END:_CONTRACT_END]) for other in rows if other[_STORE_END] is not None
        ),
        standing=Standing(*row[_CONTRACT_END:]),
    )
