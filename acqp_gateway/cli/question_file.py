"""A CSV file of registrations to ask about: columns merchant, store and request_id, each line one question."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from acqp_gateway.cli.bad_lines import BadLines
from acqp_gateway.errors import CommandRefused, IllegalValue
from acqp_gateway.registration.asking import Question, question
from acqp_gateway.store.database import Store

#: column -> which of the ids it is.
_COLUMNS = {"merchant": "merchant_id", "store": "store_id", "request_id": "registration_request_id"}
_LARGEST_FILE_BYTES = 16 * 1024 * 1024

_Ids = dict[str, str | None]


class QuestionFile:
    """The questions of one file; `source` names its content, so that a run over it can be gone on with.

    Raises IllegalValue for a file that is too large, no CSV or without the columns' names.
    """

    def __init__(self, path: str, store: Store) -> None:
        self._path = Path(path)
        self._store = store
        with self._path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
        if len(content) > _LARGEST_FILE_BYTES:
            raise IllegalValue(f"{path}: is larger than {_LARGEST_FILE_BYTES // 2**20} MiB; split it")
        self.source = "FILE " + hashlib.sha256(content).hexdigest()
        self._text = self._decoded(content)
        self._columns = self._read_columns()

    def check(self) -> int:
        """Check every line before anything is asked, and count them. Raises IllegalValue naming the bad ones."""
        bad = BadLines(self._path, done="asked")
        count = 0
        for number, cells in self._lines():
            count += 1
            try:
                self._question(cells)
            except CommandRefused as refusal:
                bad.add(number, str(refusal))
        bad.refuse_if_any()
        if not count:
            raise IllegalValue(f"{self._path}: has no lines below the names of its columns; add the questions there")
        return count

    def questions(self) -> Iterator[Question]:
        """The question of each line."""
        for _, cells in self._lines():
            yield self._question(cells)

    def _question(self, cells: list[str]) -> Question:
        if len(cells) != len(self._columns):
            raise IllegalValue(f"has {len(cells)} cells where {len(self._columns)} columns are named")
        ids: _Ids = dict.fromkeys(_COLUMNS.values())
        for column, cell in zip(self._columns, cells, strict=True):
            ids[_COLUMNS[column]] = cell.strip() or None
        return question(self._store, **ids)

    def _read_columns(self) -> list[str]:
        cells = next(self._rows(), (1, []))[1]
        columns = [cell.strip() for cell in cells]
        if not columns or not set(columns) <= _COLUMNS.keys() or len(set(columns)) < len(columns):
            raise IllegalValue(
                f"{self._path}, line 1: the first line must name columns of these, each once: {', '.join(_COLUMNS)}"
            )
        return columns

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """(number of its first line, cells) of each line below the columns' names that is not blank."""
        rows = self._rows()
        next(rows, None)
        return rows

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(self._text, newline=""), strict=True)
        number = 1
        try:
            for cells in reader:
                if any(cells):
                    yield number, cells
                number = reader.line_num + 1
        except csv.Error as error:
            raise IllegalValue(f"{self._path}, line {number}: is no CSV ({error}); nothing was asked") from None

    def _decoded(self, content: bytes) -> str:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise IllegalValue(f"{self._path}, line {line}: is not UTF-8; save the file as CSV UTF-8") from None
