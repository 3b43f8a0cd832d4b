"""inquiryRegistrationStatus as its document has it, over real HTTP."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.peer import CLIENT_ID, SignedRequest
from tests.sandbox.processes import Sandbox, entry, is_authentic

APPROVED: dict[str, Any] = {"pspRegistrationResultList": [entry("ALIPAY_CN", "APPROVED")]}


def statuses(members: dict[str, Any]) -> list[str]:
    return [psp["registrationResult"]["registrationStatus"] for psp in members["pspRegistrationResultList"]]


def test_the_answer_is_that_of_the_document(sandbox: Sandbox) -> None:
    sandbox.register()
    assert sandbox.ask("M1").members == {
        "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"},
        "registrationResult": {"registrationStatus": "PENDING"},
        "pspRegistrationResultList": [
            {
                "productCodes": ["IN_STORE_PAYMENT"],
                "pspName": "ALIPAY_CN",
                "registrationResult": {"registrationStatus": "PENDING"},
            },
            {
                "productCodes": ["IN_STORE_PAYMENT"],
                "pspName": "GCASH",
                "registrationResult": {"registrationStatus": "REJECTED", "rejectionReason": "no papers"},
            },
        ],
    }


def test_a_merchant_alone_means_its_latest_request_without_a_store(sandbox: Sandbox) -> None:
    sandbox.register(registrationRequestId="R1", **APPROVED)
    sandbox.register(registrationRequestId="R2")
    sandbox.register(registrationRequestId="R3", referenceStoreId="S1", **APPROVED)
    assert statuses(sandbox.ask("M1").members) == ["PENDING", "REJECTED"]


def test_a_merchant_with_a_store_means_the_latest_of_that_store(sandbox: Sandbox) -> None:
    sandbox.register(registrationRequestId="R1", referenceStoreId="S1", **APPROVED)
    sandbox.register(registrationRequestId="R2", referenceStoreId="S2")
    sandbox.register(registrationRequestId="R3")
    assert statuses(sandbox.ask("M1", members={"referenceStoreId": "S1"}).members) == ["APPROVED"]
    assert sandbox.ask("M1", members={"referenceStoreId": "S3"}).code == "RECORD_NOT_FOUND"


def test_a_request_id_takes_precedence_and_may_be_an_older_one(sandbox: Sandbox) -> None:
    sandbox.register(registrationRequestId="R1", **APPROVED)
    sandbox.register(registrationRequestId="R2")
    sandbox.register("M2", registrationRequestId="R3")
    by_id = {"registrationRequestId": "R1"}
    assert statuses(sandbox.ask(None, members=by_id).members) == ["APPROVED"]
    assert statuses(sandbox.ask("M2", members={**by_id, "referenceStoreId": "S9"}).members) == ["APPROVED"]


def test_a_known_request_is_changed_in_its_place(sandbox: Sandbox) -> None:
    sandbox.register(registrationRequestId="R1")
    sandbox.register(registrationRequestId="R2")
    sandbox.register(registrationRequestId="R1", **APPROVED)
    assert statuses(sandbox.ask("M1").members) == ["PENDING", "REJECTED"]
    sandbox.register(registrationRequestId=None, **APPROVED)
    assert statuses(sandbox.ask(None, members={"registrationRequestId": "R2"}).members) == ["APPROVED"]


@pytest.mark.parametrize(
    "members",
    [
        {"referenceMerchantId": "M2"},
        {"registrationRequestId": "R9"},
        {"registrationRequestId": "R9", "referenceMerchantId": "M1"},
        {"referenceMerchantId": "m1"},
    ],
)
def test_who_is_not_on_record_is_not_found(sandbox: Sandbox, members: dict[str, str]) -> None:
    sandbox.register()
    result = sandbox.ask(None, members=members).members["result"]
    assert (result["resultCode"], result["resultStatus"]) == ("RECORD_NOT_FOUND", "F")


@pytest.mark.parametrize(
    "members",
    [{}, {"referenceStoreId": "S1"}, {"referenceMerchantId": ""}, {"referenceMerchantId": "M" * 65}],
)
def test_nobody_named_is_illegal(sandbox: Sandbox, members: dict[str, str]) -> None:
    assert sandbox.ask(None, members=members).code == "PARAM_ILLEGAL"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_id": "5YSOMEBODYELSE01"}, "INVALID_CLIENT"),
        ({"key_version": "2"}, "KEY_NOT_FOUND"),
        ({"signed_target": "/aps/api/v1/merchants/other"}, "INVALID_SIGNATURE"),
        ({"signature_header": "algorithm=RSA256,keyVersion=1,signature=AAAA"}, "INVALID_SIGNATURE"),
        ({"request_time": "2026-01-01T00:00:00+00:00"}, "ACCESS_DENIED"),
        ({"method": "PUT"}, "METHOD_NOT_SUPPORTED"),
        ({"body": b"{"}, "PARAM_ILLEGAL"),
    ],
)
def test_our_requests_are_judged_as_alipayplus_judges_them(
    sandbox: Sandbox, changes: dict[str, Any], code: str
) -> None:
    request = sandbox.request("M1", **changes)
    reply = sandbox.send(request)
    assert reply.code == code
    assert is_authentic(reply, sandbox.keys, target=request.target, method=request.method, client_id=CLIENT_ID)


def test_what_is_no_interface_is_refused_signed(sandbox: Sandbox) -> None:
    request = SignedRequest(sandbox.gateway_key(), b"{}", target="/aps/api/v1/merchants/nothing")
    reply = sandbox.send(request)
    assert reply.code == "NO_INTERFACE_DEF"
    assert is_authentic(reply, sandbox.keys, target=request.target)


def test_a_list_can_be_null_or_left_out(sandbox: Sandbox) -> None:
    sandbox.done("POST", "registrations", {"referenceMerchantId": "M1", "pspRegistrationResultList": None})
    assert sandbox.ask("M1").members["pspRegistrationResultList"] is None
    sandbox.done("POST", "registrations", {"referenceMerchantId": "M1", "registrationStatus": "PENDING"})
    members = sandbox.ask("M1").members
    assert "pspRegistrationResultList" not in members
    assert members["registrationResult"] == {"registrationStatus": "PENDING"}


def test_latency_keeps_every_answer_waiting(sandbox: Sandbox) -> None:
    sandbox.done("PUT", "latency", {"ms": 300})
    sandbox.register()
    started = time.monotonic()
    assert sandbox.ask("M1").code == "SUCCESS"
    assert 0.3 <= time.monotonic() - started < 2
