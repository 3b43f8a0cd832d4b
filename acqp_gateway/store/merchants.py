"""Merchants, their stores and their contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from acqp_gateway.errors import AlreadyOnRecord, IllegalState, IllegalValue, NotOnRecord
from acqp_gateway.store import values
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import (
    CONTRACT_PRODUCTS,
    IN_STORE_ORDER_CODE,
    KYB_LEVELS,
    SELLS,
    contracts,
    merchants,
    stores,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMerchant:
    """A merchant as somebody hands it in. KYB is sufficient unless said otherwise."""

    merchant_id: str
    name: str
    mcc: str
    region: str
    display_name: str | None = None
    state: str | None = None
    city: str | None = None
    address1: str | None = None
    address2: str | None = None
    zip_code: str | None = None
    kyb_level: str = KYB_LEVELS[-1]
    sells: str = SELLS[-1]

    def __post_init__(self) -> None:
        """Raises IllegalValue naming the first value that breaks its rule."""
        values.identifier("merchant id", self.merchant_id, 64)
        check_merchant_members(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStore:
    """A store of a merchant as somebody hands it in."""

    merchant_id: str
    store_id: str
    name: str
    display_name: str | None = None
    mcc: str | None = None
    region: str | None = None
    state: str | None = None
    city: str | None = None
    address1: str | None = None
    address2: str | None = None
    zip_code: str | None = None
    phone_no: str | None = None

    def __post_init__(self) -> None:
        """Raises IllegalValue naming the first value that breaks its rule."""
        values.identifier("store id", self.store_id, 32)
        check_merchant_members(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContract:
    """A contract as somebody hands it in: one product, one currency, one limit in its minor units."""

    merchant_id: str
    currency: str
    largest_amount: int
    in_force_from: datetime
    settlement_currency: str | None = None
    product: str = IN_STORE_ORDER_CODE
    required_kyb_level: str = KYB_LEVELS[1]
    in_force_to: datetime | None = None

    def __post_init__(self) -> None:
        """Raises IllegalValue naming the first value that breaks its rule."""
        values.currency("currency", self.currency)
        values.currency("settlement currency", self.settlement_currency or self.currency)
        values.amount("largest amount", self.largest_amount, self.currency)
        values.one_of("product", self.product, CONTRACT_PRODUCTS)
        values.one_of("required KYB level", self.required_kyb_level, KYB_LEVELS[1:])
        if self.in_force_to is not None and self.in_force_to <= self.in_force_from:
            raise IllegalValue("the contract must end after it begins")


_LONGEST = {
    "name": 256,
    "display_name": 256,
    "state": 8,
    "city": 32,
    "address1": 256,
    "address2": 256,
    "zip_code": 32,
    "phone_no": 32,
}


def check_merchant_members(members: Mapping[str, Any]) -> None:
    """Check the members of a merchant or store that are given. Raises IllegalValue naming the first bad one."""
    for name, value in members.items():
        if value is None:
            continue
        if name in _LONGEST:
            values.text(name.replace("_", " "), value, _LONGEST[name])
        elif name == "mcc":
            values.merchant_category("mcc", value)
        elif name == "region":
            values.region("region", value)
        elif name == "kyb_level":
            values.one_of("KYB level", value, KYB_LEVELS)
        elif name == "sells":
            values.one_of("sells", value, SELLS)


def add(store: Store, new: NewMerchant, *, at: datetime) -> None:
    """Enter a merchant. Raises AlreadyOnRecord."""
    add_all(store, [new], at=at)


def add_all(store: Store, new: Iterable[NewMerchant], *, at: datetime) -> None:
    """Enter merchants, all or none. Raises AlreadyOnRecord naming the first id that is taken."""
    rows = [{**asdict(merchant), "added_at": at, "status": "ACTIVE", "status_since": at} for merchant in new]
    if not rows:
        return
    try:
        with store.writing() as connection:
            # One statement for all: a row at a time, a large import would outlast the store's patience.
            connection.execute(insert(merchants), rows)
    except IntegrityError:
        raise AlreadyOnRecord(_taken(store, [row["merchant_id"] for row in rows])) from None


def _taken(store: Store, merchant_ids: Sequence[str]) -> str:
    known = known_ids(store, merchant_ids)
    taken = next((merchant_id for merchant_id in merchant_ids if merchant_id in known), None)
    if taken is None:
        return "a merchant id appears twice; each merchant needs an id of its own"
    return f"merchant {taken} is on record already; see: acqp-gateway merchants show {taken}"


def known_ids(store: Store, merchant_ids: Iterable[str]) -> set[str]:
    """Which of these merchants are on record."""
    wanted = set(merchant_ids)
    with store.reading() as connection:
        return wanted & set(connection.execute(select(merchants.c.merchant_id)).scalars())


def listed(store: Store, *, status: str | None = None, limit: int = 1000) -> Sequence[Row[Any]]:
    """Merchants by id, at most `limit`."""
    query = select(merchants).order_by(merchants.c.merchant_id).limit(limit)
    with store.reading() as connection:
        return connection.execute(query.where(merchants.c.status == status) if status else query).all()


def get(store: Store, merchant_id: str) -> Row[Any]:
    """One merchant. Raises NotOnRecord."""
    with store.reading() as connection:
        return require_merchant(connection, merchant_id)


def require_merchant(connection: Connection, merchant_id: str) -> Row[Any]:
    """One merchant, within a transaction. Raises NotOnRecord."""
    row = _find(connection, merchant_id)
    if row is None:
        raise NotOnRecord(f"no merchant {merchant_id} on record; see: acqp-gateway merchants list")
    return row


def require_store(connection: Connection, merchant_id: str, store_id: str) -> Row[Any]:
    """One store of a merchant, within a transaction. Raises NotOnRecord."""
    require_merchant(connection, merchant_id)
    row = connection.execute(
        select(stores).where(stores.c.merchant_id == merchant_id, stores.c.store_id == store_id)
    ).one_or_none()
    if row is None:
        raise NotOnRecord(
            f"merchant {merchant_id} has no store {store_id} on record;"
            f" see: acqp-gateway stores list --merchant {merchant_id}"
        )
    return row


def require(connection: Connection, merchant_id: str, store_id: str | None) -> Row[Any]:
    """A store of a merchant, or the merchant where no store is named. Raises NotOnRecord."""
    if store_id is None:
        return require_merchant(connection, merchant_id)
    return require_store(connection, merchant_id, store_id)


def lock(connection: Connection, merchant_id: str) -> None:
    """Let no other transaction that locks this merchant go on before this one has ended."""
    connection.execute(
        select(merchants.c.merchant_id).where(merchants.c.merchant_id == merchant_id).with_for_update(key_share=True)
    )


def _find(connection: Connection, merchant_id: str) -> Row[Any] | None:
    return connection.execute(select(merchants).where(merchants.c.merchant_id == merchant_id)).one_or_none()


def change(store: Store, merchant_id: str, members: Mapping[str, Any]) -> None:
    """Change members of a merchant (name, mcc, address, kyb_level, sells). Raises NotOnRecord, IllegalValue."""
    check_merchant_members(members)
    with store.writing() as connection:
        require_merchant(connection, merchant_id)
        has_stores = connection.execute(
            select(func.count()).where(stores.c.merchant_id == merchant_id, stores.c.status != "CLOSED")
        ).scalar_one()
        if members.get("sells") == "ONLINE" and has_stores:
            raise IllegalState(
                f"merchant {merchant_id} has stores and cannot sell ONLINE alone;"
                f" close them first, see: acqp-gateway stores list --merchant {merchant_id}"
            )
        connection.execute(update(merchants).where(merchants.c.merchant_id == merchant_id).values(**members))


def set_status(store: Store, merchant_id: str, status: str, *, reason: str | None, at: datetime) -> bool:
    """ACTIVE, SUSPENDED or CLOSED (for good). Whether that is a change. Raises NotOnRecord, IllegalState."""
    values.optional_text("reason", reason, 256)
    with store.writing() as connection:
        row = require_merchant(connection, merchant_id)
        return _set_status(
            connection,
            merchants,
            merchants.c.merchant_id == merchant_id,
            row,
            f"merchant {merchant_id}",
            status=status,
            reason=reason,
            at=at,
        )


def set_store_status(
    store: Store, merchant_id: str, store_id: str, status: str, *, reason: str | None, at: datetime
) -> bool:
    """ACTIVE, SUSPENDED or CLOSED (for good). Whether that is a change. Raises NotOnRecord, IllegalState."""
    values.optional_text("reason", reason, 256)
    with store.writing() as connection:
        row = require_store(connection, merchant_id, store_id)
        which = and_(stores.c.merchant_id == merchant_id, stores.c.store_id == store_id)
        return _set_status(
            connection,
            stores,
            which,
            row,
            f"store {store_id} of merchant {merchant_id}",
            status=status,
            reason=reason,
            at=at,
        )


def _set_status(
    connection: Connection,
    table: Table,
    which: Any,
    row: Row[Any],
    name: str,
    *,
    status: str,
    reason: str | None,
    at: datetime,
) -> bool:
    if row.status == status:
        return False
    changed = connection.execute(
        update(table)
        .where(which, table.c.status != "CLOSED")
        .values(status=status, status_reason=reason, status_since=at)
    )
    if changed.rowcount == 0:
        raise IllegalState(f"{name} is closed for good; enter it anew under another id")
    return True


def add_store(store: Store, new: NewStore, *, at: datetime) -> None:
    """Enter a store. Raises NotOnRecord, AlreadyOnRecord, IllegalState."""
    try:
        with store.writing() as connection:
            merchant = require_merchant(connection, new.merchant_id)
            if merchant.sells == "ONLINE":
                raise IllegalState(
                    f"merchant {new.merchant_id} sells online alone;"
                    f" run first: acqp-gateway merchants set {new.merchant_id} --sells BOTH"
                )
            connection.execute(insert(stores).values(**asdict(new), added_at=at, status="ACTIVE", status_since=at))
    except IntegrityError:
        raise AlreadyOnRecord(
            f"merchant {new.merchant_id} has a store {new.store_id} on record already;"
            f" see: acqp-gateway stores list --merchant {new.merchant_id}"
        ) from None


def listed_stores(store: Store, merchant_id: str | None = None, *, limit: int = 1000) -> Sequence[Row[Any]]:
    """Stores by merchant and id, at most `limit`. Raises NotOnRecord for an unknown merchant."""
    query = select(stores).order_by(stores.c.merchant_id, stores.c.store_id).limit(limit)
    with store.reading() as connection:
        if merchant_id is not None:
            require_merchant(connection, merchant_id)
            query = query.where(stores.c.merchant_id == merchant_id)
        return connection.execute(query).all()


def add_contract(store: Store, new: NewContract) -> int:
    """Enter a contract and return its number.

    Raises NotOnRecord, and IllegalState when one of the same product and currency is in force at the same time.
    """
    with store.writing() as connection:
        # Two overlapping contracts entered at once would each not see the other.
        lock(connection, new.merchant_id)
        require_merchant(connection, new.merchant_id)
        overlapping = connection.execute(_overlapping(new)).scalar_one_or_none()
        if overlapping is not None:
            raise IllegalState(
                f"contract {overlapping} of merchant {new.merchant_id} is in force for {new.product} in"
                f" {new.currency} at that time; run first: acqp-gateway contracts end {overlapping}"
            )
        settled_in = new.settlement_currency or new.currency
        row = connection.execute(
            insert(contracts)
            .values(**{**asdict(new), "settlement_currency": settled_in})
            .returning(contracts.c.contract_id)
        )
        return int(row.scalar_one())


def _overlapping(new: NewContract) -> Any:
    query = (
        select(contracts.c.contract_id)
        .where(
            contracts.c.merchant_id == new.merchant_id,
            contracts.c.product == new.product,
            contracts.c.currency == new.currency,
            contracts.c.in_force_to.is_(None) | (contracts.c.in_force_to > new.in_force_from),
        )
        .limit(1)
    )
    return query if new.in_force_to is None else query.where(contracts.c.in_force_from < new.in_force_to)


def listed_contracts(store: Store, merchant_id: str | None = None, *, limit: int = 1000) -> Sequence[Row[Any]]:
    """Contracts by merchant and number, at most `limit`. Raises NotOnRecord for an unknown merchant."""
    query = select(contracts).order_by(contracts.c.merchant_id, contracts.c.contract_id).limit(limit)
    with store.reading() as connection:
        if merchant_id is not None:
            require_merchant(connection, merchant_id)
            query = query.where(contracts.c.merchant_id == merchant_id)
        return connection.execute(query).all()


def get_contract(store: Store, contract_id: int) -> Row[Any]:
    """One contract. Raises NotOnRecord."""
    with store.reading() as connection:
        return _require_contract(connection, contract_id)


def _require_contract(connection: Connection, contract_id: int) -> Row[Any]:
    row = connection.execute(select(contracts).where(contracts.c.contract_id == contract_id)).one_or_none()
    if row is None:
        raise NotOnRecord(f"no contract {contract_id} on record; see: acqp-gateway contracts list")
    return row


def end_contract(store: Store, contract_id: int, *, at: datetime) -> None:
    """End a contract at a time. Raises NotOnRecord, and IllegalState when it has ended already."""
    with store.writing() as connection:
        row = _require_contract(connection, contract_id)
        if row.in_force_to is not None and row.in_force_to <= at:
            raise IllegalState(
                f"contract {contract_id} has ended already, at {row.in_force_to:%Y-%m-%dT%H:%M:%SZ};"
                f" see: acqp-gateway contracts list --merchant {row.merchant_id}"
            )
        connection.execute(
            update(contracts)
            .where(contracts.c.contract_id == contract_id)
            .values(in_force_to=max(at, row.in_force_from))
        )
