"""A scan and its payment through a sandbox process: its control API, its wallet, its commands and its restart."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from acqp_gateway.protocol import results
from acqp_gateway.protocol.headers import write_time
from acqp_gateway.protocol.messages.notify_push_payment import NOTIFY_PUSH_PAYMENT_API
from tests.gateway_process import free_port
from tests.peer import Keys, Reply
from tests.sandbox.processes import Sandbox, SandboxProcess, sandbox_environment
from tests.sandbox.stand_in_gateway import StandInGateway, decoded, said, standing_in

NOTIFY_PUSH_PATH = NOTIFY_PUSH_PAYMENT_API.default_path

_numbers = itertools.count(1)


@pytest.fixture
def gateway(sandbox: Sandbox) -> Iterator[StandInGateway]:
    """What answers in the gateway's place."""
    with standing_in(sandbox.keys, sandbox.gateway_port) as server:
        yield server


def a_code() -> str:
    """A code that no other test scans."""
    return f"CODE-{next(_numbers)}"


def scan(sandbox: Sandbox, code_value: str | None = None, **members: Any) -> dict[str, Any]:
    """Scan as a user of ALIPAY_CN; the scan."""
    wanted = {"codeValue": code_value or a_code(), "pspName": "ALIPAY_CN", "speed": 1_000, **members}
    found: dict[str, Any] = sandbox.done("POST", "scans", wanted)["scan"]
    return found


def finished(sandbox: Sandbox, found: dict[str, Any], *, within_s: float = 15) -> dict[str, Any]:
    """The scan once nothing is to come."""
    ends_at = time.monotonic() + within_s
    while not found["finished"]:
        assert time.monotonic() < ends_at, found
        time.sleep(0.02)
        found = sandbox.done("GET", f"scans/{found['scanId']}")["scan"]
    return found


def paid(sandbox: Sandbox, found: dict[str, Any], **body: Any) -> dict[str, Any]:
    """The scan when it was paid, and its payment has come to its end."""
    return finished(sandbox, sandbox.done("POST", f"scans/{found['scanId']}/pay", body)["scan"])


def test_a_scan_is_paid(sandbox: Sandbox, gateway: StandInGateway) -> None:
    found = scan(sandbox)
    assert (found["state"], found["finished"], found["pspName"]) == ("DECODED", False, "ALIPAY_CN")
    assert found["order"]["orderDescription"] == "2 lattes"
    ended = paid(sandbox, found)
    assert (ended["state"], ended["stateText"], ended["failure"]) == ("PAID", "Paid.", None)
    assert ended["paymentResult"]["resultCode"] == ended["pushResult"]["resultCode"] == "SUCCESS"
    (push,) = gateway.calls("pushPayment")
    assert push.members == {
        "acquirerId": "2021228100000001",
        "pspId": "1022088000000000001",
        "codeValue": found["codeValue"],
        "paymentId": ended["paymentId"],
        "paymentRequestId": found["paymentRequestId"],
        "paymentAmount": {"currency": "JPY", "value": "1500"},
        "settlementAmount": {"currency": "USD", "value": "1005"},
        "customerId": ended["customerId"],
    }
    messages = sandbox.done("GET", f"history?scan={found['scanId']}&after=0")["messages"]
    assert [(message["direction"], message["api"]) for message in messages] == [
        ("sent", "userInitiatedPay"),
        ("received", "inquiryPayment"),
        ("sent", "inquiryPayment"),
        ("sent", "pushPayment"),
    ]
    assert {message["signatureVerified"] for message in messages} == {True}
    assert {message["scan"] for message in messages} == {found["scanId"]}


