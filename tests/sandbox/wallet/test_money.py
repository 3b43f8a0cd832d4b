"""Money in other currencies: HALF EVEN, and right for 0, 2 and 3 decimals."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqp_gateway.protocol.currencies import decimals as decimals_of
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.sandbox.wallet import money
from tests.protocol.helpers import same_examples
from tests.sandbox.wallet.harness import PAYMENT, Wallet

#: Written down here once more, from ISO 4217.
DECIMALS = {"JPY": 0, "KRW": 0, "VND": 0, "USD": 2, "CNY": 2, "EUR": 2, "IDR": 2, "BHD": 3, "KWD": 3, "JOD": 3}


def expected(value: int, quote_price: str, from_currency: str, to_currency: str) -> int:
    """With fractions: the nearest step of the other currency; of two as near, the even one."""
    smallest = {0: 1, 2: 100, 3: 1000}
    step = 100 if to_currency == "IDR" else 1
    exact = Fraction(value * smallest[DECIMALS[to_currency]], smallest[DECIMALS[from_currency]] * step)
    exact *= Fraction(quote_price)
    below = exact.numerator // exact.denominator
    rest = exact - below
    if rest == Fraction(1, 2):
        return (below + below % 2) * step
    return (below + (1 if rest > Fraction(1, 2) else 0)) * step


prices = st.builds(
    lambda whole, digits: f"{whole}.{digits}" if digits else str(whole),
    st.integers(0, 10**12 - 1),
    st.text("0123456789", max_size=12),
).filter(money.is_quote_price)
currencies = st.sampled_from(sorted(DECIMALS))


@same_examples
@given(st.integers(1, 10**18 - 1), prices, currencies, currencies)
def test_amounts_in_another_currency(value: int, quote_price: str, one: str, other: str) -> None:
    found = money.exchanged(Amount(one, value), quote_price, other)
    assert found == Amount(other, expected(value, quote_price, one, other))


@same_examples
@given(st.integers(0, 10**6), currencies)
def test_halves_go_to_the_even_side(half: int, currency: str) -> None:
    """An odd number of halves of a step lies exactly between two steps."""
    value = 2 * half + 1
    step = 100 if currency == "IDR" else 1
    found = money.exchanged(Amount("JPY", value), price_of_half_a_step(currency), currency).value
    assert found == expected(value, price_of_half_a_step(currency), "JPY", currency)
    assert found // step in (half, half + 1)
    assert found // step % 2 == 0


def price_of_half_a_step(currency: str) -> str:
    """What makes one yen half a step of the currency."""
    if currency == "IDR":
        return "0.5"
    return {0: "0.5", 2: "0.005", 3: "0.0005"}[DECIMALS[currency]]


@pytest.mark.parametrize(
    ("amount", "quote_price", "expected_amount"),
    [
        (Amount("JPY", 1500), "0.0469", Amount("CNY", 7035)),
        (Amount("JPY", 1), "0.045", Amount("CNY", 4)),
        (Amount("JPY", 1), "0.055", Amount("CNY", 6)),
        (Amount("JPY", 1), "0.0450000000001", None),
        (Amount("USD", 100), "1390.5", Amount("KRW", 1390)),
        (Amount("USD", 100), "1391.5", Amount("KRW", 1392)),
        (Amount("USD", 1), "0.3", Amount("KWD", 3)),
        (Amount("USD", 12345), "0.30712", Amount("KWD", 37914)),
        (Amount("KWD", 1), "3.25", Amount("USD", 0)),
        (Amount("KWD", 1000), "3.25", Amount("USD", 325)),
        (Amount("BHD", 1234), "412.345", Amount("JPY", 509)),
        (Amount("JPY", 1500), "102.581", Amount("IDR", 15387200)),
        (Amount("USD", 1), "15950", Amount("IDR", 16000)),
        (Amount("USD", 1), "16050", Amount("IDR", 16000)),
        (Amount("IDR", 15900000), "0.0000628931", Amount("USD", 1000)),
    ],
)
def test_amounts_by_hand(amount: Amount, quote_price: str, expected_amount: Amount | None) -> None:
    if expected_amount is None:
        assert not money.is_quote_price(quote_price)
    else:
        assert money.exchanged(amount, quote_price, expected_amount.currency) == expected_amount


@pytest.mark.parametrize(
    "text", ["0", "0.0", "-1", "1e3", "1.", ".5", "01", "NaN", "Infinity", "", " 1", "1\n", "1,5"]
)
def test_what_is_no_price(text: str) -> None:
    assert not money.is_quote_price(text)


@pytest.mark.parametrize(
    ("currency", "decimals"), [("JPY", 0), ("KRW", 0), ("USD", 2), ("XYZ", 2), ("BHD", 3), ("KWD", 3), ("UYW", 4)]
)
def test_decimals(currency: str, decimals: int) -> None:
    assert decimals_of(currency) == decimals


@pytest.mark.parametrize("currency", ["JPY", "KRW", "USD", "IDR", "BHD", "KWD"])
def test_over_the_wire(wallet: Wallet, currency: str) -> None:
    psp = {"pspName": "NEWPAY", "pspId": "A1"}
    wallet.put("users", **psp, customerId="K1", currency=currency, balance="9" * 18)
    wallet.put("quotes", **psp, fromCurrency="EUR", toCurrency=currency, quotePrice="3.14159")
    wallet.pay(psp_id="A1", customer_id="K1", amount=Amount("EUR", 123_45))
    told = wallet.ask(PAYMENT, pspId="A1").members
    value = expected(123_45, "3.14159", "EUR", currency)
    assert told["payToAmount"] == {"currency": currency, "value": str(value)}
    assert wallet.balance("K1", "A1") == 10**18 - 1 - value
