"""What all tests share: both stores, fresh for each test, and keys that are made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.store import migration, mpps
from acqp_gateway.store.database import Store
from tests.postgresql import PostgresqlServer

STORES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """One server for the whole run."""
    server = PostgresqlServer()
    yield server
    server.remove()


class FreshStores:
    """Databases that are migrated and seeded already, copied from one that was."""

    def __init__(self, folder: Path, server: PostgresqlServer) -> None:
        self._folder = folder
        self._server = server
        self._count = 0
        self._template_file = folder / "template.db"
        _prepare(f"sqlite:///{self._template_file}")
        self._template_database = server.new_database()
        _prepare(self._template_database)

    def url(self, kind: str) -> str:
        """The URL of a fresh store of this kind."""
        if kind == "postgresql":
            return self._server.new_database(template=self._template_database)
        self._count += 1
        path = self._folder / f"store{self._count}.db"
        shutil.copy(self._template_file, path)
        return f"sqlite:///{path}"


def _prepare(url: str) -> None:
    store = Store(url)
    migration.upgrade(store)
    mpps.seed(store, PUBLISHED_MPPS)
    store.close()


@pytest.fixture(scope="session")
def fresh_stores(tmp_path_factory: pytest.TempPathFactory, postgresql_server: PostgresqlServer) -> FreshStores:
    """Where fresh stores come from."""
    return FreshStores(tmp_path_factory.mktemp("stores"), postgresql_server)


@pytest.fixture(params=STORES)
def database_url(request: pytest.FixtureRequest, fresh_stores: FreshStores) -> str:
    """A fresh, migrated and seeded store: the test runs once on each kind."""
    return fresh_stores.url(request.param)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A fresh store: the test runs once on each kind."""
    opened = Store(database_url)
    yield opened
    opened.close()
