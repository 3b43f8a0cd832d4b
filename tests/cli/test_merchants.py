"""`merchants`, `stores`, `contracts`, `mpps` and `registrations`, on both stores."""

from __future__ import annotations

import re

import pytest

from acqp_gateway.cli.registration_checks import show_summary
from acqp_gateway.registration.batch import Summary
from tests.cli.conftest import CommandLine

MERCHANT_MEMBERS = {
    "merchant",
    "name",
    "displayName",
    "mcc",
    "region",
    "state",
    "city",
    "address1",
    "address2",
    "zipCode",
    "kybLevel",
    "sells",
    "status",
    "statusReason",
    "statusSince",
    "addedAt",
}
ADD = ("merchants", "add", "--id", "M1", "--name", "Corner Coffee", "--mcc", "5814", "--region", "JP")


def test_a_new_merchant_is_active_with_sufficient_kyb(commands: CommandLine) -> None:
    merchant = commands.json(*ADD, "--zip-code", "1500043")
    assert set(merchant) == MERCHANT_MEMBERS
    assert merchant["zipCode"] == "1500043"
    assert (merchant["status"], merchant["kybLevel"], merchant["sells"]) == ("ACTIVE", "FULL", "BOTH")
    assert commands.json("merchants", "list") == [merchant]
    assert commands.json("merchants", "show", "M1") == {**merchant, "stores": [], "contracts": []}


def test_an_id_is_taken_once(commands: CommandLine) -> None:
    commands.done(*ADD)
    assert "see: acqp-gateway merchants show M1" in commands.failed(*ADD)


def test_members_are_changed_one_by_one_and_taken_away(commands: CommandLine) -> None:
    before = commands.json(*ADD, "--display-name", "Coffee")
    after = commands.json("merchants", "set", "M1", "--kyb-level", "failed", "--display-name", "", "--mcc", "5812")
    assert after == {**before, "kybLevel": "FAILED", "displayName": None, "mcc": "5812"}
    assert "must not be empty" in commands.failed("merchants", "set", "M1", "--name", "")
    assert "Nothing to change" in commands.failed("merchants", "set", "M1", status=2)


def test_suspend_resume_and_close_for_good(commands: CommandLine) -> None:
    commands.done(*ADD)
    suspended = commands.json("merchants", "suspend", "M1", "--reason", "fraud check")
    assert (suspended["status"], suspended["statusReason"]) == ("SUSPENDED", "fraud check")
    again = commands.run("merchants", "suspend", "M1", "--json")
    assert again.exit_code == 0
    assert "Merchant M1 is suspended already; nothing was changed." in again.stderr
    assert [row["merchant"] for row in commands.json("merchants", "list", "--status", "suspended")] == ["M1"]
    assert commands.json("merchants", "resume", "M1")["status"] == "ACTIVE"
    closed = commands.run("merchants", "close", "M1")
    assert closed.exit_code == 0
    assert "for good" in closed.stderr
    assert "closed for good" in commands.failed("merchants", "resume", "M1")


def test_stores_of_a_merchant(commands: CommandLine) -> None:
    commands.open_shop()
    store = commands.json("stores", "add", "--merchant", "M1", "--id", "S2", "--name", "Ueno", "--phone-no", "03-1")
    assert (store["merchant"], store["store"], store["phoneNo"], store["status"]) == ("M1", "S2", "03-1", "ACTIVE")
    assert [row["store"] for row in commands.json("stores", "list", "--merchant", "M1")] == ["S1", "S2"]
    assert commands.json("stores", "suspend", "S2", "--merchant", "M1")["status"] == "SUSPENDED"
    assert commands.json("stores", "resume", "S2", "--merchant", "M1")["status"] == "ACTIVE"
    assert commands.json("stores", "close", "S2", "--merchant", "M1", "--reason", "moved")["status"] == "CLOSED"
    assert "acqp-gateway stores list --merchant M1" in commands.failed("stores", "suspend", "S3", "--merchant", "M1")
    assert "acqp-gateway stores list --merchant M1" in commands.failed(
        "stores", "add", "--merchant", "M1", "--id", "S1", "--name", "Again"
    )
    assert "acqp-gateway merchants list" in commands.failed("stores", "list", "--merchant", "M9")


def test_a_merchant_sells_online_alone_once_its_stores_are_closed(commands: CommandLine) -> None:
    commands.open_shop()
    line = commands.failed("merchants", "set", "M1", "--sells", "ONLINE")
    assert "acqp-gateway stores list --merchant M1" in line
    commands.done("stores", "close", "S1", "--merchant", "M1")
    assert commands.json("merchants", "set", "M1", "--sells", "ONLINE")["sells"] == "ONLINE"


