"""The tables. Money is an integer in minor units plus an ISO 4217 code; times are UTC.

What may be written in a column is said by the database itself, here and in the migrations: unique codes and
ids, states, foreign keys, and two triggers on orders (a paid order stays paid, a pinned answer stays as it is).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

MERCHANT_STATUSES = ("ACTIVE", "SUSPENDED", "CLOSED")
#: KYB levels, from the lowest; a contract asks one of those above FAILED.
KYB_LEVELS = ("FAILED", "BASIC", "FULL")
SELLS = ("IN_STORE", "ONLINE", "BOTH")
CONTRACT_PRODUCTS = (
    "IN_STORE_ORDER_CODE",
    "IN_STORE_PAYMENT_CODE",
    "IN_STORE_ENTRY_CODE",
    "CASHIER_PAYMENT",
    "AGREEMENT_PAYMENT",
)
IN_STORE_ORDER_CODE = CONTRACT_PRODUCTS[0]
#: What was decided of a payment. DENIED: an inquiry was told that there is none.
PAYMENT_STATES = ("ACCEPTED", "REFUSED", "DENIED")
#: What became of a message about a payment.
PAYMENT_OUTCOMES = ("APPLIED", "REPEATED", "REFUSED", "CONFLICT", "FAILED", "DELIVERED", "UNDELIVERED")
ORDER_STATES = ("OPEN", "PAID", "CLOSED", "CANCELLED", "EXPIRED")
APPROVED = "APPROVED"


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time on both stores; SQLite itself knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the store: UTC."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the store: aware, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_BigSerial = BigInteger().with_variant(Integer, "sqlite")


def _one_of(column: str, allowed: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in allowed)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _status_columns() -> list[Any]:
    """ACTIVE, SUSPENDED or CLOSED, why, and since when; of merchants and stores."""
    return [
        Column("status", String(16), nullable=False),
        Column("status_reason", String(256)),
        Column("status_since", UtcTime, nullable=False),
        _one_of("status", MERCHANT_STATUSES),
    ]


def _store_key() -> Column[Any]:
    # NULLs are never equal to an index: the merchant's own standing has the empty key.
    return Column("store_key", String(32), Computed("COALESCE(store_id, '')", persisted=True), nullable=False)


def _address_columns() -> list[Column[Any]]:
    return [
        Column("region", String(2)),
        Column("state", String(8)),
        Column("city", String(32)),
        Column("address1", String(256)),
        Column("address2", String(256)),
        Column("zip_code", String(32)),
    ]


clients = Table(
    "clients",
    metadata,
    Column("client_id", String(64), primary_key=True),
    Column("note", String(256)),
    Column("enabled", Boolean, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)

merchants = Table(
    "merchants",
    metadata,
    Column("merchant_id", String(64), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("display_name", String(256)),
    Column("mcc", String(4), nullable=False),
    *_address_columns(),
    Column("kyb_level", String(16), nullable=False),
    Column("sells", String(16), nullable=False),
    Column("added_at", UtcTime, nullable=False),
    *_status_columns(),
    _one_of("kyb_level", KYB_LEVELS),
    _one_of("sells", SELLS),
)

stores = Table(
    "stores",
    metadata,
    Column("merchant_id", String(64), ForeignKey("merchants.merchant_id"), primary_key=True),
    Column("store_id", String(32), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("display_name", String(256)),
    Column("mcc", String(4)),
    *_address_columns(),
    Column("phone_no", String(32)),
    Column("added_at", UtcTime, nullable=False),
    *_status_columns(),
)

contracts = Table(
    "contracts",
    metadata,
    Column("contract_id", Integer, Identity(), primary_key=True),
    Column("merchant_id", String(64), ForeignKey("merchants.merchant_id"), nullable=False),
    Column("product", String(32), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("largest_amount", BigInteger, nullable=False),
    Column("settlement_currency", String(3), nullable=False),
    Column("required_kyb_level", String(16), nullable=False),
    Column("in_force_from", UtcTime, nullable=False),
    Column("in_force_to", UtcTime),
    _one_of("product", CONTRACT_PRODUCTS),
    _one_of("required_kyb_level", KYB_LEVELS[1:]),
    CheckConstraint("largest_amount > 0", name="largest_amount"),
    CheckConstraint("in_force_to IS NULL OR in_force_to >= in_force_from", name="in_force"),
    Index(None, "merchant_id"),
)

mpps = Table(
    "mpps",
    metadata,
    Column("psp_name", String(64), primary_key=True),
    Column("psp_id", String(64), nullable=False, unique=True),
    Column("registration_required", Boolean, nullable=False),
)

registrations = Table(
    "registrations",
    metadata,
    Column("registration_id", _BigSerial, Identity(), primary_key=True),
    Column("merchant_id", String(64), ForeignKey("merchants.merchant_id"), nullable=False),
    Column("store_id", String(32)),
    _store_key(),
    # As Alipay+ wrote them: names and statuses are open lists.
    Column("psp_name", String(256), nullable=False),
    Column("product_code", String(128), nullable=False),
    Column("status", String(256), nullable=False),
    Column("rejection_reason", Text),
    Column("since", UtcTime, nullable=False),
    ForeignKeyConstraint(["merchant_id", "store_id"], ["stores.merchant_id", "stores.store_id"]),
    Index(None, "merchant_id", "store_key", "psp_name", "product_code", unique=True),
)

orders = Table(
    "orders",
    metadata,
    Column("payment_request_id", String(64), primary_key=True),
    Column("code_value", String(512), nullable=False, unique=True),
    Column("reference_order_id", String(64), nullable=False),
    Column("merchant_id", String(64), ForeignKey("merchants.merchant_id"), nullable=False),
    Column("store_id", String(32)),
    Column("description", String(256), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("goods", Text),
    Column("terminal_id", String(64)),
    Column("terminal_request_time", UtcTime),
    # The till's own zone, so that the wallet shows the time that stands on the receipt.
    Column("terminal_utc_offset_s", Integer),
    Column("placed_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_reason", String(256)),
    Column("state_since", UtcTime, nullable=False),
    Column("pinned_at", UtcTime),
    Column("pinned_amount", BigInteger),
    Column("pinned_currency", String(3)),
    Column("pinned_answer", LargeBinary),
    ForeignKeyConstraint(["merchant_id", "store_id"], ["stores.merchant_id", "stores.store_id"]),
    _one_of("state", ORDER_STATES),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("expires_at > placed_at", name="expiry"),
    CheckConstraint(
        "(pinned_answer IS NULL) = (pinned_at IS NULL) AND (pinned_answer IS NULL) = (pinned_amount IS NULL)"
        " AND (pinned_answer IS NULL) = (pinned_currency IS NULL)",
        name="pin",
    ),
    Index(None, "merchant_id", "placed_at"),
    Index(None, "reference_order_id"),
    # The pin makes a row about four times as long: with room for it on the row's own page, no index is touched.
    postgresql_with={"fillfactor": "20"},
)

decodes = Table(
    "decodes",
    metadata,
    Column("decode_id", _BigSerial, Identity(), primary_key=True),
    Column("decoded_at", UtcTime, nullable=False),
    Column("code_value", String(512), nullable=False),
    Column("payment_request_id", String(64)),
    Column("psp_id", String(64)),
    Column("customer_id", String(64)),
    Column("result_code", String(64), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("duration_us", Integer, nullable=False),
    Index(None, "code_value"),
)

registration_requests = Table(
    "registration_requests",
    metadata,
    Column("request_number", _BigSerial, Identity(), primary_key=True),
    Column("registration_request_id", String(64), nullable=False, unique=True),
    Column("merchant_id", String(64), ForeignKey("merchants.merchant_id"), nullable=False),
    Column("store_id", String(32)),
    _store_key(),
    Column("added_at", UtcTime, nullable=False),
    ForeignKeyConstraint(["merchant_id", "store_id"], ["stores.merchant_id", "stores.store_id"]),
    Index(None, "merchant_id", "store_key"),
)

#: One row for each merchant, or merchant at a store, whose standing is asked about or told.
standings = Table(
    "standings",
    metadata,
    Column("standing_id", _BigSerial, Identity(), primary_key=True),
    Column("merchant_id", String(64), ForeignKey("merchants.merchant_id"), nullable=False),
    Column("store_id", String(32)),
    _store_key(),
    Column("collective_status", String(256)),
    # The time of Alipay+'s own clock on what stands: older news never replaces newer.
    Column("answered_at", UtcTime),
    Column("asked_at", UtcTime),
    # Whoever asks holds a lease, so that a second run asks nobody twice.
    Column("claimed_by", String(64)),
    Column("claimed_until", UtcTime),
    ForeignKeyConstraint(["merchant_id", "store_id"], ["stores.merchant_id", "stores.store_id"]),
    Index(None, "merchant_id", "store_key", unique=True),
    Index(None, "asked_at"),
)

check_runs = Table(
    "check_runs",
    metadata,
    Column("run_id", _BigSerial, Identity(), primary_key=True),
    Column("source", String(128), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Index(None, "source"),
)

#: Every question and every notification, whatever came of it.
registration_checks = Table(
    "registration_checks",
    metadata,
    Column("check_id", _BigSerial, Identity(), primary_key=True),
    Column("run_id", _BigSerial),
    Column("kind", String(16), nullable=False),
    Column("triggered_by", String(64), nullable=False),
    Column("asked_how", String(16), nullable=False),
    # As asked or told: what a notification names need not be on record.
    Column("merchant_id", String(64)),
    Column("store_id", String(32)),
    Column("registration_request_id", String(64)),
    Column("started_at", UtcTime, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("result_code", String(64)),
    Column("collective_status", String(256)),
    Column("said", String(512), nullable=False),
    Column("applied", Boolean, nullable=False),
    Column("needs_person", Boolean, nullable=False),
    Column("raw_answer", LargeBinary),
    _one_of("kind", ("INQUIRY", "NOTIFICATION")),
    Index(None, "merchant_id", "store_id"),
    Index(None, "registration_request_id"),
    Index(None, "run_id"),
)

#: What was decided of each paymentId, once and for all but for a fact that comes later (notifyPayment).
payments = Table(
    "payments",
    metadata,
    Column("payment_number", _BigSerial, Identity(), primary_key=True),
    # Of a notifyPayment it may be missing.
    Column("payment_id", String(64), unique=True),
    Column("payment_request_id", String(64), ForeignKey("orders.payment_request_id")),
    Column("code_value", String(512)),
    Column("api", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("result_code", String(64), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("psp_id", String(64)),
    Column("customer_id", String(64)),
    # As the first call said it, where it did.
    Column("said_payment_request_id", String(64)),
    Column("amount", BigInteger),
    Column("currency", String(3)),
    Column("settlement_amount", BigInteger),
    Column("settlement_currency", String(3)),
    Column("paid_at", UtcTime),
    Column("decided_at", UtcTime, nullable=False),
    # Request-Time of the latest inquiry that was told that there is no such payment.
    Column("denied_at", UtcTime),
    _one_of("state", PAYMENT_STATES),
    CheckConstraint("state <> 'ACCEPTED' OR payment_request_id IS NOT NULL", name="accepted"),
    CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="amount"),
    CheckConstraint("(settlement_amount IS NULL) = (settlement_currency IS NULL)", name="settlement"),
    # One order is paid by one payment, whatever runs at the same time.
    Index(
        "ux_payments_accepted",
        "payment_request_id",
        unique=True,
        sqlite_where=text("state = 'ACCEPTED'"),
        postgresql_where=text("state = 'ACCEPTED'"),
    ),
    Index(None, "payment_request_id"),
)

#: Every message about a payment that was authentic, whatever came of it, and those that we sent.
payment_messages = Table(
    "payment_messages",
    metadata,
    Column("message_number", _BigSerial, Identity(), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("api", String(64), nullable=False),
    # The order that is meant, where there is one; otherwise as it was said.
    Column("payment_request_id", String(64)),
    Column("code_value", String(512)),
    Column("payment_id", String(64)),
    Column("psp_id", String(64)),
    Column("amount", BigInteger),
    Column("currency", String(3)),
    Column("outcome", String(16), nullable=False),
    Column("result_code", String(64), nullable=False),
    Column("said", String(512), nullable=False),
    Column("needs_attention", Boolean, nullable=False),
    Column("attended_at", UtcTime),
    Column("attended_note", String(256)),
    Column("body", LargeBinary, nullable=False),
    _one_of("outcome", PAYMENT_OUTCOMES),
    Index(None, "payment_request_id"),
    Index(None, "payment_id"),
    Index(
        "ix_payment_messages_attention",
        "message_number",
        sqlite_where=text("needs_attention AND attended_at IS NULL"),
        postgresql_where=text("needs_attention AND attended_at IS NULL"),
    ),
)
