"""What was decided of each payment, and every message about one.

Whoever decides holds the order's row first: a decode, another payment or a person's command waits, or is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from acqp_gateway.errors import IllegalState, NotOnRecord
from acqp_gateway.store.database import Store
from acqp_gateway.store.deadline import seconds_left
from acqp_gateway.store.tables import decodes, merchants, orders, payment_messages, payments, stores

ACCEPTED, REFUSED, DENIED = "ACCEPTED", "REFUSED", "DENIED"

_DECODED = "SUCCESS"
#: The merchant, its store and the payment, each waited for twice: for the line in front of it and for its holder.
_LATER_WAITS = 6
#: Two calls that decide at the same time of one paymentId, for two orders, say: the second looks again.
_ATTEMPTS = 3

Done = TypeVar("Done")


class Payment(NamedTuple):
    """What was decided of a payment. Amounts in minor units, as the first call said them; times UTC."""

    payment_id: str | None
    payment_request_id: str | None
    code_value: str | None
    api: str
    state: str
    result_code: str
    reason: str
    decided_at: datetime
    psp_id: str | None = None
    customer_id: str | None = None
    said_payment_request_id: str | None = None
    amount: int | None = None
    currency: str | None = None
    settlement_amount: int | None = None
    settlement_currency: str | None = None
    paid_at: datetime | None = None
    denied_at: datetime | None = None


class PaymentMessage(NamedTuple):
    """A message about a payment, for the record. Amount in minor units, time UTC."""

    at: datetime
    api: str
    payment_request_id: str | None
    code_value: str | None
    payment_id: str | None
    psp_id: str | None
    amount: int | None
    currency: str | None
    outcome: str
    result_code: str
    said: str
    needs_attention: bool
    body: bytes


def decide(store: Store, work: Callable[[Connection], Done]) -> Done:
    """Do this in a transaction, and once more from the beginning when somebody else has just decided the same.

    Raises StoreError.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            with store.writing() as connection:
                return work(connection)
        except IntegrityError:
            continue
    with store.writing() as connection:
        return work(connection)


def lock_order_of_code(connection: Connection, code_value: str) -> Row[Any] | None:
    """The order of a code, held until the transaction ends; None when no order has it."""
    return _locked(connection, orders.c.code_value == code_value)


def lock_order(connection: Connection, payment_request_id: str) -> Row[Any] | None:
    """An order, held until the transaction ends; None when it is not on record."""
    return _locked(connection, orders.c.payment_request_id == payment_request_id)


def _locked(connection: Connection, condition: Any) -> Row[Any] | None:
    order = connection.execute(select(orders).where(condition).with_for_update(key_share=True)).one_or_none()
    left = seconds_left()
    if connection.dialect.name == "postgresql" and left is not None:
        # Many may wait for an order; the locks that follow must fit into what is left of the store's patience.
        milliseconds = max(20, int(left * 1000 / (_LATER_WAITS + 1)))
        connection.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))
    return order


def hold_merchant(connection: Connection, order: Row[Any]) -> None:
    """Let nobody suspend the order's merchant or store until the transaction ends."""
    merchant = select(merchants.c.merchant_id).where(merchants.c.merchant_id == order.merchant_id)
    connection.execute(merchant.with_for_update(read=True))
    if order.store_id is not None:
        of_store = and_(stores.c.merchant_id == order.merchant_id, stores.c.store_id == order.store_id)
        connection.execute(select(stores.c.store_id).where(of_store).with_for_update(read=True))


def last_decoded_at(connection: Connection, code_value: str) -> datetime | None:
    """When a code was last decoded with success; None when it never was."""
    query = select(func.max(decodes.c.decoded_at)).where(
        decodes.c.code_value == code_value, decodes.c.result_code == _DECODED
    )
    found: datetime | None = connection.execute(query).scalar_one()
    return found


def find(connection: Connection, payment_id: str) -> Row[Any] | None:
    """What was decided of a paymentId, held until the transaction ends; None when nobody knows it."""
    query = select(payments).where(payments.c.payment_id == payment_id).with_for_update(key_share=True)
    return connection.execute(query).one_or_none()


def merchant_statuses(connection: Connection, order: Row[Any]) -> tuple[str, str | None]:
    """The status of an order's merchant, and of its store where it has one."""
    status = connection.execute(
        select(merchants.c.status).where(merchants.c.merchant_id == order.merchant_id)
    ).scalar_one()
    of_store = and_(stores.c.merchant_id == order.merchant_id, stores.c.store_id == order.store_id)
    return status, connection.execute(select(stores.c.status).where(of_store)).scalar_one_or_none()


def accepted_for(connection: Connection, payment_request_id: str) -> Row[Any] | None:
    """The payment that paid an order; None when none has."""
    query = select(payments).where(payments.c.payment_request_id == payment_request_id, payments.c.state == ACCEPTED)
    return connection.execute(query).one_or_none()


def put(connection: Connection, payment: Payment, *, known: Row[Any] | None = None) -> None:
    """Write a decision, in place of the one that is `known`.

    Raises sqlalchemy's IntegrityError when somebody else has just decided of this paymentId or order.
    """
    if known is None:
        connection.execute(insert(payments).values(payment._asdict()))
    else:
        connection.execute(
            update(payments)
            .where(payments.c.payment_number == known.payment_number)
            .values({**payment._asdict(), "denied_at": known.denied_at})
        )