def test_contracts_are_entered_and_ended(commands: CommandLine) -> None:
    commands.done(*ADD)
    add = ("contracts", "add", "--merchant", "M1", "--currency", "USD", "--max-amount", "150050")
    contract = commands.json(*add, "--from", "2026-01-01T00:00:00+09:00", "--kyb-level", "full")
    assert contract == {
        "contract": 1,
        "merchant": "M1",
        "product": "IN_STORE_ORDER_CODE",
        "currency": "USD",
        "maxAmount": 150050,
        "settlementCurrency": "USD",
        "requiredKybLevel": "FULL",
        "inForceFrom": "2025-12-31T15:00:00.000+00:00",
        "inForceTo": None,
        "inForce": True,
    }
    assert "1500.50 USD" in commands.done("contracts", "list")
    assert "run first: acqp-gateway contracts end 1" in commands.failed(*add)
    ended = commands.json("contracts", "end", "1", "--at", "2026-06-01T00:00:00Z")
    assert (ended["inForceTo"], ended["inForce"]) == ("2026-06-01T00:00:00.000+00:00", False)
    assert "acqp-gateway contracts list --merchant M1" in commands.failed("contracts", "end", "1")
    assert "acqp-gateway contracts list" in commands.failed("contracts", "end", "77")
    assert "contract             2\n" in commands.done(*add)
    assert [row["contract"] for row in commands.json("contracts", "list", "--merchant", "M1")] == [1, 2]


def test_mpps_are_added_listed_and_set(commands: CommandLine) -> None:
    added = commands.json("mpps", "add", "--psp", "NEW_WALLET", "--id", "1", "--no-registration-required")
    assert added == {"pspName": "NEW_WALLET", "pspId": "1", "registrationRequired": False}
    assert commands.json("mpps", "set", "NEW_WALLET", "--registration-required")["registrationRequired"] is True
    assert added["pspName"] in [row["pspName"] for row in commands.json("mpps", "list")]
    assert "acqp-gateway mpps list" in commands.failed("mpps", "add", "--psp", "NEW_WALLET", "--id", "2")
    assert "acqp-gateway mpps list" in commands.failed("mpps", "set", "OLD", "--registration-required")
    assert "--no-registration-required" in commands.failed("mpps", "set", "NEW_WALLET", status=2)


def test_a_standing_is_shown_as_documented(commands: CommandLine) -> None:
    commands.open_shop()
    shown = commands.json("registrations", "show", "--merchant", "M1", "--store", "S1")
    [psp] = shown.pop("psps")
    assert shown == {"merchant": "M1", "store": "S1"}
    assert psp.pop("since").endswith("+00:00")
    assert psp == {
        "pspName": "ALIPAY_CN",
        "productCodes": ["IN_STORE_PAYMENT"],
        "status": "APPROVED",
        "rejectionReason": None,
    }
    own = commands.json("registrations", "show", "--merchant", "M1")
    assert own == {"merchant": "M1", "store": None, "psps": []}


def test_products_that_stand_alike_are_shown_together(commands: CommandLine) -> None:
    commands.open_shop()
    of_store = ("registrations", "set", "--merchant", "M1", "--store", "S1")
    products = ("--product-code", "CASHIER_PAYMENT", "--product-code", "AGREEMENT_PAYMENT")
    shown = commands.json(*of_store, "--psp", "TNG", "--status", "REJECTED", "--reason", "no sign", *products)
    assert [(psp["pspName"], psp["productCodes"], psp["rejectionReason"]) for psp in shown["psps"]] == [
        ("ALIPAY_CN", ["IN_STORE_PAYMENT"], None),
        ("TNG", ["AGREEMENT_PAYMENT", "CASHIER_PAYMENT"], "no sign"),
    ]
    # The next one differs in one product alone.
    shown = commands.json(*of_store, "--psp", "TNG", "--status", "APPROVED", "--product-code", "CASHIER_PAYMENT")
    assert [(psp["productCodes"], psp["status"]) for psp in shown["psps"][1:]] == [
        (["AGREEMENT_PAYMENT"], "REJECTED"),
        (["CASHIER_PAYMENT"], "APPROVED"),
    ]


