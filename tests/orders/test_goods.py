"""The goods of an order: what is taken, what is refused and named, what they add up to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from acqp_gateway.errors import IllegalValue
from acqp_gateway.orders import goods

LARGEST = 10**15


@pytest.mark.parametrize(
    ("lines", "amount"),
    [
        ([{"goodsName": "latte"}], 1),
        ([{"goodsName": "latte", "goodsUnitAmount": 750, "goodsQuantity": 2}], 1500),
        ([{"goodsUnitAmount": 750, "goodsQuantity": 1}, {"goodsUnitAmount": 0, "goodsQuantity": 9}], 750),
        ([{"goodsUnitAmount": 750}], 1),
        ([{"goodsUnitAmount": 750, "goodsQuantity": 2}, {"goodsQuantity": 1}], 1),
        (
            [
                {
                    "referenceGoodsId": "g" * 64,
                    "goodsName": "n" * 256,
                    "goodsCategory": "c" * 64,
                    "goodsBrand": "b" * 64,
                }
            ],
            1,
        ),
        ([{"goodsName": "ラテ 😀"}] * 100, 1),
        ([{"goodsUnitAmount": LARGEST, "goodsQuantity": 1}], LARGEST),
    ],
)
def test_goods_are_kept_as_they_came(lines: list[Any], amount: int) -> None:
    assert json.loads(goods.check(lines, amount, "JPY")) == lines


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "goods must be a list of 1 to 100 lines"),
        ([{"goodsName": "x"}] * 101, "goods must be a list of 1 to 100 lines"),
        ({"goodsName": "x"}, "goods must be a list of 1 to 100 lines"),
        ("latte", "goods must be a list of 1 to 100 lines"),
        (None, "goods must be a list of 1 to 100 lines"),
        (["latte"], "goods line 1 must be an object"),
        ([{}], "goods line 1 must be an object"),
        ([{"goodsName": "x"}, None], "goods line 2 must be an object"),
        ([{"name": "x"}], "goods line 1: name is not known; use referenceGoodsId, goodsName"),
        ([{"goodsName": ""}], "goods line 1: goodsName must not be empty"),
        ([{"goodsName": None}], "goods line 1: goodsName must be a string"),
        ([{"goodsName": 1}], "goods line 1: goodsName must be a string"),
        ([{"goodsName": "n" * 257}], "goods line 1: goodsName must not be longer than 256 characters"),
        ([{"goodsBrand": "n" * 65}], "goods line 1: goodsBrand must not be longer than 64 characters"),
        ([{"goodsName": "a\0"}], "goods line 1: goodsName must not contain NUL or a lone surrogate"),
        ([{"goodsName": "\ud800"}], "goods line 1: goodsName must not contain NUL or a lone surrogate"),
        ([{"goodsQuantity": "2"}], "goods line 1: goodsQuantity must be a whole number, not '2'"),
        ([{"goodsQuantity": 2.0}], "goods line 1: goodsQuantity must be a whole number"),
        ([{"goodsQuantity": True}], "goods line 1: goodsQuantity must be a whole number"),
        ([{"goodsQuantity": -1}], "goods line 1: goodsQuantity must be a whole number"),
        ([{"goodsUnitAmount": None}], "goods line 1: goodsUnitAmount must be a whole number"),
        ([{"goodsUnitAmount": LARGEST + 1}], "goods line 1: goodsUnitAmount must be a whole number"),
        ([{"goodsUnitAmount": {"value": "1"}}], "goods line 1: goodsUnitAmount must be a whole number"),
        ([{"goodsUnitAmount": 750, "goodsQuantity": 1}], "the goods add up to 750 JPY, the order's amount is 1500"),
        ([{"goodsUnitAmount": 0, "goodsQuantity": 0}], "the goods add up to 0 JPY, the order's amount is 1500"),
    ],
)
def test_bad_goods_are_refused_and_named(lines: Any, said: str) -> None:
    with pytest.raises(IllegalValue) as refused:
        goods.check(lines, 1500, "JPY")
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        ([{"goodsUnitAmount": 750, "goodsQuantity": 2}, {"goodsUnitAmount": 1, "goodsQuantity": 3}], 1503),
        ([{"goodsUnitAmount": 750, "goodsQuantity": 0}], 0),
        ([{"goodsUnitAmount": 750, "goodsQuantity": 2}, {"goodsUnitAmount": 1}], None),
        ([{"goodsName": "x"}], None),
    ],
)
def test_the_total_is_known_when_every_line_says_all(lines: list[Any], total: int | None) -> None:
    assert goods.total_of(json.dumps(lines)) == total
