"""The scans of the sandbox: what a wallet's user scanned, what it means, and what became of its payment."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from sqlite3 import Connection, Row
from typing import Any

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import IllegalState, NotOnRecord
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.sandbox.store import SandboxStore

MOST_SCANS = 5_000


class Mode(StrEnum):
    """How the gateway learns of the payment: pushPayment, or the sister product's notifyPayment."""

    PUSH = "push"
    NOTIFY = "notify"


class State(StrEnum):
    """Where a scan stands."""

    DECODED = "DECODED"
    REFUSED = "REFUSED"
    NO_ANSWER = "NO_ANSWER"
    LEFT = "LEFT"
    LAPSED = "LAPSED"
    PAYING = "PAYING"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    PUSHING = "PUSHING"
    IN_PROCESS = "IN_PROCESS"
    PAID = "PAID"
    REFUNDED = "REFUNDED"
    UNSETTLED = "UNSETTLED"


#: Something has yet to happen of its own accord.
UNDER_WAY = frozenset({State.PAYING, State.PUSHING, State.IN_PROCESS})
#: The order is being paid, is paid, or may be: nobody else may pay it.
TAKEN = frozenset({*UNDER_WAY, State.PAID, State.UNSETTLED})

_TEXTS = {
    State.DECODED: "The order can be paid.",
    State.REFUSED: "The gateway refused the code.",
    State.NO_ANSWER: "The gateway gave no answer that says what the code means.",
    State.LEFT: "The user went away without paying.",
    State.LAPSED: "The time to pay is over; nothing was paid.",
    State.PAYING: "The wallet is working on the payment.",
    State.PAYMENT_FAILED: "The wallet refused the payment; nobody paid.",
    State.PUSHING: "The wallet has taken the money; the gateway is being told.",
    State.IN_PROCESS: "The wallet has taken the money; the gateway has not settled it yet.",
    State.PAID: "Paid.",
    State.REFUNDED: "The gateway refused the payment; the wallet gave the money back.",
    State.UNSETTLED: "The wallet has taken the money, and nobody knows whether the gateway took the payment.",
}


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan. Results and the order are as they came; times are UTC.

    `failure` is what is wrong now, `note` what was wrong on the way and stays worth knowing.
    `tries` counts the calls of the present state, of which the next is due at `next_at`; `refund_due` says that
    the wallet has yet to give the money back, `notice_due` that the gateway has yet to hear of a failed payment.
    """

    code_value: str
    psp_id: str
    mode: Mode
    speed: float
    scanned_at: datetime
    scan_id: int = 0
    psp_name: str | None = None
    customer_id: str | None = None
    state: State = State.NO_ANSWER
    result: Mapping[str, Any] | None = None
    failure: str | None = None
    note: str | None = None
    payment_request_id: str | None = None
    order: Mapping[str, Any] | None = None
    payment_amount: Amount | None = None
    settlement_currency: str | None = None
    settlement_amount: Amount | None = None
    payable_until: datetime | None = None
    payment_id: str | None = None
    payment_result: Mapping[str, Any] | None = None
    payment_time: datetime | None = None
    push_result: Mapping[str, Any] | None = None
    tries: int = 0
    next_at: datetime | None = None
    refund_due: bool = False
    notice_due: bool = False

    @property
    def name(self) -> str:
        """The scan as history and control API name it."""
        return str(self.scan_id)

    @property
    def is_due(self) -> bool:
        """Whether something has yet to happen of its own accord."""
        return self.state in UNDER_WAY or self.refund_due or self.notice_due

    @property
    def payer(self) -> str:
        """Who scanned, for a person."""
        user = f"user {self.customer_id} of " if self.customer_id else "a user of "
        return f"{user}{self.psp_name or self.psp_id}"

    def as_control(self) -> dict[str, Any]:
        """The scan as the control API writes it."""
        return {
            "scanId": self.name,
            "codeValue": self.code_value,
            "pspName": self.psp_name,
            "pspId": self.psp_id,
            "customerId": self.customer_id,
            "mode": self.mode.value,
            "speed": self.speed,
            "scannedAt": _written(self.scanned_at),
            "state": self.state.value,
            "stateText": _TEXTS[self.state],
            "result": self.result,
            "failure": self.failure or self.note,
            "paymentRequestId": self.payment_request_id,
            "order": self.order,
            "paymentAmount": self.payment_amount.as_members() if self.payment_amount else None,
            "settlementCurrency": self.settlement_currency,
            "payableUntil": _written(self.payable_until) if self.payable_until else None,
            "paymentId": self.payment_id,
            "paymentResult": self.payment_result,
            "pushResult": self.push_result,
            "finished": self.state is not State.DECODED and not self.is_due,
        }


class Scans:
    """The scans of one sandbox. A scan whose time to pay is over is LAPSED whenever it is looked at."""

    def __init__(self, store: SandboxStore, *, clock: Clock = now) -> None:
        self._store = store
        self._clock = clock

    def add(self, scan: Scan) -> Scan:
        """Keep a new scan, and let go of the oldest that are over when there are too many; the scan with its id."""
        with self._store.transaction() as connection:
            added = connection.execute("INSERT INTO scans (state, psp_id, due, members) VALUES ('', '', 0, '{}')")
            scan = replace(scan, scan_id=added.lastrowid or 0)
            _write(connection, scan)
            connection.execute("DELETE FROM scans WHERE id <= ? AND NOT due", (scan.scan_id - MOST_SCANS,))
        return scan

    def get(self, scan_id: int) -> Scan:
        """A scan. Raises NotOnRecord."""
        with self._store.reading() as connection:
            return self._read(connection, scan_id)

    def listed(self, *, limit: int) -> list[Scan]:
        """The newest first."""
        with self._store.reading() as connection:
            rows = connection.execute("SELECT * FROM scans ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [self._scan(row) for row in rows]

    def due(self) -> list[Scan]:
        """Those with which something has yet to happen, the oldest first."""
        with self._store.reading() as connection:
            rows = connection.execute("SELECT * FROM scans WHERE due ORDER BY id").fetchall()
        return [self._scan(row) for row in rows]

    def of_payment(self, payment_id: str) -> Scan | None:
        """The scan whose payment has this id of Alipay+'s."""
        with self._store.reading() as connection:
            row = connection.execute("SELECT * FROM scans WHERE payment_id = ?", (payment_id,)).fetchone()
        return self._scan(row) if row else None

    def of_message(self, members: Mapping[str, Any]) -> str | None:
        """The scan that a message with these members is part of: by its payment, or by its order's payer."""
        payment_id, request_id, psp_id = (members.get(name) for name in ("paymentId", "paymentRequestId", "pspId"))
        with self._store.reading() as connection:
            row = None
            if isinstance(payment_id, str):
                row = connection.execute("SELECT id FROM scans WHERE payment_id = ?", (_text(payment_id),)).fetchone()
            if row is None and isinstance(request_id, str) and isinstance(psp_id, str):
                row = connection.execute(
                    "SELECT id FROM scans WHERE payment_request_id = ? AND psp_id = ? AND payment_id IS NOT NULL"
                    " ORDER BY id DESC",
                    (_text(request_id), _text(psp_id)),
                ).fetchone()
        return str(row["id"]) if row else None

    def change(self, scan_id: int, from_states: Collection[State], change: Callable[[Scan], Scan]) -> Scan | None:
        """Change a scan that is in one of these states; None, and nothing changed, when it is in another.

        Raises NotOnRecord.
        """
        with self._store.transaction() as connection:
            scan = self._read(connection, scan_id)
            if scan.state not in from_states:
                return None
            _write(connection, change(scan))
            return self._read(connection, scan_id)

    def begin_paying(self, scan_id: int, *, payment_id: str, customer_id: str | None) -> Scan:
        """DECODED becomes PAYING. Raises IllegalState when it may not be paid, NotOnRecord."""
        with self._store.transaction() as connection:
            scan = self._read(connection, scan_id)
            if scan.state is not State.DECODED:
                raise IllegalState(f"scan {scan.name} cannot be paid: {_TEXTS[scan.state]}")
            for row in connection.execute(
                "SELECT * FROM scans WHERE payment_request_id = ? AND id <> ?", (scan.payment_request_id, scan_id)
            ):
                other = self._scan(row)
                if other.state in TAKEN:
                    raise IllegalState(_taken_text(other))
            changed = replace(
                scan,
                state=State.PAYING,
                payment_id=payment_id,
                customer_id=scan.customer_id or customer_id,
                tries=0,
                next_at=self._clock(),
            )
            _write(connection, changed)
            return changed

    def _read(self, connection: Connection, scan_id: int) -> Scan:
        row = connection.execute("SELECT * FROM scans WHERE id = ?", (scan_id,)).fetchone()
        if row is None:
            raise NotOnRecord(f"there is no scan {scan_id}; see: acqp-gateway sandbox scans")
        return self._scan(row)

    def _scan(self, row: Row) -> Scan:
        scan = _from_members(row["id"], json.loads(row["members"]))
        over = scan.payable_until is not None and self._clock() >= scan.payable_until
        return replace(scan, state=State.LAPSED) if scan.state is State.DECODED and over else scan


