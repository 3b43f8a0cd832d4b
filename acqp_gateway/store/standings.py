"""Standings: who is asked about, under whose lease, what the answer changes, and the history of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    String,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from acqp_gateway.errors import AlreadyOnRecord, IllegalState, NotOnRecord
from acqp_gateway.store import merchants, values
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import (
    check_runs,
    registration_checks,
    registration_requests,
    registrations,
    standings,
)
from acqp_gateway.text import storable

#: How long a claim holds unless it is renewed, in seconds.
LEASE_S = 60
#: An unfinished run that is younger is gone on with.
_RUN_RESUMED_WITHIN = timedelta(hours=24)
COMPLETED = "COMPLETED"
PENDING = "PENDING"


@dataclass(frozen=True, slots=True)
class Subject:
    """A standing that can be asked about, and the registrationRequestId to ask by, where there is one."""

    merchant_id: str
    store_id: str | None
    registration_request_id: str | None = None


@dataclass(frozen=True, slots=True)
class PspRow:
    """One row of a standing: an MPP and a product, the status as it came."""

    psp_name: str
    product_code: str
    status: str
    rejection_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question or notification, whatever came of it. Duration in microseconds."""

    kind: str
    triggered_by: str
    asked_how: str
    merchant_id: str | None
    store_id: str | None
    registration_request_id: str | None
    started_at: datetime
    duration_us: int
    attempts: int
    outcome: str
    said: str
    result_code: str | None = None
    collective_status: str | None = None
    needs_person: bool = False
    raw_answer: bytes | None = None
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What an authentic answer or notification says of a standing, at a time of Alipay+'s own clock.

    `rows` None changes no row.
    """

    collective_status: str | None
    rows: tuple[PspRow, ...] | None
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Finished:
    """A question that is done with: what is written of it, and what it brought.

    `asked_at` stands for the time of the question where the clock of a run's beginning counts.
    """

    subject: Subject
    check: Check
    news: News | None
    asked_at: datetime | None = None
    keep_lease: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A run over many standings that another run may go on with; `resumed` says that this one does."""

    run_id: int
    started_at: datetime
    resumed: bool


class Turn(Enum):
    """What becomes of a question when its turn in a run has come."""

    OURS = "ask it"
    ASKED = "the run has asked it already"
    HELD = "another run asks about the same standing now"


_CHECK_MEMBERS = tuple(field.name for field in fields(Check))
_LONGEST = {
    column.name: column.type.length
    for column in registration_checks.columns
    if isinstance(column.type, String) and column.type.length is not None
}
#: Asks for nothing back.
_RECORD = insert(registration_checks).inline()


def _of_place(table: Any) -> Any:
    """The rows of a merchant (at a store), as `_place` gives it."""
    return and_(table.c.merchant_id == bindparam("merchant"), table.c.store_key == bindparam("store"))


def _place(merchant_id: str, store_id: str | None) -> dict[str, str]:
    return {"merchant": merchant_id, "store": store_id or ""}


# Made once: to make them takes longer than to run them.
_LOCKED_STANDING = select(standings).where(_of_place(standings)).with_for_update()
_ROWS = select(registrations).where(_of_place(registrations))
_DELETE_ROWS = delete(registrations).where(_of_place(registrations))
_NEWEST_REQUEST = (
    select(registration_requests.c.registration_request_id)
    .where(_of_place(registration_requests))
    .order_by(registration_requests.c.request_number.desc())
    .limit(1)
)


def ensure(connection: Connection, merchant_id: str, store_id: str | None) -> Row[Any]:
    """The standing of a merchant (at a store), locked until the end of the transaction; made when missing."""
    place = _place(merchant_id, store_id)
    found = connection.execute(_LOCKED_STANDING, place).one_or_none()
    if found is not None:
        return found
    # Two who make it at once would each not see the other's.
    merchants.lock(connection, merchant_id)
    found = connection.execute(_LOCKED_STANDING, place).one_or_none()
    if found is not None:
        return found
    connection.execute(insert(standings).values(merchant_id=merchant_id, store_id=store_id))
    return connection.execute(_LOCKED_STANDING, place).one()


