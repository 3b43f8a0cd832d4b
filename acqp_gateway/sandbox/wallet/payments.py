"""The wallet's payments: confirmed by a user, judged by the rules, debited once, settled, refunded."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import IllegalState, IllegalValue, NotOnRecord, RecordsContradict
from acqp_gateway.protocol import results
from acqp_gateway.protocol.messages.inquiry_registration_status import APPROVED
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.sandbox.registrations import Registrations, Subject
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.sandbox.wallet import payment_records as kept
from acqp_gateway.sandbox.wallet.directory import (
    WalletDirectory,
    find_payment_code,
    find_psp,
    find_quote_price,
    find_token,
    find_user,
)
from acqp_gateway.sandbox.wallet.money import LARGEST_VALUE, exchanged, fits_currency
from acqp_gateway.sandbox.wallet.payment_records import COUNTS, WalletPayment
from acqp_gateway.sandbox.wallet.records import Psp, User, write_moment
from acqp_gateway.sandbox.wallet.rules import Case, judge

__all__ = ["WalletPayment", "WalletPayments", "Wish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a user confirms, and with what.

    The user is named by `customer_id`, or by a payment code or access token that it presents. `until` is when
    the order can be paid no more; `merchant_id` and `store_id` say who sells, where that is known.
    """

    psp_id: str
    payment_request_id: str
    amount: Amount
    customer_id: str | None = None
    payment_code: str | None = None
    access_token: str | None = None
    pin: str | None = None
    until: datetime | None = None
    merchant_id: str | None = None
    store_id: str | None = None
    pass_through_info: str | None = None


