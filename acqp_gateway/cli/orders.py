"""`acqp-gateway orders`: what is to be paid, each with a code of its own."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
from sqlalchemy import Row

from acqp_gateway.cli import order_import, output, records
from acqp_gateway.cli.opening import Opened, with_store
from acqp_gateway.cli.options import (
    MINOR_UNITS,
    OneOf,
    Time,
    currency_option,
    given,
    json_option,
    limit_option,
    merchant_option,
    reason_option,
    store_option,
)
from acqp_gateway.clock import now
from acqp_gateway.decoder.decision import decide
from acqp_gateway.errors import NotOnRecord, OrderRefused
from acqp_gateway.orders import placing, qr, states
from acqp_gateway.orders.placing import NewOrder
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import result_of
from acqp_gateway.store import orders as stored_orders
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import look_ahead
from acqp_gateway.store.tables import ORDER_STATES

_LAST_DECODES = 10
_STORY = {
    "decodes": records.DECODE_COLUMNS,
    "payments": records.PAYMENT_COLUMNS,
    "messages": (
        "number",
        "time",
        "api",
        "outcome",
        "resultCode",
        "paymentId",
        "needsAttention",
        "attendedNote",
        "said",
    ),
}

_order_argument = click.argument("id_or_code", metavar="PAYMENT_REQUEST_ID|CODE")


class Goods(click.ParamType[list[Any]]):
    """The goods of an order as a JSON list."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[Any]:
        """The list; its lines are checked with the order."""
        if isinstance(value, list):
            return value
        try:
            goods = json.loads(value)
        except (ValueError, RecursionError) as error:
            self.fail(f"it is not JSON ({error}).", param, ctx)
        if not isinstance(goods, list):
            self.fail('it must be a JSON list, such as [{"goodsName": "latte", "goodsQuantity": 2}].', param, ctx)
        return goods


@click.group()
def orders() -> None:
    """Place orders, see them, close them."""


@orders.command()
@merchant_option(required=True)
@store_option
@click.option(
    "--amount",
    type=MINOR_UNITS,
    required=True,
    metavar="N",
    help="What is to be paid, in minor units: 1500 is 15.00 USD or 1500 JPY.",
)
@currency_option
@click.option("--description", required=True, metavar="TEXT", help="What the customer sees.")
@click.option("--terminal-id", metavar="TEXT", help="The till.")
@click.option("--terminal-request-time", type=Time(), help="When the till asked; its zone is kept.")
@click.option("--reference-order-id", metavar="TEXT", help="Your id for the order; one is made otherwise.")
@click.option(
    "--expires-in",
    "expires_in_s",
    type=click.IntRange(1, placing.LONGEST_EXPIRY_S),
    default=placing.DEFAULT_EXPIRY_S,
    show_default=True,
    metavar="SECONDS",
    help="How long it can be scanned.",
)
@click.option("--code-value", metavar="TEXT", help="A code of your own, never used before; one is made otherwise.")
@click.option("--goods", type=Goods(), help='A JSON list: [{"goodsName": "latte", "goodsQuantity": 2}].')
@json_option
@with_store
def place(at_hand: Opened, /, as_json: bool, **members: Any) -> None:
    """Place an order; print its paymentRequestId, its code, and the code as a QR to scan.

    \b
    Example: acqp-gateway orders place --merchant M1 --store S1 --amount 1500 --currency JPY \\
                 --description "2 lattes" --terminal-id T1
    """
    place_and_show(at_hand, NewOrder(**given(members)), as_json=as_json)


def place_and_show(at_hand: Opened, new: NewOrder, *, as_json: bool) -> str:
    """Place an order and print it; its code."""
    at = now()
    placed = placing.place(at_hand.store, new, code_url_prefix=at_hand.settings.code_url_prefix, at=at)
    row = stored_orders.get(at_hand.store, placed)
    output.show(records.order(row, at), as_json=as_json)
    if not as_json:
        _draw(row.code_value)
    refusal = _refusal_now(at_hand.store, row.code_value)
    if refusal is not None:
        output.warn(
            f"scanned now, it would be refused: {refusal.code} ({refusal.reason});"
            f" see: acqp-gateway {_command_about(refusal.code, row)}"
        )
    return str(row.code_value)


def _draw(code_value: str) -> None:
    drawn = qr.for_terminal(code_value)
    widest = max(map(len, drawn.splitlines()))
    if sys.stdout.isatty() and widest > shutil.get_terminal_size().columns:
        output.message(f"The terminal is too narrow for the QR, which is {widest} columns wide.")
        return
    click.echo()
    click.echo(drawn, nl=False)


