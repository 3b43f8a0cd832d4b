"""A CSV file of registrations to ask about: columns merchant, store and request_id, each line one question."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

from acqp_gateway.cli.bad_lines import BadLines
from acqp_gateway.errors import CommandRefused, IllegalValue
from acqp_gateway.registration.asking import Question, question
from acqp_gateway.store.database import Store

_COLUMNS = {"merchant", "store", "request_id"}
_LARGEST_FILE_BYTES = 64 * 1024 * 1024


class QuestionFile:
    """The questions of one file; `source` names its content, so that a run over it can be gone on with."""

    def __init__(self, path: str, store: Store) -> None:
        self._path = Path(path)
        self._store = store
        if self._path.stat().st_size > _LARGEST_FILE_BYTES:
            raise IllegalValue(f"{path}: is larger than {_LARGEST_FILE_BYTES // 2**20} MiB; split it")
        self.source = "FILE " + hashlib.sha256(self._path.read_bytes()).hexdigest()

    def check(self) -> int:
        """Check every line before anything is asked, and count them. Raises IllegalValue naming the bad ones."""
        bad = BadLines(self._path)
        count = 0
        for number, ids in self._lines():
            count += 1
            try:
                question(self._store, **ids)
            except CommandRefused as refusal:
                bad.add(number, str(refusal))
        bad.refuse_if_any()
        return count

    def questions(self) -> Iterator[Question]:
        """The question of each line."""
        for _, ids in self._lines():
            yield question(self._store, **ids)

    def _lines(self) -> Iterator[tuple[int, dict[str, str | None]]]:
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file, restkey="")
                if not reader.fieldnames or not set(reader.fieldnames) <= _COLUMNS:
                    raise IllegalValue(
                        f"{self._path}: the first line must name columns of merchant, store, request_id"
                    )
                for row in reader:
                    yield (
                        reader.line_num,
                        {
                            "registration_request_id": row.get("request_id") or None,
                            "merchant_id": row.get("merchant") or None,
                            "store_id": row.get("store") or None,
                        },
                    )
        except (UnicodeDecodeError, csv.Error) as error:
            raise IllegalValue(f"{self._path}: is no CSV file in UTF-8 ({error})") from None
