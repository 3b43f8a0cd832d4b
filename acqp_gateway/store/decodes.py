"""The decode path: one look-up by code, and the record of the attempt with the pin of the answer.

Both are one transaction, and the order's row is locked from the look-up on, so that two answers to one code
cannot differ and no order can be paid between look-up and pin. The statements are written once, in SQLAlchemy's
language, compiled once for the store at hand and then run on the driver's own connection: this path is the one
that a customer waits for.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple, Protocol, cast

import psycopg2
from sqlalchemy import (
    Dialect,
    Engine,
    and_,
    bindparam,
    create_engine,
    event,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql import ClauseElement

from acqp_gateway.errors import StoreBusy, StoreUnavailable
from acqp_gateway.store import deadline as store_deadline
from acqp_gateway.store.database import (
    Store,
    as_store_error,
    postgresql_options,
    sqlite_preparation,
    translated_errors,
)
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


_psp_id = bindparam("psp_id", type_=mpps.c.psp_id.type)

_EVERYTHING_ABOUT_A_CODE = (
    select(
        *(orders.c[name] for name in Order._fields),
        *_place_columns(merchants, "merchant_id"),
        merchants.c.kyb_level,
        *_place_columns(stores, "store_id"),
        *(contracts.c[name] for name in Contract._fields),
        select(mpps.c.registration_required).where(mpps.c.psp_id == _psp_id).scalar_subquery(),
        _approved(
            registrations.c.psp_name == select(mpps.c.psp_name).where(mpps.c.psp_id == _psp_id).scalar_subquery()
        ),
        _approved(),
    )
    .select_from(
        orders.join(merchants, merchants.c.merchant_id == orders.c.merchant_id)
        .outerjoin(
            stores,
            and_(stores.c.merchant_id == orders.c.merchant_id, stores.c.store_id == orders.c.store_id),
        )
        .outerjoin(contracts, contracts.c.merchant_id == orders.c.merchant_id)
    )
    .where(orders.c.code_value == bindparam("code", type_=orders.c.code_value.type))
)

_LOOK_UP = _EVERYTHING_ABOUT_A_CODE.with_for_update(of=orders, key_share=True)

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


class Decodes:
    """The decode path of one store; see the module."""

    def __init__(self, store: Store, *, pool_size: int) -> None:
        self._store = store
        self._path: _Path = (_SqlitePath if store.is_sqlite else _PostgresqlPath)(store, pool_size)

    @contextmanager
    def transaction(self) -> Iterator[DecodeTransaction]:
        """One decode: look up, then record. What is not recorded has not happened.

        Raises StoreUnavailable when the store does not answer within its patience, and at once for everybody
        else until a probe has seen it well again; StoreBusy when only this order is held by somebody.
        """
        with self._store.guard():
            try:
                with store_deadline.deadline(self._store.patience_s), self._path.transaction() as driver:
                    yield DecodeTransaction(driver)
            except StoreUnavailable:
                self._path.forget_connections()
                raise

    def close(self) -> None:
        """Give all connections back."""
        self._path.close()


class DecodeTransaction:
    """What may be done within one decode; `look_up` first, `record` last."""

    def __init__(self, driver: _Driver) -> None:
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


def look_ahead(store: Store, code_value: str, psp_id: str | None) -> CodeOnRecord | None:
    """What a decode would find now; nothing is locked, recorded or pinned. Raises StoreUnavailable."""
    with store.reading() as connection:
        rows = connection.execute(_EVERYTHING_ABOUT_A_CODE, {"code": code_value, "psp_id": psp_id}).all()
    return _code_on_record(rows) if rows else None


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


class _Driver(Protocol):
    """One transaction on a driver's own connection."""

    def begin_and_fetch(self, values: dict[str, Any]) -> list[Sequence[Any]]: ...

    def run_and_commit(self, steps: list[tuple[str, dict[str, Any]]]) -> None: ...


