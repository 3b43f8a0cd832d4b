"""Two who decide of one order, or of one payment, at the same time: threads, each worker with a store of its own."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import ModuleType
from typing import Any, TypeVar

import pytest

from acqp_gateway.errors import IllegalState
from acqp_gateway.orders import states
from acqp_gateway.payments import decision, notifications
from acqp_gateway.store import merchants
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import Decodes
from tests.merchants import Shop
from tests.payments.helpers import SUCCESS, Answer, Till, new_payment_id
from tests.store.helpers import all_at_once
from tests.store.test_locks import WAITERS_ON_LOCKS

CLOSED = Answer("ORDER_IS_CLOSED", "F")
ROUNDS = 4


@pytest.fixture(scope="module")
def other_store(shared_url: str) -> Iterator[Store]:
    """The same store as another worker has it."""
    opened = Store(shared_url, pool_size=24)
    yield opened
    opened.close()


@pytest.fixture
def other(till: Till, other_store: Store) -> Iterator[Till]:
    """The same shop at another worker."""
    decodes = Decodes(other_store, pool_size=2)
    yield replace(till, store=other_store, decodes=decodes, shop=Shop(other_store, *_ids(till.shop)), unsettled=[])
    decodes.close()


def _ids(shop: Shop) -> tuple[str, str]:
    return shop.merchant_id, shop.store_id


def test_different_payments_for_one_order(till: Till, other: Till) -> None:
    tills = (till, other)
    for _ in range(ROUNDS):
        order = till.place()
        ids = [new_payment_id() for _ in range(8)]
        answers = all_at_once(8, lambda number, order=order, ids=ids: tills[number % 2].push(order, ids[number]))  # type: ignore[misc]
        assert Counter(answers) == {SUCCESS: 1, CLOSED: 7}
        assert till.accepted(order) == [ids[answers.index(SUCCESS)]]
        assert [till.inquire(order, payment_id).payment for payment_id in ids] == [code for code, *_ in answers]
    assert till.unsettled == other.unsettled == []


def test_the_same_payment_twenty_times(till: Till, other: Till) -> None:
    tills = (till, other)
    order, payment_id = till.place(), new_payment_id()
    assert set(all_at_once(20, lambda number: tills[number % 2].push(order, payment_id))) == {SUCCESS}
    assert Counter(outcome for outcome, *_ in till.outcomes(order)) == {"APPLIED": 1, "REPEATED": 19}
    assert till.accepted(order) == [payment_id]


def test_one_payment_for_two_orders(till: Till, other: Till) -> None:
    for _ in range(ROUNDS):
        orders, payment_id = (till.place(), other.place()), new_payment_id()
        answers = all_at_once(
            2,
            lambda number, orders=orders, payment_id=payment_id: (till, other)[number].push(
                orders[number], payment_id
            ),  # type: ignore[misc]
        )
        assert sorted(answers) == [Answer("PROCESS_FAIL", "F"), SUCCESS]
        paid = answers.index(SUCCESS)
        assert [till.state(order) for order in orders] == (["PAID", "OPEN"] if paid == 0 else ["OPEN", "PAID"])
        assert till.inquire(orders[paid], payment_id) == Answer("SUCCESS", "S", "SUCCESS")
        assert till.inquire(orders[1 - paid], payment_id) == Answer("PROCESS_FAIL", "F")
    assert till.unsettled == other.unsettled == []


def test_a_push_against_close(till: Till, other: Till) -> None:
    def close(order: Any) -> bool:
        try:
            return states.close(other.store, order.payment_request_id, reason=None, at=other.at)
        except IllegalState:
            return False

    for _ in range(ROUNDS):
        order, payment_id = till.place(), new_payment_id()
        acts: tuple[Callable[[], Any], ...] = (
            lambda order=order, payment_id=payment_id: till.push(order, payment_id),  # type: ignore[misc]
            lambda order=order: close(order),  # type: ignore[misc]
        )
        answer, closed = all_at_once(2, lambda number, acts=acts: acts[number]())  # type: ignore[misc]
        assert (answer, closed) in ((SUCCESS, False), (CLOSED, True))
        assert till.state(order) == ("CLOSED" if closed else "PAID")


def test_a_push_against_a_notification_of_another_payment(till: Till, other: Till) -> None:
    for _ in range(ROUNDS):
        order, pushed, notified = till.place(), new_payment_id(), new_payment_id()
        acts: tuple[Callable[[], Answer], ...] = (
            lambda order=order, pushed=pushed: till.push(order, pushed),  # type: ignore[misc]
            lambda order=order, notified=notified: other.notify(order, notified),  # type: ignore[misc]
        )
        answer, acknowledged = all_at_once(2, lambda number, acts=acts: acts[number]())  # type: ignore[misc]
        assert acknowledged == SUCCESS
        assert answer in (SUCCESS, CLOSED)
        assert till.accepted(order) == [pushed if answer == SUCCESS else notified]
        assert ("CONFLICT", "SUCCESS", True) in till.outcomes(order) or answer == CLOSED


def test_notifications_of_the_same_and_of_other_payments(till: Till, other: Till) -> None:
    order, ids = till.place(), [new_payment_id(), new_payment_id(), None]
    answers = all_at_once(12, lambda number: (till, other)[number % 2].notify(order, ids[number % 3]))
    assert set(answers) == {SUCCESS}
    assert len(till.accepted(order)) == 1
    assert [outcome for outcome, *_ in till.outcomes(order)].count("APPLIED") == 1


class Held:
    """Somebody who has looked at everything, and has not written yet."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def wait(self) -> None:
        self.reached.set()
        assert self.go_on.wait(30)


