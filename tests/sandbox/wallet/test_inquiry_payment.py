"""inquiryPayment: every row of both tables by a real state, and what is told of a payment that succeeded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from acqp_gateway.errors import CommandRefused
from acqp_gateway.protocol import results
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.sandbox.registrations import read_registrations
from acqp_gateway.sandbox.wallet.payments import Wish
from tests.peer import SignedRequest
from tests.sandbox.processes import gateway_key
from tests.sandbox.wallet.harness import (
    CUSTOMER,
    CUSTOMER_ID,
    ORDER,
    OTHER_PSP_ID,
    PAYMENT,
    PSP,
    PSP_ID,
    TOKEN,
    USER_INFO,
    YEN,
    Wallet,
    assert_from_wallet,
)


@dataclass(frozen=True)
class Row:
    """A state of order, user and wallet, and what a payment comes to in it.

    `user` and `psp` are what is different of the first user and its MPP, `wish` of what it confirms; `before` is
    done to the wallet first, `after` when the payment was confirmed.
    """

    code: str
    name: str
    user: Mapping[str, Any] = field(default_factory=dict)
    psp: Mapping[str, Any] = field(default_factory=dict)
    wish: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[Wallet], object] = lambda _: None
    after: Callable[[Wallet], object] = lambda _: None


def registered(status: str, psp_name: str = PSP, store_id: str | None = None) -> Callable[[Wallet], object]:
    def register(wallet: Wallet) -> object:
        entry = {"pspName": psp_name, "status": status, "productCodes": ["IN_STORE_PAYMENT"]}
        members = {"referenceMerchantId": "M1", "referenceStoreId": store_id, "pspRegistrationResultList": [entry]}
        return wallet.registrations.put(read_registrations([members], most=1))

    return register


def in_turn(*steps: Callable[[Wallet], object]) -> Callable[[Wallet], None]:
    def do(wallet: Wallet) -> None:
        for step in steps:
            step(wallet)

    return do


def refund(wallet: Wallet) -> None:
    wallet.payments.refund(psp_id=PSP_ID, payment_request_id=ORDER)


def settle(wallet: Wallet) -> None:
    wallet.payments.settle(psp_id=PSP_ID, payment_request_id=ORDER)


def settle_with(**changes: Any) -> Callable[[Wallet], None]:
    def change_and_settle(wallet: Wallet) -> None:
        wallet.put("users", **changes)
        settle(wallet)

    return change_and_settle


def fail_first(amount: Amount) -> Callable[[Wallet], None]:
    def fail(wallet: Wallet) -> None:
        wallet.put("users", pin="1")
        assert wallet.pay(amount=amount, pin="2").result is results.USER_PAYMENT_VERIFICATION_FAILED
        wallet.put("users", pin=None)

    return fail


def expired_code(wallet: Wallet) -> None:
    wallet.put("payment-codes", paymentCode="C1")
    wallet.clock.forward(minutes=1)


def paid_before(wallet: Wallet) -> None:
    assert wallet.pay(payment_request_id="earlier").result is results.SUCCESS


ROWS = [
    Row("SUCCESS", "paid"),
    Row("SUCCESS", "with the right PIN", user={"pin": "246810"}, wish={"pin": "246810"}),
    Row("SUCCESS", "to the last fen", user={"balance": "6968"}),
    Row("SUCCESS", "at the limits", user={"paymentLimit": "6968"}, psp={"paymentLimit": "6968"}),
    Row("SUCCESS", "in the last moment", wish={"until": timedelta(0)}),
    Row("SUCCESS", "to a registered merchant", wish={"merchant_id": "M1"}, before=registered("APPROVED")),
    Row("SUCCESS", "to a merchant that nobody knows", wish={"merchant_id": "M1"}),
    Row(
        "SUCCESS",
        "to a store whose merchant is registered",
        wish={"merchant_id": "M1", "store_id": "S1"},
        before=registered("APPROVED"),
    ),
    Row("SUCCESS", "again after it failed", before=fail_first(YEN)),
    Row("SUCCESS", "settled", user={"processingSeconds": 60}, after=settle),
    Row("SUCCESS", "settled, as the one of the day", {"processingSeconds": 60}, {"paymentsPerDay": 1}, after=settle),
    Row(
        "SUCCESS",
        "settled without the PIN once more",
        user={"processingSeconds": 60, "pin": "1"},
        wish={"pin": "1", "until": timedelta(0)},
        after=settle,
    ),
    Row(
        "SUCCESS",
        "settled by itself",
        user={"processingSeconds": 60},
        after=lambda wallet: wallet.clock.forward(seconds=60),
    ),
    Row("SUCCESS", "in the user's own currency", wish={"amount": Amount("CNY", 1)}),
    Row(
        "SUCCESS",
        "a new day",
        psp={"paymentsPerDay": 1},
        before=in_turn(paid_before, lambda wallet: wallet.clock.forward(days=1)),
    ),
    Row("BUSINESS_NOT_SUPPORT", "product off", psp={"productOn": False}),
    Row("CURRENCY_NOT_SUPPORT", "no quote", wish={"amount": Amount("XAF", 100)}),
    Row("EXPIRED_CODE", "confirmed too late", wish={"until": timedelta(microseconds=-1)}),
    Row("INVALID_CODE", "unknown code", wish={"payment_code": "nobody's"}),
    Row("INVALID_CODE", "expired code", wish={"payment_code": "C1"}, before=expired_code),
    Row("INVALID_CODE", "another MPP's code", wish={"payment_code": "282160000000000001", "customer_id": None}),
    Row(
        "INVALID_CODE",
        "another user's code",
        wish={"payment_code": "C2", "customer_id": CUSTOMER},
        before=lambda wallet: wallet.put("payment-codes", paymentCode="C2", customerId="2088000000000002"),
    ),
    Row("INVALID_CONTRACT", "ended", psp={"contractInForce": False}),
    Row("INVALID_TOKEN", "unknown token", wish={"access_token": "nobody's"}),
    Row(
        "INVALID_TOKEN",
        "revoked token",
        wish={"access_token": TOKEN, "customer_id": None},
        before=lambda wallet: wallet.put("tokens", accessToken=TOKEN, scopes=["BASE_USER_INFO"], revoked=True),
    ),
    Row("MERCHANT_NOT_REGISTERED", "rejected", wish={"merchant_id": "M1"}, before=registered("REJECTED")),
    Row("MERCHANT_NOT_REGISTERED", "elsewhere", wish={"merchant_id": "M1"}, before=registered("APPROVED", "GCASH")),
    Row(
        "MERCHANT_NOT_REGISTERED",
        "this store is not",
        wish={"merchant_id": "M1", "store_id": "S1"},
        before=in_turn(registered("APPROVED"), registered("PENDING", store_id="S1")),
    ),
    Row("ORDER_IS_CLOSED", "refunded", after=refund),
    Row("ORDER_IS_CLOSED", "closed in process", user={"processingSeconds": 60}, after=refund),
    Row("ORDER_IS_CLOSED", "paid once more", before=in_turn(Wallet.pay, refund)),
    Row("PAYMENT_AMOUNT_EXCEED_LIMIT", "Alipay+'s limit", psp={"paymentLimit": "6967"}),
    Row("PAYMENT_AMOUNT_EXCEED_LIMIT", "more than an amount can say", wish={"amount": Amount("GBP", 10**18 - 1)}),
    Row("PAYMENT_COUNT_EXCEED_LIMIT", "once a day", psp={"paymentsPerDay": 1}, before=paid_before),
    Row("PROCESS_FAIL", "other amount", before=fail_first(Amount("JPY", 1501))),
    Row("PROCESS_FAIL", "other currency", before=fail_first(Amount("KRW", 1500))),
    Row("REGULATION_RESTRICTION", "region", user={"region": "KP"}, psp={"restrictedRegions": ["IR", "KP"]}),
    Row("RISK_REJECT", "on the risk list", user={"onRiskList": True}),
    Row("UNAVAILABLE_PAYMENT_METHOD", "no card", user={"paymentMethodAvailable": False}),
    Row("USER_AMOUNT_EXCEED_LIMIT", "the user's own limit", user={"paymentLimit": "6967"}),
    Row("USER_BALANCE_NOT_ENOUGH", "a fen short", user={"balance": "6967"}),
    Row(
        "USER_BALANCE_NOT_ENOUGH",
        "spent in the meantime",
        user={"processingSeconds": 60},
        after=settle_with(balance="6967"),
    ),
    Row("USER_KYC_NOT_QUALIFIED", "not verified", user={"kycQualified": False}),
    Row("USER_NOT_EXIST", "nobody", wish={"customer_id": "nobody"}),
    Row("USER_NOT_EXIST", "closed", user={"status": "CLOSED"}),
    Row(
        "USER_NOT_EXIST",
        "gone in the meantime",
        user={"processingSeconds": 60},
        after=in_turn(lambda wallet: wallet.control("DELETE", f"users?customerId={CUSTOMER}"), settle),
    ),
    Row("USER_PAYMENT_VERIFICATION_FAILED", "wrong PIN", user={"pin": "246810"}, wish={"pin": "24681"}),
    Row("USER_PAYMENT_VERIFICATION_FAILED", "no PIN", user={"pin": "246810"}),
    Row("USER_STATUS_ABNORMAL", "frozen", user={"status": "FROZEN"}),
    Row(
        "USER_STATUS_ABNORMAL",
        "frozen in the meantime",
        user={"processingSeconds": 60},
        after=settle_with(status="FROZEN"),
    ),
    Row("PAYMENT_IN_PROCESS", "slow", user={"processingSeconds": 60}),
    Row(
        "PAYMENT_IN_PROCESS",
        "not yet",
        user={"processingSeconds": 60},
        after=lambda wallet: wallet.clock.forward(seconds=59),
    ),
]


def test_every_row_of_the_table_has_a_state() -> None:
    assert {row.code for row in ROWS} == {result.code for result in results.PAYMENT_RESULTS}


def prepare(wallet: Wallet, row: Row) -> None:
    row.before(wallet)
    if row.user:
        wallet.put("users", **row.user)
    if row.psp:
        wallet.put("psps", **row.psp)


def confirm(wallet: Wallet, row: Row) -> None:
    members: dict[str, Any] = {
        "psp_id": PSP_ID,
        "customer_id": CUSTOMER,
        "payment_request_id": ORDER,
        "amount": YEN,
        **row.wish,
    }
    if "until" in members:
        members["until"] = wallet.clock() + members["until"]
    wallet.payments.confirm(Wish(**members))
    row.after(wallet)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code} {row.name}")
def test_each_state_has_its_payment_result(wallet: Wallet, row: Row) -> None:
    prepare(wallet, row)
    balance = wallet.balance()
    confirm(wallet, row)
    told = wallet.ask(PAYMENT).members
    assert told["result"] == results.SUCCESS.as_members()
    assert told["paymentResult"] == results.BY_CODE[row.code].as_members()
    if row.code == "SUCCESS":
        assert set(told) >= {"paymentId", "paymentAmount", "paymentTime", "customerId"}
        assert wallet.balance() < balance
    else:
        assert set(told) == {"result", "paymentResult"}
        assert "in the meantime" in row.name or wallet.balance() == balance


def test_the_answer_to_a_payment_that_succeeded(wallet: Wallet) -> None:
    wallet.put("quotes", fromCurrency="JPY", toCurrency="CNY", quotePrice="0.0469")
    paid = wallet.pay()
    # What becomes of the quote afterwards changes nothing.
    wallet.put("quotes", fromCurrency="JPY", toCurrency="CNY", quotePrice="0.05")
    assert paid.payment_time is not None
    assert wallet.ask(PAYMENT).members == {
        "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"},
        "paymentResult": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"},
        "paymentId": paid.payment_id,
        "paymentAmount": {"currency": "JPY", "value": "1500"},
        "payToAmount": {"currency": "CNY", "value": "7035"},
        "paymentTime": paid.payment_time.isoformat(timespec="seconds"),
        "customerId": CUSTOMER,
        "customsDeclarationAmount": {"currency": "CNY", "value": "7035"},
    }
    assert wallet.balance() == 10_000_000 - 7035
    assert len(paid.payment_id) <= 64


def test_pay_to_amount_only_in_another_currency_and_customs_in_the_users(wallet: Wallet) -> None:
    wallet.pay(amount=Amount("CNY", 1234))
    told = wallet.ask(PAYMENT).members
    assert "payToAmount" not in told
    assert told["customsDeclarationAmount"] == {"currency": "CNY", "value": "1234"}


@pytest.mark.parametrize("psp", ["ALIPAY_HK", "GCASH", "KAKAOPAY", "TNG", "TRUEMONEY", "DANA"])
def test_customs_is_for_the_chinese_mainland_alone(wallet: Wallet, psp: str) -> None:
    user = wallet.control("GET", f"users?pspName={psp}")[1]["users"][0]
    wallet.pay(psp_id=user["pspId"], customer_id=user["customerId"])
    told = wallet.ask(PAYMENT, pspId=user["pspId"]).members
    assert told["payToAmount"]["currency"] == user["currency"]
    assert "customsDeclarationAmount" not in told


def test_the_time_is_that_of_the_final_state(wallet: Wallet) -> None:
    wallet.put("users", processingSeconds=60)
    wallet.pay()
    wallet.clock.forward(seconds=100)
    told = wallet.ask(PAYMENT).members
    assert told["paymentTime"] == wallet.clock().isoformat(timespec="seconds")


@pytest.mark.parametrize("text", ["{}", "x", "\U0001f600" * 20_000, '{"a":"' + "b" * 19_992 + '"}'])
@pytest.mark.parametrize("customer_id", [CUSTOMER, "2088000000000003", "2088000000000006"])
def test_what_is_passed_through_is_told_whatever_the_result(wallet: Wallet, text: str, customer_id: str) -> None:
    wallet.pay(customer_id=customer_id)
    wallet.put("payments/pass-through-info", paymentRequestId=ORDER, passThroughInfo=text)
    assert wallet.ask(PAYMENT).members["passThroughInfo"] == text
    wallet.put("payments/pass-through-info", paymentRequestId=ORDER, passThroughInfo=None)
    assert "passThroughInfo" not in wallet.ask(PAYMENT).members


@pytest.mark.parametrize("text", ["", "x" * 20_001, "\x00", "\ud800", 5, {"a": "b"}])
def test_what_cannot_be_passed_through(wallet: Wallet, text: Any) -> None:
    wallet.pay()
    body = {"pspName": PSP, "paymentRequestId": ORDER, "passThroughInfo": text}
    assert wallet.control("POST", "payments/pass-through-info", body)[0] == 400


def test_an_mpp_may_pass_something_through_with_every_payment(wallet: Wallet) -> None:
    wallet.put("psps", passThroughInfo='{"promotion":"none"}')
    wallet.pay()
    assert wallet.ask(PAYMENT).members["passThroughInfo"] == '{"promotion":"none"}'


# -- result, apart from paymentResult


def break_tables(wallet: Wallet) -> None:
    with wallet.store.transaction() as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        for table in ("wallet_payments", "wallet_login_ids", "wallet_tokens"):
            connection.execute(f"ALTER TABLE {table} RENAME TO {table}_lost")


def slow_down(wallet: Wallet) -> None:
    wallet.put("psps", rate="1/hour")
    wallet.ask(PAYMENT)


#: result code -> how the wallet comes to answer it, and for which APIs that is so.
GATE_ROWS: list[tuple[str, dict[str, Any], Callable[[Wallet], object]]] = [
    ("ACCESS_DENIED", {"members": {"acquirerId": "2021228100000002"}}, lambda _: None),
    ("ACCESS_DENIED", {"members": {"pspId": "1022000000000000009"}}, lambda _: None),
    ("ACCESS_DENIED", {"request_time": "2026-01-01T00:00:00Z"}, lambda _: None),
    ("INVALID_CLIENT", {"client_id": "5YACQP0000000001"}, lambda _: None),
    ("INVALID_CLIENT", {"client_id": None}, lambda _: None),
    ("INVALID_SIGNATURE", {"signature_header": "algorithm=RSA256,keyVersion=1,signature=AAAA"}, lambda _: None),
    ("INVALID_SIGNATURE", {"signed_target": "/other"}, lambda _: None),
    ("KEY_NOT_FOUND", {"key_version": "2"}, lambda _: None),
    ("MEDIA_TYPE_NOT_ACCEPTABLE", {"more_headers": [("Accept", "text/html")]}, lambda _: None),
    ("METHOD_NOT_SUPPORTED", {"method": "GET"}, lambda _: None),
    ("PARAM_ILLEGAL", {"members": {"pspId": ""}}, lambda _: None),
    ("PROCESS_FAIL", {}, lambda wallet: wallet.put("psps", inService=False)),
    ("REQUEST_TRAFFIC_EXCEED_LIMIT", {}, slow_down),
    ("UNKNOWN_EXCEPTION", {}, break_tables),
]


@pytest.mark.parametrize("path", [PAYMENT, CUSTOMER_ID, USER_INFO])
@pytest.mark.parametrize(("code", "changes", "before"), GATE_ROWS)
def test_each_result_of_the_three_apis(
    wallet: Wallet, path: str, code: str, changes: dict[str, Any], before: Callable[[Wallet], object]
) -> None:
    wallet.pay()
    before(wallet)
    request = wallet.request(path, **changes)
    reply = wallet.send(request)
    assert reply.members == {"result": results.BY_CODE[code].as_members()}
    expected = SignedRequest(request.key, b"", method=request.method, target=path)
    client_id = request.client_id if code != "INVALID_CLIENT" else None
    assert_from_wallet(reply, wallet.keys, expected, client_id=client_id or "5YWALLET00000001")


def test_every_result_row_of_inquiry_payment_is_reached() -> None:
    reached = {code for code, _, _ in GATE_ROWS} | {"SUCCESS", "ORDER_NOT_EXIST", "NO_INTERFACE_DEF"}
    assert reached == {result.code for result in results.INQUIRY_PAYMENT}


@pytest.mark.parametrize("path", [PAYMENT, CUSTOMER_ID, USER_INFO])
def test_what_the_gateway_signs_is_not_alipayplus(wallet: Wallet, path: str) -> None:
    request = wallet.request(path, key=gateway_key(wallet.keys))
    reply = wallet.send(request)
    assert reply.code == "INVALID_SIGNATURE"
    assert_from_wallet(reply, wallet.keys, request)


@pytest.mark.parametrize("members", [{"paymentRequestId": "other"}, {"pspId": OTHER_PSP_ID}])
def test_an_order_that_nobody_tried_to_pay_there(wallet: Wallet, members: dict[str, str]) -> None:
    wallet.pay()
    assert wallet.ask(PAYMENT, **members).members == {"result": results.ORDER_NOT_EXIST.as_members()}


def test_records_that_cannot_be_are_a_business_failure(wallet: Wallet) -> None:
    wallet.pay()
    with wallet.store.transaction() as connection:
        connection.execute("UPDATE wallet_payments SET debit = debit + 1")
    assert wallet.ask(PAYMENT).code == "PROCESS_FAIL"


def test_a_rate_lets_through_what_it_says_and_ends_when_it_is_taken_away(wallet: Wallet) -> None:
    wallet.put("psps", rate="2/hour")
    assert [wallet.ask(PAYMENT).code for _ in range(3)] == [*["ORDER_NOT_EXIST"] * 2, "REQUEST_TRAFFIC_EXCEED_LIMIT"]
    assert wallet.ask(PAYMENT, pspId=OTHER_PSP_ID).code == "ORDER_NOT_EXIST"
    wallet.put("psps", rate=None)
    assert wallet.ask(PAYMENT).code == "ORDER_NOT_EXIST"


def test_the_latest_attempt_counts(wallet: Wallet) -> None:
    wallet.put("users", balance="1")
    wallet.pay()
    assert wallet.ask(PAYMENT).members["paymentResult"]["resultCode"] == "USER_BALANCE_NOT_ENOUGH"
    wallet.put("users", balance="10000")
    wallet.pay()
    assert wallet.ask(PAYMENT).members["paymentResult"]["resultCode"] == "SUCCESS"
    assert [attempt["resultCode"] for attempt in wallet.control("GET", "payments")[1]["payments"]] == [
        "SUCCESS",
        "USER_BALANCE_NOT_ENOUGH",
    ]


def test_a_store_that_fails_is_no_open_door(wallet: Wallet) -> None:
    wallet.store.close()
    request = wallet.request(PAYMENT)
    reply = wallet.send(request)
    assert_from_wallet(reply, wallet.keys, request)
    assert reply.code == "UNKNOWN_EXCEPTION"
    with pytest.raises((sqlite3.Error, CommandRefused)):
        wallet.pay()
