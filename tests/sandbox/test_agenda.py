"""Steps are done at their times, one after the other for each scan, by a few threads that end with the process."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from acqp_gateway.sandbox import agenda
from acqp_gateway.sandbox.agenda import Agenda


@pytest.fixture
def stopping() -> Iterator[threading.Event]:
    """Set at the end, so that all threads go home."""
    event = threading.Event()
    yield event
    event.set()
    for thread in threading.enumerate():
        if thread.name == "sandbox-agenda":
            thread.join(5)


def soon(seconds: float = 0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_steps_come_in_the_order_of_their_times(stopping: threading.Event) -> None:
    done: list[int] = []
    all_done = threading.Event()

    def step(scan_id: int) -> None:
        done.append(scan_id)
        if len(done) == 3:
            all_done.set()

    found = Agenda(step, stopping=stopping)
    for scan_id, seconds in ((1, 0.3), (2, 0.15), (3, 0.0)):
        found.put(scan_id, soon(seconds))
    assert all_done.wait(5)
    assert done == [3, 2, 1]


def test_a_step_says_when_the_next_is_due(stopping: threading.Event) -> None:
    times: list[datetime] = []
    all_done = threading.Event()

    def step(_scan_id: int) -> datetime | None:
        times.append(datetime.now(UTC))
        if len(times) == 3:
            all_done.set()
            return None
        return soon(0.05)

    Agenda(step, stopping=stopping).put(1, soon())
    assert all_done.wait(5)
    assert all(later - earlier >= timedelta(seconds=0.05) for earlier, later in itertools.pairwise(times))


def test_one_scan_is_never_in_two_hands_and_others_do_not_wait(stopping: threading.Event) -> None:
    held, others = threading.Event(), threading.Barrier(9)
    in_hand, most, again = [0], [0], threading.Event()
    lock = threading.Lock()

    def step(scan_id: int) -> None:
        if scan_id != 1:
            others.wait(5)
            return
        with lock:
            in_hand[0] += 1
            most[0] = max(most[0], in_hand[0])
        if held.is_set():
            again.set()
        held.wait(5)
        with lock:
            in_hand[0] -= 1

    found = Agenda(step, stopping=stopping)
    found.put(1, soon())
    for scan_id in range(2, 10):
        found.put(scan_id, soon())
        found.put(1, soon())
    # Eight others meet while the first is still held.
    others.wait(5)
    held.set()
    assert again.wait(5)
    assert most == [1]


def test_there_are_only_so_many_threads(stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agenda, "MOST_THREADS", 3)
    release, left = threading.Event(), threading.Semaphore(0)

    def step(_scan_id: int) -> None:
        release.wait(5)
        left.release()

    found = Agenda(step, stopping=stopping)
    for scan_id in range(10):
        found.put(scan_id, soon())
    assert sum(thread.name == "sandbox-agenda" for thread in threading.enumerate()) <= 3
    release.set()
    assert all(left.acquire(timeout=5) for _ in range(10))


def test_one_thread_waits_for_all_that_is_due_later(stopping: threading.Event) -> None:
    found = Agenda(lambda _scan_id: None, stopping=stopping)
    for scan_id in range(50):
        found.put(scan_id, soon(3_600))
    ends_at = time.monotonic() + 5
    while (waiting := sum(thread.name == "sandbox-agenda" for thread in threading.enumerate())) > 1:
        assert time.monotonic() < ends_at, waiting
        time.sleep(0.01)
    done = threading.Event()
    found = Agenda(lambda _scan_id: done.set(), stopping=stopping)
    found.put(1, soon(3_600))
    found.put(2, soon())
    assert done.wait(5)


def test_what_nobody_foresaw_is_logged_and_tried_again(
    stopping: threading.Event, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(agenda, "_AFTER_AN_ERROR", timedelta(seconds=0.01))
    again = threading.Event()
    seen: list[int] = []

    def step(scan_id: int) -> None:
        seen.append(scan_id)
        if len(seen) == 1:
            raise ZeroDivisionError
        again.set()

    with caplog.at_level(logging.ERROR, "acqp_gateway.sandbox"):
        Agenda(step, stopping=stopping).put(7, soon())
        assert again.wait(5)
    assert "unforeseen error in scan 7" in caplog.text


def test_threads_go_home_when_the_process_ends(stopping: threading.Event) -> None:
    done = threading.Event()
    found = Agenda(lambda _scan_id: done.set(), stopping=stopping)
    found.put(1, soon())
    assert done.wait(5)
    found.put(2, soon(3_600))
    stopping.set()
    for thread in threading.enumerate():
        if thread.name == "sandbox-agenda":
            thread.join(2)
            assert not thread.is_alive()
