"""Many registration checks: several at a time, at a pace, each kept as it arrives.

Standings are claimed in the store before they are asked about, so that a second run asks nobody twice; a claim is
a lease that is renewed while the run goes on. Killed at any moment, nothing that was answered is lost, and the
next run goes on with what was not.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import CommandRefused, IllegalState
from acqp_gateway.registration.asking import Question, about
from acqp_gateway.registration.checks import Asker, Outcome, not_asked
from acqp_gateway.registration.pace import Pace
from acqp_gateway.store import standings
from acqp_gateway.store.database import Store
from acqp_gateway.store.standings import LEASE_S, Subject

#: `--due` asks again about those that were last asked about longer ago.
DUE_AFTER = timedelta(hours=20)

Claim = Callable[[int], list[Subject]]


@dataclass
class Summary:
    """How a run ended: outcomes by name, and how many standings were replaced."""

    outcomes: dict[str, int] = field(default_factory=dict)
    applied: int = 0

    @property
    def asked(self) -> int:
        """How many questions there were."""
        return sum(self.outcomes.values())

    def add(self, outcome: Outcome, *, applied: bool) -> None:
        """Count one outcome."""
        name = outcome.check.outcome
        self.outcomes[name] = self.outcomes.get(name, 0) + 1
        self.applied += applied


class Batch:
    """One run over many standings. `at_a_time` questions are under way at once.

    Once `stop_requested` says so, nothing new is asked, and what is under way is still kept.
    """

    def __init__(
        self,
        store: Store,
        asker: Asker,
        *,
        triggered_by: str,
        at_a_time: int,
        pace: Pace,
        clock: Clock = now,
        progress: Callable[[Outcome], None] = lambda _: None,
        stop_requested: Callable[[], bool] = lambda: False,
    ) -> None:
        self._store = store
        self._asker = asker
        self._triggered_by = triggered_by
        self._at_a_time = at_a_time
        self._pace = pace
        self._clock = clock
        self._progress = progress
        self._stop_requested = stop_requested
        self._claimed_by = secrets.token_hex(16)
        self._renew_at = 0.0
        self._began = time.monotonic()
        self.summary = Summary()

    def ask_due(self) -> Summary:
        """Ask about everybody whom not every MPP has answered and who was not asked about for 20 hours."""
        not_asked_since = self._clock() - DUE_AFTER
        return self._run(
            None,
            self._claimed(
                lambda limit: standings.claim_due(
                    self._store,
                    claimed_by=self._claimed_by,
                    at=self._clock(),
                    not_asked_since=not_asked_since,
                    limit=limit,
                )
            ),
        )

    def ask_all(self) -> Summary:
        """Ask about every standing; an unfinished run of the kind is gone on with."""
        run_id, _ = standings.begin_run(self._store, "ALL", at=self._clock())
        claimed = self._claimed(
            lambda limit: standings.claim_of_run(
                self._store, run_id, claimed_by=self._claimed_by, at=self._clock(), limit=limit
            )
        )
        return self._run_to_its_end(run_id, claimed)

    def ask_these(self, source: str, questions: Iterable[Question]) -> Summary:
        """Ask these questions, which `source` names; an unfinished run of the same source is gone on with."""
        run_id, _ = standings.begin_run(self._store, source, at=self._clock())
        asked = standings.asked_in_run(self._store, run_id)
        return self._run_to_its_end(run_id, self._unasked(questions, asked))

    def _run_to_its_end(self, run_id: int, questions: Iterator[Question]) -> Summary:
        summary = self._run(run_id, questions)
        if not self._stop_requested():
            standings.end_run(self._store, run_id, at=self._clock())
        return summary

    def _claimed(self, claim: Claim) -> Iterator[Question]:
        """Claim a page at a time: memory stays the same however many are due."""
        while page := claim(2 * self._at_a_time):
            for subject in page:
                try:
                    yield about(self._store, subject)
                except CommandRefused as refusal:
                    self._keep_unasked(subject, str(refusal))

    def _unasked(
        self, questions: Iterable[Question], asked: set[tuple[str | None, str | None, str | None]]
    ) -> Iterator[Question]:
        for question in questions:
            subject = question.subject
            request_id = question.members.get("registrationRequestId")
            if (subject.merchant_id, subject.store_id, request_id) in asked:
                continue
            try:
                standings.claim_one(self._store, subject, claimed_by=self._claimed_by, at=self._clock())
            except IllegalState:
                # Whoever holds it asks about it now.
                continue
            yield question

    def _keep_unasked(self, subject: Subject, reason: str) -> None:
        outcome = not_asked(
            "merchant",
            reason,
            at=self._clock(),
            triggered_by=self._triggered_by,
            run_id=None,
            merchant_id=subject.merchant_id,
            store_id=subject.store_id,
        )
        self._keep(subject, outcome)

    def _run(self, run_id: int | None, questions: Iterator[Question]) -> Summary:
        under_way: dict[Future[Outcome], Question] = {}
        askers = ThreadPoolExecutor(self._at_a_time, thread_name_prefix="registration-check")
        try:
            exhausted = False
            while not exhausted or under_way:
                exhausted = exhausted or self._stop_requested()
                while not exhausted and len(under_way) < self._at_a_time:
                    question = next(questions, None)
                    if question is None:
                        exhausted = True
                    else:
                        under_way[askers.submit(self._ask, question, run_id)] = question
                self._keep_finished(under_way)
        finally:
            # What is under way is not waited for: its lease is given back, and the next run asks again.
            askers.shutdown(wait=False, cancel_futures=True)
            standings.release(self._store, claimed_by=self._claimed_by)
        return self.summary

    def _ask(self, question: Question, run_id: int | None) -> Outcome:
        self._pace.wait_for_turn()
        return self._asker.ask(question, triggered_by=self._triggered_by, run_id=run_id)

    def _keep_finished(self, under_way: dict[Future[Outcome], Question]) -> None:
        self._renew_lease()
        finished, _ = wait(under_way, timeout=1.0, return_when=FIRST_COMPLETED)
        for future in finished:
            question = under_way.pop(future)
            outcome = future.result()
            self._adjust_pace(outcome)
            self._keep(question.subject, outcome)

    def _adjust_pace(self, outcome: Outcome) -> None:
        if outcome.slow_down:
            elapsed = max(time.monotonic() - self._began, 0.001)
            self._pace.slow_down(max(self.summary.asked, 1) / elapsed)
        elif outcome.answered:
            self._pace.went_well()

    def _keep(self, subject: Subject, outcome: Outcome) -> None:
        applied = standings.finish(self._store, subject, outcome.check, outcome.news, claimed_by=self._claimed_by)
        self.summary.add(outcome, applied=applied)
        self._progress(outcome)

    def _renew_lease(self) -> None:
        if time.monotonic() >= self._renew_at:
            standings.renew(self._store, claimed_by=self._claimed_by, at=self._clock())
            self._renew_at = time.monotonic() + LEASE_S / 4


def check_one(
    store: Store, asker: Asker, question: Question, *, triggered_by: str, at: datetime
) -> tuple[Outcome, bool]:
    """Ask one question and keep what comes of it; whether the standing was replaced.

    Raises IllegalState while another run asks about the same standing.
    """
    claimed_by = secrets.token_hex(16)
    standings.claim_one(store, question.subject, claimed_by=claimed_by, at=at)
    try:
        outcome = asker.ask(question, triggered_by=triggered_by)
        applied = standings.finish(store, question.subject, outcome.check, outcome.news, claimed_by=claimed_by)
    finally:
        standings.release(store, claimed_by=claimed_by)
    return outcome, applied
