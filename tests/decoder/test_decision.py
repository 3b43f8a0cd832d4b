"""The decision: rows 8 to 18 of the refusals, their edges, and which of two faults is the answer."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqp_gateway import errors
from acqp_gateway.decoder.decision import decide
from acqp_gateway.errors import OrderRefused
from acqp_gateway.store.decodes import CodeOnRecord, Contract, Order, Place, Standing
from acqp_gateway.store.tables import CONTRACT_PRODUCTS, KYB_LEVELS, MERCHANT_STATUSES, ORDER_STATES
from tests.decoder.helpers import MICROSECOND, NOW, contract, merchant, order, record, same_examples, store

IDR = {"order_currency": "IDR", "contract_currency": "IDR"}
PINNED = b'{"result":{"resultCode":"SUCCESS"}}'


def made(**knobs: Any) -> CodeOnRecord:
    """A record in which the knobs are turned; each knob is one thing that may be wrong, apart from all others."""
    pinned = {"pinned_amount": 1, "pinned_currency": "JPY", "pinned_answer": PINNED} if "differs" in knobs else {}
    return record(
        order=order(
            state=knobs.get("state", "OPEN"),
            expires_at=knobs.get("expires_at", NOW + timedelta(minutes=10)),
            amount=knobs.get("amount", 1500),
            currency=knobs.get("order_currency", "JPY"),
            goods=knobs.get("goods"),
            **pinned,
        ),
        merchant=merchant(status=knobs.get("merchant_status", "ACTIVE")),
        store=store(status=knobs["store_status"]) if "store_status" in knobs else None,
        kyb_level=knobs.get("kyb_level", "FULL"),
        contracts=()
        if "no_contract" in knobs
        else (
            contract(
                product=knobs.get("product", "IN_STORE_ORDER_CODE"),
                currency=knobs.get("contract_currency", "JPY"),
                largest_amount=knobs.get("limit", 1_000_000),
                in_force_from=knobs.get("in_force_from", NOW - timedelta(days=1)),
                in_force_to=knobs.get("in_force_to"),
            ),
        ),
        standing=Standing(*knobs.get("standing", (True, True, True))),
    )


class Fault:
    """One thing that is wrong on record, and what a decode is refused with."""

    def __init__(self, row: int, name: str, refusal: type[OrderRefused], reason: str, **knobs: Any) -> None:
        self.row = row
        self.name = f"{row}-{name}"
        self.expected = (refusal, reason)
        self.knobs = knobs

    def combines_with(self, other: Fault) -> bool:
        """Whether a record can have both faults at once."""
        return self.row != other.row and not self.knobs.keys() & other.knobs.keys()


GOODS = json.dumps([{"goodsUnitAmount": 700, "goodsQuantity": 2}])

#: design.md, "Which refusal, in this order", rows 9 to 18 (of 8 there is nothing else on record).
FAULTS = [
    *(Fault(9, state, errors.OrderClosed, f"order_{state.lower()}", state=state) for state in ("PAID", "CLOSED")),
    Fault(9, "CANCELLED", errors.OrderClosed, "order_cancelled", state="CANCELLED"),
    Fault(10, "past", errors.CodeExpired, "code_expired", expires_at=NOW - timedelta(days=1)),
    Fault(10, "now", errors.CodeExpired, "code_expired", expires_at=NOW),
    Fault(10, "written-down", errors.CodeExpired, "code_expired", state="EXPIRED"),
    Fault(11, "merchant", errors.MerchantNotActive, "merchant_suspended", merchant_status="SUSPENDED"),
    Fault(11, "merchant-closed", errors.MerchantNotActive, "merchant_closed", merchant_status="CLOSED"),
    Fault(11, "store", errors.MerchantNotActive, "store_suspended", store_status="SUSPENDED"),
    Fault(11, "store-closed", errors.MerchantNotActive, "store_closed", store_status="CLOSED"),
    Fault(12, "failed", errors.KybNotQualified, "kyb_failed", kyb_level="FAILED"),
    Fault(13, "none", errors.NoContractInForce, "no_contract_in_force", no_contract=True),
    Fault(13, "future", errors.NoContractInForce, "no_contract_in_force", in_force_from=NOW + MICROSECOND),
    Fault(13, "ended", errors.NoContractInForce, "no_contract_in_force", in_force_to=NOW),
    *(
        Fault(14, product, errors.BusinessNotSupported, "product_not_in_contract", product=product)
        for product in CONTRACT_PRODUCTS[1:]
    ),
    Fault(15, "not-here", errors.MerchantNotRegistered, "not_registered", standing=(True, False, True)),
    Fault(15, "nowhere", errors.MerchantNotRegistered, "not_registered_anywhere", standing=(None, False, False)),
    Fault(16, "contract", errors.CurrencyNotSupported, "currency_not_in_contract", contract_currency="USD"),
    Fault(16, "order", errors.CurrencyNotSupported, "currency_not_in_contract", order_currency="KRW"),
    Fault(17, "zero", errors.AmountInvalid, "amount_not_positive", amount=0),
    Fault(17, "negative", errors.AmountInvalid, "amount_not_positive", amount=-1500),
    Fault(17, "above-limit", errors.AmountInvalid, "amount_above_limit", limit=1499),
    Fault(17, "rupiah", errors.AmountInvalid, "amount_wrong_for_currency", amount=1501, **IDR),
    Fault(18, "goods", errors.RecordsContradict, "goods_do_not_add_up", goods=GOODS),
    Fault(18, "pin", errors.RecordsContradict, "order_differs_from_pin", differs=True),
]
ROWS = range(9, 19)
each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


def refusal_of(found: CodeOnRecord | None, now: datetime = NOW) -> tuple[type[OrderRefused], str] | None:
    """The refusal and its label; None when the code is decoded."""
    try:
        decide(found, now)
    except OrderRefused as refusal:
        return type(refusal), refusal.reason
    return None


def test_a_code_that_is_decoded() -> None:
    found = record()
    assert decide(found, NOW) == (found, found.contracts[0])
    assert refusal_of(made()) is None


def test_row_8_no_order_has_this_code() -> None:
    assert refusal_of(None) == (errors.CodeUnknown, "unknown_code")


@each_fault
def test_each_fault_is_refused_for_its_reason(fault: Fault) -> None:
    assert refusal_of(made(**fault.knobs)) == fault.expected


@each_fault
def test_of_two_faults_the_earlier_row_is_the_answer(fault: Fault) -> None:
    wrong = {
        other.name: found
        for other in FAULTS
        if other.row > fault.row and fault.combines_with(other)
        if (found := refusal_of(made(**fault.knobs, **other.knobs))) != fault.expected
    }
    assert wrong == {}


def test_every_row_meets_its_neighbour() -> None:
    assert sorted({fault.row for fault in FAULTS}) == list(ROWS)
    met = {(one.row, other.row) for one in FAULTS for other in FAULTS if one.combines_with(other)}
    assert set(itertools.pairwise(ROWS)) - met == set()


@pytest.mark.parametrize(
    ("before", "refusal"),
    [
        (MICROSECOND, None),
        (timedelta(0), (errors.CodeExpired, "code_expired")),
        (-MICROSECOND, (errors.CodeExpired, "code_expired")),
    ],
)
def test_the_edge_of_expiry(before: timedelta, refusal: Any) -> None:
    assert refusal_of(record(order=order(expires_at=NOW + before))) == refusal


@pytest.mark.parametrize(
    ("begins", "ends", "is_in_force"),
    [
        (NOW, None, True),
        (NOW + MICROSECOND, None, False),
        (NOW, NOW + MICROSECOND, True),
        (NOW - timedelta(days=1), NOW, False),
        (NOW - timedelta(days=1), NOW + MICROSECOND, True),
        (NOW, NOW, False),
    ],
)
def test_the_edges_of_a_contract(begins: datetime, ends: datetime | None, is_in_force: bool) -> None:
    found = record(contracts=(contract(in_force_from=begins, in_force_to=ends),))
    assert refusal_of(found) == (None if is_in_force else (errors.NoContractInForce, "no_contract_in_force"))


@pytest.mark.parametrize(
    ("amount", "limit", "reason"),
    [
        (1500, 1500, None),
        (1501, 1500, "amount_above_limit"),
        (1, 1, None),
        (0, 1, "amount_not_positive"),
        (10**15, 10**15, None),
    ],
)
def test_the_edges_of_the_amount(amount: int, limit: int, reason: str | None) -> None:
    found = record(order=order(amount=amount), contracts=(contract(largest_amount=limit),))
    assert refusal_of(found) == (None if reason is None else (errors.AmountInvalid, reason))


@pytest.mark.parametrize(
    ("currency", "amount", "is_right"),
    [
        ("IDR", 100, True),
        ("IDR", 150_000, True),
        ("IDR", 150_001, False),
        ("IDR", 150_010, False),
        ("JPY", 150_001, True),
        ("USD", 150_010, True),
    ],
)
def test_rupiah_end_in_00(currency: str, amount: int, is_right: bool) -> None:
    found = record(order=order(currency=currency, amount=amount), contracts=(contract(currency=currency),))
    assert refusal_of(found) == (None if is_right else (errors.AmountInvalid, "amount_wrong_for_currency"))


FAILED, TOO_LOW = (errors.KybNotQualified, "kyb_failed"), (errors.KybNotQualified, "kyb_level_too_low")


@pytest.mark.parametrize(
    ("level", "asked", "refusal"),
    [
        ("FAILED", "BASIC", FAILED),
        ("FAILED", "FULL", FAILED),
        ("BASIC", "BASIC", None),
        ("BASIC", "FULL", TOO_LOW),
        ("FULL", "BASIC", None),
        ("FULL", "FULL", None),
    ],
)
def test_kyb_levels(level: str, asked: str, refusal: Any) -> None:
    assert refusal_of(record(kyb_level=level, contracts=(contract(required_kyb_level=asked),))) == refusal


@pytest.mark.parametrize(
    ("contracts", "refusal"),
    [
        # What a contract asks counts while it is in force ...
        ([contract(required_kyb_level="FULL", in_force_to=NOW)], (errors.NoContractInForce, "no_contract_in_force")),
        ([], (errors.NoContractInForce, "no_contract_in_force")),
        # ... and before it is asked whether it is for order codes, or in the order's currency, ...
        ([contract(required_kyb_level="FULL", product="CASHIER_PAYMENT")], TOO_LOW),
        ([contract(required_kyb_level="FULL", currency="USD")], TOO_LOW),
        # ... but only of the contract that governs the order.
        ([contract(), contract(required_kyb_level="FULL", currency="USD")], None),
        ([contract(), contract(required_kyb_level="FULL", product="CASHIER_PAYMENT")], None),
        ([contract(required_kyb_level="FULL"), contract(currency="USD")], TOO_LOW),
        ([contract(required_kyb_level="FULL"), contract(product="CASHIER_PAYMENT")], TOO_LOW),
    ],
)
def test_the_contract_that_governs_asks_for_the_level(contracts: list[Contract], refusal: Any) -> None:
    assert refusal_of(record(kyb_level="BASIC", contracts=tuple(contracts))) == refusal


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        # An MPP that we know and that requires registration.
        ((True, True, True), None),
        ((True, False, True), "not_registered"),
        ((True, False, False), "not_registered"),
        # One that requires none.
        ((False, False, False), None),
        ((False, False, True), None),
        ((False, True, True), None),
        # No pspId, or one that nobody knows.
        ((None, False, True), None),
        ((None, False, False), "not_registered_anywhere"),
    ],
)
def test_the_standing(standing: tuple[bool | None, bool, bool], reason: str | None) -> None:
    expected = None if reason is None else (errors.MerchantNotRegistered, reason)
    assert refusal_of(record(standing=Standing(*standing))) == expected


def test_an_order_without_store_is_judged_by_the_merchant_alone() -> None:
    assert refusal_of(record(store=None)) is None
    assert refusal_of(record(store=None, merchant=merchant(status="CLOSED"))) is not None


def test_of_several_contracts_the_one_in_the_orders_currency_governs() -> None:
    right = contract(currency="JPY", largest_amount=1500, settlement_currency="EUR")
    found = record(
        contracts=(
            contract(currency="USD", largest_amount=1),
            contract(currency="JPY", largest_amount=1, in_force_to=NOW),
            contract(currency="JPY", product="CASHIER_PAYMENT", largest_amount=1),
            right,
            contract(currency="JPY", largest_amount=1, in_force_from=NOW + MICROSECOND),
        )
    )
    assert decide(found, NOW)[1] == right


def goods(*lines: tuple[int | None, int | None]) -> str:
    names = ("goodsUnitAmount", "goodsQuantity")
    return json.dumps(
        [{name: value for name, value in zip(names, line, strict=True) if value is not None} for line in lines]
    )


@pytest.mark.parametrize(
    ("kept", "adds_up"),
    [
        (None, True),
        (goods((750, 2)), True),
        (goods((1500, 1)), True),
        (goods((700, 2), (100, 1)), True),
        (goods((750, 2), (0, 7)), True),
        (goods((751, 2)), False),
        (goods((750, 1)), False),
        (goods((0, 0)), False),
        # Nothing adds up while an amount or a quantity is not said.
        (goods((1, None)), True),
        (goods((None, 9)), True),
        (goods((9999, 2), (None, 1)), True),
    ],
)
def test_goods_add_up(kept: str | None, adds_up: bool) -> None:
    expected = None if adds_up else (errors.RecordsContradict, "goods_do_not_add_up")
    assert refusal_of(record(order=order(goods=kept))) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "agrees"), [(1500, "JPY", True), (1499, "JPY", False), (1500, "USD", False)]
)
def test_an_order_agrees_with_its_pin(amount: int, currency: str, agrees: bool) -> None:
    pinned = order(pinned_amount=amount, pinned_currency=currency, pinned_answer=PINNED)
    expected = None if agrees else (errors.RecordsContradict, "order_differs_from_pin")
    assert refusal_of(record(order=pinned)) == expected


@pytest.mark.parametrize(
    "knobs",
    [
        {"state": "PAID"},
        {"expires_at": NOW},
        {"merchant_status": "SUSPENDED"},
        {"kyb_level": "FAILED"},
        {"no_contract": True},
        {"standing": (True, False, True)},
        {"limit": 1499},
    ],
    ids=lambda knobs: next(iter(knobs)),
)
def test_a_pin_makes_nothing_pass_that_is_refused_now(knobs: dict[str, Any]) -> None:
    found = made(**knobs)
    pinned = found.order._replace(pinned_amount=1500, pinned_currency="JPY", pinned_answer=PINNED)
    assert refusal_of(found._replace(order=pinned)) == refusal_of(found) is not None


TIMES = st.sampled_from(
    [NOW + sign * off for sign in (-1, 1) for off in (timedelta(0), MICROSECOND, timedelta(days=1))]
)
CURRENCIES = st.sampled_from(["JPY", "USD", "IDR"])
AMOUNTS = st.sampled_from([-1, 0, 1, 99, 100, 1500, 1501, 10**15])
LINES = st.fixed_dictionaries(
    {}, optional={"goodsName": st.text(), "goodsUnitAmount": AMOUNTS, "goodsQuantity": st.integers(0, 2)}
)
STATUSES = st.sampled_from(MERCHANT_STATUSES) | st.text(max_size=8)
CONTRACTS = st.builds(
    contract,
    product=st.sampled_from(["IN_STORE_ORDER_CODE", "CASHIER_PAYMENT"]),
    currency=CURRENCIES,
    largest_amount=AMOUNTS,
    required_kyb_level=st.sampled_from(KYB_LEVELS[1:]),
    in_force_from=TIMES,
    in_force_to=st.none() | TIMES,
)
PINS = st.fixed_dictionaries(
    {"pinned_answer": st.just(PINNED), "pinned_amount": AMOUNTS, "pinned_currency": CURRENCIES}
)
OF_ORDERS: dict[str, st.SearchStrategy[Any]] = {
    "state": st.sampled_from(ORDER_STATES) | st.text(max_size=8),
    "expires_at": TIMES,
    "amount": AMOUNTS,
    "currency": CURRENCIES,
    "goods": st.lists(LINES, min_size=1, max_size=3).map(json.dumps),
    "pin": PINS,
}
OF_RECORDS: dict[str, st.SearchStrategy[Any]] = {
    "merchant": st.builds(merchant, status=STATUSES),
    "store": st.none() | st.builds(store, status=STATUSES),
    "kyb_level": st.sampled_from(KYB_LEVELS),
    "contracts": st.lists(CONTRACTS, max_size=5).map(tuple),
    "standing": st.builds(Standing, st.none() | st.booleans(), st.booleans(), st.booleans()),
}


@st.composite
def records(draw: st.DrawFn) -> CodeOnRecord:
    """Records in which up to three things are anything at all: with more, next to none would be decoded."""
    strategies = OF_ORDERS | OF_RECORDS
    drawn = {
        name: draw(strategies[name], label=name)
        for name in draw(st.sets(st.sampled_from(sorted(strategies)), max_size=3))
    }
    pin = drawn.pop("pin", {})
    of_order = {name: drawn.pop(name) for name in OF_ORDERS.keys() & drawn.keys()}
    return record(order=order(**of_order, **pin), **drawn)


def may_sell(place: Place | None) -> bool:
    return place is None or place.status == "ACTIVE"


def is_consistent(sold: Order) -> bool:
    lines = json.loads(sold.goods) if sold.goods is not None else [{}]
    pairs = [(line.get("goodsUnitAmount"), line.get("goodsQuantity")) for line in lines]
    is_priced = all(price is not None and count is not None for price, count in pairs)
    adds_up = not is_priced or sum(price * count for price, count in pairs) == sold.amount
    is_as_pinned = sold.pinned_answer is None or (sold.pinned_amount, sold.pinned_currency) == (
        sold.amount,
        sold.currency,
    )
    return adds_up and is_as_pinned


@same_examples
@given(records())
def test_it_never_fails_and_never_answers_what_it_must_not(found: CodeOnRecord) -> None:
    try:
        answered, governing = decide(found, NOW)
    except OrderRefused as refusal:
        assert type(refusal) is not OrderRefused  # noqa: PT017 -- it may be decoded, too
        return
    sold = answered.order
    assert answered is found
    assert sold.state == "OPEN"
    assert sold.expires_at > NOW
    assert may_sell(found.merchant)
    assert may_sell(found.store)
    assert found.kyb_level != "FAILED"
    assert governing in found.contracts
    assert (governing.product, governing.currency) == ("IN_STORE_ORDER_CODE", sold.currency)
    assert governing.in_force_from <= NOW
    assert governing.in_force_to is None or governing.in_force_to > NOW
    if found.standing.registration_required:
        assert found.standing.approved_at_this_mpp
    if found.standing.registration_required is None:
        assert found.standing.approved_at_some_mpp
    assert 0 < sold.amount <= governing.largest_amount
    assert sold.currency != "IDR" or sold.amount % 100 == 0
    assert is_consistent(sold)


@same_examples
@given(records().filter(lambda found: found.kyb_level == "FULL"))
def test_it_answers_whatever_it_may(found: CodeOnRecord) -> None:
    sold, standing = found.order, found.standing
    in_force = [
        each
        for each in found.contracts
        if each.in_force_from <= NOW and (each.in_force_to is None or each.in_force_to > NOW)
    ]
    governing = [each for each in in_force if (each.product, each.currency) == ("IN_STORE_ORDER_CODE", sold.currency)]
    newest = max(governing, key=lambda each: each.in_force_from, default=None)
    may = (
        sold.state == "OPEN"
        and sold.expires_at > NOW
        and may_sell(found.merchant)
        and may_sell(found.store)
        and newest is not None
        and {True: standing.approved_at_this_mpp, False: True, None: standing.approved_at_some_mpp}[
            standing.registration_required
        ]
        and 0 < sold.amount <= newest.largest_amount
        and not (sold.currency == "IDR" and sold.amount % 100)
        and is_consistent(sold)
    )
    assert (refusal_of(found) is None) == may
