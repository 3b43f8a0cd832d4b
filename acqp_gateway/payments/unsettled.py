"""pushPayments that were answered U because the store kept their outcome from us: settled later, and then told.

In the memory of one worker, bounded in number and time. What is lost with it is not lost to Alipay+: it had no more
than a U for it, and inquires (inquiryPushPayment).
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from acqp_gateway.errors import StoreError
from acqp_gateway.payments.push import Push, Verdict

_log = logging.getLogger("acqp_gateway.payments")

MOST = 1_000
_SETTLING_THREADS = 2
#: They mostly wait for Alipay+.
_TELLING_THREADS = 4
#: How many of our threads may need a connection to the store at once.
THREADS = _SETTLING_THREADS + _TELLING_THREADS
_LOOK_AGAIN_AFTER_S = 0.5
#: Alipay+ asks for the last time after 13.6 minutes; nobody waits for the answer afterwards.
GIVE_UP_AFTER_S = 15 * 60.0


@dataclass(frozen=True, slots=True, order=True)
class _Task:
    """What is due when (monotonic seconds): to settle a push, or, with a verdict, to tell it."""

    due: float
    number: int
    taken_at: float = field(compare=False)
    push: Push = field(compare=False)
    verdict: Verdict | None = field(compare=False, default=None)


class Unsettled:
    """Settles in the background what could not be settled at once, and tells what came of it.

    `settle` decides and may raise StoreError; `tell` hands the verdict to Alipay+ and raises nothing of ours. Who
    is hard to tell, or held by somebody, keeps nobody else waiting.
    """

    def __init__(
        self,
        settle: Callable[[Push], Verdict],
        tell: Callable[[Push, Verdict], None],
        *,
        give_up_after_s: float = GIVE_UP_AFTER_S,
    ) -> None:
        self._settle = settle
        self._tell = tell
        self._give_up_after_s = give_up_after_s
        self._held: Counter[str] = Counter()
        self._number = 0
        self._changed = threading.Condition()
        self._to_settle = _Crew(self._changed, "settle", _SETTLING_THREADS, self._settle_one)
        self._to_tell = _Crew(self._changed, "tell", _TELLING_THREADS, self._tell_one)

    def take(self, push: Push) -> bool:
        """Settle and tell this later; False when too many wait already, or when nobody is there to do it."""
        with self._changed:
            if self._held.total() + len(self._to_tell.tasks) >= MOST:
                return False
            if not self._to_settle.is_at_work():
                return False
            self._hold(push, 1)
            self._number += 1
            taken_at = time.monotonic()
            self._to_settle.put(_Task(taken_at, self._number, taken_at, push))
        return True

    def holds(self, payment_id: str) -> bool:
        """Whether a payment has yet to be settled here."""
        with self._changed:
            return payment_id in self._held

    def _hold(self, push: Push, by: int) -> None:
        self._held[push.request.payment_id] += by
        self._held += Counter()

    def _settle_one(self, task: _Task) -> None:
        payment_id = task.push.request.payment_id
        try:
            verdict = self._settle(task.push)
        except StoreError as error:
            self._again_or_never(task, error)
            return
        except Exception:
            _log.exception("payment %s was answered U and could not be settled", payment_id)
            with self._changed:
                self._hold(task.push, -1)
            return
        with self._changed:
            self._hold(task.push, -1)
            if self._to_tell.is_at_work():
                self._to_tell.put(replace(task, verdict=verdict))
                return
        _log.error("payment %s was settled, and nobody is there to tell so", payment_id)

    def _again_or_never(self, task: _Task, error: StoreError) -> None:
        at = time.monotonic()
        with self._changed:
            if at - task.taken_at <= self._give_up_after_s:
                self._to_settle.put(replace(task, due=at + _LOOK_AGAIN_AFTER_S))
                return
            self._hold(task.push, -1)
        _log.error("payment %s was answered U and given up: %s", task.push.request.payment_id, error)

    def _tell_one(self, task: _Task) -> None:
        if task.verdict is None:
            raise RuntimeError("there is nothing to tell yet")
        try:
            self._tell(task.push, task.verdict)
        except Exception:
            _log.exception("what became of payment %s could not be told", task.push.request.payment_id)


class _Crew:
    """Threads that do tasks when they are due; started when the first is put. `changed` is held by who calls."""

    def __init__(self, changed: threading.Condition, name: str, size: int, work: Callable[[_Task], None]) -> None:
        self._changed = changed
        self._name = name
        self._size = size
        self._work = work
        self._threads = 0
        self.tasks: list[_Task] = []

    def is_at_work(self) -> bool:
        """Whether there is a thread at least, if need be a new one."""
        while self._threads < self._size:
            thread = threading.Thread(target=self._run, name=f"{self._name}-{self._threads}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                _log.error("a thread could not be started: %s", error)
                break
            self._threads += 1
        return self._threads > 0

    def put(self, task: _Task) -> None:
        """Do this when it is due."""
        heapq.heappush(self.tasks, task)
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            self._work(self._next())

    def _next(self) -> _Task:
        with self._changed:
            while True:
                wait_s = self.tasks[0].due - time.monotonic() if self.tasks else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self.tasks)
                self._changed.wait(wait_s)