def test_an_order_is_paid_once(sandbox: Sandbox, gateway: StandInGateway) -> None:
    first = scan(sandbox)
    second = scan(sandbox, first["codeValue"], pspName="GCASH")
    payer = paid(sandbox, first)["customerId"]
    response = sandbox.control("POST", f"scans/{second['scanId']}/pay", {})
    assert response.status_code == 409
    text = f"the order is paid already by user {payer} of ALIPAY_CN (scan {first['scanId']})"
    assert response.json() == {"error": text}
    response = sandbox.control("POST", f"scans/{first['scanId']}/pay", {})
    assert (response.status_code, response.json()["error"]) == (409, f"scan {first['scanId']} cannot be paid: Paid.")
    assert len(gateway.calls("pushPayment")) == 1


def balance(sandbox: Sandbox, psp_name: str, customer_id: str) -> int:
    users = sandbox.done("GET", f"wallet/users?pspName={psp_name}")["users"]
    return next(int(user["balance"]) for user in users if user["customerId"] == customer_id)


def test_what_the_gateway_refuses_goes_back_to_the_user(sandbox: Sandbox, gateway: StandInGateway) -> None:
    gateway.answers["pushPayment"] = said(results.RISK_REJECT)
    customer_id = sandbox.done("GET", "wallet/users?pspName=ALIPAY_CN")["users"][0]["customerId"]
    before = balance(sandbox, "ALIPAY_CN", customer_id)
    ended = paid(sandbox, scan(sandbox, customerId=customer_id))
    assert (ended["state"], ended["pushResult"]["resultCode"]) == ("REFUNDED", "RISK_REJECT")
    assert balance(sandbox, "ALIPAY_CN", customer_id) == before
    gateway.answers["pushPayment"] = said(results.SUCCESS)
    assert paid(sandbox, scan(sandbox, customerId=customer_id))["state"] == "PAID"
    assert balance(sandbox, "ALIPAY_CN", customer_id) < before


def test_who_does_not_exist_does_not_pay(sandbox: Sandbox, gateway: StandInGateway) -> None:
    ended = paid(sandbox, scan(sandbox, customerId="NOBODY"))
    assert (ended["state"], ended["paymentResult"]["resultCode"]) == ("PAYMENT_FAILED", "USER_NOT_EXIST")
    assert gateway.calls("pushPayment") == []


@pytest.mark.parametrize("fault", ["unsigned", "tampered", "http_500", "hangs_up"])
def test_a_wallet_whose_answer_cannot_be_believed_is_asked_again(
    sandbox: Sandbox, gateway: StandInGateway, fault: str
) -> None:
    sandbox.set_fault(fault, api="inquiryPayment", times=2)
    ended = paid(sandbox, scan(sandbox))
    assert (ended["state"], ended["failure"]) == ("PAID", None)
    asked = sandbox.done("GET", f"history?scan={ended['scanId']}&api=inquiryPayment&after=0")["messages"]
    assert [message["signatureVerified"] for message in asked if message["direction"] == "sent"] == [
        False,
        False,
        True,
    ]
    assert len(gateway.calls("pushPayment")) == 1


def test_an_open_payment_is_settled_by_the_gateways_notification(sandbox: Sandbox, gateway: StandInGateway) -> None:
    gateway.answers["pushPayment"] = said(results.PAYMENT_IN_PROCESS)
    found = scan(sandbox, speed=1)
    found = sandbox.done("POST", f"scans/{found['scanId']}/pay")["scan"]
    ends_at = time.monotonic() + 10
    while found["state"] != "IN_PROCESS" and time.monotonic() < ends_at:
        time.sleep(0.02)
        found = sandbox.done("GET", f"scans/{found['scanId']}")["scan"]
    told = {
        "paymentResult": {"resultCode": "SUCCESS", "resultStatus": "S"},
        "paymentId": found["paymentId"],
        "paymentRequestId": found["paymentRequestId"],
        "paymentTime": "2026-11-20T10:00:00+09:00",
    }
    assert notified(sandbox, told).code == "SUCCESS"
    ended = finished(sandbox, found, within_s=2)
    assert ended["state"] == "PAID"
    assert (
        notified(sandbox, {**told, "paymentResult": {"resultCode": "X", "resultStatus": "F"}}).code == "PROCESS_FAIL"
    )
    assert notified(sandbox, {**told, "paymentId": "1"}).code == "PROCESS_FAIL"
    messages = sandbox.done("GET", f"history?scan={found['scanId']}&api=notifyPushPayment")["messages"]
    assert [message["result"] for message in messages] == ["PROCESS_FAIL", "SUCCESS"]


