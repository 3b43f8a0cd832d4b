"""The result codes against the tables of the documents."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from acqp_gateway.protocol import results
from acqp_gateway.protocol.objects import ResultSchema

#: userInitiatedPay, Result/Error codes, as the document has it.
DOCUMENTED = """\
SUCCESS | S | Success
ACCESS_DENIED | F | Access is denied.
BUSINESS_NOT_SUPPORT | F | The payment business is not supported.
CURRENCY_NOT_SUPPORT | F | The currency is not supported.
EXPIRED_CODE | F | The code is expired.
INVALID_CLIENT | F | The client is invalid.
INVALID_CODE | F | The code is invalid.
INVALID_CONTRACT | F | The contract is invalid.
INVALID_MERCHANT_STATUS | F | The merchant status is abnormal due to restrictions, for example, the merchant's operation has been suspended.
INVALID_SIGNATURE | F | The signature is invalid.
KEY_NOT_FOUND | F | The key is not found.
MEDIA_TYPE_NOT_ACCEPTABLE | F | The server does not implement the media type that is acceptable to the client.
MERCHANT_KYB_NOT_QUALIFIED | F | The merchant's KYB failed or KYB level is not high enough.
MERCHANT_NOT_REGISTERED | F | The merchant is not registered.
METHOD_NOT_SUPPORTED | F | The server does not implement the requested HTTPS method.
NO_INTERFACE_DEF | F | API is not defined.
ORDER_IS_CLOSED | F | The order is closed.
PARAM_ILLEGAL | F | Illegal parameters. For example, non-numeric input, invalid date.
PAYMENT_AMOUNT_INVALID | F | Payment amount is invalid.
PROCESS_FAIL | F | A general business failure occurred. Do not retry.
REQUEST_TRAFFIC_EXCEED_LIMIT | U | The request traffic exceeds the limit.
UNKNOWN_EXCEPTION | U | An API call failed, which is caused by unknown reasons.
"""  # noqa: E501 -- the document's own lines


def test_the_codes_of_user_initiated_pay_are_the_documents() -> None:
    found = [f"{result.code} | {result.status} | {result.message}" for result in results.USER_INITIATED_PAY]
    assert found == DOCUMENTED.splitlines()


DOCUMENTED_FURTHER = {
    "INQUIRY_PAYMENT": """\
SUCCESS | S | Success
ACCESS_DENIED | F | Access is denied.
INVALID_CLIENT | F | The client is invalid.
INVALID_SIGNATURE | F | The signature is invalid.
KEY_NOT_FOUND | F | The key is not found.
MEDIA_TYPE_NOT_ACCEPTABLE | F | The server does not implement the media type that is acceptable to the client.
METHOD_NOT_SUPPORTED | F | The server does not implement the requested HTTPS method.
NO_INTERFACE_DEF | F | API is not defined.
ORDER_NOT_EXIST | F | The order doesn't exist.
PARAM_ILLEGAL | F | Illegal parameters. For example, non-numeric input, invalid date.
PROCESS_FAIL | F | A general business failure occurred. Do not retry.
REQUEST_TRAFFIC_EXCEED_LIMIT | U | The request traffic exceeds the limit.
UNKNOWN_EXCEPTION | U | An API call failed, which is caused by unknown reasons.
""",
    "PAYMENT_RESULTS": """\
SUCCESS | S | Success
BUSINESS_NOT_SUPPORT | F | The payment business is not supported.
CURRENCY_NOT_SUPPORT | F | The currency is not supported.
EXPIRED_CODE | F | The code is expired.
INVALID_CODE | F | The code is invalid.
INVALID_CONTRACT | F | The contract is invalid.
INVALID_TOKEN | F | The access token is invalid.
MERCHANT_NOT_REGISTERED | F | The merchant is not registered.
ORDER_IS_CLOSED | F | The order is closed.
PAYMENT_AMOUNT_EXCEED_LIMIT | F | The payment amount exceeds the limit that is specified by Alipay+.
PAYMENT_COUNT_EXCEED_LIMIT | F | The number of payments exceeds the limit.
PROCESS_FAIL | F | A general business failure occurred. Do not retry.
REGULATION_RESTRICTION | F | The payment failed due to regulatory restriction.
RISK_REJECT | F | The request is rejected because of the risk control.
UNAVAILABLE_PAYMENT_METHOD | F | The payment method is unavailable.
USER_AMOUNT_EXCEED_LIMIT | F | The payment amount exceeds the payment limit that is specified by the user's digital wallet.
USER_BALANCE_NOT_ENOUGH | F | The user balance is not enough for the payment.
USER_KYC_NOT_QUALIFIED | F | The user is not KYC compliant.
USER_NOT_EXIST | F | The user does not exist.
USER_PAYMENT_VERIFICATION_FAILED | F | User fails to pass the payment verification in the methods like OPT, PIN, and so on.
USER_STATUS_ABNORMAL | F | The user status is abnormal.
PAYMENT_IN_PROCESS | U | The payment is being processed.
""",  # noqa: E501 -- the document's own lines, but for "Don't retry", which the others spell "Do not retry"
    "INQUIRY_CUSTOMER_ID": """\
