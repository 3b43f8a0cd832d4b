"""A CSV file of merchants: read and checked as a whole before anything is entered."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path

from acqp_gateway.cli.bad_lines import BadLines
from acqp_gateway.errors import IllegalValue
from acqp_gateway.store import merchants
from acqp_gateway.store.database import Store
from acqp_gateway.store.merchants import NewMerchant

LARGEST_FILE_BYTES = 16 * 1024 * 1024

_COLUMNS = tuple(field.name for field in fields(NewMerchant))
_REQUIRED = tuple(field.name for field in fields(NewMerchant) if field.default is MISSING)


def read(path: Path, store: Store) -> list[NewMerchant]:
    """The merchants of a file, none of them on record yet. Raises IllegalValue, each bad row being named."""
    bad = BadLines(path)
    checked = list(_checked(path, _rows(path), bad))
    known = merchants.known_ids(store, [merchant.merchant_id for _, merchant in checked])
    for number, merchant in checked:
        if merchant.merchant_id in known:
            bad.add(number, f"merchant {merchant.merchant_id} is on record already")
    bad.refuse_if_any()
    if not checked:
        raise IllegalValue(f"{path}: has no rows below the names of its columns; add the merchants there")
    return [merchant for _, merchant in checked]


def _checked(path: Path, rows: Iterator[tuple[int, list[str]]], bad: BadLines) -> Iterator[tuple[int, NewMerchant]]:
    columns = _columns(path, next(rows, (1, []))[1])
    seen: dict[str, int] = {}
    for number, cells in rows:
        try:
            merchant = _merchant(columns, cells)
        except IllegalValue as error:
            bad.add(number, str(error))
            continue
        first = seen.setdefault(merchant.merchant_id, number)
        if first != number:
            bad.add(number, f"merchant {merchant.merchant_id} stands in line {first} already")
        else:
            yield number, merchant


def _columns(path: Path, names: list[str]) -> list[str]:
    columns = [name.strip() for name in names]
    where = f"{path}, line 1"
    hint = f"the first row must name columns of these, separated by commas: {', '.join(_COLUMNS)}"
    for name in columns:
        if name not in _COLUMNS:
            raise IllegalValue(f"{where}: no column {name[:80]!r} is known; {hint}")
        if columns.count(name) > 1:
            raise IllegalValue(f"{where}: the column {name} appears twice; {hint}")
    missing = [name for name in _REQUIRED if name not in columns]
    if missing:
        raise IllegalValue(f"{where}: the column {missing[0]} is missing; {hint}")
    return columns


def _merchant(columns: list[str], cells: list[str]) -> NewMerchant:
    if len(cells) != len(columns):
        raise IllegalValue(f"has {len(cells)} cells where {len(columns)} columns are named")
    members = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()}
    for name in _REQUIRED:
        if name not in members:
            raise IllegalValue(f"{name} must not be empty")
    return NewMerchant(**members)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, cells) of each row that is not blank. Raises IllegalValue."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    number = 1
    try:
        for cells in reader:
            if any(cells):
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise IllegalValue(f"{path}, line {number}: is no CSV ({error}); nothing was imported") from None


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE_BYTES + 1)
    if len(content) > LARGEST_FILE_BYTES:
        raise IllegalValue(
            f"{path}: is larger than {LARGEST_FILE_BYTES // 1024 // 1024} MiB; import it in several parts"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise IllegalValue(f"{path}, line {line}: is not UTF-8; save the file as CSV UTF-8") from None
