"""Rows of the store as records: the documents' own member names, whatever the columns are called."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from acqp_gateway.orders.states import state_at
from acqp_gateway.store import merchants, mpps, orders, payments, registrations
from acqp_gateway.store.database import Store

#: Of one order no more are shown.
MOST_MESSAGES = 50

_ADDRESS = {
    "region": "region",
    "state": "state",
    "city": "city",
    "address1": "address1",
    "address2": "address2",
    "zipCode": "zip_code",
}
_STATUS = {
    "status": "status",
    "statusReason": "status_reason",
    "statusSince": "status_since",
    "addedAt": "added_at",
}
_MERCHANT = {
    "merchant": "merchant_id",
    "name": "name",
    "displayName": "display_name",
    "mcc": "mcc",
    **_ADDRESS,
    "kybLevel": "kyb_level",
    "sells": "sells",
    **_STATUS,
}
_STORE = {
    "merchant": "merchant_id",
    "store": "store_id",
    "name": "name",
    "displayName": "display_name",
    "mcc": "mcc",
    **_ADDRESS,
    "phoneNo": "phone_no",
    **_STATUS,
}
_CONTRACT = {
    "contract": "contract_id",
    "merchant": "merchant_id",
    "product": "product",
    "currency": "currency",
    "maxAmount": "largest_amount",
    "settlementCurrency": "settlement_currency",
    "requiredKybLevel": "required_kyb_level",
    "inForceFrom": "in_force_from",
    "inForceTo": "in_force_to",
}
_MPP = {"pspName": "psp_name", "pspId": "psp_id", "registrationRequired": "registration_required"}
_ORDER = {
    "paymentRequestId": "payment_request_id",
    "codeValue": "code_value",
    "state": "state",
    "referenceOrderId": "reference_order_id",
    "merchant": "merchant_id",
    "store": "store_id",
    "amount": "amount",
    "currency": "currency",
    "description": "description",
    "goods": "goods",
    "terminalId": "terminal_id",
    "terminalRequestTime": "terminal_request_time",
    "placedAt": "placed_at",
    "expiresAt": "expires_at",
    "stateSince": "state_since",
    "stateReason": "state_reason",
    "firstDecodedAt": "pinned_at",
}
_DECODE = {
    "time": "decoded_at",
    "resultCode": "result_code",
    "reason": "reason",
    "codeValue": "code_value",
    "paymentRequestId": "payment_request_id",
    "pspId": "psp_id",
    "customerId": "customer_id",
}

_PAYMENT = {
    "paymentId": "payment_id",
    "api": "api",
    "state": "state",
    "resultCode": "result_code",
    "reason": "reason",
    "pspId": "psp_id",
    "customerId": "customer_id",
    "amount": "amount",
    "currency": "currency",
    "settlementAmount": "settlement_amount",
    "settlementCurrency": "settlement_currency",
    "paidAt": "paid_at",
    "decidedAt": "decided_at",
}
_PAYMENT_MESSAGE = {
    "number": "message_number",
    "time": "at",
    "api": "api",
    "outcome": "outcome",
    "resultCode": "result_code",
    "said": "said",
    "paymentRequestId": "payment_request_id",
    "codeValue": "code_value",
    "paymentId": "payment_id",
    "pspId": "psp_id",
    "amount": "amount",
    "currency": "currency",
    "needsAttention": "needs_attention",
    "attendedAt": "attended_at",
    "attendedNote": "attended_note",
}

MERCHANT_COLUMNS = ("merchant", "name", "mcc", "region", "kybLevel", "sells", "status", "statusReason")
STORE_COLUMNS = ("store", "merchant", "name", "status", "statusReason")
CONTRACT_COLUMNS = (
    "contract",
    "merchant",
    "product",
    "maxAmount",
    "settlementCurrency",
    "requiredKybLevel",
    "inForceFrom",
    "inForceTo",
    "inForce",
)
MPP_COLUMNS = ("pspName", "pspId", "registrationRequired")
PSP_COLUMNS = ("pspName", "status", "productCodes", "rejectionReason", "since")
ORDER_COLUMNS = ("paymentRequestId", "state", "amount", "merchant", "store", "referenceOrderId", "expiresAt")
PAYMENT_COLUMNS = ("paymentId", "state", "resultCode", "reason", "api", "mpp", "customerId", "paidAt")
PAYMENT_MESSAGE_COLUMNS = (
    "number",
    "time",
    "api",
    "outcome",
    "resultCode",
    "amount",
    "paymentRequestId",
    "paymentId",
    "needsAttention",
    "attendedAt",
    "attendedNote",
    "said",
)
DECODE_COLUMNS = ("time", "resultCode", "reason", "mpp", "customerId", "durationMs")


def _renamed(row: Row[Any], columns: Mapping[str, str]) -> dict[str, Any]:
    return {name: row._mapping[column] for name, column in columns.items()}


def merchant(row: Row[Any]) -> dict[str, Any]:
    """A merchant."""
    return _renamed(row, _MERCHANT)


def store_of_merchant(row: Row[Any]) -> dict[str, Any]:
    """A store of a merchant."""
    return _renamed(row, _STORE)


def contract(row: Row[Any], at: datetime) -> dict[str, Any]:
    """A contract, and whether it is in force at a time."""
    in_force = row.in_force_from <= at and (row.in_force_to is None or at < row.in_force_to)
    return {**_renamed(row, _CONTRACT), "inForce": in_force}


def merchant_with_all(store: Store, merchant_id: str, at: datetime) -> dict[str, Any]:
    """A merchant with its stores and contracts. Raises NotOnRecord."""
    return {
        **merchant(merchants.get(store, merchant_id)),
        "stores": [store_of_merchant(row) for row in merchants.listed_stores(store, merchant_id)],
        "contracts": [contract(row, at) for row in merchants.listed_contracts(store, merchant_id)],
    }


def mpp(row: Row[Any]) -> dict[str, Any]:
    """An MPP."""
    return _renamed(row, _MPP)


def order(row: Row[Any], at: datetime) -> dict[str, Any]:
    """An order as it stands at a time."""
    state = state_at(row, at)
    record = _renamed(row, _ORDER)
    record["state"] = state
    record["goods"] = None if row.goods is None else json.loads(row.goods)
    if state != row.state:
        record["stateSince"] = row.expires_at
    return record


def payments_of(store: Store, payment_request_id: str) -> dict[str, list[dict[str, Any]]]:
    """The payments of an order that were decided, be it against them, and the messages about them, newest first."""
    names = {row.psp_id: row.psp_name for row in mpps.listed(store)}
    decided = payments.of_order(store, payment_request_id)
    messages = payments.listed_messages(store, payment_request_id=payment_request_id, limit=MOST_MESSAGES)
    return {
        "payments": [{**_renamed(row, _PAYMENT), "pspName": names.get(row.psp_id)} for row in decided],
        "messages": [payment_message(row) for row in messages],
    }


def payment_message(row: Row[Any]) -> dict[str, Any]:
    """A message about a payment; it needs attention until a person has seen to it."""
    needs_attention = row.needs_attention and row.attended_at is None
    return {**_renamed(row, _PAYMENT_MESSAGE), "needsAttention": needs_attention}


def standing(store: Store, merchant_id: str, store_id: str | None) -> dict[str, Any]:
    """How a merchant (at a store) stands with each MPP. Raises NotOnRecord."""
    grouped: dict[tuple[Any, ...], list[str]] = {}
    for row in registrations.standing(store, merchant_id, store_id):
        same = (row.psp_name, row.status, row.rejection_reason, row.since)
        products = grouped.setdefault(same, [])
        # An entry that names no product is kept with an empty one.
        products.extend([row.product_code] if row.product_code else [])
    psps = [
        {
            "pspName": psp_name,
            "productCodes": product_codes,
            "status": status,
            "rejectionReason": rejection_reason,
            "since": since,
        }
        for (psp_name, status, rejection_reason, since), product_codes in grouped.items()
    ]
    return {"merchant": merchant_id, "store": store_id, "psps": psps}


def recorded_decodes(
    store: Store, *, code_value: str | None = None, payment_request_id: str | None = None, limit: int
) -> list[dict[str, Any]]:
    """The recorded decodes of a code or an order, the newest first. Raises NotOnRecord for an unknown order."""
    names = {row.psp_id: row.psp_name for row in mpps.listed(store)}
    rows = orders.listed_decodes(store, code_value=code_value, payment_request_id=payment_request_id, limit=limit)
    return [_decode(row, names) for row in rows]


def _decode(row: Row[Any], psp_names: Mapping[str, str]) -> dict[str, Any]:
    psp_name = psp_names.get(row.psp_id)
    return {
        **_renamed(row, _DECODE),
        "pspName": psp_name,
        "durationMs": round(row.duration_us / 1000, 3),
    }


def with_mpp(decoded: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Decodes or payments for a table: one column says which MPP it was, by its name where it is known."""
    return [{**record, "mpp": record["pspName"] or record["pspId"]} for record in decoded]
