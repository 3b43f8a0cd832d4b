"""`acqp-gateway stores`: the merchants' stores."""

from __future__ import annotations

import click

from acqp_gateway.cli import output, records
from acqp_gateway.cli.opening import Opened, with_store
from acqp_gateway.cli.options import (
    given,
    json_option,
    limit_option,
    merchant_option,
    place_options,
    reason_option,
)
from acqp_gateway.clock import now
from acqp_gateway.store import merchants

_store_argument = click.argument("store_id", metavar="STORE_ID")


@click.group()
def stores() -> None:
    """Enter and change the stores of merchants."""


@stores.command()
@merchant_option(required=True)
@click.option("--id", "store_id", required=True, metavar="ID", help="The store's id, unique for its merchant.")
@place_options(required=["name"])
@click.option("--phone-no", metavar="TEXT", help="Telephone number.")
@json_option
@with_store
def add(at_hand: Opened, /, merchant_id: str, store_id: str, as_json: bool, **members: str | None) -> None:
    """Enter a store of a merchant.

    \b
    Example: acqp-gateway stores add --merchant M1 --id S1 --name "Corner Coffee Shibuya"
    """
    new = merchants.NewStore(merchant_id=merchant_id, store_id=store_id, **given(members))
    merchants.add_store(at_hand.store, new, at=now())
    output.message(f"Store {store_id} of merchant {merchant_id} is on record.")
    _show(at_hand, merchant_id, store_id, as_json=as_json)


@stores.command("list")
@merchant_option(required=False)
@limit_option(1000)
@json_option
@with_store
def list_stores(at_hand: Opened, merchant_id: str | None, limit: int, as_json: bool) -> None:
    """List stores, of one merchant or of all."""
    rows = output.cut(merchants.listed_stores(at_hand.store, merchant_id, limit=limit + 1), limit)
    output.show_all(
        [records.store_of_merchant(row) for row in rows],
        records.STORE_COLUMNS,
        as_json=as_json,
        none="No store is on record; see: acqp-gateway stores add --help",
    )


@stores.command()
@_store_argument
@merchant_option(required=True)
@reason_option
@json_option
@with_store
def suspend(at_hand: Opened, store_id: str, merchant_id: str, reason: str | None, as_json: bool) -> None:
    """Let a store sell nothing until it is resumed: its codes are refused."""
    _set_status(at_hand, merchant_id, store_id, "SUSPENDED", reason=reason, as_json=as_json)


@stores.command()
@_store_argument
@merchant_option(required=True)
@reason_option
@json_option
@with_store
def resume(at_hand: Opened, store_id: str, merchant_id: str, reason: str | None, as_json: bool) -> None:
    """Let a suspended store sell again."""
    _set_status(at_hand, merchant_id, store_id, "ACTIVE", reason=reason, as_json=as_json)


@stores.command()
@_store_argument
@merchant_option(required=True)
@reason_option
@json_option
@with_store
def close(at_hand: Opened, store_id: str, merchant_id: str, reason: str | None, as_json: bool) -> None:
    """Close a store for good; nothing brings it back."""
    _set_status(at_hand, merchant_id, store_id, "CLOSED", reason=reason, as_json=as_json)


def _set_status(
    at_hand: Opened, merchant_id: str, store_id: str, status: str, *, reason: str | None, as_json: bool
) -> None:
    changed = merchants.set_store_status(at_hand.store, merchant_id, store_id, status, reason=reason, at=now())
    output.status_changed(f"Store {store_id} of merchant {merchant_id}", status, changed=changed)
    _show(at_hand, merchant_id, store_id, as_json=as_json)


def _show(at_hand: Opened, merchant_id: str, store_id: str, *, as_json: bool) -> None:
    with at_hand.store.reading() as connection:
        row = merchants.require_store(connection, merchant_id, store_id)
    output.show(records.store_of_merchant(row), as_json=as_json)