def add_request(
    store: Store, registration_request_id: str, merchant_id: str, store_id: str | None, *, at: datetime
) -> None:
    """Enter a registration request that was sent to Alipay+. Raises NotOnRecord, AlreadyOnRecord, IllegalValue.

    The standing has not been answered for it, and so is due.
    """
    values.identifier("registration request id", registration_request_id, 64)
    try:
        with store.writing() as connection:
            merchants.require(connection, merchant_id, store_id)
            standing = ensure(connection, merchant_id, store_id)
            connection.execute(
                insert(registration_requests).values(
                    registration_request_id=registration_request_id,
                    merchant_id=merchant_id,
                    store_id=store_id,
                    added_at=at,
                )
            )
            connection.execute(
                update(standings)
                .where(standings.c.standing_id == standing.standing_id)
                .values(collective_status=None, asked_at=None)
            )
    except IntegrityError:
        raise AlreadyOnRecord(
            f"registration request {registration_request_id} is on record already;"
            " see: acqp-gateway registrations list"
        ) from None


def find_request(store: Store, registration_request_id: str) -> Row[Any]:
    """A registration request on record. Raises NotOnRecord."""
    with store.reading() as connection:
        row = connection.execute(
            select(registration_requests).where(
                registration_requests.c.registration_request_id == registration_request_id
            )
        ).one_or_none()
    if row is None:
        raise NotOnRecord(
            f"no registration request {registration_request_id} on record; run first: acqp-gateway registrations add"
        )
    return row


def _newest_request() -> Any:
    return (
        select(registration_requests.c.registration_request_id)
        .where(
            registration_requests.c.merchant_id == standings.c.merchant_id,
            registration_requests.c.store_key == standings.c.store_key,
        )
        .order_by(registration_requests.c.request_number.desc())
        .limit(1)
        .correlate(standings)
        .scalar_subquery()
    )


def listed(store: Store, *, merchant_id: str | None = None, limit: int = 1000) -> Sequence[Row[Any]]:
    """Standings by merchant and store, each with its newest request id and counts of rows by status."""
    of_standing = and_(
        registrations.c.merchant_id == standings.c.merchant_id,
        registrations.c.store_key == standings.c.store_key,
    )
    rows = select(func.count()).where(of_standing).correlate(standings)
    query = (
        select(
            standings,
            _newest_request().label("registration_request_id"),
            rows.scalar_subquery().label("rows"),
            rows.where(registrations.c.status == "APPROVED").scalar_subquery().label("approved"),
        )
        .order_by(standings.c.merchant_id, standings.c.store_key)
        .limit(limit)
    )
    with store.reading() as connection:
        if merchant_id is not None:
            merchants.require_merchant(connection, merchant_id)
            query = query.where(standings.c.merchant_id == merchant_id)
        return connection.execute(query).all()


def every_row(store: Store) -> Sequence[Row[Any]]:
    """All rows of all standings, by merchant, store, MPP and product; for an export."""
    with store.reading() as connection:
        return connection.execute(
            select(registrations).order_by(
                registrations.c.merchant_id,
                registrations.c.store_key,
                registrations.c.psp_name,
                registrations.c.product_code,
            )
        ).all()


def claim_one(store: Store, subject: Subject, *, claimed_by: str, at: datetime) -> None:
    """Take the lease of a standing, which is made when missing. Raises IllegalState while somebody else holds it."""
    with store.writing() as connection:
        standing = ensure(connection, subject.merchant_id, subject.store_id)
        if not _may_take(standing, claimed_by, at):
            raise IllegalState(
                f"merchant {subject.merchant_id} is being asked about by another run now; try again in a minute"
            )
        _take(connection, standing, claimed_by, at)


def claim_for_run(
    store: Store, run_id: int, subject: Subject, registration_request_id: str | None, *, claimed_by: str, at: datetime
) -> Turn:
    """Take the lease of a standing for one question of a run, unless the run has asked that very question."""
    with store.writing() as connection:
        # While this row is locked, nobody else finishes a question about it.
        standing = ensure(connection, subject.merchant_id, subject.store_id)
        asked = connection.execute(
            select(registration_checks.c.check_id)
            .where(
                registration_checks.c.run_id == run_id,
                registration_checks.c.merchant_id == subject.merchant_id,
                registration_checks.c.store_id.is_not_distinct_from(subject.store_id),
                registration_checks.c.registration_request_id.is_not_distinct_from(registration_request_id),
            )
            .limit(1)
        ).scalar_one_or_none()
        if asked is not None:
            return Turn.ASKED
        if not _may_take(standing, claimed_by, at):
            return Turn.HELD
        _take(connection, standing, claimed_by, at)
    return Turn.OURS


