"""Payments, every message about them, and the rule that an accepted payment stays accepted.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_BIG_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ACCEPTED = sa.text("state = 'ACCEPTED'")
_WAITING = sa.text("needs_attention AND attended_at IS NULL")
_GUARDED = "payment_id, payment_request_id, state, amount, currency, settlement_amount, settlement_currency"


def _differ(column: str, distinct: str) -> str:
    return f"NEW.{column} {distinct} OLD.{column}"


def upgrade() -> None:
    _create_payments()
    _create_messages()
    name, message = "payments_stay_accepted", "an accepted payment stays as it is"
    if op.get_bind().dialect.name == "sqlite":
        changed = " OR ".join(_differ(column, "IS NOT") for column in _GUARDED.split(", "))
        op.execute(
            f"CREATE TRIGGER {name} BEFORE UPDATE OF {_GUARDED} ON payments"
            f" WHEN OLD.state = 'ACCEPTED' AND ({changed}) BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
    else:
        changed = " OR ".join(_differ(column, "IS DISTINCT FROM") for column in _GUARDED.split(", "))
        op.execute(
            f"CREATE TRIGGER {name} BEFORE UPDATE OF {_GUARDED} ON payments FOR EACH ROW"
            f" WHEN (OLD.state = 'ACCEPTED' AND ({changed})) EXECUTE FUNCTION refuse_change('{message}')"
        )


def _create_payments() -> None:
    op.create_table(
        "payments",
        sa.Column("payment_number", _BIG_SERIAL, sa.Identity(), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=True),
        sa.Column("payment_request_id", sa.String(length=64), nullable=True),
        sa.Column("code_value", sa.String(length=512), nullable=True),
        sa.Column("api", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("result_code", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("psp_id", sa.String(length=64), nullable=True),
        sa.Column("customer_id", sa.String(length=64), nullable=True),
        sa.Column("said_payment_request_id", sa.String(length=64), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("settlement_amount", sa.BigInteger(), nullable=True),
        sa.Column("settlement_currency", sa.String(length=3), nullable=True),
        sa.Column("paid_at", _TIME, nullable=True),
        sa.Column("decided_at", _TIME, nullable=False),
        sa.Column("denied_at", _TIME, nullable=True),
        sa.CheckConstraint("state IN ('ACCEPTED', 'REFUSED', 'DENIED')", name=op.f("ck_payments_state")),
        sa.CheckConstraint(
            "state <> 'ACCEPTED' OR payment_request_id IS NOT NULL", name=op.f("ck_payments_accepted")
        ),
        sa.CheckConstraint("(amount IS NULL) = (currency IS NULL)", name=op.f("ck_payments_amount")),
        sa.CheckConstraint(
            "(settlement_amount IS NULL) = (settlement_currency IS NULL)", name=op.f("ck_payments_settlement")
        ),
        sa.ForeignKeyConstraint(
            ["payment_request_id"], ["orders.payment_request_id"], name=op.f("fk_payments_orders")
        ),
        sa.PrimaryKeyConstraint("payment_number", name=op.f("pk_payments")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_payments_payment_id")),
    )
    op.create_index(
        "ux_payments_accepted",
        "payments",
        ["payment_request_id"],
        unique=True,
        sqlite_where=_ACCEPTED,
        postgresql_where=_ACCEPTED,
    )
    op.create_index(op.f("ix_payments_payment_request_id"), "payments", ["payment_request_id"], unique=False)


def _create_messages() -> None:
    op.create_table(
        "payment_messages",
        sa.Column("message_number", _BIG_SERIAL, sa.Identity(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("api", sa.String(length=64), nullable=False),
        sa.Column("payment_request_id", sa.String(length=64), nullable=True),
        sa.Column("code_value", sa.String(length=512), nullable=True),
        sa.Column("payment_id", sa.String(length=64), nullable=True),
        sa.Column("psp_id", sa.String(length=64), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("result_code", sa.String(length=64), nullable=False),
        sa.Column("said", sa.String(length=512), nullable=False),
        sa.Column("needs_attention", sa.Boolean(), nullable=False),
        sa.Column("attended_at", _TIME, nullable=True),
        sa.Column("attended_note", sa.String(length=256), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('APPLIED', 'REPEATED', 'REFUSED', 'CONFLICT', 'FAILED', 'DELIVERED', 'UNDELIVERED')",
            name=op.f("ck_payment_messages_outcome"),
        ),
        sa.PrimaryKeyConstraint("message_number", name=op.f("pk_payment_messages")),
    )
    op.create_index(op.f("ix_payment_messages_payment_id"), "payment_messages", ["payment_id"], unique=False)
    op.create_index(
        op.f("ix_payment_messages_payment_request_id"), "payment_messages", ["payment_request_id"], unique=False
    )
    op.create_index(
        "ix_payment_messages_attention",
        "payment_messages",
        ["message_number"],
        unique=False,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
