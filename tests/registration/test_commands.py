"""`acqp-gateway registrations ...` as staff use it, against the sandbox as a process."""

from __future__ import annotations

import csv
import getpass
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from acqp_gateway.clock import now
from acqp_gateway.sandbox.faults import MARKUP
from acqp_gateway.store import registrations, standings
from acqp_gateway.store.database import Store
from tests.cli.conftest import CommandLine
from tests.registration.conftest import Settings
from tests.registration.helpers import (
    ON_SQLITE_ALONE,
    add_due,
    add_merchant,
    history,
    leases,
    rows_of,
    snapshot,
)
from tests.sandbox.processes import Sandbox, entry

CHECK = ("registrations", "check")

#: options of `check` -> what its one line says.
REFUSED = {
    ("--store", "S1"): "a store needs its merchant; name it with --merchant",
    ("--merchant", ""): "merchant id must not be empty; leave it out instead",
    ("--request-id", ""): "registration request id must not be empty; leave it out instead",
    ("--request-id", "", "--merchant", "M1"): "registration request id must not be empty",
    ("--merchant", "M1", "--store", ""): "store id must not be empty; leave it out instead",
    ("--merchant", "M" * 65): "merchant id must not be longer than 64 characters",
    ("--merchant", "M1", "--store", "S" * 33): "store id must not be longer than 32 characters",
    ("--request-id", "R" * 65): "registration request id must not be longer than 64 characters",
    ("--merchant", "M9"): "no merchant M9 on record; see: acqp-gateway merchants list",
    ("--merchant", "M1", "--store", "S9"): "merchant M1 has no store S9 on record",
    ("--request-id", "R9"): "no registration request R9 on record; run first:",
    ("--merchant", "INSTORE"): "sells in stores alone; name one with --store",
    ("--merchant", "ONLINE", "--store", "S1"): "sells online alone; ask without --store",
}

#: A file's content -> what is said of it, line by line.
BAD_FILES: dict[str | bytes, list[str]] = {
    "merchant,store\nM1,S1\nM9,\n,S1\nM1,S9\nM1\nM1,S1,R1\n": [
        "line 3: no merchant M9 on record; see: acqp-gateway merchants list",
        "line 4: a store needs its merchant; name it with --merchant",
        "line 5: merchant M1 has no store S9 on record; see: acqp-gateway stores list --merchant M1",
        "line 6: has 1 cells where 2 columns are named",
        "line 7: has 3 cells where 2 columns are named",
        "5 lines of {path} are bad; nothing was asked; mend them and try again",
    ],
    "": ["line 1: the first line must name columns of these, each once: merchant, store, request_id"],
    "merchant,shop\nM1,S1\n": ["line 1: the first line must name columns of these, each once"],
    "merchant,merchant\nM1,M1\n": ["line 1: the first line must name columns of these, each once"],
    "merchant\n": ["has no lines below the names of its columns; add the questions there"],
    b"merchant\nM1\n\xff\n": ["line 3: is not UTF-8; save the file as CSV UTF-8"],
    'merchant\n"M1': ["line 2: is no CSV (unexpected end of data); nothing was asked"],
    "merchant\n" + "M" * 200_000: ["line 2: is no CSV (field larger than field limit"],
    "merchant\nM\x00\n": [
        "line 2: merchant id must not contain NUL or a lone surrogate",
        "1 line of {path} is bad; nothing was asked; mend it and try again",
    ],
}


@pytest.fixture
def merchant(store: Store) -> None:
    """M1, which sells in S1 and online, and whose registration R1 is on record with us."""
    add_merchant(store, stores=["S1"])
    standings.add_request(store, "R1", "M1", "S1", at=now())


def many(store: Store, sandbox: Sandbox, count: int, **members: Any) -> list[str]:
    """So many who are due, on record on both sides; their request ids."""
    ids = add_due(store, count)
    sandbox.done(
        "POST",
        "registrations",
        {
            "registrations": [
                {
                    "referenceMerchantId": request_id.removesuffix("-R1"),
                    "registrationRequestId": request_id,
                    "registrationStatus": "COMPLETED",
                    "pspRegistrationResultList": [entry("ALIPAY_CN", "APPROVED")],
                    **members,
                }
                for request_id in ids
            ]
        },
    )
    return ids


