"""Hostile amounts, ids and times in the calls about payments: refused, signed, and nothing is written down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from acqp_gateway.store import orders
from tests.http.conftest import Service
from tests.http.test_hostile_requests import recorded
from tests.payments.helpers import inquiry_members, new_payment_id, notify_members, push_members
from tests.payments.wire import INQUIRY, NOTIFY, PUSH, Caller

AMOUNTS: dict[str, Any] = {
    "negative": {"currency": "JPY", "value": "-1500"},
    "plus sign": {"currency": "JPY", "value": "+1500"},
    "19 digits": {"currency": "JPY", "value": "9" * 19},
    "5000 digits": {"currency": "JPY", "value": "9" * 5000},
    "leading zero": {"currency": "JPY", "value": "01500"},
    "fraction": {"currency": "JPY", "value": "1500.0"},
    "exponent": {"currency": "JPY", "value": "15e2"},
    "blank": {"currency": "JPY", "value": " 1500"},
    "newline": {"currency": "JPY", "value": "1500\n"},
    "other digits": {"currency": "JPY", "value": "\u0661\u0665\u0660\u0660"},
    "hexadecimal": {"currency": "JPY", "value": "0x5dc"},
    "empty value": {"currency": "JPY", "value": ""},
    "a number": {"currency": "JPY", "value": 1500},
    "a float": {"currency": "JPY", "value": 1500.0},
    "a boolean": {"currency": "JPY", "value": True},
    "a list": {"currency": "JPY", "value": ["1500"]},
    "an object": {"currency": "JPY", "value": {"value": "1500"}},
    "no value": {"currency": "JPY"},
    "value null": {"currency": "JPY", "value": None},
    "no currency": {"value": "1500"},
    "currency in lower case": {"currency": "jpy", "value": "1500"},
    "currency of two letters": {"currency": "JP", "value": "1500"},
    "currency of four letters": {"currency": "JPYX", "value": "1500"},
    "currency with a newline": {"currency": "JPY\n", "value": "1500"},
    "currency in other letters": {"currency": "ＪＰＹ", "value": "1500"},
    "currency a number": {"currency": 392, "value": "1500"},
    "NUL": {"currency": "JPY", "value": "15\x0000"},
    "no object": "1500",
    "the number itself": 1500,
    "a list of one": [{"currency": "JPY", "value": "1500"}],
    "empty": {},
    "true": True,
    "empty text": "",
}

TEXTS: dict[str, Any] = {
    "65 characters": "x" * 65,
    "NUL": "a\x00b",
    "lone surrogate": "a\ud800",
    "empty": "",
    "a number": 5,
    "a huge number": 10**400,
    "a boolean": False,
    "a list": ["x"],
    "an object": {"x": "x"},
}

RESULTS: dict[str, Any] = {
    "missing": ...,
    "null": None,
    "text": "SUCCESS",
    "U": {"resultCode": "PAYMENT_IN_PROCESS", "resultStatus": "U", "resultMessage": "x"},
    "lower case": {"resultCode": "SUCCESS", "resultStatus": "s", "resultMessage": "x"},
    "no code": {"resultStatus": "S"},
    "no status": {"resultCode": "SUCCESS"},
    "code of 65 characters": {"resultCode": "X" * 65, "resultStatus": "S"},
    "message of 257 characters": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "x" * 257},
    "status a boolean": {"resultCode": "SUCCESS", "resultStatus": True},
}

TIMES: dict[str, Any] = {
    "no zone": "2026-11-20T10:00:00",
    "no time": "yesterday",
    "a number": 1763632800000,
    "such a month": "2026-13-20T10:00:00Z",
    "65 characters": "2026-11-20T10:00:00." + "0" * 45 + "Z",
}

BEYOND = {
    "after the last year": "9999-12-31T23:59:59-23:59",
    "before the first year": "0001-01-01T00:00:00+23:59",
}


class Shown:
    """An order that was decoded, and what is sent about it."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.caller = Caller(service.process.address, service.keys)
        self.order = service.shop().place()
        assert self.caller.decode(self.order) == "SUCCESS"
        self.payment_id = new_payment_id()

    def members(self, api: Any, **changes: Any) -> dict[str, Any]:
        write = {PUSH: push_members, INQUIRY: inquiry_members, NOTIFY: notify_members}[api]
        return write(self.order, self.payment_id, **changes)

    def refused(self, api: Any, members: dict[str, Any] | bytes) -> None:
        """PARAM_ILLEGAL, and nobody has written anything."""
        before = recorded(self.service)
        assert self.caller.call(api.default_path, members).code == "PARAM_ILLEGAL"
        assert recorded(self.service) == before
        assert orders.get(self.service.store, self.order.payment_request_id).state == "OPEN"


