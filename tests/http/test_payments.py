"""Payments over HTTP with two workers: paid is paid once, whoever calls at the same time or dies meanwhile."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import Counter
from typing import Any

import pytest

from acqp_gateway.errors import IllegalState
from acqp_gateway.orders import states
from acqp_gateway.store import orders, payments
from tests.conftest import STORES, FreshStores
from tests.gateway_process import running_gateway
from tests.http.conftest import Service, ready_store
from tests.merchants import open_shop
from tests.payments.helpers import FAILED, amount, new_payment_id, push_members
from tests.payments.wire import PUSH, Caller
from tests.peer import Keys, SignedRequest, assert_authentic, exchange
from tests.store.helpers import all_at_once


@pytest.fixture
def caller(service: Service) -> Caller:
    return Caller(service.process.address, service.keys)


@pytest.fixture
def order(service: Service, caller: Caller) -> Any:
    """An order that was decoded."""
    placed = service.shop().place()
    assert caller.decode(placed) == "SUCCESS"
    return placed


def state(service: Service, order: Any) -> str:
    return str(orders.get(service.store, order.payment_request_id).state)


WAITED_TOO_LONG = "PAYMENT_IN_PROCESS"


def push_to_the_end(service: Service, caller: Caller, order: Any, payment_id: str) -> str:
    """What becomes of a push; one that waited too long in the line is settled in the background."""
    code = caller.push(order, payment_id)
    deadline = time.monotonic() + 15
    while code == WAITED_TOO_LONG and time.monotonic() < deadline:
        time.sleep(0.05)
        if payments.listed_messages(service.store, payment_id=payment_id, limit=1):
            code = caller.inquire(order, payment_id)[1] or WAITED_TOO_LONG
    return code


def test_decode_push_inquire(service: Service, caller: Caller, order: Any) -> None:
    payment_id = new_payment_id()
    assert caller.inquire(order, payment_id) == ("ORDER_NOT_EXIST", None)
    time.sleep(1.1 - time.time() % 1)  # Request-Time counts whole seconds here.
    assert caller.push(order, payment_id) == "SUCCESS"
    assert state(service, order) == "PAID"
    assert caller.inquire(order, payment_id) == ("SUCCESS", "SUCCESS")
    assert caller.push(order, payment_id) == "SUCCESS"
    assert caller.push(order, payment_id, paymentAmount=amount(1)) == "PROCESS_FAIL"
    assert caller.push(order, new_payment_id()) == "ORDER_IS_CLOSED"
    assert caller.decode(order) == "ORDER_IS_CLOSED"


def test_decode_notify(service: Service, caller: Caller, order: Any) -> None:
    payment_id = new_payment_id()
    assert caller.notify(order, payment_id, paymentResult=FAILED) == "SUCCESS"
    assert caller.decode(order) == "SUCCESS"
    assert caller.notify(order, payment_id, paymentAmount=amount(1)) == "PROCESS_FAIL"
    for _ in range(2):
        assert caller.notify(order, payment_id) == "SUCCESS"
    assert state(service, order) == "PAID"
    assert caller.decode(order) == "ORDER_IS_CLOSED"
    found = payments.listed_messages(service.store, payment_request_id=order.payment_request_id, limit=9)
    assert [row.outcome for row in reversed(found)] == ["FAILED", "REFUSED", "APPLIED", "REPEATED"]
    # The success after the same payment's failure is to be looked at, too.
    assert [row.needs_attention for row in reversed(found)] == [False, True, True, False]


def test_a_call_whose_signature_is_wrong_changes_nothing(service: Service, caller: Caller, order: Any) -> None:
    payment_id = new_payment_id()
    genuine = SignedRequest(service.keys.alipayplus, b"{}", target=PUSH.default_path)
    forged = SignedRequest(
        service.keys.alipayplus,
        str(push_members(order, payment_id)).replace("'", '"').encode(),
        target=PUSH.default_path,
        signature_header=dict(genuine.headers())["Signature"],
    )
    reply = service.send(forged)
    assert_authentic(reply, service.keys, target=PUSH.default_path)
    assert reply.code == "INVALID_SIGNATURE"
    assert state(service, order) == "OPEN"
    assert payments.listed_messages(service.store, payment_id=payment_id, limit=1) == []


def test_different_payments_for_one_order(service: Service, caller: Caller, order: Any) -> None:
    ids = [new_payment_id() for _ in range(12)]
    codes = all_at_once(12, lambda number: push_to_the_end(service, caller, order, ids[number]))
    assert Counter(codes)["SUCCESS"] == 1
    assert set(codes) <= {"SUCCESS", "ORDER_IS_CLOSED", WAITED_TOO_LONG}
    assert orders.get(service.store, order.payment_request_id).state_reason == (
        f"pushPayment {ids[codes.index('SUCCESS')]}"
    )
    for payment_id, code in zip(ids, codes, strict=True):
        if code != WAITED_TOO_LONG:
            assert caller.inquire(order, payment_id) == ("SUCCESS", code)


def test_the_same_payment_twenty_times(service: Service, caller: Caller, order: Any) -> None:
    payment_id = new_payment_id()
    assert set(all_at_once(20, lambda _: push_to_the_end(service, caller, order, payment_id))) == {"SUCCESS"}
    found = payments.listed_messages(service.store, payment_request_id=order.payment_request_id, limit=50)
    assert [row.outcome for row in found].count("APPLIED") == 1
    assert not any(row.needs_attention for row in found)


def test_one_payment_for_two_orders(service: Service, caller: Caller) -> None:
    shop = service.shop()
    for _ in range(3):
        both, payment_id = [shop.place(), shop.place()], new_payment_id()
        for order in both:
            assert caller.decode(order) == "SUCCESS"
        codes = all_at_once(
            2,
            lambda number, both=both, payment_id=payment_id: caller.push(both[number], payment_id),  # type: ignore[misc]
        )
        assert sorted(codes) in (["PROCESS_FAIL", "SUCCESS"], [WAITED_TOO_LONG, "SUCCESS"])
        assert [state(service, order) for order in both] == [
            "PAID" if code == "SUCCESS" else "OPEN" for code in codes
        ]


def test_pushes_against_a_person_who_closes_the_order(service: Service, caller: Caller) -> None:
    shop = service.shop()

    def close(order: Any) -> str:
        try:
            states.close(service.store, order.payment_request_id, reason=None, at=order.placed_at)
        except IllegalState:
            return "too late"
        return "closed"

    for _ in range(4):
        order, payment_id = shop.place(), new_payment_id()
        assert caller.decode(order) == "SUCCESS"
        pushed, closed = all_at_once(
            2,
            lambda number, order=order, payment_id=payment_id: (  # type: ignore[misc]
                close(order) if number else push_to_the_end(service, caller, order, payment_id)
            ),
        )
        assert (pushed, closed, state(service, order)) in (
            ("SUCCESS", "too late", "PAID"),
            ("ORDER_IS_CLOSED", "closed", "CLOSED"),
            (WAITED_TOO_LONG, "closed", "CLOSED"),
        )


@pytest.mark.parametrize("kind", STORES)
def test_a_worker_killed_in_the_middle_loses_nothing_that_was_acknowledged(
    kind: str, fresh_stores: FreshStores, keys: Keys
) -> None:
    url = fresh_stores.url(kind)
    store = ready_store(url)
    shop = open_shop(store)
    placed = [shop.place() for _ in range(40)]
    ids = [new_payment_id() for _ in placed]
    answered: dict[int, str] = {}
    numbers, enough = itertools.count(), threading.Event()

    with running_gateway(url, keys) as gateway:
        caller = Caller(gateway.address, keys)
        for order in placed:
            assert caller.decode(order) == "SUCCESS"

        def push(_worker: int) -> None:
            while (number := next(numbers)) < len(placed):
                # When the worker died with this call, nobody knows what became of it.
                with contextlib.suppress(OSError, ValueError):
                    answered[number] = caller.push(placed[number], ids[number])
                if len(answered) >= 15:
                    enough.set()

        threads = [threading.Thread(target=push, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        assert enough.wait(30)
        gateway.workers()[0].kill()
        for thread in threads:
            thread.join(30)
        gateway.wait_until()
        assert list(answered.values()).count("SUCCESS") >= 15
        for number, (order, payment_id) in enumerate(zip(placed, ids, strict=True)):
            truth = _ask_until_known(caller, order, payment_id)
            is_paid = orders.get(store, order.payment_request_id).state == "PAID"
            assert truth == (("SUCCESS", "SUCCESS") if is_paid else ("ORDER_NOT_EXIST", None))
            if answered.get(number) == "SUCCESS":
                assert is_paid
    store.close()


def _ask_until_known(caller: Caller, order: Any, payment_id: str) -> tuple[str, str | None]:
    deadline = time.monotonic() + 10
    while True:
        answer = caller.inquire(order, payment_id)
        if answer[0] != "UNKNOWN_EXCEPTION" or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)


def test_too_many_calls_are_told_so(fresh_stores: FreshStores, keys: Keys) -> None:
    url = fresh_stores.url("sqlite")
    store = ready_store(url)
    order = open_shop(store).place()
    with running_gateway(url, keys, ACQP_RATE_LIMIT="1/hour", ACQP_WORKERS="1") as gateway:
        caller = Caller(gateway.address, keys)
        assert caller.decode(order) == "SUCCESS"
        assert caller.push(order, new_payment_id()) == "REQUEST_TRAFFIC_EXCEED_LIMIT"
        assert caller.inquire(order, new_payment_id()) == ("REQUEST_TRAFFIC_EXCEED_LIMIT", None)
        assert caller.notify(order, None) == "REQUEST_TRAFFIC_EXCEED_LIMIT"
    assert orders.get(store, order.payment_request_id).state == "OPEN"
    store.close()


def test_paths_of_ones_own(fresh_stores: FreshStores, keys: Keys) -> None:
    url = fresh_stores.url("sqlite")
    store = ready_store(url)
    order = open_shop(store).place()
    more = {"ACQP_PUSH_PAYMENT_PATH": "/inside/push", "ACQP_PUBLIC_PUSH_PAYMENT_PATH": "/outside/push"}
    with running_gateway(url, keys, ACQP_WORKERS="1", **more) as gateway:
        caller = Caller(gateway.address, keys)
        assert caller.decode(order) == "SUCCESS"
        body = b"{}"
        request = SignedRequest(keys.alipayplus, body, target="/inside/push", signed_target="/outside/push")
        reply = exchange(gateway.address, request.raw())
        assert_authentic(reply, keys, target="/outside/push")
        assert reply.code == "PARAM_ILLEGAL"
        assert caller.call(PUSH.default_path, body).code == "NO_INTERFACE_DEF"
    store.close()