def _may_take(standing: Row[Any], claimed_by: str, at: datetime) -> bool:
    """Whether a lease is free; whoever holds it may take it again."""
    free = standing.claimed_until is None or standing.claimed_until <= at
    return bool(free or standing.claimed_by == claimed_by)


def _take(connection: Connection, standing: Row[Any], claimed_by: str, at: datetime) -> None:
    _change(connection, standing, {"claimed_by": claimed_by, "claimed_until": at + timedelta(seconds=LEASE_S)})


def claim_due(store: Store, *, claimed_by: str, at: datetime, not_asked_since: datetime, limit: int) -> list[Subject]:
    """Take the leases of standings that not every MPP has answered and that were not asked about since."""
    return _claim(store, _due(not_asked_since), claimed_by=claimed_by, at=at, limit=limit)


def claim_any(store: Store, *, claimed_by: str, at: datetime, not_asked_since: datetime, limit: int) -> list[Subject]:
    """Take the leases of standings, whatever they say, that were not asked about since."""
    return _claim(store, _not_asked(not_asked_since), claimed_by=claimed_by, at=at, limit=limit)


def count_due(store: Store, *, not_asked_since: datetime, held_at: datetime | None = None) -> int:
    """How many standings are due; with `held_at`, how many of them somebody holds at that time."""
    return _count(store, _due(not_asked_since), held_at)


def count_any(store: Store, *, not_asked_since: datetime, held_at: datetime | None = None) -> int:
    """How many standings were not asked about since; with `held_at`, how many of them somebody holds."""
    return _count(store, _not_asked(not_asked_since), held_at)


def _not_asked(since: datetime) -> Any:
    return or_(standings.c.asked_at.is_(None), standings.c.asked_at < since)


def _due(not_asked_since: datetime) -> Any:
    """Not yet answered by every MPP: Alipay+ says so of the whole, or the standing of one MPP."""
    waits_for_an_mpp = exists().where(
        registrations.c.merchant_id == standings.c.merchant_id,
        registrations.c.store_key == standings.c.store_key,
        registrations.c.status == PENDING,
    )
    unanswered = or_(
        standings.c.collective_status.is_(None), standings.c.collective_status != COMPLETED, waits_for_an_mpp
    )
    return and_(_not_asked(not_asked_since), unanswered)


def _count(store: Store, which: Any, held_at: datetime | None) -> int:
    query = select(func.count()).select_from(standings).where(which)
    if held_at is not None:
        query = query.where(standings.c.claimed_until > held_at)
    with store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def _is_free(at: datetime) -> Any:
    return or_(standings.c.claimed_until.is_(None), standings.c.claimed_until <= at)


def _claim(store: Store, which: Any, *, claimed_by: str, at: datetime, limit: int) -> list[Subject]:
    """Take the leases of at most `limit` standings; those that wait longest come first."""
    with store.writing() as connection:
        rows = connection.execute(
            select(
                standings.c.standing_id,
                standings.c.merchant_id,
                standings.c.store_id,
                _newest_request().label("registration_request_id"),
            )
            .where(which, _is_free(at))
            .order_by(standings.c.asked_at.nulls_first(), standings.c.standing_id)
            .limit(limit)
            .with_for_update(of=standings, skip_locked=True)
        ).all()
        if rows:
            connection.execute(
                update(standings)
                .where(standings.c.standing_id.in_([row.standing_id for row in rows]))
                .values(claimed_by=claimed_by, claimed_until=at + timedelta(seconds=LEASE_S))
            )
    return [Subject(row.merchant_id, row.store_id, row.registration_request_id) for row in rows]


def renew(store: Store, *, claimed_by: str, at: datetime) -> None:
    """Renew all leases that `claimed_by` holds."""
    with store.writing() as connection:
        connection.execute(
            update(standings)
            .where(standings.c.claimed_by == claimed_by, standings.c.claimed_until > at)
            .values(claimed_until=at + timedelta(seconds=LEASE_S))
        )


