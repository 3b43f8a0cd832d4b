"""What every command has in common: exit status, one line, help, and names that mean harm."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator

import click
import pytest

from acqp_gateway.cli import output, programs
from acqp_gateway.cli.command_line import acqp_gateway
from acqp_gateway.store import merchants
from tests.cli.conftest import ORDER, CommandLine
from tests.gateway_process import free_port

HOSTILE = "[red]x\x1b[2J\u202e\x9b31m\r\n[/red] [link=http://evil.test]y"


def all_commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from all_commands(below, (*path, name))


COMMANDS = [path for path in all_commands(acqp_gateway) if path[:1] != ("sandbox",)]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(configure: CommandLine, path: tuple[str, ...]) -> None:
    text = configure.done(*path, "--help")
    assert text.startswith("Usage: acqp-gateway")
    described = text.split("\n\n")[1].strip()
    assert described
    assert not described.startswith(("Options:", "Commands:"))


def test_groups_and_commands_of_the_issue_are_there() -> None:
    expected = {
        "init",
        *("db upgrade", "db check", "keys generate", "keys show", "keys check"),
        *(f"clients {name}" for name in ("add", "list", "enable", "disable")),
        *(f"merchants {name}" for name in ["add", "list", "show", "set", "suspend", "resume", "close", "import"]),
        *(f"stores {name}" for name in ("add", "list", "suspend", "resume", "close")),
        *("contracts add", "contracts list", "contracts end", "mpps add", "mpps list", "mpps set"),
        *("registrations set", "registrations show", "decodes list"),
        *(f"orders {name}" for name in ("place", "show", "list", "close", "mark-paid", "import")),
    }
    assert expected <= {" ".join(path) for path in COMMANDS}


#: They print no data of their own, or in another form.
WITHOUT_JSON = {("serve",), ("try-out",), ("settings", "check"), ("registrations", "export")}


@pytest.mark.parametrize("path", [path for path in COMMANDS if path not in WITHOUT_JSON])
def test_every_command_that_prints_data_knows_json(path: tuple[str, ...]) -> None:
    command: click.Command = acqp_gateway
    for name in path:
        assert isinstance(command, click.Group)
        below = command.get_command(click.Context(command), name)
        assert below is not None
        command = below
    if not isinstance(command, click.Group):
        assert "--json" in [option for parameter in command.params for option in parameter.opts]


@pytest.mark.parametrize(
    "arguments",
    [("no-such-command",), ("merchants",), ("merchants", "show"), ("orders", "list", "--limit", "0"), ("--wrong",)],
)
def test_wrong_usage_is_exit_status_2(configure: CommandLine, arguments: tuple[str, ...]) -> None:
    assert configure.run(*arguments).exit_code == 2


def test_arguments_that_are_no_text_are_wrong_usage(configure: CommandLine) -> None:
    assert "is not UTF-8 text" in configure.failed("merchants", "show", os.fsdecode(b"\xff"), status=2)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ACQP_BINDD", "x", "ACQP_BINDD: no such setting; did you mean ACQP_BIND?"),
        ("ACQP_DATABASE_URL", "mysql://x/y", "mysql is not supported"),
        ("ACQP_DATABASE_URL", "no url", "database_url: not a database URL"),
        ("ACQP_WORKERS", "many", "ACQP_WORKERS: must be"),
        ("ACQP_CONFIG", "nowhere.toml", "nowhere.toml: cannot be read"),
    ],
)
def test_a_bad_setting_is_named(
    configure: CommandLine, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert said in configure.failed("merchants", "list")


def test_an_interrupt_is_exit_status_130(sqlite_commands: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(merchants, "listed", interrupted)
    assert sqlite_commands.failed("merchants", "list", status=130) == "acqp-gateway: interrupted\n"


def test_what_nobody_foresaw_is_one_line(sqlite_commands: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("first\nsecond")

    monkeypatch.setattr(merchants, "listed", broken)
    line = sqlite_commands.failed("merchants", "list")
    assert line == (
        "acqp-gateway: unexpected ZeroDivisionError: first; to see where, run it again with ACQP_LOG_LEVEL=debug\n"
    )
    monkeypatch.setenv("ACQP_LOG_LEVEL", "debug")
    result = sqlite_commands.run("merchants", "list")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


def test_names_that_mean_harm_do_none(commands: CommandLine) -> None:
    commands.open_shop()
    commands.done("merchants", "set", "M1", "--name", HOSTILE, "--display-name", HOSTILE)
    place = commands.run("orders", "place", *ORDER, "--reference-order-id", "\x1b[2J", "--terminal-id", HOSTILE)
    outputs = [
        commands.done("merchants", "list"),
        commands.done("merchants", "show", "M1"),
        place.output,
        commands.done("orders", "list"),
        commands.run("merchants", "show", "\x1b[2J").output,
        commands.done("merchants", "list", "--json"),
    ]
    for text in outputs:
        assert "\x1b" not in text
        assert "\x9b" not in text
        assert "\u202e" not in text
        assert "\r" not in text
    assert r"[red]x\x1b[2J\u202e\x9b31m\r\n[/red] [link=http://evil.test]y" in outputs[0]
    assert json.loads(outputs[-1])[0]["name"] == HOSTILE


def test_nothing_is_cut_or_coloured_off_a_terminal(sqlite_commands: CommandLine) -> None:
    name = "喫" * 256
    sqlite_commands.done("merchants", "add", "--id", "M" * 64, "--name", name, "--mcc", "5814", "--region", "JP")
    text = sqlite_commands.done("merchants", "list")
    assert len(text.splitlines()) == 2
    assert name in text
    assert "M" * 64 in text


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown_on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> str:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    records = [
        {"paymentRequestId": "2026" * 8, "amount": 1500, "currency": "USD", "merchant": "[red]M1", "store": None}
    ]
    output.show_all(records, ("paymentRequestId", "store", "amount", "merchant"), as_json=False, none="")
    return click.unstyle(terminal.getvalue())


def test_a_table_that_does_not_fit_is_shown_one_below_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = shown_on_terminal(monkeypatch, 80)
    assert [text.split() for text in wide.splitlines()] == [
        ["payment", "request", "id", "amount", "merchant"],
        ["2026" * 8, "15.00", "USD", "[red]M1"],
    ]
    narrow = shown_on_terminal(monkeypatch, 30)
    assert narrow.splitlines() == [
        f"payment request id  {'2026' * 8}",
        "amount              15.00 USD",
        "merchant            [red]M1",
    ]


def test_columns_that_are_empty_in_every_row_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "store" not in shown_on_terminal(monkeypatch, 80)


def test_no_line_ends_in_blanks_off_a_terminal(sqlite_commands: CommandLine) -> None:
    for number, more in enumerate([(), ("--display-name", "Coffee")]):
        sqlite_commands.done(
            *("merchants", "add", "--id", f"M{number}", "--name", "N", "--mcc", "5814", "--region", "JP"), *more
        )
    sqlite_commands.done("merchants", "suspend", "M1", "--reason", "fraud check")
    heading, first, second = sqlite_commands.done("merchants", "list").splitlines()
    assert (heading[-13:], first[-6:], second[-11:]) == ("status reason", "ACTIVE", "fraud check")


class Became(Exception):
    """Stands for the program that takes this one's place."""


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The programs that took this one's place, each by its arguments."""
    programs: list[list[str]] = []

    def execv(path: str, arguments: list[str]) -> None:
        assert path == sys.executable == arguments[0]
        programs.append(arguments[1:])
        raise Became

    monkeypatch.setattr(os, "execv", execv)
    return programs


