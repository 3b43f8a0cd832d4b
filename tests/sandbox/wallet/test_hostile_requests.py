"""The decoder's list of hostile requests, for each API of the wallet: always 200, JSON, signed, the right refusal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest

from tests.http import test_hostile_requests as decoder
from tests.peer import ACQUIRER_ID, Keys, Reply, SignedRequest
from tests.sandbox.wallet.harness import CUSTOMER_ID, MEMBERS, PAYMENT, PSP_ID, USER_INFO, Wallet, assert_from_wallet

APIS = [PAYMENT, CUSTOMER_ID, USER_INFO]
each_api = pytest.mark.parametrize("path", APIS, ids=lambda path: path.rpartition("/")[2])

#: The longest that each member may be.
LENGTHS = {
    "acquirerId": 64,
    "pspId": 64,
    "paymentRequestId": 64,
    "plaintextUserLoginId": 64,
    "paymentCode": 128,
    "accessToken": 128,
}
EACH_MEMBER = [
    (path, name)
    for path in APIS
    for name in dict.fromkeys((*MEMBERS[path], *(["paymentCode"] if path == CUSTOMER_ID else [])))
]
each_member = pytest.mark.parametrize(
    ("path", "name"), EACH_MEMBER, ids=lambda part: part.rpartition("/")[2] if part else part
)


#: How the decoder's tests see each API: its key is what it asks about, and it has no optional member of its own.
DESCRIBED = {
    PAYMENT: decoder.Api(PAYMENT, dict(MEMBERS[PAYMENT]), "SUCCESS", "paymentRequestId", 64, "pspId"),
    CUSTOMER_ID: decoder.Api(CUSTOMER_ID, dict(MEMBERS[CUSTOMER_ID]), "SUCCESS", "plaintextUserLoginId", 64, "pspId"),
    USER_INFO: decoder.Api(USER_INFO, dict(MEMBERS[USER_INFO]), "SUCCESS", "accessToken", 128, "pspId"),
}


@dataclass(frozen=True)
class AsCalled:
    """As much of a running gateway as the decoder's tests need to write a body and to spell a signature."""

    wallet: Wallet
    path: str

    @property
    def api(self) -> decoder.Api:
        """The API that is called."""
        return DESCRIBED[self.path]

    def proper(self) -> dict[str, Any]:
        """The members of a proper request."""
        return dict(MEMBERS[self.path])

    def request(self, _code: str, **changes: Any) -> SignedRequest:
        """A proper request, but for the changes."""
        return self.wallet.request(self.path, **changes)


def called(wallet: Wallet, path: str) -> decoder.Called:
    return cast(decoder.Called, AsCalled(wallet, path))


def send(wallet: Wallet, request: SignedRequest) -> Reply:
    reply = wallet.send(request)
    assert_from_wallet(reply, wallet.keys, request)
    return reply


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory, sandbox_keys: Keys) -> Iterator[Wallet]:
    """A wallet in which each of the proper requests succeeds; nothing that is sent here may change that."""
    wallet = Wallet(tmp_path_factory.mktemp("wallet"), sandbox_keys)
    wallet.pay()
    yield wallet
    wallet.store.close()


@each_api
def test_the_proper_request_succeeds(paid: Wallet, path: str) -> None:
    assert send(paid, paid.request(path)).code == "SUCCESS"


@each_api
@pytest.mark.parametrize("name", decoder.BODIES)
def test_bodies_against_the_rules(paid: Wallet, path: str, name: str) -> None:
    body = decoder.BODIES[name](called(paid, path))
    assert send(paid, paid.request(path, body=body)).code == "PARAM_ILLEGAL"


def proper_members(path: str, name: str) -> dict[str, Any]:
    if name != "paymentCode":
        return dict(MEMBERS[path])
    return {"acquirerId": ACQUIRER_ID, "pspId": PSP_ID, "inquiryType": "BY_PAYMENT_CODE", "paymentCode": "28"}


@each_member
@pytest.mark.parametrize(
    "value", ["", 5, 5.5, True, ["x"], {"a": "x"}, "\x00", "a\x00", "\ud800", "too long"], ids=ascii
)
def test_each_member_against_its_rule(paid: Wallet, path: str, name: str, value: Any) -> None:
    if value == "too long":
        value = "x" * (LENGTHS.get(name, 64) + 1)
    body = json.dumps({**proper_members(path, name), name: value}).encode()
    assert send(paid, paid.request(path, body=body)).members == {
        "result": {
            "resultCode": "PARAM_ILLEGAL",
            "resultStatus": "F",
            "resultMessage": "Illegal parameters. For example, non-numeric input, invalid date.",
        }
    }


@each_member
@pytest.mark.parametrize("value", ["missing", None])
def test_each_member_is_required(paid: Wallet, path: str, name: str, value: str | None) -> None:
    members = proper_members(path, name)
    if value is None:
        members[name] = None
    else:
        del members[name]
    assert send(paid, paid.request(path, body=json.dumps(members).encode())).code == "PARAM_ILLEGAL"


@each_member
def test_the_longest_member_is_read_and_then_judged(paid: Wallet, path: str, name: str) -> None:
    if name == "inquiryType":
        return
    value = "\U0001f600" * LENGTHS[name]
    body = json.dumps({**proper_members(path, name), name: value}).encode()
    expected = {
        "acquirerId": "ACCESS_DENIED",
        "pspId": "ACCESS_DENIED",
        "paymentRequestId": "ORDER_NOT_EXIST",
        "plaintextUserLoginId": "USER_NOT_EXIST",
        "paymentCode": "INVALID_CODE",
        "accessToken": "INVALID_TOKEN",
    }
    assert send(paid, paid.request(path, body=body)).code == expected[name]


