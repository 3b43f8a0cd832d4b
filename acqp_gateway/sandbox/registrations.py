"""The registrations that the sandbox has on record, and what the API documents make of one.

Each merchant, or store of a merchant, has registration requests in their order; the latest one says how it stands.
"""

from __future__ import annotations

import enum
import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from acqp_gateway.errors import AlreadyOnRecord
from acqp_gateway.protocol.fields import Text
from acqp_gateway.protocol.messages.inquiry_registration_status import (
    COMPLETED,
    LONGEST_MERCHANT_ID,
    LONGEST_REQUEST_ID,
    LONGEST_STORE_ID,
    PENDING,
)
from acqp_gateway.sandbox.store import SandboxStore

#: Longer than any reader should keep: it is for them to cut.
_LONGEST_REASON = 200_000
_MOST_PSPS = 1_000
_MOST_PRODUCTS = 100
_MADE_UP = "SANDBOX-"


class ListForm(enum.Enum):
    """How pspRegistrationResultList goes over the wire."""

    GIVEN = enum.auto()
    NULL = enum.auto()
    LEFT_OUT = enum.auto()


@dataclass(frozen=True, slots=True)
class PspEntry:
    """How the merchant stands with one MPP; the status is any text."""

    psp_name: str
    product_codes: tuple[str, ...]
    status: str
    rejection_reason: str | None = None

    def as_control(self) -> dict[str, Any]:
        """The entry as the control API writes it."""
        found = {"pspName": self.psp_name, "productCodes": list(self.product_codes), "status": self.status}
        return found if self.rejection_reason is None else {**found, "rejectionReason": self.rejection_reason}

    def as_members(self) -> dict[str, Any]:
        """The entry as the API documents write it."""
        result = {"registrationStatus": self.status}
        if self.rejection_reason is not None:
            result["rejectionReason"] = self.rejection_reason
        return {
            "productCodes": list(self.product_codes),
            "pspName": self.psp_name,
            "registrationResult": result,
        }


