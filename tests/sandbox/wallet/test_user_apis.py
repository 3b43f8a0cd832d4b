"""inquiryCustomerId and inquiryUserInfo: who is told, and how much."""

from __future__ import annotations

import hashlib
import itertools
from datetime import timedelta
from typing import Any

import pytest

from acqp_gateway.protocol import results
from acqp_gateway.protocol.messages.inquiry_user_info import SCOPES
from tests.sandbox.wallet.harness import (
    CUSTOMER,
    CUSTOMER_ID,
    OTHER_PSP_ID,
    TOKEN,
    USER_INFO,
    Wallet,
)

LOGIN_ID = "+8613800000001"
SUCCESS = results.SUCCESS.as_members()
BY_CODE = {"inquiryType": "BY_PAYMENT_CODE", "plaintextUserLoginId": None}
SAMPLE_CODE = f"28{CUSTOMER}"


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"plaintextUserLoginId": "li.na@wallet.example"},
        # What goes with the other type is not looked at.
        {"paymentCode": "nobody's"},
        {**BY_CODE, "paymentCode": SAMPLE_CODE},
        {**BY_CODE, "paymentCode": SAMPLE_CODE, "plaintextUserLoginId": "nobody"},
    ],
)
def test_the_customer_id(wallet: Wallet, members: dict[str, Any]) -> None:
    assert wallet.ask(CUSTOMER_ID, **members).members == {"result": SUCCESS, "customerId": CUSTOMER}


def refused(wallet: Wallet, code: str, path: str, **members: Any) -> None:
    assert wallet.ask(path, **members).members == {"result": results.BY_CODE[code].as_members()}


@pytest.mark.parametrize(
    "members",
    [
        {"plaintextUserLoginId": "+8613800000002"},
        {"plaintextUserLoginId": "LI.NA@wallet.example"},
        {"plaintextUserLoginId": CUSTOMER[1:] + "x"},
        {"pspId": OTHER_PSP_ID},
        {"plaintextUserLoginId": "' OR 1=1 --"},
    ],
)
def test_a_login_id_that_nobody_has(wallet: Wallet, members: dict[str, Any]) -> None:
    refused(wallet, "USER_NOT_EXIST", CUSTOMER_ID, **members)


@pytest.mark.parametrize("code", ["nobody's", SAMPLE_CODE[:-1], SAMPLE_CODE + "0", "x" * 128])
def test_a_payment_code_that_nobody_shows(wallet: Wallet, code: str) -> None:
    refused(wallet, "INVALID_CODE", CUSTOMER_ID, **BY_CODE, paymentCode=code)


def test_a_payment_code_of_another_mpp(wallet: Wallet) -> None:
    # It has a user of the same customerId, who does not show this code.
    wallet.put("users", pspId=OTHER_PSP_ID, customerId=CUSTOMER)
    refused(wallet, "INVALID_CODE", CUSTOMER_ID, **BY_CODE, paymentCode=SAMPLE_CODE, pspId=OTHER_PSP_ID)


def test_a_payment_code_lives_for_a_minute(wallet: Wallet) -> None:
    made = wallet.put("payment-codes")["paymentCode"]
    assert made["paymentCode"].isdecimal()
    wallet.clock.forward(seconds=59)
    assert wallet.ask(CUSTOMER_ID, **BY_CODE, paymentCode=made["paymentCode"]).code == "SUCCESS"
    wallet.clock.forward(seconds=1)
    refused(wallet, "INVALID_CODE", CUSTOMER_ID, **BY_CODE, paymentCode=made["paymentCode"])


def test_a_closed_account_is_nobodys(wallet: Wallet) -> None:
    wallet.put("users", status="CLOSED")
    refused(wallet, "USER_NOT_EXIST", CUSTOMER_ID)
    refused(wallet, "INVALID_CODE", CUSTOMER_ID, **BY_CODE, paymentCode=SAMPLE_CODE)
    refused(wallet, "INVALID_TOKEN", USER_INFO)


def test_a_frozen_user_is_somebody(wallet: Wallet) -> None:
    wallet.put("users", status="FROZEN")
    assert wallet.ask(CUSTOMER_ID).code == "SUCCESS"
    assert wallet.ask(USER_INFO).code == "SUCCESS"


@pytest.mark.parametrize(
    "members",
    [
        {"inquiryType": None},
        {"inquiryType": "BY_FACE"},
        {"inquiryType": "by_login_id"},
        {"plaintextUserLoginId": None},
        {"plaintextUserLoginId": None, "paymentCode": SAMPLE_CODE},
        {"inquiryType": "BY_PAYMENT_CODE"},
        {**BY_CODE, "paymentCode": ""},
        {**BY_CODE, "paymentCode": "x" * 129},
        {"plaintextUserLoginId": "x" * 65},
        {"plaintextUserLoginId": "13800000001"},
        {"plaintextUserLoginId": "+86 138 0000 0001"},
        {"plaintextUserLoginId": "008613800000001"},
        {"plaintextUserLoginId": "+0613800000001"},
        {"plaintextUserLoginId": "+8613800000001000000"},
    ],
)
def test_each_type_has_its_companion_and_numbers_their_form(wallet: Wallet, members: dict[str, Any]) -> None:
    refused(wallet, "PARAM_ILLEGAL", CUSTOMER_ID, **members)


