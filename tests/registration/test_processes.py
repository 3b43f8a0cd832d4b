"""Runs that are processes of their own: two at once, one killed in the middle, one stopped by Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from acqp_gateway.store.database import Store
from tests.registration.conftest import Settings
from tests.registration.helpers import add_due, history, leases, lose_leases
from tests.registration.test_commands import many
from tests.sandbox.processes import Sandbox

COUNT = 50
LATENCY_MS = 60


@contextmanager
def started(environment: dict[str, str], name: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`registrations check`, triggered by somebody of this name; killed by its own id when a test fails."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from acqp_gateway.cli import main; main()"),
            *("registrations", "check", "--rate", "0", "--at-a-time", "4", "--json", *options),
        ],
        env={**environment, "LOGNAME": name},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], str]:
    """Exit status, summary and what else was said."""
    output, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors, errors
    return process.returncode, json.loads(output) if output else {}, errors


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def answered(store: Store) -> Counter[str]:
    """How many answers each run has kept."""
    return Counter(row.triggered_by for row in history(store))


def asked(sandbox: Sandbox) -> Counter[str]:
    """How often Alipay+ was asked about whom."""
    messages = sandbox.done("GET", "history?limit=1000")["messages"]
    return Counter(message["subject"] for message in messages)


@pytest.fixture
def due(store: Store, sandbox: Sandbox) -> list[str]:
    """Request ids of those who are due; Alipay+ takes its time."""
    ids = many(store, sandbox, COUNT)
    sandbox.done("PUT", "latency", {"ms": LATENCY_MS})
    return ids


def test_two_at_once_and_one_of_them_killed(
    settings: Settings, store: Store, sandbox: Sandbox, due: list[str]
) -> None:
    # The victim is slow, so that it is in the middle whenever the other begins.
    slow = ("--due", "--rate", "10")
    with started(settings(), "victim", *slow) as victim, started(settings(), "witness", "--due") as witness:
        wait_until(lambda: min(answered(store)[name] for name in ("victim", "witness")) >= 3)
        victim.kill()
        victim.wait(10)
        kept_of_victim = answered(store)["victim"]
        status, summary, said = ended(witness)
    assert victim.returncode == -signal.SIGKILL
    # The other asked everybody but whom the killed one still held.
    held = set(leases(store))
    assert 0 < len(held) <= 16
    assert (status, summary["asked"], summary["inOtherHands"]) == (0, COUNT - kept_of_victim - len(held), len(held))
    assert "Another run asks about the others now, or was killed less than a minute ago" in said
    # Nobody was asked about twice, and every answer but those that were on their way to the killed one is kept.
    assert set(asked(sandbox).values()) == {1}
    kept = Counter(row.registration_request_id for row in history(store))
    assert set(kept.values()) == {1}
    assert len(asked(sandbox).keys() - kept.keys()) <= 4
    assert {request_id.removesuffix("-R1") for request_id in set(due) - kept.keys()} == held

    lose_leases(store)
    with started(settings(), "heir", "--due") as process:
        status, summary, said = ended(process)
    assert (status, summary["asked"], summary["inOtherHands"], said) == (0, len(held), 0, "")
    assert Counter(row.registration_request_id for row in history(store)) == Counter(due)
    # Only what was on its way when the victim was killed had to be asked about again.
    assert all(count == 1 for request_id, count in asked(sandbox).items() if request_id in kept)
    assert leases(store) == []


def test_a_run_that_is_told_to_end(
    settings: Settings, store: Store, sandbox: Sandbox, due: list[str], tmp_path: Path
) -> None:
    number = signal.SIGINT if store.is_sqlite else signal.SIGTERM
    file = tmp_path / "questions.csv"
    file.write_text("request_id\n" + "".join(f"{request_id}\n" for request_id in due))
    with started(settings(), "first", "--file", str(file), "--rate", "20") as process:
        wait_until(lambda: answered(store)["first"] >= 3)
        process.send_signal(number)
        status, summary, said = ended(process)
    assert status == 130
    assert said == "Stopped; what was answered is kept. The next run goes on with the others.\n"
    assert 3 <= summary["asked"] == answered(store)["first"] < COUNT
    # Whatever was asked was kept, and nothing is held any longer.
    assert sum(asked(sandbox).values()) == summary["asked"]
    assert leases(store) == []
    with started(settings(), "second", "--file", str(file)) as process:
        status, summary, said = ended(process)
    assert (status, summary["asked"] + summary["askedBefore"]) == (0, COUNT)
    assert asked(sandbox) == Counter(due)


def test_whoever_insists_gets_out_at_once(settings: Settings, store: Store, sandbox: Sandbox) -> None:
    add_due(store, 10)
    sandbox.set_fault("slow", ms=60_000)
    with started(settings(), "first", "--due") as process:
        wait_until(lambda: len(leases(store)) == 10)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert process.poll() is None
        told = time.monotonic()
        process.send_signal(signal.SIGINT)
        status, _, said = ended(process)
    assert (status, said) == (130, "acqp-gateway: interrupted\n")
    assert time.monotonic() - told < 2
    assert leases(store) == []
