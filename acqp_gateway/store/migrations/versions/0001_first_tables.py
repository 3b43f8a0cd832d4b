"""The first tables: clients, merchants, stores, contracts, MPPs, registrations, orders, decodes.

Revision: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_BIG_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_PAID_IS_LEFT = "OLD.state = 'PAID' AND NEW.state <> 'PAID'"
_PIN_CHANGES = (
    "OLD.pinned_answer IS NOT NULL AND (NEW.pinned_answer IS NULL OR NEW.pinned_answer <> OLD.pinned_answer"
    " OR NEW.pinned_at <> OLD.pinned_at OR NEW.pinned_amount <> OLD.pinned_amount"
    " OR NEW.pinned_currency <> OLD.pinned_currency"
    " OR NEW.code_value <> OLD.code_value OR NEW.payment_request_id <> OLD.payment_request_id)"
)
#: name -> (columns, when, what is said)
_GUARDS = {
    "orders_stay_paid": ("state", _PAID_IS_LEFT, "a paid order stays paid"),
    "orders_stay_pinned": (
        "pinned_answer, pinned_at, pinned_amount, pinned_currency, code_value, payment_request_id",
        _PIN_CHANGES,
        "a pinned answer stays as it is",
    ),
}


def upgrade() -> None:
    _create_tables()
    if op.get_bind().dialect.name == "sqlite":
        _guard_orders_on_sqlite()
    else:
        _guard_orders_on_postgresql()


def _guard_orders_on_sqlite() -> None:
    for name, (columns, when, message) in _GUARDS.items():
        op.execute(
            f"CREATE TRIGGER {name} BEFORE UPDATE OF {columns} ON orders WHEN {when}"
            f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )


def _guard_orders_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$"
    )
    for name, (columns, when, message) in _GUARDS.items():
        op.execute(
            f"CREATE TRIGGER {name} BEFORE UPDATE OF {columns} ON orders FOR EACH ROW"
            f" WHEN ({when}) EXECUTE FUNCTION refuse_change('{message}')"
        )


def _create_tables() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=256), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_clients")),
    )
    op.create_table(
        "decodes",
        sa.Column("decode_id", _BIG_SERIAL, sa.Identity(), nullable=False),
        sa.Column("decoded_at", _TIME, nullable=False),
        sa.Column("code_value", sa.String(length=512), nullable=False),
        sa.Column("payment_request_id", sa.String(length=64), nullable=True),
        sa.Column("psp_id", sa.String(length=64), nullable=True),
        sa.Column("customer_id", sa.String(length=64), nullable=True),
        sa.Column("result_code", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("duration_us", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("decode_id", name=op.f("pk_decodes")),
    )
    op.create_index(op.f("ix_decodes_code_value"), "decodes", ["code_value"], unique=False)
    op.create_table(
        "merchants",
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("display_name", sa.String(length=256), nullable=True),
        sa.Column("mcc", sa.String(length=4), nullable=False),
        sa.Column("region", sa.String(length=2), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=True),
        sa.Column("city", sa.String(length=32), nullable=True),
        sa.Column("address1", sa.String(length=256), nullable=True),
        sa.Column("address2", sa.String(length=256), nullable=True),
        sa.Column("zip_code", sa.String(length=32), nullable=True),
        sa.Column("kyb_level", sa.String(length=16), nullable=False),
        sa.Column("sells", sa.String(length=16), nullable=False),
        sa.Column("added_at", _TIME, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("status_reason", sa.String(length=256), nullable=True),
        sa.Column("status_since", _TIME, nullable=False),
        sa.CheckConstraint("kyb_level IN ('FAILED', 'BASIC', 'FULL')", name=op.f("ck_merchants_kyb_level")),
        sa.CheckConstraint("sells IN ('IN_STORE', 'ONLINE', 'BOTH')", name=op.f("ck_merchants_sells")),
        sa.CheckConstraint("status IN ('ACTIVE', 'SUSPENDED', 'CLOSED')", name=op.f("ck_merchants_status")),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_merchants")),
    )
    op.create_table(
        "mpps",
        sa.Column("psp_name", sa.String(length=64), nullable=False),
        sa.Column("psp_id", sa.String(length=64), nullable=False),
        sa.Column("registration_required", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("psp_name", name=op.f("pk_mpps")),
        sa.UniqueConstraint("psp_id", name=op.f("uq_mpps_psp_id")),
    )
    op.create_table(
        "contracts",
        sa.Column("contract_id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("product", sa.String(length=32), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("largest_amount", sa.BigInteger(), nullable=False),
        sa.Column("settlement_currency", sa.String(length=3), nullable=False),
        sa.Column("required_kyb_level", sa.String(length=16), nullable=False),
        sa.Column("in_force_from", _TIME, nullable=False),
        sa.Column("in_force_to", _TIME, nullable=True),
        sa.CheckConstraint(
            "product IN ('IN_STORE_ORDER_CODE', 'IN_STORE_PAYMENT_CODE', 'IN_STORE_ENTRY_CODE', 'CASHIER_PAYMENT', 'AGREEMENT_PAYMENT')",
            name=op.f("ck_contracts_product"),
        ),
        sa.CheckConstraint("required_kyb_level IN ('BASIC', 'FULL')", name=op.f("ck_contracts_required_kyb_level")),
        sa.CheckConstraint("in_force_to IS NULL OR in_force_to >= in_force_from", name=op.f("ck_contracts_in_force")),
        sa.CheckConstraint("largest_amount > 0", name=op.f("ck_contracts_largest_amount")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.merchant_id"], name=op.f("fk_contracts_merchants")),
        sa.PrimaryKeyConstraint("contract_id", name=op.f("pk_contracts")),
    )
    op.create_index(op.f("ix_contracts_merchant_id"), "contracts", ["merchant_id"], unique=False)
    op.create_table(
        "stores",
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("display_name", sa.String(length=256), nullable=True),
        sa.Column("mcc", sa.String(length=4), nullable=True),
        sa.Column("region", sa.String(length=2), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=True),
        sa.Column("city", sa.String(length=32), nullable=True),
        sa.Column("address1", sa.String(length=256), nullable=True),
        sa.Column("address2", sa.String(length=256), nullable=True),
        sa.Column("zip_code", sa.String(length=32), nullable=True),
        sa.Column("phone_no", sa.String(length=32), nullable=True),
        sa.Column("added_at", _TIME, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("status_reason", sa.String(length=256), nullable=True),
        sa.Column("status_since", _TIME, nullable=False),
        sa.CheckConstraint("status IN ('ACTIVE', 'SUSPENDED', 'CLOSED')", name=op.f("ck_stores_status")),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.merchant_id"], name=op.f("fk_stores_merchants")),
        sa.PrimaryKeyConstraint("merchant_id", "store_id", name=op.f("pk_stores")),
    )
    op.create_table(
        "orders",
        sa.Column("payment_request_id", sa.String(length=64), nullable=False),
        sa.Column("code_value", sa.String(length=512), nullable=False),
        sa.Column("reference_order_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.String(length=32), nullable=True),
        sa.Column("description", sa.String(length=256), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("goods", sa.Text(), nullable=True),
        sa.Column("terminal_id", sa.String(length=64), nullable=True),
        sa.Column("terminal_request_time", _TIME, nullable=True),
        sa.Column("terminal_utc_offset_s", sa.Integer(), nullable=True),
        sa.Column("placed_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_reason", sa.String(length=256), nullable=True),
        sa.Column("state_since", _TIME, nullable=False),
        sa.Column("pinned_at", _TIME, nullable=True),
        sa.Column("pinned_amount", sa.BigInteger(), nullable=True),
        sa.Column("pinned_currency", sa.String(length=3), nullable=True),
        sa.Column("pinned_answer", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "state IN ('OPEN', 'PAID', 'CLOSED', 'CANCELLED', 'EXPIRED')", name=op.f("ck_orders_state")
        ),
        sa.CheckConstraint(
            "(pinned_answer IS NULL) = (pinned_at IS NULL) AND (pinned_answer IS NULL) = (pinned_amount IS NULL) AND (pinned_answer IS NULL) = (pinned_currency IS NULL)",
            name=op.f("ck_orders_pin"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_orders_amount")),
        sa.CheckConstraint("expires_at > placed_at", name=op.f("ck_orders_expiry")),
        sa.ForeignKeyConstraint(
            ["merchant_id", "store_id"],
            ["stores.merchant_id", "stores.store_id"],
            name=op.f("fk_orders_stores"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.merchant_id"], name=op.f("fk_orders_merchants")),
        sa.PrimaryKeyConstraint("payment_request_id", name=op.f("pk_orders")),
        sa.UniqueConstraint("code_value", name=op.f("uq_orders_code_value")),
        postgresql_with={"fillfactor": "20"},
    )
    op.create_index(op.f("ix_orders_merchant_id_placed_at"), "orders", ["merchant_id", "placed_at"], unique=False)
    op.create_index(op.f("ix_orders_reference_order_id"), "orders", ["reference_order_id"], unique=False)
    op.create_table(
        "registrations",
        sa.Column("registration_id", _BIG_SERIAL, sa.Identity(), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("store_id", sa.String(length=32), nullable=True),
        sa.Column(
            "store_key",
            sa.String(length=32),
            sa.Computed("COALESCE(store_id, '')", persisted=True),
            nullable=False,
        ),
        sa.Column("psp_name", sa.String(length=256), nullable=False),
        sa.Column("product_code", sa.String(length=128), nullable=False),
        sa.Column("status", sa.String(length=256), nullable=False),
        sa.Column("rejection_reason", sa.Text(), nullable=True),
        sa.Column("since", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["merchant_id", "store_id"],
            ["stores.merchant_id", "stores.store_id"],
            name=op.f("fk_registrations_stores"),
        ),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.merchant_id"], name=op.f("fk_registrations_merchants")),
        sa.PrimaryKeyConstraint("registration_id", name=op.f("pk_registrations")),
    )
    op.create_index(
        op.f("ix_registrations_merchant_id_store_key_psp_name_product_code"),
        "registrations",
        ["merchant_id", "store_key", "psp_name", "product_code"],
        unique=True,
    )
