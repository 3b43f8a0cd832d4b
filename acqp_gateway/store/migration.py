"""Bring the store's tables to this version, or say that they are not."""

from __future__ import annotations

import functools

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from acqp_gateway.errors import StoreNotMigrated
from acqp_gateway.store.database import Store

#: Any number that nobody else locks; two upgrades at once wait for each other.
_UPGRADE_LOCK = 281_006_04


def upgrade(store: Store) -> bool:
    """Take the steps that are missing, in one transaction. Whether there were any. Raises StoreUnavailable."""
    if store.sqlite_file is not None:
        store.sqlite_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with store.writing() as connection:
        if not store.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
        if revision(connection) == newest_revision():
            return False
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def check(store: Store) -> None:
    """Raise StoreNotMigrated unless the tables are those of this version; StoreUnavailable without an answer."""
    with store.reading() as connection:
        found = revision(connection)
    if found is None:
        raise StoreNotMigrated("the store is empty; run: acqp-gateway init")
    if found != newest_revision():
        raise StoreNotMigrated(
            f"the store has revision {found}, this version needs {newest_revision()}; run: acqp-gateway db upgrade"
        )


def revision(connection: Connection) -> str | None:
    """The store's revision, None for an empty store."""
    return MigrationContext.configure(connection).get_current_revision()


@functools.cache
def newest_revision() -> str:
    """The revision of this version's tables."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the package holds no migrations")
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "acqp_gateway.store:migrations")
    return config
