"""The pace of many checks, by a clock that stands still unless somebody waits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from acqp_gateway.registration.pace import Pace


class Clock:
    """Time passes while somebody waits, and otherwise when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waited: list[float] = []
        self._lock = threading.Lock()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        with self._lock:
            self.waited.append(round(seconds, 6))
            self.now += seconds
        return event.is_set()

    def pace(self, per_second: float) -> Pace:
        return Pace(per_second, monotonic=lambda: self.now, wait=self.wait)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def turns(pace: Pace, count: int) -> None:
    for _ in range(count):
        assert pace.wait_for_turn(threading.Event())


def test_turns_come_at_the_rate(clock: Clock) -> None:
    turns(clock.pace(4), 5)
    assert clock.waited == [0, 0.25, 0.25, 0.25, 0.25]


def test_who_comes_late_does_not_wait_and_saves_nothing_up(clock: Clock) -> None:
    pace = clock.pace(4)
    turns(pace, 1)
    clock.now += 60
    turns(pace, 2)
    assert clock.waited == [0, 0, 0.25]


def test_zero_is_any_number(clock: Clock) -> None:
    turns(clock.pace(0), 1000)
    assert clock.now == 100


def test_threads_share_the_rate(clock: Clock) -> None:
    standing = Pace(10, monotonic=lambda: 100.0, wait=clock.wait)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: standing.wait_for_turn(threading.Event()), range(40)))
    assert sorted(clock.waited) == [round(number / 10, 6) for number in range(40)]


def test_who_is_told_to_stop_gets_no_turn() -> None:
    stopped = threading.Event()
    pace = Pace(0.01)
    assert pace.wait_for_turn(stopped)
    with ThreadPoolExecutor(1) as threads:
        # The next turn is in 100 s.
        waiting = threads.submit(pace.wait_for_turn, stopped)
        stopped.set()
        assert not waiting.result(timeout=5)
    assert not Pace(0).wait_for_turn(stopped)


def test_asked_too_often_halves_the_rate(clock: Clock) -> None:
    pace = clock.pace(20)
    for expected in (10, 5, 2.5, 1.25, 0.625, 0.3125, 0.2, 0.2):
        pace.slow_down(500)
        assert pace.per_second == expected
        clock.now += 1


def test_what_was_under_way_together_halves_it_once(clock: Clock) -> None:
    pace = clock.pace(20)
    for _ in range(32):
        pace.slow_down(500)
    assert pace.per_second == 10


def test_without_a_rate_half_of_what_was_observed_counts(clock: Clock) -> None:
    pace = clock.pace(0)
    pace.slow_down(300)
    assert pace.per_second == 150


def test_slowing_down_never_makes_it_faster(clock: Clock) -> None:
    pace = clock.pace(0.1)
    pace.slow_down(500)
    assert pace.per_second == 0.1


def test_it_comes_back_little_by_little_and_no_further(clock: Clock) -> None:
    pace = clock.pace(20)
    pace.slow_down(20)
    pace.went_well()
    assert pace.per_second == 10
    turns(pace, 10)
    rates = [pace.per_second]
    for _ in range(100):
        pace.went_well()
        turns(pace, 1)
        rates.append(pace.per_second)
    assert rates == sorted(rates)
    assert rates[1] == pytest.approx(10.2)
    assert rates[-1] == 20


def test_calls_without_a_turn_of_their_own_count(clock: Clock) -> None:
    pace = clock.pace(4)
    turns(pace, 1)
    pace.count(2)
    turns(pace, 1)
    assert clock.waited == [0, 0.75]
    pace.count(0)
    turns(pace, 1)
    assert clock.waited == [0, 0.75, 0.25]
    free = clock.pace(0)
    free.count(100)
    turns(free, 1)
    assert clock.waited[-1] == 0