def wait_until_it_waits(store: Store, begun: Future[Any]) -> None:
    """Return when `begun` waits for somebody else's transaction."""
    if store.is_sqlite:
        # Nobody can be asked who waits there: one writer waits for another, however long it takes.
        with pytest.raises(TimeoutError):
            begun.result(0.3)
        return
    waiting = 0
    while not waiting:
        assert not begun.done(), "it did not wait"
        with store.reading() as connection:
            waiting = connection.exec_driver_sql(WAITERS_ON_LOCKS).scalar_one()


First = TypeVar("First")
Second = TypeVar("Second")


def one_within_the_other(
    monkeypatch: pytest.MonkeyPatch,
    held_at: tuple[ModuleType, str],
    first: Callable[[], First],
    second: tuple[Store, Callable[[], Second]],
) -> tuple[First, Second]:
    """`first` has decided, in `held_at`, and not committed when `second` begins; the outcomes of both."""
    held, (module, name) = Held(), held_at
    decide: Callable[..., Any] = getattr(module, name)

    def decide_and_wait(*arguments: Any, **options: Any) -> Any:
        decided = decide(*arguments, **options)
        held.wait()
        return decided

    store, work = second
    with ThreadPoolExecutor(2) as pool:
        try:
            with monkeypatch.context() as patched:
                patched.setattr(module, name, decide_and_wait)
                began_first = pool.submit(first)
                assert held.reached.wait(30)
            began_second = pool.submit(work)
            wait_until_it_waits(store, began_second)
        finally:
            held.go_on.set()
        return began_first.result(30), began_second.result(30)


PUSH, NOTIFICATION = (decision, "decide"), (notifications, "_judge")


def _suspend(till: Till) -> None:
    merchants.set_status(till.store, till.shop.merchant_id, "SUSPENDED", reason=None, at=till.at)


def _suspend_store(till: Till) -> None:
    shop = till.shop
    merchants.set_store_status(till.store, shop.merchant_id, shop.store_id, "SUSPENDED", reason=None, at=till.at)


def _fail_kyb(till: Till) -> None:
    merchants.change(till.store, till.shop.merchant_id, {"kyb_level": "FAILED"})


@pytest.mark.parametrize("stop", [_suspend, _suspend_store, _fail_kyb])
def test_who_is_suspended_waits_for_a_push_that_has_looked_already(
    till: Till, other: Till, monkeypatch: pytest.MonkeyPatch, stop: Callable[[Till], None]
) -> None:
    order, later, payment_id = till.place(), till.place(), new_payment_id()
    states_seen = []

    def stop_and_look() -> None:
        stop(other)
        states_seen.append(other.state(order))

    answer, _ = one_within_the_other(
        monkeypatch, PUSH, lambda: till.push(order, payment_id), (other.store, stop_and_look)
    )
    assert (answer, states_seen) == (SUCCESS, ["PAID"])
    assert till.push(later, new_payment_id()).status == "F"


@pytest.mark.parametrize("table", ["merchants", "stores"])
def test_who_is_suspended_first_is_never_paid(till: Till, other: Till, table: str) -> None:
    order, payment_id = till.place(), new_payment_id()
    suspend = f"UPDATE {table} SET status = 'SUSPENDED' WHERE merchant_id = '{till.shop.merchant_id}'"
    with ThreadPoolExecutor(1) as pool:
        with till.store.writing() as connection:
            connection.exec_driver_sql(suspend)
            push = pool.submit(other.push, order, payment_id)
            wait_until_it_waits(till.store, push)
        assert push.result(30) == Answer("INVALID_MERCHANT_STATUS", "F")
    assert till.state(order) == "OPEN"