class _Path(Protocol):
    """How transactions are had from one kind of store."""

    def __init__(self, store: Store, pool_size: int) -> None: ...

    def transaction(self) -> Any: ...

    def forget_connections(self) -> None: ...

    def close(self) -> None: ...


class _Compiled:
    """A statement as text, written by `writer`, with what turns values into those of `driver` and back."""

    def __init__(self, statement: ClauseElement, writer: Dialect, driver: Dialect) -> None:
        compiled: Any = statement.compile(dialect=writer)
        self.text: str = str(compiled)
        names: Sequence[str] = compiled.positiontup
        constants: dict[str, Any] = compiled.params
        self._binds: list[tuple[str, Any, Callable[[Any], Any] | None]] = [
            (name, constants[name], compiled.binds[name].type.dialect_impl(driver).bind_processor(driver))
            for name in names
        ]
        self.argument_count = len(self._binds)
        columns = list(getattr(statement, "selected_columns", ()))
        processors = [column.type.dialect_impl(driver).result_processor(driver, None) for column in columns]
        self._results = [(index, process) for index, process in enumerate(processors) if process is not None]

    def arguments(self, values: dict[str, Any]) -> list[Any]:
        """The driver's arguments, in their order."""
        arguments = []
        for name, constant, process in self._binds:
            value = values.get(name, constant)
            arguments.append(value if process is None else process(value))
        return arguments

    def rows(self, raw: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        """The driver's rows, with our types."""
        rows: list[Sequence[Any]] = []
        for raw_row in raw:
            row = list(raw_row)
            for index, process in self._results:
                row[index] = process(row[index])
            rows.append(row)
        return rows


_STEPS: dict[str, ClauseElement] = {"record": _RECORD, "pin": _PIN, "expire": _EXPIRE}


class _PostgresqlPath:
    """Prepared statements; two round trips a decode: begin and look up, then write and commit."""

    def __init__(self, store: Store, pool_size: int) -> None:
        self.engine: Engine = create_engine(
            store.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=store.patience_s,
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
            connect_args={
                # Every look-up here goes by an index, and a plan made while tables were empty must not outlive it.
                "options": postgresql_options(store.patience_s)
                + " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off"
            },
        )
        writer = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # untyped there
        self.look_up = _Compiled(_LOOK_UP, writer, self.engine.dialect)
        self.steps = {name: _Compiled(step, writer, self.engine.dialect) for name, step in _STEPS.items()}

    @contextmanager
    def transaction(self) -> Iterator[_Driver]:
        driver = _PostgresqlDriver(self)
        try:
            yield driver
            driver.roll_back_unless_done()
        except BaseException as error:
            # Whatever state the connection is in, the next one shall not find out.
            if driver.connection.is_valid:
                driver.connection.invalidate()
            if isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.InternalError)):
                raise as_store_error(error) from error
            raise
        finally:
            driver.connection.close()

    def connect(self) -> PoolProxiedConnection:
        try:
            with translated_errors():
                return self.engine.raw_connection()
        except psycopg2.Error as error:
            # The pool's own way of connecting hands on what the driver raises.
            raise as_store_error(error) from error

    def forget_connections(self) -> None:
        self.engine.dispose()

    def close(self) -> None:
        self.engine.dispose()


