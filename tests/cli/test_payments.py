"""`orders show`, `payments list` and `payments attend`: the whole story of an order, and what waits for a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from acqp_gateway import settings
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import Decodes
from acqp_gateway.store.payments import PaymentMessage, record
from tests.cli.conftest import CommandLine
from tests.merchants import Shop
from tests.payments.helpers import ALIPAY_CN, FAILED, SUCCESS, Till, amount, new_payment_id

PAYMENT_MEMBERS = {
    *("paymentId", "api", "state", "resultCode", "reason", "pspId", "pspName", "customerId", "amount", "currency"),
    *("settlementAmount", "settlementCurrency", "paidAt", "decidedAt"),
}
MESSAGE_MEMBERS = {
    *("number", "time", "api", "outcome", "resultCode", "said", "paymentRequestId", "codeValue", "paymentId"),
    *("pspId", "amount", "currency", "needsAttention", "attendedAt", "attendedNote"),
}


@pytest.fixture
def till(commands: CommandLine) -> Iterator[Till]:
    """The gateway at work on the store that the commands look at; M1 sells."""
    commands.open_shop()
    store = Store(settings.load().database_url)
    decodes = Decodes(store, pool_size=2)
    yield Till(store, Shop(store, "M1", "S1"), decodes, datetime.now(UTC))
    decodes.close()
    store.close()


def test_the_whole_story_of_an_order(commands: CommandLine, till: Till) -> None:
    order, refused, paid, second = till.place(), new_payment_id(), new_payment_id(), new_payment_id()
    till.push(order, refused, paymentAmount=amount(1))
    till.wait(seconds=1)
    assert till.push(order, paid) == SUCCESS
    till.wait(seconds=1)
    till.notify(order, second)
    till.inquire(order, "asked for, never pushed")
    till.decode(order)
    shown = commands.json("orders", "show", order.payment_request_id)
    assert (shown["state"], shown["stateReason"]) == ("PAID", f"pushPayment {paid}")
    assert [row["resultCode"] for row in shown["decodes"]] == ["ORDER_IS_CLOSED", "SUCCESS"]
    assert [(row["paymentId"], row["state"], row["resultCode"], row["reason"]) for row in shown["payments"]] == [
        (paid, "ACCEPTED", "SUCCESS", ""),
        (refused, "REFUSED", "PAYMENT_AMOUNT_INVALID", "payment_amount_differs"),
    ]
    accepted = shown["payments"][0]
    assert set(accepted) == PAYMENT_MEMBERS
    assert (accepted["pspName"], accepted["pspId"], accepted["customerId"]) == ("ALIPAY_CN", ALIPAY_CN, "U1")
    assert (accepted["amount"], accepted["currency"]) == (1500, "JPY")
    assert (accepted["settlementAmount"], accepted["settlementCurrency"]) == (1000, "USD")
    assert shown["payments"][1]["paidAt"] is None
    assert [(row["api"], row["outcome"], row["paymentId"], row["needsAttention"]) for row in shown["messages"]] == [
        ("notifyPayment", "CONFLICT", second, True),
        ("pushPayment", "APPLIED", paid, False),
        ("pushPayment", "REFUSED", refused, True),
    ]
    assert all(set(row) == MESSAGE_MEMBERS for row in shown["messages"])
    assert shown == commands.json("orders", "show", order.code_value)
    text = commands.done("orders", "show", order.payment_request_id)
    for said in (paid, refused, second, "ACCEPTED", "PAYMENT_AMOUNT_INVALID", "CONFLICT", "ALIPAY_CN", "PAID"):
        assert said in text, text


def test_a_message_that_names_another_order_s_payment_is_in_both_stories(commands: CommandLine, till: Till) -> None:
    first, second, payment_id = till.place(), till.place(), new_payment_id()
    till.push(first, payment_id)
    till.push(second, payment_id)
    for order in (first, second):
        shown = commands.json("orders", "show", order.payment_request_id)
        assert "CONFLICT" in [row["outcome"] for row in shown["messages"]]
    assert commands.json("orders", "show", second.payment_request_id)["payments"] == []


def test_payments_are_found(commands: CommandLine, till: Till) -> None:
    assert commands.json("payments", "list") == []
    assert commands.done("payments", "list") == ""
    assert commands.run("payments", "list").stderr == "No message about a payment is on record yet.\n"
    assert commands.run("payments", "list", "--needs-attention").stderr == "Nothing waits for a person.\n"
    first, second = till.place(), till.place()
    ids = [new_payment_id() for _ in range(3)]
    till.push(first, ids[0])
    till.push(second, ids[1], paymentAmount=amount(1))
    till.notify(first, ids[2])
    till.notify(first, ids[2], paymentResult=FAILED)

    def found(*filters: str) -> list[tuple[str, str]]:
        return [(row["paymentId"], row["outcome"]) for row in commands.json("payments", "list", *filters)]

    everything = [(ids[2], "FAILED"), (ids[2], "CONFLICT"), (ids[1], "REFUSED"), (ids[0], "APPLIED")]
    assert found() == everything
    assert found("--limit", "1") == everything[:1]
    assert found("--needs-attention") == [(ids[2], "CONFLICT"), (ids[1], "REFUSED")]
    assert found("--order", second.payment_request_id) == [(ids[1], "REFUSED")]
    assert found("--order", first.payment_request_id, "--needs-attention") == [(ids[2], "CONFLICT")]
    assert found("--payment-id", ids[2]) == everything[:2]
    assert found("--payment-id", "nobody's") == []
    assert set(commands.json("payments", "list")[0]) == MESSAGE_MEMBERS
    table = commands.done("payments", "list")
    assert ids[0] in table
    assert "CONFLICT" in table
    assert "acqp-gateway orders list" in commands.failed("payments", "list", "--order", "nobody's")


def test_a_person_attends(commands: CommandLine, till: Till) -> None:
    order = till.place()
    till.push(order, new_payment_id())
    for _ in range(2):
        till.notify(order, "second")
    (waiting,) = commands.json("payments", "list", "--needs-attention")
    number = str(waiting["number"])
    attended = commands.json("payments", "attend", number, "--note", "refunded by hand")
    assert (attended["number"], attended["needsAttention"], attended["attendedNote"]) == (
        waiting["number"],
        False,
        "refunded by hand",
    )
    assert attended["attendedAt"] is not None
    assert commands.json("payments", "list", "--needs-attention") == []
    again = commands.run("payments", "attend", number)
    assert (again.exit_code, "already" in again.stderr) == (0, True)
    assert "refunded by hand" in again.stdout
    changed = commands.json("payments", "attend", number, "--note", "another note")
    assert (changed["attendedNote"], changed["attendedAt"]) == ("another note", attended["attendedAt"])
    till.notify(order, "second")
    assert commands.json("payments", "list", "--needs-attention") == []
    assert till.state(order) == "PAID"


def test_what_cannot_be_attended(commands: CommandLine, till: Till) -> None:
    order = till.place()
    till.push(order, new_payment_id())
    (message,) = commands.json("payments", "list")
    line = commands.failed("payments", "attend", str(message["number"]))
    assert line == f"acqp-gateway: message {message['number']} waits for nobody\n"
    assert "acqp-gateway payments list" in commands.failed("payments", "attend", "999999")
    assert "note must not be longer" in commands.failed("payments", "attend", "1", "--note", "x" * 257)
    for wrong in ("0", "-1", "x", "1.5"):
        commands.failed("payments", "attend", wrong, status=2)


def test_text_of_others_cannot_move_the_cursor(commands: CommandLine, till: Till) -> None:
    order, evil = till.place(), "\x1b[2Jp\u202e\nX"
    till.push(order, evil, customerId=evil)
    for command in (("orders", "show", order.payment_request_id), ("payments", "list")):
        text = commands.done(*command)
        assert "\x1b[2J" not in text
        assert "\u202e" not in text
    assert commands.json("payments", "list")[0]["paymentId"] == evil


def test_many_messages_are_cut_and_nothing_else(commands: CommandLine, till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    for _ in range(55):
        till.push(order, payment_id)
    shown = commands.json("orders", "show", order.payment_request_id)
    assert (len(shown["messages"]), len(shown["payments"])) == (50, 1)
    assert "--limit" in commands.run("payments", "list").stderr
    assert len(commands.json("payments", "list", "--limit", "100")) == 55


def test_what_could_not_be_told_waits_for_a_person(commands: CommandLine, till: Till) -> None:
    order, payment_id = till.place(), new_payment_id()
    till.push(order, payment_id)
    with till.store.writing() as connection:
        record(
            connection,
            PaymentMessage(
                at=till.at, api="notifyPushPayment", payment_request_id=order.payment_request_id,
                code_value=order.code_value, payment_id=payment_id, psp_id=ALIPAY_CN, amount=None, currency=None,
                outcome="UNDELIVERED", result_code="SUCCESS", said="could not be told SUCCESS: timed_out",
                needs_attention=True, body=b"{}",
            ),
        )  # fmt: skip
    (waiting,) = commands.json("payments", "list", "--needs-attention")
    assert (waiting["outcome"], waiting["amount"]) == ("UNDELIVERED", None)