def test_a_decode_during_a_push(till: Till, other: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    order, payment_id = till.place(), new_payment_id()
    outcomes = one_within_the_other(
        monkeypatch, PUSH, lambda: till.push(order, payment_id), (other.store, lambda: other.decode(order))
    )
    assert outcomes == (SUCCESS, CLOSED)


def test_a_close_during_a_push(till: Till, other: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    order, payment_id = till.place(), new_payment_id()

    def close() -> str:
        with pytest.raises(IllegalState, match="is PAID"):
            states.close(other.store, order.payment_request_id, reason=None, at=other.at)
        return other.state(order)

    outcomes = one_within_the_other(monkeypatch, PUSH, lambda: till.push(order, payment_id), (other.store, close))
    assert outcomes == (SUCCESS, "PAID")


def test_another_push_during_a_push(till: Till, other: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    order, payment_id = till.place(), new_payment_id()
    outcomes = one_within_the_other(
        monkeypatch,
        PUSH,
        lambda: till.push(order, payment_id),
        (other.store, lambda: other.push(order, new_payment_id())),
    )
    assert outcomes == (SUCCESS, CLOSED)
    assert till.accepted(order) == [payment_id]


def test_a_notification_during_a_push(till: Till, other: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    order, payment_id = till.place(), new_payment_id()
    outcomes = one_within_the_other(
        monkeypatch,
        PUSH,
        lambda: till.push(order, payment_id),
        (other.store, lambda: other.notify(order, new_payment_id())),
    )
    assert outcomes == (SUCCESS, SUCCESS)
    assert till.accepted(order) == [payment_id]
    assert till.outcomes(order) == [("APPLIED", "SUCCESS", False), ("CONFLICT", "SUCCESS", True)]


@pytest.mark.parametrize("the_same", [True, False])
def test_a_push_during_a_notification(
    till: Till, other: Till, monkeypatch: pytest.MonkeyPatch, the_same: bool
) -> None:
    order, payment_id = till.place(), new_payment_id()
    pushed = payment_id if the_same else new_payment_id()
    outcomes = one_within_the_other(
        monkeypatch,
        NOTIFICATION,
        lambda: till.notify(order, payment_id),
        (other.store, lambda: other.push(order, pushed)),
    )
    assert outcomes == (SUCCESS, SUCCESS if the_same else CLOSED)
    assert till.accepted(order) == [payment_id]


@pytest.mark.parametrize("by_its_own_code", [True, False])
def test_an_inquiry_during_the_push_waits_for_the_truth(
    till: Till, other: Till, monkeypatch: pytest.MonkeyPatch, by_its_own_code: bool
) -> None:
    order, payment_id = till.place(), new_payment_id()
    asked = order if by_its_own_code else till.place()

    def inquire() -> Answer:
        return other.inquire(asked, payment_id)

    if by_its_own_code:
        outcomes = one_within_the_other(
            monkeypatch, PUSH, lambda: till.push(order, payment_id), (other.store, inquire)
        )
        assert outcomes == (SUCCESS, Answer("SUCCESS", "S", "SUCCESS"))
        return
    # It locks another order, and both write of one payment: one of them is the first.
    answers = all_at_once(2, lambda number: inquire() if number else till.push(order, payment_id))
    denied = Answer("ORDER_NOT_EXIST", "F")
    assert answers in ([SUCCESS, Answer("PROCESS_FAIL", "F")], [denied, denied])


def test_who_cannot_wait_says_that_it_is_not_known(
    till: Till, shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, payment_id = till.place(), new_payment_id()
    impatient = Store(shared_url, patience_s=0.3)
    hurried = replace(till, store=impatient, unsettled=[])
    told: list[Answer] = []

    def meanwhile(*_: Any, **__: Any) -> None:
        told.extend([hurried.inquire(order, payment_id), hurried.push(order, new_payment_id())])
        told.append(hurried.notify(order, new_payment_id()))

    with monkeypatch.context() as patched:
        patched.setattr(decision, "decide", meanwhile)
        assert till.push(order, payment_id) == SUCCESS
    unknown = Answer("UNKNOWN_EXCEPTION", "U")
    assert told == [unknown, Answer("PAYMENT_IN_PROCESS", "U"), unknown]
    assert till.inquire(order, payment_id) == Answer("SUCCESS", "S", "SUCCESS")
    (push,) = hurried.unsettled
    assert hurried.payments.settle(push).result.code == "ORDER_IS_CLOSED"
    assert till.accepted(order) == [payment_id]
    impatient.close()
