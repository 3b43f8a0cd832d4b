"""The answer to a code that is decoded: userInitiatedPay, Response parameters."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from acqp_gateway.protocol import results
from acqp_gateway.protocol.messages.user_initiated_pay import (
    DEFAULT_PAYMENT_EXPIRY,
    IN_STORE_ORDER_CODE_SCENARIO,
    ORDER_CODE,
    USER_INITIATED_PAY_API,
)
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.store.decodes import CodeOnRecord, Contract, Order, Place


def build(record: CodeOnRecord, contract: Contract, decoded_at: datetime) -> bytes:
    """The bytes of the answer to the first decode of an order, at `decoded_at`; later ones repeat them."""
    order = record.order
    amount = {"currency": order.currency, "value": order.amount}
    # Alipay+ ignores a time that is not earlier than its own default.
    ends_early = order.expires_at < decoded_at + DEFAULT_PAYMENT_EXPIRY
    answer = {
        "result": results.SUCCESS,
        "code_type": ORDER_CODE,
        "payment_request_id": order.payment_request_id,
        "payment_factor": {
            "is_in_store_payment": True,
            "is_cashier_payment": True,
            "in_store_payment_scenario": IN_STORE_ORDER_CODE_SCENARIO,
        },
        "order": {
            "reference_order_id": order.reference_order_id,
            "description": order.description,
            "amount": amount,
            "merchant": _merchant(record),
            "goods": _goods(order),
            "env": _env(order),
        },
        "payment_amount": amount,
        "payment_expiry_time": order.expires_at if ends_early else None,
        "settlement_strategy": {"settlement_currency": contract.settlement_currency},
    }
    return write_object(USER_INITIATED_PAY_API.response.dump(answer))


def _merchant(record: CodeOnRecord) -> dict[str, Any]:
    merchant = record.merchant
    return {
        "reference_merchant_id": merchant.place_id,
        "name": merchant.name,
        "display_name": merchant.display_name,
        "mcc": merchant.mcc,
        "address": _address(merchant),
        "store": _store(record.store) if record.store is not None else None,
    }


def _store(store: Place) -> dict[str, Any]:
    return {
        "reference_store_id": store.place_id,
        "name": store.name,
        "display_name": store.display_name,
        "mcc": store.mcc,
        "address": _address(store),
    }


def _address(place: Place) -> dict[str, Any] | None:
    members = {
        "region": place.region,
        "state": place.state,
        "city": place.city,
        "address1": place.address1,
        "address2": place.address2,
        "zip_code": place.zip_code,
    }
    return members if any(members.values()) else None


def _goods(order: Order) -> list[dict[str, Any]] | None:
    if order.goods is None:
        return None
    return [
        {
            "reference_goods_id": line.get("referenceGoodsId"),
            "name": line.get("goodsName"),
            "category": line.get("goodsCategory"),
            "brand": line.get("goodsBrand"),
            "unit_amount": {"currency": order.currency, "value": line["goodsUnitAmount"]}
            if "goodsUnitAmount" in line
            else None,
            "quantity": line.get("goodsQuantity"),
        }
        for line in json.loads(order.goods)
    ]


def _env(order: Order) -> dict[str, Any] | None:
    requested = order.terminal_request_time
    if requested is not None:
        zone = (
            UTC
            if order.terminal_utc_offset_s is None
            else timezone(timedelta(seconds=order.terminal_utc_offset_s))
        )
        requested = requested.astimezone(zone)
    if order.terminal_id is None and requested is None:
        return None
    return {"terminal_id": order.terminal_id, "terminal_request_time": requested}
