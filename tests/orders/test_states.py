"""The ways out of OPEN, and the QR code."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from acqp_gateway.errors import IllegalState, IllegalValue, NotOnRecord
from acqp_gateway.orders import qr, states
from acqp_gateway.store import orders
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import ORDER_STATES
from tests.merchants import Shop, open_shop
from tests.store.helpers import AT, run_sql

CHANGES: dict[str, Any] = {"CLOSED": states.close, "PAID": states.mark_paid}


@pytest.fixture
def shop(store: Store) -> Shop:
    return open_shop(store)


@pytest.mark.parametrize("to_state", CHANGES)
def test_each_way_out_of_each_state(to_state: str, store: Store, shop: Shop) -> None:
    for from_state in ORDER_STATES:
        order = shop.place()
        run_sql(
            store,
            "UPDATE orders SET state = :state WHERE payment_request_id = :id",
            state=from_state,
            id=order.payment_request_id,
        )
        if from_state in ("OPEN", "EXPIRED"):
            assert CHANGES[to_state](store, order.payment_request_id, reason="why", at=AT) is True
            kept = orders.get(store, order.payment_request_id)
            assert (kept.state, kept.state_reason, kept.state_since) == (to_state, "why", AT)
        elif from_state == to_state:
            assert CHANGES[to_state](store, order.payment_request_id, reason="again", at=AT) is False
            assert orders.get(store, order.payment_request_id).state_reason is None
        else:
            with pytest.raises(IllegalState, match=f"is {from_state} and cannot become {to_state}"):
                CHANGES[to_state](store, order.payment_request_id, reason=None, at=AT)
            assert orders.get(store, order.payment_request_id).state == from_state


@pytest.mark.parametrize("to_state", CHANGES)
def test_what_is_refused_before_anything_is_changed(to_state: str, store: Store, shop: Shop) -> None:
    order = shop.place()
    with pytest.raises(NotOnRecord, match="no order nothing on record"):
        CHANGES[to_state](store, "nothing", reason=None, at=AT)
    for reason in ("", "r" * 257, "\0"):
        with pytest.raises(IllegalValue, match=r"^reason must not"):
            CHANGES[to_state](store, order.payment_request_id, reason=reason, at=AT)
    assert orders.get(store, order.payment_request_id).state == "OPEN"


def test_an_order_past_its_time_is_expired_whether_written_down_or_not(store: Store, shop: Shop) -> None:
    order = shop.place()
    moment = timedelta(microseconds=1)
    assert states.state_at(order, order.expires_at - moment) == "OPEN"
    assert states.state_at(order, order.expires_at) == "EXPIRED"
    states.mark_paid(store, order.payment_request_id, reason=None, at=AT)
    paid = orders.get(store, order.payment_request_id)
    assert states.state_at(paid, order.expires_at + moment) == "PAID"


@pytest.mark.parametrize("code", ["https://pay.acqp.example/281006040001ABC", "咖啡 😀", "c" * 512])
def test_a_qr_code_is_drawn_of_characters(code: str) -> None:
    lines = qr.for_terminal(code).splitlines()
    assert len({len(line) for line in lines if line.strip()}) == 1
    assert len(lines) > 10
