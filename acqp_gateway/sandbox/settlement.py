"""What Alipay+ settles to the acquirer for a payment, in the currency that the acquirer asked for."""

from __future__ import annotations

from decimal import Decimal

from acqp_gateway.protocol.objects import Amount
from acqp_gateway.sandbox.wallet.money import exchanged

#: What one unit is worth in US dollars: any plausible rate will do, as long as it stays the same.
_DOLLARS = {
    "USD": Decimal(1),
    "AUD": Decimal("0.65"),
    "CNY": Decimal("0.14"),
    "EUR": Decimal("1.10"),
    "GBP": Decimal("1.28"),
    "HKD": Decimal("0.128"),
    "IDR": Decimal("0.000063"),
    "JPY": Decimal("0.0067"),
    "KRW": Decimal("0.00073"),
    "KWD": Decimal("3.25"),
    "MYR": Decimal("0.22"),
    "PHP": Decimal("0.0175"),
    "SGD": Decimal("0.75"),
    "THB": Decimal("0.029"),
}


def settlement_amount(amount: Amount, currency: str) -> Amount:
    """The amount in another currency, in its minor units, at a fixed rate; at least one.

    A currency without a rate counts like a US dollar.
    """
    if currency == amount.currency:
        return amount
    rate = _DOLLARS.get(amount.currency, Decimal(1)) / _DOLLARS.get(currency, Decimal(1))
    settled = exchanged(amount, f"{rate:f}", currency)
    return settled if settled.value else Amount(currency, 1)
