"""One order, one debit: whoever pays it, however often, and whatever comes back."""

from __future__ import annotations

import threading

import pytest

from acqp_gateway.errors import CommandRefused, IllegalState, IllegalValue, NotOnRecord
from acqp_gateway.protocol import results
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.sandbox.wallet import directory, payment_records
from acqp_gateway.sandbox.wallet.rules import RULES
from tests.sandbox.wallet.harness import CUSTOMER, ORDER, OTHER_PSP_ID, PAYMENT, PSP_ID, YEN, Wallet

FULL = 10_000_000
PRICE = 6968


def test_money_changes_hands_once(wallet: Wallet) -> None:
    wallet.pay()
    for again in ({}, {"amount": Amount("JPY", 1)}, {"customer_id": "2088000000000004"}, {"customer_id": "nobody"}):
        with pytest.raises(IllegalState, match=f"{ORDER} is paid already, by {CUSTOMER}"):
            wallet.pay(**again)
    assert wallet.balance() == FULL - PRICE
    assert wallet.ask(PAYMENT).members["paymentAmount"] == YEN.as_members()


def test_what_is_in_process_blocks_a_second_one(wallet: Wallet) -> None:
    wallet.put("users", processingSeconds=60)
    first = wallet.pay()
    with pytest.raises(IllegalState, match="is being paid already"):
        wallet.pay()
    assert wallet.balance() == FULL
    wallet.clock.forward(seconds=60)
    with pytest.raises(IllegalState, match="is paid already"):
        wallet.pay()
    found = wallet.payments.get(PSP_ID, ORDER)
    assert found is not None
    assert (found.payment_id, found.result) == (first.payment_id, results.SUCCESS)
    assert wallet.balance() == FULL - PRICE


def test_many_at_once_and_one_debit(wallet: Wallet) -> None:
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def pay() -> None:
        start.wait()
        try:
            outcomes.append(wallet.pay().result.code)
        except CommandRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=pay) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["SUCCESS", *["refused"] * 7]
    assert wallet.balance() == FULL - PRICE


def test_two_orders_at_once_cannot_spend_the_same_money(wallet: Wallet) -> None:
    wallet.put("users", balance=str(PRICE))
    start = threading.Barrier(6)
    outcomes: list[str] = []

    def pay(number: int) -> None:
        start.wait()
        outcomes.append(wallet.pay(payment_request_id=f"P{number}").result.code)

    threads = [threading.Thread(target=pay, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["SUCCESS", *["USER_BALANCE_NOT_ENOUGH"] * 5]
    assert wallet.balance() == 0


def test_the_same_order_at_another_mpp_is_another_payment(wallet: Wallet) -> None:
    wallet.pay()
    assert wallet.pay(psp_id=OTHER_PSP_ID, customer_id="2160000000000001").result is results.SUCCESS


def test_a_refund_gives_back_what_was_taken_once(wallet: Wallet) -> None:
    wallet.pay()
    wallet.put("quotes", fromCurrency="JPY", toCurrency="CNY", quotePrice="9")
    for _ in range(2):
        wallet.payments.refund(psp_id=PSP_ID, payment_request_id=ORDER)
        assert wallet.balance() == FULL
    assert wallet.pay().result is results.ORDER_IS_CLOSED
    assert wallet.balance() == FULL


def test_a_refund_of_what_is_in_process_takes_nothing(wallet: Wallet) -> None:
    wallet.put("users", processingSeconds=60)
    wallet.pay()
    wallet.payments.refund(psp_id=PSP_ID, payment_request_id=ORDER)
    wallet.clock.forward(seconds=100)
    assert wallet.ask(PAYMENT).members["paymentResult"]["resultCode"] == "ORDER_IS_CLOSED"
    assert wallet.balance() == FULL


def test_a_refund_of_what_succeeds_in_that_moment_gives_it_back(wallet: Wallet) -> None:
    wallet.put("users", processingSeconds=60)
    wallet.pay()
    wallet.clock.forward(seconds=100)
    wallet.payments.refund(psp_id=PSP_ID, payment_request_id=ORDER)
    assert wallet.balance() == FULL


def test_what_was_not_paid_cannot_be_refunded_or_settled(wallet: Wallet) -> None:
    with pytest.raises(NotOnRecord):
        wallet.payments.refund(psp_id=PSP_ID, payment_request_id=ORDER)
    wallet.put("users", status="FROZEN")
    wallet.pay()
    with pytest.raises(IllegalState, match="was not paid: USER_STATUS_ABNORMAL"):
        wallet.payments.refund(psp_id=PSP_ID, payment_request_id=ORDER)
    with pytest.raises(IllegalState, match="is not in process"):
        wallet.payments.settle(psp_id=PSP_ID, payment_request_id=ORDER)
    assert wallet.balance() == FULL


@pytest.mark.parametrize("amount", [Amount("JPY", 0), Amount("JPY", -1), Amount("JPY", 10**18), Amount("IDR", 101)])
def test_amounts_that_nobody_can_pay(wallet: Wallet, amount: Amount) -> None:
    with pytest.raises(IllegalValue):
        wallet.pay(amount=amount)
    assert wallet.payments.get(PSP_ID, ORDER) is None


def test_an_mpp_that_the_wallet_is_not(wallet: Wallet) -> None:
    with pytest.raises(NotOnRecord):
        wallet.pay(psp_id="2010BOPI00000000")
    assert wallet.payments.default_customer("2010BOPI00000000") is None


def test_the_first_active_user_pays_where_nobody_is_named(wallet: Wallet) -> None:
    assert wallet.payments.default_customer(PSP_ID) == CUSTOMER
    wallet.put("users", status="FROZEN")
    assert wallet.payments.default_customer(PSP_ID) == "2088000000000002"


def test_the_first_attempt_says_what_the_order_costs(wallet: Wallet) -> None:
    """After a contradicting attempt the right amount can still be paid."""
    wallet.put("users", status="FROZEN")
    wallet.pay()
    wallet.put("users", status="ACTIVE")
    assert wallet.pay(amount=Amount("JPY", 1)).result is results.PROCESS_FAIL
    assert wallet.pay().result is results.SUCCESS


def test_payment_ids_are_the_wallets_own_and_each_another(wallet: Wallet) -> None:
    ids = {wallet.pay(payment_request_id=f"P{number}").payment_id for number in range(20)}
    assert len(ids) == 20
    assert {payment_id[:8] for payment_id in ids} == {f"{wallet.clock():%Y%m%d}"}


def test_every_payment_result_but_two_has_a_rule() -> None:
    """The two that no rule gives: the payment succeeds, at once or in a while."""
    ruled = {rule.result for rule in RULES}
    assert set(results.PAYMENT_RESULTS) - ruled == {results.SUCCESS, results.PAYMENT_IN_PROCESS}
    assert ruled <= set(results.PAYMENT_RESULTS)


def test_what_is_kept_is_bounded(wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payment_records, "MOST_PAYMENTS", 2)
    for number in range(2):
        wallet.pay(payment_request_id=f"P{number}")
    with pytest.raises(IllegalState, match="2 payments are enough"):
        wallet.pay()
    assert wallet.balance() == FULL - 2 * PRICE
    monkeypatch.setattr(directory, "_MOST_OF_A_KIND", 5)
    assert (
        wallet.control("POST", "tokens", {"pspId": PSP_ID, "customerId": CUSTOMER, "scopes": ["BASE_USER_INFO"]})[0]
        == 409
    )
