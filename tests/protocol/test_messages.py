"""userInitiatedPay: what is accepted and refused for every member, and what the answer looks like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from acqp_gateway.protocol import results
from acqp_gateway.protocol.messages.user_initiated_pay import (
    DEFAULT_PAYMENT_EXPIRY,
    USER_INITIATED_PAY_API,
    Request,
)
from acqp_gateway.protocol.strict_json import read_object
from tests.protocol.helpers import same_examples

REQUEST = USER_INITIATED_PAY_API.request
RESPONSE = USER_INITIATED_PAY_API.response

MEMBERS = {"acquirerId": 64, "pspId": 64, "codeValue": 512, "customerId": 64}
OPTIONAL = [name for name in MEMBERS if name != "codeValue"]

#: What stands in a body behind `"member":`, and whether a member of `longest` characters may be so.
REFUSED = {
    "empty": '""',
    "number": "1",
    "zero": "0",
    "fraction": "1.5",
    "huge-number": "1" + "0" * 4000,
    "infinite-number": "1e999",
    "true": "true",
    "false": "false",
    "array": "[]",
    "array-of-text": '["a"]',
    "object": "{}",
    "object-of-text": '{"a":"b"}',
    "nul": '"a\\u0000b"',
    "nul-alone": '"\\u0000"',
    "high-surrogate": '"a\\ud800"',
    "low-surrogate": '"\\udc00b"',
    "reversed-surrogates": '"\\ude00\\ud83d"',
}


def load(body: str) -> Request:
    loaded: Request = REQUEST.load(read_object(body.encode()))
    return loaded


def body_with(member: str, value: str) -> str:
    others = {} if member == "codeValue" else {"codeValue": "c"}
    return "{" + "".join(f'"{name}":"{text}",' for name, text in others.items()) + f'"{member}":{value}}}'


def attribute(member: str) -> str:
    return {"acquirerId": "acquirer_id", "pspId": "psp_id", "codeValue": "code_value", "customerId": "customer_id"}[
        member
    ]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_a_member_against_its_rule_is_refused(member: str, value: str) -> None:
    with pytest.raises(ValidationError) as refused:
        load(body_with(member, value))
    assert list(refused.value.messages_dict) == [member]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("letter", ["a", "é", "咖", "😀", "\\ud83d\\ude00", "\\u5496", '\\"', "\\/"])
def test_lengths_count_characters(member: str, letter: str) -> None:
    longest = MEMBERS[member]
    loaded = load(body_with(member, f'"{letter * longest}"'))
    assert len(getattr(loaded, attribute(member))) == longest
    with pytest.raises(ValidationError) as refused:
        load(body_with(member, f'"{letter * (longest + 1)}"'))
    assert list(refused.value.messages_dict) == [member]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize(
    "text", ["0", " ", " a ", "\t", "null", "true", "\u2028", "\x7f", "\ufeff", "a\u0301"], ids=ascii
)
def test_a_text_is_kept_as_it_came(member: str, text: str) -> None:
    assert getattr(load(body_with(member, json.dumps(text))), attribute(member)) == text


@pytest.mark.parametrize("member", OPTIONAL)
@pytest.mark.parametrize("given_as", ["null", "absent"])
def test_an_optional_member_may_be_null_or_absent(member: str, given_as: str) -> None:
    body = body_with(member, "null") if given_as == "null" else '{"codeValue":"c"}'
    assert load(body) == Request(code_value="c")


@pytest.mark.parametrize("body", ["{}", '{"codeValue":null}', '{"code_value":"c"}', '{"codevalue":"c"}'])
def test_the_code_is_required(body: str) -> None:
    with pytest.raises(ValidationError) as refused:
        load(body)
    assert list(refused.value.messages_dict) == ["codeValue"]


def test_all_members_are_read_and_unknown_ones_are_ignored() -> None:
    assert load(
        '{"acquirerId":"a","pspId":"p","codeValue":"c","customerId":"u",'
        '"extendInfo":"","amount":1,"x":{"codeValue":[null]},"":null,"passThroughInfo":"\\ud800\\u0000"}'
    ) == Request(acquirer_id="a", psp_id="p", code_value="c", customer_id="u")


@same_examples
@given(st.dictionaries(st.sampled_from([*MEMBERS, "other"]), st.none() | st.booleans() | st.integers() | st.text()))
def test_no_member_makes_the_schema_fail(members: dict[str, Any]) -> None:
    try:
        loaded = REQUEST.load(members)
    except ValidationError:
        return
    assert loaded.code_value == members["codeValue"]
    assert 1 <= len(loaded.code_value) <= 512


def test_the_api_is_the_documents() -> None:
    assert USER_INITIATED_PAY_API.name == "userInitiatedPay"
    assert USER_INITIATED_PAY_API.default_path == "/aps/api/v1/payments/userInitiatedPay"
    assert USER_INITIATED_PAY_API.peer_waits_s == 8
    assert USER_INITIATED_PAY_API.results == results.USER_INITIATED_PAY
    assert DEFAULT_PAYMENT_EXPIRY.total_seconds() == 180


FULL = {
    "result": results.SUCCESS,
    "code_type": "ORDER_CODE",
    "payment_request_id": "P1",
    "payment_factor": {
        "is_in_store_payment": True,
        "is_cashier_payment": True,
        "in_store_payment_scenario": "OrderCode",
    },
    "order": {
        "reference_order_id": "A-1",
        "description": "2 lattes",
        "amount": {"currency": "JPY", "value": 1500},
        "merchant": {
            "reference_merchant_id": "M1",
            "name": "Corner Coffee",
            "mcc": "5814",
            "address": {"region": "JP"},
            "store": {"reference_store_id": "S1", "name": "Shibuya"},
        },
        "goods": [{"name": "latte", "unit_amount": {"currency": "JPY", "value": 750}, "quantity": 2}],
        "env": {"terminal_id": "T1", "terminal_request_time": datetime(2026, 11, 20, 1, tzinfo=UTC)},
    },
    "payment_amount": {"currency": "JPY", "value": 1500},
    "payment_expiry_time": datetime(2026, 11, 20, 1, 2, tzinfo=UTC),
    "settlement_strategy": {"settlement_currency": "USD"},
}


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for member in value.values():
            yield from leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from leaves(member)
    else:
        yield value


def test_every_leaf_of_the_answer_is_a_string() -> None:
    written = RESPONSE.dump(FULL)
    assert {type(json.loads(json.dumps(leaf))) for leaf in leaves(written)} == {str}
    assert written["result"] == {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"}
    assert written["paymentFactor"] == {
        "isInStorePayment": "true",
        "isCashierPayment": "true",
        "inStorePaymentScenario": "OrderCode",
    }
    assert written["order"]["goods"][0]["goodsQuantity"] == "2"


def test_the_members_stand_in_the_documents_order() -> None:
    assert list(RESPONSE.dump(FULL)) == [
        "result",
        "codeType",
        "paymentRequestId",
        "paymentFactor",
        "order",
        "paymentAmount",
        "paymentExpiryTime",
        "settlementStrategy",
    ]
    assert [field.data_key for field in REQUEST.fields.values()] == list(MEMBERS)


@pytest.mark.parametrize("name", [name for name in FULL if name != "result"])
def test_none_is_left_out_of_the_answer(name: str) -> None:
    without = RESPONSE.dump({**FULL, name: None})
    assert set(RESPONSE.dump(FULL)) - set(without) == {RESPONSE.fields[name].data_key or name}


@pytest.mark.parametrize("result", results.USER_INITIATED_PAY, ids=lambda result: result.code)
def test_the_schema_accepts_every_result(result: results.ResultCode) -> None:
    written = RESPONSE.dump({"result": result})
    assert written == {"result": result.as_members()}
    assert RESPONSE.load(written)["result"] == {
        "code": result.code,
        "status": result.status.value,
        "message": result.message,
    }


def test_the_schema_accepts_its_own_answer() -> None:
    written = RESPONSE.dump(FULL)
    loaded = RESPONSE.load(json.loads(json.dumps(written)))
    assert loaded["payment_expiry_time"] == FULL["payment_expiry_time"]
    assert RESPONSE.dump(loaded) == written


@pytest.mark.parametrize(
    "wrong",
    [
        {"codeType": "ENTRY_CODE"},
        {"paymentRequestId": "p" * 65},
        {"paymentAmount": {"currency": "JPY", "value": 1500}},
        {"paymentExpiryTime": "2026-11-20T01:02:00"},
        {"settlementStrategy": {"settlementCurrency": "US"}},
        {"result": None},
    ],
)
def test_an_answer_against_its_document_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RESPONSE.load({**RESPONSE.dump(FULL), **wrong})