def test_an_unknown_mpp_is_refused_with_the_nearest_name(commands: CommandLine) -> None:
    commands.done(*ADD)
    enter = ("registrations", "set", "--merchant", "M1", "--status", "APPROVED", "--psp")
    assert "did you mean ALIPAY_CN?" in commands.failed(*enter, "alipaycn")
    assert "acqp-gateway mpps list" in commands.failed(*enter, "SOMETHING_ELSE")
    shown = commands.json(*enter, "SOMETHING_ELSE", "--unknown-mpp")
    assert [psp["pspName"] for psp in shown["psps"]] == ["SOMETHING_ELSE"]


def test_a_status_that_nobody_knows_is_kept_with_a_warning(commands: CommandLine) -> None:
    commands.done(*ADD)
    result = commands.run("registrations", "set", "--merchant", "M1", "--psp", "TNG", "--status", "APROVED")
    assert result.exit_code == 0
    assert "counts as not approved" in result.stderr


def test_help_says_what_a_new_merchant_is_where_one_is_made(configure: CommandLine) -> None:
    assert "FULL otherwise" in configure.done("merchants", "add", "--help")
    changing = configure.done("merchants", "set", "--help")
    assert "otherwise" not in changing
    assert "new merchant" not in changing


def test_a_history_that_is_empty_says_what_is_true(sqlite_commands: CommandLine) -> None:
    def said(*filters: str) -> str:
        result = sqlite_commands.run("registrations", "history", *filters)
        assert (result.exit_code, result.stdout) == (0, "")
        return result.stderr

    ask = "No check or notification of these is on record; ask: acqp-gateway registrations check"
    assert said() == "Nothing was asked yet; ask: acqp-gateway registrations check\n"
    assert said("--needs-person") == "Nothing waits for a person.\n"
    assert said("--needs-person", "--merchant", "M9") == "Nothing of these waits for a person.\n"
    assert said("--merchant", "M9", "--store", "S1") == f"{ask} --merchant M9 --store S1\n"
    assert said("--request-id", "R1") == f"{ask} --request-id R1\n"
    assert said("--store", "S1") == f"{ask} --merchant ID --store S1\n"


def test_when_nothing_is_due_that_is_said(with_keys: CommandLine) -> None:
    result = with_keys.run("registrations", "check", "--due")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "Nothing is due.\n")
    result = with_keys.run("registrations", "check", "--all")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "No registration is on record; enter one: acqp-gateway registrations add\n"
    assert with_keys.json("registrations", "check", "--due")["asked"] == 0


def test_a_summary_for_people_is_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    summary = Summary(outcomes={"answered": 1, "not_authentic": 2}, applied=1, finished=True, asked_before=4)
    show_summary(summary, nothing_to_ask="", as_json=False)
    assert [re.split(r" {2,}", line) for line in capsys.readouterr().out.splitlines()] == [
        ["asked", "3"],
        ["standings changed", "1"],
        ["asked by an earlier run", "4"],
        ["being asked by another run", "0"],
        ["answered", "1"],
        ["not authentic", "2"],
    ]


@pytest.mark.parametrize("flag", [(), ("--csv",)])
def test_an_export_is_csv_whether_that_is_said_or_not(sqlite_commands: CommandLine, flag: tuple[str, ...]) -> None:
    sqlite_commands.open_shop()
    heading, row = sqlite_commands.done("registrations", "export", *flag).splitlines()
    assert heading.startswith("merchant,store,")
    assert row.startswith("M1,S1,ALIPAY_CN,")


def test_a_list_says_when_there_is_more(sqlite_commands: CommandLine) -> None:
    for number in range(3):
        sqlite_commands.done("merchants", "add", "--id", f"M{number}", *ADD[4:])
    result = sqlite_commands.run("merchants", "list", "--limit", "2", "--json")
    assert result.stderr == "The first 2 are shown; --limit shows more.\n"
    assert sqlite_commands.run("merchants", "list", "--limit", "3").stderr == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--name", "Coffee", "--mcc", "58", "--region", "JP"), "mcc must be"),
        (("--name", "Coffee", "--mcc", "5814", "--region", "Japan"), "region must be"),
        (("--name", "x" * 257, "--mcc", "5814", "--region", "JP"), "name must not be longer"),
    ],
)
def test_a_bad_member_is_named(sqlite_commands: CommandLine, arguments: tuple[str, ...], named: str) -> None:
    assert named in sqlite_commands.failed("merchants", "add", "--id", "M1", *arguments)
    assert sqlite_commands.json("merchants", "list") == []
