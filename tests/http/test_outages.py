"""The store is gone, frozen or held; clients are slow. Customers are told at once, and nothing needs a restart."""

from __future__ import annotations

import selectors
import signal
import socket
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from acqp_gateway.store.database import Store
from tests.conftest import FreshStores, _prepare
from tests.gateway_process import GatewayProcess, running_gateway
from tests.http.conftest import Service, ready_store
from tests.merchants import open_shop
from tests.peer import Keys, Reply, assert_authentic, decode_request, exchange
from tests.postgresql import PostgresqlServer

FREEZE_S = 6.0
REQUESTS_PER_S = 50


@dataclass(frozen=True)
class Timed:
    """An answer, when its request was sent (seconds since the freeze began), and how long it took."""

    sent_at: float
    took: float
    reply: Reply


def steady_load(gateway: GatewayProcess, raw: Callable[[], bytes], seconds: float) -> list[Timed]:
    """50 requests/s on connections of their own, whether or not earlier ones were answered."""
    began = time.monotonic()

    def one(number: int) -> Timed:
        due = began + number / REQUESTS_PER_S
        time.sleep(max(0.0, due - time.monotonic()))
        sent = time.monotonic()
        reply = exchange(gateway.address, raw(), timeout=15)
        return Timed(sent - began, time.monotonic() - sent, reply)

    with ThreadPoolExecutor(200) as customers:
        return list(customers.map(one, range(int(seconds * REQUESTS_PER_S))))


