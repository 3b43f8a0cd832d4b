"""A JSON Lines file of orders: read line by line, so that its size does not matter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from acqp_gateway.cli.bad_lines import BadLines
from acqp_gateway.errors import IllegalValue, NotOnRecord, ParameterIllegal
from acqp_gateway.orders import goods
from acqp_gateway.orders.placing import NewOrder
from acqp_gateway.protocol.headers import read_iso_8601
from acqp_gateway.protocol.strict_json import read_object
from acqp_gateway.store import merchants, orders, values
from acqp_gateway.store.database import Store

LARGEST_LINE_BYTES = 1024 * 1024
BATCH_SIZE = 500

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: member -> (what NewOrder calls it, its JSON type, what a person is told about that type)
_MEMBERS: dict[str, tuple[str, type, str]] = {
    "merchant": ("merchant_id", str, "a text"),
    "store": ("store_id", str, "a text"),
    "amount": ("amount", int, "a whole number of minor units"),
    "currency": ("currency", str, "a text"),
    "description": ("description", str, "a text"),
    "referenceOrderId": ("reference_order_id", str, "a text"),
    "terminalId": ("terminal_id", str, "a text"),
    "terminalRequestTime": ("terminal_request_time", str, "a text"),
    "expiresIn": ("expires_in_s", int, "a whole number of seconds"),
    "codeValue": ("code_value", str, "a text"),
    "goods": ("goods", list, "a list"),
}
_REQUIRED = ("merchant", "amount", "currency", "description")


def numbered_lines(file: BinaryIO, first_line: int) -> Iterator[tuple[int, bytes]]:
    """(number, bytes) of each line that is not blank, from `first_line` on; one that is too long is cut short."""
    file.seek(0)
    number = 0
    while line := file.readline(LARGEST_LINE_BYTES + 1):
        number += 1
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(LARGEST_LINE_BYTES)
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if number >= first_line and line.strip():
            yield number, line


def read_order(line: bytes) -> NewOrder:
    """The order that a line describes. Raises IllegalValue."""
    if len(line) > LARGEST_LINE_BYTES:
        raise IllegalValue(f"is longer than {LARGEST_LINE_BYTES // 1024} KiB")
    try:
        members = read_object(line)
    except ParameterIllegal as error:
        raise IllegalValue(f"is not one JSON object in UTF-8 ({error})") from None
    order = NewOrder(**_checked(members))
    if order.goods is not None:
        goods.check(order.goods, order.amount, order.currency)
    return order


def _checked(members: dict[str, Any]) -> dict[str, Any]:
    for name in _REQUIRED:
        if members.get(name) is None:
            raise IllegalValue(f"{name} is missing")
    checked: dict[str, Any] = {}
    for name, value in members.items():
        if name not in _MEMBERS:
            raise IllegalValue(f"{name[:80]} is not known; use {', '.join(_MEMBERS)}")
        if value is None:
            continue
        member, kind, spoken = _MEMBERS[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise IllegalValue(f"{name} must be {spoken}")
        checked[member] = value
    values.text("merchant", checked["merchant_id"], 64)
    values.optional_text("store", checked.get("store_id"), 64)
    if "terminal_request_time" in checked:
        checked["terminal_request_time"] = _time(checked["terminal_request_time"])
    return checked


def _time(text: str) -> Any:
    try:
        return read_iso_8601(text)
    except ValueError:
        raise IllegalValue(
            "terminalRequestTime must be a time with its zone, such as 2026-11-20T10:00:00+09:00"
        ) from None


class FileCheck:
    """All lines of a file against their rules, each other and the store."""

    def __init__(self, path: Path, store: Store) -> None:
        self.count = 0
        self._store = store
        self._bad = BadLines(path)
        self._faults_of_places: dict[tuple[str, str | None], str | None] = {}
        self._lines_of_codes: dict[str, int] = {}
        self._codes_to_look_up: dict[str, int] = {}

    def run(self, file: BinaryIO, first_line: int) -> None:
        """Raises IllegalValue, each bad line being named."""
        for number, line in numbered_lines(file, first_line):
            self.count += 1
            try:
                self._check(number, read_order(line))
            except IllegalValue as error:
                self._bad.add(number, str(error))
            if len(self._codes_to_look_up) >= BATCH_SIZE:
                self._look_up_codes()
        self._look_up_codes()
        self._bad.refuse_if_any()

    def _check(self, number: int, order: NewOrder) -> None:
        fault = self._fault_of_place(order.merchant_id, order.store_id)
        if fault is not None:
            raise IllegalValue(fault)
        if order.code_value is None:
            return
        first = self._lines_of_codes.setdefault(order.code_value, number)
        if first != number:
            raise IllegalValue(f"codeValue stands in line {first} already; each order needs a code of its own")
        self._codes_to_look_up[order.code_value] = number

    def _fault_of_place(self, merchant_id: str, store_id: str | None) -> str | None:
        place = (merchant_id, store_id)
        if place not in self._faults_of_places:
            self._faults_of_places[place] = self._look_up_place(merchant_id, store_id)
        return self._faults_of_places[place]

    def _look_up_place(self, merchant_id: str, store_id: str | None) -> str | None:
        try:
            with self._store.reading() as connection:
                merchants.require(connection, merchant_id, store_id)
        except NotOnRecord as error:
            return str(error)
        return None

    def _look_up_codes(self) -> None:
        taken = orders.taken_codes(self._store, self._codes_to_look_up)
        for code, number in self._codes_to_look_up.items():
            if code in taken:
                self._bad.add(number, "codeValue belongs to an order on record already")
        self._codes_to_look_up.clear()
