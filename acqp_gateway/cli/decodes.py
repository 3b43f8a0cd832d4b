"""`acqp-gateway decodes`: what was answered when a code was scanned."""

from __future__ import annotations

import click

from acqp_gateway.cli import output, records
from acqp_gateway.cli.opening import opened
from acqp_gateway.cli.options import json_option, limit_option


@click.group()
def decodes() -> None:
    """Look up what was answered when a code was scanned."""


@decodes.command("list")
@click.option("--code", "code_value", metavar="CODE", help="The code that was scanned, known or not.")
@click.option("--order", "payment_request_id", metavar="ID", help="The paymentRequestId of an order.")
@limit_option(50)
@json_option
def list_decodes(code_value: str | None, payment_request_id: str | None, limit: int, as_json: bool) -> None:
    """List the decodes of a code or of an order, the newest first, with the reason of each refusal.

    \b
    Example: acqp-gateway decodes list --order PAYMENT_REQUEST_ID
    """
    if (code_value is None) == (payment_request_id is None):
        raise click.UsageError("Give either --code or --order.")
    with opened() as at_hand:
        found = records.recorded_decodes(
            at_hand.store, code_value=code_value, payment_request_id=payment_request_id, limit=limit + 1
        )
    found = list(output.cut(found, limit))
    output.show_all(
        found if as_json else records.with_mpp(found),
        records.DECODE_COLUMNS,
        as_json=as_json,
        none="No decode is on record: no authentic request named this code yet.",
    )
