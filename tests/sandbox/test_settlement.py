"""What is settled: the payment's own amount, or one in another currency at a rate that stays the same."""

from __future__ import annotations

import pytest

from acqp_gateway.protocol.objects import Amount
from acqp_gateway.sandbox.settlement import settlement_amount


@pytest.mark.parametrize(
    ("value", "currency", "settled_in", "expected"),
    [
        (1_500, "JPY", "JPY", 1_500),
        (1_500, "JPY", "USD", 1_005),
        (1_005, "USD", "JPY", 1_500),
        (1_000, "USD", "KWD", 3_077),
        (100, "JPY", "IDR", 1_063_500),
        (1, "JPY", "USD", 1),
        (250, "XXX", "USD", 250),
        (250, "XXX", "YYY", 250),
    ],
)
def test_settlement(value: int, currency: str, settled_in: str, expected: int) -> None:
    assert settlement_amount(Amount(currency, value), settled_in) == Amount(settled_in, expected)


def test_the_smallest_payment_is_settled_with_something() -> None:
    assert settlement_amount(Amount("IDR", 100), "KWD") == Amount("KWD", 1)
