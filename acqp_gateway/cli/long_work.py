"""What long work shows on a terminal, and how it is stopped without losing anything."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from acqp_gateway.cli import output


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.0f}/s" if speed else "")


@contextmanager
def progress(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on a terminal; nothing elsewhere, where the last line says what was done."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=output.console_of(sys.stderr), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def stop_requested() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM let the work at hand be finished first, so that it is known; twice they end at once."""
    requested: list[int] = []

    def request(number: int, _frame: FrameType | None) -> None:
        if requested:
            raise KeyboardInterrupt
        requested.append(number)

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(requested)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
