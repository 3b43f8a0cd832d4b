"""The history: each message with its headers, its signed text and the verdict on it; the newest are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from acqp_gateway.sandbox import history
from acqp_gateway.sandbox.history import Entry, History, Verdict, request_part
from acqp_gateway.sandbox.store import SandboxStore
from tests.peer import CLIENT_ID
from tests.sandbox.processes import INQUIRY_PATH, Sandbox


def test_a_message_is_kept_whole(sandbox: Sandbox) -> None:
    sandbox.register()
    request = sandbox.request("M1", more_headers=[("Agent-Token", "tsp"), ("Request-Time", "2026-11-20T00:00:00Z")])
    reply = sandbox.send(request)
    (message,) = sandbox.messages()
    assert message["direction"] == "received"
    assert (message["api"], message["subject"]) == ("inquiryRegistrationStatus", "M1")
    assert (message["method"], message["target"]) == ("POST", INQUIRY_PATH)
    sent = message["request"]
    assert sent["headers"]["agent-token"] == "tsp"
    assert sent["headers"]["client-id"] == CLIENT_ID
    assert sent["body"] == request.body.decode()
    signed = f"POST {INQUIRY_PATH}\n{CLIENT_ID}.2026-11-20T00:00:00Z.{request.body.decode()}"
    assert sent["signedText"] == signed
    answer = message["answer"]
    assert (answer["status"], answer["body"]) == ("200 OK", reply.body.decode())
    assert answer["headers"]["signature"] == reply.headers["signature"]
    assert answer["signedText"] == (
        f"POST {INQUIRY_PATH}\n{CLIENT_ID}.{reply.headers['response-time']}.{reply.body.decode()}"
    )
    assert (message["fault"], message["result"]) == (None, "INVALID_SIGNATURE")
    assert (message["signatureVerified"], message["verdict"]) == (False, "signature wrong")


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "verified with key 1"),
        ({"client_id": None}, "no Client-Id"),
        ({"client_id": "5YSOMEBODYELSE01"}, "no such Client-Id"),
        ({"key_version": "7"}, "no key of version 7"),
        ({"signed_target": "/other"}, "signature wrong"),
        ({"signature_header": "x"}, "Signature cannot be read (signature_malformed)"),
        ({"leave_out": frozenset({"signature"})}, "no Signature"),
        ({"leave_out": frozenset({"request-time"})}, "no Request-Time"),
    ],
)
def test_the_verdict_says_what_is_wrong(sandbox: Sandbox, changes: dict[str, object], verdict: str) -> None:
    sandbox.send(sandbox.request("M1", **changes))
    (message,) = sandbox.messages()
    assert message["verdict"] == verdict
    assert message["signatureVerified"] == verdict.startswith("verified")


def test_a_fault_stands_beside_what_it_made(sandbox: Sandbox) -> None:
    sandbox.register()
    sandbox.set_fault("tampered", times=1)
    reply = sandbox.send(sandbox.request(None, members={"registrationRequestId": "M1-R1"}))
    (message,) = sandbox.messages()
    assert (message["fault"], message["subject"]) == ("tampered", "M1-R1")
    assert message["answer"]["body"] == reply.body.decode()


def test_an_answer_that_was_never_sent_is_none(sandbox: Sandbox) -> None:
    sandbox.set_fault("hangs_up", times=1)
    with pytest.raises(ConnectionError):
        sandbox.send(sandbox.request())
    (message,) = sandbox.messages()
    assert (message["fault"], message["answer"], message["result"]) == ("hangs_up", None, None)


def test_bytes_that_are_no_text_and_long_bodies_are_cut(sandbox: Sandbox) -> None:
    sandbox.register()
    sandbox.send(sandbox.request(body=b"\xff\x00" + b"x" * 30_000))
    sandbox.set_fault("gigantic")
    sandbox.send(sandbox.request())
    gigantic, odd = sandbox.messages()
    assert odd["request"]["body"].startswith("\\xff\x00xxx")
    assert (odd["request"]["bodyIsCut"], odd["request"]["bodyBytes"]) == (True, 30_002)
    assert (gigantic["answer"]["bodyIsCut"], gigantic["answer"]["bodyBytes"]) == (True, 5 * 1024 * 1024)
    assert len(gigantic["answer"]["body"]) == history.LONGEST_BODY


def test_pages_of_history(sandbox: Sandbox) -> None:
    for number in range(3):
        sandbox.ask(f"M{number}")
    newest = sandbox.done("GET", "history?limit=2")["messages"]
    assert [message["subject"] for message in newest] == ["M2", "M1"]
    older = sandbox.done("GET", f"history?before={newest[-1]['id']}")["messages"]
    assert [message["subject"] for message in older] == ["M0"]
    assert sandbox.done("GET", "history?api=notifyRegistrationStatus")["messages"] == []
    assert sandbox.done("DELETE", "history") == {"cleared": 3}
    assert sandbox.messages() == []


def test_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_MESSAGES", 3)
    store = SandboxStore(tmp_path / "sandbox.db")
    kept = History(store)
    for number in range(7):
        part = request_part({}, str(number).encode())
        kept.add(Entry(datetime.now(UTC), "received", "a", "POST", "/", part, Verdict(False, "")))
    assert [entry["request"]["body"] for entry in kept.listed(limit=10)] == ["6", "5", "4"]
    store.close()
