"""Many checks: each kept as it arrives, nobody asked twice, nothing lost by whatever ends a run."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent import futures
from datetime import timedelta
from typing import Any

import pytest

from acqp_gateway import errors
from acqp_gateway.clock import now
from acqp_gateway.protocol.client import Received
from acqp_gateway.registration import asking, batch
from acqp_gateway.registration.batch import Batch, Summary
from acqp_gateway.registration.pace import Pace
from acqp_gateway.store import standings
from acqp_gateway.store.database import Store
from acqp_gateway.store.standings import LEASE_S, Subject
from tests.registration.helpers import (
    FakeAlipayplus,
    add_due,
    add_merchant,
    by_the_clock,
    check,
    entry,
    history,
    leases,
    lose_leases,
    news,
    received,
    refused,
    rows_of,
    standing_of,
    success,
)
from tests.store.helpers import all_at_once

TIMED_OUT = errors.TimedOut("alipayplus.test did not answer within 5 s; ask again later")


def approved() -> Received:
    return received(success(entry("ALIPAY_CN", "APPROVED")), answered_at=now())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wishes to stop are looked for more often than in life."""
    monkeypatch.setattr(batch, "_LOOK_EVERY_S", 0.02)


@pytest.fixture
def alipayplus() -> FakeAlipayplus:
    """Approves everybody."""
    return FakeAlipayplus(approved())


def make(store: Store, alipayplus: Any, *, at_a_time: int = 4, pace: Pace | None = None, **options: Any) -> Batch:
    return Batch(
        store,
        by_the_clock(alipayplus),
        triggered_by="kim",
        at_a_time=at_a_time,
        pace=pace or Pace(0),
        **options,
    )


def request_ids(alipayplus: FakeAlipayplus) -> list[str]:
    """Who was asked about, in any order."""
    return sorted(asked["registrationRequestId"] for asked in alipayplus.asked())


class Stop:
    """Wishes to stop once so many questions are done with."""

    def __init__(self, after: int) -> None:
        self._left = after

    def progress(self, count: int) -> None:
        self._left -= count

    def requested(self) -> bool:
        return self._left <= 0

    def options(self) -> dict[str, Any]:
        return {"progress": self.progress, "stop_requested": self.requested}