def notified(sandbox: Sandbox, members: dict[str, Any]) -> Reply:
    """The authentic answer to a notifyPushPayment."""
    return sandbox.ask(target=NOTIFY_PUSH_PATH, body=json.dumps(members).encode())


def test_the_sister_product(sandbox: Sandbox, gateway: StandInGateway) -> None:
    ended = paid(sandbox, scan(sandbox, mode="notify"))
    assert (ended["mode"], ended["state"]) == ("notify", "PAID")
    assert [seen.members["paymentId"] for seen in gateway.calls("notifyPayment")] == [ended["paymentId"]]
    assert gateway.calls("pushPayment") == []


def test_who_leaves_or_comes_late_does_not_pay(sandbox: Sandbox, gateway: StandInGateway) -> None:
    left = sandbox.done("POST", f"scans/{scan(sandbox)['scanId']}/leave")["scan"]
    assert (left["state"], left["finished"]) == ("LEFT", True)
    over = write_time(datetime.now(UTC) - timedelta(seconds=1))
    gateway.answers["userInitiatedPay"] = lambda members: decoded(members["codeValue"], paymentExpiryTime=over)
    late = scan(sandbox)
    assert (late["state"], late["finished"]) == ("LAPSED", True)
    for found in (left, late):
        response = sandbox.control("POST", f"scans/{found['scanId']}/pay", {})
        assert (response.status_code, response.json()["error"][:5]) == (409, "scan ")


@pytest.mark.parametrize(
    ("answer", "state", "failure"),
    [
        (said(results.EXPIRED_CODE), "REFUSED", None),
        (said(results.UNKNOWN_EXCEPTION), "NO_ANSWER", None),
        (said(results.SUCCESS), "NO_ANSWER", "the answer says SUCCESS and lacks payment_request_id"),
        (decoded(codeType="ENTRY_CODE"), "NO_ANSWER", "not what its document describes"),
        ({"result": "none"}, "NO_ANSWER", "the answer has no result"),
    ],
)
def test_what_cannot_be_paid(
    sandbox: Sandbox, gateway: StandInGateway, answer: dict[str, Any], state: str, failure: str | None
) -> None:
    gateway.answers["userInitiatedPay"] = answer
    found = scan(sandbox)
    assert (found["state"], found["finished"], found["order"]) == (state, True, None)
    assert (failure or "None") in str(found["failure"])
    assert sandbox.control("POST", f"scans/{found['scanId']}/pay", {}).status_code == 409


def test_without_an_answer_the_same_question_is_asked_three_times(sandbox: Sandbox) -> None:
    found = scan(sandbox)
    assert found["state"] == "NO_ANSWER"
    assert "cannot be reached" in found["failure"]
    messages = sandbox.done("GET", f"history?scan={found['scanId']}")["messages"]
    assert len(messages) == 3
    assert len({message["request"]["body"] for message in messages}) == 1
    assert {message["verdict"] for message in messages} == {"unreachable"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "codeValue"),
        ({"codeValue": "C"}, "name the MPP"),
        ({"codeValue": "C", "pspName": "GCASH", "pspId": "1"}, "name the MPP"),
        ({"codeValue": "C", "pspName": "GCAHS"}, "did you mean GCASH?"),
        ({"codeValue": "", "pspName": "GCASH"}, "empty"),
        ({"codeValue": "C" * 513, "pspName": "GCASH"}, "512"),
        ({"codeValue": "\ud800", "pspName": "GCASH"}, "surrogate"),
        ({"codeValue": "C", "pspName": "GCASH", "mode": "pull"}, "mode"),
        ({"codeValue": "C", "pspName": "GCASH", "speed": 0}, "speed"),
        ({"codeValue": "C", "pspName": "GCASH", "speed": "NaN"}, "speed"),
        ({"codeValue": "C", "pspName": "GCASH", "url": "x"}, "Unknown field"),
    ],
)
def test_a_scan_that_makes_no_sense_is_refused(sandbox: Sandbox, body: dict[str, Any], text: str) -> None:
    response = sandbox.control("POST", "scans", body)
    assert (response.status_code, "\n" in response.json()["error"]) == (400, False)
    assert text in response.json()["error"]


