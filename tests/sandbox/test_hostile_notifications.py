"""The decoder's list of hostile requests, for notifyPushPayment: always 200, JSON, signed, and nothing is settled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from acqp_gateway.protocol.messages.notify_push_payment import NOTIFY_PUSH_PAYMENT_API
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.sandbox.scans import Mode, Scan, State
from tests.http import test_hostile_requests as decoder
from tests.peer import ACQUIRER_ID, Keys, Reply, SignedRequest
from tests.sandbox.processes import gateway_key, is_authentic
from tests.sandbox.wallet.harness import CUSTOMER, ORDER, PSP_ID, Wallet
from tests.sandbox.wallet.test_hostile_requests import marked

PATH = NOTIFY_PUSH_PAYMENT_API.default_path
PAYMENT_ID = "2026112100000000000000000001"
SUCCEEDED = {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"}
MEMBERS: dict[str, Any] = {
    "paymentResult": SUCCEEDED,
    "paymentId": PAYMENT_ID,
    "paymentRequestId": ORDER,
    "paymentTime": "2026-11-21T10:00:00+09:00",
}
#: As the decoder's tests see it. Nobody looks at pspId and acquirerId here.
DESCRIBED = decoder.Api(PATH, MEMBERS, "SUCCESS", "paymentId", 64, "paymentRequestId")
BODIES = [name for name in decoder.BODIES if "pspId" not in name and "acquirerId" not in name]


@dataclass(frozen=True)
class Told:
    """A sandbox in process that has pushed one payment, whose end it has yet to be told."""

    sandbox: Wallet
    scan_id: int
    api: decoder.Api = DESCRIBED

    def proper(self) -> dict[str, Any]:
        """The members of a proper notification, with two of the other APIs' that mean nothing here."""
        return {**MEMBERS, "pspId": PSP_ID, "acquirerId": ACQUIRER_ID}

    def request(self, _code: str = "", **changes: Any) -> SignedRequest:
        """A proper notification as the gateway sends it, but for the changes."""
        members = {**MEMBERS, **changes.pop("members", {})}
        proper = SignedRequest(
            gateway_key(self.sandbox.keys),
            json.dumps(members).encode(),
            target=PATH,
            request_time=self.sandbox.clock().isoformat(),
        )
        return replace(proper, **changes)

    def send(self, request: SignedRequest) -> Reply:
        """Send it; the answer is authentic, and the payment as open as before unless it was acknowledged."""
        reply = self.sandbox.send(request)
        target = request.signed_target or request.target
        assert is_authentic(reply, self.sandbox.keys, target=target, method=request.method), reply
        if request.method == "HEAD" or reply.code != "SUCCESS":
            assert self.state is State.IN_PROCESS
        return reply

    @property
    def state(self) -> State:
        """How the payment stands."""
        return self.sandbox.scans.get(self.scan_id).state

    def as_called(self) -> decoder.Called:
        """As much of a running gateway as the decoder's tests need to write a body and to spell a signature."""
        return cast(decoder.Called, self)


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory, sandbox_keys: Keys) -> Iterator[Wallet]:
    """A sandbox that has pushed a payment."""
    found = Wallet(tmp_path_factory.mktemp("told"), sandbox_keys)
    yield found
    found.store.close()


@pytest.fixture
def told(pushed: Wallet) -> Iterator[Told]:
    """The payment is open, whatever became of it before."""
    scan = pushed.scans.add(
        Scan(
            "CODE",
            PSP_ID,
            Mode.PUSH,
            1.0,
            datetime.now(UTC),
            customer_id=CUSTOMER,
            state=State.IN_PROCESS,
            payment_request_id=ORDER,
            payment_amount=Amount("JPY", 1500),
            payment_id=PAYMENT_ID,
        )
    )
    yield Told(pushed, scan.scan_id)
    with pushed.store.transaction() as connection:
        connection.execute("DELETE FROM scans")


def test_the_proper_notification_settles_the_payment_once(told: Told) -> None:
    request = told.request()
    assert told.send(request).code == "SUCCESS"
    assert told.state is State.PAID
    assert told.send(request).code == "SUCCESS"
    failed = {"resultCode": "PROCESS_FAIL", "resultStatus": "F"}
    contradicts = told.request(members={"paymentResult": failed})
    assert told.sandbox.send(contradicts).code == "PROCESS_FAIL"
    assert told.state is State.PAID


@pytest.mark.parametrize("name", BODIES)
def test_bodies_against_the_rules(told: Told, name: str) -> None:
    body = decoder.BODIES[name](told.as_called())
    assert told.send(told.request(body=body)).code == "PARAM_ILLEGAL"


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize(
    "value", ["missing", None, "", 5, True, ["x"], {"a": "x"}, "a\x00", "\ud800", "x" * 65], ids=ascii
)
def test_each_member_against_its_rule(told: Told, name: str, value: Any) -> None:
    members = {**MEMBERS, name: value}
    if value == "missing":
        del members[name]
    assert told.send(told.request(body=json.dumps(members).encode())).code == "PARAM_ILLEGAL"


