"""The gateway's calling side against every fault of a real process: one named failure each, or an answer."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from marshmallow import ValidationError

from acqp_gateway import errors
from acqp_gateway.protocol.client import Received
from acqp_gateway.protocol.keyring import VersionedKeys
from acqp_gateway.protocol.messages.inquiry_registration_status import (
    INQUIRY_REGISTRATION_STATUS_API,
    LONGEST_REASON,
    Registration,
)
from acqp_gateway.sandbox.faults import FAULTS
from tests.sandbox.processes import Sandbox

BODY = b'{"referenceMerchantId":"M1"}'
ANSWER_S = 0.6

#: fault -> the failure's class and what its line says.
FAILURES: dict[str, tuple[type[errors.CallFailed], str]] = {
    "unsigned": (errors.NotAuthentic, "says success and is not signed"),
    "wrong_key": (errors.NotAuthentic, "signature is wrong; check their public key"),
    "tampered": (errors.NotAuthentic, "signature is wrong"),
    "response_time_missing": (errors.NotAuthentic, "only one of Signature and Response-Time"),
    "stale": (errors.NotAuthentic, "Response-Time is not of now"),
    "foreign": (errors.NotAuthentic, "Client-Id is not ours"),
    "empty_signature": (errors.NotAuthentic, "only one of Signature and Response-Time, or an empty one"),
    "malformed_signature": (errors.NotAuthentic, "cannot be read (signature_malformed)"),
    "http_500": (errors.NotOk, "HTTP status 500"),
    "redirect": (errors.NotOk, "HTTP status 302"),
    "slow": (errors.TimedOut, "did not answer within 0.6 s"),
    "dripping": (errors.TimedOut, "did not answer within 0.6 s"),
    "hangs_up": (errors.Unreachable, "cannot be reached or hung up"),
    "truncated": (errors.Unreachable, "cannot be reached or hung up"),
    "not_json": (errors.NotUnderstood, "not a JSON object (json_malformed)"),
    "not_utf8": (errors.NotUnderstood, "not a JSON object (body_not_utf8)"),
    "json_array": (errors.NotUnderstood, "not a JSON object (json_no_object)"),
    "gigantic": (errors.NotUnderstood, "larger than 1048576 bytes"),
    "deep": (errors.NotUnderstood, "not a JSON object (json_too_deep)"),
    "gzip": (errors.NotAuthentic, "signature is wrong"),
}

#: fault -> resultCode of an answer that is believed.
BELIEVED = {
    "unsigned_failure": "PROCESS_FAIL",
    "unknown_then_success": "UNKNOWN_EXCEPTION",
    "rate_limited": "REQUEST_TRAFFIC_EXCEED_LIMIT",
    "process_fail": "PROCESS_FAIL",
    "markup": "SUCCESS",
    "unknown_status": "SUCCESS",
    "missing_list": "SUCCESS",
    "null_list": "SUCCESS",
    "lone_surrogate": "SUCCESS",
}


def call(sandbox: Sandbox, **options: Any) -> Received:
    return sandbox.client(**{"answer_s": ANSWER_S, **options}).call(sandbox.url, BODY)


@pytest.mark.parametrize("name", FAILURES)
def test_a_broken_answer_is_one_named_failure(sandbox: Sandbox, name: str) -> None:
    sandbox.register()
    sandbox.set_fault(name)
    kind, text = FAILURES[name]
    started = time.monotonic()
    with pytest.raises(errors.CallFailed) as caught:
        call(sandbox)
    assert time.monotonic() - started < ANSWER_S + 1.0
    assert type(caught.value) is kind
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", BELIEVED)
def test_an_odd_answer_that_is_authentic_is_believed(sandbox: Sandbox, name: str) -> None:
    sandbox.register()
    sandbox.set_fault(name)
    received = call(sandbox)
    assert received.result["resultCode"] == BELIEVED[name]
    assert received.signed == (name != "unsigned_failure")


def test_every_fault_stands_here() -> None:
    assert FAULTS.keys() == FAILURES.keys() | BELIEVED.keys() | {"replayed"}


def test_a_replay_is_refused_once_it_is_older_than_the_window(sandbox: Sandbox) -> None:
    sandbox.register()
    call(sandbox)
    sandbox.set_fault("replayed")
    time.sleep(0.3)
    with pytest.raises(errors.NotAuthentic, match="played back"):
        call(sandbox, window_s=0.2)


def test_a_replay_inside_the_window_cannot_be_told_from_an_answer(sandbox: Sandbox) -> None:
    # What an answer of Alipay+'s says of itself leaves no other judgement: it does not name the request.
    sandbox.register("M2", pspRegistrationResultList=[])
    sandbox.register("M1")
    other = sandbox.client().call(sandbox.url, b'{"referenceMerchantId":"M2"}')
    sandbox.set_fault("replayed")
    assert call(sandbox).body == other.body


def meaning(received: Received) -> Registration:
    loaded: Registration = INQUIRY_REGISTRATION_STATUS_API.response.load(dict(received.members))
    return loaded


def test_markup_is_cut_and_nothing_of_it_is_lost_on_the_way(sandbox: Sandbox) -> None:
    sandbox.register()
    sandbox.set_fault("markup")
    registration = meaning(call(sandbox))
    assert registration.psps is not None
    reason = registration.psps[0].rejection_reason
    assert reason is not None
    assert len(reason) == LONGEST_REASON


def test_half_characters_are_refused_by_the_schema(sandbox: Sandbox) -> None:
    sandbox.register()
    sandbox.set_fault("lone_surrogate")
    with pytest.raises(ValidationError):
        meaning(call(sandbox))


def test_lists_that_are_missing_or_null_say_nothing(sandbox: Sandbox) -> None:
    sandbox.register()
    for name in ("missing_list", "null_list"):
        sandbox.set_fault(name, times=1)
        assert meaning(call(sandbox)).psps is None


def test_dripping_is_bounded_in_all_however_slowly_it_drips(sandbox: Sandbox) -> None:
    sandbox.register()
    sandbox.set_fault("dripping", ms=30)
    started = time.monotonic()
    with pytest.raises(errors.TimedOut):
        call(sandbox)
    assert ANSWER_S <= time.monotonic() - started < ANSWER_S + 1.0


def test_u_once_then_the_answer(sandbox: Sandbox) -> None:
    sandbox.register()
    sandbox.set_fault("unknown_then_success")
    client = sandbox.client()
    codes = [client.call(sandbox.url, BODY).result["resultCode"] for _ in range(2)]
    assert codes == ["UNKNOWN_EXCEPTION", "SUCCESS"]


def test_after_each_failure_the_same_client_goes_on(sandbox: Sandbox) -> None:
    sandbox.register()
    client = sandbox.client(answer_s=ANSWER_S)
    for name in FAILURES.keys() - {"slow", "dripping"}:
        sandbox.set_fault(name, times=1)
        with pytest.raises(errors.CallFailed):
            client.call(sandbox.url, BODY)
        assert client.call(sandbox.url, BODY).result["resultCode"] == "SUCCESS"


def test_a_client_in_many_threads_keeps_its_answers_apart(sandbox: Sandbox) -> None:
    for number in range(8):
        sandbox.register(f"M{number}", registrationStatus=f"STATUS-{number}")
    client = sandbox.client()
    wrong: list[str] = []

    def ask(number: int) -> None:
        for _ in range(10):
            members = client.call(sandbox.url, b'{"referenceMerchantId":"M%d"}' % number).members
            if members["registrationResult"]["registrationStatus"] != f"STATUS-{number}":
                wrong.append(str(members))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(sandbox.done("GET", "history?limit=200")["messages"]) == 80


def test_our_own_public_key_in_place_of_theirs_is_said_so(sandbox: Sandbox) -> None:
    sandbox.register()
    client = sandbox.client(peer_keys=VersionedKeys({"1": sandbox.keys.gateway}))
    with pytest.raises(errors.NotAuthentic, match="our own public key is configured in place of theirs"):
        client.call(sandbox.url, BODY)


def test_a_clock_that_is_wrong_is_refused_by_the_other_side(sandbox: Sandbox) -> None:
    sandbox.register()
    late = datetime.now(UTC) - timedelta(minutes=30)
    received = sandbox.client(clock=lambda: late, window_s=0).call(sandbox.url, BODY)
    assert (received.result["resultCode"], received.signed) == ("ACCESS_DENIED", True)
