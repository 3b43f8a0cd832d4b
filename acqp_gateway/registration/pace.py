"""How fast many checks are asked: a settable rate, halved whenever Alipay+ says that it is too fast."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_SLOWEST_PER_S = 0.2
_RECOVERY = 1.02
#: What was under way together is told together that it is too much: that is one word of Alipay+'s, not many.
_HALVED_AT_MOST_EVERY_S = 1.0

#: Waits so many seconds unless the event comes first; whether it has come.
Wait = Callable[[threading.Event, float], bool]


class Pace:
    """Hands out turns, at most `per_second` of them; 0 for any number. May be used by several threads."""

    def __init__(
        self,
        per_second: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Wait = threading.Event.wait,
    ) -> None:
        self._wanted = per_second
        self._rate = per_second
        self._monotonic = monotonic
        self._wait = wait
        self._lock = threading.Lock()
        self._next_turn = 0.0
        self._turns_since_slowing = 0
        self._slowed_at: float | None = None

    @property
    def per_second(self) -> float:
        """The present rate; 0 for any."""
        return self._rate

    def wait_for_turn(self, stopped: threading.Event) -> bool:
        """Return when it is this thread's turn: True; or False as soon as `stopped` is set."""
        with self._lock:
            at = now = self._monotonic()
            if self._rate:
                at = max(self._next_turn, now)
                self._next_turn = at + 1 / self._rate
            self._turns_since_slowing += 1
        return not self._wait(stopped, at - now)

    def count(self, turns: int) -> None:
        """So many calls were made without a turn of their own: the next turns come later."""
        with self._lock:
            if self._rate and turns:
                self._next_turn = max(self._next_turn, self._monotonic()) + turns / self._rate

    def slow_down(self, observed_per_second: float) -> None:
        """Half the present rate, or half of what was observed where there was none."""
        with self._lock:
            now = self._monotonic()
            if self._slowed_at is not None and now - self._slowed_at < _HALVED_AT_MOST_EVERY_S:
                return
            present = self._rate or observed_per_second
            self._rate = min(present, max(present / 2, _SLOWEST_PER_S))
            self._slowed_at = now
            self._turns_since_slowing = 0

    def went_well(self) -> None:
        """Come back to the wanted rate, little by little."""
        with self._lock:
            if not self._rate or self._turns_since_slowing < self._rate:
                return
            self._rate *= _RECOVERY
            if self._wanted and self._rate > self._wanted:
                self._rate = self._wanted
