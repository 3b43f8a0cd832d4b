"""Options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from acqp_gateway.protocol.headers import read_iso_8601

Command = TypeVar("Command", bound=Callable[..., Any])


class Time(click.ParamType[datetime]):
    """An ISO 8601 time that names its zone; it keeps that zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The aware time."""
        if isinstance(value, datetime):
            return value
        try:
            moment = read_iso_8601(value)
            moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time with its zone; write it like 2026-11-20T10:00:00+09:00"
                " or 2026-11-20T01:00:00Z.",
                param,
                ctx,
            )
        return moment


class OneOf(click.Choice[str]):
    """One of the documents' own words, in whatever case it is typed."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words, case_sensitive=False)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The words as the documents write them."""
        return f"[{'|'.join(self.choices)}]"


class MinorUnits(click.IntRange):
    """An amount: 1500 is 15.00 USD and 1500 JPY."""

    name = "whole number of minor units (1500 is 15.00 USD and 1500 JPY)"


#: Amounts are checked further against their currency, once that is known.
MINOR_UNITS = MinorUnits(min=1)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
reason_option = click.option("--reason", metavar="TEXT", help="Why; kept on record.")
store_option = click.option("--store", "store_id", metavar="ID", help="One of the merchant's stores.")
currency_option = click.option(
    "--currency", required=True, metavar="CODE", help="ISO 4217, three capital letters: JPY."
)


def merchant_option(*, required: bool) -> Callable[[Command], Command]:
    """`--merchant ID`."""
    return click.option("--merchant", "merchant_id", required=required, metavar="ID", help="The merchant's id.")


def limit_option(default: int) -> Callable[[Command], Command]:
    """`--limit N`."""
    return click.option(
        "--limit",
        type=click.IntRange(1, 1_000_000),
        default=default,
        show_default=True,
        metavar="N",
        help="How many are shown at most.",
    )


def place_options(*, required: Collection[str] = ()) -> Callable[[Command], Command]:
    """The members that merchants and stores have in common; those named in `required` must be given."""
    helps = {
        "name": "The registered name.",
        "mcc": "The merchant category code, four digits: 5814 is fast food.",
        "region": "ISO 3166, two capital letters: JP.",
        "display_name": "The name that the customer sees, where it differs.",
        "state": "State or province.",
        "city": "City.",
        "address1": "First line of the address.",
        "address2": "Second line of the address.",
        "zip_code": "Postal code.",
    }

    def decorate(command: Command) -> Command:
        for name, text in reversed(helps.items()):
            option = click.option(
                f"--{name.replace('_', '-')}", name, required=name in required, metavar="TEXT", help=text
            )
            command = option(command)
        return command

    return decorate


def given(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that were given on the command line."""
    return {name: value for name, value in members.items() if value is not None}
