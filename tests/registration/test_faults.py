"""Every fault of the sandbox through `registrations check`: one name, one line, and the standing as it was."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from tenacity import wait_none

from acqp_gateway.cli import registration_checks
from acqp_gateway.clock import now
from acqp_gateway.protocol.messages.inquiry_registration_status import INQUIRY_REGISTRATION_STATUS_API
from acqp_gateway.registration import checks
from acqp_gateway.sandbox.faults import FAULTS
from acqp_gateway.store import registrations
from acqp_gateway.store.database import Store
from tests.cli.conftest import CommandLine
from tests.registration.helpers import ON_SQLITE_ALONE, add_due, add_merchant, history, leases, rows_of, snapshot
from tests.sandbox.processes import Sandbox, entry

CHECK = ("registrations", "check")

#: fault -> how the check is named in the history, and what its one line says to staff.
FAILED = {
    "unsigned": ("not_authentic", "the answer says success and is not signed; nothing of it is believed"),
    "wrong_key": ("not_authentic", "the answer's signature is wrong; check their public key"),
    "tampered": ("not_authentic", "the answer's signature is wrong; check their public key"),
    "response_time_missing": ("not_authentic", "has only one of Signature and Response-Time, or an empty one"),
    "stale": ("not_authentic", "Response-Time is not of now; an old answer may have been played back"),
    "foreign": ("not_authentic", "the answer's Client-Id is not ours, 5YACQP0000000001"),
    "empty_signature": ("not_authentic", "has only one of Signature and Response-Time, or an empty one"),
    "malformed_signature": ("not_authentic", "the answer's Signature header cannot be read"),
    "gzip": ("not_authentic", "the answer's signature is wrong; check their public key"),
    "http_500": ("not_ok", "the answer had HTTP status 500 instead of 200; check the URL"),
    "redirect": ("not_ok", "the answer had HTTP status 302 instead of 200; check the URL"),
    "slow": ("timed_out", "did not answer within 0.2 s; ask again later"),
    "dripping": ("timed_out", "did not answer within 0.2 s; ask again later"),
    "hangs_up": ("unreachable", "cannot be reached or hung up; check the address and the network"),
    "truncated": ("unreachable", "cannot be reached or hung up; check the address and the network"),
    "not_json": ("not_understood", "the answer is not a JSON object"),
    "not_utf8": ("not_understood", "the answer is not a JSON object"),
    "json_array": ("not_understood", "the answer is not a JSON object"),
    "deep": ("not_understood", "the answer is not a JSON object"),
    "gigantic": ("not_understood", "the answer is larger than 1048576 bytes; nothing of it is believed"),
    "lone_surrogate": ("not_understood", "the answer is authentic but not as its document describes"),
    "unsigned_failure": ("refused", "Alipay+ refused: PROCESS_FAIL. A general business failure occurred."),
    "process_fail": ("refused", "Alipay+ refused: PROCESS_FAIL. A general business failure occurred."),
    "rate_limited": (
        "refused",
        "REQUEST_TRAFFIC_EXCEED_LIMIT. The request traffic exceeds the limit. Ask less often.",
    ),
}
TRIED_AGAIN = {"slow", "dripping", "hangs_up", "truncated", "rate_limited"}
NOTHING_CAME_BACK = {"slow", "dripping", "hangs_up", "truncated", "gigantic", "redirect"}

#: fault -> the rows after an answer that is odd and authentic; None where they are as they were.
ANSWERED = {
    "unknown_then_success": {"ALIPAY_CN": "PENDING", "GCASH": "REJECTED"},
    "markup": {"ALIPAY_CN": "REJECTED"},
    "unknown_status": {"ALIPAY_CN": "APPROVED_WITH_CONDITIONS", "GCASH": "approved", "DANA": "CANCELLED"},
    "missing_list": None,
    "null_list": None,
}
#: The same answer again, its Response-Time and all, is no other answer.
REPLAYED = "replayed"


SLOW = {"slow", "dripping"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alipay+ is asked again without a wait."""
    monkeypatch.setattr(checks, "wait_random_exponential", lambda **_: wait_none())


