"""What the tests of registrations share: answers of Alipay+'s, an Alipay+ that is none, and looks into the store."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from acqp_gateway.errors import CallFailed
from acqp_gateway.protocol.client import Received, Sent, SigningClient
from acqp_gateway.protocol.headers import write_time
from acqp_gateway.registration.asking import Question
from acqp_gateway.registration.checks import Asker
from acqp_gateway.store import merchants, registrations, standings, tables
from acqp_gateway.store.database import Store
from acqp_gateway.store.standings import Check, News, PspRow, Subject

AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
BASE_URL = "https://alipayplus.test/base"

Reply = Received | CallFailed

#: For tests that have nothing to do with the kind of store.
ON_SQLITE_ALONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def at(**later: float) -> datetime:
    """A time after AT."""
    return AT + timedelta(**later)


def entry(psp_name: str, status: str, *product_codes: str, reason: str | None = None) -> dict[str, Any]:
    """One MPP as Alipay+ writes it."""
    result = (
        {"registrationStatus": status}
        if reason is None
        else {"registrationStatus": status, "rejectionReason": reason}
    )
    return {
        "pspName": psp_name,
        "productCodes": list(product_codes) or ["IN_STORE_PAYMENT"],
        "registrationResult": result,
    }


def success(*psps: Mapping[str, Any], collective: str | None = "COMPLETED", **more: Any) -> dict[str, Any]:
    """The members of an S/SUCCESS."""
    members: dict[str, Any] = {"result": result("SUCCESS", "S"), "pspRegistrationResultList": list(psps)}
    if collective is not None:
        members["registrationResult"] = {"registrationStatus": collective}
    return {**members, **more}


def result(code: str, status: str) -> dict[str, str]:
    """A Result object."""
    return {"resultCode": code, "resultStatus": status, "resultMessage": "as it says"}


def received(members: Mapping[str, Any], *, answered_at: datetime = AT) -> Received:
    """An answer that was verified already."""
    body = json.dumps(members).encode()
    return Received(
        Sent(BASE_URL, "/", {}, b""), {"response-time": write_time(answered_at)}, body, members, signed=True
    )


def refused(code: str, status: str = "F") -> Received:
    """An answer that is a refusal."""
    return received({"result": result(code, status)})


class FakeAlipayplus:
    """In place of a SigningClient: replies in turn, the last one for good, and keeps what it was sent."""

    def __init__(self, *replies: Reply, before: Callable[[], None] = lambda: None) -> None:
        self._replies = list(replies)
        self._before = before
        self._lock = threading.Lock()
        self.urls: set[str] = set()
        self.bodies: list[bytes] = []

    def call(self, url: str, body: bytes, *, signed_target: str | None = None) -> Received:
        """As SigningClient."""
        self._before()
        with self._lock:
            self.urls.add(url)
            self.bodies.append(body)
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, CallFailed):
            raise reply
        return reply

    def asked(self) -> list[dict[str, str]]:
        """What it was asked."""
        return [json.loads(body) for body in self.bodies]


class FakeWait:
    """Waits for nothing, and keeps how long it should have waited."""

    def __init__(self, after: Callable[[float], None] = lambda _seconds: None) -> None:
        self.waited: list[float] = []
        self._after = after

    def __call__(self, event: threading.Event, seconds: float) -> bool:
        self.waited.append(seconds)
        self._after(seconds)
        return event.is_set()


def asker(alipayplus: Any, *, wait: Any = None) -> Asker:
    """An Asker that asks a fake and never waits."""
    return Asker(alipayplus, BASE_URL, clock=lambda: AT, wait=wait or FakeWait())


def by_the_clock(alipayplus: SigningClient | FakeAlipayplus) -> Asker:
    """Likewise, by the real clock."""
    return Asker(alipayplus, BASE_URL, wait=FakeWait())  # type: ignore[arg-type]


def question(merchant_id: str = "M1", store_id: str | None = None) -> Question:
    """A question by merchant."""
    return Question(Subject(merchant_id, store_id), {"referenceMerchantId": merchant_id}, "merchant")


def check(subject: Subject, **changes: Any) -> Check:
    """An answered check of a subject at AT."""
    usual: dict[str, Any] = {
        "kind": "INQUIRY",
        "triggered_by": "kim",
        "asked_how": "merchant",
        "merchant_id": subject.merchant_id,
        "store_id": subject.store_id,
        "registration_request_id": subject.registration_request_id,
        "started_at": AT,
        "duration_us": 20_000,
        "attempts": 1,
        "outcome": "answered",
        "said": "registration is COMPLETED",
        "raw_answer": b"{}",
    }
    return Check(**{**usual, **changes})


def news(*rows: tuple[str, str], collective: str | None = "COMPLETED", answered_at: datetime = AT) -> News:
    """(MPP, status) of each row, for in-store payments."""
    return News(collective, tuple(PspRow(psp, "IN_STORE_PAYMENT", status, None) for psp, status in rows), answered_at)


def add_merchant(
    store: Store, merchant_id: str = "M1", *, sells: str = "BOTH", stores: Iterable[str] = ()
) -> Subject:
    """A merchant and its stores; something to ask about."""
    merchants.add(
        store,
        merchants.NewMerchant(merchant_id=merchant_id, name="Corner Coffee", mcc="5814", region="JP", sells=sells),
        at=AT,
    )
    for store_id in stores:
        merchants.add_store(
            store, merchants.NewStore(merchant_id=merchant_id, store_id=store_id, name="Shibuya"), at=AT
        )
    return Subject(merchant_id, None)


def add_due(store: Store, count: int) -> list[str]:
    """So many merchants whose registration was sent and never asked about; their request ids."""
    ids = [f"D{number:03}" for number in range(count)]
    merchants.add_all(
        store,
        [
            merchants.NewMerchant(merchant_id=merchant_id, name="Coffee", mcc="5814", region="JP")
            for merchant_id in ids
        ],
        at=AT,
    )
    requests = [
        {"registration_request_id": f"{merchant_id}-R1", "merchant_id": merchant_id, "added_at": AT}
        for merchant_id in ids
    ]
    # As standings.add_request, in one transaction for all.
    with store.writing() as connection:
        connection.execute(insert(tables.registration_requests), requests)
        connection.execute(insert(tables.standings), [{"merchant_id": merchant_id} for merchant_id in ids])
    return [f"{merchant_id}-R1" for merchant_id in ids]


def rows_of(store: Store, merchant_id: str = "M1", store_id: str | None = None) -> dict[tuple[str, str], str]:
    """(MPP, product) -> status."""
    found = registrations.standing(store, merchant_id, store_id)
    return {(row.psp_name, row.product_code): row.status for row in found}


def standing_of(store: Store, merchant_id: str = "M1", store_id: str | None = None) -> Any:
    """The row of a standing."""
    with store.reading() as connection:
        return connection.execute(
            select(tables.standings).where(
                tables.standings.c.merchant_id == merchant_id, tables.standings.c.store_key == (store_id or "")
            )
        ).one()


def snapshot(store: Store) -> tuple[list[Any], list[Any]]:
    """All rows, and of all standings what is neither lease nor time of asking."""
    with store.reading() as connection:
        rows = connection.execute(select(tables.registrations).order_by(tables.registrations.c.registration_id)).all()
        columns = [
            tables.standings.c[name] for name in ("merchant_id", "store_id", "collective_status", "answered_at")
        ]
        return list(rows), list(connection.execute(select(*columns).order_by(*columns[:2])).all())


def leases(store: Store) -> list[str]:
    """The merchants whose standings somebody holds."""
    with store.reading() as connection:
        held = tables.standings.c.claimed_by.is_not(None) | tables.standings.c.claimed_until.is_not(None)
        return list(connection.execute(select(tables.standings.c.merchant_id).where(held)).scalars())


def lose_leases(store: Store) -> None:
    """A minute later, as far as leases are concerned."""
    claimed = tables.standings.c.claimed_by.is_not(None)
    with store.writing() as connection:
        connection.execute(update(tables.standings).where(claimed).values(claimed_until=AT - timedelta(days=3650)))


def history(store: Store, **which: Any) -> Sequence[Any]:
    """The history, the newest first."""
    return standings.history(store, **{"limit": 10_000, **which})
