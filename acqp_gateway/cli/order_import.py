"""`acqp-gateway orders import`: many orders, in batches that are each placed as a whole."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rich.text import Text

from acqp_gateway.cli import long_work, output
from acqp_gateway.cli.opening import Opened
from acqp_gateway.cli.order_file import BATCH_SIZE, FileCheck, numbered_lines, read_order
from acqp_gateway.clock import now
from acqp_gateway.errors import IllegalValue, StoreError
from acqp_gateway.orders import code, placing
from acqp_gateway.orders.placing import NewOrder
from acqp_gateway.store import orders

EXIT_STOPPED = 130

Batch = Sequence[tuple[int, NewOrder]]


def run(at_hand: Opened, path: Path, *, first_line: int, as_json: bool) -> bool:
    """Check the file as a whole, then place its orders; False when a signal stopped it. Raises GatewayError."""
    with path.open("rb") as file:
        if not file.seekable():
            raise IllegalValue(f"{path}: is no regular file, and it is read twice; save it as a file first")
        check = FileCheck(path, at_hand.store)
        with _busy(f"checking {path}"):
            check.run(file, first_line)
        if not check.count:
            raise IllegalValue(f"{path}: holds no order from line {first_line} on; add the orders, one a line")
        importing = _Import(at_hand, path, first_line=first_line, as_json=as_json)
        try:
            with long_work.progress("placing orders", check.count) as advance, long_work.stop_requested() as stopped:
                for batch in _batches(file, first_line):
                    if stopped():
                        break
                    importing.place(batch)
                    advance(len(batch))
        except BaseException:
            importing.say_how_to_continue()
            raise
    if importing.placed < check.count:
        importing.say_how_to_continue()
        return False
    output.message(f"{importing.placed} orders were placed.")
    return True


def _batches(file: BinaryIO, first_line: int) -> Iterator[Batch]:
    lines = numbered_lines(file, first_line)
    while some := list(itertools.islice(lines, BATCH_SIZE)):
        yield [(number, read_order(line)) for number, line in some]


class _Import:
    def __init__(self, at_hand: Opened, path: Path, *, first_line: int, as_json: bool) -> None:
        self.placed = 0
        self._at_hand = at_hand
        self._path = path
        self._as_json = as_json
        self._next_line = first_line

    def place(self, batch: Batch) -> None:
        """Place a batch as a whole."""
        prefix = self._at_hand.settings.code_url_prefix
        # Minted here, so that a batch can be found again whose outcome the store did not tell.
        new = [
            dataclasses.replace(order, code_value=order.code_value or code.mint_code(prefix)) for _, order in batch
        ]
        try:
            ids = placing.place_all(self._at_hand.store, new, code_url_prefix=prefix, at=now())
        except (StoreError, KeyboardInterrupt):
            # It may have been placed all the same.
            self._find_out(batch, new)
            raise
        self._note_as_placed(batch)
        if self._as_json:
            for (number, _), order, payment_request_id in zip(batch, new, ids, strict=True):
                output.print_json(
                    {"line": number, "paymentRequestId": payment_request_id, "codeValue": order.code_value}
                )

    def _note_as_placed(self, batch: Batch) -> None:
        self.placed += len(batch)
        self._next_line = batch[-1][0] + 1

    def _find_out(self, batch: Batch, new: Sequence[NewOrder]) -> None:
        first_code = new[0].code_value or ""
        try:
            if orders.taken_codes(self._at_hand.store, [first_code]):
                self._note_as_placed(batch)
        except StoreError:
            output.message(
                f"Whether lines {batch[0][0]} to {batch[-1][0]} were placed is not known. Once the store answers:"
                f" acqp-gateway orders list --code {shlex.quote(first_code)} -- if that shows an order, they were,"
                f" and you continue with --from-line {batch[-1][0] + 1}; otherwise as follows."
            )

    def say_how_to_continue(self) -> None:
        """For an import that ends before its end."""
        output.message(
            f"{self.placed} orders were placed; to continue: acqp-gateway orders import"
            f" {shlex.quote(str(self._path))} --from-line {self._next_line}"
        )


@contextmanager
def _busy(text: str) -> Iterator[None]:
    """A sign of life on a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    with output.console_of(sys.stderr).status(Text(output.visible(text))):
        yield
