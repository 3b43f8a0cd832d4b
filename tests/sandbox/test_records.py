"""What is on record, without any process: which fault is taken, and what a table says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acqp_gateway.errors import IllegalState
from acqp_gateway.sandbox import faults_in_force
from acqp_gateway.sandbox.faults import FAULTS
from acqp_gateway.sandbox.faults_in_force import FaultSetting, FaultsInForce
from acqp_gateway.sandbox.store import SandboxStore

API = faults_in_force.APIS[0]


@pytest.fixture
def in_force(tmp_path: Path) -> Iterator[FaultsInForce]:
    """Faults in a store of the test's own."""
    store = SandboxStore(tmp_path / "sandbox.db")
    yield FaultsInForce(store)
    store.close()


def setting(fault: str, *, times: int | None = None, merchant: str | None = None) -> FaultSetting:
    return FaultSetting(API, fault, times, merchant, None)


def taken(in_force: FaultsInForce, subject: str = "M1", *, has_previous: bool = True) -> str | None:
    found = in_force.take(API, [subject], subject, has_previous=has_previous)
    return found.fault if found else None


def test_none_is_in_force_by_default(in_force: FaultsInForce) -> None:
    assert in_force.listed() == []
    assert taken(in_force) is None
    assert in_force.latency_ms() == 0


def test_a_fault_is_counted_down_and_then_gone(in_force: FaultsInForce) -> None:
    in_force.put(setting("unsigned", times=2))
    assert [taken(in_force) for _ in range(3)] == ["unsigned", "unsigned", None]


def test_a_fault_without_a_count_stays(in_force: FaultsInForce) -> None:
    in_force.put(setting("unsigned"))
    assert {taken(in_force) for _ in range(5)} == {"unsigned"}


def test_another_merchant_and_another_api_are_left_alone(in_force: FaultsInForce) -> None:
    in_force.put(setting("unsigned", merchant="M1"))
    assert taken(in_force, "M2") is None
    assert in_force.take("userInitiatedPay", ["M1"], "M1", has_previous=True) is None
    assert taken(in_force, "M1") == "unsigned"


def test_a_replay_waits_for_something_to_replay(in_force: FaultsInForce) -> None:
    in_force.put(setting("replayed", times=1))
    assert taken(in_force, has_previous=False) is None
    assert taken(in_force, has_previous=True) == "replayed"
    assert taken(in_force, has_previous=True) is None


def test_once_for_each_subject_and_the_next_fault_after_that(in_force: FaultsInForce) -> None:
    in_force.put(setting("unknown_then_success"))
    in_force.put(setting("stale"))
    assert [taken(in_force, name) for name in ("M1", "M1", "M2", "M2")] == [
        "unknown_then_success",
        "stale",
        "unknown_then_success",
        "stale",
    ]


def test_a_fault_that_is_set_anew_begins_anew(in_force: FaultsInForce) -> None:
    in_force.put(setting("unknown_then_success"))
    assert taken(in_force) == "unknown_then_success"
    in_force.put(setting("unknown_then_success"))
    assert taken(in_force) == "unknown_then_success"


def test_there_are_only_so_many(in_force: FaultsInForce, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults_in_force, "_MOST_FAULTS", 1)
    in_force.put(setting("unsigned"))
    in_force.put(setting("unsigned"))
    with pytest.raises(IllegalState):
        in_force.put(setting("stale"))


def test_descriptions_are_one_short_line_each() -> None:
    for name, fault in FAULTS.items():
        assert name.isidentifier()
        assert fault.description.isprintable()
        assert 4 < len(fault.description) < 110
