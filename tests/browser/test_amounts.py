"""Amounts as the wallet's page writes them, and what they cost: the same as the wallet itself reckons."""

from __future__ import annotations

import pytest

from acqp_gateway.protocol.currencies import DECIMALS
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.sandbox.wallet.money import exchanged
from tests.browser.chromium import Page

WRITE = (
    "const money = await import('/pages/money.js');"
    "return money.spokenWithCode({ currency: given[0], value: given[1] });"
)
TABLE = "return (await import('/pages/money.js')).DECIMALS;"
CONVERT = (
    "const money = await import('/pages/money.js');"
    "return money.converted({ currency: given[0], value: given[1] }, given[2], given[3])?.value ?? null;"
)


def test_the_page_knows_the_very_decimals_that_the_wire_has(opened: Page) -> None:
    assert opened.run(TABLE) == DECIMALS


@pytest.mark.parametrize(
    ("currency", "value", "written"),
    [
        ("JPY", "1500", "¥1,500 JPY"),
        ("KRW", "1", "₩1 KRW"),
        ("USD", "5", "$0.05 USD"),
        ("CNY", "7035", "¥70.35 CNY"),
        ("IDR", "1500000", "Rp 15,000.00 IDR"),
        ("KWD", "1250", "KWD 1.250"),
        ("KWD", "1", "KWD 0.001"),
        ("CLF", "12345", "CLF 1.2345"),
        ("USD", "123456789012345678", "$1,234,567,890,123,456.78 USD"),
        ("EUR", "-100", "-€1.00 EUR"),
        ("<b>", "1", "1 <b>"),
        ("USD", "1e3", "1e3 USD"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(opened: Page, currency: str, value: str, written: str) -> None:
    assert opened.run(WRITE, currency, value) == written


@pytest.mark.parametrize(
    ("currency", "value", "other", "price"),
    [
        ("JPY", 1500, "CNY", "0.0469"),
        ("JPY", 1, "CNY", "0.005"),
        ("JPY", 3, "CNY", "0.005"),
        ("USD", 50, "KRW", "1"),
        ("USD", 150, "KRW", "1"),
        ("USD", 999, "KWD", "0.3075"),
        ("KWD", 1, "JPY", "498.75"),
        ("SGD", 100, "IDR", "11999.995"),
        ("USD", 12345678901234, "JPY", "155.123456789012"),
        ("CLF", 12345, "JPY", "6200"),
    ],
)
def test_what_it_costs_is_what_the_wallet_takes(
    opened: Page, currency: str, value: int, other: str, price: str
) -> None:
    assert opened.run(CONVERT, currency, str(value), other, price) == str(
        exchanged(Amount(currency, value), price, other).value
    )


@pytest.mark.parametrize("price", ["", "-1", "1e3", "NaN", "0x1"])
def test_without_a_price_there_is_no_cost(opened: Page, price: str) -> None:
    assert opened.run(CONVERT, "JPY", "1", "CNY", price) is None
