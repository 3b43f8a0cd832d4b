"""notifyRegistrationStatus, from the sandbox to whatever answers in the gateway's place."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from acqp_gateway.protocol.headers import read_signature, write_signature, write_time
from acqp_gateway.protocol.messages.notify_registration_status import NOTIFY_REGISTRATION_STATUS_API
from acqp_gateway.protocol.signature import Message, sign, verify
from tests.peer import CLIENT_ID
from tests.sandbox.processes import Sandbox

PATH = NOTIFY_REGISTRATION_STATUS_API.default_path
SUCCESS = b'{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"Success"}}'
REFUSED = b'{"result":{"resultCode":"PARAM_ILLEGAL","resultStatus":"F","resultMessage":"no"}}'


class StandInGateway(ThreadingHTTPServer):
    """Keeps what it is told and answers with one body."""

    daemon_threads = True

    def __init__(self, sandbox: Sandbox, *, answer: bytes, status: int, is_signed: bool) -> None:
        super().__init__(("127.0.0.1", sandbox.gateway_port), Handler)
        self.key = sandbox.gateway_key()
        self.answer, self.status, self.is_signed = answer, status, is_signed
        self.seen: list[tuple[str, dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    server: StandInGateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        if self.server.is_signed:
            time = write_time(datetime.now(UTC))
            signature = sign(Message("POST", self.path, CLIENT_ID, time, self.server.answer), self.server.key)
            self.send_header("client-id", CLIENT_ID)
            self.send_header("response-time", time)
            self.send_header("signature", write_signature(signature, "1", blank_after_comma=True))
        self.send_header("content-length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def gateway(
    sandbox: Sandbox, *, answer: bytes = SUCCESS, status: int = 200, is_signed: bool = True
) -> Iterator[StandInGateway]:
    with StandInGateway(sandbox, answer=answer, status=status, is_signed=is_signed) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def notify(sandbox: Sandbox, **subject: str) -> dict[str, Any]:
    (notification,) = sandbox.done("POST", "registrations/notify", subject)["notifications"]
    found: dict[str, Any] = notification
    return found


def test_the_gateway_is_told_signed_and_its_answer_is_verified(sandbox: Sandbox) -> None:
    sandbox.register("M1", referenceStoreId="S1", registrationRequestId="R1")
    with gateway(sandbox) as server:
        notification = notify(sandbox, registrationRequestId="R1")
    assert notification == {
        "url": f"http://127.0.0.1:{sandbox.gateway_port}{PATH}",
        "answered": True,
        "signatureVerified": True,
        "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"},
    }
    ((path, headers, body),) = server.seen
    assert path == PATH
    message = Message("POST", PATH, headers["client-id"], headers["request-time"], body)
    verify(message, read_signature(headers["signature"]).signature, sandbox.keys.alipayplus.public_key())
    members = json.loads(body)
    assert [members[name] for name in ("registrationRequestId", "referenceMerchantId", "referenceStoreId")] == [
        "R1",
        "M1",
        "S1",
    ]
    told = NOTIFY_REGISTRATION_STATUS_API.request.load(members)
    assert [psp.status for psp in told.registration.psps] == ["PENDING", "REJECTED"]


def test_a_registration_can_be_set_and_notified_at_once(sandbox: Sandbox) -> None:
    with gateway(sandbox) as server:
        answer = sandbox.register("M1", notify=True)
    assert [notification["answered"] for notification in answer["notifications"]] == [True]
    assert b"referenceStoreId" not in server.seen[0][2]


def test_by_merchant_the_latest_is_told(sandbox: Sandbox) -> None:
    sandbox.register("M1", registrationRequestId="R1")
    sandbox.register("M1", registrationRequestId="R2")
    with gateway(sandbox) as server:
        notify(sandbox, referenceMerchantId="M1")
    assert json.loads(server.seen[0][2])["registrationRequestId"] == "R2"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"answer": REFUSED}, {"answered": True, "signatureVerified": True}),
        ({"answer": REFUSED, "is_signed": False}, {"answered": True, "signatureVerified": False}),
        ({"is_signed": False}, {"answered": False, "failure": "not_authentic"}),
        ({"status": 500}, {"answered": False, "failure": "not_ok"}),
        ({"answer": b"<html>", "is_signed": False}, {"answered": False, "failure": "not_understood"}),
    ],
)
def test_what_the_gateway_answers_is_told(sandbox: Sandbox, given: dict[str, Any], expected: dict[str, Any]) -> None:
    sandbox.register()
    with gateway(sandbox, **given):
        notification = notify(sandbox, referenceMerchantId="M1")
    assert expected.items() <= notification.items()
    (message,) = sandbox.messages()
    assert (message["direction"], message["api"]) == ("sent", "notifyRegistrationStatus")
    assert message["signatureVerified"] == expected.get("signatureVerified", False)
    assert message["answer"]["body"] == given.get("answer", SUCCESS).decode()


def test_without_a_gateway_the_failure_is_named_and_kept(sandbox: Sandbox) -> None:
    sandbox.register()
    notification = notify(sandbox, referenceMerchantId="M1")
    assert (notification["answered"], notification["failure"]) == (False, "unreachable")
    (message,) = sandbox.messages()
    assert (message["answer"], message["signatureVerified"]) == (None, False)
    assert message["verdict"] == "unreachable"
    assert "cannot be reached" in message["failure"]


def test_who_is_not_on_record_cannot_be_told(sandbox: Sandbox) -> None:
    response = sandbox.control("POST", "registrations/notify", {"referenceMerchantId": "M9"})
    assert response.status_code == 404
    assert "no such registration" in response.json()["error"]
