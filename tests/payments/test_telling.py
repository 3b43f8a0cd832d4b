"""notifyPushPayment: what became of a push that was answered U; it agrees with the inquiry and the record."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from acqp_gateway.errors import KeyFileError, StoreUnavailable, TimedOut
from acqp_gateway.orders import states
from acqp_gateway.payments.push import Push, Verdict
from acqp_gateway.payments.telling import PushPaymentNotifier
from acqp_gateway.protocol import results
from acqp_gateway.protocol.client import SigningClient
from acqp_gateway.protocol.keyring import read_private_keys, read_public_keys
from acqp_gateway.protocol.messages import notify_push_payment, push_payment
from acqp_gateway.store import merchants
from tests.gateway_process import free_port
from tests.payments.helpers import SUCCESS, Answer, Till, amount, new_payment_id, push_members
from tests.peer import CLIENT_ID, Keys, make_keys


@pytest.fixture(scope="module")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Both sides' keys."""
    return make_keys(tmp_path_factory.mktemp("payment-keys"))


class Answered:
    """What a client brings back."""

    def __init__(self, code: str, status: str) -> None:
        self.result = {"resultCode": code, "resultStatus": status}


class Alipayplus:
    """Answers notifyPushPayment with what is prepared, again and again with the last of it."""

    def __init__(self, *answers: Answered | Exception) -> None:
        self.answers = list(answers)
        self.heard: list[dict[str, Any]] = []

    def call(self, _url: str, body: bytes) -> Answered:
        self.heard.append(json.loads(body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def notifier(self, till: Till) -> PushPaymentNotifier:
        client: Callable[[], SigningClient] = lambda: cast(SigningClient, self)  # noqa: E731
        return PushPaymentNotifier(till.store, url="http://127.0.0.1:1/x", client=client, clock=lambda: till.at)


@pytest.fixture(autouse=True)
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the notifier would have waited before each further attempt."""
    seconds: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", seconds.append)
    return seconds


def the_push(till: Till, order: Any, payment_id: str, **changes: Any) -> Push:
    members = push_members(order, payment_id, **changes)
    request = push_payment.PUSH_PAYMENT_API.request.load(members)
    return Push(request, json.dumps(members).encode(), till.at, till.at)


def test_a_success_is_told_and_agrees_with_the_inquiry(till: Till, waited: list[float]) -> None:
    order, payment_id = till.place(), new_payment_id()
    push = the_push(till, order, payment_id)
    till.wait(minutes=5)
    verdict = till.payments.settle(push)
    alipayplus = Alipayplus(Answered("SUCCESS", "S"))
    alipayplus.notifier(till).tell(push, verdict)
    (heard,) = alipayplus.heard
    assert heard["paymentResult"]["resultCode"] == till.inquire(order, payment_id).payment == "SUCCESS"
    assert (heard["paymentId"], heard["paymentRequestId"]) == (payment_id, order.payment_request_id)
    assert datetime.fromisoformat(heard["paymentTime"]) == push.arrived_at.replace(microsecond=0)
    notify_push_payment.NOTIFY_PUSH_PAYMENT_API.request.load(heard)
    assert till.state(order) == "PAID"
    message = till.messages(order)[-1]
    assert (message.api, message.outcome, message.needs_attention) == ("notifyPushPayment", "DELIVERED", False)
    assert (message.said, json.loads(message.body), waited) == ("told SUCCESS", heard, [])


def test_a_refusal_is_told_and_agrees_with_the_inquiry(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    push = the_push(till, order, payment_id)
    states.close(till.store, order.payment_request_id, reason=None, at=till.at)
    verdict = till.payments.settle(push)
    alipayplus = Alipayplus(Answered("SUCCESS", "S"))
    alipayplus.notifier(till).tell(push, verdict)
    (heard,) = alipayplus.heard
    notify_push_payment.NOTIFY_PUSH_PAYMENT_API.request.load(heard)
    assert heard["paymentResult"]["resultStatus"] == "F"
    assert heard["paymentResult"]["resultCode"] == till.inquire(order, payment_id).payment == "ORDER_IS_CLOSED"
    assert "paymentTime" not in heard


def test_who_was_suspended_before_it_was_settled_is_not_paid(till: Till) -> None:
    order = till.place()
    push = the_push(till, order, new_payment_id())
    merchants.set_status(till.store, till.shop.merchant_id, "SUSPENDED", reason=None, at=till.at)
    assert till.payments.settle(push).result is results.INVALID_MERCHANT_STATUS


def test_an_inquiry_that_was_told_no_before_it_was_settled_stays_right(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    push = the_push(till, order, payment_id)
    till.wait(seconds=4)
    assert till.inquire(order, payment_id) == Answer("ORDER_NOT_EXIST", "F")
    assert till.payments.settle(push).result is results.ORDER_NOT_EXIST
    assert till.state(order) == "OPEN"


def test_settled_twice_is_one_payment(till: Till) -> None:
    """The commit was done, and its confirmation lost: that looks like a store that did not answer."""
    order, payment_id = till.place(), new_payment_id()
    push = the_push(till, order, payment_id)
    first, second = till.payments.settle(push), till.payments.settle(push)
    assert first == second
    assert [outcome for outcome, *_ in till.outcomes(order)] == ["APPLIED", "REPEATED"]


def test_it_is_told_again_until_it_is_acknowledged(till: Till, waited: list[float]) -> None:
    order, payment_id = till.place(), new_payment_id()
    push = the_push(till, order, payment_id)
    answers = (TimedOut("no answer"), Answered("UNKNOWN_EXCEPTION", "U"), Answered("PROCESS_FAIL", "F"))
    alipayplus = Alipayplus(*answers, Answered("SUCCESS", "S"))
    alipayplus.notifier(till).tell(push, till.payments.settle(push))
    assert len(alipayplus.heard) == 4
    assert waited == [1, 2, 4]
    assert till.outcomes(order) == [("APPLIED", "SUCCESS", False), ("DELIVERED", "SUCCESS", False)]


def test_what_cannot_be_told_waits_for_a_person(till: Till, waited: list[float]) -> None:
    order, payment_id = till.place(), new_payment_id()
    push = the_push(till, order, payment_id)
    alipayplus = Alipayplus(TimedOut("no answer"))
    alipayplus.notifier(till).tell(push, till.payments.settle(push))
    assert len(alipayplus.heard) == 5
    assert sum(waited) == 15
    message = till.messages(order)[-1]
    assert (message.outcome, message.needs_attention) == ("UNDELIVERED", True)
    assert message.said == "could not be told SUCCESS: timed_out: no answer"


def test_a_contradiction_does_not_make_a_paid_payment_fail(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    assert till.push(order, payment_id) == SUCCESS
    contradiction = the_push(till, order, payment_id, paymentAmount=amount(1))
    alipayplus = Alipayplus(Answered("SUCCESS", "S"))
    alipayplus.notifier(till).tell(contradiction, till.payments.settle(contradiction))
    assert till.inquire(order, payment_id).payment == "SUCCESS"
    assert {heard["paymentResult"]["resultCode"] for heard in alipayplus.heard} <= {"SUCCESS"}


def test_a_store_that_fails_is_answered_in_process_and_handed_on(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    order, payment_id = till.place(), new_payment_id()
    sent_at = till.at - timedelta(seconds=2)

    def fail(_push: Push) -> Verdict:
        raise StoreUnavailable("frozen")

    with monkeypatch.context() as patched:
        patched.setattr(till.payments, "settle", fail)
        assert till.push(order, payment_id, sent_at=sent_at) == Answer("PAYMENT_IN_PROCESS", "U")
        till.payments._continue_with = lambda _push: False
        assert till.push(order, new_payment_id()) == Answer("UNKNOWN_EXCEPTION", "U")
    (push,) = till.unsettled
    assert (push.request.payment_id, push.requested_at, push.arrived_at) == (payment_id, sent_at, till.at)
    assert till.payments.settle(push).result is results.SUCCESS


def test_an_alipayplus_that_cannot_be_reached(till: Till, made_keys: Keys, waited: list[float]) -> None:
    order, payment_id = till.place(), new_payment_id()
    push = the_push(till, order, payment_id)

    def client() -> SigningClient:
        own, theirs = read_private_keys(made_keys.keys_dir), read_public_keys(made_keys.keys_dir)
        return SigningClient(client_id=CLIENT_ID, signing_keys=own, peer_keys=theirs)

    nobody = f"http://127.0.0.1:{free_port()}/aps/api/v1/payments/notifyPushPayment"
    notifier = PushPaymentNotifier(till.store, url=nobody, client=client, clock=lambda: till.at)
    notifier.tell(push, till.payments.settle(push))
    assert len(waited) == 4
    message = till.messages(order)[-1]
    assert (message.outcome, message.needs_attention) == ("UNDELIVERED", True)
    assert message.said.startswith("could not be told SUCCESS: unreachable: ")
    assert till.inquire(order, payment_id).payment == "SUCCESS"


def test_keys_that_cannot_be_read_are_no_reason_to_forget(till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    push = the_push(till, order, payment_id)

    def client() -> SigningClient:
        raise KeyFileError("keys: holds no gateway-<version>.pem")

    notifier = PushPaymentNotifier(till.store, url="http://127.0.0.1:1/", client=client, clock=lambda: till.at)
    notifier.tell(push, till.payments.settle(push))
    assert till.outcomes(order)[-1] == ("UNDELIVERED", "SUCCESS", True)
