"""The sandbox's own store: one SQLite file of one process, whose threads take turns on one connection."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acqp_gateway.errors import SettingError
from acqp_gateway.sandbox.scans_tables import SCANS_TABLES
from acqp_gateway.sandbox.wallet.tables import WALLET_TABLES

_VERSION = 2
_BUSY_TIMEOUT_S = 5.0

_TABLES = """
CREATE TABLE registrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request_id TEXT NOT NULL UNIQUE,
    merchant_id TEXT NOT NULL,
    store_id TEXT,
    collective_status TEXT NOT NULL,
    psps TEXT
);
CREATE INDEX registrations_by_subject ON registrations (merchant_id, store_id, id);
CREATE TABLE faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    api TEXT NOT NULL,
    name TEXT NOT NULL,
    merchant TEXT,
    times INTEGER,
    ms INTEGER
);
CREATE TABLE fault_subjects (
    fault_id INTEGER NOT NULL REFERENCES faults ON DELETE CASCADE,
    subject TEXT NOT NULL,
    PRIMARY KEY (fault_id, subject)
);
CREATE TABLE latency (ms INTEGER NOT NULL);
INSERT INTO latency VALUES (0);
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    api TEXT NOT NULL,
    message TEXT NOT NULL
);
"""

#: What version 2 added, each made where it is missing: a store of version 1 gets them when it is opened.
_TABLES_OF_VERSION_2 = (WALLET_TABLES, SCANS_TABLES)


class SandboxStore:
    """Registrations, faults, history, scans and the wallet; only its owner may read the file.

    Raises SettingError when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            _make_private_file(path)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as error:
            raise SettingError(f"{path}: cannot be opened ({error}); choose another ACQP_SANDBOX_DIR") from None
        try:
            self._prepare()
        except (sqlite3.Error, ValueError) as error:
            self._connection.close()
            raise SettingError(f"{path}: is no store of this version's sandbox ({error}); remove the file") from None

    def _prepare(self) -> None:
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute("PRAGMA foreign_keys=ON")
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in range(_VERSION + 1):
            raise ValueError(f"version {version}")
        tables = "".join((*((_TABLES,) if version == 0 else ()), *_TABLES_OF_VERSION_2))
        self._connection.executescript(f"BEGIN IMMEDIATE; {tables} PRAGMA user_version={_VERSION}; COMMIT;")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection for the caller alone; what it wrote is kept unless it raises. One within another is one."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite itself has ended it after some errors, such as a full disk.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for the caller alone, who only reads."""
        with self._lock:
            yield self._connection

    def close(self) -> None:
        """Give the file back; nothing can be asked afterwards."""
        with self._lock:
            self._connection.close()


def _make_private_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
