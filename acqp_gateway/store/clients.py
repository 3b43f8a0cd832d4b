"""Clients: who may call us."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from acqp_gateway.errors import AlreadyOnRecord, NotOnRecord
from acqp_gateway.store import values
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import clients


def add(store: Store, client_id: str, *, note: str | None, at: datetime) -> None:
    """Enter an enabled client. Raises AlreadyOnRecord, IllegalValue."""
    values.identifier("client id", client_id, 64)
    values.optional_text("note", note, 256)
    try:
        with store.writing() as connection:
            connection.execute(insert(clients).values(client_id=client_id, note=note, enabled=True, changed_at=at))
    except IntegrityError:
        raise AlreadyOnRecord(f"client {client_id} is on record already; see: acqp-gateway clients list") from None


def listed(store: Store) -> Sequence[Row[Any]]:
    """All clients, by id."""
    with store.reading() as connection:
        return connection.execute(select(clients).order_by(clients.c.client_id)).all()


def switch(store: Store, client_id: str, *, enabled: bool, at: datetime) -> None:
    """Switch a client on or off. Raises NotOnRecord."""
    with store.writing() as connection:
        changed = connection.execute(
            update(clients).where(clients.c.client_id == client_id).values(enabled=enabled, changed_at=at)
        )
        if changed.rowcount == 0:
            raise NotOnRecord(f"no client {client_id} on record; see: acqp-gateway clients list")
