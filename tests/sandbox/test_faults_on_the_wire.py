"""Each fault does on the wire what its name says, seen through a bare socket and judged by the signature alone."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from typing import Any

import pytest

from acqp_gateway.sandbox.faults import FAULTS, FOREIGN_CLIENT_ID, GIGANTIC_BYTES
from tests.peer import Reply, exchange
from tests.sandbox.processes import Sandbox, is_authentic, is_signed


def broken_by(sandbox: Sandbox, name: str, **members: Any) -> Reply:
    """The answer under a fault about a merchant who is PENDING at one MPP and REJECTED at another."""
    sandbox.register()
    sandbox.set_fault(name, **members)
    return sandbox.send(sandbox.request())


def genuine(sandbox: Sandbox) -> bytes:
    """The body of the true answer."""
    sandbox.done("DELETE", "faults")
    return sandbox.ask().body


@contextmanager
def sent(sandbox: Sandbox, name: str, **members: Any) -> Iterator[socket.socket]:
    """A connection on which a request was sent while a fault is in force."""
    sandbox.register()
    sandbox.set_fault(name, **members)
    with socket.create_connection(sandbox.process.address, timeout=10) as connection:
        connection.sendall(sandbox.request().raw())
        yield connection


def read_to_the_end(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65_536):
        found += piece
    return found


def promised_length(head: bytes) -> int:
    return int(BytesParser().parsebytes(head.partition(b"\r\n")[2])["content-length"])


def test_without_a_fault_all_is_well(sandbox: Sandbox) -> None:
    sandbox.register()
    assert is_authentic(sandbox.send(sandbox.request()), sandbox.keys)


def test_unsigned(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "unsigned")
    assert reply.body == genuine(sandbox)
    assert not {"signature", "response-time"} & reply.headers.keys()


def test_unsigned_failure(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "unsigned_failure")
    assert reply.members["result"]["resultStatus"] == "F"
    assert not {"signature", "response-time"} & reply.headers.keys()


def test_wrong_key(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "wrong_key")
    assert reply.headers["signature"].startswith("algorithm=RSA256, keyVersion=1, signature=")
    assert not is_signed(reply, sandbox.keys)
    assert reply.body == genuine(sandbox)


def test_tampered(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "tampered")
    assert not is_signed(reply, sandbox.keys)
    true = genuine(sandbox)
    assert reply.body == true.replace(b"PENDING", b"APPROVED").replace(b"REJECTED", b"APPROVED") != true


def test_tampered_where_there_is_nothing_to_improve(sandbox: Sandbox) -> None:
    sandbox.set_fault("tampered")
    reply = sandbox.send(sandbox.request("NOBODY"))
    assert reply.code == "RECORD_NOT_FOUND"
    assert not is_signed(reply, sandbox.keys)


def test_response_time_missing(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "response_time_missing")
    assert "signature" in reply.headers
    assert "response-time" not in reply.headers


def test_stale(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "stale")
    assert is_authentic(reply, sandbox.keys)
    age = datetime.now(UTC) - datetime.fromisoformat(reply.headers["response-time"])
    assert timedelta(minutes=10) <= age < timedelta(minutes=10, seconds=30)


def test_foreign(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "foreign")
    assert reply.headers["client-id"] == FOREIGN_CLIENT_ID
    assert is_signed(reply, sandbox.keys)


def test_replayed(sandbox: Sandbox) -> None:
    sandbox.register("M2", pspRegistrationResultList=[])
    first = sandbox.ask("M2")
    reply = broken_by(sandbox, "replayed", times=1)
    own = ("client-id", "response-time", "signature", "content-type", "content-length")
    assert reply.body == first.body
    assert [reply.headers[name] for name in own] == [first.headers[name] for name in own]
    assert sandbox.ask("M1").body != first.body


def test_empty_signature(sandbox: Sandbox) -> None:
    with sent(sandbox, "empty_signature") as connection:
        assert b"\r\nsignature: \r\n" in connection.recv(65_536)


def test_malformed_signature(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "malformed_signature")
    assert reply.headers["signature"] == "algorithm=RSA256, keyVersion=1, signature=%%%no~base64%%%"


def test_http_500(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "http_500")
    assert reply.status == 500
    assert reply.headers["content-type"] == "text/plain"
    assert "signature" not in reply.headers


def test_redirect(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "redirect")
    assert (reply.status, reply.headers["location"]) == (302, sandbox.request().target)


def test_slow(sandbox: Sandbox) -> None:
    started = time.monotonic()
    reply = broken_by(sandbox, "slow", ms=300)
    assert time.monotonic() - started >= 0.3
    assert is_authentic(reply, sandbox.keys)


def test_slow_keeps_a_client_waiting_for_half_a_minute_by_itself(sandbox: Sandbox) -> None:
    with sent(sandbox, "slow") as connection:
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_dripping(sandbox: Sandbox) -> None:
    true = len(genuine_of_m1(sandbox))
    with sent(sandbox, "dripping") as connection:
        started = time.monotonic()
        found = b""
        while len(found.partition(b"\r\n\r\n")[2]) < 2:
            found += connection.recv(65_536)
    head, _, body = found.partition(b"\r\n\r\n")
    assert promised_length(head) == true
    assert len(body) == 2
    assert 1.0 <= time.monotonic() - started < 3


def test_dripping_comes_to_an_end(sandbox: Sandbox) -> None:
    assert is_authentic(broken_by(sandbox, "dripping", ms=1), sandbox.keys)


def genuine_of_m1(sandbox: Sandbox) -> bytes:
    sandbox.register()
    return genuine(sandbox)


def test_hangs_up(sandbox: Sandbox) -> None:
    with sent(sandbox, "hangs_up") as connection:
        started = time.monotonic()
        assert read_to_the_end(connection) == b""
        assert time.monotonic() - started < 2


def test_truncated(sandbox: Sandbox) -> None:
    true = genuine_of_m1(sandbox)
    with sent(sandbox, "truncated") as connection:
        head, _, body = read_to_the_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert promised_length(head) == len(true)
    assert body == true[: len(true) // 2]


def test_not_json(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "not_json")
    assert is_authentic(reply, sandbox.keys)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(reply.body)


def test_not_utf8(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "not_utf8")
    assert is_authentic(reply, sandbox.keys)
    with pytest.raises(UnicodeDecodeError):
        reply.body.decode()
    assert json.loads(reply.body.decode("latin-1"))["result"]["resultCode"] == "SUCCESS"


def test_json_array(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "json_array")
    assert is_authentic(reply, sandbox.keys)
    assert json.loads(reply.body) == [json.loads(genuine(sandbox))]


def test_gigantic(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "gigantic")
    assert is_authentic(reply, sandbox.keys)
    assert len(reply.body) == GIGANTIC_BYTES
    assert reply.code == "SUCCESS"


def test_deep(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "deep")
    assert is_authentic(reply, sandbox.keys)
    assert reply.body.count(b"[") > 100_000
    with pytest.raises(RecursionError):
        json.loads(reply.body)


def test_gzip(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "gzip")
    assert reply.headers["content-encoding"] == "gzip"
    assert not is_signed(reply, sandbox.keys)
    assert gzip.decompress(reply.body) == genuine(sandbox)


def test_unknown_then_success(sandbox: Sandbox) -> None:
    sandbox.register("M2")
    first = broken_by(sandbox, "unknown_then_success")
    assert (first.code, first.members["result"]["resultStatus"]) == ("UNKNOWN_EXCEPTION", "U")
    assert is_authentic(first, sandbox.keys)
    assert [sandbox.ask(name).code for name in ("M1", "M2", "M2", "M1")] == [
        "SUCCESS",
        "UNKNOWN_EXCEPTION",
        "SUCCESS",
        "SUCCESS",
    ]


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [("rate_limited", "REQUEST_TRAFFIC_EXCEED_LIMIT", "U"), ("process_fail", "PROCESS_FAIL", "F")],
)
def test_results(sandbox: Sandbox, name: str, code: str, status: str) -> None:
    reply = broken_by(sandbox, name)
    assert is_authentic(reply, sandbox.keys)
    assert (reply.code, reply.members["result"]["resultStatus"]) == (code, status)
    assert set(reply.members) == {"result"}


def only_result(reply: Reply) -> dict[str, Any]:
    entries = reply.members["pspRegistrationResultList"]
    assert len(entries) == 1
    result: dict[str, Any] = entries[0]["registrationResult"]
    return result


def test_markup(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "markup")
    assert is_authentic(reply, sandbox.keys)
    reason = only_result(reply)["rejectionReason"]
    assert len(reason.encode()) == 100_000
    for piece in ("<script>", "\x1b[2J", "[bold red]", "\n=HYPERLINK(", "\u202e"):
        assert piece in reason


def test_unknown_status(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "unknown_status")
    assert is_authentic(reply, sandbox.keys)
    found = {psp["registrationResult"]["registrationStatus"] for psp in reply.members["pspRegistrationResultList"]}
    assert not found & {"APPROVED", "REJECTED", "PENDING"}
    assert reply.members["registrationResult"]["registrationStatus"] not in ("COMPLETED", "PENDING")


def test_missing_list(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "missing_list")
    assert is_authentic(reply, sandbox.keys)
    assert set(reply.members) == {"result", "registrationResult"}


def test_null_list(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "null_list")
    assert is_authentic(reply, sandbox.keys)
    assert reply.members["pspRegistrationResultList"] is None


def test_lone_surrogate(sandbox: Sandbox) -> None:
    reply = broken_by(sandbox, "lone_surrogate")
    assert is_authentic(reply, sandbox.keys)
    assert reply.body.isascii()
    assert "\udfff" in only_result(reply)["rejectionReason"]
    assert "\ud800" in reply.members["pspRegistrationResultList"][0]["pspName"]


def test_a_fault_can_be_meant_for_one_subject_and_for_a_number_of_answers(sandbox: Sandbox) -> None:
    sandbox.register("M2")
    for name in ("M1-R1", "M2"):
        sandbox.set_fault("rate_limited", times=2, merchant=name)
    sandbox.register("M1")
    by_request = {"registrationRequestId": "M1-R1"}
    assert sandbox.ask("M1").code == "SUCCESS"
    codes = [sandbox.ask(None, members=by_request).code for _ in range(3)]
    assert codes == ["REQUEST_TRAFFIC_EXCEED_LIMIT"] * 2 + ["SUCCESS"]
    assert [fault["merchant"] for fault in sandbox.done("GET", "faults")["faults"]] == ["M2"]


def test_of_several_faults_the_first_is_spent_first(sandbox: Sandbox) -> None:
    sandbox.register()
    sandbox.set_fault("rate_limited", times=1)
    sandbox.set_fault("process_fail", times=1)
    assert [sandbox.ask().code for _ in range(3)] == ["REQUEST_TRAFFIC_EXCEED_LIMIT", "PROCESS_FAIL", "SUCCESS"]


def test_a_fault_never_hides_that_our_signature_is_wrong(sandbox: Sandbox) -> None:
    sandbox.set_fault("unsigned", times=1)
    assert sandbox.ask(signed_target="/elsewhere").code == "INVALID_SIGNATURE"
    assert len(sandbox.done("GET", "faults")["faults"]) == 1


def test_others_are_served_while_slow_answers_wait(sandbox: Sandbox) -> None:
    sandbox.register()
    sandbox.set_fault("slow", times=20)
    waiting = [socket.create_connection(sandbox.process.address, timeout=10) for _ in range(20)]
    try:
        for connection in waiting:
            connection.sendall(sandbox.request().raw())
        wait_until_spent(sandbox)
        started = time.monotonic()
        assert exchange(sandbox.process.address, sandbox.request().raw()).code == "SUCCESS"
        assert time.monotonic() - started < 2
    finally:
        for connection in waiting:
            connection.close()


def wait_until_spent(sandbox: Sandbox) -> None:
    deadline = time.monotonic() + 10
    while sandbox.done("GET", "faults")["faults"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_fault_has_a_test_here() -> None:
    tested = {name.removeprefix("test_") for name in globals()} | {"rate_limited", "process_fail"}
    assert FAULTS.keys() - tested == set()
