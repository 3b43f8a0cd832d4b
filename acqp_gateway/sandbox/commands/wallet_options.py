"""Options that the wallet's commands share, and how they become members of the control API."""

from __future__ import annotations

from typing import Any

import click

from acqp_gateway.protocol.mpps import PUBLISHED_MPPS

psp_option = click.option("--psp", required=True, metavar="NAME", help="The MPP, such as ALIPAY_CN, or its pspId.")
customer_option = click.option(
    "--customer", "customer_id", required=True, metavar="ID", help="The user's customerId."
)


def psp_members(psp: str) -> dict[str, str]:
    """An MPP by its name, or by its pspId where that is published."""
    return {"pspId": psp} if psp in PUBLISHED_MPPS.values() else {"pspName": psp}


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def or_none(text: str | None) -> str | None:
    """What a person writes as `none` takes a limit away."""
    return None if text == "none" else text
