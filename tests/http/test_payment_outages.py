"""A pushPayment while the store is frozen, gone or held: answered U in time, settled when it is back, then told."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from acqp_gateway.store import orders, payments
from acqp_gateway.store.database import Store
from tests.conftest import FreshStores, _prepare
from tests.gateway_process import GatewayProcess, running_gateway
from tests.http.conftest import ready_store
from tests.merchants import open_shop
from tests.payments.helpers import new_payment_id
from tests.payments.wire import Caller, Listening, listening
from tests.peer import Keys
from tests.postgresql import PostgresqlServer
from tests.store.helpers import all_at_once

COUNT = 4


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    """A server that this test may stop and freeze."""
    server = PostgresqlServer()
    yield server
    server.remove()


@contextmanager
def selling(url: str, keys: Keys, count: int = COUNT) -> Iterator[tuple[Caller, Listening, list[Any], Store]]:
    """A gateway with orders that were decoded, and an Alipay+ that listens."""
    store = ready_store(url)
    shop = open_shop(store)
    placed = [shop.place() for _ in range(count)]
    # One worker: it has met its client before the store goes away.
    with (
        listening(keys) as alipayplus,
        running_gateway(url, keys, ACQP_WORKERS="1", ACQP_ALIPAYPLUS_URL=alipayplus.url) as gateway,
    ):
        caller = Caller(gateway.address, keys)
        for order in placed:
            assert caller.decode(order) == "SUCCESS"
        yield caller, alipayplus, placed, store
    store.close()


def push_during(
    caller: Caller, placed: list[Any], go_away: Callable[[], Any], come_back: Callable[[], Any]
) -> list[str]:
    """The paymentIds that were pushed while the store was away: U, within 3 s, for each."""
    ids = [new_payment_id() for _ in placed]

    def push(number: int) -> tuple[str, float]:
        began = time.monotonic()
        return caller.push(placed[number], ids[number]), time.monotonic() - began

    go_away()
    try:
        for code, took in [*all_at_once(len(placed), push), push(0)]:
            assert code == "PAYMENT_IN_PROCESS"
            assert took < 5.0  # the peer waits 8 s
        assert caller.inquire(placed[0], ids[0]) == ("UNKNOWN_EXCEPTION", None)
        assert caller.notify(placed[0], ids[0]) == "UNKNOWN_EXCEPTION"
    finally:
        come_back()
    return ids


def assert_settled_and_told(
    caller: Caller, alipayplus: Listening, placed: list[Any], ids: list[str], store: Store
) -> None:
    """What was told, what is inquired and what is on record agree."""
    told: dict[str, list[Any]] = {}
    # The first one was pushed twice while nobody knew.
    for _ in range(len(ids) + 1):
        heard = alipayplus.next()
        told.setdefault(heard["paymentId"], []).append(heard)
    assert set(told) == set(ids)
    for order, payment_id in zip(placed, ids, strict=True):
        for heard in told[payment_id]:
            assert heard["paymentResult"]["resultCode"] == "SUCCESS"
            assert heard["paymentRequestId"] == order.payment_request_id
        assert caller.inquire(order, payment_id) == ("SUCCESS", "SUCCESS")
        assert caller.push(order, payment_id) == "SUCCESS"
        assert orders.get(store, order.payment_request_id).state == "PAID"
        found = payments.listed_messages(store, payment_request_id=order.payment_request_id, limit=20)
        outcomes = [row.outcome for row in found]
        assert outcomes.count("APPLIED") == 1
        assert "UNDELIVERED" not in outcomes


def test_postgresql_frozen(own_postgresql: PostgresqlServer, keys: Keys) -> None:
    url = own_postgresql.new_database()
    _prepare(url)
    with selling(url, keys) as (caller, alipayplus, placed, store):
        ids = push_during(
            caller,
            placed,
            lambda: own_postgresql.signal_all(signal.SIGSTOP),
            lambda: own_postgresql.signal_all(signal.SIGCONT),
        )
        assert_settled_and_told(caller, alipayplus, placed, ids, store)


def test_postgresql_stopped(own_postgresql: PostgresqlServer, keys: Keys) -> None:
    url = own_postgresql.new_database()
    _prepare(url)
    with selling(url, keys) as (caller, alipayplus, placed, store):
        store.close()
        ids = push_during(caller, placed, own_postgresql.stop, own_postgresql.start)
        assert_settled_and_told(caller, alipayplus, placed, ids, store)


def test_sqlite_held_by_somebody_else(fresh_stores: FreshStores, keys: Keys) -> None:
    with selling(fresh_stores.url("sqlite"), keys) as (caller, alipayplus, placed, store):
        holder = sqlite3.connect(str(store.sqlite_file), isolation_level=None)
        ids = push_during(
            caller,
            placed,
            lambda: holder.execute("BEGIN IMMEDIATE"),
            lambda: holder.execute("ROLLBACK"),
        )
        holder.close()
        assert_settled_and_told(caller, alipayplus, placed, ids, store)


def test_one_order_that_is_held_does_not_stop_the_others(fresh_stores: FreshStores, keys: Keys) -> None:
    url = fresh_stores.url("postgresql")
    with selling(url, keys, 3) as (caller, alipayplus, placed, store):
        ids = [new_payment_id() for _ in placed]
        with store.writing() as connection:
            payments.lock_order(connection, placed[0].payment_request_id)
            assert caller.push(placed[0], ids[0]) == "PAYMENT_IN_PROCESS"
            assert caller.push(placed[1], ids[1]) == "SUCCESS"
            assert caller.inquire(placed[0], ids[0]) == ("UNKNOWN_EXCEPTION", None)
            assert caller.push(placed[2], ids[2]) == "SUCCESS"
        assert alipayplus.next()["paymentId"] == ids[0]
        assert caller.inquire(placed[0], ids[0]) == ("SUCCESS", "SUCCESS")


def test_a_worker_that_stops_before_it_has_settled_leaves_the_truth_to_the_inquiry(
    fresh_stores: FreshStores, keys: Keys
) -> None:
    url = fresh_stores.url("sqlite")
    store = ready_store(url)
    order, payment_id = open_shop(store).place(), new_payment_id()
    holder = sqlite3.connect(str(store.sqlite_file), isolation_level=None)
    with running_gateway(url, keys, ACQP_WORKERS="1") as gateway:
        caller = Caller(gateway.address, keys)
        assert caller.decode(order) == "SUCCESS"
        holder.execute("BEGIN IMMEDIATE")
        assert caller.push(order, payment_id) == "PAYMENT_IN_PROCESS"
        _kill_the_worker(gateway)
        holder.execute("ROLLBACK")
        gateway.wait_until()
        assert caller.inquire(order, payment_id) == ("ORDER_NOT_EXIST", None)
        assert orders.get(store, order.payment_request_id).state == "OPEN"
        assert caller.push(order, new_payment_id()) == "SUCCESS"
    holder.close()
    store.close()


def _kill_the_worker(gateway: GatewayProcess) -> None:
    (worker,) = gateway.workers()
    worker.kill()
    worker.wait(10)