def release(store: Store, *, claimed_by: str) -> None:
    """Give back all leases that `claimed_by` holds."""
    with store.writing() as connection:
        connection.execute(
            update(standings).where(standings.c.claimed_by == claimed_by).values(claimed_by=None, claimed_until=None)
        )


def finish(store: Store, subject: Subject, check: Check, news: News | None, *, claimed_by: str) -> bool:
    """Keep one question. As `finish_all`."""
    return finish_all(store, [Finished(subject, check, news)], claimed_by=claimed_by)[0]


def finish_all(store: Store, finished: Sequence[Finished], *, claimed_by: str) -> list[bool]:
    """Write checks into the history, apply what they brought and give the leases back, in one transaction.

    Whether each replaced its standing: a failed check, old news and news about an older request change nothing.
    """
    applied = [False] * len(finished)
    with store.writing() as connection:
        # All who lock several standings lock them in the same order.
        order = sorted(range(len(finished)), key=lambda number: _place_of(finished[number].subject))
        for number in order:
            applied[number] = _finish(connection, finished[number], claimed_by)
    return applied


def _place_of(subject: Subject) -> tuple[str, str]:
    return subject.merchant_id, subject.store_id or ""


def _finish(connection: Connection, finished: Finished, claimed_by: str) -> bool:
    check = finished.check
    standing = ensure(connection, finished.subject.merchant_id, finished.subject.store_id)
    about_newest = _is_about_newest(connection, standing, check.registration_request_id)
    changes: dict[str, Any] = {}
    if finished.news is not None and about_newest:
        changes = _apply(connection, standing, finished.news)
    applied = bool(changes)
    record(connection, check, applied=applied)
    # Whoever asks about an older request has not asked about what stands.
    if about_newest:
        changes["asked_at"] = finished.asked_at or check.started_at
    if standing.claimed_by == claimed_by and not finished.keep_lease:
        changes.update(claimed_by=None, claimed_until=None)
    _change(connection, standing, changes)
    return applied


def tell(
    connection: Connection, merchant_id: str, store_id: str | None, registration_request_id: str | None, news: News
) -> bool:
    """Apply a notification within a transaction; whether the standing was replaced."""
    standing = ensure(connection, merchant_id, store_id)
    if not _is_about_newest(connection, standing, registration_request_id):
        return False
    changes = _apply(connection, standing, news)
    _change(connection, standing, changes)
    return bool(changes)


def record(connection: Connection, check: Check, *, applied: bool) -> None:
    """Write a check into the history, within a transaction; text of others is made to fit."""
    row = {name: getattr(check, name) for name in _CHECK_MEMBERS}
    for name, longest in _LONGEST.items():
        if row[name] is not None:
            row[name] = storable(row[name], longest)
    connection.execute(_RECORD, {**row, "applied": applied})


def entered_by_hand(connection: Connection, merchant_id: str, store_id: str | None, *, at: datetime) -> None:
    """Somebody changes rows by hand: what Alipay+ said before that no longer replaces them."""
    standing = ensure(connection, merchant_id, store_id)
    # Alipay+ tells times to the second: what it says within this one is newer. Its clock may be ahead of ours.
    entered_at = at.replace(microsecond=0)
    _change(connection, standing, {"answered_at": max(entered_at, standing.answered_at or entered_at)})


def _is_about_newest(connection: Connection, standing: Row[Any], registration_request_id: str | None) -> bool:
    """Whether an answer is about what stands: one by merchant always is, one by request id if none came later."""
    if registration_request_id is None:
        return True
    place = _place(standing.merchant_id, standing.store_id)
    newest = connection.execute(_NEWEST_REQUEST, place).scalar_one_or_none()
    return bool(newest == registration_request_id)


def _apply(connection: Connection, standing: Row[Any], news: News) -> dict[str, Any]:
    """Replace the rows, and return what changes in the standing itself: nothing when the news are old."""
    if standing.answered_at is not None and news.answered_at < standing.answered_at:
        return {}
    changes: dict[str, Any] = {"answered_at": news.answered_at}
    if news.rows is not None:
        _replace_rows(connection, standing, news.rows, news.answered_at)
    if news.rows is not None or news.collective_status is not None:
        changes["collective_status"] = news.collective_status
    return changes