class _PostgresqlDriver:
    def __init__(self, path: _PostgresqlPath) -> None:
        self._path = path
        self.connection = path.connect()
        self._done = False

    def begin_and_fetch(self, values: dict[str, Any]) -> list[Sequence[Any]]:
        look_up = self._path.look_up
        text = f"BEGIN; EXECUTE look_up ({_placeholders(look_up)})"
        cursor = self._execute_first(text, look_up.arguments(values))
        return look_up.rows(cursor.fetchall())

    def _execute_first(self, text: str, arguments: list[Any]) -> Any:
        """A pooled connection may have died unseen, and nothing was done on it yet: one more try."""
        was_used = _PREPARED in self.connection.info
        try:
            return self._execute(text, arguments)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            if not was_used or (store_deadline.seconds_left() or 0) <= 0 or not _is_closed(self.connection):
                raise
        self.connection.invalidate()
        self._path.forget_connections()
        self.connection = self._path.connect()
        return self._execute(text, arguments)

    def _execute(self, text: str, arguments: list[Any]) -> Any:
        cursor = self.connection.cursor()
        if _PREPARED not in self.connection.info:
            for name, statement in {"look_up": self._path.look_up, **self._path.steps}.items():
                cursor.execute(f"PREPARE {name} AS {statement.text}")
            self.connection.info[_PREPARED] = True
        cursor.execute(text, arguments)
        return cursor

    def run_and_commit(self, steps: list[tuple[str, dict[str, Any]]]) -> None:
        texts, arguments = [], []
        for name, values in steps:
            step = self._path.steps[name]
            texts.append(f"EXECUTE {name} ({_placeholders(step)}); ")
            arguments.extend(step.arguments(values))
        self.connection.cursor().execute("".join(texts) + "COMMIT", arguments)
        self._done = True

    def roll_back_unless_done(self) -> None:
        if not self._done:
            self.connection.cursor().execute("ROLLBACK")


_PREPARED = "decode statements are prepared"


def _placeholders(statement: _Compiled) -> str:
    return ", ".join(["%s"] * statement.argument_count)


def _is_closed(connection: PoolProxiedConnection) -> bool:
    return bool(getattr(connection.driver_connection, "closed", 0))


class _SqlitePath:
    """One writer at a time: threads of this process wait in line, processes try again every millisecond.

    SQLite's own busy handler sleeps longer and longer, so that somebody unlucky waits for seconds.
    """

    def __init__(self, store: Store, pool_size: int) -> None:
        self._store = store
        self._turn = threading.Lock()
        self.engine = create_engine(store.url, pool_size=pool_size, max_overflow=0, pool_timeout=store.patience_s)
        event.listen(self.engine, "connect", sqlite_preparation(store.patience_s, busy_timeout_s=0))
        dialect = self.engine.dialect
        self.look_up = _Compiled(_LOOK_UP, dialect, dialect)
        self.steps = {name: _Compiled(step, dialect, dialect) for name, step in _STEPS.items()}

    @contextmanager
    def transaction(self) -> Iterator[_Driver]:
        self._wait_for_turn()
        try:
            with self._connection() as connection:
                self._begin(connection)
                try:
                    yield _SqliteDriver(self, connection)
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise as_store_error(error) from error
        finally:
            self._turn.release()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with translated_errors():
            pooled = self.engine.raw_connection()
        try:
            yield cast(sqlite3.Connection, pooled.driver_connection)
        except BaseException:
            pooled.invalidate()
            raise
        finally:
            pooled.close()

    def _wait_for_turn(self) -> None:
        while not self._turn.acquire(timeout=0.05):
            self._store.breaker.check()
            if (store_deadline.seconds_left() or 0) <= 0:
                raise StoreBusy("too many decodes wait for the SQLite store")

    def _begin(self, connection: sqlite3.Connection) -> None:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if (store_deadline.seconds_left() or 0) <= 0:
                    raise StoreUnavailable("another process holds the SQLite store") from error
            time.sleep(0.001)

    def forget_connections(self) -> None:
        self.engine.dispose()

    def close(self) -> None:
        self.engine.dispose()


class _SqliteDriver:
    def __init__(self, path: _SqlitePath, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def begin_and_fetch(self, values: dict[str, Any]) -> list[Sequence[Any]]:
        look_up = self._path.look_up
        return look_up.rows(self._connection.execute(look_up.text, look_up.arguments(values)).fetchall())

    def run_and_commit(self, steps: list[tuple[str, dict[str, Any]]]) -> None:
        for name, values in steps:
            step = self._path.steps[name]
            self._connection.execute(step.text, step.arguments(values))
        self._connection.execute("COMMIT")
