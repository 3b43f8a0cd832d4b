"""Many registration checks: several at a time, at a pace, each kept as it arrives.

Standings are claimed in the store before they are asked about, so that a second run asks nobody twice; a claim is
a lease that is renewed while the run goes on. Killed at any moment, nothing that was answered is lost, and the
next run goes on with what was not.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import SimpleQueue

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import CommandRefused
from acqp_gateway.registration.asking import Question, about
from acqp_gateway.registration.checks import Asker, Outcome, not_asked
from acqp_gateway.registration.pace import Pace
from acqp_gateway.store import standings
from acqp_gateway.store.database import Store
from acqp_gateway.store.standings import LEASE_S, Finished, Run, Subject, Turn

#: `--due` asks again about those that were last asked about longer ago.
DUE_AFTER = timedelta(hours=20)
#: How long a wish to stop may go unnoticed, in seconds.
_LOOK_EVERY_S = 0.5
_SMALLEST_PAGE = 16

Claim = Callable[[int], list[Subject]]
#: (merchant, store, request id) of a question.
_Key = tuple[str | None, str | None, str | None]


@dataclass
class Summary:
    """How a run ended: outcomes by name, and how many standings were replaced.

    `finished` is False where it was stopped and something may be left. `asked_before` counts what the run that
    was gone on with had asked already, and `in_other_hands` what another run holds. `warnings` counts questions
    that were asked with a warning; the first is kept.
    """

    outcomes: dict[str, int] = field(default_factory=dict)
    applied: int = 0
    finished: bool = False
    asked_before: int = 0
    in_other_hands: int = 0
    warnings: int = 0
    first_warning: str | None = None

    @property
    def asked(self) -> int:
        """How many questions there were."""
        return sum(self.outcomes.values())

    def add(self, outcome: Outcome, *, applied: bool) -> None:
        """Count one outcome."""
        name = outcome.check.outcome
        self.outcomes[name] = self.outcomes.get(name, 0) + 1
        self.applied += applied

    def warn(self, warning: str) -> None:
        """Count one warning."""
        self.warnings += 1
        self.first_warning = self.first_warning or warning


class Batch:
    """One run over many standings. `at_a_time` questions are under way at once.

    `progress` is told of so many more questions that are done with. Once `stop_requested` says so, nothing new is
    asked, and what is under way is still kept.
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
        progress: Callable[[int], None] = lambda _count: None,
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
        self._run: Run | None = None
        self._renew_at = 0.0
        self._began = time.monotonic()
        self._no_more_turns = threading.Event()
        self._given_up = threading.Event()
        self._under_way: dict[Future[Outcome | None], Question] = {}
        self.summary = Summary()

    def ask_due(self) -> Summary:
        """Ask about everybody whom not every MPP has answered and who was not asked about for 20 hours."""
        since = self._clock() - DUE_AFTER
        claimed = self._claimed(
            lambda limit: standings.claim_due(
                self._store, claimed_by=self._claimed_by, at=self._clock(), not_asked_since=since, limit=limit
            )
        )
        if self._ask_all_of(claimed):
            self.summary.in_other_hands = standings.count_due(
                self._store, not_asked_since=since, held_at=self._clock()
            )
        return self.summary

    def ask_all(self) -> Summary:
        """Ask about every standing; an unfinished run of the kind is gone on with."""
        run = self._run = standings.begin_run(self._store, "ALL", at=self._clock())
        if run.resumed:
            self.summary.asked_before = standings.count_asked_in_run(self._store, run.run_id)
            self._progress(self.summary.asked_before)
        claimed = self._claimed(
            lambda limit: standings.claim_any(
                self._store,
                claimed_by=self._claimed_by,
                at=self._clock(),
                not_asked_since=run.started_at,
                limit=limit,
            )
        )
        if self._ask_all_of(claimed):
            held = standings.count_any(self._store, not_asked_since=run.started_at, held_at=self._clock())
            self._end(run, held)
        return self.summary

    def ask_these(self, source: str, questions: Iterable[Question]) -> Summary:
        """Ask these questions, which `source` names; an unfinished run of the same source is gone on with."""
        run = self._run = standings.begin_run(self._store, source, at=self._clock())
        held: list[_Key] = []
        if self._ask_all_of(self._unasked(run, questions, held)):
            asked = standings.asked_in_run(self._store, run.run_id) if held else set()
            self._end(run, sum(key not in asked for key in held))
        return self.summary

    def _end(self, run: Run, in_other_hands: int) -> None:
        """End the run, unless somebody else still asks: what they leave, the next run asks."""
        self.summary.in_other_hands = in_other_hands
        if not in_other_hands:
            standings.end_run(self._store, run.run_id, at=self._clock())

    def _claimed(self, claim: Claim) -> Iterator[Question]:
        """Claim a page at a time: memory stays the same however many are due."""
        while page := claim(max(_SMALLEST_PAGE, 2 * self._at_a_time)):
            for subject in page:
                try:
                    yield about(self._store, subject)
                except CommandRefused as refusal:
                    self._keep_unasked(subject, str(refusal))

    def _unasked(self, run: Run, questions: Iterable[Question], held: list[_Key]) -> Iterator[Question]:
        """The questions that the run has not asked; what others hold goes into `held`."""
        asked = standings.asked_in_run(self._store, run.run_id)
        seen: set[_Key] = set()
        for question in questions:
            key = _key(question)
            if key not in seen:
                seen.add(key)
                turn = Turn.ASKED if key in asked else self._turn_of(run, question)
                if turn is Turn.OURS:
                    yield question
                    continue
                if turn is Turn.HELD:
                    held.append(key)
                else:
                    self.summary.asked_before += 1
            self._progress(1)

    def _turn_of(self, run: Run, question: Question) -> Turn:
        return standings.claim_for_run(
            self._store,
            run.run_id,
            question.subject,
            question.members.get("registrationRequestId"),
            claimed_by=self._claimed_by,
            at=self._clock(),
        )

    def _keep_unasked(self, subject: Subject, reason: str) -> None:
        run_id = self._run.run_id if self._run else None
        outcome = not_asked(subject, reason, at=self._clock(), triggered_by=self._triggered_by, run_id=run_id)
        kept = [(subject, outcome)]
        self._count(kept, self._finish(kept))

    def _ask_all_of(self, questions: Iterator[Question]) -> bool:
        """Whether all were asked; otherwise somebody wished to stop."""
        askers = _Askers(self._at_a_time, self._ask)
        try:
            exhausted = False
            while True:
                if self._stop_requested():
                    self._no_more_turns.set()
                elif not exhausted:
                    exhausted = not self._begin_some(askers, questions)
                if not self._under_way:
                    self.summary.finished = exhausted
                    return exhausted
                self._keep_finished()
        except KeyboardInterrupt:
            self._keep_all([future for future in self._under_way if future.done()])
            raise
        finally:
            # What is under way is not waited for: its lease is given back, and the next run asks again.
            self._no_more_turns.set()
            self._given_up.set()
            askers.dismiss()
            standings.release(self._store, claimed_by=self._claimed_by)

    def _begin_some(self, askers: _Askers, questions: Iterator[Question]) -> bool:
        """Have as many questions under way as there may be; whether there may be more."""
        while len(self._under_way) < self._at_a_time:
            question = next(questions, None)
            if question is None:
                return False
            if question.warning:
                self.summary.warn(question.warning)
            self._under_way[askers.submit(question)] = question
        return True

    def _ask(self, question: Question) -> Outcome | None:
        """In a thread of its own. None when there was no turn any more."""
        if not self._pace.wait_for_turn(self._no_more_turns):
            return None
        run_id = self._run.run_id if self._run else None
        return self._asker.ask(question, triggered_by=self._triggered_by, run_id=run_id, given_up=self._given_up)

    def _keep_finished(self) -> None:
        self._renew_lease()
        finished, _ = wait(self._under_way, timeout=_LOOK_EVERY_S, return_when=FIRST_COMPLETED)
        self._keep_all(finished)

    def _keep_all(self, arrived: Collection[Future[Outcome | None]]) -> None:
        """Keep what has arrived, in one transaction."""
        outcomes = [(self._under_way[future].subject, future.result()) for future in arrived]
        kept = [(subject, outcome) for subject, outcome in outcomes if outcome is not None]
        still_asked = {_place_of(self._under_way[future]) for future in self._under_way.keys() - set(arrived)}
        applied = self._finish(kept, still_asked)
        for future in arrived:
            del self._under_way[future]
        for _, outcome in kept:
            self._adjust_pace(outcome)
        self._count(kept, applied)

    def _adjust_pace(self, outcome: Outcome) -> None:
        # Nobody waits for a turn before asking again.
        self._pace.count(outcome.check.attempts - 1)
        if outcome.slow_down:
            elapsed = max(time.monotonic() - self._began, 0.001)
            self._pace.slow_down(max(self.summary.asked, 1) / elapsed)
        elif outcome.answered:
            self._pace.went_well()

    def _finish(
        self, outcomes: Sequence[tuple[Subject, Outcome]], still_asked: Collection[tuple[str, str | None]] = ()
    ) -> list[bool]:
        """Whether each replaced its standing. Those of `still_asked` places keep their lease."""
        finished = [
            Finished(
                subject,
                outcome.check,
                outcome.news,
                # Another machine's clock may be behind that of the one that began the run.
                asked_at=max(outcome.check.started_at, self._run.started_at) if self._run else None,
                keep_lease=(subject.merchant_id, subject.store_id) in still_asked,
            )
            for subject, outcome in outcomes
        ]
        return standings.finish_all(self._store, finished, claimed_by=self._claimed_by)

    def _count(self, outcomes: Sequence[tuple[Subject, Outcome]], applied: Sequence[bool]) -> None:
        for (_, outcome), was_applied in zip(outcomes, applied, strict=True):
            self.summary.add(outcome, applied=was_applied)
        self._progress(len(outcomes))

    def _renew_lease(self) -> None:
        if time.monotonic() >= self._renew_at:
            standings.renew(self._store, claimed_by=self._claimed_by, at=self._clock())
            self._renew_at = time.monotonic() + LEASE_S / 4


