"""What a person or a script reads: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

_LONGEST_CELL = 200
#: What is not read on a terminal is never wrapped.
_NO_TERMINAL_WIDTH = 1_000_000

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def plain(text: str) -> str:
    """The text with every character spelt out that could steer a terminal; `isprintable` knows them."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def print_json(value: Any) -> None:
    """Print one line of JSON; pure ASCII, so that no terminal is steered by it."""
    click.echo(json.dumps(value))


def message(text: str) -> None:
    """Tell the person something that is no data."""
    click.echo(plain(text), err=True)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, none: str) -> None:
    """Print rows as a table, or say with `none` that there are none."""
    if not rows:
        message(none)
        return
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, heading in enumerate(headings):
        drawn.add_column(heading, overflow="fold", no_wrap=number == 0)
    for row in rows:
        drawn.add_row(*(Text(_cell(value)) for value in row))
    console().print(drawn)


def pairs(members: Mapping[str, object]) -> None:
    """Print names and values, one a line."""
    width = max(map(len, members), default=0)
    for name, value in members.items():
        click.echo(f"{plain(name).ljust(width)}  {plain('' if value is None else str(value))}")


def console() -> Console:
    """rich's console on standard output: no colours and no width when it is no terminal."""
    is_terminal = sys.stdout.isatty()
    return Console(
        force_terminal=is_terminal,
        width=None if is_terminal else _NO_TERMINAL_WIDTH,
        markup=False,
        emoji=False,
        highlight=False,
    )


def _cell(value: object) -> str:
    text = plain("" if value is None else str(value))
    return text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}... ({len(text)} characters)"
