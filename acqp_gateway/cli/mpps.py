"""`acqp-gateway mpps`: the wallets (Mobile Payment Providers)."""

from __future__ import annotations

import difflib

import click

from acqp_gateway.cli import output, records
from acqp_gateway.cli.opening import Opened, opened, with_store
from acqp_gateway.cli.options import json_option
from acqp_gateway.errors import NotOnRecord
from acqp_gateway.store import mpps as stored_mpps
from acqp_gateway.store.database import Store


@click.group()
def mpps() -> None:
    """Know the MPPs, which are the wallets.

    Their names, their ids, and whether merchants must be registered with them.
    """


@mpps.command()
@click.option("--psp", "psp_name", required=True, metavar="NAME", help="pspName, as registrations name it.")
@click.option("--id", "psp_id", required=True, metavar="ID", help="pspId, as userInitiatedPay names it.")
@click.option(
    "--registration-required/--no-registration-required",
    default=True,
    show_default=True,
    help="Whether a merchant must be registered with it to sell to its customers.",
)
@json_option
@with_store
def add(at_hand: Opened, psp_name: str, psp_id: str, registration_required: bool, as_json: bool) -> None:
    """Enter an MPP that is not among the published ones."""
    stored_mpps.add(at_hand.store, psp_name, psp_id, registration_required=registration_required)
    output.message(f"MPP {psp_name} is on record.")
    _show(at_hand, psp_name, as_json=as_json)


@mpps.command("list")
@json_option
@with_store
def list_mpps(at_hand: Opened, as_json: bool) -> None:
    """List the MPPs by name."""
    output.show_all(
        [records.mpp(row) for row in stored_mpps.listed(at_hand.store)],
        records.MPP_COLUMNS,
        as_json=as_json,
        none="No MPP is on record; run: acqp-gateway db upgrade",
    )


@mpps.command("set")
@click.argument("psp_name", metavar="NAME")
@click.option(
    "--registration-required/--no-registration-required",
    default=None,
    help="Whether a merchant must be registered with it to sell to its customers.",
)
@json_option
def set_registration_required(psp_name: str, registration_required: bool | None, as_json: bool) -> None:
    """Say whether merchants must be registered with an MPP."""
    if registration_required is None:
        raise click.UsageError("Give either --registration-required or --no-registration-required.")
    with opened() as at_hand:
        stored_mpps.require_registration(at_hand.store, psp_name, required=registration_required)
        output.message(f"MPP {psp_name} {'needs' if registration_required else 'does not need'} registration now.")
        _show(at_hand, psp_name, as_json=as_json)


def require_known(store: Store, psp_name: str) -> None:
    """Raise NotOnRecord for a name that no MPP has, with the nearest one that there is."""
    names = [row.psp_name for row in stored_mpps.listed(store)]
    if psp_name in names:
        return
    close = difflib.get_close_matches(psp_name.upper(), names, 1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else "they are listed by: acqp-gateway mpps list."
    raise NotOnRecord(
        f"no MPP {psp_name} on record; {hint} Enter a new one by acqp-gateway mpps add, or give --unknown-mpp"
    )


def _show(at_hand: Opened, psp_name: str, *, as_json: bool) -> None:
    row = next(row for row in stored_mpps.listed(at_hand.store) if row.psp_name == psp_name)
    output.show(records.mpp(row), as_json=as_json)
