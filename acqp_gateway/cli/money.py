"""Amounts for people: 1500 minor units are 15.00 USD and 1500 JPY. Scripts and the store keep the minor units."""

from __future__ import annotations

from acqp_gateway.protocol.currencies import decimals

#: The members that hold an amount in the minor units of the record's `currency`.
AMOUNTS = ("amount", "maxAmount")


def written(amount: int, currency: str) -> str:
    """An amount of minor units as a person reads it."""
    digits = decimals(currency)
    if digits == 0:
        return f"{amount} {currency}"
    whole, part = divmod(amount, 10**digits)
    return f"{whole}.{part:0{digits}d} {currency}"
