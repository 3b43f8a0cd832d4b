"""Which faults are in force, for how many more answers, and how long every answer is kept waiting."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from acqp_gateway.errors import IllegalState
from acqp_gateway.protocol.fields import Text
from acqp_gateway.protocol.messages.inquiry_customer_id import INQUIRY_CUSTOMER_ID_API
from acqp_gateway.protocol.messages.inquiry_payment import INQUIRY_PAYMENT_API
from acqp_gateway.protocol.messages.inquiry_push_payment import INQUIRY_PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.inquiry_registration_status import INQUIRY_REGISTRATION_STATUS_API
from acqp_gateway.protocol.messages.inquiry_user_info import INQUIRY_USER_INFO_API
from acqp_gateway.protocol.messages.notify_payment import NOTIFY_PAYMENT_API
from acqp_gateway.protocol.messages.notify_push_payment import NOTIFY_PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.notify_registration_status import NOTIFY_REGISTRATION_STATUS_API
from acqp_gateway.protocol.messages.push_payment import PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.user_initiated_pay import USER_INITIATED_PAY_API
from acqp_gateway.sandbox.call_faults import CALL_FAULTS, CallFault
from acqp_gateway.sandbox.faults import FAULTS, Fault
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.text import LONGEST_CODE_VALUE

ANSWERS = "answers"
CALLS = "calls"

#: What the sandbox answers, and what it sends to the gateway.
_ANSWERED = (
    INQUIRY_REGISTRATION_STATUS_API,
    NOTIFY_PUSH_PAYMENT_API,
    INQUIRY_PAYMENT_API,
    INQUIRY_CUSTOMER_ID_API,
    INQUIRY_USER_INFO_API,
)
_CALLED = (
    USER_INITIATED_PAY_API,
    NOTIFY_REGISTRATION_STATUS_API,
    PUSH_PAYMENT_API,
    INQUIRY_PUSH_PAYMENT_API,
    NOTIFY_PAYMENT_API,
)

#: API -> whether a fault in force changes the sandbox's answers or its calls.
SIDES = {**{api.name: ANSWERS for api in _ANSWERED}, **{api.name: CALLS for api in _CALLED}}
APIS = tuple(SIDES)

#: Faults whose answers speak of a registration.
_OF_REGISTRATIONS = ("markup", "unknown_status", "missing_list", "null_list", "lone_surrogate")

LONGEST_MS = 600_000
_MOST_TIMES = 1_000_000
_MOST_FAULTS = 1_000


def known_faults(api: str) -> Mapping[str, Fault | CallFault]:
    """The faults that there are for one of APIS."""
    if SIDES[api] == CALLS:
        return CALL_FAULTS
    if api == INQUIRY_REGISTRATION_STATUS_API.name:
        return FAULTS
    return {name: fault for name, fault in FAULTS.items() if name not in _OF_REGISTRATIONS}


def no_such_fault(api: str, name: str) -> str:
    """What to tell a person who wants a fault that this API does not have."""
    elsewhere = [other for other in APIS if name in known_faults(other)]
    hint = f" ({name} is a fault of {', '.join(elsewhere)})" if elsewhere else ""
    return f"must be one of: {', '.join(known_faults(api))}{hint}"


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
    """A fault as the control API reads it; `merchant` is any id by which a message can be told from others."""

    api = fields.String(load_default=APIS[0], validate=validate.OneOf(APIS))
    fault = fields.String(required=True)
    times = fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(min=1, max=_MOST_TIMES)
    )
    merchant = Text(LONGEST_CODE_VALUE, load_default=None, allow_none=True)
    ms = fields.Integer(
        strict=True, load_default=None, allow_none=True, validate=validate.Range(min=0, max=LONGEST_MS)
    )

    @validates_schema
    def check_fault(self, data: dict[str, Any], **_: Any) -> None:
        """Only faults that there are, and a time only for those that take one."""
        there_are = known_faults(data["api"])
        fault = there_are.get(data["fault"])
        if fault is None:
            raise ValidationError(no_such_fault(data["api"], data["fault"]), "fault")
        if data.get("ms") is not None and not fault.takes_ms:
            takers = ", ".join(name for name, known in there_are.items() if known.takes_ms)
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
        """The fault for this answer or call, counted as spent; None where none is in force.

        `merchants` are the ids under which a fault may be limited to this message, `subject` whom it is about.
        """
        there_are = known_faults(api) if api in SIDES else {}
        with self._store.transaction() as connection:
            for row in connection.execute("SELECT * FROM faults WHERE api = ? ORDER BY id", (api,)).fetchall():
                if row["merchant"] is not None and row["merchant"] not in merchants:
                    continue
                fault = there_are.get(row["name"])
                if fault is None or (fault.needs_previous and not has_previous):
                    continue
                if fault.once_per_subject and not _is_first(connection, row["id"], subject):
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
