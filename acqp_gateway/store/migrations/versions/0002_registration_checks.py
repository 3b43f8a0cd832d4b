"""Registration requests, standings that are asked about, runs of many checks, and the history of checks.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_BIG_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "check_runs",
        sa.Column("run_id", _BIG_SERIAL, sa.Identity(), nullable=False),
        sa.Column("source", sa.String(length=128), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_check_runs")),
    )
    op.create_index(op.f("ix_check_runs_source"), "check_runs", ["source"], unique=False)
    op.create_table(
        "registration_checks",
        sa.Column("check_id", _BIG_SERIAL, sa.Identity(), nullable=False),
        sa.Column("run_id", _BIG_SERIAL, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("triggered_by", sa.String(length=64), nullable=False),
        sa.Column("asked_how", sa.String(length=16), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=True),
        sa.Column("store_id", sa.String(length=32), nullable=True),
        sa.Column("registration_request_id", sa.String(length=64), nullable=True),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("result_code", sa.String(length=64), nullable=True),
        sa.Column("collective_status", sa.String(length=256), nullable=True),
        sa.Column("said", sa.String(length=512), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("needs_person", sa.Boolean(), nullable=False),
        sa.Column("raw_answer", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("kind IN ('INQUIRY', 'NOTIFICATION')", name=op.f("ck_registration_checks_kind")),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_registration_checks")),
    )
    op.create_index(
        op.f("ix_registration_checks_merchant_id_store_id"),
        "registration_checks",
        ["merchant_id", "store_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_registration_checks_registration_request_id"),
        "registration_checks",
        ["registration_request_id"],
        unique=False,
    )
    op.create_index(op.f("ix_registration_checks_run_id"), "registration_checks", ["run_id"], unique=False)
    op.create_table(
        "registration_requests",
        sa.Column("request_number", _BIG_SERIAL, sa.Identity(), nullable=False),
        sa.Column("registration_request_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.String(length=32), nullable=True),
        sa.Column(
            "store_key", sa.String(length=32), sa.Computed("COALESCE(store_id, '')", persisted=True), nullable=False
        ),
        sa.Column("added_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "store_id"],
            ["stores.merchant_id", "stores.store_id"],
            name=op.f("fk_registration_requests_stores"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_id"], ["merchants.merchant_id"], name=op.f("fk_registration_requests_merchants")
        ),
        sa.PrimaryKeyConstraint("request_number", name=op.f("pk_registration_requests")),
        sa.UniqueConstraint("registration_request_id", name=op.f("uq_registration_requests_registration_request_id")),
    )
    op.create_index(
        op.f("ix_registration_requests_merchant_id_store_key"),
        "registration_requests",
        ["merchant_id", "store_key"],
        unique=False,
    )
    op.create_table(
        "standings",
        sa.Column("standing_id", _BIG_SERIAL, sa.Identity(), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.String(length=32), nullable=True),
        sa.Column(
            "store_key", sa.String(length=32), sa.Computed("COALESCE(store_id, '')", persisted=True), nullable=False
        ),
        sa.Column("collective_status", sa.String(length=256), nullable=True),
        sa.Column("answered_at", _TIME, nullable=True),
        sa.Column("asked_at", _TIME, nullable=True),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("claimed_until", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["merchant_id", "store_id"], ["stores.merchant_id", "stores.store_id"], name=op.f("fk_standings_stores")
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.merchant_id"], name=op.f("fk_standings_merchants")),
        sa.PrimaryKeyConstraint("standing_id", name=op.f("pk_standings")),
    )
    op.create_index(op.f("ix_standings_asked_at"), "standings", ["asked_at"], unique=False)
    op.create_index(
        op.f("ix_standings_merchant_id_store_key"), "standings", ["merchant_id", "store_key"], unique=True
    )
