"""MPPs: which wallets there are, and whether a merchant must be registered with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from acqp_gateway.errors import AlreadyOnRecord, NotOnRecord
from acqp_gateway.store import values
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import mpps


def seed(store: Store, published: Mapping[str, str]) -> int:
    """Enter the pairs of pspName and pspId that are missing, all requiring registration; how many there were.

    A pair that somebody changed stays as it is.
    """
    with store.writing() as connection:
        known = connection.execute(select(mpps.c.psp_name, mpps.c.psp_id)).all()
        names, ids = {row.psp_name for row in known}, {row.psp_id for row in known}
        missing = [
            {"psp_name": name, "psp_id": psp_id, "registration_required": True}
            for name, psp_id in published.items()
            if name not in names and psp_id not in ids
        ]
        if missing:
            connection.execute(insert(mpps), missing)
    return len(missing)


def add(store: Store, psp_name: str, psp_id: str, *, registration_required: bool) -> None:
    """Enter an MPP. Raises AlreadyOnRecord, IllegalValue."""
    values.identifier("MPP name", psp_name, 64)
    values.identifier("pspId", psp_id, 64)
    try:
        with store.writing() as connection:
            connection.execute(
                insert(mpps).values(psp_name=psp_name, psp_id=psp_id, registration_required=registration_required)
            )
    except IntegrityError:
        raise AlreadyOnRecord(
            f"MPP {psp_name} or pspId {psp_id} is on record already; see: acqp-gateway mpps list"
        ) from None


def listed(store: Store) -> Sequence[Row[Any]]:
    """All MPPs, by name."""
    with store.reading() as connection:
        return connection.execute(select(mpps).order_by(mpps.c.psp_name)).all()


def require_registration(store: Store, psp_name: str, *, required: bool) -> None:
    """Say whether merchants must be registered with an MPP. Raises NotOnRecord."""
    with store.writing() as connection:
        changed = connection.execute(
            update(mpps).where(mpps.c.psp_name == psp_name).values(registration_required=required)
        )
        if changed.rowcount == 0:
            raise NotOnRecord(f"no MPP {psp_name} on record; see: acqp-gateway mpps list")
