"""What is wrong with a file that is imported, line by line, before anything of it is done."""

from __future__ import annotations

from pathlib import Path

from acqp_gateway.cli import output
from acqp_gateway.errors import IllegalValue

MOST_LINES_SHOWN = 50


class BadLines:
    """The bad lines of one file, of which nothing was `done`. The first are shown, all are counted."""

    def __init__(self, path: Path, *, done: str = "imported") -> None:
        self._path = path
        self._done = done
        self._shown: list[tuple[int, str]] = []
        self._count = 0

    def add(self, number: int, reason: str) -> None:
        """Line `number`, counted from 1, is bad."""
        self._count += 1
        if self._count <= MOST_LINES_SHOWN:
            self._shown.append((number, reason))

    def refuse_if_any(self) -> None:
        """Name the bad lines on standard error. Raises IllegalValue when there are any."""
        if not self._count:
            return
        for number, reason in sorted(self._shown):
            output.message(f"{self._path}, line {number}: {reason}")
        if self._count > MOST_LINES_SHOWN:
            output.message(f"... and {self._count - MOST_LINES_SHOWN} more bad lines")
        lines, them = ("1 line", "it") if self._count == 1 else (f"{self._count} lines", "them")
        raise IllegalValue(
            f"{lines} of {self._path} {'is' if self._count == 1 else 'are'} bad; nothing was {self._done};"
            f" mend {them} and try again"
        )
