"""What is to be done when: scans whose next step is due, done by a few threads that all end with the process."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from acqp_gateway.clock import Clock, now

_log = logging.getLogger("acqp_gateway.sandbox")

MOST_THREADS = 32
_LOOK_EVERY_S = 0.2
_AFTER_AN_ERROR = timedelta(seconds=5)

#: Does a scan's next step, and says when the one after that is due; None when there is none.
Step = Callable[[int], datetime | None]


class Agenda:
    """Does steps at their times, those of one scan one after the other.

    Nothing is kept here: what is due stands in the store, and is put in again when the sandbox is started.
    """

    def __init__(self, step: Step, *, stopping: threading.Event, clock: Clock = now) -> None:
        self._step = step
        self._stopping = stopping
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[tuple[datetime, int]] = []
        self._busy: dict[int, datetime | None] = {}
        self._threads = 0
        self._idle = 0

    def put(self, scan_id: int, at: datetime) -> None:
        """Do a scan's next step at this time, or earlier where it is due earlier."""
        with self._changed:
            if scan_id in self._busy:
                again = self._busy[scan_id]
                self._busy[scan_id] = at if again is None else min(again, at)
                return
            heapq.heappush(self._waiting, (at, scan_id))
            self._have_hands()
            self._changed.notify()

    def _have_hands(self) -> None:
        """See to it that somebody waits for what comes next: one is enough, who calls the next before working."""
        if self._waiting and not self._idle and self._threads < MOST_THREADS:
            self._threads += 1
            # A thread that waits for a peer must not keep the process from ending.
            threading.Thread(target=self._work, name="sandbox-agenda", daemon=True).start()

    def _work(self) -> None:
        while (scan_id := self._next()) is not None:
            at: datetime | None = None
            try:
                at = self._step(scan_id)
            except Exception as error:
                _log.error("unforeseen error in scan %s", scan_id, exc_info=error)
                at = self._clock() + _AFTER_AN_ERROR
            self._done(scan_id, at)

    def _next(self) -> int | None:
        """The scan whose step is due now, once there is one; None when the process ends or another waits already."""
        with self._changed:
            while not self._stopping.is_set():
                wait_s = self._seconds_left()
                if wait_s <= 0:
                    at, scan_id = heapq.heappop(self._waiting)
                    if scan_id in self._busy:
                        self._busy[scan_id] = at
                        continue
                    self._busy[scan_id] = None
                    self._have_hands()
                    return scan_id
                if self._idle:
                    break
                self._idle += 1
                self._changed.wait(min(wait_s, _LOOK_EVERY_S))
                self._idle -= 1
            self._threads -= 1
            return None

    def _seconds_left(self) -> float:
        if not self._waiting:
            return _LOOK_EVERY_S
        return (self._waiting[0][0] - self._clock()).total_seconds()

    def _done(self, scan_id: int, at: datetime | None) -> None:
        with self._changed:
            again = self._busy.pop(scan_id)
        times = [each for each in (at, again) if each is not None]
        if times:
            self.put(scan_id, min(times))
