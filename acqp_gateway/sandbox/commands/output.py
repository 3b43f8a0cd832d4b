"""What a person or a script reads: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.measure import Measurement
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


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, none: str, folded: bool = False) -> None:
    """Print rows as a table, or say with `none` that there are none.

    On a terminal that is too narrow each row becomes a block of names and values, unless cells may be `folded`.
    """
    if not rows:
        message(none)
        return
    cells = [[_cell(value) for value in row] for row in rows]
    filled = [number for number in range(len(headings)) if any(row[number] for row in cells)]
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number in filled:
        drawn.add_column(headings[number], overflow="fold", no_wrap=number == 0 or not folded)
    for row in cells:
        drawn.add_row(*(Text(row[number]) for number in filled))
    screen = console()
    unbounded = screen.options.update(width=_NO_TERMINAL_WIDTH)
    if folded or Measurement.get(screen, unbounded, drawn).maximum <= screen.width:
        _print_without_trailing_blanks(screen, drawn)
    else:
        _print_blocks(headings, cells)


def _print_without_trailing_blanks(screen: Console, drawn: Table) -> None:
    if screen.is_terminal:
        screen.print(drawn)
        return
    with screen.capture() as captured:
        screen.print(drawn)
    for line in captured.get().removesuffix("\n").split("\n"):
        click.echo(line.rstrip(" "))


def _print_blocks(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for number, row in enumerate(rows):
        if number:
            click.echo()
        pairs({heading: cell for heading, cell in zip(headings, row, strict=True) if cell})


def pairs(members: Mapping[str, object]) -> None:
    """Print names and values, one a line."""
    width = max(map(len, members), default=0)
    for name, value in members.items():
        click.echo(f"{plain(name).ljust(width)}  {plain('' if value is None else str(value))}".rstrip(" "))


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