class TestOne:
    def test_a_table_that_says_what_to_do(self, commands: CommandLine, sandbox: Sandbox, merchant: None) -> None:
        sandbox.register(
            registrationRequestId="R1",
            registrationStatus="COMPLETED",
            pspRegistrationResultList=[
                entry("ALIPAY_CN", "APPROVED"),
                entry("GCASH", "REJECTED", "no papers"),
                entry("DANA", "PENDING"),
                entry("BPI", "ON_HOLD"),
            ],
        )
        shown = commands.done(*CHECK, "--request-id", "R1")
        lines = shown.splitlines()
        assert [line.split()[0] for line in lines if line.startswith(("ALIPAY_CN", "GCASH", "DANA", "BPI"))] == [
            "ALIPAY_CN",
            "BPI",
            "DANA",
            "GCASH",
        ]
        assert "psp name   status    product codes     since" in shown
        for text in (
            "collective status  COMPLETED",
            "no papers",
            "Nothing: the wallet's users can pay.",
            "Mend what the reason says and register again.",
            "Wait: wallets usually answer within 7 days.",
            "A status we do not know, and so not approved: ask Alipay+ support.",
        ):
            assert text in shown

    @pytest.mark.parametrize("status", ["REJECTED", "PENDING", "ON_HOLD"])
    def test_whatever_the_answer_an_authentic_one_is_a_success(
        self, commands: CommandLine, sandbox: Sandbox, store: Store, merchant: None, status: str
    ) -> None:
        sandbox.register(registrationRequestId="R1", pspRegistrationResultList=[entry("ALIPAY_CN", status)])
        found = commands.json(*CHECK, "--request-id", "R1")
        collective = "PENDING" if status == "PENDING" else "COMPLETED"
        assert (found["collectiveStatus"], found["applied"]) == (collective, True)
        assert [(psp["pspName"], psp["status"]) for psp in found["psps"]] == [("ALIPAY_CN", status)]
        assert rows_of(store, "M1", "S1") == {("ALIPAY_CN", "IN_STORE_PAYMENT"): status}
        (kept,) = history(store)
        assert (kept.triggered_by, kept.outcome, kept.asked_how, kept.applied) == (
            "kim",
            "answered",
            "request_id",
            True,
        )
        assert json.loads(kept.raw_answer)["result"]["resultCode"] == "SUCCESS"

    @pytest.mark.parametrize(
        ("options", "body"),
        [
            (("--request-id", "R1"), '{"registrationRequestId":"R1"}'),
            (("--request-id", "R1", "--merchant", "M1", "--store", "S1"), '{"registrationRequestId":"R1"}'),
            (("--merchant", "M1"), '{"referenceMerchantId":"M1"}'),
            (("--merchant", "M1", "--store", "S1"), '{"referenceMerchantId":"M1","referenceStoreId":"S1"}'),
        ],
    )
    def test_what_is_sent(
        self, commands: CommandLine, sandbox: Sandbox, merchant: None, options: tuple[str, ...], body: str
    ) -> None:
        sandbox.register(registrationRequestId="R1", referenceStoreId="S1")
        sandbox.register(registrationRequestId="R2")
        commands.done(*CHECK, *options)
        (message,) = sandbox.messages()
        assert (message["request"]["body"], message["verdict"]) == (body, "verified with key 1")

    def test_what_is_refused_is_not_sent(
        self, commands: CommandLine, sandbox: Sandbox, store: Store, merchant: None
    ) -> None:
        add_merchant(store, "INSTORE", sells="IN_STORE", stores=["S1"])
        add_merchant(store, "ONLINE", sells="ONLINE")
        before = snapshot(store)
        for options, text in REFUSED.items():
            assert text in commands.failed(*CHECK, *options)
        assert sandbox.messages() == []
        assert (history(store), snapshot(store)) == ([], before)

    @ON_SQLITE_ALONE
    def test_a_long_merchant_id_is_asked_about_with_a_warning(
        self, commands: CommandLine, sandbox: Sandbox, store: Store
    ) -> None:
        merchant_id = "M" * 33
        add_merchant(store, merchant_id)
        sandbox.register(merchant_id, registrationRequestId="R1")
        result = commands.run(*CHECK, "--merchant", merchant_id)
        assert result.exit_code == 0
        assert result.stderr == (
            f"acqp-gateway: warning: merchant id {merchant_id} is longer than 32 characters,"
            " which newer editions of the document do not allow\n"
        )

    def test_a_refusal_of_alipayplus_is_one_line_with_its_advice(
        self, commands: CommandLine, store: Store, sandbox: Sandbox, merchant: None
    ) -> None:
        before = snapshot(store)
        line = commands.failed(*CHECK, "--request-id", "R1")
        assert "Alipay+ refused: RECORD_NOT_FOUND." in line
        assert "Check the merchant and store ids; if they are right, contact Alipay+ support" in line
        assert "(the standing is as it was)" in line
        assert snapshot(store) == before
        assert [(row.outcome, row.result_code) for row in history(store)] == [("refused", "RECORD_NOT_FOUND")]

    def test_an_answer_about_an_older_request_changes_nothing_and_says_so(
        self, commands: CommandLine, sandbox: Sandbox, store: Store, merchant: None
    ) -> None:
        standings.add_request(store, "R2", "M1", "S1", at=now())
        sandbox.register(registrationRequestId="R1", pspRegistrationResultList=[entry("ALIPAY_CN", "APPROVED")])
        result = commands.run(*CHECK, "--request-id", "R1", "--json")
        assert result.exit_code == 0
        assert json.loads(result.stdout)["applied"] is False
        assert "older than what stands, or about an older request" in result.stderr
        assert rows_of(store, "M1", "S1") == {}

    def test_another_run_asks_about_it_now(
        self, commands: CommandLine, sandbox: Sandbox, store: Store, merchant: None
    ) -> None:
        standings.claim_one(store, standings.Subject("M1", "S1"), claimed_by="somebody else", at=now())
        line = commands.failed(*CHECK, "--request-id", "R1")
        assert "merchant M1 is being asked about by another run now; try again in a minute" in line
        assert sandbox.messages() == []

    @ON_SQLITE_ALONE
    def test_alipayplus_is_not_there(
        self, commands: CommandLine, store: Store, merchant: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ACQP_ALIPAYPLUS_URL", "http://127.0.0.1:1")
        line = commands.failed(*CHECK, "--request-id", "R1")
        assert "127.0.0.1:1 cannot be reached or hung up; check the address and the network" in line
        assert [(row.outcome, row.attempts) for row in history(store)] == [("unreachable", 3)]

    @ON_SQLITE_ALONE
    def test_without_a_name_the_users_number_is_kept(
        self,
        commands: CommandLine,
        sandbox: Sandbox,
        store: Store,
        merchant: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def nobody() -> str:
            raise KeyError("getpwuid(): uid not found: 4711")

        monkeypatch.setattr(getpass, "getuser", nobody)
        commands.failed(*CHECK, "--request-id", "R1")
        assert [row.triggered_by for row in history(store)] == [f"uid {os.getuid()}"]

    @ON_SQLITE_ALONE
    def test_one_way_to_ask_at_a_time(self, commands: CommandLine) -> None:
        for options in ((), ("--due", "--all"), ("--due", "--merchant", "M1"), ("--all", "--request-id", "")):
            assert "Give --request-id or --merchant for one, or one of --due, --all and --file." in commands.failed(
                *CHECK, *options, status=2
            )
        for options in (("--at-a-time", "0"), ("--at-a-time", "65"), ("--rate", "-1"), ("--rate", "nan")):
            commands.failed(*CHECK, "--due", *options, status=2)


class TestMany:
    def test_due(self, commands: CommandLine, sandbox: Sandbox, store: Store) -> None:
        ids = many(store, sandbox, 12)
        found = commands.json(*CHECK, "--due", "--rate", "0")
        assert found == {
            "asked": 12,
            "replaced": 12,
            "askedBefore": 0,
            "inOtherHands": 0,
            "outcomes": {"answered": 12},
        }
        assert sorted(message["subject"] for message in sandbox.messages()) == ids
        assert commands.json(*CHECK, "--due")["asked"] == 0
        assert leases(store) == []

    def test_the_summary_for_people(self, commands: CommandLine, sandbox: Sandbox, store: Store) -> None:
        many(store, sandbox, 3)
        sandbox.set_fault("unsigned", merchant="D001-R1")
        result = commands.run(*CHECK, "--due", "--rate", "0")
        assert result.exit_code == 1
        counts = {" ".join(words): count for *words, count in map(str.split, result.stdout.splitlines())}
        assert counts == {
            "asked": "3",
            "standings changed": "2",
            "asked by an earlier run": "0",
            "being asked by another run": "0",
            "answered": "2",
            "not authentic": "1",
        }
        assert result.stderr == "Not all were answered; see why: acqp-gateway registrations history\n"

    @ON_SQLITE_ALONE
    def test_rejected_is_an_answer(self, commands: CommandLine, sandbox: Sandbox, store: Store) -> None:
        many(store, sandbox, 2, pspRegistrationResultList=[entry("ALIPAY_CN", "REJECTED", "no papers")])
        assert commands.json(*CHECK, "--due", "--rate", "0")["outcomes"] == {"answered": 2}

    def test_all(self, commands: CommandLine, sandbox: Sandbox, store: Store) -> None:
        many(store, sandbox, 3)
        for _ in range(2):
            assert commands.json(*CHECK, "--all", "--rate", "0")["asked"] == 3

    def test_what_somebody_else_asks_about_is_said(
        self, commands: CommandLine, sandbox: Sandbox, store: Store
    ) -> None:
        many(store, sandbox, 3)
        standings.claim_one(store, standings.Subject("D001", None), claimed_by="somebody else", at=now())
        result = commands.run(*CHECK, "--all", "--rate", "0", "--json")
        assert (result.exit_code, json.loads(result.stdout)["inOtherHands"]) == (0, 1)
        assert "Another run asks about the others now, or was killed less than a minute ago" in result.stderr

    def test_a_run_that_is_gone_on_with_says_so(self, commands: CommandLine, sandbox: Sandbox, store: Store) -> None:
        many(store, sandbox, 3)
        standings.claim_one(store, standings.Subject("D001", None), claimed_by="somebody else", at=now())
        commands.run(*CHECK, "--all", "--rate", "0")
        standings.release(store, claimed_by="somebody else")
        result = commands.run(*CHECK, "--all", "--rate", "0", "--json")
        assert (json.loads(result.stdout)["asked"], json.loads(result.stdout)["askedBefore"]) == (1, 2)
        assert result.stderr == "2 had been asked already by the run that this one went on with.\n"

    @ON_SQLITE_ALONE
    def test_many_at_a_time_on_a_terminal(self, settings: Settings, sandbox: Sandbox, store: Store) -> None:
        many(store, sandbox, 70)
        sandbox.done("PUT", "latency", {"ms": 100})
        shown = on_a_terminal(settings(), *CHECK, "--due", "--rate", "0", "--at-a-time", "64").decode()
        assert "asking Alipay+" in shown
        assert re.search(r"\d+/70", shown)
        # No library says anything of its own.
        assert "onnection pool" not in shown
        assert "answered" in shown


class TestFile:
    @pytest.fixture
    def file(self, commands: CommandLine) -> Any:
        """Writes the file; the options that name it."""

        def written(text: str | bytes) -> tuple[str, ...]:
            path = commands.folder / "questions.csv"
            path.write_bytes(text.encode() if isinstance(text, str) else text)
            return (*CHECK, "--file", str(path), "--rate", "0")

        return written

    def test_each_line_is_a_question(
        self, commands: CommandLine, sandbox: Sandbox, store: Store, merchant: None, file: Any
    ) -> None:
        sandbox.register(registrationRequestId="R1", referenceStoreId="S1")
        sandbox.register(registrationRequestId="R2")
        options = file("\ufeffmerchant,store,request_id\r\nM1,S1,\r\n,,R1\r\n\r\n M1 ,,\r\n,,R1\r\n")
        assert commands.json(*options)["outcomes"] == {"answered": 3}
        bodies = [json.loads(message["request"]["body"]) for message in sandbox.messages()]
        assert sorted(map(json.dumps, bodies)) == [
            '{"referenceMerchantId": "M1", "referenceStoreId": "S1"}',
            '{"referenceMerchantId": "M1"}',
            '{"registrationRequestId": "R1"}',
        ]
        assert commands.json(*options)["asked"] == 3

    def test_bad_ones_are_named_before_anything_is_asked(
        self, commands: CommandLine, sandbox: Sandbox, store: Store, merchant: None, file: Any
    ) -> None:
        before, path = snapshot(store), str(commands.folder / "questions.csv")
        for text, lines in BAD_FILES.items():
            result = commands.run(*file(text))
            assert (result.exit_code, result.stdout) == (1, "")
            shown = result.stderr.splitlines()
            for expected, line in zip(lines, shown, strict=True):
                assert expected.format(path=path) in line
                assert path in line
        assert (sandbox.messages(), history(store), snapshot(store)) == ([], [], before)

    @ON_SQLITE_ALONE
    def test_a_large_one_is_to_be_split(self, commands: CommandLine, file: Any) -> None:
        assert "is larger than 16 MiB; split it" in commands.failed(*file(b"merchant\n" + b"x" * 16 * 1024 * 1024))

    @ON_SQLITE_ALONE
    def test_none_at_all(self, commands: CommandLine) -> None:
        assert "does not exist" in commands.failed(*CHECK, "--file", "nowhere.csv", status=2)


class TestLists:
    def test_add_and_list(self, commands: CommandLine, store: Store, merchant: None) -> None:
        added = commands.json("registrations", "add", "--request-id", "R2", "--merchant", "M1")
        assert added == {"registrationRequestId": "R2", "merchant": "M1", "store": None}
        listed = commands.json("registrations", "list")
        assert [(row["store"], row["registrationRequestId"], row["askedAt"]) for row in listed] == [
            (None, "R2", None),
            ("S1", "R1", None),
        ]
        assert "R1" in commands.done("registrations", "list", "--merchant", "M1")
        assert "R2 is on record already" in commands.failed(
            "registrations", "add", "--request-id", "R2", "--merchant", "M1"
        )

    def test_history(self, commands: CommandLine, sandbox: Sandbox, merchant: None) -> None:
        assert commands.run("registrations", "history").stderr.startswith("Nothing was asked yet; ask: acqp-gateway")
        sandbox.register(registrationRequestId="R1", referenceStoreId="S1")
        commands.done(*CHECK, "--request-id", "R1")
        sandbox.set_fault("http_500")
        commands.failed(*CHECK, "--merchant", "M1", "--store", "S1")
        newest, oldest = commands.json("registrations", "history", "--merchant", "M1")
        assert (newest["outcome"], newest["askedHow"], newest["applied"], newest["triggeredBy"]) == (
            "not_ok",
            "merchant_store",
            False,
            "kim",
        )
        assert (oldest["outcome"], oldest["registrationRequestId"], oldest["applied"]) == ("answered", "R1", True)
        assert json.loads(oldest["rawAnswer"])["result"]["resultCode"] == "SUCCESS"
        assert newest["rawAnswer"] == "the sandbox was told to fail\n"
        assert newest["durationMs"] > 0
        assert len(commands.json("registrations", "history", "--request-id", "R1")) == 1
        assert commands.json("registrations", "history", "--needs-person") == []
        assert "not_ok" in commands.done("registrations", "history")


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "\t=1", "\r\n=1", "＝1+1", "﹣1", "\u200b=1"]


class TestExport:
    def exported(self, commands: CommandLine, *more: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(commands.done("registrations", "export", "--csv", *more), newline="")))

    def test_every_row(self, commands: CommandLine, store: Store, merchant: None) -> None:
        registrations.set_by_hand(
            store, "M1", "S1", "GCASH", ["A", "B"], status="REJECTED", rejection_reason='said "no", twice', at=now()
        )
        rows = self.exported(commands)
        assert [(row["productCode"], row["status"], row["rejectionReason"]) for row in rows] == [
            ("A", "REJECTED", 'said "no", twice'),
            ("B", "REJECTED", 'said "no", twice'),
        ]
        assert list(rows[0]) == ["merchant", "store", "pspName", "productCode", "status", "rejectionReason", "since"]
        assert self.exported(commands, "out.csv") == []
        with (commands.folder / "out.csv").open(newline="", encoding="utf-8") as file:
            assert list(csv.DictReader(file)) == rows

    def test_no_cell_is_taken_for_a_formula(self, commands: CommandLine, store: Store, merchant: None) -> None:
        for number, text in enumerate(FORMULAS):
            registrations.set_by_hand(
                store, "M1", None, "GCASH", [f"P{number}"], status="REJECTED", rejection_reason=text, at=now()
            )
        cells = [row["rejectionReason"] for row in self.exported(commands)]
        assert len(cells) == len(FORMULAS)
        assert all(cell.isprintable() and cell.startswith(("'", "\\")) for cell in cells)

    @ON_SQLITE_ALONE
    def test_nothing_else_is_touched(self, commands: CommandLine, store: Store, merchant: None) -> None:
        reason = "1+1=2 for a@b.example, 日本 🙂"
        registrations.set_by_hand(
            store, "M1", None, "GCASH", ["A"], status="REJECTED", rejection_reason=reason, at=now()
        )
        assert self.exported(commands)[0]["rejectionReason"] == reason


