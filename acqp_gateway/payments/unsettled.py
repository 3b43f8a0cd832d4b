"""pushPayments that were answered U because the store kept their outcome from us: settled later, and then told.

In the memory of one worker, bounded in number and time. What is lost with it is not lost to Alipay+: it had no more
than a U for it, and inquires (inquiryPushPayment).
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable

from acqp_gateway.errors import StoreError
from acqp_gateway.payments.push import Push, Verdict

_log = logging.getLogger("acqp_gateway.payments")

MOST = 1_000
_THREADS = 2
_LOOK_AGAIN_AFTER_S = 0.5
#: Alipay+ asks for the last time after 13.6 minutes; nobody waits for the answer afterwards.
GIVE_UP_AFTER_S = 15 * 60.0


class Unsettled:
    """Settles in the background what could not be settled at once.

    `settle` decides and may raise StoreError; `tell` hands the verdict to Alipay+ and raises nothing of ours.
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
        self._waiting: queue.Queue[tuple[float, Push]] = queue.Queue(MOST)
        self._held: Counter[str] = Counter()
        self._changing = threading.Lock()
        self._started = False

    def take(self, push: Push) -> bool:
        """Settle and tell this later; False when too many wait already."""
        self._hold(push, 1)
        try:
            self._waiting.put_nowait((time.monotonic(), push))
        except queue.Full:
            self._hold(push, -1)
            return False
        self._start()
        return True

    def holds(self, payment_id: str) -> bool:
        """Whether a payment has yet to be settled here."""
        with self._changing:
            return payment_id in self._held

    def _hold(self, push: Push, by: int) -> None:
        with self._changing:
            self._held[push.request.payment_id] += by
            self._held += Counter()

    def _start(self) -> None:
        with self._changing:
            if self._started:
                return
            self._started = True
            for number in range(_THREADS):
                threading.Thread(target=self._work, name=f"unsettled-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            taken_at, push = self._waiting.get()
            try:
                self._finish(taken_at, push)
            except Exception:
                _log.exception("payment %s was answered U and could not be settled", push.request.payment_id)
            finally:
                self._hold(push, -1)

    def _finish(self, taken_at: float, push: Push) -> None:
        while True:
            try:
                verdict = self._settle(push)
                break
            except StoreError as error:
                if time.monotonic() - taken_at > self._give_up_after_s:
                    _log.error("payment %s was answered U and given up: %s", push.request.payment_id, error)
                    return
            time.sleep(_LOOK_AGAIN_AFTER_S)
        self._tell(push, verdict)
