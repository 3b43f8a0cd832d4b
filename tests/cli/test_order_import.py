"""`orders import`: nothing when a line is bad, batches that are known, and a way to continue."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from typing import Any

import pytest

from acqp_gateway.cli import order_file, order_import
from acqp_gateway.errors import StoreUnavailable
from acqp_gateway.orders import placing
from acqp_gateway.store import orders
from acqp_gateway.store.database import Store
from tests.cli.conftest import CommandLine

ORDER = {"merchant": "M1", "store": "S1", "amount": 1500, "currency": "JPY", "description": "2 lattes"}


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_import, "BATCH_SIZE", 2)
    monkeypatch.setattr(order_file, "BATCH_SIZE", 2)


def line(**changes: Any) -> str:
    return json.dumps({**ORDER, **changes})


def write(commands: CommandLine, lines: Sequence[str | bytes]) -> str:
    encoded = [text if isinstance(text, bytes) else text.encode() for text in lines]
    (commands.folder / "orders.jsonl").write_bytes(b"\n".join(encoded))
    return "orders.jsonl"


def printed(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in stdout.splitlines()]


def test_every_line_becomes_an_order(commands: CommandLine) -> None:
    commands.open_shop()
    path = write(
        commands,
        [
            b"\xef\xbb\xbf" + line(codeValue="c1", store=None).encode(),
            "",
            line(codeValue="c3", referenceOrderId="A-3", terminalId="T1", expiresIn=60),
            line(codeValue="c4", terminalRequestTime="2026-11-20T10:00:00+09:00"),
            line(goods=[{"goodsName": "ラテ", "goodsUnitAmount": 750, "goodsQuantity": 2}]),
            line(),
        ],
    )
    result = commands.run("orders", "import", path, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == "5 orders were placed.\n"
    rows = printed(result.stdout)
    assert [row["line"] for row in rows] == [1, 3, 4, 5, 6]
    assert [row["codeValue"] for row in rows[:3]] == ["c1", "c3", "c4"]
    placed = {order["paymentRequestId"]: order for order in commands.json("orders", "list")}
    assert [placed[row["paymentRequestId"]]["codeValue"] for row in rows] == [row["codeValue"] for row in rows]
    third = placed[rows[1]["paymentRequestId"]]
    assert (third["referenceOrderId"], third["terminalId"]) == ("A-3", "T1")
    assert placed[rows[3]["paymentRequestId"]]["goods"][0]["goodsName"] == "ラテ"


def test_one_bad_line_and_nothing_is_placed(commands: CommandLine) -> None:
    commands.open_shop()
    commands.place("--code-value", "taken")
    bad: dict[int, tuple[str | bytes, str]] = {
        2: ("[]", "is not one JSON object"),
        3: ('{"merchant": "M1"', "is not one JSON object"),
        4: (b'{"merchant": "\xff"}', "is not one JSON object"),
        5: (line(merchant="M9"), "no merchant M9 on record"),
        6: (line(store="S9"), "no store S9 on record"),
        7: (line(amount="1500"), "amount must be a whole number"),
        8: (line(amount=True), "amount must be a whole number"),
        9: (line(amount=1.5), "amount must be a whole number"),
        10: (line(amount=-1), "amount must be"),
        11: (line(description=None), "description is missing"),
        12: (line(colour="red"), "colour is not known"),
        13: (line(terminalRequestTime="yesterday"), "terminalRequestTime must be"),
        14: (line(codeValue="twice"), ""),
        15: (line(codeValue="twice"), "codeValue stands in line 14 already"),
        16: (line(codeValue="taken"), "codeValue belongs to an order on record already"),
        17: (line(goods=[{"goodsUnitAmount": 1, "goodsQuantity": 1}]), "the goods add up to 1 JPY"),
        18: (line(merchant="M\x001"), "merchant must not contain NUL"),
        19: (line(description="\ud800"), "description must not contain NUL or a lone surrogate"),
        20: ('{"amount": 1, "amount": 2}', "json_repeated_name"),
        21: (line(expiresIn=0), "expires in must be"),
        22: ("[" * 100_000, "json_too_deep"),
        23: (line(amount=10**30), "amount must be"),
    }
    path = write(commands, [line(), *(text for text, _ in bad.values())])
    result = commands.run("orders", "import", path, "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    *said, last = result.stderr.splitlines()
    expected = {number: reason for number, (_, reason) in bad.items() if reason}
    assert last == (
        f"acqp-gateway: {len(expected)} lines of orders.jsonl are bad; nothing was imported; mend them and try again"
    )
    assert [text.split(":")[0] for text in said] == [f"orders.jsonl, line {number}" for number in expected]
    assert [reason for text, reason in zip(said, expected.values(), strict=True) if reason not in text] == []
    assert len(commands.json("orders", "list")) == 1


def test_a_line_without_end_is_refused(sqlite_commands: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_file, "LARGEST_LINE_BYTES", 2048)
    sqlite_commands.open_shop()
    path = write(sqlite_commands, [line(description="x" * 5000), line(merchant="M9")])
    result = sqlite_commands.run("orders", "import", path)
    assert "line 1: is longer than 2 KiB" in result.stderr
    assert "line 2: no merchant M9" in result.stderr


def test_an_import_goes_on_from_a_line(commands: CommandLine) -> None:
    commands.open_shop()
    path = write(commands, [line(codeValue=f"c{number}") for number in range(1, 6)])
    commands.place("--code-value", "c1")
    result = commands.run("orders", "import", path, "--from-line", "2", "--json")
    assert [row["line"] for row in printed(result.stdout)] == [2, 3, 4, 5]
    assert "holds no order from line 9 on" in commands.failed("orders", "import", path, "--from-line", "9")


def test_ctrl_c_lets_the_batch_at_hand_be_placed(commands: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    commands.open_shop()
    path = write(commands, [line() for _ in range(5)])
    place_all = placing.place_all

    def interrupted(*arguments: Any, **options: Any) -> list[str]:
        os.kill(os.getpid(), signal.SIGINT)
        return place_all(*arguments, **options)

    monkeypatch.setattr(placing, "place_all", interrupted)
    result = commands.run("orders", "import", path, "--json")
    assert result.exit_code == 130
    assert [row["line"] for row in printed(result.stdout)] == [1, 2]
    assert result.stderr == (
        "2 orders were placed; to continue: acqp-gateway orders import orders.jsonl --from-line 3\n"
    )
    monkeypatch.setattr(placing, "place_all", place_all)
    rest = commands.run("orders", "import", path, "--json", "--from-line", "3")
    assert [row["line"] for row in printed(rest.stdout)] == [3, 4, 5]
    assert len(commands.json("orders", "list")) == 5


@pytest.mark.parametrize(("was_placed", "next_line"), [(False, 3), (True, 5)])
def test_a_store_that_fails_midway_leaves_no_doubt(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch, was_placed: bool, next_line: int
) -> None:
    commands.open_shop()
    path = write(commands, [line() for _ in range(6)])
    place_all = placing.place_all
    batches: list[int] = []

    def failing(*arguments: Any, **options: Any) -> list[str]:
        batches.append(1)
        if len(batches) == 2:
            if was_placed:
                place_all(*arguments, **options)
            raise StoreUnavailable("gone")
        return place_all(*arguments, **options)

    monkeypatch.setattr(placing, "place_all", failing)
    result = commands.run("orders", "import", path)
    assert result.exit_code == 1
    assert f"orders import orders.jsonl --from-line {next_line}\n" in result.stderr
    assert f"{next_line - 1} orders were placed" in result.stderr
    assert "acqp-gateway: the store does not answer (gone)" in result.stderr


def test_a_store_that_stays_away_leaves_a_way_to_find_out(
    sqlite_commands: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_commands.open_shop()
    path = write(sqlite_commands, [line() for _ in range(2)])

    def gone(*_arguments: Any, **_options: Any) -> Any:
        raise StoreUnavailable("gone")

    def gone_for_codes(_store: Store, codes: Sequence[str]) -> Any:
        return gone() if codes else set()

    monkeypatch.setattr(placing, "place_all", gone)
    monkeypatch.setattr(orders, "taken_codes", gone_for_codes)
    result = sqlite_commands.run("orders", "import", path)
    assert result.exit_code == 1
    assert "Whether lines 1 to 2 were placed is not known" in result.stderr
    assert "acqp-gateway orders list --code https://pay.acqp.example/" in result.stderr
    assert "continue with --from-line 3" in result.stderr
