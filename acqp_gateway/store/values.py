"""Checks of what people and tills hand in, before it is written. Each raises IllegalValue naming the value."""

from __future__ import annotations

import re

from acqp_gateway.errors import IllegalValue
from acqp_gateway.text import fault_of

LARGEST_AMOUNT = 10**15


def text(name: str, value: str, longest: int) -> str:
    """A text of 1 to `longest` characters."""
    fault = fault_of(value, longest)
    if fault is not None:
        raise IllegalValue(f"{name} {fault}")
    return value


def optional_text(name: str, value: str | None, longest: int) -> str | None:
    """A text of 1 to `longest` characters, or none."""
    return None if value is None else text(name, value, longest)


def identifier(name: str, value: str, longest: int) -> str:
    """An id that a person types and a file name can hold: no blanks, slashes or control characters."""
    text(name, value, longest)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@:-]*", value):
        raise IllegalValue(f"{name} must be letters, digits and . _ @ : - alone, beginning with a letter or digit")
    return value


def currency(name: str, value: str) -> str:
    """An ISO 4217 code."""
    if not re.fullmatch("[A-Z]{3}", value):
        raise IllegalValue(f"{name} must be a currency code of three capital letters, such as JPY; not {value!r}")
    return value


def amount(name: str, value: int, of_currency: str) -> int:
    """A positive amount in minor units; in IDR a whole number of rupiah (the value ends in 00)."""
    if not 0 < value <= LARGEST_AMOUNT:
        raise IllegalValue(f"{name} must be a whole number of minor units from 1 to {LARGEST_AMOUNT}; not {value}")
    if of_currency == "IDR" and value % 100:
        raise IllegalValue(f"{name} in IDR must end in 00 (1 rupiah is 100 minor units); not {value}")
    return value


def merchant_category(name: str, value: str) -> str:
    """A merchant category code (MCC): four digits."""
    if not re.fullmatch("[0-9]{4}", value):
        raise IllegalValue(f"{name} must be a merchant category code of four digits, such as 5814; not {value!r}")
    return value


def region(name: str, value: str) -> str:
    """An ISO 3166 country or region code."""
    if not re.fullmatch("[A-Z]{2}", value):
        raise IllegalValue(f"{name} must be a region code of two capital letters, such as JP; not {value!r}")
    return value


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """One of the named values."""
    if value not in allowed:
        raise IllegalValue(f"{name} must be one of {', '.join(allowed)}; not {value!r}")
    return value