@pytest.mark.parametrize(
    "result",
    [
        {**SUCCEEDED, "resultStatus": "U"},
        {**SUCCEEDED, "resultStatus": "s"},
        {**SUCCEEDED, "resultStatus": None},
        {**SUCCEEDED, "resultCode": ""},
        {**SUCCEEDED, "resultCode": "x" * 65},
        {"resultStatus": "S"},
        {"resultCode": "SUCCESS"},
    ],
    ids=str,
)
def test_payment_results_that_are_none(told: Told, result: dict[str, Any]) -> None:
    assert told.send(told.request(members={"paymentResult": result})).code == "PARAM_ILLEGAL"


@pytest.mark.parametrize(
    "members",
    [{"paymentId": "\U0001f600" * 64}, {"paymentId": PAYMENT_ID[:-1]}, {"paymentRequestId": "\U0001f600" * 64}],
    ids=ascii,
)
def test_payments_that_nobody_pushed_are_not_acknowledged(told: Told, members: dict[str, Any]) -> None:
    reply = told.send(told.request(members=members))
    assert (reply.code, reply.members["result"]["resultStatus"]) == ("PROCESS_FAIL", "F")


@pytest.mark.parametrize("more", [{"extendInfo": {"a": [1, 2.5, True, None]}}, {"pspId": 5}, {"paymentID": None}])
def test_members_that_nobody_knows_are_ignored(told: Told, more: dict[str, Any]) -> None:
    assert told.send(told.request(body=json.dumps({**MEMBERS, **more}, indent=2).encode())).code == "SUCCESS"


@pytest.mark.parametrize("name", decoder.TARGETS)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_targets_that_are_no_api(told: Told, name: str, method: str) -> None:
    assert told.send(told.request(target=decoder.TARGETS[name](PATH), method=method)).code == "NO_INTERFACE_DEF"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
def test_other_methods(told: Told, method: str) -> None:
    assert told.send(told.request(method=method)).code == "METHOD_NOT_SUPPORTED"


def test_head_has_no_body_and_is_signed(told: Told) -> None:
    assert told.send(told.request(method="HEAD")).body == b""


def test_a_query_is_signed_with_the_path(told: Told) -> None:
    forged = told.request(target=f"{PATH}?a=b", signed_target=PATH)
    assert told.sandbox.send(forged).code == "INVALID_SIGNATURE"
    assert told.state is State.IN_PROCESS
    assert told.send(told.request(target=f"{PATH}?a=b&c=%20")).code == "SUCCESS"


@pytest.mark.parametrize("name", decoder.MEDIA)
def test_media_types_that_are_not_spoken(told: Told, name: str) -> None:
    assert told.send(told.request(more_headers=decoder.MEDIA[name])).code == "MEDIA_TYPE_NOT_ACCEPTABLE"


@pytest.mark.parametrize("spelling", marked(decoder.test_signatures_spelt_in_other_ways))
def test_signatures_spelt_in_other_ways(told: Told, spelling: str) -> None:
    assert told.send(decoder.signed(told.as_called(), spelling)).code == "SUCCESS"


@pytest.mark.parametrize("spelling", marked(decoder.test_signatures_that_are_none))
def test_signatures_that_are_none(told: Told, spelling: str) -> None:
    assert told.send(decoder.signed(told.as_called(), spelling)).code == "INVALID_SIGNATURE"


def test_a_signature_over_something_else(told: Told) -> None:
    header = dict(told.request().headers())["Signature"]
    failed = {"resultCode": "PROCESS_FAIL", "resultStatus": "F"}
    assert told.send(told.request(members={"paymentResult": failed}, signature_header=header)).code == (
        "INVALID_SIGNATURE"
    )
    elsewhere = told.request(signed_target=PATH.replace("notifyPushPayment", "notifyPayment"))
    assert told.sandbox.send(elsewhere).code == "INVALID_SIGNATURE"
    by_alipayplus = told.request(key=told.sandbox.keys.alipayplus)
    assert told.send(by_alipayplus).code == "INVALID_SIGNATURE"


@pytest.mark.parametrize("form", decoder.TIMES)
def test_times_in_every_form(told: Told, form: str) -> None:
    request = told.request(request_time=decoder.TIMES[form](told.sandbox.clock()))
    assert told.send(request).code == "SUCCESS"


@pytest.mark.parametrize("time", ["yesterday", "2026-11-20T10:00:00", "2026-13-45T99:99:99Z", "12345"])
def test_times_that_are_none(told: Told, time: str) -> None:
    assert told.send(told.request(request_time=time)).code == "PARAM_ILLEGAL"


def test_a_notification_that_is_played_back_later(told: Told) -> None:
    request = told.request()
    told.sandbox.clock.forward(seconds=301)
    try:
        assert told.send(request).code == "ACCESS_DENIED"
    finally:
        told.sandbox.clock.forward(seconds=-301)


@pytest.mark.parametrize(
    ("name", "code"),
    [("request-time", "PARAM_ILLEGAL"), ("signature", "INVALID_SIGNATURE"), ("client-id", "INVALID_CLIENT")],
)
def test_a_header_is_missing(told: Told, name: str, code: str) -> None:
    assert told.send(told.request(leave_out=frozenset({name}))).code == code
