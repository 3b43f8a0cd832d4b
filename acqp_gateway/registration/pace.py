"""How fast many checks are asked: a settable rate, halved whenever Alipay+ says that it is too fast."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_SLOWEST_PER_S = 0.2
_RECOVERY = 1.02


class Pace:
    """Hands out turns, at most `per_second` of them; 0 for any number. May be used by several threads."""

    def __init__(
        self,
        per_second: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._wanted = per_second
        self._rate = per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next_turn = 0.0
        self._turns_since_slowing = 0

    def wait_for_turn(self) -> None:
        """Return when it is this thread's turn."""
        with self._lock:
            if not self._rate:
                return
            at = max(self._next_turn, self._monotonic())
            self._next_turn = at + 1 / self._rate
            self._turns_since_slowing += 1
        self._sleep(max(0.0, at - self._monotonic()))

    def slow_down(self, observed_per_second: float) -> None:
        """Half the present rate, or half of what was observed where there was none."""
        with self._lock:
            present = self._rate or observed_per_second
            self._rate = max(present / 2, _SLOWEST_PER_S)
            self._turns_since_slowing = 0

    def went_well(self) -> None:
        """Come back to the wanted rate, little by little."""
        with self._lock:
            if not self._rate or self._turns_since_slowing < self._rate:
                return
            self._rate *= _RECOVERY
            if self._wanted and self._rate > self._wanted:
                self._rate = self._wanted
