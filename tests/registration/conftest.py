"""An empty store of each kind, and commands on it that ask the sandbox, a process of its own, as Alipay+."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import metadata
from tests.cli.conftest import CommandLine
from tests.conftest import STORES, FreshStores
from tests.gateway_process import environment
from tests.peer import Keys
from tests.sandbox.conftest import running_sandbox, sandbox, sandbox_keys
from tests.sandbox.processes import Sandbox

__all__ = ["running_sandbox", "sandbox", "sandbox_keys"]

Settings = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def reused_stores(fresh_stores: FreshStores) -> Iterator[dict[str, Store]]:
    """One store of each kind for all tests here: to empty it is faster than to make a database."""
    stores = {kind: Store(fresh_stores.url(kind)) for kind in STORES}
    yield stores
    for store in stores.values():
        store.close()


@pytest.fixture(params=STORES)
def database_url(request: pytest.FixtureRequest, reused_stores: dict[str, Store]) -> str:
    """A store with nothing on record but the MPPs: the test runs once on each kind."""
    store = reused_stores[request.param]
    with store.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name != "mpps":
                connection.execute(delete(table))
    return store.url.render_as_string(hide_password=False)


@pytest.fixture
def settings(database_url: str, sandbox: Sandbox, sandbox_keys: Keys) -> Settings:
    """The environment of a process that works on the fresh store and asks the sandbox."""

    def made(**more: str) -> dict[str, str]:
        return environment(
            database_url,
            sandbox_keys,
            1,
            ACQP_ALIPAYPLUS_URL=f"http://127.0.0.1:{sandbox.process.address[1]}",
            **more,
        )

    return made


@pytest.fixture
def commands(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Commands in this process."""
    for name in [name for name in os.environ if name.startswith("ACQP_")]:
        monkeypatch.delenv(name)
    for name, value in settings().items():
        if name.startswith("ACQP_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOGNAME", "kim")
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path)