@pytest.fixture
def shown(service: Service) -> Shown:
    return Shown(service)


@pytest.mark.parametrize(
    ("api", "member"), [(PUSH, "paymentAmount"), (PUSH, "settlementAmount"), (NOTIFY, "paymentAmount")]
)
def test_amounts_that_are_none(shown: Shown, api: Any, member: str) -> None:
    for amount in AMOUNTS.values():
        shown.refused(api, shown.members(api, **{member: amount}))
    proper = json.dumps(shown.members(api))
    twice = proper.replace('"currency": "JPY"', '"currency": "JPY", "value": "1"', 1)
    shown.refused(api, twice.encode())
    assert shown.caller.call(api.default_path, shown.members(api)).code == "SUCCESS"


@pytest.mark.parametrize("api", [PUSH, INQUIRY, NOTIFY], ids=lambda api: str(api.name))
def test_ids_that_are_none(shown: Shown, api: Any) -> None:
    texts = {"acquirerId", "pspId", "codeValue", "paymentId", "paymentRequestId", "customerId"}
    for member in texts & set(shown.members(api)):
        for text in TEXTS.values():
            if member == "codeValue" and text == TEXTS["65 characters"]:
                continue
            shown.refused(api, shown.members(api, **{member: text}))
    required = {PUSH: texts - {"paymentRequestId", "customerId"}, INQUIRY: texts - {"paymentRequestId", "customerId"}}
    for member in required.get(api, {"paymentRequestId", "acquirerId"}):
        shown.refused(api, shown.members(api, **{member: ...}))
        shown.refused(api, shown.members(api, **{member: None}))


@pytest.mark.parametrize("name", RESULTS)
def test_results_that_are_none(shown: Shown, name: str) -> None:
    shown.refused(NOTIFY, shown.members(NOTIFY, paymentResult=RESULTS[name]))


@pytest.mark.parametrize("name", TIMES)
def test_times_that_are_none(shown: Shown, name: str) -> None:
    shown.refused(NOTIFY, shown.members(NOTIFY, paymentTime=TIMES[name]))


@pytest.mark.parametrize("name", BEYOND)
def test_times_beyond_what_can_be_kept(shown: Shown, name: str) -> None:
    shown.refused(NOTIFY, shown.members(NOTIFY, paymentTime=BEYOND[name]))


def test_the_longest_of_everything_is_kept(shown: Shown) -> None:
    payment_id, customer_id = "\U0001f600" * 64, "\u4e2d" * 64
    order = shown.service.shop().place(code_value="\U0001f680" * 511 + payment_id[0])
    assert shown.caller.decode(order) == "SUCCESS"
    long = f"{shown.payment_id}{payment_id}"[:64]
    assert shown.caller.push(order, long, customerId=customer_id) == "SUCCESS"
    assert shown.caller.inquire(order, long) == ("SUCCESS", "SUCCESS")
    assert shown.caller.notify(order, long, customerId=customer_id) == "SUCCESS"
    failed = {"resultCode": "X" * 64, "resultStatus": "F", "resultMessage": "\u4e2d" * 256}
    assert shown.caller.notify(order, long, customerId=customer_id, paymentResult=failed) == "SUCCESS"


def test_ids_that_look_alike_are_different(shown: Shown) -> None:
    first = f"{shown.payment_id}a"
    assert shown.caller.push(shown.order, first) == "SUCCESS"
    for alike in (f"{shown.payment_id}A", f"{first} ", f" {first}", f"{first}\u200b", f"{shown.payment_id}%"):
        assert shown.caller.inquire(shown.order, alike) == ("ORDER_NOT_EXIST", None)
        assert shown.caller.push(shown.order, alike) == "ORDER_IS_CLOSED"


def test_text_for_the_store_is_text(shown: Shown) -> None:
    evil = "x'); DROP TABLE payments; --"
    assert shown.caller.push(shown.order, f"{shown.payment_id}{evil}", customerId=evil) == "SUCCESS"
    assert shown.caller.inquire(shown.order, f"{shown.payment_id}{evil}") == ("SUCCESS", "SUCCESS")


def test_a_payment_id_cannot_forge_a_line_of_the_log(shown: Shown) -> None:
    shown.caller.push(shown.order, f"{shown.payment_id}\ncall api=forged")
    assert "\ncall api=forged" not in shown.service.process.log()
