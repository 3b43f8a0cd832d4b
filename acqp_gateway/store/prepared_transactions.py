"""Transactions of statements that are written once in SQLAlchemy's language, compiled once for the store at hand,
and then run on the driver's own connection: the path that a customer waits for.

A transaction begins with a lock on the one row that it is about and with a look at what is there; its steps are
sent together with the commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, cast

import psycopg2
from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql import ClauseElement

from acqp_gateway.store import deadline as store_deadline
from acqp_gateway.store.database import (
    Store,
    as_store_error,
    begin_immediately,
    postgresql_options,
    sqlite_preparation,
    translated_errors,
)

Steps = Mapping[str, ClauseElement]

#: A lock is waited for twice, for the line in front of it and for its holder; both end before the deadline.
_LOCK_SHARE_OF_PATIENCE = 0.4


class Transaction(Protocol):
    """One transaction on a driver's own connection."""

    def begin_and_fetch(self, values: dict[str, Any]) -> list[Sequence[Any]]:
        """Begin, lock, run the first statement and bring its rows."""

    def run_and_commit(self, steps: list[tuple[str, dict[str, Any]]]) -> None:
        """Run steps, by name and with their values, and commit."""


class Transactions(Protocol):
    """How transactions are had from one kind of store."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """One transaction; what is not committed is rolled back. Raises StoreError."""

    def forget_connections(self) -> None:
        """Drop the pooled connections: after the store went away, they lead nowhere."""

    def close(self) -> None:
        """Give all connections back."""


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


class _PostgresqlTransactions:
    """Prepared statements; two round trips a decode: begin and look up, then write and commit."""

    def __init__(self, store: Store, pool_size: int, lock: ClauseElement, first: ClauseElement, steps: Steps) -> None:
        self.engine: Engine = create_engine(
            store.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=store.patience_s,
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
            connect_args={
                # Every look-up here goes by an index, and a plan made while tables were empty must not outlive it.
                "options": postgresql_options(
                    store.patience_s, lock_patience_s=store.patience_s * _LOCK_SHARE_OF_PATIENCE
                )
                + " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off"
            },
        )
        writer = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # untyped there
        self.lock = _Compiled(lock, writer, self.engine.dialect)
        self.first = _Compiled(first, writer, self.engine.dialect)
        self.steps = {name: _Compiled(step, writer, self.engine.dialect) for name, step in steps.items()}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        driver = _PostgresqlTransaction(self)
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


class _PostgresqlTransaction:
    def __init__(self, transactions: _PostgresqlTransactions) -> None:
        self._transactions = transactions
        self.connection = transactions.connect()
        self._done = False

    def begin_and_fetch(self, values: dict[str, Any]) -> list[Sequence[Any]]:
        # Two statements, one round trip: what the first one waits for, the second one sees.
        lock, first = self._transactions.lock, self._transactions.first
        text = f"BEGIN; EXECUTE lock ({_placeholders(lock)}); EXECUTE first ({_placeholders(first)})"
        cursor = self._execute_first(text, lock.arguments(values) + first.arguments(values))
        return first.rows(cursor.fetchall())

    def _execute_first(self, text: str, arguments: list[Any]) -> Any:
        """A pooled connection may have died unseen, and nothing was done on it yet: one more try."""
        was_used = _PREPARED in self.connection.info
        try:
            return self._execute(text, arguments)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            if not was_used or (store_deadline.seconds_left() or 0) <= 0 or not _is_closed(self.connection):
                raise
        self.connection.invalidate()
        self._transactions.forget_connections()
        self.connection = self._transactions.connect()
        return self._execute(text, arguments)

    def _execute(self, text: str, arguments: list[Any]) -> Any:
        cursor = self.connection.cursor()
        if _PREPARED not in self.connection.info:
            for name, statement in {
                "lock": self._transactions.lock,
                "first": self._transactions.first,
                **self._transactions.steps,
            }.items():
                cursor.execute(f"PREPARE {name} AS {statement.text}")
            self.connection.info[_PREPARED] = True
        cursor.execute(text, arguments)
        return cursor

    def run_and_commit(self, steps: list[tuple[str, dict[str, Any]]]) -> None:
        texts, arguments = [], []
        for name, values in steps:
            step = self._transactions.steps[name]
            texts.append(f"EXECUTE {name} ({_placeholders(step)}); ")
            arguments.extend(step.arguments(values))
        self.connection.cursor().execute("".join(texts) + "COMMIT", arguments)
        self._done = True

    def roll_back_unless_done(self) -> None:
        if not self._done:
            self.connection.cursor().execute("ROLLBACK")


_PREPARED = "statements are prepared"


def transactions_on(
    store: Store, pool_size: int, lock: ClauseElement, first: ClauseElement, steps: Steps
) -> Transactions:
    """Transactions that `lock`, look `first`, then take any of the `steps`; compiled once for the store at hand."""
    kind = _SqliteTransactions if store.is_sqlite else _PostgresqlTransactions
    return kind(store, pool_size, lock, first, steps)


def _placeholders(statement: _Compiled) -> str:
    return ", ".join(["%s"] * statement.argument_count)


def _is_closed(connection: PoolProxiedConnection) -> bool:
    return bool(getattr(connection.driver_connection, "closed", 0))


class _SqliteTransactions:
    """One writer at a time: threads of this process wait in line, processes try again every millisecond."""

    def __init__(self, store: Store, pool_size: int, lock: ClauseElement, first: ClauseElement, steps: Steps) -> None:
        del lock  # BEGIN IMMEDIATE locks the whole store.
        self._store = store
        self.engine = create_engine(store.url, pool_size=pool_size, max_overflow=0, pool_timeout=store.patience_s)
        event.listen(self.engine, "connect", sqlite_preparation(store.patience_s, busy_timeout_s=0))
        dialect = self.engine.dialect
        self.first = _Compiled(first, dialect, dialect)
        self.steps = {name: _Compiled(step, dialect, dialect) for name, step in steps.items()}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        try:
            with self._store.writers_turn(), self._connection() as connection:
                begin_immediately(connection)
                try:
                    yield _SqliteTransaction(self, connection)
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise as_store_error(error) from error

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

    def forget_connections(self) -> None:
        self.engine.dispose()

    def close(self) -> None:
        self.engine.dispose()


class _SqliteTransaction:
    def __init__(self, transactions: _SqliteTransactions, connection: sqlite3.Connection) -> None:
        self._transactions = transactions
        self._connection = connection

    def begin_and_fetch(self, values: dict[str, Any]) -> list[Sequence[Any]]:
        first = self._transactions.first
        return first.rows(self._connection.execute(first.text, first.arguments(values)).fetchall())

    def run_and_commit(self, steps: list[tuple[str, dict[str, Any]]]) -> None:
        for name, values in steps:
            step = self._transactions.steps[name]
            self._connection.execute(step.text, step.arguments(values))
        self._connection.execute("COMMIT")
