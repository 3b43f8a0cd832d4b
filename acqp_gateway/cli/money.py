"""Amounts for people: 1500 minor units are 15.00 USD and 1500 JPY. Scripts and the store keep the minor units."""

from __future__ import annotations

#: The members that hold an amount in the minor units of the record's `currency`.
AMOUNTS = ("amount", "maxAmount")

#: ISO 4217 where it is not two decimals.
_EAST_ASIA = ("JPY", "KRW", "VND")
_ELSEWHERE = ("BIF", "CLP", "DJF", "GNF", "ISK", "KMF", "PYG", "RWF", "UGX", "UYI", "VUV", "XAF", "XOF", "XPF")
_WITHOUT_DECIMALS = frozenset((*_EAST_ASIA, *_ELSEWHERE))
_WITH_THREE_DECIMALS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


def written(amount: int, currency: str) -> str:
    """An amount of minor units as a person reads it."""
    decimals = _decimals(currency)
    if decimals == 0:
        return f"{amount} {currency}"
    whole, part = divmod(amount, 10**decimals)
    return f"{whole}.{part:0{decimals}d} {currency}"


def _decimals(currency: str) -> int:
    if currency in _WITHOUT_DECIMALS:
        return 0
    return 3 if currency in _WITH_THREE_DECIMALS else 2