def test_every_result_row_of_inquiry_customer_id_is_reached() -> None:
    here = {"SUCCESS", "INVALID_CODE", "USER_NOT_EXIST", "PARAM_ILLEGAL"}
    # See test_inquiry_payment.GATE_ROWS, and test_hostile_requests for what is no API.
    by_the_gate = {
        *("ACCESS_DENIED", "INVALID_CLIENT", "INVALID_SIGNATURE", "KEY_NOT_FOUND", "MEDIA_TYPE_NOT_ACCEPTABLE"),
        *("METHOD_NOT_SUPPORTED", "NO_INTERFACE_DEF", "PROCESS_FAIL", "REQUEST_TRAFFIC_EXCEED_LIMIT"),
        "UNKNOWN_EXCEPTION",
    }
    assert here | by_the_gate == {result.code for result in results.INQUIRY_CUSTOMER_ID}
    assert {"SUCCESS", "INVALID_TOKEN", "PARAM_ILLEGAL"} | by_the_gate == {
        result.code for result in results.INQUIRY_USER_INFO
    }


MEMBER_OF_SCOPE = {
    "BASE_USER_INFO": ("userId", CUSTOMER),
    "USER_LOGIN_ID": ("userLoginId", LOGIN_ID),
    "HASH_LOGIN_ID": ("hashUserLoginId", hashlib.sha256(LOGIN_ID.encode()).hexdigest()),
}
MIXES = [mix for size in (1, 2, 3) for mix in itertools.permutations(SCOPES, size)]


@pytest.mark.parametrize("scopes", MIXES)
def test_the_scopes_say_exactly_what_is_told(wallet: Wallet, scopes: tuple[str, ...]) -> None:
    wallet.put("tokens", accessToken=TOKEN, scopes=list(scopes))
    assert wallet.ask(USER_INFO, accessToken=TOKEN).members == {
        "result": SUCCESS,
        "userInfo": dict(MEMBER_OF_SCOPE[scope] for scope in scopes),
    }


@pytest.mark.parametrize("scopes", MIXES)
def test_a_login_id_that_there_is_not_cannot_be_told(wallet: Wallet, scopes: tuple[str, ...]) -> None:
    wallet.put("users", loginIds=[])
    wallet.put("tokens", accessToken=TOKEN, scopes=list(scopes))
    expected = "SUCCESS" if scopes == ("BASE_USER_INFO",) else "PROCESS_FAIL"
    reply = wallet.ask(USER_INFO, accessToken=TOKEN)
    assert reply.code == expected
    assert ("userInfo" in reply.members) is (expected == "SUCCESS")


def test_a_token_expires_to_the_second(wallet: Wallet) -> None:
    expires_at = (wallet.clock() + timedelta(hours=1)).isoformat()
    wallet.put("tokens", accessToken=TOKEN, scopes=["BASE_USER_INFO"], expiresAt=expires_at)
    wallet.clock.forward(seconds=3599)
    assert wallet.ask(USER_INFO, accessToken=TOKEN).code == "SUCCESS"
    wallet.clock.forward(seconds=1)
    refused(wallet, "INVALID_TOKEN", USER_INFO, accessToken=TOKEN)


def test_a_revoked_token_is_none_until_it_is_given_again(wallet: Wallet) -> None:
    wallet.put("tokens", accessToken=TOKEN, scopes=["USER_LOGIN_ID"])
    wallet.put("tokens", accessToken=TOKEN, revoked=True)
    refused(wallet, "INVALID_TOKEN", USER_INFO, accessToken=TOKEN)
    wallet.put("tokens", accessToken=TOKEN, revoked=False)
    assert wallet.ask(USER_INFO, accessToken=TOKEN).members["userInfo"] == {"userLoginId": LOGIN_ID}


@pytest.mark.parametrize(
    "members",
    [
        {"accessToken": "nobody's"},
        {"accessToken": f"SAMPLE-TOKEN-{CUSTOMER}x"},
        {"accessToken": f"sample-token-{CUSTOMER}"},
        {"accessToken": hashlib.sha256(f"SAMPLE-TOKEN-{CUSTOMER}".encode()).hexdigest()},
        {"pspId": OTHER_PSP_ID},
    ],
)
def test_tokens_that_open_nothing(wallet: Wallet, members: dict[str, str]) -> None:
    refused(wallet, "INVALID_TOKEN", USER_INFO, **members)


def test_a_token_goes_with_its_user(wallet: Wallet) -> None:
    assert wallet.control("DELETE", f"users?pspName=ALIPAY_CN&customerId={CUSTOMER}") == (200, {"deleted": 1})
    refused(wallet, "INVALID_TOKEN", USER_INFO)
    refused(wallet, "USER_NOT_EXIST", CUSTOMER_ID)
    refused(wallet, "INVALID_CODE", CUSTOMER_ID, **BY_CODE, paymentCode=SAMPLE_CODE)


def test_the_history_names_no_user_and_no_secret_as_its_subject(wallet: Wallet) -> None:
    for path in (CUSTOMER_ID, USER_INFO):
        wallet.ask(path)
    assert {message["subject"] for message in wallet.history.listed(limit=5)} == {"1022088000000000001"}
