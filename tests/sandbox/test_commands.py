"""`acqp-gateway sandbox ...`: what a person and a script read, and what is said when no sandbox answers."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from acqp_gateway.errors import CallFailed
from acqp_gateway.sandbox import __main__ as program
from acqp_gateway.sandbox import alipayplus
from acqp_gateway.sandbox.commands import output
from tests.gateway_process import free_port
from tests.sandbox.processes import Sandbox
from tests.sandbox.test_notify import gateway

NASTY = "\x1b[31m[bold]</b>[/nothing]\u202e\u200b\n=1+1"


class CommandLine:
    """Runs `acqp-gateway sandbox` in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self._monkeypatch.setattr(sys, "argv", ["acqp-gateway sandbox", *arguments])
        with pytest.raises(SystemExit) as ended:
            program.run()
        printed = self._capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    def done(self, *arguments: str) -> str:
        """What a command that succeeds prints as data."""
        status, out, err = self.run(*arguments)
        assert status == 0, err
        return out

    def json(self, *arguments: str) -> Any:
        """What a command that succeeds prints as JSON."""
        out = self.done(*arguments, "--json")
        assert out.isascii()
        return json.loads(out)

    def failed(self, *arguments: str) -> str:
        """The one line of a command that fails."""
        status, out, err = self.run(*arguments)
        assert (status, out) == (1, "")
        assert err.startswith("acqp-gateway: ")
        assert err.count("\n") == 1
        return err


