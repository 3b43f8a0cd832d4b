"""The store itself: which URLs, which promises of the connections, and what a failure of its own is called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from acqp_gateway.errors import SettingError, StoreBusy, StoreError, StoreUnavailable
from acqp_gateway.store import clients, deadline, migration
from acqp_gateway.store.breaker import KnownToBeAway
from acqp_gateway.store.database import Store, as_store_error, described, read_url
from acqp_gateway.store.decodes import Decodes
from tests.conftest import FreshStores
from tests.merchants import open_shop
from tests.store.helpers import AT, all_at_once, decode_once, other_sqlite_connection, run_sql, taking


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("sqlite:///var/gateway.db", "sqlite:///var/gateway.db"),
        ("sqlite:////srv/gateway.db", "sqlite:////srv/gateway.db"),
        ("postgresql+psycopg2://u@h/db", "postgresql+psycopg2://u@h/db"),
        ("postgresql://u@h:5433/db", "postgresql+psycopg2://u@h:5433/db"),
        ("postgres://u@h/db", "postgresql+psycopg2://u@h/db"),
        ("postgresql://u@/db?host=%2Fa", "postgresql+psycopg2://u@/db?host=%2Fa"),
    ],
)
def test_a_url_is_read(written: str, read: str) -> None:
    assert read_url(written).render_as_string(hide_password=False) == read


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "not a database URL"),
        ("gateway.db", "not a database URL"),
        ("://", "not a database URL"),
        ("postgresql://u:secret@h:port/db", "not a database URL"),
        ("postgresql://u:secret@h:99999999999999999999999/db", None),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        ("mysql://u:secret@h/db", "mysql is not supported"),
        ("sqlite+aiosqlite:///x", "is not supported"),
        ("postgresql+asyncpg://u:secret@h/db", "is not supported"),
    ],
)
def test_a_url_that_cannot_work_is_told_without_its_password(written: str, said: str | None) -> None:
    if said is None:
        read_url(written)
        return
    with pytest.raises(SettingError, match=r"^database_url: ") as refused:
        read_url(written)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://u:secret@h/db",
        "postgresql://u@h/db?password=secret",
        "postgresql://u@h/db?sslpassword=secret&sslmode=require",
    ],
)
def test_a_store_is_described_without_its_password(written: str) -> None:
    told = described(read_url(written))
    assert "secret" not in told
    assert "u" in told
    assert "@h/db" in told


def test_the_file_must_be_there(tmp_path: Path, store: Store) -> None:
    store.require_file()
    missing = Store(f"sqlite:///{tmp_path}/gateway.db")
    with pytest.raises(SettingError, match=f"there is no store at {tmp_path}/gateway.db; run this where"):
        missing.require_file()
    missing.close()


def test_all_of_a_block_or_nothing(store: Store) -> None:
    def write_and_fail() -> None:
        with store.writing() as connection:
            connection.execute(text("DELETE FROM mpps"))
            raise KeyError("in between")

    with pytest.raises(KeyError):
        write_and_fail()
    with store.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM mpps")).scalar_one() == 25


def test_connections_keep_their_promises(store: Store) -> None:
    decodes = Decodes(store, pool_size=1)
    decode_once(decodes, open_shop(store).place().code_value)
    promised = (
        {
            "PRAGMA journal_mode": "wal",
            "PRAGMA synchronous": 2,
            "PRAGMA foreign_keys": 1,
        }
        if store.is_sqlite
        else {
            "SHOW timezone": "UTC",
            "SHOW default_transaction_isolation": "read committed",
            "SHOW statement_timeout": "31s",
            "SHOW idle_in_transaction_session_timeout": "35s",
            "SHOW synchronous_commit": "on",
            "SHOW fsync": "on",
        }
    )
    # Each lock may be waited for twice: all that one transaction waits for ends before its patience of 30 s does.
    engines = {"6s": store.engine, "12s": decodes._transactions.engine}  # type: ignore[attr-defined]  # both paths
    for lock_timeout, engine in engines.items():
        connection = engine.raw_connection()
        cursor = connection.cursor()
        own = {} if store.is_sqlite else {"SHOW lock_timeout": lock_timeout}
        for question, answer in (promised | own).items():
            cursor.execute(question)
            assert cursor.fetchone() == (answer,), question
        connection.close()
    decodes.close()


def test_a_broken_constraint_is_no_failure_of_the_store(store: Store) -> None:
    clients.add(store, "5Y", note=None, at=AT)
    with pytest.raises(IntegrityError), store.writing() as connection:
        connection.execute(text("INSERT INTO clients SELECT * FROM clients"))


@pytest.mark.parametrize("content", [b"this is no database at all " * 40, None], ids=["no-database", "folder"])
def test_a_file_that_is_no_store_is_unavailable(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    broken = Store(f"sqlite:///{path}", patience_s=0.2)
    decodes = Decodes(broken, pool_size=1)
    for attempted in (lambda: migration.check(broken), broken.probe, lambda: decode_once(decodes, "c")):
        with pytest.raises(StoreUnavailable):
            attempted()
    decodes.close()
    broken.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@/db?host=/nowhere",
        "postgresql://u@127.0.0.1:1/db",
    ],
)
def test_a_server_that_is_not_there_is_unavailable_at_once(url: str) -> None:
    down = Store(url, patience_s=2)
    decodes = Decodes(down, pool_size=1)
    for attempted in (lambda: migration.check(down), down.probe, lambda: decode_once(decodes, "c")):
        with taking(0, 1), pytest.raises(StoreUnavailable):
            attempted()
    decodes.close()
    down.close()


def test_a_database_that_is_not_there_is_unavailable(fresh_stores: FreshStores) -> None:
    down = Store(fresh_stores.url("postgresql").replace("/test_", "/no_such_test_"), patience_s=2)
    with pytest.raises(StoreUnavailable, match="does not exist"):
        down.probe()
    down.close()


def test_who_finds_no_free_connection_is_told_in_time(database_url: str) -> None:
    small = Store(database_url, patience_s=0.2, pool_size=1)
    with small.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with taking(0.15, 2), pytest.raises(StoreUnavailable, match="no connection became free in time"):
            migration.check(small)
    migration.check(small)
    small.close()


def test_a_writer_waits_for_another_no_longer_than_its_patience(database_url: str) -> None:
    waiting = Store(database_url, patience_s=0.3)
    clients.add(waiting, "5Y", note=None, at=AT)
    holding = Store(database_url)
    with holding.writing() as connection:
        connection.execute(text("UPDATE clients SET note = 'held'"))
        with taking(0.05, 2), pytest.raises(StoreError) as refused:
            clients.switch(waiting, "5Y", enabled=False, at=AT)
        assert type(refused.value) is (StoreUnavailable if waiting.is_sqlite else StoreBusy)
        # Nobody is kept from reading.
        assert [row.note for row in clients.listed(waiting)] == [None]
    clients.switch(waiting, "5Y", enabled=False, at=AT)
    waiting.close()
    holding.close()


def test_a_probe_sees_whether_the_store_can_be_written(store: Store) -> None:
    store.probe()
    store.patience_s = 0.1
    if store.is_sqlite:
        with other_sqlite_connection(store) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with taking(0.05, 2), pytest.raises(StoreUnavailable, match="locked"):
                store.probe()
        store.probe()


@pytest.mark.parametrize("name", ["plain.db", "with blank.db", "50%25.db", "a%23b.db", "a%3Fb.db", "ü.db"])
def test_a_probe_finds_a_file_of_any_name(name: str, tmp_path: Path) -> None:
    odd = Store(f"sqlite:///{tmp_path}/{name}", patience_s=0.2)
    run_sql(odd, "CREATE TABLE t (x INTEGER)")
    before = sorted(path.name for path in tmp_path.iterdir())
    odd.probe()
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    odd.close()


def test_a_probe_makes_no_file(tmp_path: Path) -> None:
    missing = Store(f"sqlite:///{tmp_path}/gateway.db", patience_s=0.1)
    with pytest.raises(StoreUnavailable):
        missing.probe()
    assert list(tmp_path.iterdir()) == []
    missing.close()


def test_an_errors_text_is_one_line() -> None:
    error = as_store_error(psycopg2.OperationalError("first\n\tsecond  third " + "x" * 1000))
    assert type(error) is StoreUnavailable
    assert str(error).startswith("first second third xxx")
    assert len(str(error)) == 300
    assert str(as_store_error(ValueError())) == "ValueError"


class TestDeadline:
    """PostgreSQL alone: SQLite has a busy timeout of its own."""

    @pytest.fixture
    def postgresql(self, fresh_stores: FreshStores) -> Iterator[Store]:
        opened = Store(fresh_stores.url("postgresql"), patience_s=0.3)
        yield opened
        opened.close()

    def ask(self, store: Store, *questions: str) -> None:
        with store.reading() as connection:
            for question in questions:
                connection.execute(text(question))

    def test_nothing_waits_longer_than_the_patience(self, postgresql: Store) -> None:
        self.ask(postgresql, "SELECT 1")
        with taking(0.25, 1), pytest.raises(StoreUnavailable, match="no answer before the deadline"):
            self.ask(postgresql, "SELECT pg_sleep(20)")
        self.ask(postgresql, "SELECT 1")

    def test_it_bounds_all_statements_of_a_block_together(self, postgresql: Store) -> None:
        with taking(0.25, 1), pytest.raises(StoreUnavailable, match="no answer before the deadline"):
            self.ask(postgresql, *["SELECT pg_sleep(0.1)"] * 20)

    def test_each_thread_has_a_deadline_of_its_own(self, postgresql: Store) -> None:
        def ask(number: int) -> bool:
            try:
                self.ask(postgresql, "SELECT pg_sleep(20)" if number else "SELECT pg_sleep(0.01)")
            except StoreUnavailable:
                return False
            return True

        assert all_at_once(3, ask) == [True, False, False]

    def test_the_outer_deadline_holds_again_after_the_inner(self) -> None:
        assert deadline.seconds_left() is None
        with deadline.deadline(100):
            with deadline.deadline(10):
                assert 9 < (deadline.seconds_left() or 0) <= 10
            assert 99 < (deadline.seconds_left() or 0) <= 100
        assert deadline.seconds_left() is None

    def test_without_a_deadline_it_waits(self, postgresql: Store) -> None:
        with postgresql.engine.connect() as connection:
            assert deadline.seconds_left() is None
            connection.execute(text("SELECT pg_sleep(0.4)"))


def test_an_embedded_store_that_is_damaged_while_it_is_open_is_told(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    opened = Store(f"sqlite:///{path}", guarded=True)
    migration.upgrade(opened)
    opened.engine.dispose()
    for part in tmp_path.glob("gateway.db*"):
        part.unlink()
    path.write_bytes(b"this is no database, and never was one" * 100)
    with pytest.raises(StoreUnavailable), opened.writing():
        pass
    with pytest.raises(KnownToBeAway), opened.writing():
        pass
    opened.close()


def test_a_store_that_cannot_be_written_any_more_is_told(tmp_path: Path) -> None:
    opened = Store(f"sqlite:///{tmp_path}/gateway.db", pool_size=1, guarded=True)
    migration.upgrade(opened)
    with opened.reading() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(StoreUnavailable), opened.writing() as connection:
        connection.exec_driver_sql("DELETE FROM clients")
    opened.close()