def wait_until_decoded(gateway: GatewayProcess, raw: Callable[[], bytes], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while exchange(gateway.address, raw()).code != "SUCCESS":
        assert time.monotonic() < deadline, gateway.log()[-3000:]
        time.sleep(0.02)


def assert_told_in_time(found: list[Timed], keys: Keys) -> None:
    """UNKNOWN_EXCEPTION within 3 s for each, and at once after the first deadline (1 s) has passed."""
    for timed in found:
        assert_authentic(timed.reply, keys)
        assert timed.reply.code == "UNKNOWN_EXCEPTION"
        assert timed.took < 3.0
    later = [timed.took for timed in found if timed.sent_at > 2.5]
    assert len(later) > 50
    assert statistics.median(later) < 0.1
    assert max(later) < 1.0


@pytest.fixture
def own_postgresql() -> Iterator[PostgresqlServer]:
    """A server that this test may stop and freeze."""
    server = PostgresqlServer()
    yield server
    server.remove()


def test_postgresql_stopped_and_started_again(own_postgresql: PostgresqlServer, keys: Keys) -> None:
    url = own_postgresql.new_database()
    _prepare(url)
    store = ready_store(url)
    code_value = open_shop(store).place().code_value
    store.close()

    def raw() -> bytes:
        return decode_request(keys, code_value).raw()

    with running_gateway(url, keys) as gateway:
        wait_until_decoded(gateway, raw, 1)
        own_postgresql.stop()
        assert not gateway.answers("/readyz")
        assert gateway.answers("/healthz")
        for timed in steady_load(gateway, raw, 1.0):
            assert timed.reply.code == "UNKNOWN_EXCEPTION"
            assert timed.took < 1.0
            assert_authentic(timed.reply, keys)
        own_postgresql.start()
        wait_until_decoded(gateway, raw, 5)
        gateway.wait_until("/readyz", 5)


def test_started_while_postgresql_is_down(own_postgresql: PostgresqlServer, keys: Keys) -> None:
    url = own_postgresql.new_database()
    _prepare(url)
    store = ready_store(url)
    code_value = open_shop(store).place().code_value
    store.close()
    own_postgresql.stop()
    with running_gateway_without_store(url, keys) as gateway:
        request = decode_request(keys, code_value)
        reply = exchange(gateway.address, request.raw())
        assert reply.code == "UNKNOWN_EXCEPTION"
        assert_authentic(reply, keys)
        own_postgresql.start()
        wait_until_decoded(gateway, lambda: decode_request(keys, code_value).raw(), 5)


@contextmanager
def running_gateway_without_store(url: str, keys: Keys) -> Iterator[GatewayProcess]:
    from tests.gateway_process import environment, free_port

    gateway = GatewayProcess(environment(url, keys, free_port(), ACQP_WORKERS="2"))
    try:
        gateway.wait_until("/healthz")
        yield gateway
    finally:
        gateway.stop()


def test_postgresql_frozen(own_postgresql: PostgresqlServer, keys: Keys) -> None:
    url = own_postgresql.new_database()
    _prepare(url)
    store = ready_store(url)
    code_value = open_shop(store).place().code_value
    store.close()

    def raw() -> bytes:
        return decode_request(keys, code_value).raw()

    with running_gateway(url, keys) as gateway:
        wait_until_decoded(gateway, raw, 1)
        own_postgresql.signal_all(signal.SIGSTOP)
        try:
            found = steady_load(gateway, raw, FREEZE_S)
        finally:
            own_postgresql.signal_all(signal.SIGCONT)
        assert_told_in_time(found, keys)
        wait_until_decoded(gateway, raw, 5)


def test_sqlite_held_by_another_writer(fresh_stores: FreshStores, keys: Keys) -> None:
    url = fresh_stores.url("sqlite")
    store = ready_store(url)
    code_value = open_shop(store).place().code_value
    file = store.sqlite_file
    store.close()

    def raw() -> bytes:
        return decode_request(keys, code_value).raw()

    with running_gateway(url, keys) as gateway:
        wait_until_decoded(gateway, raw, 1)
        holder = sqlite3.connect(str(file), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            found = steady_load(gateway, raw, FREEZE_S)
        finally:
            holder.execute("ROLLBACK")
            holder.close()
        assert_told_in_time(found, keys)
        wait_until_decoded(gateway, raw, 5)


def test_one_order_held_does_not_stop_the_others(fresh_stores: FreshStores, keys: Keys) -> None:
    url = fresh_stores.url("postgresql")
    store = ready_store(url)
    shop = open_shop(store)
    held, other = shop.place(), shop.place()
    with running_gateway(url, keys) as gateway, store.writing() as connection:
        connection.exec_driver_sql(
            "SELECT 1 FROM orders WHERE payment_request_id = %s FOR UPDATE", (held.payment_request_id,)
        )
        with ThreadPoolExecutor(1) as customer:
            waiting = customer.submit(exchange, gateway.address, decode_request(keys, held.code_value).raw())
            while not waiting.done():
                assert exchange(gateway.address, decode_request(keys, other.code_value).raw()).code == "SUCCESS"
            assert waiting.result().code == "UNKNOWN_EXCEPTION"
    store.close()


def test_slow_clients_do_not_keep_others_waiting(service: Service) -> None:
    code_value = service.shop().place().code_value
    raw = service.request(code_value).raw()
    slow = [socket.create_connection(service.process.address) for _ in range(250)]
    stop = threading.Event()
    dripping = threading.Thread(target=drip, args=(slow[50:], raw, stop))
    try:
        for connection in slow[:50]:
            connection.sendall(raw[: len(raw) // 2])
        dripping.start()
        took = []
        for _ in range(40):
            began = time.monotonic()
            assert service.decode(code_value).code == "SUCCESS"
            took.append(time.monotonic() - began)
        assert statistics.median(took) < 0.2
        assert max(took) < 2.0
    finally:
        stop.set()
        dripping.join()
        for connection in slow:
            connection.close()


def drip(connections: list[socket.socket], raw: bytes, stop: threading.Event) -> None:
    """One byte a second on each connection, until it is closed or the test is over."""
    selector = selectors.DefaultSelector()
    for connection in connections:
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_WRITE)
    for number in range(len(raw)):
        for connection in connections:
            try:
                connection.send(raw[number : number + 1])
            except OSError:
                continue
        if stop.wait(1.0):
            break
    selector.close()


def test_a_client_switched_off_is_refused_by_all_workers_within_five_seconds(
    fresh_stores: FreshStores, keys: Keys
) -> None:
    from datetime import UTC, datetime

    from acqp_gateway.store import clients
    from tests.peer import CLIENT_ID

    url = fresh_stores.url("sqlite")
    store: Store = ready_store(url)
    code_value = open_shop(store).place().code_value
    with running_gateway(url, keys) as gateway:
        for enabled, wanted in ((False, "ACCESS_DENIED"), (True, "SUCCESS")):
            clients.switch(store, CLIENT_ID, enabled=enabled, at=datetime.now(UTC))
            deadline = time.monotonic() + 5
            in_a_row = 0
            while in_a_row < 20:
                code = exchange(gateway.address, decode_request(keys, code_value).raw()).code
                in_a_row = in_a_row + 1 if code == wanted else 0
                assert time.monotonic() < deadline
    store.close()
