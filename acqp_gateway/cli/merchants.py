"""`acqp-gateway merchants`: who sells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from acqp_gateway.cli import merchant_file, output, records
from acqp_gateway.cli.opening import Opened, opened, with_store
from acqp_gateway.cli.options import OneOf, given, json_option, limit_option, place_options, reason_option
from acqp_gateway.clock import now
from acqp_gateway.store import merchants as stored_merchants
from acqp_gateway.store.tables import KYB_LEVELS, MERCHANT_STATUSES, SELLS

#: What a merchant may be without: an empty text takes it away.
_MAY_BE_EMPTY = ("display_name", "state", "city", "address1", "address2", "zip_code")

_merchant_argument = click.argument("merchant_id", metavar="MERCHANT_ID")
_KYB_LEVEL_HELP = "The outcome of the KYB check"
_SELLS_HELP = "Where it sells"


@click.group()
def merchants() -> None:
    """Enter and change merchants."""


@merchants.command()
@click.option("--id", "merchant_id", required=True, metavar="ID", help="Your id for the merchant.")
@place_options(required=["name", "mcc", "region"])
@click.option("--kyb-level", type=OneOf(KYB_LEVELS), help=f"{_KYB_LEVEL_HELP}; FULL otherwise.")
@click.option("--sells", type=OneOf(SELLS), help=f"{_SELLS_HELP}; BOTH otherwise.")
@json_option
@with_store
def add(at_hand: Opened, /, merchant_id: str, as_json: bool, **members: str | None) -> None:
    """Enter a merchant.

    \b
    Example: acqp-gateway merchants add --id M1 --name "Corner Coffee" --mcc 5814 --region JP
    """
    new = stored_merchants.NewMerchant(merchant_id=merchant_id, **given(members))
    stored_merchants.add(at_hand.store, new, at=now())
    output.message(
        f"Merchant {merchant_id} is on record. It sells once it has a contract and a registration:"
        " acqp-gateway contracts add, acqp-gateway registrations set"
    )
    _show(at_hand, merchant_id, as_json=as_json)


@merchants.command("list")
@click.option("--status", type=OneOf(MERCHANT_STATUSES), help="Only those of this status.")
@limit_option(1000)
@json_option
@with_store
def list_merchants(at_hand: Opened, status: str | None, limit: int, as_json: bool) -> None:
    """List merchants by id."""
    rows = output.cut(stored_merchants.listed(at_hand.store, status=status, limit=limit + 1), limit)
    output.show_all(
        [records.merchant(row) for row in rows],
        records.MERCHANT_COLUMNS,
        as_json=as_json,
        none="No such merchant is on record; see: acqp-gateway merchants add --help",
    )


@merchants.command()
@_merchant_argument
@json_option
@with_store
def show(at_hand: Opened, merchant_id: str, as_json: bool) -> None:
    """Show a merchant with its stores and contracts."""
    output.show(
        records.merchant_with_all(at_hand.store, merchant_id, now()),
        as_json=as_json,
        tables={"stores": records.STORE_COLUMNS, "contracts": records.CONTRACT_COLUMNS},
    )


@merchants.command("set")
@_merchant_argument
@place_options()
@click.option("--kyb-level", type=OneOf(KYB_LEVELS), help=f"{_KYB_LEVEL_HELP}.")
@click.option("--sells", type=OneOf(SELLS), help=f"{_SELLS_HELP}.")
@json_option
def set_members(merchant_id: str, as_json: bool, **members: str | None) -> None:
    """Change what is named, and nothing else.

    \b
    Example:     acqp-gateway merchants set M1 --kyb-level FAILED
    Take away:   acqp-gateway merchants set M1 --display-name ""
    """
    changes = given(members)
    if not changes:
        raise click.UsageError("Nothing to change; name what to change, such as --name.")
    with opened() as at_hand:
        stored_merchants.change(at_hand.store, merchant_id, _emptied(changes))
        output.message(f"Merchant {merchant_id} was changed.")
        _show(at_hand, merchant_id, as_json=as_json)


def _emptied(changes: Mapping[str, str]) -> dict[str, str | None]:
    return {name: None if value == "" and name in _MAY_BE_EMPTY else value for name, value in changes.items()}


@merchants.command()
@_merchant_argument
@reason_option
@json_option
@with_store
def suspend(at_hand: Opened, merchant_id: str, reason: str | None, as_json: bool) -> None:
    """Let a merchant sell nothing until it is resumed: its codes are refused.

    \b
    Example: acqp-gateway merchants suspend M1 --reason "fraud check"
    """
    _set_status(at_hand, merchant_id, "SUSPENDED", reason=reason, as_json=as_json)


@merchants.command()
@_merchant_argument
@reason_option
@json_option
@with_store
def resume(at_hand: Opened, merchant_id: str, reason: str | None, as_json: bool) -> None:
    """Let a suspended merchant sell again."""
    _set_status(at_hand, merchant_id, "ACTIVE", reason=reason, as_json=as_json)


@merchants.command()
@_merchant_argument
@reason_option
@json_option
@with_store
def close(at_hand: Opened, merchant_id: str, reason: str | None, as_json: bool) -> None:
    """Close a merchant for good; nothing brings it back. To stop it for a while, suspend it."""
    _set_status(at_hand, merchant_id, "CLOSED", reason=reason, as_json=as_json)


@merchants.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.csv")
@json_option
@with_store
def import_file(at_hand: Opened, path: Path, as_json: bool) -> None:
    """Enter all merchants of a file, or none of them when one row is bad.

    The file is comma-separated UTF-8. Its first row names the columns: merchant_id, name, mcc and region, and where
    wanted display_name, state, city, address1, address2, zip_code, kyb_level and sells. An empty cell is left out.

    \b
    merchant_id,name,mcc,region,city
    M1,Corner Coffee,5814,JP,Tokyo
    """
    new = merchant_file.read(path, at_hand.store)
    stored_merchants.add_all(at_hand.store, new, at=now())
    output.message("1 merchant was entered." if len(new) == 1 else f"{len(new)} merchants were entered.")
    if as_json:
        output.print_json({"imported": len(new), "merchants": [merchant.merchant_id for merchant in new]})


def _set_status(at_hand: Opened, merchant_id: str, status: str, *, reason: str | None, as_json: bool) -> None:
    changed = stored_merchants.set_status(at_hand.store, merchant_id, status, reason=reason, at=now())
    output.status_changed(f"Merchant {merchant_id}", status, changed=changed)
    _show(at_hand, merchant_id, as_json=as_json)


def _show(at_hand: Opened, merchant_id: str, *, as_json: bool) -> None:
    output.show(records.merchant(stored_merchants.get(at_hand.store, merchant_id)), as_json=as_json)