def _change(connection: Connection, standing: Row[Any], changes: dict[str, Any]) -> None:
    if changes:
        connection.execute(update(standings).where(standings.c.standing_id == standing.standing_id).values(**changes))


def _replace_rows(connection: Connection, standing: Row[Any], rows: Sequence[PspRow], at: datetime) -> None:
    """The new rows stand in place of the old; a row whose status stays keeps the time since when it has it."""
    place = _place(standing.merchant_id, standing.store_id)
    before = connection.execute(_ROWS, place).all()
    old = {PspRow(row.psp_name, row.product_code, row.status, row.rejection_reason) for row in before}
    if old == set(rows):
        return
    since = {(row.psp_name, row.product_code, row.status): row.since for row in before}
    if before:
        connection.execute(_DELETE_ROWS, place)
    if rows:
        connection.execute(
            insert(registrations),
            [
                {
                    "merchant_id": standing.merchant_id,
                    "store_id": standing.store_id,
                    **asdict(row),
                    "since": since.get((row.psp_name, row.product_code, row.status), at),
                }
                for row in rows
            ],
        )


def request_in(connection: Connection, registration_request_id: str) -> Row[Any] | None:
    """A registration request, within a transaction; None when it is not on record."""
    return connection.execute(
        select(registration_requests).where(
            registration_requests.c.registration_request_id == registration_request_id
        )
    ).one_or_none()


def history(
    store: Store,
    *,
    merchant_id: str | None = None,
    store_id: str | None = None,
    registration_request_id: str | None = None,
    needs_person: bool = False,
    limit: int = 50,
) -> Sequence[Row[Any]]:
    """Checks and notifications, the newest first."""
    query = select(registration_checks).order_by(registration_checks.c.check_id.desc()).limit(limit)
    if merchant_id is not None:
        query = query.where(registration_checks.c.merchant_id == merchant_id)
    if store_id is not None:
        query = query.where(registration_checks.c.store_id == store_id)
    if registration_request_id is not None:
        query = query.where(registration_checks.c.registration_request_id == registration_request_id)
    if needs_person:
        query = query.where(registration_checks.c.needs_person.is_(True))
    with store.reading() as connection:
        return connection.execute(query).all()


def begin_run(store: Store, source: str, *, at: datetime) -> Run:
    """The run over `source`: an unfinished one that is young enough, otherwise a new one."""
    with store.writing() as connection:
        if not store.is_sqlite:
            # Two who begin at once would each make a run of their own.
            connection.execute(text("LOCK TABLE check_runs IN SHARE ROW EXCLUSIVE MODE"))
        unfinished = connection.execute(
            select(check_runs.c.run_id, check_runs.c.started_at)
            .where(
                check_runs.c.source == source,
                check_runs.c.finished_at.is_(None),
                check_runs.c.started_at > at - _RUN_RESUMED_WITHIN,
            )
            .order_by(check_runs.c.run_id.desc())
            .limit(1)
        ).one_or_none()
        if unfinished is not None:
            return Run(unfinished.run_id, unfinished.started_at, resumed=True)
        row = connection.execute(
            insert(check_runs).values(source=source, started_at=at).returning(check_runs.c.run_id)
        )
        return Run(int(row.scalar_one()), at, resumed=False)


def end_run(store: Store, run_id: int, *, at: datetime) -> None:
    """A run is through: nobody goes on with it."""
    with store.writing() as connection:
        connection.execute(update(check_runs).where(check_runs.c.run_id == run_id).values(finished_at=at))


def asked_in_run(store: Store, run_id: int) -> set[tuple[str | None, str | None, str | None]]:
    """(merchant, store, request id) of what a run has asked already."""
    with store.reading() as connection:
        rows = connection.execute(
            select(
                registration_checks.c.merchant_id,
                registration_checks.c.store_id,
                registration_checks.c.registration_request_id,
            ).where(registration_checks.c.run_id == run_id)
        ).all()
    return {tuple(row) for row in rows}


def count_asked_in_run(store: Store, run_id: int) -> int:
    """How many questions a run has asked already."""
    with store.reading() as connection:
        return int(
            connection.execute(select(func.count()).where(registration_checks.c.run_id == run_id)).scalar_one()
        )