class TestDue:
    def test_everybody_is_asked_about_once(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        ids = add_due(store, 40)
        done: list[int] = []
        summary = make(store, alipayplus, progress=done.append).ask_due()
        assert request_ids(alipayplus) == ids
        assert summary == Summary({"answered": 40}, applied=40, finished=True)
        assert sum(done) == summary.asked == 40
        assert leases(store) == []
        assert all(row.applied and row.triggered_by == "kim" and row.run_id is None for row in history(store))
        assert rows_of(store, "D017") == {("ALIPAY_CN", "IN_STORE_PAYMENT"): "APPROVED"}

    def test_and_nobody_on_the_same_day(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        add_due(store, 3)
        pending = FakeAlipayplus(received(success(entry("ALIPAY_CN", "PENDING"), collective="PENDING")))
        assert make(store, pending).ask_due().asked == 3
        assert make(store, alipayplus).ask_due() == Summary(finished=True)
        assert make(store, alipayplus, clock=lambda: now() + timedelta(hours=20, seconds=1)).ask_due().asked == 3
        assert make(store, alipayplus, clock=lambda: now() + timedelta(days=9)).ask_due().asked == 0

    def test_nobody_is_due(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        assert make(store, alipayplus).ask_due() == Summary(finished=True)
        assert alipayplus.bodies == []

    def test_failures_are_counted_by_name_and_end_nothing(self, store: Store) -> None:
        add_due(store, 6)
        replies = FakeAlipayplus(
            refused("RECORD_NOT_FOUND"), errors.NotOk("500"), errors.NotAuthentic("forged"), refused("PROCESS_FAIL"),
            approved(),
        )  # fmt: skip
        summary = make(store, replies, at_a_time=1).ask_due()
        assert summary.outcomes == {"refused": 2, "not_ok": 1, "not_authentic": 1, "answered": 2}
        assert summary.applied == 2
        assert make(store, replies).ask_due().asked == 0

    def test_a_hostile_code_is_a_refusal_like_any_other(self, store: Store) -> None:
        add_due(store, 3)
        summary = make(store, FakeAlipayplus(refused("\ud800\x00" * 600), approved()), at_a_time=1).ask_due()
        assert summary.outcomes == {"refused": 1, "answered": 2}
        assert [row.result_code for row in history(store)] == ["SUCCESS", "SUCCESS", "�" * 64]

    def test_who_cannot_be_asked_about_is_kept_with_the_reason(
        self, store: Store, alipayplus: FakeAlipayplus
    ) -> None:
        in_store = add_merchant(store, "INSTORE", sells="IN_STORE", stores=["S1"])
        standings.finish(store, in_store, check(in_store), news(("GCASH", "PENDING")), claimed_by="-")
        add_due(store, 1)
        assert make(store, alipayplus).ask_due().outcomes == {"not_asked": 1, "answered": 1}
        (kept,) = history(store, merchant_id="INSTORE")[:1]
        assert (kept.outcome, kept.said) == (
            "not_asked",
            "merchant INSTORE sells in stores alone; name one with --store",
        )
        assert alipayplus.asked() == [{"registrationRequestId": "D000-R1"}]

    def test_a_long_merchant_id_is_warned_about(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        for merchant_id in ("M" * 33, "N" * 64):
            place = add_merchant(store, merchant_id)
            standings.finish(store, place, check(place), news(("GCASH", "PENDING")), claimed_by="-")
        summary = make(store, alipayplus, at_a_time=1).ask_due()
        assert (summary.asked, summary.warnings) == (2, 2)
        assert summary.first_warning is not None
        assert "M" * 33 in summary.first_warning

    def test_each_is_kept_as_it_arrives(self, store: Store) -> None:
        add_due(store, 5)
        others_kept = threading.Event()
        left = [4]

        def progress(count: int) -> None:
            left[0] -= count
            assert len(history(store)) == 4 - left[0] or not left[0]
            if not left[0]:
                others_kept.set()

        class FirstIsSlow(FakeAlipayplus):
            def call(self, url: str, body: bytes, *, signed_target: str | None = None) -> Received:
                if b"D000" in body:
                    assert others_kept.wait(20)
                return super().call(url, body)

        assert make(store, FirstIsSlow(approved()), at_a_time=2, progress=progress).ask_due().asked == 5
        assert history(store)[0].merchant_id == "D000"

    def test_a_request_that_is_entered_meanwhile_stays_due(self, store: Store) -> None:
        add_due(store, 1)

        class NewRequest(FakeAlipayplus):
            def call(self, url: str, body: bytes, *, signed_target: str | None = None) -> Received:
                if b"D000-R1" in body:
                    standings.add_request(store, "D000-R2", "D000", None, at=now())
                return super().call(url, body)

        alipayplus = NewRequest(approved())
        assert make(store, alipayplus).ask_due() == Summary({"answered": 1}, applied=0, finished=True)
        assert make(store, alipayplus).ask_due() == Summary({"answered": 1}, applied=1, finished=True)
        assert alipayplus.asked() == [{"registrationRequestId": "D000-R1"}, {"registrationRequestId": "D000-R2"}]
        assert [row.applied for row in history(store)] == [True, False]


class TestStopping:
    def test_nothing_new_is_asked_and_what_is_under_way_is_kept(
        self, store: Store, alipayplus: FakeAlipayplus
    ) -> None:
        ids = add_due(store, 30)
        summary = make(store, alipayplus, at_a_time=3, **Stop(after=4).options()).ask_due()
        assert not summary.finished
        assert 4 <= summary.asked <= 4 + 3
        assert len(history(store)) == summary.asked == len(alipayplus.bodies)
        assert leases(store) == []
        rest = make(store, alipayplus).ask_due()
        assert summary.asked + rest.asked == 30
        assert request_ids(alipayplus) == ids

    def test_who_waits_for_a_turn_goes_home_at_once(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        add_due(store, 10)
        summary = make(store, alipayplus, at_a_time=8, pace=Pace(0.01), **Stop(after=1).options()).ask_due()
        assert (summary.asked, len(history(store)), len(alipayplus.bodies)) == (1, 1, 1)
        assert leases(store) == []

    def test_a_wish_that_comes_too_late_changes_nothing(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        add_due(store, 3)
        assert make(store, alipayplus, at_a_time=8, **Stop(after=3).options()).ask_due().finished

    def test_at_once_when_it_was_wished_before(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        add_due(store, 3)
        assert make(store, alipayplus, stop_requested=lambda: True).ask_due() == Summary()
        assert alipayplus.bodies == []

    def test_an_interrupt_loses_nothing_that_was_answered(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        ids = add_due(store, 20)

        def progress(_count: int) -> None:
            # Everybody else who is under way has been answered, and not been kept yet.
            futures.wait(run._under_way)
            raise KeyboardInterrupt

        run = make(store, alipayplus, progress=progress)
        with pytest.raises(KeyboardInterrupt):
            run.ask_due()
        assert leases(store) == []
        kept = Counter(row.registration_request_id for row in history(store))
        assert kept == Counter(request_ids(alipayplus))
        assert len(kept) == 4
        rest = make(store, alipayplus).ask_due()
        assert rest.asked == 16
        assert request_ids(alipayplus) == ids

    def test_an_interrupt_does_not_wait_for_alipayplus(self, store: Store) -> None:
        add_due(store, 5)
        answer_now, asked = threading.Event(), threading.Event()

        class Slow(FakeAlipayplus):
            def call(self, url: str, body: bytes, *, signed_target: str | None = None) -> Received:
                asked.set()
                assert answer_now.wait(20)
                return super().call(url, body)

        def interrupt() -> bool:
            if asked.is_set():
                raise KeyboardInterrupt
            return False

        with pytest.raises(KeyboardInterrupt):
            make(store, Slow(approved()), stop_requested=interrupt).ask_due()
        assert leases(store) == []
        assert history(store) == []
        answer_now.set()

    def test_a_mistake_of_ours_gives_the_leases_back(self, store: Store) -> None:
        add_due(store, 5)

        class Broken(FakeAlipayplus):
            def call(self, url: str, body: bytes, *, signed_target: str | None = None) -> Received:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            make(store, Broken(approved())).ask_due()
        assert leases(store) == []


class TestTogether:
    """Two runs at the same time, each with connections of its own."""

    @pytest.fixture
    def stores(self, database_url: str) -> Iterator[list[Store]]:
        opened = [Store(database_url), Store(database_url)]
        yield opened
        for store in opened:
            store.close()

    def both(
        self, stores: list[Store], alipayplus: Any, ask: Callable[[Batch, int], Summary], at_a_time: int = 3
    ) -> list[Summary]:
        begin_run, both_begun = standings.begin_run, threading.Barrier(2, timeout=30)

        def begin_together(*arguments: Any, **options: Any) -> standings.Run:
            run = begin_run(*arguments, **options)
            both_begun.wait()
            return run

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(standings, "begin_run", begin_together)
            return all_at_once(2, lambda number: ask(make(stores[number], alipayplus, at_a_time=at_a_time), number))

    def test_due(self, store: Store, stores: list[Store], alipayplus: FakeAlipayplus) -> None:
        ids = add_due(store, 50)
        summaries = self.both(stores, alipayplus, lambda run, _: run.ask_due())
        assert request_ids(alipayplus) == ids
        assert sum(summary.asked for summary in summaries) == 50
        assert leases(store) == []

    def test_stores_of_the_same_merchants(
        self, store: Store, stores: list[Store], alipayplus: FakeAlipayplus
    ) -> None:
        names = [f"S{number}" for number in range(6)]
        for number in range(6):
            add_merchant(store, f"M{number}", stores=names)
            for name in names:
                standings.add_request(store, f"M{number}-{name}", f"M{number}", name, at=now())
        self.both(stores, alipayplus, lambda run, _: run.ask_due(), at_a_time=8)
        assert request_ids(alipayplus) == [f"M{number}-{name}" for number in range(6) for name in names]

    def test_all(self, store: Store, stores: list[Store], alipayplus: FakeAlipayplus) -> None:
        ids = add_due(store, 50)
        self.both(stores, alipayplus, lambda run, _: run.ask_all())
        assert request_ids(alipayplus) == ids
        # Whoever was last ended the run, so that the next one asks everybody again.
        assert make(store, alipayplus).ask_all().asked == 50

    def test_a_file(self, store: Store, stores: list[Store], alipayplus: FakeAlipayplus) -> None:
        ids = add_due(store, 50)

        def ask(run: Batch, number: int) -> Summary:
            return run.ask_these("FILE x", [asking.by_request(stores[number], request_id) for request_id in ids])

        self.both(stores, alipayplus, ask)
        assert request_ids(alipayplus) == ids
        assert ask(make(store, alipayplus), 0).asked == 50

    def test_a_run_that_is_not_alone_asks_the_others_and_says_so(
        self, store: Store, alipayplus: FakeAlipayplus
    ) -> None:
        add_due(store, 10)
        held = standings.claim_due(
            store, claimed_by="killed", at=now(), not_asked_since=now() - timedelta(hours=20), limit=4
        )
        summary = make(store, alipayplus).ask_due()
        assert (summary.asked, summary.in_other_hands, summary.finished) == (6, 4, True)
        assert not set(request_ids(alipayplus)) & {subject.registration_request_id for subject in held}
        lose_leases(store)
        assert make(store, alipayplus).ask_due() == Summary({"answered": 4}, applied=4, finished=True)

    def test_an_expired_lease_may_be_taken(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        add_due(store, 3)
        standings.claim_due(
            store, claimed_by="killed", at=now(), not_asked_since=now() - timedelta(hours=20), limit=4
        )
        assert make(store, alipayplus, clock=lambda: now() + timedelta(seconds=LEASE_S - 1)).ask_due().asked == 0
        assert make(store, alipayplus, clock=lambda: now() + timedelta(seconds=LEASE_S)).ask_due().asked == 3

    def test_leases_are_renewed_while_a_run_goes_on(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        add_due(store, 30)
        monkeypatch.setattr(batch, "LEASE_S", 0.01)
        renewed, times, renew = threading.Event(), [0], standings.renew

        def counted(*arguments: Any, **options: Any) -> None:
            renew(*arguments, **options)
            times[0] += 1
            if times[0] == 3:
                renewed.set()

        monkeypatch.setattr(standings, "renew", counted)
        moments = iter(range(1, 100_000))
        began = now()
        held: list[Any] = []

        class Slow(FakeAlipayplus):
            def call(self, url: str, body: bytes, *, signed_target: str | None = None) -> Received:
                if not held:
                    assert renewed.wait(20)
                    # What is claimed and has not had its turn is renewed, too.
                    held.append(standing_of(store, "D015").claimed_until)
                return super().call(url, body)

        run = make(store, Slow(approved()), at_a_time=1, clock=lambda: began + timedelta(seconds=next(moments)))
        assert run.ask_due().asked == 30
        assert held[0] > began + timedelta(seconds=LEASE_S + 4)


class TestAll:
    def test_everybody_whatever_stands(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        add_due(store, 5)
        assert make(store, alipayplus).ask_all().asked == 5
        assert make(store, alipayplus).ask_due().asked == 0
        assert make(store, alipayplus).ask_all() == Summary({"answered": 5}, applied=5, finished=True)
        assert {row.run_id for row in history(store)[:5]} != {row.run_id for row in history(store)[5:]}

    def test_the_next_run_goes_on_where_one_stopped(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        ids = add_due(store, 20)
        first = make(store, alipayplus, at_a_time=2, **Stop(after=7).options()).ask_all()
        done: list[int] = []
        second = make(store, alipayplus, progress=done.append).ask_all()
        assert (second.asked_before, second.asked) == (first.asked, 20 - first.asked)
        assert sum(done) == 20
        assert request_ids(alipayplus) == ids
        assert make(store, alipayplus).ask_all().asked == 20

    def test_nothing_is_left_to_a_next_run_by_a_wish_that_came_too_late(
        self, store: Store, alipayplus: FakeAlipayplus
    ) -> None:
        add_due(store, 3)
        assert make(store, alipayplus, at_a_time=8, **Stop(after=3).options()).ask_all().finished
        assert make(store, alipayplus).ask_all().asked == 3

    def test_who_cannot_be_asked_about_does_not_hold_it_up(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        in_store = add_merchant(store, "INSTORE", sells="IN_STORE", stores=["S1"])
        standings.finish(store, in_store, check(in_store), news(("GCASH", "APPROVED")), claimed_by="-")
        add_due(store, 2)
        assert make(store, alipayplus).ask_all().outcomes == {"not_asked": 1, "answered": 2}

    def test_what_a_killed_run_held_is_left_to_the_next(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        ids = add_due(store, 10)
        run = standings.begin_run(store, "ALL", at=now())
        standings.claim_any(store, claimed_by="killed", at=now(), not_asked_since=run.started_at, limit=4)
        first = make(store, alipayplus).ask_all()
        assert (first.asked, first.in_other_hands) == (6, 4)
        lose_leases(store)
        second = make(store, alipayplus).ask_all()
        assert (second.asked_before, second.asked, second.in_other_hands) == (6, 4, 0)
        assert request_ids(alipayplus) == ids

    def test_a_clock_behind_the_one_that_began_the_run_asks_nobody_twice(
        self, store: Store, alipayplus: FakeAlipayplus
    ) -> None:
        ids = add_due(store, 10)
        standings.begin_run(store, "ALL", at=now() + timedelta(minutes=5))
        assert make(store, alipayplus).ask_all().asked == 10
        assert request_ids(alipayplus) == ids


class TestFile:
    def ask(self, store: Store, alipayplus: Any, questions: list[asking.Question], **options: Any) -> Summary:
        return make(store, alipayplus, **options).ask_these("FILE x", questions)

    def test_each_question_once(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        add_merchant(store, stores=["S1"])
        standings.add_request(store, "R1", "M1", None, at=now())
        standings.add_request(store, "R2", "M1", None, at=now())
        # Three questions about the same standing, one of them twice, and one about another.
        questions = [
            asking.by_request(store, "R1"),
            asking.by_request(store, "R2"),
            asking.by_merchant(store, "M1", None),
            asking.by_request(store, "R1"),
            asking.by_merchant(store, "M1", "S1"),
        ]
        done: list[int] = []
        summary = self.ask(store, alipayplus, questions, progress=done.append)
        assert (summary.asked, summary.asked_before, summary.in_other_hands, sum(done)) == (4, 0, 0, 5)
        assert sorted(json.dumps(asked) for asked in alipayplus.asked()) == sorted(
            json.dumps(question.members) for question in (*questions[:3], questions[4])
        )
        assert leases(store) == []
        assert self.ask(store, alipayplus, questions).asked == 4

    def test_the_lease_is_held_until_the_last_question_about_a_standing(self, store: Store) -> None:
        add_merchant(store)
        standings.add_request(store, "R1", "M1", None, at=now())
        standings.add_request(store, "R2", "M1", None, at=now())
        questions = [asking.by_request(store, "R1"), asking.by_request(store, "R2")]
        first_kept = threading.Event()
        held: list[list[str]] = []

        class SecondIsSlow(FakeAlipayplus):
            def call(self, url: str, body: bytes, *, signed_target: str | None = None) -> Received:
                if b"R2" in body:
                    assert first_kept.wait(20)
                    held.append(leases(store))
                return super().call(url, body)

        self.ask(store, SecondIsSlow(approved()), questions, progress=lambda _count: first_kept.set())
        assert held == [["M1"]]
        assert leases(store) == []

    def test_the_next_run_goes_on_where_one_stopped(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        ids = add_due(store, 20)
        questions = [asking.by_request(store, request_id) for request_id in ids]
        first = self.ask(store, alipayplus, questions, at_a_time=2, **Stop(after=7).options())
        done: list[int] = []
        second = self.ask(store, alipayplus, questions, progress=done.append)
        assert (second.asked_before, second.asked, sum(done)) == (first.asked, 20 - first.asked, 20)
        assert request_ids(alipayplus) == ids
        # Another file is another run.
        assert make(store, alipayplus).ask_these("FILE y", questions).asked == 20

    def test_what_another_run_holds_is_said_and_left_to_the_next(
        self, store: Store, alipayplus: FakeAlipayplus
    ) -> None:
        ids = add_due(store, 3)
        questions = [asking.by_request(store, request_id) for request_id in ids]
        standings.claim_one(store, Subject("D001", None), claimed_by="somebody else", at=now())
        first = self.ask(store, alipayplus, questions)
        assert (first.asked, first.in_other_hands) == (2, 1)
        lose_leases(store)
        second = self.ask(store, alipayplus, questions)
        assert (second.asked, second.asked_before, second.in_other_hands) == (1, 2, 0)


class TestPace:
    def test_alipayplus_slows_a_run_down(self, store: Store) -> None:
        add_due(store, 2)
        pace = Pace(1000)
        replies = FakeAlipayplus(refused("REQUEST_TRAFFIC_EXCEED_LIMIT", "U"), approved())
        summary = make(store, replies, at_a_time=1, pace=pace).ask_due()
        # The second attempt was answered; the warning is heard all the same.
        assert summary.outcomes == {"answered": 2}
        assert pace.per_second == pytest.approx(500, rel=0.05)

    def test_attempts_count_as_turns(self, store: Store) -> None:
        add_due(store, 1)
        counted: list[int] = []

        class Counting(Pace):
            def count(self, turns: int) -> None:
                counted.append(turns)

        make(store, FakeAlipayplus(TIMED_OUT), pace=Counting(0)).ask_due()
        assert counted == [2]

    def test_no_more_are_under_way_than_wished(self, store: Store) -> None:
        add_due(store, 20)
        lock, present, most = threading.Lock(), [0], [0]
        three_at_once = threading.Barrier(3)

        class Counting(FakeAlipayplus):
            def call(self, url: str, body: bytes, *, signed_target: str | None = None) -> Received:
                with lock:
                    present[0] += 1
                    most[0] = max(most[0], present[0])
                if len(self.bodies) < 3:
                    three_at_once.wait(20)
                answer = super().call(url, body)
                with lock:
                    present[0] -= 1
                return answer

        make(store, Counting(approved()), at_a_time=3).ask_due()
        assert most == [3]


class TestOne:
    def one(self, store: Store, alipayplus: Any) -> tuple[Any, bool]:
        question = asking.by_merchant(store, "M1", None)
        return batch.check_one(store, by_the_clock(alipayplus), question, triggered_by="kim", at=now())

    def test_it_is_kept(self, store: Store, alipayplus: FakeAlipayplus) -> None:
        add_merchant(store)
        outcome, applied = self.one(store, alipayplus)
        assert (outcome.answered, applied) == (True, True)
        assert rows_of(store) == {("ALIPAY_CN", "IN_STORE_PAYMENT"): "APPROVED"}
        assert [(row.outcome, row.run_id) for row in history(store)] == [("answered", None)]
        assert leases(store) == []

    def test_nobody_else_asks_at_the_same_time(self, store: Store) -> None:
        add_merchant(store)
        refusals: list[str] = []

        def ask_too() -> None:
            with pytest.raises(errors.IllegalState) as caught:
                self.one(store, FakeAlipayplus(approved()))
            refusals.append(str(caught.value))

        self.one(store, FakeAlipayplus(approved(), before=ask_too))
        assert refusals == ["merchant M1 is being asked about by another run now; try again in a minute"]
        assert len(history(store)) == 1

    def test_an_interrupt_gives_the_lease_back(self, store: Store) -> None:
        add_merchant(store)

        def interrupt() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            self.one(store, FakeAlipayplus(approved(), before=interrupt))
        assert leases(store) == []
