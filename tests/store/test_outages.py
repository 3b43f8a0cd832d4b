"""The store is down, frozen or held by somebody: refused in time, then at once, and well again by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from acqp_gateway.errors import StoreBusy, StoreError, StoreUnavailable
from acqp_gateway.store import migration, orders, tables
from acqp_gateway.store.breaker import KnownToBeAway
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import Decodes
from tests.conftest import FreshStores
from tests.merchants import Shop, open_shop
from tests.postgresql import PostgresqlServer
from tests.store.helpers import (
    Heard,
    all_at_once,
    attempt,
    decode_once,
    hearing_the_store,
    is_locked,
    other_sqlite_connection,
    run_sql,
    taking,
)

PATIENCE_S = 0.3
KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND state = 'idle in transaction'"
)
AT_ONCE_S = 0.15


@dataclass
class Counter:
    """A guarded store of one kind with its decode path, as a worker of the service has it."""

    store: Store
    decodes: Decodes
    shop: Shop
    heard: Heard

    def new_code(self) -> str:
        """An order to decode, placed while the store is well."""
        code: str = self.shop.place().code_value
        return code

    def decode(self, code_value: str) -> bytes:
        """The pinned answer. Raises StoreError."""
        return decode_once(self.decodes, code_value)

    def refusal(self, code_value: str) -> type[StoreError] | None:
        """The failure of a decode, be it told by the store or by the breaker; None when it is answered."""
        try:
            self.decode(code_value)
        except KnownToBeAway:
            return StoreUnavailable
        except StoreError as error:
            return type(error)
        return None


@contextmanager
def counter_on(url: str, patience_s: float = PATIENCE_S) -> Iterator[Counter]:
    with ExitStack() as stack:
        store = Store(url, patience_s=patience_s, pool_size=8, guarded=True)
        stack.callback(store.close)
        decodes = Decodes(store, pool_size=8)
        stack.callback(decodes.close)
        patient = Store(url)
        stack.callback(patient.close)
        heard = stack.enter_context(hearing_the_store())
        yield Counter(store, decodes, open_shop(patient), heard)


def assert_refused_in_time_then_at_once(counter: Counter, code: str) -> None:
    """What everybody meets while the store does not answer."""
    with taking(PATIENCE_S * 0.8, PATIENCE_S + 1), pytest.raises(StoreUnavailable):
        counter.decode(code)
    for _ in range(20):
        with taking(0, AT_ONCE_S), pytest.raises(StoreUnavailable, match="did not answer lately"):
            counter.decode(code)
    with taking(0, AT_ONCE_S), pytest.raises(StoreUnavailable, match="did not answer lately"):
        migration.check(counter.store)


class TestSqlite:
    @pytest.fixture
    def counter(self, fresh_stores: FreshStores) -> Iterator[Counter]:
        with counter_on(fresh_stores.url("sqlite")) as opened:
            yield opened

    def test_a_held_store_is_refused_at_once_until_a_probe_gets_through(self, counter: Counter) -> None:
        code, other = counter.new_code(), counter.new_code()
        body = counter.decode(code)
        with other_sqlite_connection(counter.store) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            assert_refused_in_time_then_at_once(counter, code)
            holder.execute("ROLLBACK")
            counter.heard.wait_until_available()
        assert counter.decode(code) == body
        assert counter.decode(other) == b"first"
        assert [row.result_code for row in orders.listed_decodes(counter.store, code_value=code)] == ["SUCCESS"] * 2

    def test_all_who_wait_in_line_are_refused_together(self, counter: Counter) -> None:
        code = counter.new_code()
        with other_sqlite_connection(counter.store) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with taking(PATIENCE_S * 0.8, PATIENCE_S + 4):
                refusals = all_at_once(8, lambda _: counter.refusal(code))
        # Who began with the first to be refused may find the line too long a moment before it is broken up.
        assert {StoreUnavailable} <= set(refusals) <= {StoreUnavailable, StoreBusy}
        counter.heard.wait_until_available()
        assert counter.refusal(code) is None

    def test_a_new_connection_waits_while_somebody_opens_or_closes_the_file(self, fresh_stores: FreshStores) -> None:
        with counter_on(fresh_stores.url("sqlite"), patience_s=10) as counter:
            code = counter.new_code()
            counter.shop.store.engine.dispose()
            with other_sqlite_connection(counter.store) as holder:
                # What a process holds that is the first to open the file, or the last to close it.
                holder.execute("PRAGMA locking_mode=EXCLUSIVE")
                holder.execute("BEGIN IMMEDIATE")
                holder.execute("COMMIT")
                outcome: list[Any] = []
                waiting = threading.Thread(target=lambda: outcome.append(counter.refusal(code)))
                waiting.start()
                waiting.join(0.2)
                assert waiting.is_alive()
            waiting.join(10)
            assert outcome == [None]
            assert counter.heard.messages == []

    def test_a_lock_held_for_a_moment_is_waited_for(self, counter: Counter) -> None:
        code = counter.new_code()
        with other_sqlite_connection(counter.store) as holder:
            holder.execute("BEGIN IMMEDIATE")
            begun = threading.Event()

            def decode() -> None:
                begun.set()
                outcome.append(counter.refusal(code))

            outcome: list[Any] = []
            waiting = threading.Thread(target=decode)
            waiting.start()
            begun.wait(5)
            assert is_locked(counter.store, code)
            holder.execute("ROLLBACK")
            waiting.join(5)
        assert outcome == [None]
        counter.store.breaker.check()
        assert counter.heard.messages == []


class TestPostgresqlLocks:
    @pytest.fixture
    def counter(self, fresh_stores: FreshStores) -> Iterator[Counter]:
        with counter_on(fresh_stores.url("postgresql")) as opened:
            yield opened

    def test_a_locked_order_is_busy_and_others_are_not(self, counter: Counter, fresh_stores: FreshStores) -> None:
        locked, others = counter.new_code(), [counter.new_code() for _ in range(4)]
        with counter.shop.store.engine.begin() as holder:
            query = select(tables.orders.c.state).where(tables.orders.c.code_value == locked)
            holder.execute(query.with_for_update())

            def work(number: int) -> Any:
                return counter.refusal(others[number - 1] if number else locked)

            with taking(0.1, PATIENCE_S + 1):
                assert all_at_once(5, work) == [StoreBusy, None, None, None, None]
            counter.store.breaker.check()
        assert counter.refusal(locked) is None
        assert counter.heard.messages == []

    def test_a_payment_of_the_order_does_not_wait_for_a_locked_merchant(self, counter: Counter) -> None:
        """The look-up locks the order alone: whoever changes the merchant keeps nobody from decoding."""
        code = counter.new_code()
        with counter.shop.store.engine.begin() as holder:
            holder.execute(select(tables.merchants).with_for_update())
            holder.execute(select(tables.contracts).with_for_update())
            assert counter.refusal(code) is None

    def test_an_order_is_decoded_while_somebody_refers_to_it(self, counter: Counter) -> None:
        code = counter.new_code()
        with counter.shop.store.engine.begin() as holder:
            holder.execute(select(tables.orders).with_for_update(key_share=True, read=True))
            assert counter.refusal(code) is None

    def test_a_connection_that_dies_between_look_up_and_record_leaves_nothing(self, counter: Counter) -> None:
        code = counter.new_code()

        def die_in_between() -> None:
            with counter.decodes.transaction() as transaction:
                transaction.look_up(code, None)
                assert run_sql(counter.shop.store, KILL) == 1
                transaction.record(attempt(code))

        with pytest.raises(StoreUnavailable):
            die_in_between()
        counter.heard.wait_until_available()
        assert orders.listed_decodes(counter.shop.store, code_value=code) == []
        assert counter.decode(code) == b"first"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    # With fsync, a start after a kill syncs every file of every database first.
    started = PostgresqlServer(fsync="off")
    yield started
    started.remove()


class TestPostgresqlServer:
    """On a server of these tests' own, which is frozen and killed."""

    @pytest.fixture
    def counter(self, server: PostgresqlServer) -> Iterator[Counter]:
        url = server.new_database()
        made = Store(url)
        migration.upgrade(made)
        made.close()
        with counter_on(url) as opened:
            yield opened

    def test_a_frozen_server_is_refused_at_once_until_it_goes_on(
        self, counter: Counter, server: PostgresqlServer
    ) -> None:
        code, other = counter.new_code(), counter.new_code()
        body = counter.decode(code)
        server.signal_all(signal.SIGSTOP)
        try:
            assert_refused_in_time_then_at_once(counter, code)
        finally:
            server.signal_all(signal.SIGCONT)
        counter.heard.wait_until_available()
        assert counter.decode(code) == body
        assert counter.decode(other) == b"first"
        migration.check(counter.store)

    @pytest.mark.parametrize("connected", [True, False], ids=["with-connections", "without"])
    def test_all_who_wait_for_a_frozen_server_are_refused_together(
        self, connected: bool, counter: Counter, server: PostgresqlServer
    ) -> None:
        codes = [counter.new_code() for _ in range(8)]
        if connected:
            assert all_at_once(8, lambda number: counter.refusal(codes[number])) == [None] * 8
        server.signal_all(signal.SIGSTOP)
        try:
            with taking(PATIENCE_S * 0.8, PATIENCE_S + 4):
                assert all_at_once(8, lambda number: counter.refusal(codes[number])) == [StoreUnavailable] * 8
            with taking(0, AT_ONCE_S):
                assert counter.refusal(codes[0]) is StoreUnavailable
        finally:
            server.signal_all(signal.SIGCONT)
        counter.heard.wait_until_available()
        assert [counter.refusal(code) for code in codes] == [None] * 8

    def test_a_restart_costs_no_decode_when_nothing_was_under_way(
        self, counter: Counter, server: PostgresqlServer
    ) -> None:
        codes = [counter.new_code() for _ in range(8)]
        before = all_at_once(8, lambda number: counter.decode(codes[number]))
        server.stop()
        server.start()
        assert all_at_once(8, lambda number: counter.decode(codes[number])) == before
        counter.store.breaker.check()
        migration.check(counter.store)
        assert counter.heard.messages == []

    def test_a_server_that_is_down_is_refused_at_once_and_found_again(
        self, counter: Counter, server: PostgresqlServer
    ) -> None:
        code = counter.new_code()
        body = counter.decode(code)
        server.stop()
        try:
            with taking(0, PATIENCE_S + 1), pytest.raises(StoreUnavailable):
                counter.decode(code)
            for _ in range(10):
                with taking(0, AT_ONCE_S), pytest.raises(StoreUnavailable, match="did not answer lately"):
                    counter.decode(code)
        finally:
            server.start()
        counter.heard.wait_until_available()
        assert counter.decode(code) == body

    def test_a_new_worker_on_a_server_that_is_down(self, server: PostgresqlServer) -> None:
        url = server.new_database()
        made = Store(url)
        migration.upgrade(made)
        made.close()
        server.stop()
        try:
            store = Store(url, patience_s=PATIENCE_S, guarded=True)
            decodes = Decodes(store, pool_size=2)
            with hearing_the_store() as heard:
                with taking(0, PATIENCE_S + 1), pytest.raises(StoreUnavailable):
                    decode_once(decodes, "c")
                with taking(0, AT_ONCE_S), pytest.raises(StoreUnavailable, match="did not answer lately"):
                    decode_once(decodes, "c")
                server.start()
                heard.wait_until_available()
            code = open_shop(store).place().code_value
            assert decode_once(decodes, code) == b"first"
            decodes.close()
            store.close()
        finally:
            if server.process is None:
                server.start()
