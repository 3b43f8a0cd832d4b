"""The wallet's part of the control API: what it says, what it takes, and what it refuses."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.sandbox.wallet import samples
from acqp_gateway.sandbox.wallet.directory import WalletDirectory
from acqp_gateway.sandbox.wallet.samples import add_samples
from tests.sandbox.wallet.harness import CUSTOMER, ORDER, PSP, PSP_ID, TOKEN, Wallet

USER = {
    "pspName": PSP,
    "pspId": PSP_ID,
    "customerId": CUSTOMER,
    "name": "Li Na",
    "loginIds": ["+8613800000001", "li.na@wallet.example"],
    "currency": "CNY",
    "balance": "10000000",
    "status": "ACTIVE",
    "kycQualified": True,
    "paymentLimit": None,
    "paymentMethodAvailable": True,
    "pin": None,
    "region": None,
    "onRiskList": False,
    "processingSeconds": 0,
}
PSP_MEMBERS = {
    "pspName": PSP,
    "pspId": PSP_ID,
    "currency": "CNY",
    "inService": True,
    "contractInForce": True,
    "productOn": True,
    "paymentLimit": None,
    "paymentsPerDay": None,
    "rate": None,
    "restrictedRegions": [],
    "passThroughInfo": None,
}
SEVEN = ["ALIPAY_CN", "ALIPAY_HK", "GCASH", "KAKAOPAY", "TNG", "TRUEMONEY", "DANA"]
NEWPAY = {"pspName": "NEWPAY", "pspId": "A1"}


def got(wallet: Wallet, path: str) -> list[dict[str, Any]]:
    status, members = wallet.control("GET", path)
    assert status == 200, members
    (found,) = members.values()
    assert isinstance(found, list)
    return found


def test_the_samples(wallet: Wallet) -> None:
    psps = got(wallet, "psps")
    assert [psp["pspName"] for psp in psps] == SEVEN
    assert psps[0] == {**PSP_MEMBERS, "users": 6}
    assert all(PUBLISHED_MPPS[psp["pspName"]] == psp["pspId"] for psp in psps)
    assert got(wallet, f"users?pspName={PSP}&customerId={CUSTOMER}") == [USER]
    for psp in SEVEN:
        user = got(wallet, f"users?pspName={psp}")[0]
        assert user["loginIds"]
        assert got(wallet, f"tokens?pspName={psp}")[0]["customerId"] == user["customerId"]
        assert got(wallet, f"payment-codes?pspName={psp}")[0]["customerId"] == user["customerId"]
        quoted = {quote["fromCurrency"] for quote in got(wallet, f"quotes?pspName={psp}")}
        assert quoted >= {"JPY", "USD", "EUR", "SGD"} - {user["currency"]}


def test_samples_that_were_entered_half_way_are_entered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SandboxStore(tmp_path / "sandbox.db")
    with monkeypatch.context() as patched:
        patched.setattr(samples, "_quote_price", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            add_samples(store)
    assert len(WalletDirectory(store).users({})) == 1
    assert add_samples(store) is True
    assert len(WalletDirectory(store).users({})) == 12
    assert add_samples(store) is False
    store.close()


def test_what_was_deleted_of_the_samples_stays_deleted(wallet: Wallet) -> None:
    wallet.control("DELETE", "users?pspName=GCASH")
    assert add_samples(wallet.store) is False
    assert got(wallet, "users?pspName=GCASH") == []
    assert "GCASH" not in [psp["pspName"] for psp in got(wallet, "psps")]
    assert "GCASH" in [psp["pspName"] for psp in got(wallet, "psps?all=true")]


@pytest.mark.parametrize("named", [{"pspName": PSP}, {"pspId": PSP_ID}, {"pspName": PSP, "pspId": PSP_ID}])
def test_what_is_not_given_stays_as_it_is(wallet: Wallet, named: dict[str, str]) -> None:
    assert wallet.put("users", **named, balance="7") == {"user": {**USER, "balance": "7"}}
    assert wallet.put("users", **named, paymentLimit="9", pin="1") == {
        "user": {**USER, "balance": "7", "paymentLimit": "9", "pin": "1"}
    }
    assert wallet.put("users", **named, paymentLimit=None, pin=None)["user"] == {**USER, "balance": "7"}
    assert wallet.put("psps", **named, rate="5/minute") == {"psp": {**PSP_MEMBERS, "rate": "5/minute"}}
    assert wallet.put("psps", **named, paymentsPerDay=3)["psp"] == {
        **PSP_MEMBERS,
        "rate": "5/minute",
        "paymentsPerDay": 3,
    }


def test_everything_of_a_user_is_kept(wallet: Wallet) -> None:
    everything = {
        **USER,
        **NEWPAY,
        "currency": "KWD",
        "status": "FROZEN",
        "kycQualified": False,
        "paymentLimit": "123",
        "paymentMethodAvailable": False,
        "pin": "1",
        "region": "KW",
        "onRiskList": True,
        "processingSeconds": 9,
    }
    assert wallet.put("users", **everything) == {"user": everything}
    assert got(wallet, "users?pspName=NEWPAY") == [everything]
    assert got(wallet, "psps")[-1] == {**PSP_MEMBERS, **NEWPAY, "currency": "KWD", "users": 1}


def test_everything_of_an_mpp_is_kept(wallet: Wallet) -> None:
    everything = {
        **PSP_MEMBERS,
        **NEWPAY,
        "currency": "BHD",
        "inService": False,
        "contractInForce": False,
        "productOn": False,
        "paymentLimit": "5000",
        "paymentsPerDay": 0,
        "rate": "9/second",
        "restrictedRegions": ["KP", "IR"],
        "passThroughInfo": "x",
    }
    assert wallet.put("psps", **everything) == {"psp": everything}
    assert got(wallet, "psps?all=true")[-1] == {**everything, "users": 0}
    assert wallet.control("DELETE", "psps?pspName=NEWPAY") == (200, {"deleted": 1})


def test_a_published_mpp_is_known_by_its_name(wallet: Wallet) -> None:
    user = wallet.put("users", pspName="BPI", customerId="B1", currency="PHP")["user"]
    assert (user["pspId"], user["name"], user["balance"]) == (PUBLISHED_MPPS["BPI"], "B1", "0")


def test_tokens_payment_codes_and_quotes(wallet: Wallet) -> None:
    at = wallet.clock().replace(microsecond=0)
    expires_at = (at + timedelta(hours=1)).isoformat()
    token = {
        "accessToken": TOKEN,
        "pspName": PSP,
        "pspId": PSP_ID,
        "customerId": CUSTOMER,
        "scopes": ["USER_LOGIN_ID", "BASE_USER_INFO"],
        "expiresAt": expires_at,
        "revoked": False,
    }
    assert wallet.put("tokens", **token) == {"token": token}
    assert wallet.put("tokens", accessToken=TOKEN, revoked=True) == {"token": {**token, "revoked": True}}
    code = {
        "paymentCode": "C1",
        "pspName": PSP,
        "pspId": PSP_ID,
        "customerId": CUSTOMER,
        "expiresAt": expires_at,
    }
    assert wallet.put("payment-codes", **code) == {"paymentCode": code}
    quote = {"pspName": PSP, "pspId": PSP_ID, "fromCurrency": "XAF", "toCurrency": "CNY", "quotePrice": "0.0123"}
    assert wallet.put("quotes", **quote) == {"quote": quote}
    assert quote in got(wallet, "quotes?fromCurrency=XAF")
    assert wallet.control("DELETE", "tokens", {"accessToken": TOKEN}) == (200, {"deleted": 1})
    assert wallet.control("DELETE", "payment-codes", {"paymentCode": "C1"}) == (200, {"deleted": 1})
    assert wallet.control("DELETE", "quotes?fromCurrency=XAF") == (200, {"deleted": 1})
    assert TOKEN not in [each["accessToken"] for each in got(wallet, "tokens")]


def test_tokens_and_codes_are_made_up_where_none_is_given(wallet: Wallet) -> None:
    tokens = {wallet.put("tokens", scopes=["BASE_USER_INFO"])["token"]["accessToken"] for _ in range(3)}
    codes = {wallet.put("payment-codes")["paymentCode"]["paymentCode"] for _ in range(3)}
    assert len(tokens) == len(codes) == 3
    assert all(len(token) == 43 for token in tokens)
    expires_at = wallet.put("payment-codes")["paymentCode"]["expiresAt"]
    assert datetime.fromisoformat(expires_at) == (wallet.clock() + timedelta(minutes=1)).replace(microsecond=0)


def test_a_payment_and_what_becomes_of_it(wallet: Wallet) -> None:
    wallet.put("users", processingSeconds=60)
    wish = {"paymentRequestId": ORDER, "paymentAmount": {"currency": "JPY", "value": "1500"}}
    paying = wallet.put("payments", **wish, passThroughInfo="x")["payment"]
    at = wallet.clock().isoformat(timespec="seconds")
    assert paying == {
        "pspName": PSP,
        "pspId": PSP_ID,
        "customerId": CUSTOMER,
        "paymentRequestId": ORDER,
        "paymentId": paying["paymentId"],
        "paymentAmount": {"currency": "JPY", "value": "1500"},
        "payToAmount": None,
        "quotePrice": "0.0464516",
        "resultCode": "PAYMENT_IN_PROCESS",
        "resultStatus": "U",
        "confirmedAt": at,
        "paymentTime": None,
        "passThroughInfo": "x",
    }
    settled = wallet.put("payments/settle", paymentRequestId=ORDER)["payment"]
    assert settled == {
        **paying,
        "payToAmount": {"currency": "CNY", "value": "6968"},
        "resultCode": "SUCCESS",
        "resultStatus": "S",
        "paymentTime": at,
    }
    assert got(wallet, f"payments?pspName={PSP}&paymentRequestId={ORDER}") == [settled]
    assert wallet.put("payments/refund", paymentRequestId=ORDER)["payment"]["resultCode"] == "ORDER_IS_CLOSED"
    assert wallet.control("DELETE", f"payments?paymentRequestId={ORDER}") == (200, {"deleted": 1})
    assert got(wallet, "payments") == []


def test_a_payment_by_payment_code_or_token(wallet: Wallet) -> None:
    wish = {"paymentAmount": {"currency": "CNY", "value": "100"}}
    wallet.put("payment-codes", paymentCode="C1", customerId="2088000000000002")
    by_code = wallet.put("payments", **wish, paymentRequestId="P1", paymentCode="C1")["payment"]
    assert (by_code["customerId"], by_code["resultCode"]) == ("2088000000000002", "SUCCESS")
    wallet.put("tokens", accessToken=TOKEN, scopes=["BASE_USER_INFO"])
    by_token = wallet.put("payments", **wish, paymentRequestId="P2", accessToken=TOKEN)["payment"]
    assert (by_token["customerId"], by_token["resultCode"]) == (CUSTOMER, "SUCCESS")
    nobody = wallet.put("payments", **wish, paymentRequestId="P3", paymentCode="nobody's")["payment"]
    assert (nobody["customerId"], nobody["resultCode"]) == (None, "INVALID_CODE")


LONG = "x" * 65
AMOUNT = {"currency": "JPY", "value": "1500"}
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("users", {"unknown": "x"}),
    ("users", {"customerId": ""}),
    ("users", {"customerId": LONG}),
    ("users", {"customerId": 5}),
    ("users", {"customerId": None}),
    ("users", {"balance": 5}),
    ("users", {"balance": "-5"}),
    ("users", {"balance": "1.5"}),
    ("users", {"balance": "05"}),
    ("users", {"balance": "9" * 19}),
    ("users", {"balance": None}),
    ("users", {"currency": "USD"}),
    ("users", {"currency": "cny"}),
    ("users", {"status": "SLEEPING"}),
    ("users", {"kycQualified": "true"}),
    ("users", {"kycQualified": 1}),
    ("users", {"paymentMethodAvailable": None}),
    ("users", {"loginIds": "x"}),
    ("users", {"loginIds": ["13800000001"]}),
    ("users", {"loginIds": ["a", "a"]}),
    ("users", {"loginIds": [f"a{number}" for number in range(21)]}),
    ("users", {"customerId": "2088000000000002", "loginIds": ["+8613800000001"]}),
    ("users", {"region": "cn"}),
    ("users", {"region": "CHN"}),
    ("users", {"pin": ""}),
    ("users", {"processingSeconds": -1}),
    ("users", {"processingSeconds": "5"}),
    ("users", {"processingSeconds": 1.5}),
    ("users", {"name": "\x00"}),
    ("users", {"pspName": "GCASH", "pspId": PSP_ID}),
    ("users", {**NEWPAY}),
    ("users", {**NEWPAY, "currency": "KWD", "balance": "x"}),
    ("users", {"pspName": "NEWPAY", "currency": "KWD"}),
    ("users", {"pspName": "BPI", "pspId": "A1", "currency": "PHP"}),
    ("users", {"pspName": "NEWPAY", "pspId": PUBLISHED_MPPS["BPI"], "currency": "PHP"}),
    ("psps", {"currency": "USD"}),
    ("psps", {"rate": "5"}),
    ("psps", {"rate": "0/minute"}),
    ("psps", {"rate": "5/minute\n"}),
    ("psps", {"paymentsPerDay": "5"}),
    ("psps", {"paymentsPerDay": -1}),
    ("psps", {"paymentLimit": 5}),
    ("psps", {"restrictedRegions": "KP"}),
    ("psps", {"restrictedRegions": ["KPX"]}),
    ("psps", {"passThroughInfo": "x" * 20_001}),
    ("psps", {"inService": "no"}),
    ("psps", {"users": 5}),
    ("tokens", {}),
    ("tokens", {"scopes": []}),
    ("tokens", {"scopes": ["EVERYTHING"]}),
    ("tokens", {"scopes": ["BASE_USER_INFO"], "accessToken": "x" * 129}),
    ("tokens", {"scopes": ["BASE_USER_INFO"], "expiresAt": "tomorrow"}),
    ("tokens", {"scopes": ["BASE_USER_INFO"], "expiresAt": "2026-11-21T00:00:00"}),
    ("tokens", {"scopes": ["BASE_USER_INFO"], "revoked": "no"}),
    ("tokens", {"customerId": "2088000000000002", "accessToken": f"SAMPLE-TOKEN-{CUSTOMER}"}),
    ("payment-codes", {"paymentCode": "x" * 129}),
    ("payment-codes", {"expiresAt": 5}),
    ("payment-codes", {"customerId": "2088000000000002", "paymentCode": f"28{CUSTOMER}"}),
    ("quotes", {"fromCurrency": "JPY", "toCurrency": "CNY", "quotePrice": "0"}),
    ("quotes", {"fromCurrency": "JPY", "toCurrency": "CNY", "quotePrice": 0.5}),
    ("quotes", {"fromCurrency": "JPY", "toCurrency": "CNY", "quotePrice": "1e5"}),
    ("quotes", {"fromCurrency": "JPY", "toCurrency": "JPY", "quotePrice": "1"}),
    ("quotes", {"fromCurrency": "yen", "toCurrency": "CNY", "quotePrice": "1"}),
    ("payments", {"paymentRequestId": ORDER}),
    ("payments", {"paymentRequestId": LONG, "paymentAmount": AMOUNT}),
    ("payments", {"paymentRequestId": ORDER, "paymentAmount": {**AMOUNT, "value": 1500}}),
    ("payments", {"paymentRequestId": ORDER, "paymentAmount": {**AMOUNT, "value": "0"}}),
    ("payments", {"paymentRequestId": ORDER, "paymentAmount": {**AMOUNT, "more": "x"}}),
    ("payments", {"paymentRequestId": ORDER, "paymentAmount": {"currency": "IDR", "value": "150"}}),
    ("payments", {"paymentRequestId": ORDER, "paymentAmount": AMOUNT, "until": "soon"}),
    ("payments", {"paymentRequestId": ORDER, "paymentAmount": AMOUNT, "unknown": "x"}),
    ("payments/settle", {"paymentRequestId": ORDER, "unknown": "x"}),
    ("payments/refund", {}),
]


@pytest.mark.parametrize(("path", "members"), REFUSED, ids=lambda part: str(part)[:60])
def test_what_is_refused_changes_nothing(wallet: Wallet, path: str, members: dict[str, Any]) -> None:
    lists = ("users", "psps?all=true", "tokens", "payment-codes", "quotes", "payments")
    before = [got(wallet, name) for name in lists]
    named = {} if "pspName" in members or "pspId" in members else {"pspName": PSP}
    if path in ("users", "tokens", "payment-codes"):
        named["customerId"] = CUSTOMER
    status, answer = wallet.control("POST", path, {**named, **members})
    assert status in (400, 404, 409), answer
    assert set(answer) == {"error"}
    assert "\n" not in answer["error"]
    assert [got(wallet, name) for name in lists] == before


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "users?unknown=x", None, 400),
        ("GET", f"users?pspName={'x' * 257}", None, 400),
        ("GET", "payments?limit=x", None, 400),
        ("GET", "payments?limit=10001", None, 400),
        ("GET", "nothing", None, 404),
        ("PUT", "users", {}, 405),
        ("DELETE", "users", None, 400),
        ("DELETE", "tokens", None, 400),
        ("DELETE", "tokens", {"paymentCode": "x"}, 400),
        ("DELETE", "psps?pspName=NEWPAY", None, 404),
        ("DELETE", f"psps?pspName={PSP}", None, 409),
        ("POST", "users", {"pspName": "NEWPAY", "customerId": "x"}, 400),
        ("POST", "tokens", {"pspName": "NEWPAY", "customerId": "x", "scopes": ["BASE_USER_INFO"]}, 404),
        ("POST", "tokens", {"pspName": PSP, "customerId": "x", "scopes": ["BASE_USER_INFO"]}, 404),
        ("POST", "payments/settle", {"pspName": PSP, "paymentRequestId": "x"}, 404),
        ("POST", "payments/refund", {"pspName": PSP, "paymentRequestId": "x"}, 404),
    ],
)
def test_each_refusal_has_its_status(wallet: Wallet, method: str, path: str, body: Any, status: int) -> None:
    assert wallet.control(method, path, body)[0] == status


def test_without_the_token_nobody_sees_the_wallet(wallet: Wallet) -> None:
    client = wallet._control
    for path in ("users", "tokens", "nothing"):
        assert client.get(f"/control/wallet/{path}").status_code == 401