class WalletPayments:
    """The payments of one sandbox's wallet."""

    def __init__(self, store: SandboxStore, *, clock: Clock = now) -> None:
        self._store = store
        self._registrations = Registrations(store)
        self._directory = WalletDirectory(store)
        self._clock = clock

    def default_customer(self, psp_id: str) -> str | None:
        """The first active user of an MPP: who scans when nobody is named."""
        return self._directory.default_customer(psp_id)

    def confirm(self, wish: Wish) -> WalletPayment:
        """Judge a payment by the state of its user and debit what may be debited; result S, F or U (in process).

        Raises IllegalState when this order is paid or in process already (then nothing is changed, and what stands
        is the first payment), NotOnRecord for an MPP that this wallet is not, IllegalValue for an amount that
        cannot be paid.
        """
        if not 1 <= wish.amount.value <= LARGEST_VALUE or not fits_currency(wish.amount):
            raise IllegalValue(f"{wish.amount.value} {wish.amount.currency} (minor units) cannot be paid")
        at = self._clock()
        with self._store.transaction() as connection:
            psp = find_psp(connection, wish.psp_id)
            if psp is None:
                raise NotOnRecord(f"the wallet has no MPP {wish.psp_id}; run: acqp-gateway sandbox wallet psps list")
            attempts = self._attempts(connection, wish.psp_id, wish.payment_request_id, at)
            if attempts and attempts[-1].result in COUNTS:
                state = "paid" if attempts[-1].result is results.SUCCESS else "being paid"
                raise IllegalState(f"{wish.payment_request_id} is {state} already, by {attempts[-1].customer_id}")
            case, customer_id, quote_price = self._case(connection, psp, wish, attempts, at)
            number = kept.insert(connection, _columns(wish, case, customer_id, quote_price))
            self._conclude(connection, number, case, judge(case), may_wait=True)
            return kept.by_number(connection, number)

    def refund(self, *, psp_id: str, payment_request_id: str) -> None:
        """The money goes back, or is not taken where the payment is in process: the order is closed from now on.

        A second time changes nothing. Raises NotOnRecord, and IllegalState where nothing was paid.
        """
        with self._store.transaction() as connection:
            payment = self._required(connection, psp_id, payment_request_id)
            if payment.result is results.ORDER_IS_CLOSED:
                return
            if payment.result not in COUNTS:
                raise IllegalState(f"{payment_request_id} was not paid: {payment.result.code}")
            if payment.result is results.SUCCESS and payment.debit is not None:
                kept.book(connection, psp_id, payment.customer_id, payment.debit.value)
            kept.finish(connection, payment.number, results.ORDER_IS_CLOSED, self._clock())

    def settle(self, *, psp_id: str, payment_request_id: str) -> WalletPayment:
        """End a payment that is in process, judged once more. Raises NotOnRecord, IllegalState if it is not."""
        with self._store.transaction() as connection:
            payment = self._required(connection, psp_id, payment_request_id)
            if payment.result is not results.PAYMENT_IN_PROCESS:
                raise IllegalState(f"{payment_request_id} is not in process: {payment.result.code}")
            return self._settle(connection, payment, self._clock())

    def get(self, psp_id: str, payment_request_id: str) -> WalletPayment | None:
        """The latest attempt to pay an order, settled if its time has come."""
        with self._store.transaction() as connection:
            attempts = self._attempts(connection, psp_id, payment_request_id, self._clock())
            return attempts[-1] if attempts else None

    def put_pass_through_info(
        self, *, psp_id: str, payment_request_id: str, pass_through_info: str | None
    ) -> WalletPayment:
        """Change what the MPP passes through with a payment. Raises NotOnRecord."""
        with self._store.transaction() as connection:
            payment = self._required(connection, psp_id, payment_request_id)
            connection.execute(
                "UPDATE wallet_payments SET pass_through_info = ? WHERE id = ?", (pass_through_info, payment.number)
            )
            return kept.by_number(connection, payment.number)

    def listed(self, *, psp_id: str | None, payment_request_id: str | None, limit: int) -> list[WalletPayment]:
        """All attempts that match, the newest first; what is due is settled."""
        with self._store.transaction() as connection:
            at = self._clock()
            for payment in kept.due(connection, at):
                self._settle(connection, payment, at)
            return kept.listed(connection, psp_id=psp_id, payment_request_id=payment_request_id, limit=limit)

    def forget(self, *, psp_id: str | None, payment_request_id: str | None) -> int:
        """Forget the payments that match; how many there were. Nobody gets money back."""
        with self._store.transaction() as connection:
            return connection.execute(
                "DELETE FROM wallet_payments WHERE (:psp IS NULL OR psp_id = :psp)"
                " AND (:order IS NULL OR payment_request_id = :order)",
                {"psp": psp_id, "order": payment_request_id},
            ).rowcount

    def _case(
        self, connection: sqlite3.Connection, psp: Psp, wish: Wish, attempts: Sequence[WalletPayment], at: datetime
    ) -> tuple[Case, str | None, str | None]:
        """The case of a wish, its customer, and the quote price if one is needed."""
        customer_id, presented = _presented(connection, wish, at)
        user = find_user(connection, psp.psp_id, customer_id)
        debit, quote_price = _debit(connection, psp, user, wish.amount)
        case = Case(
            psp=psp,
            user=user,
            amount=wish.amount,
            debit=debit,
            at=at,
            until=wish.until,
            pin=wish.pin,
            presented=presented,
            is_merchant_registered=self._is_registered(psp, wish.merchant_id, wish.store_id),
            is_closed=bool(attempts) and attempts[-1].result is results.ORDER_IS_CLOSED,
            first_amount=attempts[0].amount if attempts else None,
            payments_today=kept.count_today(connection, psp.psp_id, customer_id, at),
        )
        return case, customer_id, quote_price

    def _is_registered(self, psp: Psp, merchant_id: str | None, store_id: str | None) -> bool:
        """Whether the merchant may be paid at this MPP: yes where no registration of it is on record at all."""
        if merchant_id is None:
            return True
        found = None
        for place in dict.fromkeys((store_id, None)):
            found = found or self._registrations.find(Subject(merchant_id, place))
        if found is None:
            return True
        return any(entry.psp_name == psp.psp_name and entry.status == APPROVED for entry in found.psps)

    def _attempts(
        self, connection: sqlite3.Connection, psp_id: str, payment_request_id: str, at: datetime
    ) -> list[WalletPayment]:
        """The first and the latest attempt, the latest settled if its time has come."""
        attempts = kept.attempts(connection, psp_id, payment_request_id)
        if attempts and attempts[-1].is_due_at(at):
            attempts[-1] = self._settle(connection, attempts[-1], at)
        return attempts

    def _required(self, connection: sqlite3.Connection, psp_id: str, payment_request_id: str) -> WalletPayment:
        attempts = self._attempts(connection, psp_id, payment_request_id, self._clock())
        if not attempts:
            raise NotOnRecord(f"no payment of {payment_request_id} is on record there")
        return attempts[-1]

    def _settle(self, connection: sqlite3.Connection, payment: WalletPayment, at: datetime) -> WalletPayment:
        psp = find_psp(connection, payment.psp_id)
        if psp is None:
            raise RecordsContradict("payment_without_psp")
        case = Case(
            psp=psp,
            user=find_user(connection, payment.psp_id, payment.customer_id),
            amount=payment.amount,
            debit=payment.debit,
            at=at,
            is_merchant_registered=self._is_registered(psp, payment.merchant_id, payment.store_id),
            payments_today=kept.count_today(connection, payment.psp_id, payment.customer_id, at, but=payment.number),
        )
        self._conclude(connection, payment.number, case, judge(case, is_confirmed=True), may_wait=False)
        return kept.by_number(connection, payment.number)

    def _conclude(
        self, connection: sqlite3.Connection, number: int, case: Case, result: ResultCode, *, may_wait: bool
    ) -> None:
        """Write down what a payment came to, and take the money when it succeeded."""
        if result is not results.SUCCESS or case.user is None or case.debit is None:
            kept.finish(connection, number, result, case.at)
        elif may_wait and case.user.processing_seconds:
            kept.wait(connection, number, case.at + timedelta(seconds=case.user.processing_seconds))
        else:
            kept.book(connection, case.psp.psp_id, case.user.customer_id, -case.debit.value)
            kept.finish(connection, number, result, case.at)


