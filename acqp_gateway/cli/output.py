"""What a person or a script reads: data on standard output, everything else on standard error.

A record is a mapping of the documents' own member names. As JSON it is printed as it is; for a person it becomes
a list of names and values or a table, and nothing that came from outside can do anything to the terminal.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from acqp_gateway.protocol.currencies import written

Record = Mapping[str, Any]
Columns = Sequence[str]

Item = TypeVar("Item")

#: The members that hold an amount in the minor units of the record's `currency`; scripts get them as they are.
AMOUNTS = ("amount", "maxAmount")

#: Wider than any table: what is not read on a terminal is never wrapped.
_NO_TERMINAL_WIDTH = 1_000_000

#: The two joiners that Indic scripts and emoji are written with; other invisible characters are spelt out.
_JOINERS = "\u200c\u200d"
_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(text: str) -> str:
    """The text with every character spelt out that would steer a terminal or the direction of writing."""
    return "".join(character if _is_plain(character) else _spelt_out(character) for character in text)


def _is_plain(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _HIDDEN_CATEGORIES


def _spelt_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def message(text: str) -> None:
    """Tell the person something that is no data."""
    click.echo(visible(text), err=True)


def warn(text: str) -> None:
    """Tell the person about something that needs an eye, though the command goes on."""
    message(f"acqp-gateway: warning: {text}")


def status_changed(what: str, status: str, *, changed: bool) -> None:
    """Tell the person what became of a merchant, store or order; nothing at all when it was so before."""
    spoken = status.lower()
    if not changed:
        message(f"{what} is {spoken} already; nothing was changed.")
    else:
        message(f"{what} is {spoken} now{', for good' if status == 'CLOSED' else ''}.")


def error(text: str) -> None:
    """Say in one line why the command was refused or failed."""
    message(f"acqp-gateway: {' '.join(text.split())}")


def print_json(value: Any) -> None:
    """Print one line of JSON; pure ASCII, so that any locale can carry it and no terminal is steered by it."""
    click.echo(json.dumps(value, default=_json_form))


def _json_form(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def show(record: Record, *, as_json: bool, tables: Mapping[str, Columns] | None = None) -> None:
    """Print one record. Members that are lists of records are named in `tables`, each with its columns."""
    if as_json:
        print_json(record)
        return
    tables = tables or {}
    _print_members(record, [name for name in record if name not in tables])
    for name, columns in tables.items():
        click.echo(f"\n{_heading(name)}:" + ("" if record[name] else " none"))
        _print_table(record[name], columns)


def show_all(records: Sequence[Record], columns: Columns, *, as_json: bool, none: str) -> None:
    """Print a list of records: all members as a JSON array, or the `columns` as a table; `none` says it is empty."""
    if as_json:
        print_json(list(records))
    elif records:
        _print_table(records, columns)
    else:
        message(none)


def cut(rows: Sequence[Item], limit: int) -> Sequence[Item]:
    """The first `limit` of rows that were asked for with one more; says so when there are more."""
    if len(rows) > limit:
        message(f"The first {limit} are shown; --limit shows more.")
    return rows[:limit]


def console_of(stream: TextIO) -> Console:
    """rich's console on a stream: no colours and no width when it is no terminal."""
    is_terminal = stream.isatty()
    return Console(
        file=stream,
        force_terminal=is_terminal,
        width=None if is_terminal else _NO_TERMINAL_WIDTH,
        markup=False,
        emoji=False,
        highlight=False,
    )


def _print_members(record: Record, names: Columns) -> None:
    shown = {_heading(name): _for_people(record, name) for name in names if record[name] is not None}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        # Not by rich: a long id is to be copied from the terminal in one piece.
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {value}".rstrip(" "))


def _print_table(records: Sequence[Record], columns: Columns) -> None:
    if not records:
        return
    console = console_of(sys.stdout)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    rows = [[_for_people(record, name) for name in columns] for record in records]
    filled = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    for number in filled:
        table.add_column(Text(_heading(columns[number])), no_wrap=True)
    for row in rows:
        table.add_row(*(Text(row[number]) for number in filled))
    unbounded = console.options.update(width=_NO_TERMINAL_WIDTH)
    if Measurement.get(console, unbounded, table).maximum <= console.width:
        _print_without_trailing_blanks(console, table)
    else:
        _print_one_below_the_other(records, columns)


def _print_without_trailing_blanks(console: Console, table: Table) -> None:
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().removesuffix("\n").split("\n"):
        click.echo(line.rstrip(" "))


def _print_one_below_the_other(records: Sequence[Record], columns: Columns) -> None:
    """For a terminal that is too narrow for the table: ids stay whole."""
    for number, record in enumerate(records):
        if number:
            click.echo()
        _print_members(record, columns)


def _heading(name: str) -> str:
    """paymentRequestId -> payment request id."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()


def _for_people(record: Record, name: str) -> str:
    value = record[name]
    if name in AMOUNTS and value is not None:
        return written(value, record["currency"])
    return visible(_written(value))


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    if isinstance(value, (list, tuple, dict)):
        return _written_together(value)
    return str(value)


def _written_together(value: list[Any] | tuple[Any, ...] | dict[str, Any]) -> str:
    if not isinstance(value, dict) and all(isinstance(member, str) for member in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, default=_json_form)