def deny(connection: Connection, payment: Payment, *, known: Row[Any] | None) -> None:
    """Write down that an inquiry was told that there is no such payment; the latest inquiry counts."""
    if known is None:
        put(connection, payment)
    elif payment.denied_at is not None and (known.denied_at is None or known.denied_at <= payment.denied_at):
        connection.execute(
            update(payments)
            .where(payments.c.payment_number == known.payment_number)
            .values(denied_at=payment.denied_at, decided_at=payment.decided_at)
        )


def mark_paid(connection: Connection, order: Row[Any], *, reason: str, at: datetime) -> None:
    """Make a locked order PAID, from whatever state it is in."""
    connection.execute(
        update(orders)
        .where(orders.c.payment_request_id == order.payment_request_id, orders.c.state != "PAID")
        .values(state="PAID", state_reason=reason, state_since=at)
    )


def named_before(connection: Connection, payment_request_id: str, api: str, outcomes: Sequence[str]) -> set[str]:
    """The paymentIds that messages about an order have named, those with one of these outcomes."""
    columns = payment_messages.c
    query = select(columns.payment_id).where(
        columns.payment_request_id == payment_request_id,
        columns.api == api,
        columns.outcome.in_(outcomes),
        columns.payment_id.is_not(None),
    )
    return set(connection.execute(query.distinct()).scalars())


def record(connection: Connection, message: PaymentMessage) -> None:
    """Keep a message. The very same one again calls no second person."""
    if message.needs_attention and _was_kept_before(connection, message):
        message = message._replace(needs_attention=False)
    connection.execute(insert(payment_messages).values(message._asdict()))


def _was_kept_before(connection: Connection, message: PaymentMessage) -> bool:
    columns = payment_messages.c
    about = (
        columns.payment_id == message.payment_id
        if message.payment_request_id is None
        else columns.payment_request_id == message.payment_request_id
    )
    same = (about, columns.api == message.api, columns.body == message.body, columns.needs_attention)
    return connection.execute(select(columns.message_number).where(*same).limit(1)).first() is not None


def listed_messages(
    store: Store,
    *,
    payment_request_id: str | None = None,
    payment_id: str | None = None,
    needs_attention: bool = False,
    limit: int,
) -> Sequence[Row[Any]]:
    """Messages about payments, the newest first; with `needs_attention` those that still wait for a person.

    Of an order: those that mean it, be it by their paymentRequestId, their code or their paymentId.
    """
    query = select(payment_messages).order_by(payment_messages.c.message_number.desc()).limit(limit)
    if needs_attention:
        query = query.where(payment_messages.c.needs_attention, payment_messages.c.attended_at.is_(None))
    if payment_id is not None:
        query = query.where(payment_messages.c.payment_id == payment_id)
    if payment_request_id is not None:
        ids = select(payments.c.payment_id).where(payments.c.payment_request_id == payment_request_id)
        query = query.where(
            or_(
                payment_messages.c.payment_request_id == payment_request_id,
                payment_messages.c.payment_id.in_(ids),
            )
        )
    with store.reading() as connection:
        return connection.execute(query).all()


def of_order(store: Store, payment_request_id: str, *, limit: int = 50) -> Sequence[Row[Any]]:
    """The payments of an order that were accepted or refused, the latest decision first, at most `limit`."""
    query = (
        select(payments)
        .where(payments.c.payment_request_id == payment_request_id, payments.c.state != DENIED)
        .order_by(payments.c.decided_at.desc(), payments.c.payment_number.desc())
        .limit(limit)
    )
    with store.reading() as connection:
        return connection.execute(query).all()


def message(store: Store, message_number: int) -> Row[Any]:
    """One message. Raises NotOnRecord."""
    with store.reading() as connection:
        return _require_message(connection, message_number)


def _require_message(connection: Connection, message_number: int) -> Row[Any]:
    query = select(payment_messages).where(payment_messages.c.message_number == message_number)
    found = connection.execute(query).one_or_none()
    if found is None:
        raise NotOnRecord(f"no message {message_number} on record; see: acqp-gateway payments list")
    return found


def attend(store: Store, message_number: int, *, note: str | None, at: datetime) -> bool:
    """A person has seen to a message; whether that is a change. A note may be written, or changed, later.

    Raises NotOnRecord, and IllegalState for a message that waited for nobody.
    """
    columns = payment_messages.c
    this = columns.message_number == message_number
    with store.writing() as connection:
        if not _require_message(connection, message_number).needs_attention:
            raise IllegalState(f"message {message_number} waits for nobody")
        ticked = update(payment_messages).where(this, columns.attended_at.is_(None))
        changed = connection.execute(ticked.values(attended_at=at, attended_note=note)).rowcount
        if not changed and note is not None:
            noted = update(payment_messages).where(this, columns.attended_note.is_distinct_from(note))
            changed = connection.execute(noted.values(attended_note=note)).rowcount
        return bool(changed)
