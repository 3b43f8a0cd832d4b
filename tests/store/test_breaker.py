"""The breaker by itself, with a probe that a test commands."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from acqp_gateway.errors import StoreBusy, StoreUnavailable
from acqp_gateway.store.breaker import Breaker
from tests.store.helpers import Heard, hearing_the_store


class Probe:
    """Fails in the given ways, one after the other, and succeeds from then on."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.count = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self) -> None:
        self.may_go_on.wait(10)
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture
def heard() -> Iterator[Heard]:
    with hearing_the_store() as listening:
        yield listening


def test_closed_it_lets_everybody_pass() -> None:
    probe = Probe()
    Breaker(probe).check()
    assert probe.count == 0


def test_open_it_refuses_everybody_until_a_probe_succeeds(heard: Heard) -> None:
    probe = Probe(StoreUnavailable("still down"), StoreBusy("still busy"))
    probe.may_go_on.clear()
    breaker = Breaker(probe, pause_s=0.01)
    breaker.trip("no answer")
    for _ in range(100):
        with pytest.raises(StoreUnavailable, match=r"^the store did not answer lately \(no answer\)$"):
            breaker.check()
    probe.may_go_on.set()
    heard.wait_until_available()
    breaker.check()
    assert probe.count == 3
    assert heard.messages == [
        "store unavailable: no answer; answering UNKNOWN_EXCEPTION until a probe succeeds",
        "store available again",
    ]


def test_a_probe_that_fails_in_a_new_way_is_made_again(heard: Heard) -> None:
    probe = Probe(ValueError("new"), KeyError("newer"))
    breaker = Breaker(probe, pause_s=0.01)
    breaker.trip("no answer")
    heard.wait_until_available()
    breaker.check()
    assert probe.count == 3


def test_it_opens_once_for_many(heard: Heard) -> None:
    probe = Probe()
    probe.may_go_on.clear()
    breaker = Breaker(probe, pause_s=0.01)
    before = set(threading.enumerate())
    for number in range(10):
        breaker.trip(f"no answer {number}")
    assert len(set(threading.enumerate()) - before) == 1
    with pytest.raises(StoreUnavailable, match="no answer 0"):
        breaker.check()
    probe.may_go_on.set()
    heard.wait_until_available()
    breaker.check()
    breaker.trip("again")
    heard.wait_until_available()
    assert probe.count == 2


def test_stopped_it_probes_no_more(heard: Heard) -> None:
    probe = Probe(*[StoreUnavailable("down")] * 1000)
    breaker = Breaker(probe, pause_s=0.01)
    before = set(threading.enumerate())
    breaker.trip("no answer")
    (thread,) = set(threading.enumerate()) - before
    assert thread.name == "store-probe"
    breaker.stop()
    thread.join(5)
    assert not thread.is_alive()
    breaker.trip("after the end")
    assert set(threading.enumerate()) <= before
