"""A pushPayment whose outcome the store kept from us is settled later, and Alipay+ is told of it."""

from __future__ import annotations

import queue
import threading
import time
from datetime import UTC, datetime

import pytest

from acqp_gateway.errors import StoreBusy, StoreUnavailable
from acqp_gateway.payments import unsettled
from acqp_gateway.payments.push import Push, Verdict
from acqp_gateway.payments.unsettled import Unsettled
from acqp_gateway.protocol import results
from acqp_gateway.protocol.messages import push_payment
from tests.payments.helpers import ALIPAY_CN
from tests.peer import ACQUIRER_ID

WAIT_S = 10.0


def a_push(payment_id: str) -> Push:
    at = datetime.now(UTC)
    return Push(push_payment.Request(ACQUIRER_ID, ALIPAY_CN, "code", payment_id), b"{}", at, at)


def a_verdict(push: Push) -> Verdict:
    return Verdict(results.SUCCESS, "", push.request.payment_id, "P1", push.arrived_at)


class Told:
    """Who was told, in their order."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[tuple[str, Verdict]] = queue.Queue()

    def tell(self, push: Push, verdict: Verdict) -> None:
        self.waiting.put((push.request.payment_id, verdict))

    def next(self) -> str:
        return self.waiting.get(timeout=WAIT_S)[0]


@pytest.fixture(autouse=True)
def look_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsettled, "_LOOK_AGAIN_AFTER_S", 0.01)


def test_it_is_settled_when_the_store_is_back_and_then_told() -> None:
    outcomes: list[Exception | None] = [StoreUnavailable("frozen"), StoreBusy("held"), StoreUnavailable("gone"), None]

    def settle(push: Push) -> Verdict:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return a_verdict(push)

    told = Told()
    assert Unsettled(settle, told.tell).take(a_push("one"))
    assert told.next() == "one"
    assert outcomes == []


def test_it_is_known_to_be_settling_until_it_is_settled() -> None:
    back = threading.Event()

    def settle(push: Push) -> Verdict:
        assert back.wait(WAIT_S)
        return a_verdict(push)

    told = Told()
    settling = Unsettled(settle, told.tell)
    for _ in range(2):
        settling.take(a_push("one"))
    assert settling.holds("one")
    assert not settling.holds("two")
    back.set()
    assert [told.next(), told.next()] == ["one", "one"]
    deadline = time.monotonic() + WAIT_S
    while settling.holds("one"):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_what_nobody_foresaw_stops_nobody_else() -> None:
    def settle(push: Push) -> Verdict:
        if push.request.payment_id.startswith("odd"):
            raise RuntimeError("nobody foresaw this")
        return a_verdict(push)

    told = Told()
    settling = Unsettled(settle, told.tell)
    for payment_id in ("odd-1", "odd-2", "odd-3", "fine"):
        assert settling.take(a_push(payment_id))
    assert told.next() == "fine"


def test_in_the_end_it_is_given_up() -> None:
    tried = threading.Event()

    def settle(push: Push) -> Verdict:
        if push.request.payment_id == "fine":
            return a_verdict(push)
        tried.set()
        raise StoreUnavailable("gone for good")

    told = Told()
    settling = Unsettled(settle, told.tell, give_up_after_s=0.05)
    for payment_id in ("lost-1", "lost-2", "fine"):
        settling.take(a_push(payment_id))
    assert told.next() == "fine"
    assert tried.is_set()
    assert told.waiting.empty()


def test_too_many_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsettled, "MOST", 3)
    back = threading.Event()

    def settle(push: Push) -> Verdict:
        assert back.wait(WAIT_S)
        return a_verdict(push)

    told = Told()
    settling = Unsettled(settle, told.tell)
    taken = [settling.take(a_push(str(number))) for number in range(20)]
    assert taken == [True] * 3 + [False] * 17
    back.set()
    assert {told.next() for _ in range(taken.count(True))} == {str(i) for i, was in enumerate(taken) if was}


def test_who_is_hard_to_tell_keeps_nobody_from_being_settled() -> None:
    settled: queue.Queue[str] = queue.Queue()
    reached = threading.Event()

    def settle(push: Push) -> Verdict:
        settled.put(push.request.payment_id)
        return a_verdict(push)

    def tell(_push: Push, _verdict: Verdict) -> None:
        reached.wait(WAIT_S)

    settling = Unsettled(settle, tell)
    for number in range(6):
        settling.take(a_push(str(number)))
    try:
        assert {settled.get(timeout=5) for _ in range(6)} == set("012345")
    finally:
        reached.set()


def test_two_orders_that_are_held_keep_nobody_else_waiting() -> None:
    freed = threading.Event()

    def settle(push: Push) -> Verdict:
        if push.request.payment_id.startswith("held") and not freed.is_set():
            raise StoreBusy("somebody holds this order")
        return a_verdict(push)

    told = Told()
    settling = Unsettled(settle, told.tell)
    for payment_id in ("held-1", "held-2", "free"):
        settling.take(a_push(payment_id))
    try:
        assert told.waiting.get(timeout=5)[0] == "free"
    finally:
        freed.set()


def test_threads_that_cannot_be_started_now_are_started_later(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    settling = Unsettled(a_verdict, told.tell)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _no_thread)
        try:
            taken = settling.take(a_push("one"))
        except RuntimeError:
            taken = False
    assert settling.take(a_push("two"))
    assert told.waiting.get(timeout=5)[0] == ("one" if taken else "two")


def _no_thread(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
