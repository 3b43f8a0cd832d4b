"""The migrations make the very tables of tables.py, once, also when two begin at once."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from acqp_gateway.errors import StoreError, StoreNotMigrated
from acqp_gateway.store import migration
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import metadata
from tests.conftest import STORES
from tests.postgresql import PostgresqlServer
from tests.store.helpers import all_at_once, other_sqlite_connection, rows_of, run_sql


@pytest.fixture(params=STORES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path, postgresql_server: PostgresqlServer) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder/within/gateway.db"
    return postgresql_server.new_database()


@pytest.fixture
def empty_store(empty_url: str) -> Iterator[Store]:
    opened = Store(empty_url)
    yield opened
    opened.close()


def described(store: Store) -> dict[str, Any]:
    """Everything that the database itself says of its tables, in a form that can be compared."""
    found = inspect(store.engine)
    tables = sorted(set(found.get_table_names()) - {"alembic_version"})
    return {
        table: {
            "columns": [
                {**column, "type": str(column["type"]), "default": None, "comment": None}
                for column in found.get_columns(table)
            ],
            "primary key": found.get_pk_constraint(table),
            "foreign keys": sorted(found.get_foreign_keys(table), key=repr),
            "unique": sorted(found.get_unique_constraints(table), key=repr),
            "checks": sorted(
                (check["name"], normal(check["sqltext"])) for check in found.get_check_constraints(table)
            ),
            "indexes": sorted((index_without_clauses(index) for index in found.get_indexes(table)), key=repr),
        }
        for table in tables
    }


def index_without_clauses(index: Any) -> dict[str, Any]:
    """The conditions of a partial index as text: clauses of SQLAlchemy's are never equal."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def normal(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)


def test_alembic_finds_no_difference(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_database_finds_none_either(empty_store: Store) -> None:
    migration.upgrade(empty_store)
    migrated = described(empty_store)
    with empty_store.engine.begin() as connection:
        metadata.drop_all(connection)
        metadata.create_all(connection)
    assert described(empty_store) == migrated
    assert migrated.keys() == metadata.tables.keys()


def test_an_upgrade_is_done_once(empty_store: Store) -> None:
    assert migration.upgrade(empty_store) is True
    migration.check(empty_store)
    assert migration.upgrade(empty_store) is False
    assert rows_of(empty_store, "SELECT version_num FROM alembic_version") == [
        {"version_num": migration.newest_revision()}
    ]


def test_the_folder_of_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    made = Store(f"sqlite:///{tmp_path}/var/gateway.db")
    migration.upgrade(made)
    made.close()
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700


def test_two_upgrades_at_once_do_it_once(empty_url: str) -> None:
    stores = [Store(empty_url) for _ in range(4)]
    done = all_at_once(4, lambda number: migration.upgrade(stores[number]))
    assert sorted(done) == [False, False, False, True]
    for each in stores:
        migration.check(each)
        each.close()


def test_an_upgrade_waits_for_one_who_makes_the_file(tmp_path: Path) -> None:
    """SQLite does not heed its busy timeout while a new file is switched to WAL."""
    store = Store(f"sqlite:///{tmp_path}/gateway.db", patience_s=10)
    with other_sqlite_connection(store) as holder:
        holder.execute("BEGIN IMMEDIATE")
        done: list[bool] = []
        waiting = threading.Thread(target=lambda: done.append(migration.upgrade(store)))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        holder.execute("ROLLBACK")
    waiting.join(10)
    assert done == [True]
    store.close()


def test_a_store_that_is_not_migrated_is_told(empty_store: Store) -> None:
    if empty_store.sqlite_file is not None:
        empty_store.sqlite_file.parent.mkdir(parents=True)
    with pytest.raises(StoreNotMigrated, match=r"^the store is empty; run: acqp-gateway init$"):
        migration.check(empty_store)


def test_a_store_of_another_version_is_told(store: Store) -> None:
    run_sql(store, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(
        StoreNotMigrated, match=f"has revision 0000, this version needs {migration.newest_revision()}"
    ):
        migration.check(store)


def test_an_upgrade_that_fails_leaves_nothing_behind(empty_store: Store) -> None:
    if empty_store.sqlite_file is not None:
        empty_store.sqlite_file.parent.mkdir(parents=True)
    run_sql(empty_store, "CREATE TABLE orders (somebody_elses INTEGER)")
    with pytest.raises((StoreError, DBAPIError)):
        migration.upgrade(empty_store)
    assert inspect(empty_store.engine).get_table_names() == ["orders"]
    run_sql(empty_store, "DROP TABLE orders")
    assert migration.upgrade(empty_store) is True


def test_the_triggers_are_there(store: Store) -> None:
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if store.is_sqlite
        else "SELECT tgname AS name FROM pg_trigger WHERE NOT tgisinternal"
    )
    with store.engine.connect() as connection:
        found = set(connection.execute(text(query)).scalars())
    assert found == {"orders_stay_paid", "orders_stay_pinned", "payments_stay_accepted"}
