"""One decode on a real store of each kind: answered, recorded and pinned, or refused and recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acqp_gateway import errors
from acqp_gateway.decoder.decoding import Decoder
from acqp_gateway.orders import states
from acqp_gateway.protocol.messages.user_initiated_pay import Request
from acqp_gateway.store import merchants, orders, registrations
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import Decodes
from tests.merchants import Shop, open_shop
from tests.peer import ACQUIRER_ID
from tests.store.helpers import handled, is_locked

ALIPAY_CN, GCASH = "1022088000000000001", "1022170000000000000"


@dataclass
class Counter:
    """A decoder with a clock that a test can set forward."""

    store: Store
    decoder: Decoder
    at: datetime

    def decode(self, code_value: str, psp_id: str | None = ALIPAY_CN, **members: Any) -> bytes:
        """The bytes of the answer. Raises Refused."""
        return handled(self.decoder, Request(code_value=code_value, psp_id=psp_id, **members))

    def refusal(self, code_value: str, **members: Any) -> tuple[type[errors.Refused], str]:
        """What a decode is refused with."""
        with pytest.raises(errors.Refused) as refused:
            self.decode(code_value, **members)
        return type(refused.value), refused.value.reason

    def recorded(self, code_value: str) -> list[tuple[str, str]]:
        """Result and label of each recorded decode of a code, the oldest first."""
        rows = orders.listed_decodes(self.store, code_value=code_value)
        return [(row.result_code, row.reason) for row in reversed(rows)]


@pytest.fixture
def counter(store: Store) -> Iterator[Counter]:
    decodes = Decodes(store, pool_size=2)
    made = Counter(store, Decoder(decodes, acquirer_id=ACQUIRER_ID, clock=lambda: made.at), datetime.now(UTC))
    yield made
    decodes.close()


@pytest.fixture
def shop(store: Store) -> Shop:
    return open_shop(store)


def test_the_first_decode_is_answered_recorded_and_pinned(counter: Counter, shop: Shop) -> None:
    order = shop.place()
    body = counter.decode(order.code_value, acquirer_id=ACQUIRER_ID, customer_id="U1")
    assert json.loads(body)["paymentRequestId"] == order.payment_request_id
    kept = orders.get(counter.store, order.payment_request_id)
    assert (kept.pinned_answer, kept.pinned_at) == (body, counter.at)
    assert (kept.pinned_amount, kept.pinned_currency, kept.state) == (1500, "JPY", "OPEN")
    (recorded,) = orders.listed_decodes(counter.store, code_value=order.code_value)
    assert recorded.duration_us > 0
    assert (
        recorded._mapping.items()
        >= {
            "decoded_at": counter.at,
            "code_value": order.code_value,
            "payment_request_id": order.payment_request_id,
            "psp_id": ALIPAY_CN,
            "customer_id": "U1",
            "result_code": "SUCCESS",
            "reason": "",
        }.items()
    )


def test_a_repeat_gets_the_same_bytes_whatever_has_changed(counter: Counter, shop: Shop) -> None:
    order = shop.place(expires_in_s=600)
    body = counter.decode(order.code_value)
    assert "paymentExpiryTime" not in json.loads(body)
    merchants.change(counter.store, shop.merchant_id, {"name": "Another Name"})
    counter.at += timedelta(seconds=500)
    registrations.set_by_hand(
        counter.store,
        shop.merchant_id,
        shop.store_id,
        "GCASH",
        ["IN_STORE_PAYMENT"],
        status="APPROVED",
        rejection_reason=None,
        at=counter.at,
    )
    repeats = [
        counter.decode(order.code_value),
        counter.decode(order.code_value, GCASH, customer_id="another"),
        counter.decode(order.code_value, None),
    ]
    assert repeats == [body] * 3
    assert counter.recorded(order.code_value) == [("SUCCESS", "")] * 4
    kept = orders.get(counter.store, order.payment_request_id)
    assert kept.pinned_at == counter.at - timedelta(seconds=500)


def test_a_refusal_is_recorded_and_pins_nothing(counter: Counter, shop: Shop) -> None:
    order = shop.place(amount=1_000_001)
    assert counter.refusal(order.code_value) == (errors.AmountInvalid, "amount_above_limit")
    assert counter.recorded(order.code_value) == [("PAYMENT_AMOUNT_INVALID", "amount_above_limit")]
    assert orders.get(counter.store, order.payment_request_id).pinned_answer is None


def test_refusals_are_judged_anew_and_the_pin_stays(counter: Counter, shop: Shop) -> None:
    order = shop.place()
    body = counter.decode(order.code_value)
    merchants.set_status(counter.store, shop.merchant_id, "SUSPENDED", reason=None, at=counter.at)
    assert counter.refusal(order.code_value) == (errors.MerchantNotActive, "merchant_suspended")
    merchants.set_status(counter.store, shop.merchant_id, "ACTIVE", reason=None, at=counter.at)
    assert counter.decode(order.code_value) == body
    assert [result for result, _ in counter.recorded(order.code_value)] == [
        "SUCCESS",
        "INVALID_MERCHANT_STATUS",
        "SUCCESS",
    ]


def test_an_unknown_code_is_recorded_without_order(counter: Counter) -> None:
    code = "😀" * 512
    assert counter.refusal(code) == (errors.CodeUnknown, "unknown_code")
    (recorded,) = orders.listed_decodes(counter.store, code_value=code)
    assert (recorded.payment_request_id, recorded.result_code) == (None, "INVALID_CODE")


def test_another_acquirers_request_reaches_nothing(counter: Counter, shop: Shop) -> None:
    order = shop.place()
    refusal = counter.refusal(order.code_value, acquirer_id="2021228100000002")
    assert refusal == (errors.AccessDenied, "other_acquirer")
    assert counter.recorded(order.code_value) == []


def test_an_order_past_its_time_is_marked_as_expired(counter: Counter, shop: Shop) -> None:
    order = shop.place(expires_in_s=60)
    body = counter.decode(order.code_value)
    counter.at = order.expires_at
    assert counter.refusal(order.code_value) == (errors.CodeExpired, "code_expired")
    kept = orders.get(counter.store, order.payment_request_id)
    assert (kept.state, kept.state_since, kept.pinned_answer) == ("EXPIRED", counter.at, body)
    counter.at -= timedelta(seconds=1)
    assert counter.refusal(order.code_value) == (errors.CodeExpired, "code_expired")


@pytest.mark.parametrize("state", ["PAID", "CLOSED"])
def test_a_paid_or_closed_order_past_its_time_stays_what_it_is(state: str, counter: Counter, shop: Shop) -> None:
    order = shop.place(expires_in_s=60)
    change = states.mark_paid if state == "PAID" else states.close
    change(counter.store, order.payment_request_id, reason=None, at=counter.at)
    counter.at += timedelta(days=1)
    assert counter.refusal(order.code_value) == (errors.OrderClosed, f"order_{state.lower()}")
    assert orders.get(counter.store, order.payment_request_id).state == state
    assert counter.recorded(order.code_value) == [("ORDER_IS_CLOSED", f"order_{state.lower()}")]


def test_the_time_is_asked_when_the_order_is_locked(store: Store, shop: Shop) -> None:
    """Asked before, a decode that waited for the order could answer a code past its time."""
    order = shop.place()
    was_locked: list[bool] = []

    def clock() -> datetime:
        was_locked.append(is_locked(store, order.code_value))
        return datetime.now(UTC)

    decodes = Decodes(store, pool_size=1)
    handled(Decoder(decodes, acquirer_id=ACQUIRER_ID, clock=clock), Request(order.code_value, psp_id=ALIPAY_CN))
    decodes.close()
    assert was_locked == [True]
    assert not is_locked(store, order.code_value)
