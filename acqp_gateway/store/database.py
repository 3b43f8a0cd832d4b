"""The store itself: SQLite (embedded, the default) or PostgreSQL (production), behind one class."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.engine import URL

from acqp_gateway.errors import SettingError, StoreBusy, StoreError, StoreUnavailable
from acqp_gateway.store import deadline as store_deadline
from acqp_gateway.store.breaker import Breaker, KnownToBeAway

#: How long a command of a person waits for the store, in seconds.
PATIENCE_OF_COMMANDS_S = 30.0

_FAIR_TRY_S = 0.05
_POSTGRESQL_LOCK_NOT_AVAILABLE = "55P03"


def read_url(text: str) -> URL:
    """The database URL of the settings. Raises SettingError for a store that is neither of the two."""
    try:
        url = make_url(text)
    except (exc.ArgumentError, ValueError):  # the latter for a port that is no number
        raise SettingError(
            "database_url: not a database URL; write sqlite:///var/gateway.db or"
            " postgresql+psycopg2://user:password@host/database"
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg2")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise SettingError("database_url: SQLite needs a file, such as sqlite:///var/gateway.db")
    if url.drivername not in ("sqlite", "postgresql+psycopg2"):
        raise SettingError(f"database_url: {url.drivername} is not supported; use sqlite or postgresql+psycopg2")
    return url


class Store:
    """Connections to one store.

    `patience_s` bounds in seconds everything that one block waits for the store. With `pool_size` threads and
    connections, nobody waits for a connection. A store that is `guarded`, as the service's is, tells everybody at
    once after it has not answered somebody in time. Make it after a fork, never before.
    """

    def __init__(
        self,
        url: str,
        *,
        patience_s: float = PATIENCE_OF_COMMANDS_S,
        pool_size: int = 4,
        guarded: bool = False,
    ) -> None:
        self.url = read_url(url)
        self.patience_s = patience_s
        self.guarded = guarded
        self.is_sqlite = self.url.drivername == "sqlite"
        self.engine = (
            _sqlite_engine(self.url, pool_size, patience_s)
            if self.is_sqlite
            else _postgresql_engine(self.url, pool_size, patience_s)
        )
        self.breaker = Breaker(self.probe)
        self._turn = threading.Lock()

    @property
    def sqlite_file(self) -> Path | None:
        """Where the embedded store lies; None for PostgreSQL."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    def require_file(self) -> None:
        """Raise SettingError when the embedded store's file is not there: connecting would make an empty one."""
        if self.sqlite_file is not None and not self.sqlite_file.exists():
            raise SettingError(
                f"database_url: there is no store at {self.sqlite_file.absolute()}; run this where the gateway is"
                " installed, or, for a new gateway: acqp-gateway init"
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reading; on SQLite it sees one state of the store. Raises StoreUnavailable."""
        with self._connection(store_reads_only=True) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of the block or nothing; never one within another. Raises StoreError."""
        with self._connection(store_reads_only=False) as connection:
            yield connection

    @contextmanager
    def writers_turn(self) -> Iterator[None]:
        """Wait until no other thread of this process writes to SQLite, which has one writer at a time.

        Whoever tried by itself would lose against those who come one after the other. Raises StoreBusy,
        StoreUnavailable.
        """
        while not self._turn.acquire(timeout=0.05):
            self.breaker.check()
            if (store_deadline.seconds_left() or 0) <= 0:
                raise StoreBusy("too many wait for the SQLite store")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Within this block, StoreUnavailable opens the breaker; while it is open, the block is not entered."""
        if not self.guarded:
            yield
            return
        self.breaker.check()
        try:
            yield
        except KnownToBeAway:
            raise
        except StoreUnavailable as error:
            self.breaker.trip(str(error))
            raise

    @contextmanager
    def _connection(self, *, store_reads_only: bool) -> Iterator[Connection]:
        waits_in_line = self.is_sqlite and not store_reads_only
        with (
            self.guard(),
            store_deadline.deadline(self.patience_s),
            self.writers_turn() if waits_in_line else nullcontext(),
            translated_errors(),
            self.engine.connect() as connection,
            connection.execution_options(store_reads_only=store_reads_only).begin(),
        ):
            yield connection

    def probe(self) -> None:
        """Whether a new connection can be made and can start to write. Raises StoreError."""
        with store_deadline.deadline(self.patience_s):
            try:
                if self.is_sqlite:
                    _probe_sqlite(self.url, self.patience_s)
                else:
                    _probe_postgresql(self.engine)
            except (sqlite3.Error, psycopg2.Error) as error:
                raise as_store_error(error) from error

    def close(self) -> None:
        """Give all connections back."""
        self.breaker.stop()
        self.engine.dispose()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Within this block, what the drivers raise because of the store itself is a StoreError.

    Broken constraints are not: they say something about what was written, and are judged where it is written.
    """
    try:
        yield
    except exc.TimeoutError as error:
        raise StoreUnavailable("no connection became free in time") from error
    except (exc.OperationalError, exc.InterfaceError, exc.InternalError) as error:
        raise as_store_error(error.orig or error) from error
    except exc.DatabaseError as error:
        # SQLite says so, by this very class, of a file that is no database or is damaged.
        if type(error) is not exc.DatabaseError:
            raise
        raise as_store_error(error.orig or error) from error
    except sqlite3.Error as error:
        # From where we speak with the driver ourselves, to begin.
        raise as_store_error(error) from error


def as_store_error(error: BaseException) -> StoreError:
    """What a driver's error means for us; its text may go to the log, never to a peer."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    if getattr(error, "pgcode", None) == _POSTGRESQL_LOCK_NOT_AVAILABLE:
        return StoreBusy(text)
    return StoreUnavailable(text)


def _sqlite_engine(url: URL, pool_size: int, patience_s: float) -> Engine:
    engine = create_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=patience_s)
    event.listen(engine, "connect", sqlite_preparation(patience_s))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def sqlite_preparation(patience_s: float, *, busy_timeout_s: float | None = None) -> Callable[[Any, Any], None]:
    """What makes a connection durable, with foreign keys, and with transactions that we begin ourselves.

    It waits `patience_s` for a file that somebody opens or closes just now; `busy_timeout_s` holds afterwards, the
    same unless it is given.
    """

    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(patience_s * 1000)}")
        _switch_to_wal(cursor, patience_s)
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if busy_timeout_s is not None:
            cursor.execute(f"PRAGMA busy_timeout={int(busy_timeout_s * 1000)}")
        cursor.close()

    return prepare


def _switch_to_wal(cursor: sqlite3.Cursor, patience_s: float) -> None:
    # The first switch of a new file does not heed the busy timeout.
    ends_at = time.monotonic() + patience_s
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= ends_at:
                raise
        time.sleep(0.001)


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("store_reads_only", False):
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.driver_connection
    if store_deadline.seconds_left() is None:
        driver.execute("BEGIN IMMEDIATE")
        return
    patience_ms = driver.execute("PRAGMA busy_timeout").fetchone()[0]
    driver.execute("PRAGMA busy_timeout=0")
    try:
        begin_immediately(driver)
    finally:
        driver.execute(f"PRAGMA busy_timeout={patience_ms}")


def begin_immediately(connection: sqlite3.Connection) -> None:
    """Begin to write to SQLite, trying again every millisecond until the thread's deadline.

    Its own busy handler sleeps longer and longer, so that somebody unlucky waits for seconds. And a transaction
    that reads first and writes later would fail at once when another wrote in between. Raises StoreUnavailable,
    or StoreBusy for somebody whose time was up before there was a fair try.
    """
    began = time.monotonic()
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if (store_deadline.seconds_left() or 0) <= 0:
                fairly_tried = time.monotonic() - began > _FAIR_TRY_S
                kind = StoreUnavailable if fairly_tried else StoreBusy
                raise kind("another process holds the SQLite store") from error
        time.sleep(0.001)


def _probe_sqlite(url: URL, patience_s: float) -> None:
    # mode=rw: a probe must not make the file that is missing.
    file = Path(url.database or "").absolute().as_uri()
    connection = sqlite3.connect(f"{file}?mode=rw", timeout=patience_s, uri=True)
    try:
        connection.isolation_level = None
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def _probe_postgresql(engine: Engine) -> None:
    # Past the pool: its connections lead to where the store was.
    arguments: dict[str, Any] = dict(engine.dialect.create_connect_args(engine.url)[1])
    connection = psycopg2.connect(**arguments)
    try:
        cursor = connection.cursor()
        cursor.execute("SHOW transaction_read_only")
        if cursor.fetchone() != ("off",):
            raise psycopg2.OperationalError("the server is read-only")
    finally:
        connection.close()


def _postgresql_engine(url: URL, pool_size: int, patience_s: float) -> Engine:
    store_deadline.install()
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=patience_s,
        # Two locks at most, and each is waited for twice: for the line in front of it, and for its holder. Who
        # takes more of them sees to it that they fit into the patience, too.
        connect_args={"options": postgresql_options(patience_s, lock_patience_s=patience_s / 5)},
        pool_pre_ping=True,
    )


def postgresql_options(patience_s: float, *, lock_patience_s: float) -> str:
    """Session settings: UTC, and no lock or idle transaction that outlives the one who waits for it.

    `lock_patience_s` counts for each lock. All locks that one transaction may wait for must fit into its patience:
    a lock that somebody holds shall never look like a store that is gone.
    """
    milliseconds = int(patience_s * 1000)
    return (
        f"-c timezone=UTC -c lock_timeout={max(50, int(lock_patience_s * 1000))}"
        # A statement must see what was committed while it waited, whatever the server's default is.
        " -c default_transaction_isolation=read\\ committed"
        f" -c statement_timeout={milliseconds + 1000}"
        f" -c idle_in_transaction_session_timeout={milliseconds + 5000}"
    )


def described(url: URL) -> str:
    """The store for a person: its URL without the password, wherever in it that stands."""
    shown = url.difference_update_query([name for name in url.query if "password" in name.lower()])
    return shown.render_as_string(hide_password=True)