@pytest.mark.parametrize(
    "arguments", [(), ("--help",), ("scan", "CODE", "--psp", "ALIPAY_CN", "--json"), ("scan", "--", "-x"), ("-h",)]
)
def test_the_sandbox_is_handed_everything(
    configure: CommandLine, program: list[list[str]], arguments: tuple[str, ...]
) -> None:
    configure.run("sandbox", *arguments)
    assert program == [["-m", "acqp_gateway.sandbox", *arguments]]


def test_serve_becomes_gunicorn(
    configure: CommandLine, program: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACQP_BIND", f"127.0.0.1:{free_port()}")
    configure.run("serve")
    assert program == [["-m", *programs.GUNICORN]]


def test_settings_are_shown_with_their_origin(configure: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACQP_DATABASE_URL", "postgresql://me:s3cret@host/gateway?sslpassword=hidden")
    (configure.folder / "config").mkdir()
    (configure.folder / "config" / "gateway.toml").write_text('threads = 4\nclient_id = "OTHER"\n')
    shown = {row["setting"]: (row["value"], row["origin"]) for row in configure.json("settings", "show")}
    assert shown["database_url"] == ("postgresql+psycopg2://me:***@host/gateway", "ACQP_DATABASE_URL")
    assert shown["threads"] == (4, "config/gateway.toml")
    assert shown["client_id"] == ("5YACQP0000000001", "ACQP_CLIENT_ID")
    assert shown["workers"] == (0, "default")
    assert "s3cret" not in configure.done("settings", "show")


def test_settings_are_checked_as_the_gateway_does(with_keys: CommandLine) -> None:
    assert with_keys.run("settings", "check").stderr == "The gateway can start with these settings.\n"
    with_keys.key("gateway-1.pem").chmod(0o644)
    assert "chmod 600" in with_keys.failed("settings", "check")
