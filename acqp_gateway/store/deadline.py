"""A deadline for everything that a thread asks of PostgreSQL.

libpq itself waits for ever on a server that is frozen rather than dead: no timeout of the server's can fire, and
connect_timeout covers connecting only. psycopg2 lets us wait in its place.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import extensions

_thread = threading.local()


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Within this block nothing waits for PostgreSQL longer than `seconds` in all."""
    before = getattr(_thread, "ends_at", None)
    _thread.ends_at = time.monotonic() + seconds
    try:
        yield
    finally:
        _thread.ends_at = before


def seconds_left() -> float | None:
    """How many seconds this thread may still wait; None without a deadline."""
    ends_at = getattr(_thread, "ends_at", None)
    return None if ends_at is None else ends_at - time.monotonic()


def wait_with_deadline(connection: Any) -> None:
    """psycopg2's wait callback: poll until the connection is ready, or raise OperationalError.

    The connection is not closed here: psycopg2 holds its lock while it calls us.
    """
    poller = select.poll()
    registered: tuple[int, int] | None = None
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        wanted = (connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        if wanted != registered:
            # While it connects, libpq may go from one address, and so one socket, to the next.
            poller = select.poll()
            poller.register(*wanted)
            registered = wanted
        left = seconds_left()
        if left is None:
            poller.poll()
        elif left <= 0 or not poller.poll(left * 1000):
            raise psycopg2.OperationalError("no answer before the deadline")


def install() -> None:
    """Make every psycopg2 connection of this process wait by `wait_with_deadline`."""
    extensions.set_wait_callback(wait_with_deadline)
