"""The answer to a code that is decoded: every member of the document, and when it is there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqp_gateway.decoder.answer import build
from acqp_gateway.protocol.messages.user_initiated_pay import USER_INITIATED_PAY_API
from acqp_gateway.protocol.strict_json import read_object, write_object
from acqp_gateway.store.decodes import CodeOnRecord
from tests.decoder.helpers import MICROSECOND, NOW, contract, merchant, order, record, same_examples, store

RESPONSE = USER_INITIATED_PAY_API.response
GOODS = [
    {
        "referenceGoodsId": "G1",
        "goodsName": "ラテ ☕",
        "goodsCategory": "drinks",
        "goodsBrand": "Corner",
        "goodsUnitAmount": 700,
        "goodsQuantity": 2,
    },
    {"goodsName": "bag", "goodsUnitAmount": 100, "goodsQuantity": 1},
    {"goodsQuantity": 0},
]
EVERYTHING = record(
    order=order(
        description='2 lattes "to go" / ☕',
        goods=json.dumps(GOODS),
        terminal_id="T1",
        terminal_request_time=datetime(2026, 11, 20, 1, 0, tzinfo=UTC),
        terminal_utc_offset_s=32_400,
        expires_at=NOW + timedelta(minutes=2),
    ),
    merchant=merchant(
        display_name="Corner",
        region="JP",
        state="13",
        city="Tokyo",
        address1="1-2-3 Jinnan",
        address2="2F",
        zip_code="150-0041",
    ),
    store=store(
        display_name="Shibuya",
        mcc="5812",
        region="JP",
        state="13",
        city="Shibuya",
        address1="4-5-6",
        address2="B1",
        zip_code="150-0042",
    ),
)


def built(found: CodeOnRecord, decoded_at: datetime = NOW, **of_contract: Any) -> dict[str, Any]:
    """The members of the answer, whose bytes are strict JSON."""
    return read_object(build(found, contract(**of_contract), decoded_at))


def order_with(**changes: Any) -> CodeOnRecord:
    return record(order=order(**changes))


def test_every_member_in_the_documents_order() -> None:
    assert build(EVERYTHING, contract(), NOW).decode() == (
        '{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"Success"},'
        '"codeType":"ORDER_CODE",'
        '"paymentRequestId":"P1",'
        '"paymentFactor":{"isInStorePayment":"true","isCashierPayment":"true","inStorePaymentScenario":"OrderCode"},'
        '"order":{"referenceOrderId":"A-1","orderDescription":"2 lattes \\"to go\\" / ☕",'
        '"orderAmount":{"currency":"JPY","value":"1500"},'
        '"merchant":{"referenceMerchantId":"M1","merchantName":"Corner Coffee","merchantDisplayName":"Corner",'
        '"merchantMCC":"5814",'
        '"merchantAddress":{"region":"JP","state":"13","city":"Tokyo","address1":"1-2-3 Jinnan","address2":"2F",'
        '"zipCode":"150-0041"},'
        '"store":{"referenceStoreId":"S1","storeName":"Corner Coffee Shibuya","storeDisplayName":"Shibuya",'
        '"storeMCC":"5812",'
        '"storeAddress":{"region":"JP","state":"13","city":"Shibuya","address1":"4-5-6","address2":"B1",'
        '"zipCode":"150-0042"}}},'
        '"goods":[{"referenceGoodsId":"G1","goodsName":"ラテ ☕","goodsCategory":"drinks","goodsBrand":"Corner",'
        '"goodsUnitAmount":{"currency":"JPY","value":"700"},"goodsQuantity":"2"},'
        '{"goodsName":"bag","goodsUnitAmount":{"currency":"JPY","value":"100"},"goodsQuantity":"1"},'
        '{"goodsQuantity":"0"}],'
        '"env":{"storeTerminalId":"T1","storeTerminalRequestTime":"2026-11-20T10:00:00+09:00"}},'
        '"paymentAmount":{"currency":"JPY","value":"1500"},'
        '"paymentExpiryTime":"2026-11-20T02:02:00+00:00",'
        '"settlementStrategy":{"settlementCurrency":"USD"}}'
    )


def test_what_is_not_known_is_left_out() -> None:
    assert built(record(store=None)) == {
        "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"},
        "codeType": "ORDER_CODE",
        "paymentRequestId": "P1",
        "paymentFactor": {
            "isInStorePayment": "true",
            "isCashierPayment": "true",
            "inStorePaymentScenario": "OrderCode",
        },
        "order": {
            "referenceOrderId": "A-1",
            "orderDescription": "2 lattes",
            "orderAmount": {"currency": "JPY", "value": "1500"},
            "merchant": {
                "referenceMerchantId": "M1",
                "merchantName": "Corner Coffee",
                "merchantMCC": "5814",
            },
        },
        "paymentAmount": {"currency": "JPY", "value": "1500"},
        "settlementStrategy": {"settlementCurrency": "USD"},
    }


@pytest.mark.parametrize(
    ("ends_in", "told"),
    [
        (timedelta(seconds=1), "2026-11-20T02:00:01+00:00"),
        (timedelta(minutes=2, seconds=59), "2026-11-20T02:02:59+00:00"),
        (timedelta(minutes=3) - MICROSECOND, "2026-11-20T02:02:59+00:00"),
        (timedelta(minutes=3), None),
        (timedelta(minutes=3) + MICROSECOND, None),
        (timedelta(days=30), None),
    ],
)
def test_payment_expiry_time_only_when_earlier_than_three_minutes(ends_in: timedelta, told: str | None) -> None:
    assert built(order_with(expires_at=NOW + ends_in)).get("paymentExpiryTime") == told


def test_the_three_minutes_are_counted_from_the_decode() -> None:
    found = order_with(expires_at=NOW + timedelta(minutes=4))
    assert "paymentExpiryTime" not in built(found, NOW + timedelta(minutes=1))
    assert "paymentExpiryTime" in built(found, NOW + timedelta(minutes=1) + MICROSECOND)


@pytest.mark.parametrize("settled_in", ["USD", "JPY", "EUR"])
def test_the_settlement_currency_is_the_contracts(settled_in: str) -> None:
    assert built(record(), settlement_currency=settled_in)["settlementStrategy"] == {"settlementCurrency": settled_in}


@pytest.mark.parametrize(
    ("offset_s", "told"),
    [
        (32_400, "2026-11-20T10:00:00+09:00"),
        (0, "2026-11-20T01:00:00+00:00"),
        (None, "2026-11-20T01:00:00+00:00"),
        (-12_600, "2026-11-19T21:30:00-03:30"),
        (20_700, "2026-11-20T06:45:00+05:45"),
        (50_400, "2026-11-20T15:00:00+14:00"),
    ],
)
def test_the_terminals_time_is_told_in_its_own_zone(offset_s: int | None, told: str) -> None:
    requested = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    found = order_with(terminal_request_time=requested, terminal_utc_offset_s=offset_s)
    assert built(found)["order"]["env"] == {"storeTerminalRequestTime": told}


def test_env_is_there_when_something_is_known_of_the_terminal() -> None:
    assert built(order_with(terminal_id="T1"))["order"]["env"] == {"storeTerminalId": "T1"}
    assert "env" not in built(record())["order"]


@pytest.mark.parametrize(
    ("member", "wired"),
    [
        ("region", "region"),
        ("state", "state"),
        ("city", "city"),
        ("address1", "address1"),
        ("address2", "address2"),
        ("zip_code", "zipCode"),
    ],
)
def test_an_address_is_there_when_any_part_of_it_is_known(member: str, wired: str) -> None:
    found = built(record(merchant=merchant(**{member: "JP"}), store=store(**{member: "DE"})))
    assert found["order"]["merchant"]["merchantAddress"] == {wired: "JP"}
    assert found["order"]["merchant"]["store"]["storeAddress"] == {wired: "DE"}
    without = built(record())["order"]["merchant"]
    assert "merchantAddress" not in without
    assert "storeAddress" not in without["store"]


@pytest.mark.parametrize("currency", ["JPY", "USD", "IDR"])
def test_goods_are_in_the_orders_currency(currency: str) -> None:
    kept = json.dumps([{"goodsUnitAmount": 100, "goodsQuantity": 1}, {"goodsUnitAmount": 0}])
    found = built(order_with(goods=kept, amount=100, currency=currency))["order"]
    assert found["goods"] == [
        {"goodsUnitAmount": {"currency": currency, "value": "100"}, "goodsQuantity": "1"},
        {"goodsUnitAmount": {"currency": currency, "value": "0"}},
    ]
    assert found["orderAmount"] == {"currency": currency, "value": "100"}


def test_the_order_before_the_decode_says_nothing_of_itself() -> None:
    text = build(EVERYTHING, contract(), NOW).decode()
    for inner in ("codeValue", "OPEN", "ACTIVE", "FULL", "BASIC", "1000000", EVERYTHING.order.code_value):
        assert inner not in text


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
MAYBE = st.none() | TEXTS
ADDRESSES = {
    "region": st.none() | st.just("JP"),
    "state": st.none() | st.just("13"),
    "city": MAYBE,
    "address1": MAYBE,
    "address2": MAYBE,
    "zip_code": MAYBE,
    "display_name": MAYBE,
    "name": TEXTS,
}
AMOUNTS = st.integers(0, 10**15)
KEPT_GOODS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "referenceGoodsId": TEXTS,
            "goodsName": TEXTS,
            "goodsCategory": TEXTS,
            "goodsBrand": TEXTS,
            "goodsUnitAmount": AMOUNTS,
            "goodsQuantity": AMOUNTS,
        },
    ).filter(bool),
    min_size=1,
    max_size=3,
)
ORDERS = st.builds(
    order,
    description=TEXTS,
    amount=AMOUNTS,
    goods=st.none() | KEPT_GOODS.map(json.dumps),
    terminal_id=MAYBE,
    terminal_request_time=st.none() | st.datetimes(datetime(2020, 1, 1), timezones=st.just(UTC)),
    terminal_utc_offset_s=st.none() | st.integers(-1439, 1439).map(lambda minutes: minutes * 60),
    expires_at=st.integers(0, 600).map(lambda seconds: NOW + timedelta(seconds=seconds)),
)
RECORDS = st.builds(
    record,
    order=ORDERS,
    merchant=st.builds(merchant, **ADDRESSES),
    store=st.none() | st.builds(store, **ADDRESSES),
)


@same_examples
@given(RECORDS)
def test_the_schema_of_the_document_says_the_very_same(found: CodeOnRecord) -> None:
    body = build(found, contract(), NOW)
    members = read_object(body)
    rewritten = RESPONSE.dump(RESPONSE.load(members))
    assert rewritten == members
    assert list(rewritten) == list(members)
    assert write_object(members) == body
