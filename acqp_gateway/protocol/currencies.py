"""How many decimals a currency has: what the minor units of an Amount are on this wire, and for a person."""

from __future__ import annotations

from collections.abc import Mapping

_USUAL_DECIMALS = 2

_WITHOUT = ("JPY", "KRW", "VND", "BIF", "CLP", "DJF", "GNF", "ISK", "KMF", "PYG", "RWF", "UGX", "UYI", "VUV")
_WITHOUT_BEYOND_ONE_COUNTRY = ("XAF", "XOF", "XPF")
_THREE = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_FOUR = ("CLF", "UYW")

#: ISO 4217, the currencies whose minor unit is not a hundredth. IDR has two on this wire: its values end in 00.
DECIMALS: Mapping[str, int] = {
    **dict.fromkeys((*_WITHOUT, *_WITHOUT_BEYOND_ONE_COUNTRY), 0),
    **dict.fromkeys(_THREE, 3),
    **dict.fromkeys(_FOUR, 4),
}


def decimals(currency: str) -> int:
    """How many decimals a currency has."""
    return DECIMALS.get(currency, _USUAL_DECIMALS)


def written(amount: int, currency: str) -> str:
    """An amount of minor units as a person reads it: 1500 are 15.00 USD and 1500 JPY."""
    digits = decimals(currency)
    if digits == 0:
        return f"{amount} {currency}"
    whole, part = divmod(amount, 10**digits)
    return f"{whole}.{part:0{digits}d} {currency}"
