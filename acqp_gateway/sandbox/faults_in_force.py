"""Which faults are in force, for how many more answers, and how long every answer is kept waiting."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from acqp_gateway.errors import IllegalState
from acqp_gateway.protocol.fields import Text
from acqp_gateway.protocol.messages.inquiry_registration_status import INQUIRY_REGISTRATION_STATUS_API
from acqp_gateway.sandbox.faults import FAULTS
from acqp_gateway.sandbox.store import SandboxStore

APIS = (INQUIRY_REGISTRATION_STATUS_API.name,)
LONGEST_MS = 600_000
_MOST_TIMES = 1_000_000
_MOST_FAULTS = 1_000


@dataclass(frozen=True, slots=True)
class FaultSetting:
    """A fault in force; `times` is None until it is cleared, `ms` None for the fault's own time."""

    api: str
    fault: str
    times: int | None
    merchant: str | None
    ms: int | None

    def as_control(self) -> dict[str, Any]:
        """The setting as the control API writes it."""
        return asdict(self)


class FaultSettingSchema(Schema):
    """A fault as the control API reads it; `merchant` is a merchant id or a registration request id."""

    api = fields.String(load_default=APIS[0], validate=validate.OneOf(APIS))
    fault = fields.String(required=True)
    times = fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(min=1, max=_MOST_TIMES)
    )
    merchant = Text(64, load_default=None, allow_none=True)
    ms = fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(min=0, max=LONGEST_MS)
    )

    @validates_schema
    def check_fault(self, data: dict[str, Any], **_: Any) -> None:
        """Only faults that there are, and a time only for those that take one."""
        fault = FAULTS.get(data["fault"])
        if fault is None:
            raise ValidationError(f"must be one of: {', '.join(FAULTS)}", "fault")
        if data.get("ms") is not None and not fault.takes_ms:
            takers = ", ".join(name for name, known in FAULTS.items() if known.takes_ms)
            raise ValidationError(f"only for: {takers}", "ms")

    @post_load
    def as_setting(self, data: dict[str, Any], **_: Any) -> FaultSetting:
        """The members as one object."""
        return FaultSetting(**data)


class FaultsInForce:
    """The faults of one sandbox; the first that matches a request is applied to its answer."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    def put(self, wanted: FaultSetting) -> None:
        """Set a fault; the same one for the same api and merchant is set anew. Raises IllegalState for too many."""
        with self._store.transaction() as connection:
            connection.execute(
                "DELETE FROM faults WHERE api = ? AND name = ? AND merchant IS ?",
                (wanted.api, wanted.fault, wanted.merchant),
            )
            count = connection.execute("SELECT count(*) FROM faults").fetchone()[0]
            if count >= _MOST_FAULTS:
                raise IllegalState(f"{count} faults are in force, and that is enough; clear some")
            connection.execute(
                "INSERT INTO faults (api, name, merchant, times, ms) VALUES (?, ?, ?, ?, ?)",
                (wanted.api, wanted.fault, wanted.merchant, wanted.times, wanted.ms),
            )

    def listed(self) -> list[FaultSetting]:
        """The faults in force, the first to be applied first."""
        with self._store.reading() as connection:
            return [_setting(row) for row in connection.execute("SELECT * FROM faults ORDER BY id")]

    def clear(self, *, fault: str | None, api: str | None, merchant: str | None) -> int:
        """End the faults that match all that is given; how many there were."""
        with self._store.transaction() as connection:
            return connection.execute(
                "DELETE FROM faults WHERE (:fault IS NULL OR name = :fault) AND (:api IS NULL OR api = :api)"
                " AND (:merchant IS NULL OR merchant = :merchant)",
                {"fault": fault, "api": api, "merchant": merchant},
            ).rowcount

    def take(self, api: str, merchants: Collection[str], subject: str, *, has_previous: bool) -> FaultSetting | None:
        """The fault for this answer, counted as spent; None where none is in force.

        `merchants` are the ids under which a fault may be limited to this request, `subject` whom it is about.
        """
        with self._store.transaction() as connection:
            for row in connection.execute("SELECT * FROM faults WHERE api = ? ORDER BY id", (api,)).fetchall():
                if row["merchant"] is not None and row["merchant"] not in merchants:
                    continue
                if FAULTS[row["name"]].needs_previous and not has_previous:
                    continue
                if FAULTS[row["name"]].once_per_subject and not _is_first(connection, row["id"], subject):
                    continue
                _spend(connection, row)
                return _setting(row)
        return None

    def latency_ms(self) -> int:
        """How many milliseconds every answer is kept waiting."""
        with self._store.reading() as connection:
            return int(connection.execute("SELECT ms FROM latency").fetchone()[0])

    def put_latency(self, ms: int) -> None:
        """Keep every answer waiting for so many milliseconds."""
        with self._store.transaction() as connection:
            connection.execute("UPDATE latency SET ms = ?", (ms,))


def _is_first(connection: sqlite3.Connection, fault_id: int, subject: str) -> bool:
    added = connection.execute("INSERT OR IGNORE INTO fault_subjects VALUES (?, ?)", (fault_id, subject))
    return added.rowcount == 1


def _spend(connection: sqlite3.Connection, row: sqlite3.Row) -> None:
    if row["times"] == 1:
        connection.execute("DELETE FROM faults WHERE id = ?", (row["id"],))
    elif row["times"] is not None:
        connection.execute("UPDATE faults SET times = times - 1 WHERE id = ?", (row["id"],))


def _setting(row: sqlite3.Row) -> FaultSetting:
    return FaultSetting(row["api"], row["name"], row["times"], row["merchant"], row["ms"])
