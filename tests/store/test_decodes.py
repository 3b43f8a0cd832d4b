"""The decode path: one look-up brings all, the record and the pin are one transaction, many at once get one pin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acqp_gateway.decoder.decoding import Decoder
from acqp_gateway.errors import AlreadyOnRecord, IllegalState, OrderClosed, StoreBusy
from acqp_gateway.orders import states
from acqp_gateway.protocol.messages.user_initiated_pay import Request
from acqp_gateway.store import merchants, mpps, orders, registrations
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import CodeOnRecord, Decodes, Place, Standing, look_ahead
from acqp_gateway.store.merchants import NewContract, NewMerchant, NewStore
from tests.conftest import FreshStores
from tests.merchants import Shop, open_shop
from tests.peer import ACQUIRER_ID
from tests.store.helpers import ALIPAY_CN, AT, all_at_once, attempt, decode_once, handled, is_locked, pin, rows_of

GCASH = "1022170000000000000"


@pytest.fixture(scope="module")
def decodes(shared_store: Store) -> Iterator[Decodes]:
    opened = Decodes(shared_store, pool_size=16)
    yield opened
    opened.close()


@pytest.fixture
def shop(shared_store: Store) -> Shop:
    return open_shop(shared_store)


def looked_up(decodes: Decodes, code_value: str, psp_id: str | None = ALIPAY_CN) -> CodeOnRecord | None:
    with decodes.transaction() as transaction:
        return transaction.look_up(code_value, psp_id)


def found(decodes: Decodes, code_value: str, psp_id: str | None = ALIPAY_CN) -> CodeOnRecord:
    record = looked_up(decodes, code_value, psp_id)
    assert record is not None
    return record


ADDRESS = {"state": "13", "city": "Tokyo", "address1": "1-2-3", "address2": "2F", "zip_code": "150-0041"}


def test_one_look_up_brings_all(shared_store: Store, decodes: Decodes) -> None:
    merchants.add(
        shared_store,
        NewMerchant(
            merchant_id="ALL", name="n", mcc="5814", region="JP", display_name="d", kyb_level="BASIC", **ADDRESS
        ),
        at=AT,
    )
    merchants.add_store(
        shared_store,
        NewStore(merchant_id="ALL", store_id="S", name="s", display_name="sd", mcc="5812", region="DE", **ADDRESS),
        at=AT,
    )
    merchants.set_store_status(shared_store, "ALL", "S", "SUSPENDED", reason=None, at=AT)
    for currency, product, ends in (("JPY", "IN_STORE_ORDER_CODE", None), ("USD", "CASHIER_PAYMENT", AT)):
        merchants.add_contract(
            shared_store,
            NewContract(
                merchant_id="ALL",
                currency=currency,
                product=product,
                largest_amount=10**15,
                settlement_currency="EUR",
                required_kyb_level="FULL",
                in_force_from=AT - timedelta(days=1),
                in_force_to=ends,
            ),
        )
    lines = [{"goodsName": "ラテ ☕"}]
    order = Shop(shared_store, "ALL", "S").place(goods=lines, amount=10**15, description="☕ 'x' \"y\" %s :code $1")
    record = found(decodes, order.code_value)
    assert record.order._asdict() == {name: order._mapping[name] for name in record.order._fields}
    assert record.order.terminal_request_time == datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    assert record.order.expires_at.utcoffset() == timedelta(0)
    assert record.kyb_level == "BASIC"
    assert record.merchant == ("ALL", "n", "d", "5814", "JP", *ADDRESS.values(), "ACTIVE")
    assert record.store == ("S", "s", "sd", "5812", "DE", *ADDRESS.values(), "SUSPENDED")
    assert (type(record.merchant), type(record.store)) == (Place, Place)
    assert sorted(record.contracts) == [
        ("CASHIER_PAYMENT", "USD", 10**15, "EUR", "FULL", AT - timedelta(days=1), AT),
        ("IN_STORE_ORDER_CODE", "JPY", 10**15, "EUR", "FULL", AT - timedelta(days=1), None),
    ]
    assert record.standing == Standing(True, False, False)
    assert [type(flag) for flag in record.standing] == [bool] * 3
    assert look_ahead(shared_store, order.code_value, ALIPAY_CN) == record


def test_what_is_not_there_is_none(shared_store: Store, decodes: Decodes) -> None:
    shop = open_shop(shared_store, contract={})
    order = shop.place(store_id=None, terminal_id=None, terminal_request_time=None)
    record = found(decodes, order.code_value)
    assert (record.store, record.contracts) == (None, ())
    assert record.order[7:10] == (None, None, None)
    assert looked_up(decodes, "no such code") is None
    assert look_ahead(shared_store, "no such code", None) is None


@pytest.mark.parametrize(
    "code", ["%", "_", "'", "\\", "$1", "%s", ":code", "?", "é" * 512, "😀" * 512], ids=lambda code: ascii(code[:4])
)
def test_a_code_is_matched_as_it_is(code: str, decodes: Decodes, shop: Shop) -> None:
    order = shop.place(code_value=code)
    assert found(decodes, code).order.payment_request_id == order.payment_request_id
    for other in (f"{code}x", f"x{code}", f"{code} ", f" {code}"):
        assert looked_up(decodes, other[:512]) is None or other[:512] == code


@pytest.mark.parametrize(
    ("rows", "of_order", "psp_id", "standing"),
    [
        ([("S", "ALIPAY_CN", "APPROVED")], "S", ALIPAY_CN, (True, True, True)),
        ([("S", "ALIPAY_CN", "APPROVED")], "S", GCASH, (True, False, True)),
        ([("S", "ALIPAY_CN", "APPROVED")], "S", None, (None, False, True)),
        ([("S", "ALIPAY_CN", "APPROVED")], "S", "999", (None, False, True)),
        ([], "S", ALIPAY_CN, (True, False, False)),
        ([], "S", None, (None, False, False)),
        ([("S", "ALIPAY_CN", "REJECTED"), ("S", "GCASH", "PENDING")], "S", ALIPAY_CN, (True, False, False)),
        ([("S", "ALIPAY_CN", "approved")], "S", ALIPAY_CN, (True, False, False)),
        ([("S", "ALIPAY_CN", "APPROVED_LATER")], "S", ALIPAY_CN, (True, False, False)),
        # An order with a store is judged by the standing of merchant and store, one without by the merchant's own.
        ([(None, "ALIPAY_CN", "APPROVED")], "S", ALIPAY_CN, (True, False, False)),
        ([("S", "ALIPAY_CN", "APPROVED")], None, ALIPAY_CN, (True, False, False)),
        ([(None, "ALIPAY_CN", "APPROVED")], None, ALIPAY_CN, (True, True, True)),
        ([("OTHER", "ALIPAY_CN", "APPROVED")], "S", ALIPAY_CN, (True, False, False)),
        # One product is enough, and so is an MPP that is not in our table when no pspId is given.
        (
            [("S", "ALIPAY_CN", "REJECTED", "A"), ("S", "ALIPAY_CN", "APPROVED", "B")],
            "S",
            ALIPAY_CN,
            (True, True, True),
        ),
        ([("S", "SOMEPAY", "APPROVED")], "S", None, (None, False, True)),
        ([("S", "SOMEPAY", "APPROVED")], "S", ALIPAY_CN, (True, False, True)),
        ([("S", "FREEPAY", "REJECTED")], "S", "555", (False, False, False)),
    ],
)
def test_the_standing_is_that_of_the_order_at_the_mpp_that_asks(
    rows: list[Any], of_order: str | None, psp_id: str | None, standing: Any, shared_store: Store, decodes: Decodes
) -> None:
    if "FREEPAY" not in {row.psp_name for row in mpps.listed(shared_store)}:
        mpps.add(shared_store, "FREEPAY", "555", registration_required=False)
    shop = open_shop(shared_store, approved_at=None)
    stores = {None: None, "S": shop.store_id, "OTHER": "OTHER"}
    merchants.add_store(shared_store, NewStore(merchant_id=shop.merchant_id, store_id="OTHER", name="o"), at=AT)
    for store_id, psp_name, status, *product in rows:
        registrations.set_by_hand(
            shared_store,
            shop.merchant_id,
            stores[store_id],
            psp_name,
            product or ["IN_STORE_PAYMENT"],
            status=status,
            rejection_reason=None,
            at=AT,
        )
    order = shop.place(store_id=stores[of_order])
    assert found(decodes, order.code_value, psp_id).standing == Standing(*standing)


def test_somebody_elses_standing_does_not_count(shared_store: Store, decodes: Decodes) -> None:
    open_shop(shared_store)
    unregistered = open_shop(shared_store, approved_at=None)
    assert found(decodes, unregistered.place().code_value).standing == Standing(True, False, False)


def test_record_and_pin_are_written_together(shared_store: Store, decodes: Decodes, shop: Shop) -> None:
    order = shop.place()
    answer = bytes(range(256))
    with decodes.transaction() as transaction:
        transaction.look_up(order.code_value, ALIPAY_CN)
        transaction.record(
            attempt(order.code_value, customer_id="'; DROP TABLE orders --"), pin=pin(order.code_value, answer)
        )
    kept = orders.get(shared_store, order.payment_request_id)
    assert (kept.pinned_answer, kept.pinned_at, kept.pinned_amount, kept.pinned_currency) == (answer, AT, 1500, "JPY")
    (recorded,) = orders.listed_decodes(shared_store, code_value=order.code_value)
    assert tuple(recorded)[1:] == attempt(order.code_value, customer_id="'; DROP TABLE orders --")
    again = found(decodes, order.code_value).order
    assert (again.pinned_answer, again.pinned_amount, again.pinned_currency) == (answer, 1500, "JPY")
    assert type(again.pinned_answer) is bytes


def test_a_second_pin_changes_nothing(shared_store: Store, decodes: Decodes, shop: Shop) -> None:
    order = shop.place()
    for answer in (b"first", b"second"):
        with decodes.transaction() as transaction:
            transaction.look_up(order.code_value, ALIPAY_CN)
            transaction.record(attempt(order.code_value), pin=pin(order.code_value, answer))
    assert found(decodes, order.code_value).order.pinned_answer == b"first"
    assert len(orders.listed_decodes(shared_store, code_value=order.code_value)) == 2


@pytest.mark.parametrize("state", ["PAID", "CLOSED"])
def test_an_order_that_is_not_open_is_neither_pinned_nor_expired(
    state: str, shared_store: Store, decodes: Decodes, shop: Shop
) -> None:
    order = shop.place()
    change = states.mark_paid if state == "PAID" else states.close
    change(shared_store, order.payment_request_id, reason=None, at=AT)
    with decodes.transaction() as transaction:
        transaction.look_up(order.code_value, ALIPAY_CN)
        transaction.record(attempt(order.code_value), pin=pin(order.code_value), expired=True)
    kept = orders.get(shared_store, order.payment_request_id)
    assert (kept.state, kept.pinned_answer) == (state, None)


def test_an_open_order_is_marked_as_expired(shared_store: Store, decodes: Decodes, shop: Shop) -> None:
    order = shop.place()
    with decodes.transaction() as transaction:
        transaction.look_up(order.code_value, ALIPAY_CN)
        transaction.record(attempt(order.code_value, result_code="EXPIRED_CODE"), expired=True)
    kept = orders.get(shared_store, order.payment_request_id)
    assert (kept.state, kept.state_since, kept.state_reason) == ("EXPIRED", AT, None)


def test_an_attempt_without_order_is_recorded(shared_store: Store, decodes: Decodes) -> None:
    nobody = attempt("nobody's", payment_request_id=None, psp_id=None, customer_id=None, result_code="INVALID_CODE")
    with decodes.transaction() as transaction:
        assert transaction.look_up("nobody's", None) is None
        transaction.record(nobody)
    (recorded,) = orders.listed_decodes(shared_store, code_value="nobody's")
    assert tuple(recorded)[1:] == nobody


def fail_within(decodes: Decodes, code_value: str) -> None:
    with decodes.transaction() as transaction:
        transaction.look_up(code_value, ALIPAY_CN)
        _ = 1 / 0


def record_what_cannot_be(decodes: Decodes, code_value: str) -> None:
    without: Any = None
    with decodes.transaction() as transaction:
        transaction.look_up(code_value, ALIPAY_CN)
        transaction.record(attempt(code_value, reason=without), pin=pin(code_value))


def test_what_is_not_recorded_has_not_happened(shared_store: Store, decodes: Decodes, shop: Shop) -> None:
    order = shop.place()
    with decodes.transaction() as transaction:
        transaction.look_up(order.code_value, ALIPAY_CN)
        assert is_locked(shared_store, order.code_value)
    assert not is_locked(shared_store, order.code_value)
    with pytest.raises(ZeroDivisionError):
        fail_within(decodes, order.code_value)
    assert orders.listed_decodes(shared_store, code_value=order.code_value) == []
    shared_store.breaker.check()
    assert decode_once(decodes, order.code_value) == b"first"


def test_what_cannot_be_recorded_leaves_nothing_of_it(shared_store: Store, decodes: Decodes, shop: Shop) -> None:
    order = shop.place()
    with pytest.raises(Exception, match=r"(?i)null"):
        record_what_cannot_be(decodes, order.code_value)
    assert orders.listed_decodes(shared_store, code_value=order.code_value) == []
    assert orders.get(shared_store, order.payment_request_id).pinned_answer is None
    shared_store.breaker.check()
    decode_once(decodes, order.code_value)


def test_connections_are_used_again(shared_store: Store, decodes: Decodes, shop: Shop) -> None:
    order = shop.place()
    for _ in range(40):
        decode_once(decodes, order.code_value)
    for _ in range(40):
        looked_up(decodes, order.code_value)
    assert len(orders.listed_decodes(shared_store, code_value=order.code_value)) == 40


def test_many_at_once_get_one_pin(shared_store: Store, decodes: Decodes, shop: Shop) -> None:
    decoder = Decoder(decodes, acquirer_id=ACQUIRER_ID)
    for _ in range(3):
        order = shop.place()

        def decode(number: int, code: str = order.code_value) -> bytes:
            psp_id = ALIPAY_CN if number % 2 else None
            return handled(decoder, Request(code, psp_id=psp_id, customer_id=str(number)))

        bodies = all_at_once(16, decode)
        kept = orders.get(shared_store, order.payment_request_id)
        assert set(bodies) == {kept.pinned_answer}
        recorded = orders.listed_decodes(shared_store, code_value=order.code_value)
        assert [row.result_code for row in recorded] == ["SUCCESS"] * 16
        assert {row.customer_id for row in recorded} == {str(number) for number in range(16)}
        assert min(row.decoded_at for row in recorded) <= kept.pinned_at


def test_each_thread_pins_an_answer_of_its_own_and_one_wins(decodes: Decodes, shop: Shop) -> None:
    order = shop.place()
    answers = all_at_once(16, lambda number: decode_once(decodes, order.code_value, b"%d" % number))
    assert len(set(answers)) == 1
    assert found(decodes, order.code_value).order.pinned_answer == answers[0]


def test_different_codes_at_once(decodes: Decodes, shop: Shop) -> None:
    placed = [shop.place().code_value for _ in range(16)]
    assert all_at_once(16, lambda number: decode_once(decodes, placed[number], placed[number].encode())) == [
        code.encode() for code in placed
    ]


def test_no_decode_is_answered_once_the_order_is_paid(shared_store: Store, decodes: Decodes, shop: Shop) -> None:
    """An answer is pinned before the payment, or refused after it; never in between."""
    decoder = Decoder(decodes, acquirer_id=ACQUIRER_ID)
    order = shop.place()

    def work(number: int) -> str:
        if number == 0:
            states.mark_paid(shared_store, order.payment_request_id, reason=None, at=datetime.now(UTC))
            return "paid"
        try:
            handled(decoder, Request(order.code_value, psp_id=ALIPAY_CN))
        except OrderClosed:
            return "refused"
        return "answered"

    outcomes = all_at_once(12, work)
    recorded = rows_of(
        shared_store,
        "SELECT result_code FROM decodes WHERE code_value = :code ORDER BY decode_id",
        code=order.code_value,
    )
    answered = outcomes.count("answered")
    assert sorted(row["result_code"] for row in recorded) == sorted(
        ["SUCCESS"] * answered + ["ORDER_IS_CLOSED"] * (11 - answered)
    )
    kept = orders.get(shared_store, order.payment_request_id)
    assert (kept.state, kept.pinned_answer is not None) == ("PAID", answered > 0)


def test_two_contracts_that_overlap_are_not_entered_at_once(shared_store: Store) -> None:
    merchant_id = open_shop(shared_store, contract={}).merchant_id

    def enter(number: int) -> bool:
        new = NewContract(merchant_id=merchant_id, currency="JPY", largest_amount=1 + number, in_force_from=AT)
        try:
            merchants.add_contract(shared_store, new)
        except IllegalState:
            return False
        return True

    assert sorted(all_at_once(4, enter)) == [False, False, False, True]


def test_orders_with_one_code_placed_at_once(shared_store: Store, shop: Shop) -> None:
    def place(number: int) -> bool:
        try:
            shop.place(code_value=f"{shop.merchant_id} at once", amount=1 + number)
        except AlreadyOnRecord:
            return False
        return True

    assert sorted(all_at_once(4, place)) == [False, False, False, True]


def test_a_busy_embedded_store_is_not_taken_for_a_broken_one(fresh_stores: FreshStores) -> None:
    """PostgreSQL locks the order alone: test_outages.py."""
    opened = Store(fresh_stores.url("sqlite"), patience_s=0.2, guarded=True)
    decodes = Decodes(opened, pool_size=2)
    code = open_shop(opened).place().code_value

    def hold_or_wait(number: int) -> str:
        if number:
            with pytest.raises(StoreBusy, match="too many wait"):
                looked_up(decodes, code)
        return "waited"

    with decodes.transaction() as transaction:
        transaction.look_up(code, None)
        assert all_at_once(2, lambda number: hold_or_wait(number + 1)) == ["waited"] * 2
    opened.breaker.check()
    assert decode_once(decodes, code) == b"first"
    decodes.close()
    opened.close()
