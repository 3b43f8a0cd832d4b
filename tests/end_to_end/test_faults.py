"""Each named fault of a call to the gateway: what is only unusual is answered, what is wrong changes nothing."""

from __future__ import annotations

import pytest

from acqp_gateway.sandbox.call_faults import CALL_FAULTS
from tests.end_to_end.conftest import Market

# Faults are about the wire: one kind of store is enough.
pytestmark = pytest.mark.parametrize("running_market", ["postgresql"], indirect=True)

#: fault -> what the gateway says to a call with it.
WRONG = {
    "stale": "ACCESS_DENIED",
    "wrong_key": "INVALID_SIGNATURE",
    "tampered": "INVALID_SIGNATURE",
    "time_missing": "PARAM_ILLEGAL",
    "time_unsigned": "INVALID_SIGNATURE",
    "signature_missing": "INVALID_SIGNATURE",
    "unknown_key_version": "KEY_NOT_FOUND",
    "unknown_client": "INVALID_CLIENT",
}
UNUSUAL = sorted(set(CALL_FAULTS) - set(WRONG) - {"replayed"})


def milliseconds(fault: str) -> dict[str, int]:
    return {"ms": 300} if fault == "late" else {}


@pytest.mark.usefixtures("running_market")
def test_every_fault_is_tried() -> None:
    assert {*WRONG, *UNUSUAL, "replayed"} == set(CALL_FAULTS)
    wanted = {"stale", "replayed", "wrong_key", "tampered", "duplicate", "late", "signature_reordered"}
    assert wanted | {"signature_base64url", "time_epoch_ms", "time_compact_offset"} <= set(CALL_FAULTS)


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
    market.scan(earlier.code_value)
    market.set_fault("userInitiatedPay", "replayed")
    scan = market.scan(order.code_value)
    # Alipay+ takes the answer for none to its question, and asks again.
    assert (scan["state"], scan["paymentRequestId"]) in (
        ("DECODED", order.payment_request_id),
        ("NO_ANSWER", None),
    )


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