def give_seconds(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let Alipay+ answer in so many seconds, instead of 5."""
    api = dataclasses.replace(INQUIRY_REGISTRATION_STATUS_API, peer_waits_s=seconds)
    monkeypatch.setattr(registration_checks, "INQUIRY_REGISTRATION_STATUS_API", api)


def test_every_fault_stands_here() -> None:
    assert FAULTS.keys() == FAILED.keys() | ANSWERED.keys() | {REPLAYED}


@ON_SQLITE_ALONE
def test_a_broken_answer_changes_nothing_and_is_told_in_one_line(
    commands: CommandLine, sandbox: Sandbox, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_merchant(store)
    registrations.set_by_hand(
        store, "M1", None, "ALIPAY_CN", ["CASHIER_PAYMENT"], status="APPROVED", rejection_reason=None, at=now()
    )
    sandbox.register()
    before = snapshot(store)
    found = {}
    for fault, (_, said) in FAILED.items():
        sandbox.set_fault(fault)
        give_seconds(monkeypatch, 0.2 if fault in SLOW else 5)
        line = commands.failed(*CHECK, "--merchant", "M1")
        sandbox.done("DELETE", "faults")
        newest = history(store)[0]
        assert said in line, fault
        assert line.endswith("(the standing is as it was)\n"), fault
        assert said in newest.said, fault
        assert snapshot(store) == before, fault
        found[fault] = (newest.outcome, newest.applied, newest.attempts, not newest.raw_answer)
    assert found == {
        fault: (name, False, 3 if fault in TRIED_AGAIN else 1, fault in NOTHING_CAME_BACK)
        for fault, (name, _) in FAILED.items()
    }
    assert len(history(store)) == len(FAILED)
    assert leases(store) == []
    # And the next one is as good as if nothing had been.
    commands.done(*CHECK, "--merchant", "M1")
    assert rows_of(store) != {}


def test_an_odd_answer_that_is_authentic_counts(commands: CommandLine, sandbox: Sandbox, store: Store) -> None:
    add_merchant(store)
    sandbox.register()
    commands.done(*CHECK, "--merchant", "M1")
    for fault, rows in ANSWERED.items():
        before = rows_of(store)
        sandbox.set_fault(fault)
        commands.done(*CHECK, "--merchant", "M1")
        sandbox.done("DELETE", "faults")
        after = {psp_name: status for (psp_name, _), status in rows_of(store).items()}
        assert (rows_of(store) == before) if rows is None else (after == rows), fault
        assert (history(store)[0].outcome, history(store)[0].applied) == ("answered", True), fault
        assert history(store)[0].attempts == (2 if fault == "unknown_then_success" else 1), fault
        # Nothing that is odd approves.
        assert "APPROVED" not in after.values(), fault
    commands.done(*CHECK, "--merchant", "M1")
    before = rows_of(store)
    sandbox.set_fault(REPLAYED)
    commands.done(*CHECK, "--merchant", "M1")
    assert rows_of(store) == before
    assert history(store)[0].raw_answer == history(store)[1].raw_answer


def test_all_of_them_in_one_run(commands: CommandLine, sandbox: Sandbox, store: Store) -> None:
    faults = [
        *(FAILED.keys() - SLOW),
        "unknown_then_success",
        "markup",
        "unknown_status",
        "missing_list",
        "null_list",
        None,
    ]
    ids = add_due(store, len(faults))
    registered = [
        {
            "referenceMerchantId": request_id.removesuffix("-R1"),
            "registrationRequestId": request_id,
            "pspRegistrationResultList": [entry("ALIPAY_CN", "APPROVED")],
        }
        for request_id in ids
    ]
    sandbox.done("POST", "registrations", {"registrations": registered})
    for request_id, fault in zip(ids, faults, strict=True):
        if fault is not None:
            sandbox.set_fault(fault, merchant=request_id)
    result = commands.run(*CHECK, "--due", "--rate", "0", "--at-a-time", "8", "--json")
    assert result.exit_code == 1
    assert result.stderr == "Not all were answered; see why: acqp-gateway registrations history\n"
    outcomes = {row.registration_request_id: row.outcome for row in history(store)}
    expected = [FAILED[fault][0] if fault in FAILED else "answered" for fault in faults]
    assert outcomes == dict(zip(ids, expected, strict=True))
    assert Counter(outcomes.values()) == Counter(expected)
    changed = {
        fault for request_id, fault in zip(ids, faults, strict=True) if rows_of(store, request_id.removesuffix("-R1"))
    }
    assert changed == {"unknown_then_success", "markup", "unknown_status", None}