def _presented(connection: sqlite3.Connection, wish: Wish, at: datetime) -> tuple[str | None, ResultCode]:
    """The customer, and what is wrong with the payment code or token that stands for it."""
    presented = (
        (wish.payment_code, find_payment_code, results.INVALID_CODE),
        (wish.access_token, find_token, results.INVALID_TOKEN),
    )
    customer_id = wish.customer_id
    for text, find, refusal in presented:
        if text is None:
            continue
        found = find(connection, text)
        if found is None or found.psp_id != wish.psp_id or not found.is_valid_at(at):
            return customer_id, refusal
        if customer_id not in (None, found.customer_id):
            return customer_id, refusal
        customer_id = found.customer_id
    return customer_id, results.SUCCESS


def _debit(
    connection: sqlite3.Connection, psp: Psp, user: User | None, amount: Amount
) -> tuple[Amount | None, str | None]:
    """The amount in the user's currency, and the quote price that was needed for it."""
    currency = user.currency if user is not None else psp.currency
    if currency == amount.currency:
        return amount, None
    quote_price = find_quote_price(connection, psp.psp_id, amount.currency, currency)
    return (None if quote_price is None else exchanged(amount, quote_price, currency)), quote_price


def _columns(wish: Wish, case: Case, customer_id: str | None, quote_price: str | None) -> dict[str, Any]:
    # What is above all limits cannot be kept, and is not debited either.
    debit = case.debit if case.debit is not None and case.debit.value <= LARGEST_VALUE else None
    return {
        "psp_id": wish.psp_id,
        "customer_id": customer_id,
        "payment_request_id": wish.payment_request_id,
        "payment_id": kept.new_payment_id(case.at),
        "currency": wish.amount.currency,
        "value": wish.amount.value,
        "user_currency": debit.currency if debit else None,
        "debit": debit.value if debit else None,
        "quote_price": quote_price,
        "merchant_id": wish.merchant_id,
        "store_id": wish.store_id,
        "confirmed_at": write_moment(case.at),
        "pass_through_info": wish.pass_through_info or case.psp.pass_through_info,
    }
