"""Each named fault of a call to the gateway: what is only unusual is answered, what is wrong changes nothing."""

from __future__ import annotations

import pytest

from acqp_gateway.sandbox.call_faults import CALL_FAULTS
from tests.end_to_end.conftest import Market
from tests.end_to_end.line import ANSWER, REQUEST

# Faults are about the wire: one kind of store is enough.
pytestmark = pytest.mark.parametrize("running_market", ["postgresql"], indirect=True)

#: fault -> what the gateway says to a call with it.
WRONG = {name: fault.answered.code for name, fault in CALL_FAULTS.items() if fault.answered is not None}
#: Those that change nothing of what is asked, and nothing of the answer.
UNUSUAL = [name for name, fault in CALL_FAULTS.items() if fault.answered is None and not fault.asks_something_else]


def milliseconds(fault: str) -> dict[str, int]:
    return {"ms": 300} if fault == "late" else {}


@pytest.mark.usefixtures("running_market")
def test_every_fault_is_tried() -> None:
    assert {*WRONG, *UNUSUAL, "replayed"} == set(CALL_FAULTS)
    assert {"duplicate", "late", "signature_reordered", "signature_base64url", "time_epoch_ms"} <= set(UNUSUAL)
    assert {"stale", "wrong_key", "tampered"} <= set(WRONG)


@pytest.mark.parametrize("fault", UNUSUAL)
def test_an_unusual_decode_is_answered(market: Market, fault: str) -> None:
    order = market.shop.place()
    market.set_fault("userInitiatedPay", fault, **milliseconds(fault))
    scan = market.scan(order.code_value)
    assert (scan["state"], scan["failure"]) == ("DECODED", None)
    assert market.messages(scan)[-1]["fault"] == fault


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_decode_is_refused(market: Market, fault: str) -> None:
    order = market.shop.place()
    market.set_fault("userInitiatedPay", fault)
    scan = market.scan(order.code_value)
    assert (scan["state"], scan["result"]["resultCode"]) == ("REFUSED", WRONG[fault])
    assert market.scan(order.code_value)["state"] == "DECODED"


@pytest.mark.parametrize("fault", UNUSUAL)
def test_an_unusual_payment_counts_once(market: Market, fault: str) -> None:
    order = market.shop.place()
    scan = market.scan(order.code_value)
    market.set_fault("pushPayment", fault, **milliseconds(fault))
    paid = market.pay(scan)
    assert (paid["state"], paid["failure"]) == ("PAID", None)
    assert (market.state(order), market.accepted(order)) == ("PAID", [paid["paymentId"]])


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_payment_changes_nothing(market: Market, fault: str) -> None:
    order = market.shop.place()
    scan = market.scan(order.code_value)
    market.set_fault("pushPayment", fault)
    paid = market.pay(scan)
    assert (paid["state"], paid["pushResult"]["resultCode"]) == ("REFUNDED", WRONG[fault])
    assert (market.state(order), market.accepted(order)) == ("OPEN", [])


@pytest.mark.parametrize("fault", [*UNUSUAL, *WRONG])
def test_a_notification_is_repeated_until_it_is_taken(market: Market, fault: str) -> None:
    order = market.shop.place()
    scan = market.scan(order.code_value, mode="notify")
    market.set_fault("notifyPayment", fault, **milliseconds(fault))
    paid = market.pay(scan)
    assert paid["state"] == "PAID"
    assert (market.state(order), market.accepted(order)) == ("PAID", [paid["paymentId"]])


def test_a_replayed_decode_is_answered_as_it_was(market: Market) -> None:
    earlier, order = market.shop.place(), market.shop.place()
    before = market.scan(earlier.code_value)
    market.set_fault("userInitiatedPay", "replayed")
    scan = market.scan(order.code_value)
    # What came back is about the earlier code, and no answer to this one.
    assert (scan["state"], scan["paymentRequestId"]) == ("NO_ANSWER", None)
    [asked], [replayed] = market.messages(before), market.messages(scan)
    assert (replayed["fault"], replayed["request"]) == ("replayed", asked["request"])
    assert replayed["answer"]["body"] == asked["answer"]["body"]
    assert market.scan(order.code_value)["paymentRequestId"] == order.payment_request_id


def test_a_replayed_payment_pays_nothing_again(market: Market) -> None:
    earlier, order = market.shop.place(), market.shop.place()
    paid = market.pay(market.scan(earlier.code_value))
    scan = market.scan(order.code_value)
    market.set_fault("pushPayment", "replayed")
    ended = market.pay(scan)
    # The gateway never heard of this payment, and says so when it is asked.
    assert ended["state"] == "REFUNDED"
    assert (market.state(order), market.accepted(order)) == ("OPEN", [])
    assert market.accepted(earlier) == [paid["paymentId"]]


@pytest.mark.parametrize("lost", [REQUEST, ANSWER])
@pytest.mark.parametrize("fault", CALL_FAULTS)
def test_an_inquiry_under_a_fault_finds_out_what_became_of_a_payment(market: Market, fault: str, lost: str) -> None:
    if fault == "replayed":
        # Something to be played back.
        market.line.lose("pushPayment", REQUEST)
        assert market.pay(market.scan(market.shop.place().code_value))["state"] == "REFUNDED"
    order = market.shop.place()
    scan = market.scan(order.code_value)
    market.line.lose("pushPayment", lost)
    market.set_fault("inquiryPushPayment", fault, **milliseconds(fault))
    ended = market.pay(scan)
    inquiries = [message for message in market.messages(scan) if message["api"] == "inquiryPushPayment"]
    assert inquiries[0]["fault"] == fault
    # What cannot be taken for an answer is asked again by the schedule; nothing is settled by it.
    asked = [message for message in inquiries if message["fault"] is None]
    assert len(asked) == (1 if fault in WRONG or fault == "replayed" else 0)
    if fault in WRONG:
        assert inquiries[0]["result"] == WRONG[fault]
    if lost == ANSWER:
        assert (ended["state"], market.state(order)) == ("PAID", "PAID")
        assert market.accepted(order) == [ended["paymentId"]]
    else:
        assert (ended["state"], ended["pushResult"]["resultCode"]) == ("REFUNDED", "ORDER_NOT_EXIST")
        assert (market.state(order), market.accepted(order)) == ("OPEN", [])