def _command_about(code: str, order: Row[Any]) -> str:
    merchant_id = shlex.quote(order.merchant_id)
    if code != results.MERCHANT_NOT_REGISTERED.code:
        return f"merchants show {merchant_id}"
    of_store = "" if order.store_id is None else f" --store {shlex.quote(order.store_id)}"
    return f"registrations show --merchant {merchant_id}{of_store}"


class _Refusal(NamedTuple):
    code: str
    reason: str


def _refusal_now(store: Store, code_value: str) -> _Refusal | None:
    """What a decode would be refused with now, at an MPP where the merchant stands best; None when it would not."""
    try:
        decide(look_ahead(store, code_value, None), now())
    except OrderRefused as refusal:
        return _Refusal(result_of(refusal).code, str(refusal))
    return None


@orders.command()
@_order_argument
@json_option
@with_store
def show(at_hand: Opened, id_or_code: str, as_json: bool) -> None:
    """Show an order's whole story by its paymentRequestId or its code: its state, decodes and payment."""
    row = _by_id_or_code(at_hand.store, id_or_code)
    order = records.order(row, now())
    decoded = records.recorded_decodes(at_hand.store, payment_request_id=row.payment_request_id, limit=_LAST_DECODES)
    story = {"decodes": decoded, **records.payments_of(at_hand.store, row.payment_request_id)}
    if not as_json:
        story |= {name: records.with_mpp(story[name]) for name in ("decodes", "payments")}
    output.show({**order, **story}, as_json=as_json, tables=_STORY)


def _by_id_or_code(store: Store, id_or_code: str) -> Row[Any]:
    try:
        return stored_orders.get(store, id_or_code)
    except NotOnRecord:
        # A code is used for one order alone.
        found = stored_orders.listed(store, code_value=id_or_code, limit=1)
        if not found:
            raise
        return found[0]


@orders.command("list")
@merchant_option(required=False)
@click.option("--state", type=OneOf(ORDER_STATES), help="Only those in this state.")
@click.option("--reference-order-id", metavar="TEXT", help="Only those with this id of yours.")
@click.option("--code", "code_value", metavar="CODE", help="Only the one with this code.")
@limit_option(50)
@json_option
@with_store
def list_orders(at_hand: Opened, /, limit: int, as_json: bool, **filters: str | None) -> None:
    """List orders, the newest first."""
    at = now()
    rows = output.cut(stored_orders.listed(at_hand.store, at=at, limit=limit + 1, **filters), limit)
    output.show_all(
        [records.order(row, at) for row in rows],
        records.ORDER_COLUMNS,
        as_json=as_json,
        none="No such order is on record; see: acqp-gateway orders place --help",
    )


@orders.command()
@_order_argument
@reason_option
@json_option
@with_store
def close(at_hand: Opened, id_or_code: str, reason: str | None, as_json: bool) -> None:
    """Close an order that is not to be paid any more; nothing brings it back. A paid order stays paid."""
    _move(at_hand, states.close, id_or_code, "CLOSED", reason=reason, as_json=as_json)


@orders.command("mark-paid")
@_order_argument
@reason_option
@json_option
@with_store
def mark_paid(at_hand: Opened, id_or_code: str, reason: str | None, as_json: bool) -> None:
    """Mark an order as paid by hand; nothing makes it unpaid again."""
    _move(at_hand, states.mark_paid, id_or_code, "PAID", reason=reason, as_json=as_json)


def _move(
    at_hand: Opened,
    move: Callable[..., bool],
    id_or_code: str,
    state: str,
    *,
    reason: str | None,
    as_json: bool,
) -> None:
    at = now()
    payment_request_id = _by_id_or_code(at_hand.store, id_or_code).payment_request_id
    changed = move(at_hand.store, payment_request_id, reason=reason, at=at)
    output.status_changed(f"Order {payment_request_id}", state, changed=changed)
    output.show(records.order(stored_orders.get(at_hand.store, payment_request_id), at), as_json=as_json)


@orders.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.jsonl")
@click.option(
    "--from-line",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Begin at this line: to continue an import that was interrupted.",
)
@json_option
@click.pass_context
@with_store
def import_file(at_hand: Opened, ctx: click.Context, path: Path, from_line: int, as_json: bool) -> None:
    """Place the orders of a file, one JSON object a line; none of them when one line is bad.

    Members: merchant, amount (minor units), currency and description, and where wanted store, referenceOrderId,
    terminalId, terminalRequestTime, expiresIn (seconds), codeValue and goods.

    \b
    {"merchant": "M1", "store": "S1", "amount": 1500, "currency": "JPY", "description": "2 lattes"}

    With --json, a line {"line", "paymentRequestId", "codeValue"} is printed for each order once it is placed.
    """
    complete = order_import.run(at_hand, path, first_line=from_line, as_json=as_json)
    if not complete:
        ctx.exit(order_import.EXIT_STOPPED)
