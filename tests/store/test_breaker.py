"""The breaker by itself: what opens it, what closes it, and what must not keep it open."""

from __future__ import annotations

import threading

import pytest

from acqp_gateway.errors import StoreUnavailable
from acqp_gateway.store.breaker import Breaker


def _fail_to_start(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_probe_that_cannot_be_started_does_not_keep_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker = Breaker(lambda: None, pause_s=0.01)
    monkeypatch.setattr(threading.Thread, "start", _fail_to_start)
    breaker.trip("frozen")
    breaker.check()


def test_a_probe_that_fails_in_a_new_way_is_taken_again() -> None:
    outcomes = iter([ValueError("new"), StoreUnavailable("still"), None])
    well = threading.Event()

    def probe() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        well.set()

    breaker = Breaker(probe, pause_s=0.01)
    breaker.trip("frozen")
    with pytest.raises(StoreUnavailable, match="frozen"):
        breaker.check()
    assert well.wait(5)
    deadline = threading.Event()
    while breaker._open_because is not None and not deadline.wait(0.01):
        pass
    breaker.check()