class TestHostileReason:
    """Markup, escape sequences and 100 kB in a rejectionReason."""

    @pytest.fixture(autouse=True)
    def hostile(self, sandbox: Sandbox, merchant: None) -> None:
        sandbox.register(registrationRequestId="R1", referenceStoreId="S1")
        sandbox.set_fault("markup")

    @staticmethod
    def assert_harmless(shown: str) -> None:
        assert "<script>" in shown
        assert all(character.isprintable() or character == "\n" for character in shown)
        assert len(shown) < 10_000

    def test_wherever_it_is_shown(self, commands: CommandLine) -> None:
        self.assert_harmless(commands.done(*CHECK, "--request-id", "R1"))
        self.assert_harmless(commands.done("registrations", "show", "--merchant", "M1", "--store", "S1"))
        history = commands.done("registrations", "history")
        assert "answered" in history
        assert history.replace("\n", "").isprintable()
        printed = commands.done("registrations", "history", "--json")
        assert printed.isascii()
        assert len(json.loads(printed)[0]["rawAnswer"]) > 100_000
        (psp,) = commands.json("registrations", "show", "--merchant", "M1", "--store", "S1")["psps"]
        assert len(psp["rejectionReason"]) == 1024
        assert psp["rejectionReason"].startswith(MARKUP)

    def test_in_a_spreadsheet(self, commands: CommandLine) -> None:
        commands.done(*CHECK, "--request-id", "R1")
        exported = commands.done("registrations", "export", "--csv")
        assert exported.replace("\n", "").isprintable()
        (row,) = csv.DictReader(io.StringIO(exported, newline=""))
        assert row["rejectionReason"].startswith("<script>")
        assert "\\x1b[2J" in row["rejectionReason"]

    @ON_SQLITE_ALONE
    def test_on_a_real_terminal(self, commands: CommandLine, settings: Settings) -> None:
        shown = on_a_terminal(settings(), *CHECK, "--request-id", "R1")
        assert b"<script>" in shown
        assert b"\x1b[2J" not in shown
        assert b"\x1b]0;" not in shown
        assert "\u202e".encode() not in shown


def on_a_terminal(environment: Mapping[str, str], *arguments: str) -> bytes:
    """What a command writes on a terminal of 80 columns."""
    reader, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from acqp_gateway.cli import main; main()", *arguments],
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    try:
        while piece := os.read(reader, 65_536):
            shown += piece
    except OSError:
        # The terminal is gone with its last writer.
        pass
    finally:
        os.close(reader)
    assert process.wait(20) == 0, shown
    return shown