@pytest.mark.parametrize("scan_id", ["0", "999999", "x", "-1", "1.0", "9" * 30])
def test_a_scan_that_nobody_made(sandbox: Sandbox, scan_id: str) -> None:
    for method, path in (("GET", ""), ("POST", "/pay"), ("POST", "/leave")):
        response = sandbox.control(method, f"scans/{scan_id}{path}")
        assert (response.status_code, set(response.json())) == (404, {"error"})


def test_what_is_paid_with_is_checked(sandbox: Sandbox, gateway: StandInGateway) -> None:
    scan_id = scan(sandbox)["scanId"]
    for body in ({"pin": 1}, {"pin": ""}, {"pin": "1" * 65}, {"other": "1"}):
        assert sandbox.control("POST", f"scans/{scan_id}/pay", body).status_code == 400
    assert sandbox.control("POST", f"scans/{scan_id}/leave", {"pin": "1"}).status_code == 400
    assert sandbox.done("GET", "scans?limit=1")["scans"][0]["scanId"] == scan_id


@pytest.fixture
def start(tmp_path: Path, sandbox_keys: Keys) -> Iterator[Callable[[], Sandbox]]:
    """Starts one and the same sandbox, as often as a test ends it."""
    gateway_port = free_port()
    settings = sandbox_environment(tmp_path, sandbox_keys, free_port(), gateway_port=gateway_port)
    started: list[SandboxProcess] = []

    def start_again() -> Sandbox:
        started.append(SandboxProcess(settings))
        return Sandbox(started[-1], sandbox_keys, gateway_port)

    yield start_again
    for process in started:
        if process.process.poll() is None:
            process.stop()
            process.close()


def ended(sandbox: Sandbox) -> float:
    """How many seconds a sandbox takes to end, quietly."""
    started = time.monotonic()
    assert sandbox.process.stop() == 0
    assert sandbox.process.errors() == ""
    sandbox.process.close()
    return time.monotonic() - started


def test_a_payment_goes_on_after_a_restart(start: Callable[[], Sandbox]) -> None:
    own_sandbox = start()
    with standing_in(own_sandbox.keys, own_sandbox.gateway_port) as gateway:
        gateway.answers["pushPayment"] = said(results.PAYMENT_IN_PROCESS)
        found = scan(own_sandbox, speed=4)
        own_sandbox.done("POST", f"scans/{found['scanId']}/pay")
        while found["state"] != "IN_PROCESS":
            time.sleep(0.02)
            found = own_sandbox.done("GET", f"scans/{found['scanId']}")["scan"]
        assert ended(own_sandbox) < 3
        again = start()
        found = finished(again, again.done("GET", f"scans/{found['scanId']}")["scan"])
        assert (found["state"], len(gateway.calls("pushPayment"))) == ("PAID", 1)
        assert gateway.calls("inquiryPushPayment")[0].members["paymentId"] == found["paymentId"]
    ended(again)


def test_it_ends_at_once_while_a_gateway_keeps_it_waiting(start: Callable[[], Sandbox]) -> None:
    own_sandbox = start()
    with socket.create_server(("127.0.0.1", own_sandbox.gateway_port)) as silent:

        def ask() -> None:
            with contextlib.suppress(requests.RequestException):
                own_sandbox.control("POST", "scans", {"codeValue": "C", "pspId": "1"})

        thread = threading.Thread(target=ask)
        thread.start()
        connection, _ = silent.accept()
        assert ended(own_sandbox) < 4
        connection.close()
    thread.join()