@dataclass(frozen=True, slots=True)
class Registration:
    """One registration request; `request_id` is None where the latest one, or a new one, is meant."""

    merchant_id: str
    store_id: str | None
    request_id: str | None
    collective_status: str
    psps: tuple[PspEntry, ...]
    list_form: ListForm = ListForm.GIVEN

    def as_control(self) -> dict[str, Any]:
        """The registration as the control API writes it."""
        return {
            "referenceMerchantId": self.merchant_id,
            "referenceStoreId": self.store_id,
            "registrationRequestId": self.request_id,
            "registrationStatus": self.collective_status,
            **self._list_member([psp.as_control() for psp in self.psps]),
        }

    def as_members(self) -> dict[str, Any]:
        """What answer and notification say of it, as the API documents write it."""
        return {
            "registrationResult": {"registrationStatus": self.collective_status},
            **self._list_member([psp.as_members() for psp in self.psps]),
        }

    def as_notification(self) -> dict[str, Any]:
        """The members of a notifyRegistrationStatus about it. An id that was made up here nobody else would know."""
        is_made_up = self.request_id is not None and self.request_id.startswith(_MADE_UP)
        subject = {
            "registrationRequestId": None if is_made_up else self.request_id,
            "referenceMerchantId": self.merchant_id,
            "referenceStoreId": self.store_id,
        }
        return {**{name: text for name, text in subject.items() if text is not None}, **self.as_members()}

    def _list_member(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        if self.list_form is ListForm.LEFT_OUT:
            return {}
        return {"pspRegistrationResultList": entries if self.list_form is ListForm.GIVEN else None}


class PspEntrySchema(Schema):
    """One MPP, as the control API reads it."""

    psp_name = Text(256, data_key="pspName", required=True)
    product_codes = fields.List(
        Text(128), data_key="productCodes", load_default=list, validate=validate.Length(max=_MOST_PRODUCTS)
    )
    status = Text(256, required=True)
    rejection_reason = Text(_LONGEST_REASON, data_key="rejectionReason", load_default=None, allow_none=True)

    @post_load
    def as_entry(self, data: dict[str, Any], **_: Any) -> PspEntry:
        """The members as one object."""
        return PspEntry(**{**data, "product_codes": tuple(data["product_codes"])})


class RegistrationSchema(Schema):
    """A registration, as the control API reads it; a list that is null or left out goes over the wire like that."""

    merchant_id = Text(LONGEST_MERCHANT_ID, data_key="referenceMerchantId", required=True)
    store_id = Text(LONGEST_STORE_ID, data_key="referenceStoreId", load_default=None, allow_none=True)
    request_id = Text(LONGEST_REQUEST_ID, data_key="registrationRequestId", load_default=None, allow_none=True)
    collective_status = Text(256, data_key="registrationStatus", load_default=None, allow_none=True)
    psps = fields.List(
        fields.Nested(PspEntrySchema),
        data_key="pspRegistrationResultList",
        allow_none=True,
        validate=validate.Length(max=_MOST_PSPS),
    )

    @post_load
    def as_registration(self, data: dict[str, Any], **_: Any) -> Registration:
        """The members as one object; without a collective status it is COMPLETED once no MPP is PENDING."""
        form = ListForm.LEFT_OUT
        if "psps" in data:
            form = ListForm.NULL if data["psps"] is None else ListForm.GIVEN
        psps = tuple(data.get("psps") or ())
        pending = any(psp.status == PENDING for psp in psps)
        return Registration(
            data["merchant_id"],
            data["store_id"],
            data["request_id"],
            data["collective_status"] or (PENDING if pending else COMPLETED),
            psps,
            form,
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a look-up is about; None matches any, but for a merchant alone, where it means: no store."""

    merchant_id: str | None = None
    store_id: str | None = None
    request_id: str | None = None


class Registrations:
    """The registrations of one sandbox."""

    def __init__(self, store: SandboxStore) -> None:
        self._store = store

    def put(self, wanted: Sequence[Registration]) -> list[Registration]:
        """Enter or change registrations, all or none; each as it is now.

        A new registrationRequestId is the latest of its merchant and store from now on; a known one keeps its
        place. Without one, the latest is changed, or a first one made up. Raises AlreadyOnRecord for a request id
        of somebody else's.
        """
        with self._store.transaction() as connection:
            return [_put(connection, registration) for registration in wanted]

    def find(self, subject: Subject) -> Registration | None:
        """What inquiryRegistrationStatus tells of a subject: by request id, or the latest of merchant and store."""
        with self._store.reading() as connection:
            if subject.request_id is not None:
                row = connection.execute(
                    "SELECT * FROM registrations WHERE request_id = ?", (subject.request_id,)
                ).fetchone()
            else:
                row = _latest(connection, subject.merchant_id, subject.store_id)
        return _registration(row) if row else None

    def listed(self, subject: Subject, *, limit: int) -> list[Registration]:
        """The registrations of a subject, the latest first."""
        condition, values = _condition(subject)
        # The condition is one of ours, with placeholders.
        query = f"SELECT * FROM registrations WHERE {condition} ORDER BY id DESC LIMIT ?"  # noqa: S608  # columns of ours alone
        with self._store.reading() as connection:
            return [_registration(row) for row in connection.execute(query, (*values, limit))]

    def delete(self, subject: Subject) -> int:
        """Forget the registrations of a subject; how many there were."""
        condition, values = _condition(subject)
        with self._store.transaction() as connection:
            return connection.execute(f"DELETE FROM registrations WHERE {condition}", values).rowcount  # noqa: S608  # the same


def _put(connection: sqlite3.Connection, wanted: Registration) -> Registration:
    if wanted.request_id is None:
        latest = _latest(connection, wanted.merchant_id, wanted.store_id)
        request_id = latest["request_id"] if latest else f"{_MADE_UP}{secrets.token_hex(6).upper()}"
        wanted = replace(wanted, request_id=request_id)
    known = connection.execute(
        "SELECT merchant_id, store_id FROM registrations WHERE request_id = ?", (wanted.request_id,)
    ).fetchone()
    if known and (known["merchant_id"], known["store_id"]) != (wanted.merchant_id, wanted.store_id):
        raise AlreadyOnRecord(
            f"registration request {wanted.request_id} is one of merchant {known['merchant_id']},"
            f" store {known['store_id'] or '(none)'}; choose another id"
        )
    connection.execute(
        "INSERT INTO registrations (request_id, merchant_id, store_id, collective_status, psps)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (request_id) DO UPDATE"
        " SET collective_status = excluded.collective_status, psps = excluded.psps",
        (wanted.request_id, wanted.merchant_id, wanted.store_id, wanted.collective_status, _kept_psps(wanted)),
    )
    return wanted


def _latest(connection: sqlite3.Connection, merchant_id: str | None, store_id: str | None) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM registrations WHERE merchant_id = ? AND store_id IS ? ORDER BY id DESC LIMIT 1",
        (merchant_id, store_id),
    ).fetchone()
    return row


def _condition(subject: Subject) -> tuple[str, tuple[str, ...]]:
    wanted = {
        "merchant_id = ?": subject.merchant_id,
        "store_id = ?": subject.store_id,
        "request_id = ?": subject.request_id,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    return " AND ".join(given) or "TRUE", tuple(given.values())


def _kept_psps(registration: Registration) -> str | None:
    """JSON; a list that is left out is NULL, one that is null is the text null."""
    if registration.list_form is ListForm.LEFT_OUT:
        return None
    if registration.list_form is ListForm.NULL:
        return "null"
    return json.dumps([psp.as_control() for psp in registration.psps])


def _registration(row: sqlite3.Row) -> Registration:
    kept = None if row["psps"] is None else json.loads(row["psps"])
    form = ListForm.GIVEN
    if kept is None:
        form = ListForm.LEFT_OUT if row["psps"] is None else ListForm.NULL
    psps = tuple(
        PspEntry(psp["pspName"], tuple(psp["productCodes"]), psp["status"], psp.get("rejectionReason"))
        for psp in kept or ()
    )
    return Registration(row["merchant_id"], row["store_id"], row["request_id"], row["collective_status"], psps, form)


def read_registrations(given: Any, *, most: int) -> list[Registration]:
    """A list of registrations as the control API gets it. Raises ValidationError."""
    if not isinstance(given, list) or not 1 <= len(given) <= most:
        raise ValidationError(f"must be a list of 1 to {most} registrations")
    found: list[Registration] = _SCHEMA.load(given, many=True)
    return found


_SCHEMA = RegistrationSchema()
