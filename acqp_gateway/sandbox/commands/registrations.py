"""`acqp-gateway sandbox registrations`: what the sandbox has on record."""

from __future__ import annotations

from typing import Any

import click

from acqp_gateway.sandbox.commands import output
from acqp_gateway.sandbox.commands.control_client import ControlClient
from acqp_gateway.sandbox.commands.notifications import show_notifications

_GIVEN, _NULL, _MISSING = "given", "null", "missing"

merchant_option = click.option("--merchant", "merchant_id", metavar="ID", help="The merchant's id.")
store_option = click.option("--store", "store_id", metavar="ID", help="One of the merchant's stores.")
request_id_option = click.option("--request-id", metavar="ID", help="The registration request.")


@click.group()
def registrations() -> None:
    """Set how merchants stand at the MPPs."""


@registrations.command("set")
@click.option("--merchant", "merchant_id", required=True, metavar="ID", help="The merchant's id.")
@store_option
@click.option(
    "--request-id",
    metavar="ID",
    help="A new id is the latest request from now on; a known one is changed. Without: the latest is changed.",
)
@click.option("--status", metavar="TEXT", help="The collective status; otherwise COMPLETED once no MPP is PENDING.")
@click.option(
    "--psp",
    "psps",
    multiple=True,
    metavar="NAME=STATUS",
    help="An MPP and its status, such as ALIPAY_CN=APPROVED; may be repeated. Those not named are dropped.",
)
@click.option("--product", "products", multiple=True, metavar="CODE", help="IN_STORE_PAYMENT otherwise.")
@click.option("--reason", metavar="TEXT", help="rejectionReason of every MPP that is REJECTED.")
@click.option(
    "--list",
    "list_form",
    type=click.Choice((_GIVEN, _NULL, _MISSING)),
    default=_GIVEN,
    show_default=True,
    help="How pspRegistrationResultList is sent.",
)
@click.option("--notify", is_flag=True, help="Tell the gateway by notifyRegistrationStatus, too.")
@output.json_option
def set_registration(
    merchant_id: str,
    store_id: str | None,
    request_id: str | None,
    status: str | None,
    psps: tuple[str, ...],
    products: tuple[str, ...],
    reason: str | None,
    list_form: str,
    notify: bool,
    as_json: bool,
) -> None:
    """Enter or change a registration.

    Exit status 1 when --notify was asked for and the gateway did not acknowledge.

    \b
    Example: acqp-gateway sandbox registrations set --merchant M1 --store S1 \\
                 --psp ALIPAY_CN=APPROVED --psp GCASH=REJECTED --reason "papers missing"
    """
    registration: dict[str, Any] = {
        "referenceMerchantId": merchant_id,
        "referenceStoreId": store_id,
        "registrationRequestId": request_id,
        "registrationStatus": status,
        "notify": notify,
    }
    entries = [_entry(psp, products, reason) for psp in psps]
    if list_form != _MISSING:
        registration["pspRegistrationResultList"] = entries if list_form == _GIVEN else None
    elif entries:
        raise click.UsageError("--list missing goes without --psp.")
    answer = ControlClient().ask("POST", "registrations", body=registration)
    if as_json:
        output.print_json(answer)
    else:
        _show(answer["registrations"])
    if notify:
        show_notifications(answer["notifications"], as_json=as_json)


def _entry(psp: str, products: tuple[str, ...], reason: str | None) -> dict[str, Any]:
    name, separator, status = psp.partition("=")
    if not name or not separator or not status:
        raise click.UsageError(f"--psp {psp!r}: write it like ALIPAY_CN=APPROVED.")
    entry = {"pspName": name, "status": status, "productCodes": list(products) or ["IN_STORE_PAYMENT"]}
    return {**entry, "rejectionReason": reason} if reason and status == "REJECTED" else entry


@registrations.command("list")
@merchant_option
@store_option
@request_id_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@output.json_option
def list_registrations(
    merchant_id: str | None, store_id: str | None, request_id: str | None, limit: int, as_json: bool
) -> None:
    """List the registrations on record, the latest first."""
    found = ControlClient().ask(
        "GET", "registrations", parameters={**_subject(merchant_id, store_id, request_id), "limit": limit}
    )["registrations"]
    if as_json:
        output.print_json(found)
    else:
        _show(found)


@registrations.command("delete")
@merchant_option
@store_option
@request_id_option
@click.option("--all", "everything", is_flag=True, help="All of them.")
def delete_registrations(
    merchant_id: str | None, store_id: str | None, request_id: str | None, everything: bool
) -> None:
    """Forget registrations."""
    subject = _subject(merchant_id, store_id, request_id)
    if everything == any(subject.values()):
        raise click.UsageError("Name a merchant, a store or a request, or say --all.")
    deleted = ControlClient().ask("DELETE", "registrations", parameters=subject)["deleted"]
    output.message(f"{deleted} registrations are forgotten.")


def _subject(merchant_id: str | None, store_id: str | None, request_id: str | None) -> dict[str, str | None]:
    return {
        "referenceMerchantId": merchant_id,
        "referenceStoreId": store_id,
        "registrationRequestId": request_id,
    }


def _show(found: list[dict[str, Any]]) -> None:
    output.table(
        ("merchant", "store", "request id", "status", "MPP", "products", "status there", "reason"),
        [row for registration in found for row in _rows(registration)],
        none="No registration is on record; see: acqp-gateway sandbox registrations set --help",
    )


def _rows(registration: dict[str, Any]) -> list[list[object]]:
    start = [
        registration[name]
        for name in ("referenceMerchantId", "referenceStoreId", "registrationRequestId", "registrationStatus")
    ]
    psps = registration.get("pspRegistrationResultList")
    if not psps:
        form = "missing" if "pspRegistrationResultList" not in registration else "null" if psps is None else "empty"
        return [[*start, f"(list {form})", "", "", ""]]
    return [
        [*start, psp["pspName"], ", ".join(psp["productCodes"]), psp["status"], psp.get("rejectionReason")]
        for psp in psps
    ]