@pytest.fixture
def commands(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The commands for the sandbox that runs."""
    for name, value in sandbox.process.settings.items():
        if name.startswith("ACQP_"):
            monkeypatch.setenv(name, value)
    return CommandLine(monkeypatch, capsys)


def columns(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def test_registrations_are_set_and_listed(commands: CommandLine) -> None:
    out = commands.done(
        *("registrations", "set", "--merchant", "M1", "--store", "S1", "--request-id", "R1"),
        *("--psp", "ALIPAY_CN=APPROVED", "--psp", "GCASH=REJECTED", "--reason", "papers missing"),
    )
    heading, first, second = (columns(line) for line in out.splitlines())
    assert heading == ["merchant", "store", "request id", "status", "MPP", "products", "status there", "reason"]
    assert first == ["M1", "S1", "R1", "COMPLETED", "ALIPAY_CN", "IN_STORE_PAYMENT", "APPROVED"]
    assert second[4:] == ["GCASH", "IN_STORE_PAYMENT", "REJECTED", "papers missing"]
    assert commands.done("registrations", "list", "--merchant", "M1") == out
    assert commands.json("registrations", "list", "--request-id", "R1")[0]["registrationRequestId"] == "R1"


def test_lists_that_are_null_missing_or_empty(commands: CommandLine) -> None:
    for form in ("null", "missing"):
        assert f"(list {form})" in commands.done("registrations", "set", "--merchant", "M1", "--list", form)
    assert "(list empty)" in commands.done("registrations", "set", "--merchant", "M1")
    answer = commands.json("registrations", "set", "--merchant", "M1", "--list", "null")
    assert answer["registrations"][0]["pspRegistrationResultList"] is None


def test_registrations_are_forgotten(commands: CommandLine) -> None:
    for name in ("M1", "M2"):
        commands.done("registrations", "set", "--merchant", name)
    commands.done("registrations", "delete", "--merchant", "M1")
    assert [found["referenceMerchantId"] for found in commands.json("registrations", "list")] == ["M2"]
    status, _, err = commands.run("registrations", "delete", "--all")
    assert (status, err) == (0, "1 registrations are forgotten.\n")
    status, out, err = commands.run("registrations", "list")
    assert (status, out) == (0, "")
    assert "No registration is on record" in err


def test_faults_are_set_listed_and_cleared(commands: CommandLine) -> None:
    out = commands.done("faults", "set", "slow", "--times", "2", "--ms", "5", "--merchant", "M1")
    assert columns(out.splitlines()[1]) == ["slow", "inquiryRegistrationStatus", "2", "M1", "5"]
    listed = commands.done("faults", "list")
    assert "gigantic" in listed
    assert "slow" in listed.splitlines()[-1]
    assert commands.json("faults", "list")["faults"][0]["times"] == 2
    assert commands.json("faults", "clear", "unsigned")["cleared"] == 0
    assert commands.json("faults", "clear")["faults"] == []
    assert commands.run("faults", "latency", "3") == (0, "", "Every answer is kept waiting for 3 ms.\n")
    assert commands.json("faults", "list")["latencyMs"] == 3
    assert commands.run("faults", "latency", "0") == (0, "", "No answer is kept waiting.\n")


def test_history_briefly_in_full_and_cleared(commands: CommandLine, sandbox: Sandbox) -> None:
    sandbox.set_fault("unsigned", times=1)
    sandbox.send(sandbox.request("M1"))
    heading, line = commands.done("history").splitlines()
    assert columns(heading)[3:] == ["about", "signature", "fault", "result"]
    assert columns(line)[1:] == [
        "received",
        "inquiryRegistrationStatus",
        "M1",
        "verified with key 1",
        "unsigned",
        "RECORD_NOT_FOUND",
    ]
    full = commands.done("history", "--full")
    assert "signed text: POST /aps/api/v1/merchants/inquiryRegistrationStatus\\n5YACQP0000000001." in full
    assert "Answer: 200 OK" in full
    assert commands.json("history")[0]["fault"] == "unsigned"
    commands.done("history", "--clear")
    assert commands.json("history") == []


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [40, 200])
def test_a_table_that_does_not_fit_becomes_blocks(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    rows = [("2026-11-20 10:00:00Z", "received", None, "M" * 20), ("2026-11-20 10:00:01Z", None, None, "M1")]
    output.table(("time", "direction", "fault", "about"), rows, none="")
    lines = [re.split(r" {2,}", line.strip()) for line in click.unstyle(terminal.getvalue()).splitlines()]
    if width == 200:
        assert lines == [
            ["time", "direction", "about"],
            ["2026-11-20 10:00:00Z", "received", "M" * 20],
            ["2026-11-20 10:00:01Z", "M1"],
        ]
    else:
        assert lines == [
            ["time", "2026-11-20 10:00:00Z"],
            ["direction", "received"],
            ["about", "M" * 20],
            [""],
            ["time", "2026-11-20 10:00:01Z"],
            ["about", "M1"],
        ]


def test_no_line_ends_in_blanks_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("time", "result"), [("1", "SUCCESS"), ("2", None)], none="")
    assert capsys.readouterr().out == "time  result\n1     SUCCESS\n2\n"


@pytest.mark.parametrize(
    ("options", "psp_id"),
    [
        (("--psp", "GCASH"), "1022170000000000000"),
        (("--psp", "1022170000000000000"), "1022170000000000000"),
        (("--psp-id", "GCAHS"), "GCAHS"),
        ((), None),
    ],
)
def test_what_scans_is_a_published_mpp_or_said_to_be_none(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], psp_id: str | None
) -> None:
    asked: list[str | None] = []

    def scan(*_: object, psp: str | None, **__: object) -> None:
        asked.append(psp)
        raise CallFailed("enough")

    monkeypatch.setattr(alipayplus, "scan", scan)
    assert "enough" in commands.failed("scan", "CODE", *options)
    assert asked == [psp_id]


def test_an_mpp_that_is_not_published_is_wrong_usage(commands: CommandLine) -> None:
    status, out, err = commands.run("scan", "CODE", "--psp", "GCAHS")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1] == (
        "Error: no MPP GCAHS is published; did you mean GCASH? To send it as a pspId all the same: --psp-id GCAHS"
    )
    status, _, err = commands.run("scan", "CODE", "--psp", "999")
    assert status == 2
    assert "no MPP 999 is published; there are ALIPAY_CN, " in err


def test_an_answer_that_was_not_sent_is_said_in_full(commands: CommandLine, sandbox: Sandbox) -> None:
    sandbox.set_fault("hangs_up", times=1)
    with pytest.raises(ConnectionError):
        sandbox.send(sandbox.request("M1"))
    assert "Answer: none" in commands.done("history", "--full")


def test_what_comes_from_outside_does_nothing_to_the_terminal(commands: CommandLine, sandbox: Sandbox) -> None:
    commands.done(
        *("registrations", "set", "--merchant", NASTY, "--psp", f"{NASTY}=REJECTED"),
        *("--reason", NASTY * 100, "--status", NASTY),
    )
    sandbox.send(sandbox.request(NASTY))
    for arguments in (("history", "--full"), ("registrations", "list"), ("history",)):
        out = commands.done(*arguments)
        assert all(character.isprintable() or character == "\n" for character in out)
    for arguments in (("registrations", "list"), ("history",)):
        assert "\\x1b[31m[bold]</b>[/nothing]\\u202e\\u200b\\n=1+1" in commands.done(*arguments)
    line = commands.failed("registrations", "set", "--merchant", "M2", "--request-id", "R" * 65)
    assert line.isprintable() or line.endswith("\n")


def test_notify_says_what_came_of_it(commands: CommandLine, sandbox: Sandbox) -> None:
    sandbox.register()
    status, out, err = commands.run("notify", "--merchant", "M1")
    assert (status, out) == (1, "")
    assert "was not notified" in err
    with gateway(sandbox):
        status, out, err = commands.run("notify", "--request-id", "M1-R1")
        assert (status, out) == (0, "")
        assert err.endswith("S SUCCESS, signature verified\n")
        assert commands.json("notify", "--merchant", "M1")[0]["answered"] is True
        assert commands.run("registrations", "set", "--merchant", "M1", "--notify")[0] == 0
    refusal = b'{"result":{"resultCode":"PROCESS_FAIL","resultStatus":"F"}}'
    with gateway(sandbox, answer=refusal, is_signed=False):
        status, _, err = commands.run("registrations", "set", "--merchant", "M1", "--notify")
    assert status == 1
    assert err.startswith("Refused by ")
    assert err.endswith("F PROCESS_FAIL, NOT SIGNED\n")
    assert "no such registration is on record" in commands.failed("notify", "--merchant", "M9")


@pytest.mark.parametrize(
    "arguments",
    [
        ("registrations", "list"),
        ("registrations", "set", "--merchant", "M1"),
        ("registrations", "delete", "--all"),
        ("faults", "list"),
        ("faults", "set", "unsigned"),
        ("faults", "clear"),
        ("faults", "latency", "0"),
        ("history",),
        ("notify", "--merchant", "M1"),
    ],
)
def test_without_a_sandbox_the_next_step_is_named(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ACQP_SANDBOX_BIND", f"127.0.0.1:{free_port()}")
    assert "run: acqp-gateway sandbox serve" in commands.failed(*arguments)


def test_without_a_token_the_next_step_is_named(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ACQP_SANDBOX_DIR", str(tmp_path / "nothing"))
    assert "run: acqp-gateway sandbox serve" in commands.failed("history")


def test_the_token_of_another_sandbox_is_said_so(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "control-token").write_text("x" * 43)
    (tmp_path / "control-token").chmod(0o600)
    monkeypatch.setenv("ACQP_SANDBOX_DIR", str(tmp_path))
    assert "has another token" in commands.failed("history")


@pytest.mark.parametrize(
    "arguments",
    [
        ("registrations", "set"),
        ("registrations", "set", "--merchant", "M1", "--psp", "ALIPAY_CN"),
        ("registrations", "set", "--merchant", "M1", "--psp", "=APPROVED"),
        ("registrations", "set", "--merchant", "M1", "--psp", "A=B", "--list", "missing"),
        ("registrations", "delete"),
        ("registrations", "delete", "--all", "--merchant", "M1"),
        ("faults", "set", "explodes"),
        ("faults", "set", "unsigned", "--times", "0"),
        ("faults", "latency", "-1"),
        ("notify",),
        ("notify", "--store", "S1"),
        ("history", "--limit", "0"),
        ("scan", "CODE", "--psp", "GCASH", "--psp-id", "1"),
        ("nothing",),
    ],
)
def test_a_wrong_call_ends_with_2(commands: CommandLine, arguments: tuple[str, ...]) -> None:
    status, out, err = commands.run(*arguments)
    assert (status, out) == (2, "")
    assert "Usage:" in err


def test_ctrl_c_ends_without_a_traceback(commands: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program.main, "main", interrupt)
    assert commands.run("history")[0] == 130


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a b", "a b"), ("é漢", "é漢"), ("\x1b\x07\r\n", "\\x1b\\x07\\r\\n"), ("\u2028\u202e", "\\u2028\\u202e")],
)
def test_plain(text: str, shown: str) -> None:
    assert output.plain(text) == shown
