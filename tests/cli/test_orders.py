"""`orders` and `decodes`, on both stores."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from acqp_gateway import settings
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import Attempt, Decodes, Pin
from tests.cli.conftest import ORDER, CommandLine

ORDER_MEMBERS = {
    "paymentRequestId",
    "codeValue",
    "state",
    "referenceOrderId",
    "merchant",
    "store",
    "amount",
    "currency",
    "description",
    "goods",
    "terminalId",
    "terminalRequestTime",
    "placedAt",
    "expiresAt",
    "stateSince",
    "stateReason",
    "firstDecodedAt",
}
ALIPAY_CN = "1022088000000000001"


def decode(code_value: str, psp_id: str | None = ALIPAY_CN) -> None:
    """Record a decode as the gateway does."""
    store = Store(settings.load().database_url)
    decodes = Decodes(store, pool_size=1)
    at = datetime.now(UTC)
    with decodes.transaction() as transaction:
        found = transaction.look_up(code_value, psp_id)
        attempt = Attempt(
            decoded_at=at,
            code_value=code_value,
            payment_request_id=found.order.payment_request_id if found else None,
            psp_id=psp_id,
            customer_id="C1",
            result_code="SUCCESS" if found else "INVALID_CODE",
            reason="" if found else "unknown_code",
            duration_us=1500,
        )
        first = found is not None and found.order.pinned_answer is None
        transaction.record(attempt, pin=Pin(code_value, at, b"{}", 1500, "JPY") if first else None)
    decodes.close()
    store.close()


def seconds_between(one: str, other: str) -> float:
    return (datetime.fromisoformat(other) - datetime.fromisoformat(one)).total_seconds()


def test_a_placed_order_is_printed_whole(commands: CommandLine) -> None:
    commands.open_shop()
    terminal = ("--terminal-id", "T1", "--terminal-request-time", "2026-11-20T10:00:00+09:00")
    order = commands.place(*terminal, "--reference-order-id", "A-1", "--expires-in", "60")
    assert set(order) == ORDER_MEMBERS
    assert (order["state"], order["amount"], order["currency"]) == ("OPEN", 1500, "JPY")
    assert (order["merchant"], order["store"], order["referenceOrderId"]) == ("M1", "S1", "A-1")
    assert order["terminalRequestTime"] == "2026-11-20T01:00:00.000+00:00"
    assert seconds_between(order["placedAt"], order["expiresAt"]) == 60
    shown = commands.json("orders", "show", order["paymentRequestId"])
    assert shown == {**order, "decodes": [], "payments": [], "messages": []}


def test_what_is_left_out_is_made(commands: CommandLine) -> None:
    commands.open_shop()
    order = commands.place()
    assert order["codeValue"].startswith("https://pay.acqp.example/281006040001")
    assert order["referenceOrderId"]
    assert seconds_between(order["placedAt"], order["expiresAt"]) == 600


def test_a_code_and_goods_of_one_s_own(commands: CommandLine) -> None:
    commands.open_shop()
    goods = [{"goodsName": "latte", "goodsUnitAmount": 750, "goodsQuantity": 2}]
    order = commands.place("--code-value", "my code", "--goods", json.dumps(goods))
    assert (order["codeValue"], order["goods"]) == ("my code", goods)
    assert "a code is used for one order alone" in commands.failed(
        "orders", "place", *ORDER, "--code-value", "my code"
    )


def test_a_person_sees_the_code_as_a_qr(sqlite_commands: CommandLine) -> None:
    sqlite_commands.open_shop()
    result = sqlite_commands.run("orders", "place", *ORDER)
    assert result.stderr == ""
    assert "payment request id  " in result.stdout
    assert "amount              1500 JPY\n" in result.stdout
    assert "█▀▀" in result.stdout


def test_placing_says_what_a_scan_would_be_refused_with(commands: CommandLine) -> None:
    commands.open_shop()
    commands.done("merchants", "suspend", "M1")
    result = commands.run("orders", "place", *ORDER, "--json")
    assert result.exit_code == 0
    assert result.stderr == (
        "acqp-gateway: warning: scanned now, it would be refused: INVALID_MERCHANT_STATUS (merchant_suspended);"
        " see: acqp-gateway merchants show M1\n"
    )
    order = json.loads(result.stdout)
    assert order["state"] == "OPEN"
    assert order["firstDecodedAt"] is None
    assert commands.json("decodes", "list", "--code", order["codeValue"]) == []


def test_placing_without_a_registration_says_where_to_look(commands: CommandLine) -> None:
    commands.open_shop()
    place = ("orders", "place", "--merchant", "M1", "--amount", "1500", "--currency", "JPY", "--description", "x")
    commands.done("stores", "add", "--merchant", "M1", "--id", "S2", "--name", "Ueno")
    refused = "refused: MERCHANT_NOT_REGISTERED (not_registered_anywhere);"
    see = "see: acqp-gateway registrations show --merchant M1"
    assert commands.run(*place).stderr.endswith(f"{refused} {see}\n")
    assert commands.run(*place, "--store", "S2").stderr.endswith(f"{refused} {see} --store S2\n")


def test_an_order_is_shown_and_closed_by_its_code_too(commands: CommandLine) -> None:
    commands.open_shop()
    order = commands.place("--code-value", "my code")
    decode("my code")
    shown = commands.json("orders", "show", "my code")
    assert shown == commands.json("orders", "show", order["paymentRequestId"])
    assert len(shown["decodes"]) == 1
    assert "no order nobody's on record" in commands.failed("orders", "show", "nobody's")
    assert commands.json("orders", "close", "my code")["state"] == "CLOSED"
    assert "is CLOSED and cannot become PAID" in commands.failed("orders", "mark-paid", "my code")
    assert "no order nobody's on record" in commands.failed("orders", "close", "nobody's")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--merchant", "M9"), "acqp-gateway merchants list"),
        (("--store", "S9"), "acqp-gateway stores list --merchant M1"),
        (("--currency", "yen"), "currency must be"),
        (("--currency", "IDR", "--amount", "1501"), "must end in 00"),
        (("--goods", '[{"goodsName": 5}]'), "goods line 1: goodsName must be"),
        (("--code-value", "x" * 513), "code value must not be longer"),
        (("--code-value", ""), "code value must not be empty"),
    ],
)
def test_an_order_that_cannot_be_is_refused(sqlite_commands: CommandLine, change: tuple[str, ...], said: str) -> None:
    sqlite_commands.open_shop()
    assert said in sqlite_commands.failed("orders", "place", *ORDER, *change)
    assert sqlite_commands.json("orders", "list") == []


@pytest.mark.parametrize(
    "change",
    [
        ("--amount", "15.00"),
        ("--amount", "0"),
        ("--expires-in", "0"),
        ("--terminal-request-time", "2026-11-20T10:00:00"),
        ("--terminal-request-time", "9999-12-31T23:59:59-23:59"),
        ("--terminal-request-time", "2026-13-20T10:00:00Z"),
        ("--goods", "{}"),
        ("--goods", "["),
        ("--goods", "[" * 100_000),
        ("--unknown",),
    ],
)
def test_wrong_usage_is_exit_status_2(configure: CommandLine, change: tuple[str, ...]) -> None:
    configure.failed("orders", "place", *ORDER, *change, status=2)


def test_a_paid_order_stays_paid(commands: CommandLine) -> None:
    commands.open_shop()
    payment_request_id = commands.place()["paymentRequestId"]
    paid = commands.json("orders", "mark-paid", payment_request_id, "--reason", "seen on the statement")
    assert (paid["state"], paid["stateReason"]) == ("PAID", "seen on the statement")
    again = commands.run("orders", "mark-paid", payment_request_id)
    assert (again.exit_code, "already" in again.stderr) == (0, True)
    line = commands.failed("orders", "close", payment_request_id)
    assert f"see: acqp-gateway orders show {payment_request_id}" in line
    assert commands.json("orders", "show", payment_request_id)["state"] == "PAID"


def test_a_closed_order_stays_closed(commands: CommandLine) -> None:
    commands.open_shop()
    payment_request_id = commands.place()["paymentRequestId"]
    assert commands.json("orders", "close", payment_request_id)["state"] == "CLOSED"
    assert "is CLOSED" in commands.failed("orders", "mark-paid", payment_request_id)


def test_an_order_past_its_time_is_expired_before_anybody_writes_so(commands: CommandLine) -> None:
    with time_machine.travel(datetime(2026, 11, 20, 9, 0, tzinfo=UTC), tick=False) as travel:
        commands.open_shop()
        short, long = commands.place("--expires-in", "60"), commands.place("--expires-in", "600")
        travel.shift(60)
        expired = commands.json("orders", "list", "--state", "expired")
        still_open = commands.json("orders", "list", "--state", "open")
        shown = commands.json("orders", "show", short["paymentRequestId"])
    assert [order["paymentRequestId"] for order in expired] == [short["paymentRequestId"]]
    assert [order["paymentRequestId"] for order in still_open] == [long["paymentRequestId"]]
    assert (shown["state"], shown["stateSince"]) == ("EXPIRED", short["expiresAt"])


def test_orders_are_found(commands: CommandLine) -> None:
    commands.open_shop()
    first = commands.place("--reference-order-id", "A-1")["paymentRequestId"]
    second = commands.place("--code-value", "mine")["paymentRequestId"]

    def found(*filters: str) -> list[Any]:
        return [order["paymentRequestId"] for order in commands.json("orders", "list", *filters)]

    assert found() == [second, first]
    assert found("--merchant", "M1", "--limit", "1") == [second]
    assert found("--reference-order-id", "A-1") == [first]
    assert found("--code", "mine") == [second]
    assert found("--state", "PAID") == []
    assert first in commands.done("orders", "list")
    assert "acqp-gateway merchants list" in commands.failed("orders", "list", "--merchant", "M9")
    assert "acqp-gateway orders list" in commands.failed("orders", "show", "X")


def test_decodes_are_listed_by_order_and_by_code(commands: CommandLine) -> None:
    commands.open_shop()
    order = commands.place()
    code = order["codeValue"]
    decode(code, psp_id="1")
    decode(code)
    by_order = commands.json("decodes", "list", "--order", order["paymentRequestId"])
    assert by_order == commands.json("decodes", "list", "--code", code)
    assert [(row["resultCode"], row["reason"], row["pspName"], row["pspId"]) for row in by_order] == [
        ("SUCCESS", "", "ALIPAY_CN", ALIPAY_CN),
        ("SUCCESS", "", None, "1"),
    ]
    assert by_order[0]["durationMs"] == 1.5
    assert set(by_order[0]) == {
        *("time", "resultCode", "reason", "codeValue", "paymentRequestId"),
        *("pspId", "pspName", "customerId", "durationMs"),
    }
    shown = commands.json("orders", "show", order["paymentRequestId"])
    assert shown["firstDecodedAt"] is not None
    assert shown["decodes"] == by_order
    table = commands.done("orders", "show", order["paymentRequestId"])
    assert "ALIPAY_CN" in table
    assert len(commands.json("decodes", "list", "--code", code, "--limit", "1")) == 1


def test_a_decode_of_no_order_is_found_by_its_code(commands: CommandLine) -> None:
    decode("nobody's")
    [row] = commands.json("decodes", "list", "--code", "nobody's")
    assert (row["resultCode"], row["paymentRequestId"]) == ("INVALID_CODE", None)
    assert "INVALID_CODE" in commands.done("decodes", "list", "--code", "nobody's")
    assert commands.json("decodes", "list", "--code", "never seen") == []
    assert "acqp-gateway orders list" in commands.failed("decodes", "list", "--order", "X")


@pytest.mark.parametrize("arguments", [(), ("--code", "x", "--order", "y")])
def test_decodes_need_either_a_code_or_an_order(configure: CommandLine, arguments: tuple[str, ...]) -> None:
    configure.failed("decodes", "list", *arguments, status=2)
