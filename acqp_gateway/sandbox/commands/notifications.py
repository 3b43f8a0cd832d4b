"""`acqp-gateway sandbox notify`: tell the gateway how a registration stands."""

from __future__ import annotations

import sys
from typing import Any

import click

from acqp_gateway.sandbox.commands import output
from acqp_gateway.sandbox.commands.control_client import ControlClient


@click.command()
@click.option("--request-id", metavar="ID", help="The registration request.")
@click.option("--merchant", "merchant_id", metavar="ID", help="The merchant's latest request.")
@click.option("--store", "store_id", metavar="ID", help="The latest one of this store of the merchant.")
@output.json_option
def notify(request_id: str | None, merchant_id: str | None, store_id: str | None, as_json: bool) -> None:
    """Tell the gateway how a registration stands.

    By a signed notifyRegistrationStatus about a registration on record. Exit status 0 when the gateway
    acknowledged, 1 otherwise.
    """
    subject = {
        "registrationRequestId": request_id,
        "referenceMerchantId": merchant_id,
        "referenceStoreId": store_id,
    }
    given = {name: value for name, value in subject.items() if value is not None}
    if not request_id and not merchant_id:
        raise click.UsageError("Name a registration by --request-id, or by --merchant with or without --store.")
    notifications = ControlClient().ask("POST", "registrations/notify", body=given)["notifications"]
    if as_json:
        output.print_json(notifications)
    show_notifications(notifications, as_json=as_json)


def show_notifications(notifications: list[dict[str, Any]], *, as_json: bool) -> None:
    """Say what came of notifications. Exits with 1 when one was not acknowledged."""
    for notification in notifications:
        if not as_json:
            output.message(_line(notification))
    if not all(is_acknowledged(notification) for notification in notifications):
        sys.exit(1)


def is_acknowledged(notification: dict[str, Any]) -> bool:
    """Whether the gateway took it."""
    return bool(notification["answered"] and notification["result"].get("resultStatus") == "S")


def _line(notification: dict[str, Any]) -> str:
    if not notification["answered"]:
        return f"The gateway was not notified: {notification['text']}"
    result = notification["result"]
    verdict = "signature verified" if notification["signatureVerified"] else "NOT SIGNED"
    said = f"{result.get('resultStatus')} {result.get('resultCode')}, {verdict}"
    return f"{'Acknowledged' if is_acknowledged(notification) else 'Refused'} by {notification['url']}: {said}"
