"""What the tests of the store share: raw SQL on both kinds, threads that begin at once, waiting without sleeping."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import exc, select, text

from acqp_gateway.decoder.decoding import Decoder
from acqp_gateway.protocol.gate import Incoming
from acqp_gateway.protocol.messages.user_initiated_pay import Request
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import Attempt, Decodes, Pin
from acqp_gateway.store.tables import orders

AT = datetime(2026, 11, 20, 2, 0, 0, 123_456, tzinfo=UTC)
ALIPAY_CN = "1022088000000000001"

Found = TypeVar("Found")


def run_sql(store: Store, sql: str, **values: Any) -> int:
    """Run one statement as an administrator might, in a transaction of its own; how many rows it changed."""
    with store.engine.begin() as connection:
        return connection.execute(text(sql), values).rowcount


def rows_of(store: Store, sql: str, **values: Any) -> Sequence[Mapping[str, Any]]:
    """What a query finds."""
    with store.engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(sql), values).mappings()]


def is_locked(store: Store, code_value: str) -> bool:
    """Whether somebody else's transaction holds this order now."""
    try:
        if store.sqlite_file is not None:
            with other_sqlite_connection(store) as connection:
                connection.execute("BEGIN IMMEDIATE")
        else:
            query = select(orders.c.state).where(orders.c.code_value == code_value)
            with store.engine.begin() as locking:
                locking.execute(query.with_for_update(nowait=True))
    except (sqlite3.OperationalError, exc.OperationalError):
        return True
    return False


@contextmanager
def other_sqlite_connection(store: Store) -> Iterator[sqlite3.Connection]:
    """A connection of somebody else to the embedded store, who waits for nothing; rolled back in the end."""
    connection = sqlite3.connect(str(store.sqlite_file), timeout=0, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def attempt(code_value: str, **changes: Any) -> Attempt:
    """A successful decode of a code, for the record."""
    usual = Attempt(AT, code_value, "P1", ALIPAY_CN, "U1", "SUCCESS", "", 1234)
    return usual._replace(**changes)


def pin(code_value: str, answer: bytes = b"first") -> Pin:
    """A pin of an answer to 1500 JPY."""
    return Pin(code_value, AT, answer, 1500, "JPY")


def decode_once(decodes: Decodes, code_value: str, answer: bytes = b"first") -> bytes:
    """What a decode does on the store: look up, and record with a pin unless there is one; the pinned answer."""
    with decodes.transaction() as transaction:
        found = transaction.look_up(code_value, ALIPAY_CN)
        assert found is not None
        pinned = found.order.pinned_answer
        transaction.record(attempt(code_value), pin=None if pinned else pin(code_value, answer))
    return pinned or answer


def handled(decoder: Decoder, request: Request) -> bytes:
    """The bytes of a decoder's answer to a request that the gate has let through. Raises Refused, StoreError."""
    return decoder.handle(Incoming(request, b"", AT)).body


def all_at_once(count: int, work: Callable[[int], Found]) -> list[Found]:
    """The outcome of each of `count` threads that begin together; raises what one of them raised."""
    barrier = threading.Barrier(count, timeout=30)

    def begin(number: int) -> Found:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


@contextmanager
def taking(at_least_s: float, less_than_s: float) -> Iterator[None]:
    """The block takes so many seconds."""
    begun = time.monotonic()
    yield
    assert at_least_s <= time.monotonic() - begun < less_than_s


class Heard(logging.Handler):
    """What the store said in its log, and an event to wait for."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.messages: list[str] = []
        self._available_again = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        if record.getMessage() == "store available again":
            self._available_again.set()

    def wait_until_available(self, seconds: float = 15) -> None:
        """Wait until the breaker has closed."""
        assert self._available_again.wait(seconds), self.messages
        self._available_again.clear()


@contextmanager
def hearing_the_store() -> Iterator[Heard]:
    """Listen to what the store says in its log."""
    logger, heard = logging.getLogger("acqp_gateway.store"), Heard()
    level, logger.level = logger.level, logging.INFO
    logger.addHandler(heard)
    try:
        yield heard
    finally:
        logger.removeHandler(heard)
        logger.setLevel(level)
