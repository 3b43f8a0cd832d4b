"""What the wallet keeps of its payments: one row for each attempt to pay an order."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from acqp_gateway.errors import IllegalState, RecordsContradict
from acqp_gateway.protocol import results
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.protocol.results import BY_CODE, ResultCode
from acqp_gateway.sandbox.wallet.money import exchanged
from acqp_gateway.sandbox.wallet.records import read_moment, write_moment

#: What counts: as long as a payment is one of these, nobody pays its order again.
COUNTS = (results.SUCCESS, results.PAYMENT_IN_PROCESS)

MOST_PAYMENTS = 100_000

_SELECT = "SELECT wallet_payments.*, psp_name FROM wallet_payments JOIN wallet_psps USING (psp_id)"
_OF_ORDER = "wallet_payments WHERE psp_id = :psp AND payment_request_id = :order"


@dataclass(frozen=True, slots=True)
class WalletPayment:
    """One attempt to pay an order. `amount` is what Alipay+ asked for, `debit` what the user pays, in its currency.

    `quote_price` is the quote with which the payment was made; None where no currency is changed, or none could
    be. `settles_at` is when a payment in process ends by itself, `payment_time` when it reached its final state.
    """

    number: int
    psp_id: str
    psp_name: str
    customer_id: str | None
    payment_request_id: str
    payment_id: str
    amount: Amount
    debit: Amount | None
    quote_price: str | None
    result: ResultCode
    confirmed_at: datetime
    settles_at: datetime | None
    payment_time: datetime | None
    pass_through_info: str | None
    merchant_id: str | None
    store_id: str | None

    def is_due_at(self, at: datetime) -> bool:
        """Whether it is in process, and its time has come."""
        return self.result is results.PAYMENT_IN_PROCESS and self.settles_at is not None and self.settles_at <= at

    @property
    def pay_to_amount(self) -> Amount | None:
        """What the wallet settles to Alipay+, where that is in another currency than the payment.

        Raises RecordsContradict when it is not what the user was debited.
        """
        if self.debit is None or self.debit.currency == self.amount.currency:
            return None
        if self.quote_price is None or exchanged(self.amount, self.quote_price, self.debit.currency) != self.debit:
            raise RecordsContradict("debit_is_not_the_quoted_amount")
        return self.debit

    def as_control(self) -> dict[str, Any]:
        """The payment as the control API writes it."""
        succeeded = self.result is results.SUCCESS
        pay_to_amount = self.debit if self.quote_price is not None and succeeded else None
        return {
            "pspName": self.psp_name,
            "pspId": self.psp_id,
            "customerId": self.customer_id,
            "paymentRequestId": self.payment_request_id,
            "paymentId": self.payment_id,
            "paymentAmount": self.amount.as_members(),
            "payToAmount": pay_to_amount.as_members() if pay_to_amount else None,
            "quotePrice": self.quote_price,
            "resultCode": self.result.code,
            "resultStatus": self.result.status.value,
            "confirmedAt": self.confirmed_at.isoformat(timespec="seconds"),
            "paymentTime": self.payment_time.isoformat(timespec="seconds") if self.payment_time else None,
            "passThroughInfo": self.pass_through_info,
        }


def new_payment_id(at: datetime) -> str:
    """A paymentId that nobody had before: the day and 24 digits."""
    return f"{at:%Y%m%d}2188{secrets.randbelow(10**20):020}"


def insert(connection: sqlite3.Connection, columns: Mapping[str, Any]) -> int:
    """Keep an attempt that is in process; its number. Raises IllegalState when there are too many."""
    if connection.execute("SELECT count(*) FROM wallet_payments").fetchone()[0] >= MOST_PAYMENTS:
        raise IllegalState(f"{MOST_PAYMENTS} payments are enough; run: acqp-gateway sandbox wallet payments delete")
    everything = {**columns, "result_code": results.PAYMENT_IN_PROCESS.code}
    added = connection.execute(
        f"INSERT INTO wallet_payments ({', '.join(everything)}) VALUES ({', '.join('?' * len(everything))})",  # noqa: S608  # names of ours alone
        tuple(everything.values()),
    )
    return added.lastrowid or 0


def finish(connection: sqlite3.Connection, number: int, result: ResultCode, at: datetime) -> None:
    """Write down the final result of an attempt."""
    connection.execute(
        "UPDATE wallet_payments SET result_code = ?, payment_time = ?, settles_at = NULL WHERE id = ?",
        (result.code, write_moment(at), number),
    )


def wait(connection: sqlite3.Connection, number: int, until: datetime) -> None:
    """Leave an attempt in process until then."""
    connection.execute("UPDATE wallet_payments SET settles_at = ? WHERE id = ?", (write_moment(until), number))


def book(connection: sqlite3.Connection, psp_id: str, customer_id: str | None, value: int) -> None:
    """Change a user's balance by so many minor units; the table refuses one below zero."""
    connection.execute(
        "UPDATE wallet_users SET balance = balance + ? WHERE psp_id = ? AND customer_id = ?",
        (value, psp_id, customer_id),
    )


