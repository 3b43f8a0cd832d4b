"""The control API: for the holder of the token alone, JSON in and out, bounded, and never a page of HTML."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
import requests

from acqp_gateway.sandbox.control import LARGEST_BODY, MOST_REGISTRATIONS
from acqp_gateway.sandbox.faults import FAULTS
from tests.peer import exchange
from tests.sandbox.processes import Sandbox, entry

ADDRESSES = [
    ("GET", "registrations"),
    ("POST", "registrations"),
    ("DELETE", "registrations"),
    ("POST", "registrations/notify"),
    ("GET", "faults"),
    ("POST", "faults"),
    ("DELETE", "faults"),
    ("PUT", "latency"),
    ("GET", "history"),
    ("DELETE", "history"),
    ("GET", "nothing"),
]


@pytest.mark.parametrize("token", ["", "wrong", "ä"])
@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_without_the_token_nothing_is_told(sandbox: Sandbox, method: str, path: str, token: str) -> None:
    response = sandbox.control(method, path, {}, token=token.encode().decode("latin-1"))
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/json"
    assert "Bearer" in response.json()["error"]
    assert sandbox.process.token() not in response.text


@pytest.mark.parametrize(
    "authorization",
    [None, "{token}", "bearer {token}", "Bearer  {token}", "Basic {token}", "Bearer {token}x", "Bearer {token},x"],
)
def test_the_token_has_one_form(sandbox: Sandbox, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.format(token=sandbox.process.token())}
    url = f"http://127.0.0.1:{sandbox.process.address[1]}/control/faults"
    assert requests.get(url, headers=headers, timeout=5).status_code == 401


@pytest.mark.parametrize("path", ["/control", "/control/", "//control/faults", "/%63ontrol/faults", "/control/../x"])
def test_no_other_spelling_gets_around_the_token(sandbox: Sandbox, path: str) -> None:
    connection = http.client.HTTPConnection(*sandbox.process.address, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status in (401, 404)
    assert set(json.loads(response.read())) == {"error"}
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("POST", "/", 405),
        ("GET", "/favicon.ico", 404),
        ("POST", "/control/nothing", 404),
        ("PATCH", "/control/faults", 405),
        ("GET", "/healthz", 200),
        ("GET", "/apsx/api/v1/merchants/inquiryRegistrationStatus", 404),
    ],
)
def test_everything_else_is_json_too(sandbox: Sandbox, method: str, path: str, status: int) -> None:
    response = requests.request(
        method,
        f"http://127.0.0.1:{sandbox.process.address[1]}{path}",
        headers={"Authorization": f"Bearer {sandbox.process.token()}"},
        timeout=5,
    )
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert isinstance(response.json(), dict)


def test_what_is_no_http_gets_a_plain_line(sandbox: Sandbox) -> None:
    reply = exchange(sandbox.process.address, b"NONSENSE\r\n\r\n")
    assert (reply.status, reply.headers["content-type"], reply.body) == (400, "text/plain", b"400 Bad Request\n")


def test_registrations_come_back_as_they_were_set_the_latest_first(sandbox: Sandbox) -> None:
    first = {
        "referenceMerchantId": "M1",
        "referenceStoreId": "S1",
        "registrationRequestId": "R1",
        "registrationStatus": "COMPLETED",
        "pspRegistrationResultList": [entry("ALIPAY_CN", "APPROVED"), entry("GCASH", "REJECTED", "<b>no</b>")],
    }
    second = {
        "referenceMerchantId": "M1",
        "referenceStoreId": None,
        "registrationRequestId": "R2",
        "registrationStatus": "PENDING",
        "pspRegistrationResultList": None,
    }
    third = {
        "referenceMerchantId": "M2",
        "referenceStoreId": None,
        "registrationRequestId": "R3",
        "registrationStatus": "ANYTHING",
    }
    assert sandbox.done("POST", "registrations", {"registrations": [first, second]})["registrations"] == [
        first,
        second,
    ]
    sandbox.done("POST", "registrations", third)
    assert sandbox.done("GET", "registrations")["registrations"] == [third, second, first]
    assert sandbox.done("GET", "registrations?referenceMerchantId=M1&limit=1")["registrations"] == [second]
    assert sandbox.done("DELETE", "registrations?referenceStoreId=S1") == {"deleted": 1}
    assert sandbox.done("DELETE", "registrations?registrationRequestId=R3") == {"deleted": 1}
    assert sandbox.done("GET", "registrations")["registrations"] == [second]


def test_what_is_left_out_is_made_up(sandbox: Sandbox) -> None:
    pending = {"referenceMerchantId": "M1", "pspRegistrationResultList": [{"pspName": "DANA", "status": "PENDING"}]}
    kept = sandbox.done("POST", "registrations", pending)["registrations"][0]
    assert kept["registrationStatus"] == "PENDING"
    assert kept["pspRegistrationResultList"] == [{"pspName": "DANA", "productCodes": [], "status": "PENDING"}]
    approved = {"referenceMerchantId": "M1", "pspRegistrationResultList": [{"pspName": "DANA", "status": "APPROVED"}]}
    again = sandbox.done("POST", "registrations", approved)["registrations"][0]
    assert again["registrationStatus"] == "COMPLETED"
    assert again["registrationRequestId"] == kept["registrationRequestId"]


def test_registrations_are_set_all_or_none(sandbox: Sandbox) -> None:
    sandbox.register("M1", registrationRequestId="R1")
    both = [{"referenceMerchantId": "M2"}, {"referenceMerchantId": "M3", "registrationRequestId": "R1"}]
    response = sandbox.control("POST", "registrations", {"registrations": both})
    assert response.status_code == 400
    assert "R1 is one of merchant M1, store (none)" in response.json()["error"]
    assert len(sandbox.done("GET", "registrations")["registrations"]) == 1


def test_thousands_of_registrations_at_once(sandbox: Sandbox) -> None:
    many = [
        {"referenceMerchantId": f"M{number}", "pspRegistrationResultList": [entry("ALIPAY_CN", "PENDING")]}
        for number in range(2_000)
    ]
    sandbox.done("POST", "registrations", {"registrations": many})
    assert sandbox.ask("M1999").members["registrationResult"]["registrationStatus"] == "PENDING"


PSP = {"pspName": "A", "status": "B"}
M1 = {"referenceMerchantId": "M1"}


@pytest.mark.parametrize(
    ("method", "path", "body", "text"),
    [
        ("POST", "registrations", {}, "referenceMerchantId"),
        ("POST", "registrations", {"registrations": []}, "1 to 10000"),
        ("POST", "registrations", {"registrations": "M1"}, "1 to 10000"),
        ("POST", "registrations", {"registrations": [M1], "referenceMerchantId": "M1"}, "notify"),
        ("POST", "registrations", {**M1, "notify": "yes"}, "true or false"),
        ("POST", "registrations", {**M1, "merchantName": "x"}, "Unknown field"),
        ("POST", "registrations", {**M1, "referenceStoreId": ""}, "empty"),
        ("POST", "registrations", {"referenceMerchantId": "M" * 65}, "64 characters"),
        ("POST", "registrations", {"referenceMerchantId": 7}, "must be a string"),
        ("POST", "registrations", {"referenceMerchantId": "\ud800"}, "surrogate"),
        ("POST", "registrations", {**M1, "pspRegistrationResultList": [{"pspName": "A"}]}, "status"),
        ("POST", "registrations", {**M1, "pspRegistrationResultList": [PSP] * 1_001}, "1000"),
        ("POST", "registrations", {**M1, "pspRegistrationResultList": {}}, "list"),
        ("POST", "registrations", [], "json_no_object"),
        ("GET", "registrations?limit=-1", None, "whole number"),
        ("GET", "registrations?limit=1e3", None, "whole number"),
        ("GET", "registrations?merchant=M1", None, "the query may have"),
        ("DELETE", f"registrations?referenceMerchantId={'M' * 300}", None, "256 characters"),
        ("POST", "registrations/notify", {}, "name a registrationRequestId"),
        ("POST", "registrations/notify", {"referenceMerchantId": 1}, "ids are texts"),
        ("POST", "registrations/notify", {"merchant": "M1"}, "alone"),
        ("POST", "faults", {}, "fault"),
        ("POST", "faults", {"fault": "explodes"}, "must be one of: unsigned"),
        ("POST", "faults", {"fault": "unsigned", "api": "userInitiatedPay"}, "inquiryRegistrationStatus"),
        ("POST", "faults", {"fault": "unsigned", "times": 0}, "times"),
        ("POST", "faults", {"fault": "unsigned", "times": "2"}, "times"),
        ("POST", "faults", {"fault": "unsigned", "ms": 5}, "only for: slow, dripping"),
        ("POST", "faults", {"fault": "slow", "ms": 600_001}, "ms"),
        ("POST", "faults", {"fault": "unsigned", "merchant": ""}, "empty"),
        ("POST", "faults", {"fault": "unsigned", "often": True}, "Unknown field"),
        ("DELETE", "faults?name=unsigned", None, "the query may have fault, api, merchant"),
        ("PUT", "latency", {}, "from 0 to 600000"),
        ("PUT", "latency", {"ms": -1}, "from 0 to 600000"),
        ("PUT", "latency", {"ms": True}, "from 0 to 600000"),
        ("PUT", "latency", {"ms": 5, "s": 1}, "from 0 to 600000"),
        ("GET", "history?limit=5001", None, "from 0 to 5000"),
        ("GET", "history?before=x", None, "whole number"),
    ],
)
def test_what_is_refused_says_why_in_one_line(sandbox: Sandbox, method: str, path: str, body: Any, text: str) -> None:
    response = sandbox.control(method, path, body)
    assert response.status_code == 400, response.text
    assert text in response.json()["error"]
    assert "\n" not in response.json()["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff{}", b'{"fault":"slow","fault":"deep"}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(sandbox: Sandbox, body: bytes) -> None:
    response = requests.post(
        f"http://127.0.0.1:{sandbox.process.address[1]}/control/faults",
        data=body,
        headers={"Authorization": f"Bearer {sandbox.process.token()}"},
        timeout=5,
    )
    assert response.status_code == 400
    assert set(response.json()) == {"error"}


def test_a_body_has_a_largest_size(sandbox: Sandbox) -> None:
    response = requests.post(
        f"http://127.0.0.1:{sandbox.process.address[1]}/control/registrations",
        data=b" " * (LARGEST_BODY + 1),
        headers={"Authorization": f"Bearer {sandbox.process.token()}"},
        timeout=5,
    )
    assert (response.status_code, set(response.json())) == (413, {"error"})


def test_so_many_registrations_are_too_many(sandbox: Sandbox) -> None:
    response = sandbox.control("POST", "registrations", {"registrations": [M1] * (MOST_REGISTRATIONS + 1)})
    assert response.status_code == 400
    response = sandbox.control("POST", "registrations", {"registrations": [M1] * 21, "notify": True})
    assert "at most 20" in response.json()["error"]


def test_faults_are_listed_with_what_they_do(sandbox: Sandbox) -> None:
    found = sandbox.done("GET", "faults")
    assert found["faults"] == []
    assert found["latencyMs"] == 0
    assert list(found["known"].items()) == [(name, fault.description) for name, fault in FAULTS.items()]


def test_faults_are_set_anew_and_cleared(sandbox: Sandbox) -> None:
    sandbox.set_fault("slow", ms=5, times=3)
    sandbox.set_fault("unsigned", merchant="M1")
    found = sandbox.set_fault("slow", ms=7)["faults"]
    api = "inquiryRegistrationStatus"
    unsigned = {"api": api, "fault": "unsigned", "times": None, "merchant": "M1", "ms": None}
    slow = {"api": api, "fault": "slow", "times": None, "merchant": None, "ms": 7}
    assert found == [unsigned, slow]
    assert sandbox.done("DELETE", "faults?fault=slow&merchant=M1")["cleared"] == 0
    assert sandbox.done("DELETE", "faults?fault=slow")["faults"] == [unsigned]
    assert sandbox.done("DELETE", "faults?merchant=M1")["cleared"] == 1


def test_latency_is_told(sandbox: Sandbox) -> None:
    assert sandbox.done("PUT", "latency", {"ms": 1})["latencyMs"] == 1
    assert sandbox.done("GET", "faults")["latencyMs"] == 1