@each_api
@pytest.mark.parametrize(
    "more", [{"extendInfo": {"a": [1, 2.5, True, None]}}, {"customerId": ""}, {"paymentId": None}, {"acquirerID": 5}]
)
def test_members_that_nobody_knows_are_ignored(paid: Wallet, path: str, more: Mapping[str, Any]) -> None:
    body = json.dumps({**MEMBERS[path], **more}, indent=2).encode()
    assert send(paid, paid.request(path, body=body)).code == "SUCCESS"


@each_api
@pytest.mark.parametrize("name", decoder.TARGETS)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_targets_that_are_no_api(paid: Wallet, path: str, name: str, method: str) -> None:
    # Not every one of the decoder's misspellings changes a path that has no P and no payments in it.
    others = {"percent-encoded letter": ("inquiry", "%69nquiry"), "dot segment": ("/users/", "/users/../users/")}
    target = decoder.TARGETS[name](path)
    target = path.replace(*others[name]) if target == path else target
    assert send(paid, paid.request(path, target=target, method=method)).code == "NO_INTERFACE_DEF"


@each_api
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
def test_other_methods(paid: Wallet, path: str, method: str) -> None:
    assert send(paid, paid.request(path, method=method)).code == "METHOD_NOT_SUPPORTED"


@each_api
def test_head_has_no_body_and_is_signed(paid: Wallet, path: str) -> None:
    assert send(paid, paid.request(path, method="HEAD")).body == b""


@each_api
def test_query_and_absolute_form(paid: Wallet, path: str) -> None:
    assert send(paid, paid.request(path, target=f"{path}?a=b&c=%20")).code == "SUCCESS"
    absolute = paid.request(path, target=f"https://wallet.example{path}?x", signed_target=f"{path}?x")
    assert send(paid, absolute).code == "SUCCESS"
    assert paid.send(paid.request(path, target=f"{path}?a=b", signed_target=path)).code == "INVALID_SIGNATURE"


@each_api
@pytest.mark.parametrize("name", decoder.MEDIA)
def test_media_types_that_are_not_spoken(paid: Wallet, path: str, name: str) -> None:
    assert send(paid, paid.request(path, more_headers=decoder.MEDIA[name])).code == "MEDIA_TYPE_NOT_ACCEPTABLE"


def marked(test: Any) -> list[str]:
    """The values for which a test of the decoder's is run."""
    (mark,) = (mark for mark in test.pytestmark if mark.name == "parametrize")
    values: list[str] = mark.args[1]
    return values


@each_api
@pytest.mark.parametrize("spelling", marked(decoder.test_signatures_spelt_in_other_ways))
def test_signatures_spelt_in_other_ways(paid: Wallet, path: str, spelling: str) -> None:
    request = decoder.signed(called(paid, path), spelling)
    assert send(paid, request).code == "SUCCESS"


@each_api
@pytest.mark.parametrize("spelling", marked(decoder.test_signatures_that_are_none))
def test_signatures_that_are_none(paid: Wallet, path: str, spelling: str) -> None:
    request = decoder.signed(called(paid, path), spelling)
    assert send(paid, request).code == "INVALID_SIGNATURE"


@each_api
def test_a_signature_over_another_body(paid: Wallet, path: str) -> None:
    genuine = paid.request(path)
    header = dict(genuine.headers())["Signature"]
    forged = paid.request(path, members={"customerId": "thief"}, signature_header=header)
    assert send(paid, forged).code == "INVALID_SIGNATURE"


@each_api
def test_a_signature_for_another_api(paid: Wallet, path: str) -> None:
    other = next(each for each in APIS if each != path)
    assert paid.send(paid.request(path, signed_target=other)).code == "INVALID_SIGNATURE"


@each_api
@pytest.mark.parametrize("form", decoder.TIMES)
def test_times_in_every_form(paid: Wallet, path: str, form: str) -> None:
    assert send(paid, paid.request(path, request_time=decoder.TIMES[form](paid.clock()))).code == "SUCCESS"


@each_api
@pytest.mark.parametrize("time", ["yesterday", "2026-11-20T10:00:00", "2026-13-45T99:99:99Z", "12345"])
def test_times_that_are_none(paid: Wallet, path: str, time: str) -> None:
    assert send(paid, paid.request(path, request_time=time)).code == "PARAM_ILLEGAL"


@each_api
def test_a_request_that_is_played_back_later(paid: Wallet, path: str) -> None:
    request = paid.request(path)
    assert send(paid, request).code == "SUCCESS"
    paid.clock.forward(seconds=301)
    try:
        assert send(paid, request).code == "ACCESS_DENIED"
    finally:
        paid.clock.forward(seconds=-301)


@each_api
@pytest.mark.parametrize("name", ["request-time", "signature", "client-id"])
def test_a_header_is_missing(paid: Wallet, path: str, name: str) -> None:
    expected = {"request-time": "PARAM_ILLEGAL", "signature": "INVALID_SIGNATURE", "client-id": "INVALID_CLIENT"}
    request = paid.request(path, leave_out=frozenset({name}))
    if name == "client-id":
        # Nobody is named, so that nobody knows whose refusal it should be; see test_parties for who answers.
        assert paid.send(request).code == "INVALID_CLIENT"
    else:
        assert send(paid, request).code == expected[name]
