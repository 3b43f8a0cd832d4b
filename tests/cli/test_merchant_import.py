"""`merchants import`: all rows or none, each bad one named by its line."""

from __future__ import annotations

import pytest

from acqp_gateway.cli import merchant_file
from tests.cli.conftest import CommandLine

HEADER = "merchant_id,name,mcc,region"


def write(commands: CommandLine, content: str | bytes) -> str:
    encoded = content if isinstance(content, bytes) else content.encode()
    (commands.folder / "merchants.csv").write_bytes(encoded)
    return "merchants.csv"


def bad_lines(commands: CommandLine, content: str | bytes) -> list[str]:
    """What is said about a file that is refused; nothing of it is entered."""
    before = commands.json("merchants", "list")
    result = commands.run("merchants", "import", write(commands, content))
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert commands.json("merchants", "list") == before
    return result.stderr.splitlines()


@pytest.mark.parametrize("byte_order_mark", [b"", b"\xef\xbb\xbf"])
def test_all_rows_are_entered(commands: CommandLine, byte_order_mark: bytes) -> None:
    content = (
        "name, region,mcc,merchant_id,kyb_level,display_name,address1\r\n"
        'Corner Coffee,JP,5814,M1,,,"1-1 Dogenzaka\nShibuya"\r\n'
        "\r\n"
        "喫茶店,JP,5814,M2,BASIC,Kissaten,\r\n"
    ).encode()
    imported = commands.json("merchants", "import", write(commands, byte_order_mark + content))
    assert imported == {"imported": 2, "merchants": ["M1", "M2"]}
    first, second = commands.json("merchants", "list")
    assert (first["kybLevel"], first["displayName"], first["address1"]) == ("FULL", None, "1-1 Dogenzaka\nShibuya")
    assert (second["name"], second["kybLevel"], second["address1"]) == ("喫茶店", "BASIC", None)


def test_one_row_is_one_merchant(sqlite_commands: CommandLine) -> None:
    path = write(sqlite_commands, f"{HEADER}\nM1,Corner Coffee,5814,JP\n")
    assert sqlite_commands.run("merchants", "import", path).stderr == "1 merchant was entered.\n"
    path = write(sqlite_commands, f"{HEADER}\nM1,Corner Coffee,5814,JP\n")
    last = sqlite_commands.run("merchants", "import", path).stderr.splitlines()[-1]
    assert last == "acqp-gateway: 1 line of merchants.csv is bad; nothing was imported; mend it and try again"


def test_one_bad_row_and_nothing_is_entered(commands: CommandLine) -> None:
    commands.done("merchants", "add", "--id", "M0", "--name", "There", "--mcc", "5814", "--region", "JP")
    lines = bad_lines(
        commands,
        f"{HEADER}\n"
        "M1,Good,5814,JP\n"
        'M2,"two\nlines",58,JP\n'
        "M3,,5814,JP\n"
        "M4,Short,5814\n"
        "M1,Again,5814,JP\n"
        "M0,There already,5814,JP\n"
        "../x,Odd id,5814,JP\n",
    )
    assert [line.split(" must", 1)[0] for line in lines] == [
        "merchants.csv, line 3: mcc",
        "merchants.csv, line 5: name",
        "merchants.csv, line 6: has 3 cells where 4 columns are named",
        "merchants.csv, line 7: merchant M1 stands in line 2 already",
        "merchants.csv, line 8: merchant M0 is on record already",
        "merchants.csv, line 9: merchant id",
        "acqp-gateway: 6 lines of merchants.csv are bad; nothing was imported; mend them and try again",
    ]


def test_the_first_fifty_bad_rows_are_named(sqlite_commands: CommandLine) -> None:
    lines = bad_lines(sqlite_commands, f"{HEADER}\n" + "M1,Bad,x,JP\n" * 60)
    assert len(lines) == 52
    assert lines[49].startswith("merchants.csv, line 51: ")
    assert lines[50] == "... and 10 more bad lines"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: the column merchant_id is missing"),
        (f"{HEADER}\n", "has no rows"),
        ("merchant_id,name,mcc\nM1,A,5814\n", "line 1: the column region is missing"),
        (f"{HEADER},colour\nM1,A,5814,JP,red\n", "line 1: no column 'colour' is known"),
        ("merchant_id;name;mcc;region\n", "separated by commas"),
        (f"{HEADER},mcc\nM1,A,5814,JP,5814\n", "line 1: the column mcc appears twice"),
        (f'{HEADER}\nM1,A,5814,JP\nM2,"never closed,5814,JP\n', "line 3: is no CSV"),
        (f"{HEADER}\nM1,Caf\xe9,5814,JP\n".encode("latin-1"), "line 2: is not UTF-8"),
        (f"{HEADER}\n".encode("utf-16"), "line 1: is not UTF-8"),
        (f"{HEADER}\nM1,A\x00B,5814,JP\n", "line 2: name must not contain NUL"),
    ],
)
def test_a_file_that_cannot_be_read_as_one_says_why(
    sqlite_commands: CommandLine, content: str | bytes, said: str
) -> None:
    assert any(said in line for line in bad_lines(sqlite_commands, content))


def test_a_file_that_is_too_large_is_refused(sqlite_commands: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merchant_file, "LARGEST_FILE_BYTES", 40)
    assert "import it in several parts" in bad_lines(sqlite_commands, f"{HEADER}\nM1,Good,5814,JP\n")[0]


def test_a_file_that_is_not_there_is_wrong_usage(sqlite_commands: CommandLine) -> None:
    assert "does not exist" in sqlite_commands.failed("merchants", "import", "nowhere.csv", status=2)
