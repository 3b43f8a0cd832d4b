"""Whatever is said and done in whatever order, the rules about money hold: random sequences on both stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acqp_gateway.errors import IllegalState
from acqp_gateway.orders import states
from acqp_gateway.store import merchants
from tests.payments.helpers import FAILED, Answer, Till, amount, new_payment_id

_NAMES = ("A", "B", "C")
_names = st.sampled_from(_NAMES)
_steps = st.one_of(
    st.tuples(st.just("decode")),
    st.tuples(st.just("push"), _names, st.sampled_from([1500, 1500, 1500, 7]), st.sampled_from([0, 0, 0, 5])),
    st.tuples(st.just("inquire"), _names),
    st.tuples(st.just("notify"), st.one_of(st.none(), _names), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 100, 100, 400])),
    st.tuples(st.sampled_from(["close", "by hand", "suspend", "resume"])),
)

UNKNOWN = Answer("ORDER_NOT_EXIST", "F")


@dataclass
class Story:
    """What has been said about one order, by everybody, so far."""

    till: Till
    order: Any
    ids: dict[str, str] = field(default_factory=lambda: {name: new_payment_id() for name in _NAMES})
    was_paid: bool = False
    by_hand: bool = False
    #: paymentId's name -> the amount of its first push, and what was answered.
    answered: dict[str, tuple[int, Answer]] = field(default_factory=dict)
    #: Payments of which an authentic success was notified and applied.
    facts: set[str | None] = field(default_factory=set)
    denied: dict[str, datetime] = field(default_factory=dict)

    def take(self, step: tuple[Any, ...]) -> None:
        """One step, and what must hold after every one."""
        acts: dict[str, Callable[..., None]] = {
            "decode": self._decode,
            "push": self._push,
            "inquire": self._inquire,
            "notify": self._notify,
            "wait": lambda seconds: self.till.wait(seconds=seconds),
            "close": self._close,
            "by hand": self._pay_by_hand,
            "suspend": lambda: self._set_status("SUSPENDED"),
            "resume": lambda: self._set_status("ACTIVE"),
        }
        acts[step[0]](*step[1:])
        self._check()

    def _decode(self) -> None:
        answer = self.till.decode(self.order)
        if self.was_paid:
            assert answer == Answer("ORDER_IS_CLOSED", "F")

    def _push(self, name: str, value: int, made_s_ago: int) -> None:
        sent_at = self.till.at.fromtimestamp(self.till.at.timestamp() - made_s_ago, self.till.at.tzinfo)
        answer = self.till.push(self.order, self.ids[name], sent_at=sent_at, paymentAmount=amount(value))
        if name in self.facts:
            assert answer == (Answer("SUCCESS", "S") if value == 1500 else Answer("PROCESS_FAIL", "F"))
            return
        if name in self.answered:
            first_value, first = self.answered[name]
            assert answer == (first if value == first_value else Answer("PROCESS_FAIL", "F"))
            return
        if name in self.denied and sent_at < self.denied[name]:
            assert answer == UNKNOWN
        if self.was_paid:
            assert answer.status == "F"
        if value != 1500:
            assert answer.status == "F"
        self.answered[name] = (value, answer)

    def _inquire(self, name: str) -> None:
        answer = self.till.inquire(self.order, self.ids[name])
        if name in self.facts:
            assert answer == Answer("SUCCESS", "S", "SUCCESS")
        elif name in self.answered:
            assert answer == Answer("SUCCESS", "S", self.answered[name][1].code)
        else:
            assert answer == UNKNOWN
            self.denied[name] = self.till.at

    def _notify(self, name: str | None, succeeded: bool) -> None:
        before = self.till.accepted(self.order)
        payment_id = None if name is None else self.ids[name]
        changes = {} if succeeded else {"paymentResult": FAILED}
        assert self.till.notify(self.order, payment_id, **changes) == Answer("SUCCESS", "S")
        if not succeeded or before:
            assert self.till.accepted(self.order) == before
        else:
            # A fact outweighs what was answered before, from now on and for good.
            assert self.till.accepted(self.order) == [payment_id]
            self.facts.add(name)
            self.answered.pop(str(name), None)

    def _close(self) -> None:
        self._move(states.close)

    def _pay_by_hand(self) -> None:
        self.by_hand |= self._move(states.mark_paid)

    def _move(self, change: Any) -> bool:
        try:
            return bool(change(self.till.store, self.order.payment_request_id, reason=None, at=self.till.at))
        except IllegalState:
            return False

    def _set_status(self, status: str) -> None:
        merchants.set_status(self.till.store, self.till.shop.merchant_id, status, reason=None, at=self.till.at)

    def _check(self) -> None:
        accepted, state = self.till.accepted(self.order), self.till.state(self.order)
        assert len(accepted) <= 1
        assert (state == "PAID") == (bool(accepted) or self.by_hand)
        assert state == "PAID" or not self.was_paid
        self.was_paid = state == "PAID"
        said_yes = {name for name, (_, answer) in self.answered.items() if answer.status == "S"}
        assert {self.ids[name] for name in said_yes} <= set(accepted)

    def end(self) -> None:
        """The inquiry agrees with every answer, and the shop sells again."""
        for name in _NAMES:
            self._inquire(name)
        self._check()
        self._set_status("ACTIVE")


@pytest.fixture
def began(till: Till) -> datetime:
    """When the first order of a test was placed."""
    return till.at


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(_steps, min_size=4, max_size=14), decoded=st.booleans())
def test_no_sequence_breaks_the_rules(
    till: Till, began: datetime, steps: list[tuple[Any, ...]], decoded: bool
) -> None:
    till.at = began
    story = Story(till, till.place(decoded=decoded, expires_in_s=300))
    for step in steps:
        story.take(step)
    story.end()
