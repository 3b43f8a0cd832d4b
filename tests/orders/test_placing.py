"""Placing an order: what is checked before the store is asked, and what is written."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from acqp_gateway.errors import AlreadyOnRecord, IllegalValue, NotOnRecord
from acqp_gateway.orders import code
from acqp_gateway.orders.placing import LONGEST_EXPIRY_S, NewOrder, place, place_all
from acqp_gateway.store import orders
from acqp_gateway.store.database import Store
from tests.merchants import PREFIX, Shop, open_shop
from tests.store.helpers import AT


@pytest.fixture
def shop(store: Store) -> Shop:
    return open_shop(store)


def new_order(**members: Any) -> NewOrder:
    return NewOrder(**{"merchant_id": "M", "amount": 1500, "currency": "JPY", "description": "2 lattes", **members})


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"currency": "yen"}, "currency must be a currency code"),
        ({"currency": "jpy"}, "currency must be a currency code"),
        ({"currency": "JPYX"}, "currency must be a currency code"),
        ({"currency": ""}, "currency must be a currency code"),
        ({"amount": 0}, "amount must be a whole number of minor units from 1"),
        ({"amount": -1}, "amount must be a whole number of minor units from 1"),
        ({"amount": 10**15 + 1}, "amount must be a whole number of minor units from 1"),
        ({"amount": 150_001, "currency": "IDR"}, "amount in IDR must end in 00"),
        ({"description": ""}, "description must not be empty"),
        ({"description": "d" * 257}, "description must not be longer than 256 characters"),
        ({"description": "a\0"}, "description must not contain NUL"),
        ({"reference_order_id": ""}, "reference order id must not be empty"),
        ({"reference_order_id": "r" * 65}, "reference order id must not be longer than 64 characters"),
        ({"terminal_id": "t" * 65}, "terminal id must not be longer than 64 characters"),
        ({"code_value": ""}, "code value must not be empty"),
        ({"code_value": "c" * 513}, "code value must not be longer than 512 characters"),
        ({"code_value": "\udc00"}, "code value must not contain NUL or a lone surrogate"),
        ({"expires_in_s": 0}, "expires in must be from 1 to"),
        ({"expires_in_s": LONGEST_EXPIRY_S + 1}, "expires in must be from 1 to"),
        ({"terminal_request_time": datetime(2026, 11, 20, 10)}, "terminal request time must name its zone"),
    ],
)
def test_a_value_against_its_rule_is_named(members: dict[str, Any], said: str) -> None:
    with pytest.raises(IllegalValue) as refused:
        new_order(**members)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    "members",
    [
        {"amount": 1},
        {"amount": 10**15},
        {"amount": 150_000, "currency": "IDR"},
        {"description": "😀" * 256},
        {"reference_order_id": "r" * 64, "terminal_id": "t" * 64, "code_value": "😀" * 512},
        {"expires_in_s": 1},
        {"expires_in_s": LONGEST_EXPIRY_S},
    ],
    ids=lambda members: "-".join(members),
)
def test_a_value_at_its_edge_is_taken(members: dict[str, Any]) -> None:
    new_order(**members)


def test_an_order_is_written_as_it_came(store: Store, shop: Shop) -> None:
    lines = [{"goodsName": "ラテ", "goodsUnitAmount": 750, "goodsQuantity": 2}]
    new = new_order(
        merchant_id=shop.merchant_id,
        store_id=shop.store_id,
        description="2 lattes ☕",
        reference_order_id="A-1",
        terminal_id="T1",
        terminal_request_time=datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=9))),
        expires_in_s=60,
        code_value="00020101021226",
        goods=lines,
    )
    kept = orders.get(store, place(store, new, code_url_prefix=PREFIX, at=AT))
    assert json.loads(kept.goods) == lines
    assert (
        kept._mapping.items()
        >= {
            "code_value": "00020101021226",
            "reference_order_id": "A-1",
            "merchant_id": shop.merchant_id,
            "store_id": shop.store_id,
            "description": "2 lattes ☕",
            "amount": 1500,
            "currency": "JPY",
            "terminal_id": "T1",
            "terminal_request_time": datetime(2026, 11, 20, 1, tzinfo=UTC),
            "terminal_utc_offset_s": 32_400,
            "placed_at": AT,
            "expires_at": AT + timedelta(seconds=60),
            "state": "OPEN",
            "state_since": AT,
            "state_reason": None,
            "pinned_answer": None,
        }.items()
    )


def test_what_is_not_said_is_minted(store: Store, shop: Shop) -> None:
    new = new_order(merchant_id=shop.merchant_id)
    one, other = (orders.get(store, number) for number in place_all(store, [new, new], code_url_prefix=PREFIX, at=AT))
    assert (one.store_id, one.goods, one.terminal_id, one.terminal_utc_offset_s) == (None, None, None, None)
    assert one.expires_at == AT + timedelta(minutes=10)
    assert one.code_value.startswith(PREFIX)
    for member in ("payment_request_id", "code_value", "reference_order_id"):
        assert one._mapping[member] != other._mapping[member]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"merchant_id": "nobody"}, "no merchant nobody on record"),
        ({"store_id": "nowhere"}, "has no store nowhere on record"),
    ],
)
def test_merchant_and_store_must_be_known(members: dict[str, Any], said: str, store: Store, shop: Shop) -> None:
    new = new_order(**{"merchant_id": shop.merchant_id, **members})
    with pytest.raises(NotOnRecord, match=said):
        place(store, new, code_url_prefix=PREFIX, at=AT)


def test_a_store_belongs_to_its_merchant(store: Store, shop: Shop) -> None:
    other = open_shop(store)
    with pytest.raises(NotOnRecord, match="has no store"):
        place(
            store,
            new_order(merchant_id=shop.merchant_id, store_id=other.store_id),
            code_url_prefix=PREFIX,
            at=AT,
        )


def test_a_code_is_for_one_order_alone(store: Store, shop: Shop) -> None:
    first = place(store, new_order(merchant_id=shop.merchant_id, code_value="C"), code_url_prefix=PREFIX, at=AT)
    again = [
        new_order(merchant_id=shop.merchant_id, code_value="D"),
        new_order(merchant_id=shop.merchant_id, code_value="C"),
    ]
    with pytest.raises(AlreadyOnRecord, match=f"code 'C' belongs to order {first} already"):
        place_all(store, again, code_url_prefix=PREFIX, at=AT)
    assert [row.code_value for row in orders.listed(store)] == ["C"]


def test_nor_twice_in_one_go(store: Store, shop: Shop) -> None:
    twice = [new_order(merchant_id=shop.merchant_id, code_value="C")] * 2
    with pytest.raises(AlreadyOnRecord, match="a code appears twice"):
        place_all(store, twice, code_url_prefix=PREFIX, at=AT)
    assert orders.listed(store) == []


def test_bad_goods_are_refused_before_anything_is_written(store: Store, shop: Shop) -> None:
    bad = [new_order(merchant_id=shop.merchant_id), new_order(merchant_id=shop.merchant_id, goods=[{}])]
    with pytest.raises(IllegalValue, match="goods line 1"):
        place_all(store, bad, code_url_prefix=PREFIX, at=AT)
    assert orders.listed(store) == []


def test_a_minted_code_cannot_be_guessed_and_is_a_url_of_ours() -> None:
    minted = {code.mint_code(PREFIX) for _ in range(1000)}
    assert len(minted) == 1000
    for each in minted:
        # 26 letters of base32 say 128 bits; at least 96 are asked for.
        assert re.fullmatch(re.escape(PREFIX) + "[A-Z2-7]{26}", each)
        assert len(each) <= 512
    for position in range(25):
        assert len({each[len(PREFIX) + position] for each in minted}) == 32


@pytest.mark.parametrize(
    ("mint", "form"),
    [
        (code.mint_payment_request_id, "20261120020000[0-9a-f]{20}"),
        (code.mint_reference_order_id, "R20261120020000[0-9a-f]{12}"),
    ],
)
def test_minted_ids_begin_with_the_time_and_differ(mint: Any, form: str) -> None:
    minted = {mint(AT) for _ in range(1000)}
    assert len(minted) == 1000
    assert all(re.fullmatch(form, each) and len(each) <= 64 for each in minted)
