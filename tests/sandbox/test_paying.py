"""A payment from the user's confirmation to its end, step by step: every state, every schedule, every answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acqp_gateway.errors import IllegalState, NotOnRecord
from acqp_gateway.protocol import results
from acqp_gateway.protocol.messages.inquiry_push_payment import SCHEDULE_S
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.sandbox.scans import Mode, State
from acqp_gateway.sandbox.steps import MOST_NOTICES, MOST_WALLET_INQUIRIES
from tests.peer import Keys
from tests.sandbox.payments import Till, a_till, result
from tests.sandbox.stand_in_gateway import said


@pytest.fixture
def till(tmp_path: Path, sandbox_keys: Keys) -> Iterator[Till]:
    """Everything that carries a payment."""
    with a_till(tmp_path, sandbox_keys) as found:
        yield found


def in_process(till: Till) -> None:
    """The gateway does not know yet, whatever it is asked."""
    till.gateway.answers["pushPayment"] = said(results.PAYMENT_IN_PROCESS)
    open_payment = said(results.SUCCESS, paymentResult=results.PAYMENT_IN_PROCESS.as_members())
    till.gateway.answers["inquiryPushPayment"] = open_payment


def test_confirmed_paid_pushed(till: Till) -> None:
    scan = till.paying.pay(till.scan().scan_id, pin="123456")
    assert (scan.state, scan.customer_id) == (State.PAYING, "U1")
    assert [(customer, amount.as_members(), pin) for customer, amount, pin in till.wallet.paid] == [
        ("U1", {"currency": "JPY", "value": "1500"}, "123456")
    ]
    scan = till.step(scan)
    assert (scan.state, till.gateway.calls("pushPayment")) == (State.PUSHING, [])
    scan = till.step(scan)
    assert (scan.state, scan.failure, scan.is_due) == (State.PAID, None, False)
    assert scan.payment_id is not None
    assert scan.payment_id.startswith(f"{till.clock():%Y%m%d}")
    assert [message["api"] for message in till.messages(scan)] == [
        "userInitiatedPay",
        "inquiryPayment",
        "pushPayment",
    ]
    assert till.paying.step(scan.scan_id) is None


@pytest.mark.parametrize("refusal", [results.USER_BALANCE_NOT_ENOUGH, results.RISK_REJECT])
def test_what_the_wallet_refuses_is_never_pushed(till: Till, refusal: ResultCode) -> None:
    till.wallet.says = [refusal]
    scan = till.step(till.confirmed())
    assert (scan.state, scan.is_due) == (State.PAYMENT_FAILED, False)
    assert scan.payment_result == refusal.as_members()
    assert till.gateway.calls("pushPayment") == []
    # Nobody paid: somebody else may.
    till.wallet.says = [results.SUCCESS]
    assert till.pushed().state is State.PAID


def test_what_is_no_payment_for_the_wallet_fails_at_once(till: Till) -> None:
    till.wallet.refuses = IllegalState("the wallet has no MPP like that")
    scan = till.confirmed()
    assert (scan.state, scan.failure) == (State.PAYMENT_FAILED, "the wallet has no MPP like that")


def test_a_payment_that_the_wallet_never_heard_of_has_failed(till: Till) -> None:
    till.wallet.says = [None]
    scan = till.step(till.confirmed())
    assert (scan.state, scan.failure) == (State.PAYMENT_FAILED, "the wallet knows no such payment")


def test_a_slow_wallet_is_asked_again(till: Till) -> None:
    till.wallet.says = [results.PAYMENT_IN_PROCESS, results.PAYMENT_IN_PROCESS, results.SUCCESS]
    scan = till.step(till.confirmed(speed=2))
    assert scan.state is State.PAYING
    waited, scan = till.next(scan)
    assert (waited, scan.state) == (0.5, State.PAYING)
    assert till.paying.step(scan.scan_id) == scan.next_at
    waited, scan = till.next(scan)
    assert (waited, scan.state) == (1.0, State.PUSHING)


def test_a_payment_in_process_is_closed_when_its_time_is_over(till: Till) -> None:
    till.wallet.says = [results.PAYMENT_IN_PROCESS]
    scan = till.step(till.confirmed())
    till.clock.pass_by(181)
    till.wallet.says = [results.ORDER_IS_CLOSED]
    scan = till.step(scan)
    assert till.wallet.refunded == ["PR-CODE"]
    assert scan.state is State.PAYMENT_FAILED


def test_a_wallet_that_is_never_believed_leaves_it_unsettled(till: Till) -> None:
    till.wallet.says = [results.PAYMENT_IN_PROCESS]
    scan = till.confirmed(speed=10_000)
    for _ in range(MOST_WALLET_INQUIRIES):
        _, scan = till.next(scan)
    assert (scan.state, scan.failure) == (State.UNSETTLED, "the wallet never said what became of the payment")


@pytest.mark.parametrize("refusal", [results.ORDER_IS_CLOSED, results.RISK_REJECT, results.PROCESS_FAIL])
def test_what_the_gateway_refuses_is_given_back(till: Till, refusal: ResultCode) -> None:
    till.gateway.answers["pushPayment"] = said(refusal)
    scan = till.pushed()
    assert (scan.state, scan.push_result) == (State.REFUNDED, refusal.as_members())
    assert (till.wallet.refunded, scan.is_due) == (["PR-CODE"], False)


@pytest.mark.parametrize("speed", [1, 100])
def test_an_open_payment_is_inquired_on_the_documented_schedule(till: Till, speed: float) -> None:
    in_process(till)
    scan = till.pushed(speed=speed)
    assert (scan.state, scan.push_result) == (State.IN_PROCESS, results.PAYMENT_IN_PROCESS.as_members())
    waited = []
    while scan.state is State.IN_PROCESS:
        seconds, scan = till.next(scan)
        waited.append(seconds)
    assert waited == pytest.approx([seconds / speed for seconds in SCHEDULE_S])
    assert (scan.state, scan.is_due, till.wallet.refunded) == (State.UNSETTLED, False, [])
    inquiries = till.gateway.calls("inquiryPushPayment")
    assert len(inquiries) == len(SCHEDULE_S)
    assert inquiries[0].members == {
        "acquirerId": "2021228100000001",
        "pspId": "1022088000000000001",
        "codeValue": "CODE",
        "paymentId": scan.payment_id,
        "paymentRequestId": "PR-CODE",
    }
    with pytest.raises(IllegalState, match="perhaps paid already by user U1 of ALIPAY_CN"):
        till.confirmed()


PUSHED = "inquiryPushPayment"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (said(results.SUCCESS, paymentResult=results.SUCCESS.as_members()), State.PAID),
        (said(results.SUCCESS, paymentResult=results.ORDER_IS_CLOSED.as_members()), State.REFUNDED),
        (said(results.ORDER_NOT_EXIST), State.REFUNDED),
        (said(results.SUCCESS, paymentResult=results.PAYMENT_IN_PROCESS.as_members()), State.IN_PROCESS),
        (said(results.SUCCESS), State.IN_PROCESS),
        (said(results.SUCCESS, paymentResult={"resultStatus": "S"}), State.IN_PROCESS),
        (said(results.UNKNOWN_EXCEPTION), State.IN_PROCESS),
        (said(results.ACCESS_DENIED), State.IN_PROCESS),
    ],
)
def test_what_an_inquiry_is_told(till: Till, answer: dict[str, Any], state: State) -> None:
    in_process(till)
    scan = till.pushed()
    till.gateway.answers[PUSHED] = answer
    _, scan = till.next(scan)
    assert scan.state is state
    assert till.wallet.refunded == (["PR-CODE"] if state is State.REFUNDED else [])


def test_what_a_replayed_push_is_told_is_no_answer(till: Till) -> None:
    assert till.pushed("EARLIER").state is State.PAID
    till.set_fault("pushPayment", "replayed")
    scan = till.pushed()
    assert (scan.state, scan.push_result) == (State.IN_PROCESS, None)
    assert scan.failure == "an earlier call was sent in place of this one, and what came back answers that"
    till.gateway.answers["inquiryPushPayment"] = said(results.ORDER_NOT_EXIST)
    _, scan = till.next(scan)
    assert scan.state is State.REFUNDED


def test_a_push_that_is_refused_for_its_signature_is_given_back(till: Till) -> None:
    till.set_fault("pushPayment", "wrong_key")
    scan = till.pushed()
    assert (scan.state, scan.push_result) == (State.REFUNDED, results.INVALID_SIGNATURE.as_members())


def test_a_gateway_that_talks_nonsense_is_inquired(till: Till) -> None:
    till.gateway.answers["pushPayment"] = {"result": "no result"}
    scan = till.pushed()
    assert (scan.state, scan.failure) == (
        State.IN_PROCESS,
        "the answer has no result with resultCode and resultStatus",
    )
    assert scan.push_result is None
    _, scan = till.next(scan)
    assert (scan.state, scan.failure) == (State.PAID, None)


def test_the_sister_product_is_notified_until_it_acknowledges(till: Till) -> None:
    till.gateway.answers["notifyPayment"] = said(results.UNKNOWN_EXCEPTION)
    scan = till.pushed(mode=Mode.NOTIFY)
    assert (scan.state, till.gateway.calls("pushPayment")) == (State.IN_PROCESS, [])
    till.gateway.answers["notifyPayment"] = said(results.PROCESS_FAIL)
    waited, scan = till.next(scan)
    assert (waited, scan.state) == (4.0, State.IN_PROCESS)
    till.gateway.answers["notifyPayment"] = said(results.SUCCESS)
    waited, scan = till.next(scan)
    assert (waited, scan.state, scan.is_due) == (30.0, State.PAID, False)
    notices = till.gateway.calls("notifyPayment")
    assert len(notices) == 3
    assert len({notice.body for notice in notices}) == 1
    assert notices[0].members == {
        "paymentResult": results.SUCCESS.as_members(),
        "paymentRequestId": "PR-CODE",
        "paymentId": scan.payment_id,
        "acquirerId": "2021228100000001",
        "pspId": "1022088000000000001",
        "paymentAmount": {"currency": "JPY", "value": "1500"},
        "paymentTime": "2026-11-20T10:00:00+09:00",
        "customerId": "U1",
    }


def test_the_sister_product_hears_of_a_failed_payment(till: Till) -> None:
    till.wallet.says = [results.USER_BALANCE_NOT_ENOUGH]
    till.gateway.answers["notifyPayment"] = said(results.UNKNOWN_EXCEPTION)
    scan = till.step(till.confirmed(mode=Mode.NOTIFY))
    assert (scan.state, scan.as_control()["finished"]) == (State.PAYMENT_FAILED, False)
    scan = till.step(scan)
    till.gateway.answers["notifyPayment"] = said(results.SUCCESS)
    waited, scan = till.next(scan)
    assert (waited, scan.state, scan.as_control()["finished"]) == (4.0, State.PAYMENT_FAILED, True)
    last = till.gateway.calls("notifyPayment")[-1].members
    assert last["paymentResult"] == results.USER_BALANCE_NOT_ENOUGH.as_members()
    assert "paymentTime" not in last


@pytest.mark.parametrize(
    ("says", "state"), [(results.SUCCESS, State.UNSETTLED), (results.RISK_REJECT, State.PAYMENT_FAILED)]
)
def test_so_many_notices_are_enough(till: Till, says: ResultCode, state: State) -> None:
    till.wallet.says = [says]
    till.gateway.answers["notifyPayment"] = said(results.PROCESS_FAIL)
    scan = till.step(till.confirmed(mode=Mode.NOTIFY))
    while scan.is_due:
        _, scan = till.next(scan)
    assert len(till.gateway.calls("notifyPayment")) == MOST_NOTICES
    assert (scan.state, scan.failure) == (state, "the gateway never acknowledged the payment")


def test_a_second_payment_is_refused_whoever_scans(till: Till) -> None:
    first, second, third = till.scan(), till.scan(customer_id="U2"), till.scan()
    till.paying.pay(first.scan_id, pin=None)
    with pytest.raises(IllegalState, match=f"being paid already by user U1 of ALIPAY_CN .scan {first.name}."):
        till.paying.pay(second.scan_id, pin=None)
    till.step(till.step(first))
    with pytest.raises(IllegalState, match="the order is paid already by user U1 of ALIPAY_CN"):
        till.paying.pay(third.scan_id, pin=None)
    with pytest.raises(IllegalState, match="cannot be paid: Paid"):
        till.paying.pay(first.scan_id, pin=None)
    assert len(till.wallet.paid) == 1
    assert till.scans.get(second.scan_id).state is State.DECODED


def test_who_walks_away_pays_nothing(till: Till) -> None:
    scan = till.scan()
    assert till.paying.leave(scan.scan_id).state is State.LEFT
    with pytest.raises(IllegalState, match="went away"):
        till.paying.pay(scan.scan_id, pin=None)
    with pytest.raises(IllegalState, match="is LEFT; there is nothing to leave"):
        till.paying.leave(scan.scan_id)
    with pytest.raises(NotOnRecord):
        till.paying.leave(99)


def test_a_scan_lapses(till: Till) -> None:
    scan = till.scan()
    till.clock.pass_by(179)
    assert till.scans.get(scan.scan_id).state is State.DECODED
    till.clock.pass_by(1)
    assert till.scans.listed(limit=1)[0].as_control()["state"] == "LAPSED"
    with pytest.raises(IllegalState, match="time to pay is over"):
        till.paying.pay(scan.scan_id, pin=None)


def test_after_a_restart_a_payment_goes_on(till: Till) -> None:
    in_process(till)
    scans = [till.confirmed("A"), till.step(till.confirmed("B")), till.pushed("C")]
    assert [scan.state for scan in scans] == [State.PAYING, State.PUSHING, State.IN_PROCESS]
    assert [scan.name for scan in till.scans.due()] == [scan.name for scan in scans]
    till.paying = till.a_paying()
    till.gateway.answers.pop("pushPayment")
    till.gateway.answers["inquiryPushPayment"] = said(results.SUCCESS, paymentResult=result(results.SUCCESS))
    ended = [till.step(till.step(scans[0])), till.step(scans[1]), till.next(scans[2])[1]]
    assert {scan.state for scan in ended} == {State.PAID}
    assert len({scan.payment_id for scan in ended}) == 3
    assert till.scans.due() == []


def test_money_that_is_owed_is_given_back_after_a_restart(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    till.gateway.answers["pushPayment"] = said(results.RISK_REJECT)

    def ends(**_: str) -> None:
        raise SystemExit

    scan = till.step(till.confirmed())
    with monkeypatch.context() as broken:
        broken.setattr(till.wallet, "refund", ends)
        with pytest.raises(SystemExit):
            till.step(scan)
    (scan,) = till.scans.due()
    assert (scan.state, scan.as_control()["finished"]) == (State.REFUNDED, False)
    assert till.step(scan).as_control()["finished"] is True
    assert till.wallet.refunded == ["PR-CODE"]
