"""What a lock, or the server's own defaults, may do to a decode on PostgreSQL: nothing to anybody else's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, select

from acqp_gateway.decoder.decision import decide
from acqp_gateway.errors import MerchantNotActive, OrderRefused, StoreBusy, StoreUnavailable
from acqp_gateway.store import merchants
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import orders
from tests.conftest import FreshStores
from tests.store.helpers import all_at_once
from tests.store.test_outages import Counter, counter_on

WAITERS_ON_LOCKS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
def counter(fresh_stores: FreshStores) -> Iterator[Counter]:
    with counter_on(fresh_stores.url("postgresql"), patience_s=1.0) as opened:
        yield opened


def hold(connection: Connection, code: str) -> None:
    """What somebody's long transaction does."""
    connection.execute(select(orders.c.state).where(orders.c.code_value == code).with_for_update())


def wait_for_a_waiter(store: Store) -> None:
    waiting = 0
    while not waiting:
        # A transaction of its own each time: within one, the server shows the same picture for ever.
        with store.reading() as connection:
            waiting = connection.exec_driver_sql(WAITERS_ON_LOCKS).scalar_one()


def test_who_waits_for_one_locked_order_takes_the_store_from_nobody(counter: Counter) -> None:
    held, other = counter.new_code(), counter.new_code()
    assert counter.refusal(other) is None
    with counter.shop.store.writing() as connection:
        hold(connection, held)
        assert set(all_at_once(6, lambda _: counter.refusal(held))) == {StoreBusy}
        assert counter.refusal(other) is None
    assert counter.heard.messages == []


def test_a_decode_that_had_to_wait_sees_what_was_committed_meanwhile(counter: Counter) -> None:
    code = counter.new_code()
    outcome: list[type[Exception] | None] = []

    def decode() -> None:
        with counter.decodes.transaction() as transaction:
            try:
                decide(transaction.look_up(code, None), datetime.now(UTC))
                outcome.append(None)
            except OrderRefused as refusal:
                outcome.append(type(refusal))

    store = counter.shop.store
    with store.writing() as connection:
        hold(connection, code)
        waiting = threading.Thread(target=decode)
        waiting.start()
        wait_for_a_waiter(store)
        merchants.set_status(store, counter.shop.merchant_id, "SUSPENDED", reason="fraud", at=datetime.now(UTC))
    waiting.join(10)
    assert outcome == [MerchantNotActive]


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_the_servers_default_isolation_is_not_ours(fresh_stores: FreshStores, isolation: str) -> None:
    url = fresh_stores.url("postgresql")
    alter_database(url, f"default_transaction_isolation = '{isolation}'")
    with counter_on(url, patience_s=1.0) as counter:
        code = counter.new_code()
        assert set(all_at_once(8, lambda _: counter.refusal(code))) == {None}


def test_a_server_that_cannot_be_written_is_not_well(fresh_stores: FreshStores) -> None:
    url = fresh_stores.url("postgresql")
    with counter_on(url, patience_s=1.0) as counter:
        counter.store.probe()
        alter_database(url, "default_transaction_read_only = on")
        with pytest.raises(StoreUnavailable, match="read-only"):
            counter.store.probe()


def alter_database(url: str, setting: str) -> None:
    store = Store(url)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET {setting}")
    store.close()
