"""What people and tills hand in is checked before it is written, and named when it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from acqp_gateway.errors import IllegalValue
from acqp_gateway.store import values
from acqp_gateway.text import fault_of

LARGEST = values.LARGEST_AMOUNT


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("a", None),
        ("a" * 5, None),
        ("😀" * 5, None),
        (" \n\t\x01\x7f", None),
        ("\ud7ff\ue000", None),
        ("", "must not be empty; leave it out instead"),
        ("a" * 6, "must not be longer than 5 characters"),
        ("😀" * 6, "must not be longer than 5 characters"),
        ("\0", "must not contain NUL or a lone surrogate"),
        ("a\ud800", "must not contain NUL or a lone surrogate"),
        ("\udfffa", "must not contain NUL or a lone surrogate"),
        ("\ud83d\ude00", "must not contain NUL or a lone surrogate"),
        (None, "must be a string"),
        (1, "must be a string"),
        (True, "must be a string"),
        (b"a", "must be a string"),
        (["a"], "must be a string"),
    ],
    ids=ascii,
)
def test_a_text(value: Any, fault: str | None) -> None:
    assert fault_of(value, 5) == fault
    if fault is None:
        assert values.text("name", value, 5) == value
    else:
        with pytest.raises(IllegalValue, match=f"^name {fault}$"):
            values.text("name", value, 5)


def test_an_optional_text_may_be_none_and_not_empty() -> None:
    assert values.optional_text("name", None, 5) is None
    assert values.optional_text("name", "a", 5) == "a"
    with pytest.raises(IllegalValue, match=r"^name must not be empty"):
        values.optional_text("name", "", 5)


Check = Callable[[Any], Any]
CHECKS: dict[str, tuple[Check, list[Any], list[Any]]] = {
    "identifier": (
        lambda value: values.identifier("name", value, 64),
        ["M1", "a", "0", "a.b_c@d:e-f", "a" * 64],
        ["", " ", "a b", "a/b", "../a", ".a", "-a", "_a", "é", "a\n", "a" * 65, "a\0", "a\\b", "a*"],
    ),
    "currency": (
        lambda value: values.currency("name", value),
        ["JPY", "XXX"],
        ["", "jpy", "JP", "JPYX", "J1Y", "JPY\n", "ЈРУ"],
    ),
    "merchant-category": (
        lambda value: values.merchant_category("name", value),
        ["5814", "0000"],
        ["", "581", "58140", "581a", "٥٨١٤", "5814\n"],
    ),
    "region": (lambda value: values.region("name", value), ["JP", "ZZ"], ["", "J", "JPN", "jp", "J1", "JP\n"]),
    "one-of": (lambda value: values.one_of("name", value, ("A", "B")), ["A", "B"], ["", "a", "AB", "A,B"]),
    "amount": (
        lambda value: values.amount("name", value, "JPY"),
        [1, 1501, LARGEST],
        [0, -1, LARGEST + 1],
    ),
    "rupiah": (lambda value: values.amount("name", value, "IDR"), [100, 150_000], [0, 1, 50, 150_001, -100]),
}


@pytest.mark.parametrize(
    ("check", "value"),
    [(check, value) for check, (_, right, _) in CHECKS.items() for value in right],
)
def test_what_is_taken(check: str, value: Any) -> None:
    assert CHECKS[check][0](value) == value


@pytest.mark.parametrize(
    ("check", "value"),
    [(check, value) for check, (_, _, wrong) in CHECKS.items() for value in wrong],
    ids=ascii,
)
def test_what_is_refused(check: str, value: Any) -> None:
    with pytest.raises(IllegalValue, match=r"^name "):
        CHECKS[check][0](value)
