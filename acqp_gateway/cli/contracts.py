"""`acqp-gateway contracts`: what a merchant may sell, in which currency and up to which amount."""

from __future__ import annotations

from datetime import datetime

import click

from acqp_gateway.cli import output, records
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
)
from acqp_gateway.clock import now
from acqp_gateway.store import merchants
from acqp_gateway.store.tables import CONTRACT_PRODUCTS, KYB_LEVELS


@click.group()
def contracts() -> None:
    """Enter and end contracts of merchants.

    A contract is for one product and one currency, with one limit; a merchant has several.
    """


@contracts.command()
@merchant_option(required=True)
@currency_option
@click.option(
    "--max-amount",
    "largest_amount",
    type=MINOR_UNITS,
    required=True,
    metavar="N",
    help="The largest amount of one order, in minor units: 100000 is 1000.00 USD or 100000 JPY.",
)
@click.option("--settlement-currency", metavar="CODE", help="What we are paid in; the same currency otherwise.")
@click.option(
    "--product",
    type=OneOf(CONTRACT_PRODUCTS),
    help="What is sold; IN_STORE_ORDER_CODE otherwise.",
)
@click.option(
    "--kyb-level",
    "required_kyb_level",
    type=OneOf(KYB_LEVELS[1:]),
    help="The KYB level that the merchant must have; BASIC otherwise.",
)
@click.option("--from", "in_force_from", type=Time(), help="When it begins; now otherwise.")
@click.option("--to", "in_force_to", type=Time(), help="When it ends; never otherwise.")
@json_option
@with_store
def add(
    at_hand: Opened, /, in_force_from: datetime | None, as_json: bool, **members: str | int | datetime | None
) -> None:
    """Enter a contract and print its number.

    \b
    Example: acqp-gateway contracts add --merchant M1 --currency JPY --max-amount 1000000 --settlement-currency USD
    """
    at = now()
    new = merchants.NewContract(in_force_from=in_force_from or at, **given(members))
    number = merchants.add_contract(at_hand.store, new)
    output.message(f"Contract {number} of merchant {new.merchant_id} is on record.")
    _show(at_hand, number, as_json=as_json)


@contracts.command("list")
@merchant_option(required=False)
@limit_option(1000)
@json_option
@with_store
def list_contracts(at_hand: Opened, merchant_id: str | None, limit: int, as_json: bool) -> None:
    """List contracts, of one merchant or of all, ended ones too."""
    rows = output.cut(merchants.listed_contracts(at_hand.store, merchant_id, limit=limit + 1), limit)
    at = now()
    output.show_all(
        [records.contract(row, at) for row in rows],
        records.CONTRACT_COLUMNS,
        as_json=as_json,
        none="No contract is on record; see: acqp-gateway contracts add --help",
    )


@contracts.command()
@click.argument("contract_id", type=click.IntRange(1, 2**31 - 1), metavar="NUMBER")
@click.option("--at", "ends_at", type=Time(), help="When it ends; now otherwise.")
@json_option
@with_store
def end(at_hand: Opened, contract_id: int, ends_at: datetime | None, as_json: bool) -> None:
    """End a contract. Orders that only it covers are refused from then on."""
    merchants.end_contract(at_hand.store, contract_id, at=ends_at or now())
    output.message(f"Contract {contract_id} has an end now.")
    _show(at_hand, contract_id, as_json=as_json)


def _show(at_hand: Opened, contract_id: int, *, as_json: bool) -> None:
    output.show(records.contract(merchants.get_contract(at_hand.store, contract_id), now()), as_json=as_json)
