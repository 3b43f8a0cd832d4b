"""`acqp-gateway sandbox scan`, with and without --pay, `scans`, and faults of calls: what a person reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from acqp_gateway.protocol import results
from acqp_gateway.sandbox.call_faults import CALL_FAULTS
from acqp_gateway.sandbox.history import History
from acqp_gateway.sandbox.store import SandboxStore
from tests.sandbox.processes import Sandbox
from tests.sandbox.stand_in_gateway import StandInGateway, decoded, said, standing_in
from tests.sandbox.test_commands import CommandLine, columns
from tests.sandbox.test_notify import gateway as unsigned_gateway

PAY = ("--psp", "ALIPAY_CN", "--pay", "--speed", "1000")


@pytest.fixture
def gateway(sandbox: Sandbox) -> Iterator[StandInGateway]:
    """What answers in the gateway's place."""
    with standing_in(sandbox.keys, sandbox.gateway_port) as server:
        yield server


@pytest.fixture
def commands(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The commands for the sandbox that runs."""
    for name, value in sandbox.process.settings.items():
        if name.startswith("ACQP_"):
            monkeypatch.setenv(name, value)
    return CommandLine(monkeypatch, capsys)


def test_a_scan_without_a_sandbox_that_runs_is_kept_and_broken_all_the_same(
    commands: CommandLine, gateway: StandInGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ACQP_SANDBOX_DIR", str(tmp_path / "new"))
    out = commands.done("scan", "CODE", "--psp", "GCASH")
    assert out.startswith("userInitiatedPay, as Alipay+ sends it\nPOST http://127.0.0.1:")
    assert out.endswith("\nSUCCESS, signature verified\n")
    store = SandboxStore(tmp_path / "new" / "sandbox.db")
    (message,) = History(store).listed(limit=5)
    store.close()
    assert (message["api"], message["subject"], message["scan"]) == ("userInitiatedPay", "CODE", None)


def test_a_folder_that_cannot_be_used_is_done_without(
    commands: CommandLine, gateway: StandInGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACQP_SANDBOX_DIR", str(tmp_path / "file"))
    assert commands.json("scan", "CODE", "--psp", "GCASH")["result"]["resultCode"] == "SUCCESS"


def test_a_scan_shows_what_it_does_not_believe(commands: CommandLine, sandbox: Sandbox) -> None:
    trouble = "the answer says success and is not signed; nothing of it is believed"
    with unsigned_gateway(sandbox, is_signed=False):
        status, out, err = commands.run("scan", "CODE", "--psp", "GCASH")
        assert (status, err) == (1, f"acqp-gateway: {trouble}\n")
        assert out.startswith("userInitiatedPay, as Alipay+ sends it\n")
        assert "\nThe gateway's answer, HTTP 200\n" in out
        assert out.endswith(f"\n\nNOT BELIEVED: {trouble}\n")
        status, out, err = commands.run("scan", "CODE", "--psp", "GCASH", "--json")
    found = json.loads(out)
    assert (status, err) == (1, f"acqp-gateway: {trouble}\n")
    assert found["failure"]["text"] == trouble
    assert json.loads(found["answer"]["body"])["result"]["resultCode"] == "SUCCESS"
    assert commands.json("history", "--full")[0]["answer"]["headers"] == found["answer"]["headers"]


def test_faults_count_for_a_scan_beside_the_sandbox(commands: CommandLine, gateway: StandInGateway) -> None:
    commands.done("faults", "set", "signature_missing", "--api", "userInitiatedPay", "--times", "1")
    status, out, _ = commands.run("scan", "CODE", "--psp", "GCASH")
    assert (status, out.splitlines()[-1]) == (1, "INVALID_SIGNATURE, signature verified")
    assert commands.json("history")[0]["fault"] == "signature_missing"
    assert commands.run("scan", "CODE", "--psp", "GCASH")[0] == 0


def test_a_payment_is_followed_to_its_end(commands: CommandLine, gateway: StandInGateway) -> None:
    out = commands.done("scan", "CLI-1", *PAY)
    lines = out.splitlines()
    assert [line[14:] for line in lines if line[14:].startswith("->")] == [
        "-> userInitiatedPay  SUCCESS (signature verified)",
        "-> inquiryPayment  SUCCESS, paymentResult S SUCCESS (signature verified)",
        "-> pushPayment  SUCCESS (signature verified)",
    ]
    assert lines[-1] == "PAID: Paid."
    assert "2 lattes" in out
    status, _, err = commands.run("scan", "CLI-1", *PAY)
    assert status == 1
    assert "the sandbox refused that: the order is paid already by user " in err
    (_, scan_line, paid_line) = commands.done("scans", "--limit", "2").splitlines()
    assert columns(paid_line)[-1] == "PAID"
    assert columns(scan_line)[-1] == "DECODED"
    scan_id = columns(paid_line)[0]
    assert len(commands.done("history", "--scan", scan_id).splitlines()) == 5


@pytest.mark.parametrize(
    ("api", "answer", "lines"),
    [
        (
            "userInitiatedPay",
            said(results.EXPIRED_CODE),
            ["REFUSED: The gateway refused the code.", "result: F EXPIRED_CODE"],
        ),
        (
            "pushPayment",
            said(results.RISK_REJECT),
            [
                "REFUNDED: The gateway refused the payment; the wallet gave the money back.",
                "pushResult: F RISK_REJECT",
            ],
        ),
    ],
)
def test_what_is_not_paid_ends_with_1(
    commands: CommandLine, gateway: StandInGateway, api: str, answer: dict[str, object], lines: list[str]
) -> None:
    gateway.answers[api] = answer
    status, out, _ = commands.run("scan", f"CLI-{api}", *PAY)
    assert (status, out.splitlines()[-2:]) == (1, lines)


def test_a_payment_is_followed_past_answers_that_are_no_answers(
    commands: CommandLine, gateway: StandInGateway, sandbox: Sandbox
) -> None:
    doubted = {
        "deep": "not_understood",
        "json_array": "not_understood",
        "http_500": "not_ok",
        "wrong_key": "not_authentic",
    }
    for fault, verdict in doubted.items():
        sandbox.set_fault(fault, api="inquiryPayment", times=1)
        lines = commands.done("scan", f"CLI-{fault}", *PAY).splitlines()
        asked = [line.rpartition("(")[2] for line in lines if "-> inquiryPayment" in line]
        assert asked == [f"{verdict})", "signature verified)"]
        assert lines[-1] == "PAID: Paid."


def test_a_payment_as_json(commands: CommandLine, gateway: StandInGateway) -> None:
    gateway.answers["userInitiatedPay"] = lambda members: decoded(members["codeValue"], codeType="ORDER_CODE")
    found = commands.json("scan", "CLI-JSON", *PAY, "--mode", "notify", "--pin", "271828")
    assert (found["scan"]["state"], found["scan"]["mode"]) == ("PAID", "notify")
    assert [message["api"] for message in found["messages"]][-1] == "notifyPayment"
    assert "271828" not in json.dumps(found["messages"])


def test_there_was_no_scan_yet(commands: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(commands.json("scans"), list)


@pytest.mark.parametrize(
    "arguments",
    [
        ("scan", "CODE", "--pay"),
        ("scan", "CODE", "--psp", "GCASH", "--pay", "--url", "http://127.0.0.1:1/x"),
        ("scan", "CODE", "--psp", "GCASH", "--pay", "--save", "x"),
        ("scan", "CODE", "--psp", "GCASH", "--pin", "1"),
        ("scan", "CODE", "--psp", "GCASH", "--mode", "push"),
        ("scan", "CODE", "--psp", "GCASH", "--pay", "--speed", "0.5"),
        ("faults", "set", "late"),
        ("faults", "set", "gigantic", "--api", "userInitiatedPay"),
        ("faults", "set", "markup", "--api", "inquiryPayment"),
        ("faults", "set", "stale", "--api", "nothing"),
        ("faults", "list", "--api", "nothing"),
    ],
)
def test_a_wrong_call_ends_with_2(commands: CommandLine, arguments: tuple[str, ...]) -> None:
    status, out, err = commands.run(*arguments)
    assert (status, out) == (2, "")
    assert "Usage:" in err


def test_faults_of_both_sides_are_listed(commands: CommandLine) -> None:
    out = commands.done("faults", "list")
    assert "Of its calls to the gateway: userInitiatedPay, notifyRegistrationStatus, pushPayment," in out
    assert all(name in out for name in CALL_FAULTS)
    of_calls = commands.done("faults", "list", "--api", "pushPayment")
    assert "signature_base64url" in of_calls
    assert "gigantic" not in of_calls
    commands.done("faults", "set", "late", "--api", "pushPayment", "--ms", "5")
    commands.done("faults", "set", "slow", "--ms", "5")
    assert commands.json("faults", "clear", "--api", "pushPayment")["cleared"] == 1
    assert [setting["fault"] for setting in commands.json("faults", "list")["faults"]] == ["slow"]
