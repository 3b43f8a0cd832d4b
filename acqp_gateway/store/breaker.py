"""When the store does not answer in time, nobody else waits for it until a probe has seen it well again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from acqp_gateway.errors import StoreError, StoreUnavailable

_log = logging.getLogger("acqp_gateway.store")


class KnownToBeAway(StoreUnavailable):
    """Nobody asked the store: it is known not to answer."""


class Breaker:
    """Open: everybody is told at once. A thread of its own probes every `pause_s` seconds and closes it.

    No request serves as the probe: each would wait for a store that may still be frozen.
    """

    def __init__(self, probe: Callable[[], None], pause_s: float = 0.25) -> None:
        self._probe = probe
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._open_because: str | None = None
        self._well_since: float | None = None

    def recovered_within(self, seconds: float) -> bool:
        """Whether the store came back so short a time ago."""
        return self._well_since is not None and time.monotonic() - self._well_since < seconds

    def check(self) -> None:
        """Raise KnownToBeAway while the store is known not to answer."""
        why = self._open_because
        if why is not None:
            raise KnownToBeAway(f"the store did not answer lately ({why})")

    def trip(self, why: str) -> None:
        """The store did not answer: open, and probe until it does."""
        with self._lock:
            if self._open_because is not None or self._stopped.is_set():
                return
            self._open_because = why
        _log.warning("store unavailable: %s; answering UNKNOWN_EXCEPTION until a probe succeeds", why)
        try:
            threading.Thread(target=self._probe_until_well, name="store-probe", daemon=True).start()
        except RuntimeError:
            # Nobody would ever close it: let the next request be told by the store itself.
            self._open_because = None
            _log.exception("the probe of the store could not be started")

    def stop(self) -> None:
        """End the probing; for the end of the process."""
        self._stopped.set()

    def _probe_until_well(self) -> None:
        while not self._stopped.wait(self._pause_s):
            try:
                self._probe()
            except StoreError:
                continue
            except Exception:
                # A probe that fails in a new way is no reason never to probe again.
                _log.exception("the probe of the store failed unexpectedly")
                continue
            with self._lock:
                self._well_since = time.monotonic()
                self._open_because = None
            _log.warning("store available again")
            return
