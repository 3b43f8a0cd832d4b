"""`acqp-gateway payments`: what was said of payments, and what of it waits for a person."""

from __future__ import annotations

import click

from acqp_gateway.cli import output, records
from acqp_gateway.cli.opening import Opened, with_store
from acqp_gateway.cli.options import json_option, limit_option
from acqp_gateway.clock import now
from acqp_gateway.store import orders as stored_orders
from acqp_gateway.store import payments as stored_payments
from acqp_gateway.store import values


@click.group()
def payments() -> None:
    """See what became of payments."""


@payments.command("list")
@click.option("--needs-attention", is_flag=True, help="Only what still waits for a person.")
@click.option("--order", "payment_request_id", metavar="ID", help="Only those about this paymentRequestId.")
@click.option("--payment-id", metavar="ID", help="Only those with this paymentId.")
@limit_option(50)
@json_option
@with_store
def list_payments(
    at_hand: Opened,
    needs_attention: bool,
    payment_request_id: str | None,
    payment_id: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the messages about payments, the newest first: what was said, and what came of it.

    \b
    Example: acqp-gateway payments list --needs-attention
             acqp-gateway payments attend NUMBER --note "refunded by hand"
    """
    if payment_request_id is not None:
        stored_orders.get(at_hand.store, payment_request_id)
    rows = stored_payments.listed_messages(
        at_hand.store,
        payment_request_id=payment_request_id,
        payment_id=payment_id,
        needs_attention=needs_attention,
        limit=limit + 1,
    )
    output.show_all(
        [records.payment_message(row) for row in output.cut(rows, limit)],
        records.PAYMENT_MESSAGE_COLUMNS,
        as_json=as_json,
        none="Nothing waits for a person." if needs_attention else "No message about a payment is on record yet.",
    )


@payments.command()
@click.argument("number", type=click.IntRange(min=1))
@click.option("--note", metavar="TEXT", help="What you did; kept on record.")
@json_option
@with_store
def attend(at_hand: Opened, number: int, note: str | None, as_json: bool) -> None:
    """Tick off message NUMBER of `payments list --needs-attention`: a person has seen to it. It changes no order."""
    changed = stored_payments.attend(at_hand.store, number, note=values.optional_text("note", note, 256), at=now())
    output.message(f"Message {number} is attended to{' now' if changed else ' already; nothing was changed'}.")
    output.show(records.payment_message(stored_payments.message(at_hand.store, number)), as_json=as_json)
