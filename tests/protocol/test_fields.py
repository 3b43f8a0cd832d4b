"""Fields whose JSON form is a string, and the objects made of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from marshmallow import ValidationError, fields

from acqp_gateway.protocol import objects
from acqp_gateway.protocol.fields import Flag, Moment, NaturalNumber, Text, WireSchema

BAD_TEXTS: list[Any] = ["", 1, 1.5, 0, True, False, [], ["a"], {}, {"a": "b"}, "a\0", "\0", "\ud800", "a\udfff"]


class OfAllKinds(WireSchema):
    text = Text(5)
    flag = Flag()
    number = NaturalNumber()
    moment = Moment(data_key="theMoment")


SCHEMA = OfAllKinds()


@pytest.mark.parametrize(
    ("member", "wire", "meant"),
    [
        ("text", "a", "a"),
        ("text", "12345", "12345"),
        ("text", "😀😀😀😀😀", "😀😀😀😀😀"),
        ("text", " ", " "),
        ("text", "\n", "\n"),
        ("text", "\u0001", "\u0001"),
        ("flag", "true", True),
        ("flag", "false", False),
        ("number", "0", 0),
        ("number", "20", 20),
        ("number", "9" * 18, 10**18 - 1),
        ("theMoment", "2019-11-27T12:01:01+08:00", datetime(2019, 11, 27, 4, 1, 1, tzinfo=UTC)),
        ("theMoment", "2019-11-27T04:01:01Z", datetime(2019, 11, 27, 4, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_value_is_read(member: str, wire: str, meant: Any) -> None:
    loaded = SCHEMA.load({member: wire})
    assert list(loaded.values()) == [meant]
    assert [type(value) for value in loaded.values()] == [type(meant)]


@pytest.mark.parametrize(
    ("member", "wire"),
    [
        *(("text", bad) for bad in [*BAD_TEXTS, "123456", "😀" * 6]),
        *(("flag", bad) for bad in [*BAD_TEXTS, "True", "TRUE", "yes", "1", " true", "true\n"]),
        *(
            ("number", bad)
            for bad in [
                *BAD_TEXTS,
                "-1",
                "+1",
                "01",
                "00",
                "1.0",
                "1e3",
                " 1",
                "1 ",
                "1\n",
                "1_000",
                "1,000",
                "0x1",
                "٢",
                "²",
                "1" + "0" * 18,
            ]
        ),
        *(
            ("theMoment", bad)
            for bad in [*BAD_TEXTS, "2019-11-27T12:01:01", "2019-11-27", "1795141800000", "now", "Z" * 65]
        ),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_value_against_its_rule_is_refused(member: str, wire: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        SCHEMA.load({member: wire})
    assert list(refused.value.messages_dict) == [member]


def test_null_counts_as_absent_and_unknown_members_are_ignored() -> None:
    loaded = SCHEMA.load({"text": None, "flag": None, "number": None, "theMoment": None, "other": {"a": [None]}})
    assert loaded == {}


def test_every_leaf_is_written_as_a_string_and_none_is_left_out() -> None:
    moment = datetime(2019, 11, 27, 12, 1, 1, 500, tzinfo=timezone(timedelta(hours=8)))
    written = SCHEMA.dump({"text": "咖啡", "flag": True, "number": 20, "moment": moment})
    assert written == {"text": "咖啡", "flag": "true", "number": "20", "theMoment": "2019-11-27T12:01:01+08:00"}
    assert SCHEMA.dump({"text": None, "flag": False, "number": 0, "moment": None}) == {
        "flag": "false",
        "number": "0",
    }


@pytest.mark.parametrize(
    ("schema", "lengths"),
    [
        (objects.ResultSchema, {"resultCode": 64, "resultStatus": 1, "resultMessage": 256}),
        (objects.AmountSchema, {"currency": 3, "value": None}),
        (
            objects.OrderSchema,
            {
                "referenceOrderId": 64,
                "orderDescription": 256,
                "orderAmount": None,
                "merchant": None,
                "goods": None,
                "env": None,
            },
        ),
        (
            objects.MerchantSchema,
            {
                "referenceMerchantId": 64,
                "merchantName": 256,
                "merchantDisplayName": 256,
                "merchantMCC": 4,
                "merchantAddress": None,
                "store": None,
            },
        ),
        (
            objects.StoreSchema,
            {
                "referenceStoreId": 32,
                "storeName": 256,
                "storeDisplayName": 256,
                "storeMCC": 4,
                "storeAddress": None,
                "storeTerminalId": 64,
                "storeOperatorId": 64,
                "storePhoneNo": 32,
            },
        ),
        (
            objects.AddressSchema,
            {"region": 2, "state": 8, "city": 32, "address1": 256, "address2": 256, "zipCode": 32},
        ),
        (
            objects.EnvSchema,
            {
                "storeTerminalId": 64,
                "storeTerminalRequestTime": None,
                "terminalType": 64,
                "osType": 64,
                "clientIp": 64,
                "deviceTokenId": 64,
            },
        ),
        (
            objects.GoodsSchema,
            {
                "referenceGoodsId": 64,
                "goodsName": 256,
                "goodsCategory": 64,
                "goodsBrand": 64,
                "goodsUnitAmount": None,
                "goodsQuantity": None,
            },
        ),
        (
            objects.PaymentFactorSchema,
            {"isInStorePayment": None, "isCashierPayment": None, "inStorePaymentScenario": 64},
        ),
        (objects.SettlementStrategySchema, {"settlementCurrency": 3}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_members_and_lengths_are_those_of_the_documents(
    schema: type[WireSchema], lengths: dict[str, int | None]
) -> None:
    found = {
        field.data_key or name: getattr(field, "longest", None)
        for name, field in schema().fields.items()
        if isinstance(field, fields.Field)
    }
    assert found == lengths
    assert list(found) == list(lengths)


@pytest.mark.parametrize(
    ("schema", "members"),
    [
        (objects.ResultSchema, {"resultCode": "SUCCESS"}),
        (objects.ResultSchema, {"resultStatus": "S"}),
        (objects.ResultSchema, {"resultCode": "SUCCESS", "resultStatus": "X"}),
        (objects.ResultSchema, {"resultCode": "SUCCESS", "resultStatus": "s"}),
        (objects.AmountSchema, {"currency": "JPY"}),
        (objects.AmountSchema, {"value": "1"}),
        (objects.AmountSchema, {"currency": "jpy", "value": "1"}),
        (objects.AmountSchema, {"currency": "JP", "value": "1"}),
        (objects.AmountSchema, {"currency": "JPYX", "value": "1"}),
        (objects.AmountSchema, {"currency": "JPY", "value": 1}),
        (objects.AmountSchema, {"currency": "JPY", "value": "-1"}),
        (objects.SettlementStrategySchema, {"settlementCurrency": "usd"}),
        (objects.OrderSchema, {"referenceOrderId": "A", "orderDescription": "b"}),
        (
            objects.OrderSchema,
            {
                "referenceOrderId": "A",
                "orderDescription": "b",
                "orderAmount": {"currency": "JPY", "value": "1"},
                "goods": [],
            },
        ),
        (
            objects.OrderSchema,
            {
                "referenceOrderId": "A",
                "orderDescription": "b",
                "orderAmount": {"currency": "JPY", "value": "1"},
                "goods": [{}] * 101,
            },
        ),
        (
            objects.OrderSchema,
            {"referenceOrderId": "A", "orderDescription": "b", "orderAmount": "1"},
        ),
        (
            objects.MerchantSchema,
            {"store": {"storeAddress": {"region": "JPN"}}},
        ),
    ],
)
def test_an_object_against_its_rule_is_refused(schema: type[WireSchema], members: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        schema().load(members)


def test_null_counts_as_absent_at_every_depth() -> None:
    loaded = objects.MerchantSchema().load(
        {"merchantName": None, "store": {"storeName": None, "storeAddress": {"region": None, "unknown": None}}}
    )
    assert loaded == {"store": {"address": {}}}


def test_none_is_left_out_at_every_depth() -> None:
    written = objects.MerchantSchema().dump(
        {"name": "Corner Coffee", "address": None, "store": {"name": None, "address": {"region": "JP", "city": None}}}
    )
    assert written == {"merchantName": "Corner Coffee", "store": {"storeAddress": {"region": "JP"}}}
