"""The answer to a code that is decoded: userInitiatedPay, Response parameters.

Members are written here as they go over the wire, each leaf a string; the schema of the message reads the same
members and is what the tests hold this against.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from acqp_gateway.protocol import results
from acqp_gateway.protocol.headers import write_time
from acqp_gateway.protocol.messages.user_initiated_pay import (
    DEFAULT_PAYMENT_EXPIRY,
    IN_STORE_ORDER_CODE_SCENARIO,
    ORDER_CODE,
)
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.store.decodes import CodeOnRecord, Contract, Order, Place

Members = dict[str, Any]


def build(record: CodeOnRecord, contract: Contract, decoded_at: datetime) -> bytes:
    """The bytes of the answer to the first decode of an order, at `decoded_at`; later ones repeat them."""
    order = record.order
    amount = _amount(order.amount, order.currency)
    answer: Members = {
        "result": results.SUCCESS.as_members(),
        "codeType": ORDER_CODE,
        "paymentRequestId": order.payment_request_id,
        "paymentFactor": {
            "isInStorePayment": "true",
            "isCashierPayment": "true",
            "inStorePaymentScenario": IN_STORE_ORDER_CODE_SCENARIO,
        },
        "order": {
            "referenceOrderId": order.reference_order_id,
            "orderDescription": order.description,
            "orderAmount": amount,
            "merchant": _merchant(record),
            **_given("goods", _goods(order)),
            **_given("env", _env(order)),
        },
        "paymentAmount": amount,
    }
    # Alipay+ ignores a time that is not earlier than its own default.
    if order.expires_at < decoded_at + DEFAULT_PAYMENT_EXPIRY:
        answer["paymentExpiryTime"] = write_time(order.expires_at)
    answer["settlementStrategy"] = {"settlementCurrency": contract.settlement_currency}
    return write_object(answer)


def _given(name: str, value: object) -> Members:
    """The member, or nothing where there is no value: optional members are left out."""
    return {name: value} if value else {}


def _amount(value: int, currency: str) -> Members:
    return {"currency": currency, "value": str(value)}


def _merchant(record: CodeOnRecord) -> Members:
    merchant, store = record.merchant, record.store
    return {
        "referenceMerchantId": merchant.place_id,
        "merchantName": merchant.name,
        **_given("merchantDisplayName", merchant.display_name),
        **_given("merchantMCC", merchant.mcc),
        **_given("merchantAddress", _address(merchant)),
        **_given("store", _store(store) if store is not None else None),
    }


def _store(store: Place) -> Members:
    return {
        "referenceStoreId": store.place_id,
        "storeName": store.name,
        **_given("storeDisplayName", store.display_name),
        **_given("storeMCC", store.mcc),
        **_given("storeAddress", _address(store)),
    }


def _address(place: Place) -> Members:
    members = {
        "region": place.region,
        "state": place.state,
        "city": place.city,
        "address1": place.address1,
        "address2": place.address2,
        "zipCode": place.zip_code,
    }
    return {name: value for name, value in members.items() if value}


def _goods(order: Order) -> list[Members]:
    return [_line(line, order.currency) for line in json.loads(order.goods)] if order.goods else []


def _line(line: Members, currency: str) -> Members:
    """One line of goods; it is kept with the wire's names, its numbers as numbers."""
    wired: Members = {}
    for name, value in line.items():
        if name == "goodsUnitAmount":
            wired[name] = _amount(value, currency)
        else:
            wired[name] = str(value)
    return wired


def _env(order: Order) -> Members:
    env: Members = {}
    if order.terminal_id is not None:
        env["storeTerminalId"] = order.terminal_id
    if order.terminal_request_time is not None:
        zone = timezone(timedelta(seconds=order.terminal_utc_offset_s or 0))
        env["storeTerminalRequestTime"] = write_time(order.terminal_request_time.astimezone(zone))
    return env
