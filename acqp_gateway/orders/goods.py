"""The goods of an order: checked when it is placed, added up when it is decoded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from acqp_gateway.errors import IllegalValue
from acqp_gateway.store import values

MOST_GOODS = 100
_LONGEST = {
    "referenceGoodsId": 64,
    "goodsName": 256,
    "goodsCategory": 64,
    "goodsBrand": 64,
}
_NUMBERS = ("goodsUnitAmount", "goodsQuantity")


def check(goods: Sequence[Any], amount: int, currency: str) -> str:
    """The goods of a new order as the JSON that is kept. Raises IllegalValue naming the line that is wrong.

    Members are the documents' own; goodsUnitAmount is a number of minor units, in the order's currency.
    """
    if not isinstance(goods, list) or not 1 <= len(goods) <= MOST_GOODS:
        raise IllegalValue(f"goods must be a list of 1 to {MOST_GOODS} lines")
    for number, line in enumerate(goods, 1):
        _check_line(f"goods line {number}", line)
    kept = json.dumps(goods, ensure_ascii=False, separators=(",", ":"))
    total = total_of(kept)
    if total is not None and total != amount:
        raise IllegalValue(f"the goods add up to {total} {currency}, the order's amount is {amount}")
    return kept


def _check_line(name: str, line: Any) -> None:
    if not isinstance(line, dict) or not line:
        raise IllegalValue(f'{name} must be an object such as {{"goodsName": "latte", "goodsQuantity": 2}}')
    for member, value in line.items():
        if member in _LONGEST:
            values.text(f"{name}: {member}", value, _LONGEST[member])
        elif member not in _NUMBERS:
            raise IllegalValue(f"{name}: {member} is not known; use {', '.join([*_LONGEST, *_NUMBERS])}")
        elif not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= values.LARGEST_AMOUNT:
            raise IllegalValue(f"{name}: {member} must be a whole number, not {value!r}")


def total_of(kept: str) -> int | None:
    """What the goods add up to in minor units; None unless every line has a unit amount and a quantity."""
    lines = json.loads(kept)
    if all("goodsUnitAmount" in line and "goodsQuantity" in line for line in lines):
        return sum(int(line["goodsUnitAmount"]) * int(line["goodsQuantity"]) for line in lines)
    return None
