"""What an answer changes of a standing, and what is left of it in the history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from acqp_gateway.errors import AlreadyOnRecord, IllegalState, IllegalValue, NotOnRecord
from acqp_gateway.store import registrations, standings
from acqp_gateway.store.database import Store
from acqp_gateway.store.standings import LEASE_S, Finished, News, Subject, Turn
from tests.registration.helpers import (
    AT,
    add_merchant,
    at,
    check,
    history,
    leases,
    news,
    rows_of,
    snapshot,
    standing_of,
)

ALIPAY_CN = ("ALIPAY_CN", "IN_STORE_PAYMENT")
GCASH = ("GCASH", "IN_STORE_PAYMENT")


@pytest.fixture
def subject(store: Store) -> Subject:
    """Merchant M1, which sells in S1 and S2 and online."""
    return add_merchant(store, stores=["S1", "S2"])


def finish(store: Store, subject: Subject, brought: News | None, **changes: Any) -> bool:
    return standings.finish(store, subject, check(subject, **changes), brought, claimed_by="me")


def set_by_hand(store: Store, status: str, moment: datetime) -> None:
    registrations.set_by_hand(
        store, "M1", None, "GCASH", ["IN_STORE_PAYMENT"], status=status, rejection_reason=None, at=moment
    )


def due(store: Store, moment: datetime = AT) -> list[Subject]:
    """Whom a run would ask about at a time; asked about an hour ago is lately."""
    since = moment - timedelta(hours=1)
    found = standings.claim_due(store, claimed_by="due", at=moment, not_asked_since=since, limit=100)
    assert len(found) == standings.count_due(store, not_asked_since=since)
    standings.release(store, claimed_by="due")
    return found


def test_an_answer_replaces_the_whole_standing(store: Store, subject: Subject) -> None:
    assert finish(store, subject, news(("ALIPAY_CN", "APPROVED"), ("GCASH", "APPROVED")))
    assert rows_of(store) == {ALIPAY_CN: "APPROVED", GCASH: "APPROVED"}
    assert finish(store, subject, news(("ALIPAY_CN", "PENDING"), collective="PENDING", answered_at=at(days=1)))
    assert rows_of(store) == {ALIPAY_CN: "PENDING"}
    assert standing_of(store).collective_status == "PENDING"
    assert standing_of(store).answered_at == at(days=1)


def test_an_empty_list_leaves_no_row(store: Store, subject: Subject) -> None:
    finish(store, subject, news(("ALIPAY_CN", "APPROVED")))
    assert finish(store, subject, news(answered_at=at(days=1)))
    assert rows_of(store) == {}


def test_a_missing_list_changes_no_row(store: Store, subject: Subject) -> None:
    finish(store, subject, news(("ALIPAY_CN", "APPROVED")))
    assert finish(store, subject, News("PENDING", None, at(days=1)))
    assert rows_of(store) == {ALIPAY_CN: "APPROVED"}
    assert (standing_of(store).collective_status, standing_of(store).answered_at) == ("PENDING", at(days=1))


def test_an_answer_that_says_nothing_of_the_whole(store: Store, subject: Subject) -> None:
    finish(store, subject, news(("ALIPAY_CN", "APPROVED")))
    # Nothing at all is said: what stands, stands.
    assert finish(store, subject, News(None, None, at(days=1)))
    assert standing_of(store).collective_status == "COMPLETED"
    # Other rows stand now, and what was said of the whole was said of those before.
    assert finish(store, subject, news(("ALIPAY_CN", "HALFWAY"), collective=None, answered_at=at(days=2)))
    assert standing_of(store).collective_status is None
    assert due(store, at(days=3)) == [Subject("M1", None, None)]


def test_other_standings_are_left_alone(store: Store, subject: Subject) -> None:
    add_merchant(store, "M2")
    for other in (Subject("M1", "S1"), Subject("M1", "S2"), Subject("M2", None)):
        finish(store, other, news(("ALIPAY_CN", "APPROVED")))
    finish(store, subject, news(("GCASH", "PENDING")))
    finish(store, Subject("M1", "S2"), news(answered_at=at(days=1)))
    assert rows_of(store) == {GCASH: "PENDING"}
    assert rows_of(store, "M1", "S1") == rows_of(store, "M2") == {ALIPAY_CN: "APPROVED"}
    assert rows_of(store, "M1", "S2") == {}


def test_since_is_kept_while_the_status_stays(store: Store, subject: Subject) -> None:
    def since() -> dict[str, datetime]:
        return {row.psp_name: row.since for row in registrations.standing(store, "M1", None)}

    finish(store, subject, news(("ALIPAY_CN", "APPROVED"), ("GCASH", "PENDING")))
    later = news(("ALIPAY_CN", "APPROVED"), ("GCASH", "REJECTED"), ("DANA", "PENDING"), answered_at=at(days=1))
    finish(store, subject, later)
    assert since() == {"ALIPAY_CN": AT, "GCASH": at(days=1), "DANA": at(days=1)}
    finish(store, subject, news(("GCASH", "REJECTED"), answered_at=at(days=2)))
    finish(store, subject, news(("ALIPAY_CN", "APPROVED"), ("GCASH", "REJECTED"), answered_at=at(days=3)))
    assert since() == {"ALIPAY_CN": at(days=3), "GCASH": at(days=1)}


def test_an_older_answer_changes_nothing_and_is_kept(store: Store, subject: Subject) -> None:
    finish(store, subject, news(("ALIPAY_CN", "PENDING"), collective="PENDING"))
    before = snapshot(store)
    assert not finish(store, subject, news(("ALIPAY_CN", "APPROVED"), answered_at=at(seconds=-1)))
    assert snapshot(store) == before
    assert [(row.outcome, row.applied) for row in history(store)] == [("answered", False), ("answered", True)]


def test_an_answer_of_the_same_second_replaces(store: Store, subject: Subject) -> None:
    finish(store, subject, news(("ALIPAY_CN", "PENDING")))
    assert finish(store, subject, news(("ALIPAY_CN", "APPROVED")))
    assert rows_of(store) == {ALIPAY_CN: "APPROVED"}


def test_an_answer_about_an_older_request_goes_to_the_history_alone(store: Store, subject: Subject) -> None:
    for request_id in ("R1", "R2"):
        standings.add_request(store, request_id, "M1", None, at=AT)
    older, newest = Subject("M1", None, "R1"), Subject("M1", None, "R2")
    assert not finish(store, older, news(("ALIPAY_CN", "APPROVED")))
    assert rows_of(store) == {}
    assert standing_of(store).answered_at is None
    # R2 was not asked about, and is due as before.
    assert due(store) == [newest]
    assert finish(store, newest, news(("ALIPAY_CN", "PENDING")))
    assert not finish(store, older, news(("ALIPAY_CN", "APPROVED"), answered_at=at(days=1)))
    assert rows_of(store) == {ALIPAY_CN: "PENDING"}
    assert [(row.registration_request_id, row.applied) for row in history(store)] == [
        ("R1", False),
        ("R2", True),
        ("R1", False),
    ]


def test_a_request_that_comes_while_the_one_before_is_asked_about(store: Store, subject: Subject) -> None:
    standings.add_request(store, "R1", "M1", None, at=AT)
    asked = Subject("M1", None, "R1")
    standings.claim_one(store, asked, claimed_by="me", at=AT)
    standings.add_request(store, "R2", "M1", None, at=AT)
    assert not finish(store, asked, news(("ALIPAY_CN", "APPROVED")))
    assert rows_of(store) == {}
    assert due(store) == [Subject("M1", None, "R2")]


def test_the_same_request_id_at_another_store_is_not_older(store: Store, subject: Subject) -> None:
    standings.add_request(store, "R1", "M1", "S1", at=AT)
    standings.add_request(store, "R2", "M1", "S2", at=AT)
    standings.add_request(store, "R3", "M1", None, at=AT)
    assert finish(store, Subject("M1", "S1", "R1"), news(("ALIPAY_CN", "APPROVED")))
    assert rows_of(store, "M1", "S1") == {ALIPAY_CN: "APPROVED"}


def test_a_failed_check_changes_nothing_and_is_kept_with_its_answer(store: Store, subject: Subject) -> None:
    finish(store, subject, news(("ALIPAY_CN", "APPROVED")))
    before = snapshot(store)
    failed = {"outcome": "not_authentic", "said": "the answer's signature is wrong", "raw_answer": b"\xff\x00{"}
    assert not finish(store, subject, None, **failed, started_at=at(days=1), attempts=3)
    assert snapshot(store) == before
    newest = history(store)[0]
    assert (newest.outcome, newest.applied, newest.raw_answer) == ("not_authentic", False, b"\xff\x00{")
    assert (newest.attempts, newest.started_at, newest.triggered_by) == (3, at(days=1), "kim")
    # It was asked about, be it in vain.
    assert standing_of(store).asked_at == at(days=1)


@pytest.mark.parametrize(
    ("column", "text", "kept"),
    [
        ("result_code", "C" * 65, "C" * 64),
        ("result_code", "A\x00B\ud800", "A�B�"),
        ("collective_status", "x" * 300, "x" * 256),
        ("said", "s" * 600, "s" * 512),
        ("said", "\udfff", "�"),
        ("triggered_by", "\udcff" + "k" * 100, "�" + "k" * 63),
    ],
)
def test_what_others_wrote_is_made_fit_for_the_history(
    store: Store, subject: Subject, column: str, text: str, kept: str
) -> None:
    finish(store, subject, None, **{column: text})
    assert getattr(history(store)[0], column) == kept


def test_an_entry_by_hand_stands_until_there_is_newer_news(store: Store, subject: Subject) -> None:
    finish(store, subject, news(("ALIPAY_CN", "APPROVED")))
    set_by_hand(store, "APPROVED", at(hours=2))
    assert rows_of(store) == {ALIPAY_CN: "APPROVED", GCASH: "APPROVED"}
    assert not finish(store, subject, news(("ALIPAY_CN", "PENDING"), answered_at=at(hours=1)))
    assert rows_of(store) == {ALIPAY_CN: "APPROVED", GCASH: "APPROVED"}
    assert finish(store, subject, news(("ALIPAY_CN", "PENDING"), answered_at=at(hours=3)))
    assert rows_of(store) == {ALIPAY_CN: "PENDING"}


def test_news_of_the_second_in_which_somebody_entered_a_standing_count(store: Store, subject: Subject) -> None:
    """Alipay+ tells times to the second: a check right after the entry must not look older than it."""
    second = AT.replace(microsecond=0)
    set_by_hand(store, "PENDING", second.replace(microsecond=900_000))
    assert finish(store, subject, news(("ALIPAY_CN", "APPROVED"), answered_at=second))
    assert rows_of(store) == {ALIPAY_CN: "APPROVED"}


def test_an_entry_by_hand_never_makes_older_news_count_again(store: Store, subject: Subject) -> None:
    # Alipay+'s clock is ahead of ours.
    finish(store, subject, news(("ALIPAY_CN", "APPROVED"), answered_at=at(minutes=4)))
    set_by_hand(store, "APPROVED", AT)
    assert not finish(store, subject, news(("ALIPAY_CN", "PENDING"), answered_at=at(minutes=3)))
    assert rows_of(store) == {ALIPAY_CN: "APPROVED", GCASH: "APPROVED"}


def test_an_entry_by_hand_that_waits_for_an_mpp_is_due(store: Store, subject: Subject) -> None:
    finish(store, subject, news(("ALIPAY_CN", "APPROVED")))
    assert due(store, at(days=1)) == []
    set_by_hand(store, "PENDING", at(hours=2))
    assert due(store, at(days=1)) == [subject]


def test_a_new_request_makes_due_again(store: Store, subject: Subject) -> None:
    finish(store, subject, news(("ALIPAY_CN", "APPROVED")))
    assert due(store) == []
    standings.add_request(store, "R1", "M1", None, at=AT)
    assert due(store) == [Subject("M1", None, "R1")]
    # What stands, stands until Alipay+ says otherwise.
    assert rows_of(store) == {ALIPAY_CN: "APPROVED"}


@pytest.mark.parametrize(
    ("collective", "row", "asked", "is_due"),
    [
        ("COMPLETED", "APPROVED", at(days=-9), False),
        ("COMPLETED", "REJECTED", at(days=-9), False),
        ("COMPLETED", "PENDING", at(days=-9), True),
        ("PENDING", "APPROVED", at(days=-9), True),
        ("HALFWAY", "APPROVED", at(days=-9), True),
        ("completed", "APPROVED", at(days=-9), True),
        (None, "APPROVED", at(days=-9), True),
        ("PENDING", "PENDING", at(minutes=-61), True),
        ("PENDING", "PENDING", at(minutes=-60), False),
        (None, "PENDING", AT, False),
    ],
)
def test_who_is_due(
    store: Store, subject: Subject, collective: str | None, row: str, asked: datetime, is_due: bool
) -> None:
    finish(store, subject, news(("ALIPAY_CN", row), collective=collective), started_at=asked)
    assert (due(store) == [subject]) == is_due


def test_a_merchant_is_due_as_soon_as_its_request_is_entered_and_not_before(store: Store, subject: Subject) -> None:
    assert due(store) == []
    standings.add_request(store, "R1", "M1", "S1", at=AT)
    assert due(store) == [Subject("M1", "S1", "R1")]


def test_those_who_wait_longest_are_asked_about_first(store: Store, subject: Subject) -> None:
    for number, days in enumerate([2, 3, 1]):
        place = add_merchant(store, f"P{number}")
        finish(store, place, news(("GCASH", "PENDING")), started_at=at(days=-days))
    standings.add_request(store, "R1", "M1", None, at=AT)
    assert [found.merchant_id for found in due(store)] == ["M1", "P1", "P0", "P2"]


def test_requests_are_entered_once_and_only_for_who_is_on_record(store: Store, subject: Subject) -> None:
    standings.add_request(store, "R1", "M1", "S1", at=AT)
    with pytest.raises(AlreadyOnRecord, match="registration request R1 is on record already"):
        standings.add_request(store, "R1", "M1", "S2", at=AT)
    with pytest.raises(NotOnRecord, match="no merchant M9 on record"):
        standings.add_request(store, "R2", "M9", None, at=AT)
    with pytest.raises(NotOnRecord, match="merchant M1 has no store S9"):
        standings.add_request(store, "R2", "M1", "S9", at=AT)
    for request_id in ("", "R" * 65, "R 2", "R\x00"):
        with pytest.raises(IllegalValue, match="registration request id"):
            standings.add_request(store, request_id, "M1", None, at=AT)
    assert due(store) == [Subject("M1", "S1", "R1")]


def test_a_list_of_standings(store: Store, subject: Subject) -> None:
    standings.add_request(store, "R1", "M1", None, at=AT)
    standings.add_request(store, "R2", "M1", None, at=AT)
    finish(store, Subject("M1", "S1"), news(("ALIPAY_CN", "APPROVED"), ("GCASH", "PENDING")))
    found = [(row.store_id, row.registration_request_id, row.approved, row.rows) for row in standings.listed(store)]
    assert found == [(None, "R2", 0, 0), ("S1", None, 1, 2)]
    with pytest.raises(NotOnRecord):
        standings.listed(store, merchant_id="M9")


class TestLeases:
    def test_one_at_a_time(self, store: Store, subject: Subject) -> None:
        standings.claim_one(store, subject, claimed_by="first", at=AT)
        with pytest.raises(IllegalState, match="merchant M1 is being asked about by another run now"):
            standings.claim_one(store, subject, claimed_by="second", at=at(seconds=LEASE_S - 1))
        # The store of the same merchant is another standing.
        standings.claim_one(store, Subject("M1", "S1"), claimed_by="second", at=AT)

    def test_an_expired_one_may_be_taken(self, store: Store, subject: Subject) -> None:
        standings.claim_one(store, subject, claimed_by="killed", at=AT)
        standings.claim_one(store, subject, claimed_by="second", at=at(seconds=LEASE_S))
        assert standing_of(store).claimed_by == "second"

    def test_whoever_holds_it_may_take_it_again(self, store: Store, subject: Subject) -> None:
        standings.claim_one(store, subject, claimed_by="first", at=AT)
        standings.claim_one(store, subject, claimed_by="first", at=at(seconds=30))
        assert standing_of(store).claimed_until == at(seconds=30 + LEASE_S)

    def test_renewing(self, store: Store, subject: Subject) -> None:
        add_merchant(store, "M2")
        standings.claim_one(store, subject, claimed_by="first", at=AT)
        standings.claim_one(store, Subject("M2", None), claimed_by="second", at=AT)
        standings.renew(store, claimed_by="first", at=at(seconds=50))
        assert standing_of(store).claimed_until == at(seconds=50 + LEASE_S)
        assert standing_of(store, "M2").claimed_until == at(seconds=LEASE_S)

    def test_what_has_expired_is_not_renewed(self, store: Store, subject: Subject) -> None:
        standings.claim_one(store, subject, claimed_by="asleep", at=AT)
        standings.renew(store, claimed_by="asleep", at=at(seconds=LEASE_S))
        standings.claim_one(store, subject, claimed_by="second", at=at(seconds=LEASE_S))
        standings.renew(store, claimed_by="asleep", at=at(seconds=LEASE_S))
        assert standing_of(store).claimed_by == "second"

    def test_finishing_gives_ones_own_lease_back_and_no_other(self, store: Store, subject: Subject) -> None:
        standings.claim_one(store, subject, claimed_by="me", at=AT)
        kept = Finished(subject, check(subject), None, keep_lease=True)
        standings.finish_all(store, [kept], claimed_by="me")
        assert leases(store) == ["M1"]
        finish(store, subject, None)
        assert leases(store) == []
        standings.claim_one(store, subject, claimed_by="somebody else", at=AT)
        finish(store, subject, None)
        assert leases(store) == ["M1"]

    def test_a_question_of_a_run_is_asked_once(self, store: Store, subject: Subject) -> None:
        run = standings.begin_run(store, "FILE x", at=AT)

        def turn(request_id: str | None = None, claimed_by: str = "me") -> Turn:
            return standings.claim_for_run(store, run.run_id, subject, request_id, claimed_by=claimed_by, at=AT)

        assert (turn(), turn(claimed_by="other")) == (Turn.OURS, Turn.HELD)
        finish(store, subject, None, run_id=run.run_id)
        assert (turn(), turn(claimed_by="other")) == (Turn.ASKED, Turn.ASKED)
        assert leases(store) == []
        # By another id it is another question, and in another run it has not been asked.
        assert turn("R1") == Turn.OURS
        standings.release(store, claimed_by="me")
        other_store = Subject("M1", "S1")
        assert standings.claim_for_run(store, run.run_id, other_store, None, claimed_by="me", at=AT) == Turn.OURS
        run = standings.begin_run(store, "FILE y", at=AT)
        assert turn() == Turn.OURS


class TestRuns:
    def test_an_unfinished_run_is_gone_on_with(self, store: Store) -> None:
        first = standings.begin_run(store, "ALL", at=AT)
        assert not first.resumed
        again = standings.begin_run(store, "ALL", at=at(hours=23))
        assert (again.run_id, again.started_at, again.resumed) == (first.run_id, AT, True)
        assert not standings.begin_run(store, "FILE x", at=AT).resumed

    def test_one_that_is_through_or_a_day_old_is_not(self, store: Store) -> None:
        first = standings.begin_run(store, "ALL", at=AT)
        old = standings.begin_run(store, "ALL", at=at(hours=24))
        assert (old.resumed, old.run_id != first.run_id) == (False, True)
        standings.end_run(store, old.run_id, at=at(hours=25))
        assert not standings.begin_run(store, "ALL", at=at(hours=25)).resumed

    def test_what_was_asked(self, store: Store, subject: Subject) -> None:
        run = standings.begin_run(store, "ALL", at=AT)
        assert standings.count_asked_in_run(store, run.run_id) == 0
        finish(store, subject, None, run_id=run.run_id)
        finish(store, Subject("M1", "S1", "R1"), None, run_id=run.run_id)
        finish(store, subject, None)
        assert standings.asked_in_run(store, run.run_id) == {("M1", None, None), ("M1", "S1", "R1")}
        assert standings.count_asked_in_run(store, run.run_id) == 2


def test_the_history_is_found_by_whom_it_is_about(store: Store, subject: Subject) -> None:
    add_merchant(store, "M2")
    standings.add_request(store, "R1", "M2", None, at=AT)
    for number, about in enumerate((subject, Subject("M1", "S1"), Subject("M2", None, "R1"))):
        finish(store, about, None, said=str(number), needs_person=number == 1)

    def said(**which: Any) -> list[str]:
        return [row.said for row in history(store, **which)]

    assert said() == ["2", "1", "0"]
    assert said(limit=2) == ["2", "1"]
    assert said(merchant_id="M1") == ["1", "0"]
    assert said(merchant_id="M1", store_id="S1") == ["1"]
    assert said(registration_request_id="R1") == ["2"]
    assert said(needs_person=True) == ["1"]
