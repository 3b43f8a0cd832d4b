"""`acqp-gateway registrations`: how merchants stand with the MPPs."""

from __future__ import annotations

import click

from acqp_gateway.cli import mpps, output, records
from acqp_gateway.cli.opening import Opened, with_store
from acqp_gateway.cli.options import json_option, merchant_option, store_option
from acqp_gateway.clock import now
from acqp_gateway.store import registrations as stored_registrations
from acqp_gateway.store.tables import APPROVED

#: What Alipay+ is known to say; anything else counts as not approved.
_KNOWN_STATUSES = (APPROVED, "REJECTED", "PENDING", "CANCELLED")
_DEFAULT_PRODUCT_CODE = "IN_STORE_PAYMENT"


@click.group()
def registrations() -> None:
    """See and enter how merchants stand with each MPP.

    An order with a store is judged by the standing of merchant and store, one without by the merchant's own.
    """


@registrations.command("set")
@merchant_option(required=True)
@store_option
@click.option("--psp", "psp_name", required=True, metavar="NAME", help="The MPP by its pspName: ALIPAY_CN.")
@click.option(
    "--status",
    required=True,
    metavar="STATUS",
    help=f"{', '.join(_KNOWN_STATUSES)}; only {APPROVED} lets a merchant sell.",
)
@click.option(
    "--product-code",
    "product_codes",
    multiple=True,
    default=[_DEFAULT_PRODUCT_CODE],
    show_default=True,
    metavar="CODE",
    help="May be given several times.",
)
@click.option("--reason", metavar="TEXT", help="The MPP's rejectionReason.")
@click.option("--unknown-mpp", is_flag=True, help="Accept an MPP that is not on record.")
@json_option
@with_store
def set_standing(
    at_hand: Opened,
    merchant_id: str,
    store_id: str | None,
    psp_name: str,
    status: str,
    product_codes: tuple[str, ...],
    reason: str | None,
    unknown_mpp: bool,
    as_json: bool,
) -> None:
    """Enter a standing by hand.

    \b
    Example: acqp-gateway registrations set --merchant M1 --store S1 --psp ALIPAY_CN --status APPROVED
    """
    if not unknown_mpp:
        mpps.require_known(at_hand.store, psp_name)
    if status not in _KNOWN_STATUSES:
        output.warn(f"{status} is none of {', '.join(_KNOWN_STATUSES)}; it counts as not approved")
    stored_registrations.set_by_hand(
        at_hand.store,
        merchant_id,
        store_id,
        psp_name,
        product_codes,
        status=status,
        rejection_reason=reason,
        at=now(),
    )
    output.message(f"The standing with {psp_name} is {status} now.")
    _show(at_hand, merchant_id, store_id, as_json=as_json)


@registrations.command()
@merchant_option(required=True)
@store_option
@json_option
@with_store
def show(at_hand: Opened, merchant_id: str, store_id: str | None, as_json: bool) -> None:
    """Show how a merchant, or a merchant at one store, stands with each MPP."""
    _show(at_hand, merchant_id, store_id, as_json=as_json)


def _show(at_hand: Opened, merchant_id: str, store_id: str | None, *, as_json: bool) -> None:
    output.show(
        records.standing(at_hand.store, merchant_id, store_id),
        as_json=as_json,
        tables={"psps": records.PSP_COLUMNS},
    )