def _taken_text(other: Scan) -> str:
    words = {
        State.PAID: "paid already by",
        State.UNSETTLED: "perhaps paid already by",
    }
    return f"the order is {words.get(other.state, 'being paid already by')} {other.payer} (scan {other.name})"


def _text(text: str) -> str:
    """A text that SQLite can be asked for, whatever a peer sent."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _write(connection: Connection, scan: Scan) -> None:
    members = {each.name: _member(getattr(scan, each.name)) for each in fields(scan) if each.name != "scan_id"}
    connection.execute(
        "UPDATE scans SET state = ?, psp_id = ?, payment_request_id = ?, payment_id = ?, due = ?, members = ?"
        " WHERE id = ?",
        (
            scan.state.value,
            scan.psp_id,
            scan.payment_request_id,
            scan.payment_id,
            scan.is_due,
            json.dumps(members),
            scan.scan_id,
        ),
    )


def _member(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.as_members() if isinstance(value, Amount) else value


def _from_members(scan_id: int, members: dict[str, Any]) -> Scan:
    amounts = ("payment_amount", "settlement_amount")
    times = ("scanned_at", "payable_until", "payment_time", "next_at")
    return Scan(
        **{
            **members,
            **{name: datetime.fromisoformat(members[name]) if members[name] else None for name in times},
            "mode": Mode(members["mode"]),
            "state": State(members["state"]),
            **{name: _amount(members[name]) for name in amounts},
            "scan_id": scan_id,
        }
    )


def _amount(members: Mapping[str, str] | None) -> Amount | None:
    return Amount(members["currency"], int(members["value"])) if members else None


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
