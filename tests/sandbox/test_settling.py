"""notifyPushPayment: it settles what is open, is acknowledged again, and contradicts nothing that is known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acqp_gateway.errors import IllegalState, PaymentContradicts
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import Incoming
from acqp_gateway.protocol.messages.notify_push_payment import Notification
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.sandbox.scans import Mode, Scan, State
from tests.peer import Keys
from tests.sandbox.payments import Till, a_till
from tests.sandbox.stand_in_gateway import said


@pytest.fixture(scope="module")
def shared_till(tmp_path_factory: pytest.TempPathFactory, sandbox_keys: Keys) -> Iterator[Till]:
    """One for all tests; each scans a code of its own."""
    with a_till(tmp_path_factory.mktemp("till"), sandbox_keys) as found:
        found.gateway.answers["pushPayment"] = said(results.PAYMENT_IN_PROCESS)
        yield found


@pytest.fixture
def till(shared_till: Till) -> Till:
    """With a wallet that has given nothing back yet."""
    shared_till.wallet.refunded.clear()
    return shared_till


@pytest.fixture
def scan(till: Till, request: pytest.FixtureRequest) -> Scan:
    """A scan whose payment is open."""
    found = till.pushed(request.node.name)
    assert found.state is State.IN_PROCESS
    return found


def told(till: Till, scan: Scan, result: ResultCode, **changes: str | None) -> ResultCode:
    """What is answered to a notification about a scan's payment."""
    members = {
        "result_code": result.code,
        "result_status": result.status.value,
        "payment_id": scan.payment_id or "",
        "payment_request_id": scan.payment_request_id,
        **changes,
    }
    notification = Notification(**members, payment_time=till.clock())  # type: ignore[arg-type]  # texts all
    return till.settling.handle(Incoming(notification, b"", till.clock())).result


def test_a_success_settles_and_is_acknowledged_again(till: Till, scan: Scan) -> None:
    for _ in range(2):
        assert told(till, scan, results.SUCCESS) is results.SUCCESS
        assert till.scans.get(scan.scan_id).state is State.PAID
    assert till.paying.step(scan.scan_id) is None
    assert till.gateway.calls("inquiryPushPayment") == []


def test_a_failure_gives_the_money_back_once(till: Till, scan: Scan) -> None:
    for _ in range(2):
        assert told(till, scan, results.RISK_REJECT, payment_request_id=None) is results.SUCCESS
    found = till.scans.get(scan.scan_id)
    assert (found.state, found.push_result) == (
        State.REFUNDED,
        {"resultCode": "RISK_REJECT", "resultStatus": "F"},
    )
    assert till.wallet.refunded == [scan.payment_request_id]


@pytest.mark.parametrize(
    ("first", "second"), [(results.SUCCESS, results.RISK_REJECT), (results.RISK_REJECT, results.SUCCESS)]
)
def test_what_contradicts_is_refused_and_noted(till: Till, scan: Scan, first: ResultCode, second: ResultCode) -> None:
    told(till, scan, first)
    before = till.scans.get(scan.scan_id)
    with pytest.raises(PaymentContradicts, match="settled_otherwise"):
        told(till, scan, second)
    after = till.scans.get(scan.scan_id)
    assert (after.state, after.push_result) == (before.state, before.push_result)
    assert after.note == f"the gateway says {second.status} {second.code} of a payment that is {before.state}"


def test_another_order_is_refused_and_noted(till: Till, scan: Scan) -> None:
    with pytest.raises(PaymentContradicts, match="another_order"):
        told(till, scan, results.SUCCESS, payment_request_id="PR-ANOTHER")
    found = till.scans.get(scan.scan_id)
    assert (found.state, found.note) == (
        State.IN_PROCESS,
        "notifyPushPayment names another paymentRequestId than was pushed",
    )


def test_nobody_elses_payment_is_settled(till: Till, scan: Scan) -> None:
    with pytest.raises(PaymentContradicts, match="unknown_payment"):
        told(till, scan, results.SUCCESS, payment_id="2026112099")
    notified = till.step(till.confirmed("SISTER", mode=Mode.NOTIFY))
    with pytest.raises(PaymentContradicts, match="unknown_payment"):
        told(till, notified, results.SUCCESS)
    assert till.scans.get(notified.scan_id).state is State.PUSHING


def test_before_the_wallet_has_paid_nothing_can_be_settled(till: Till) -> None:
    scan = till.confirmed("EARLY")
    with pytest.raises(PaymentContradicts, match="settled_otherwise"):
        told(till, scan, results.SUCCESS)
    assert till.scans.get(scan.scan_id).state is State.PAYING


def test_what_nobody_knew_may_be_settled_late(till: Till, scan: Scan) -> None:
    while scan.is_due:
        till.gateway.answers["inquiryPushPayment"] = said(results.UNKNOWN_EXCEPTION)
        _, scan = till.next(scan)
    assert scan.state is State.UNSETTLED
    assert told(till, scan, results.SUCCESS) is results.SUCCESS
    assert till.scans.get(scan.scan_id).state is State.PAID


def test_a_wallet_that_cannot_give_back_is_said_so(till: Till, scan: Scan, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(**_: str) -> None:
        raise IllegalState("nothing was paid")

    monkeypatch.setattr(till.wallet, "refund", refuses)
    told(till, scan, results.RISK_REJECT)
    found = till.scans.get(scan.scan_id)
    assert (found.state, found.failure) == (
        State.REFUNDED,
        "the wallet did not give the money back: nothing was paid",
    )
    assert not found.is_due
