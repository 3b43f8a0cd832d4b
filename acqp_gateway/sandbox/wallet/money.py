"""Money in minor units, and what an amount is in another currency."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal

from acqp_gateway.protocol.currencies import decimals
from acqp_gateway.protocol.objects import Amount

#: Alipay+ counts rupiah in hundredths that nobody can pay with: values end in 00.
_SMALLEST_STEP: Mapping[str, int] = {"IDR": 100}

#: What NaturalNumber can say.
LARGEST_VALUE = 10**18 - 1

_QUOTE_PRICE = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,12})?")

#: An amount has 18 digits and a quote price 24: nothing is rounded before the end.
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def fits_currency(amount: Amount) -> bool:
    """Whether an amount can be paid in its currency."""
    return amount.value % _SMALLEST_STEP.get(amount.currency, 1) == 0


def is_quote_price(text: str) -> bool:
    """Whether a text is a price above zero, with up to 12 digits before and 12 after its point."""
    return _QUOTE_PRICE.fullmatch(text) is not None and Decimal(text) > 0


def exchanged(amount: Amount, quote_price: str, currency: str) -> Amount:
    """An amount in another currency, rounded HALF EVEN to what can be paid there.

    quotePrice is the price of one major unit of the amount's currency, in major units of the other currency:
    a JPY/CNY quote of 0.0469 makes 1500 yen 70.35 yuan.
    """
    step = _SMALLEST_STEP.get(currency, 1)
    minor_per_minor = Decimal(quote_price).scaleb(decimals(currency) - decimals(amount.currency), _EXACT)
    steps = _EXACT.divide(_EXACT.multiply(Decimal(amount.value), minor_per_minor), Decimal(step))
    return Amount(currency, int(steps.quantize(Decimal(1), context=_EXACT)) * step)