def by_number(connection: sqlite3.Connection, number: int) -> WalletPayment:
    """An attempt by its number."""
    return _payment(connection.execute(f"{_SELECT} WHERE id = ?", (number,)).fetchone())


def attempts(connection: sqlite3.Connection, psp_id: str, payment_request_id: str) -> list[WalletPayment]:
    """The first and the latest attempt to pay an order; none, one or two."""
    rows = connection.execute(
        f"{_SELECT} WHERE id IN (SELECT min(id) FROM {_OF_ORDER} UNION SELECT max(id) FROM {_OF_ORDER}) ORDER BY id",  # noqa: S608  # names of ours alone
        {"psp": psp_id, "order": payment_request_id},
    )
    return [_payment(row) for row in rows]


def listed(
    connection: sqlite3.Connection, *, psp_id: str | None, payment_request_id: str | None, limit: int
) -> list[WalletPayment]:
    """All attempts that match, the newest first."""
    rows = connection.execute(
        f"{_SELECT} WHERE (:psp IS NULL OR psp_id = :psp) AND (:order IS NULL OR payment_request_id = :order)"
        " ORDER BY id DESC LIMIT :limit",
        {"psp": psp_id, "order": payment_request_id, "limit": limit},
    )
    return [_payment(row) for row in rows]


def due(connection: sqlite3.Connection, at: datetime) -> list[WalletPayment]:
    """All attempts in process whose time has come."""
    rows = connection.execute(
        f"{_SELECT} WHERE result_code = ? AND settles_at <= ? ORDER BY id",
        (results.PAYMENT_IN_PROCESS.code, write_moment(at)),
    )
    return [_payment(row) for row in rows]


def count_today(
    connection: sqlite3.Connection, psp_id: str, customer_id: str | None, at: datetime, *, but: int = 0
) -> int:
    """How many payments of a user on this day (UTC) count; one may be left out by its number."""
    midnight = write_moment(at)[: len("2026-11-21T")] + "00:00:00"
    found = connection.execute(
        "SELECT count(*) FROM wallet_payments WHERE psp_id = ? AND customer_id = ? AND confirmed_at >= ?"
        " AND result_code IN (?, ?) AND id <> ?",
        (psp_id, customer_id, midnight, *(result.code for result in COUNTS), but),
    ).fetchone()
    return int(found[0])


def _payment(row: sqlite3.Row) -> WalletPayment:
    debit = None if row["debit"] is None else Amount(row["user_currency"], row["debit"])
    return WalletPayment(
        number=row["id"],
        psp_id=row["psp_id"],
        psp_name=row["psp_name"],
        customer_id=row["customer_id"],
        payment_request_id=row["payment_request_id"],
        payment_id=row["payment_id"],
        amount=Amount(row["currency"], row["value"]),
        debit=debit,
        quote_price=row["quote_price"],
        result=BY_CODE[row["result_code"]],
        confirmed_at=datetime.fromisoformat(row["confirmed_at"]),
        settles_at=read_moment(row["settles_at"]),
        payment_time=read_moment(row["payment_time"]),
        pass_through_info=row["pass_through_info"],
        merchant_id=row["merchant_id"],
        store_id=row["store_id"],
    )