SUCCESS | S | Success
ACCESS_DENIED | F | Access is denied.
INVALID_CLIENT | F | The client is invalid.
INVALID_CODE | F | The code is invalid.
INVALID_SIGNATURE | F | The signature is invalid.
KEY_NOT_FOUND | F | The key is not found.
MEDIA_TYPE_NOT_ACCEPTABLE | F | The server does not implement the media type that is acceptable to the client.
METHOD_NOT_SUPPORTED | F | The server does not implement the requested HTTPS method.
NO_INTERFACE_DEF | F | API is not defined.
PARAM_ILLEGAL | F | Illegal parameters. For example, non-numeric input, invalid date.
PROCESS_FAIL | F | A general business failure occurred. Do not retry.
USER_NOT_EXIST | F | The user does not exist.
REQUEST_TRAFFIC_EXCEED_LIMIT | U | The request traffic exceeds the limit.
UNKNOWN_EXCEPTION | U | An API call failed, which is caused by unknown reasons.
""",
    "INQUIRY_USER_INFO": """\
SUCCESS | S | Success
ACCESS_DENIED | F | Access is denied.
INVALID_CLIENT | F | The client is invalid.
INVALID_SIGNATURE | F | The signature is invalid.
INVALID_TOKEN | F | The access token is invalid.
KEY_NOT_FOUND | F | The key is not found.
MEDIA_TYPE_NOT_ACCEPTABLE | F | The server does not implement the media type that is acceptable to the client.
METHOD_NOT_SUPPORTED | F | The server does not implement the requested HTTPS method.
NO_INTERFACE_DEF | F | API is not defined.
PARAM_ILLEGAL | F | Illegal parameters. For example, non-numeric input, invalid date.
PROCESS_FAIL | F | A general business failure occurred. Do not retry.
REQUEST_TRAFFIC_EXCEED_LIMIT | U | The request traffic exceeds the limit.
UNKNOWN_EXCEPTION | U | An API call failed, which is caused by unknown reasons.
""",
}


@pytest.mark.parametrize("name", DOCUMENTED_FURTHER)
def test_the_codes_of_the_other_apis_are_their_documents(name: str) -> None:
    found = [f"{result.code} | {result.status} | {result.message}" for result in getattr(results, name)]
    assert found == DOCUMENTED_FURTHER[name].splitlines()


def test_a_code_means_the_same_everywhere() -> None:
    named = {name: value for name, value in vars(results).items() if isinstance(value, results.ResultCode)}
    assert {name: value.code for name, value in named.items()} == {name: name for name in named}
    assert set(results.ALL) == set(named.values())
    assert {result.code: result for result in results.ALL} == results.BY_CODE
    assert set(results.FURTHER_ACTIONS) == set(results.INQUIRY_REGISTRATION_STATUS) - {results.SUCCESS}


@pytest.mark.parametrize(
    "result",
    results.ALL,
    ids=lambda result: result.code,
)
def test_a_result_fits_its_own_schema(result: results.ResultCode) -> None:
    assert ResultSchema().load(result.as_members())["code"] == result.code


def test_a_result_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        results.SUCCESS.code = "OTHER"  # type: ignore[misc]  # what must not work


def test_result_codes_are_spelt_in_one_file_alone() -> None:
    codes = set(results.BY_CODE)
    spelt = re.compile(r"""["'](""" + "|".join(codes - {"SUCCESS"}) + r""")["']""")
    home = Path(results.__file__)
    package = home.parents[1]
    elsewhere = [
        f"{path.relative_to(package)}: {found}"
        for path in sorted(package.rglob("*.py"))
        if path != home and package / "sandbox" not in path.parents
        for found in spelt.findall(path.read_text(encoding="utf-8"))
    ]
    assert elsewhere == []