class _Askers:
    """Threads that ask. The end of the process does not wait for them: who insists on it gets out at once."""

    def __init__(self, count: int, ask: Callable[[Question], Outcome | None]) -> None:
        self._ask = ask
        self._count = count
        self._submitted: SimpleQueue[tuple[Question, Future[Outcome | None]] | None] = SimpleQueue()
        for number in range(count):
            threading.Thread(target=self._serve, name=f"registration-check-{number}", daemon=True).start()

    def submit(self, question: Question) -> Future[Outcome | None]:
        """Have a question asked; what comes of it."""
        future: Future[Outcome | None] = Future()
        self._submitted.put((question, future))
        return future

    def dismiss(self) -> None:
        """Let each end after what it is at."""
        for _ in range(self._count):
            self._submitted.put(None)

    def _serve(self) -> None:
        while (work := self._submitted.get()) is not None:
            question, future = work
            try:
                future.set_result(self._ask(question))
            except BaseException as error:
                # Whoever waits for the outcome raises it.
                future.set_exception(error)


def _place_of(question: Question) -> tuple[str, str | None]:
    return question.subject.merchant_id, question.subject.store_id


def _key(question: Question) -> _Key:
    subject = question.subject
    return subject.merchant_id, subject.store_id, question.members.get("registrationRequestId")


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
