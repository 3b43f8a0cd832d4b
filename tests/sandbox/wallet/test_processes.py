"""The wallet as a process, over real HTTP: its commands, and a signed call as a person makes it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from acqp_gateway.protocol.headers import read_signature
from acqp_gateway.protocol.signature import Message, verify
from acqp_gateway.sandbox.commands.showing import _json
from tests.peer import Reply, SignedRequest, exchange
from tests.sandbox.processes import Sandbox
from tests.sandbox.test_commands import CommandLine
from tests.sandbox.wallet.harness import (
    CUSTOMER,
    MEMBERS,
    PAYMENT,
    PSP,
    USER_INFO,
    WALLET_CLIENT_ID,
    assert_from_wallet,
)


@pytest.fixture
def commands(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The commands for the sandbox that runs."""
    for name, value in sandbox.process.settings.items():
        if name.startswith("ACQP_"):
            monkeypatch.setenv(name, value)
    return CommandLine(monkeypatch, capsys)


def new_order() -> str:
    """A paymentRequestId that nobody paid in this process before."""
    return f"P{secrets.token_hex(8)}"


@pytest.fixture
def order() -> str:
    """An order of the test's own."""
    return new_order()


def ask(sandbox: Sandbox, path: str, **members: Any) -> Reply:
    body = json.dumps({**MEMBERS[path], **members}).encode()
    request = SignedRequest(sandbox.keys.alipayplus, body, target=path, client_id=WALLET_CLIENT_ID)
    reply = exchange(sandbox.process.address, request.raw())
    assert_from_wallet(reply, sandbox.keys, request)
    assert "transfer-encoding" not in reply.headers
    assert all(name == name.lower() for name in reply.names if name.lower() in ("client-id", "signature"))
    return reply


def test_a_payment_from_the_command_to_the_wire(sandbox: Sandbox, commands: CommandLine, order: str) -> None:
    assert ask(sandbox, PAYMENT, paymentRequestId=order).code == "ORDER_NOT_EXIST"
    amount = ("--amount", "1500", "JPY")
    (paid,) = commands.json("wallet", "payments", "set", "--psp", PSP, "--order", order, *amount)
    assert paid["resultCode"] == "SUCCESS"
    told = ask(sandbox, PAYMENT, paymentRequestId=order).members
    assert told["paymentResult"]["resultCode"] == "SUCCESS"
    assert told["paymentId"] == paid["paymentId"]
    assert "is paid already" in commands.failed("wallet", "payments", "set", "--psp", PSP, "--order", order, *amount)
    assert order in commands.done("wallet", "payments", "list", "--psp", PSP)
    (closed,) = commands.json("wallet", "payments", "refund", "--psp", PSP, "--order", order)
    assert closed["resultCode"] == "ORDER_IS_CLOSED"


def test_call_asks_as_alipayplus_would(sandbox: Sandbox, commands: CommandLine, order: str) -> None:
    status, out, _ = commands.run("call", "inquiryPayment", "--psp", PSP, "--field", f"paymentRequestId={order}")
    assert status == 1
    assert "inquiryPayment, as Alipay+ sends it" in out
    assert f"POST http://127.0.0.1:{sandbox.process.address[1]}{PAYMENT}" in out
    assert "ORDER_NOT_EXIST, signature verified" in out
    token = f"accessToken=SAMPLE-TOKEN-{CUSTOMER}"
    found = commands.json("call", "inquiryUserInfo", "--psp", PSP, "--field", token)
    assert found["members"]["userInfo"]["userId"] == CUSTOMER
    assert found["answer"]["signatureVerified"] is True
    sent = found["request"]["headers"]
    assert sent["Client-Id"] == WALLET_CLIENT_ID
    message = Message("POST", USER_INFO, WALLET_CLIENT_ID, sent["Request-Time"], found["request"]["body"].encode())
    verify(message, read_signature(sent["Signature"]).signature, sandbox.keys.alipayplus.public_key())
    assert [(each["api"], each["direction"], each["signatureVerified"]) for each in sandbox.messages()] == [
        ("inquiryUserInfo", "sent", True),
        ("inquiryUserInfo", "received", True),
        ("inquiryPayment", "sent", True),
        ("inquiryPayment", "received", True),
    ]


def test_call_goes_without_a_store_that_cannot_be_opened(
    commands: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACQP_SANDBOX_DIR", str(tmp_path / "file"))
    found = commands.json("call", "inquiryUserInfo", "--psp", PSP, "--field", f"accessToken=SAMPLE-TOKEN-{CUSTOMER}")
    assert found["result"]["resultCode"] == "SUCCESS"


@pytest.mark.parametrize(
    ("fields", "sent", "code"),
    [
        (["accessToken="], {"accessToken": ""}, "PARAM_ILLEGAL"),
        (["accessToken:=null"], {"accessToken": None}, "PARAM_ILLEGAL"),
        (['accessToken:=["x"]'], {"accessToken": ["x"]}, "PARAM_ILLEGAL"),
        (["accessToken=a=b"], {"accessToken": "a=b"}, "INVALID_TOKEN"),
        (["accessToken=x", "acquirerId=other"], {"accessToken": "x", "acquirerId": "other"}, "ACCESS_DENIED"),
        (["accessToken=x", "pspId:=null"], {"accessToken": "x", "pspId": None}, "PARAM_ILLEGAL"),
        (["accessToken=x", "pspId=1"], {"accessToken": "x", "pspId": "1"}, "ACCESS_DENIED"),
    ],
)
def test_call_sends_members_as_they_are_given(
    commands: CommandLine, fields: list[str], sent: dict[str, Any], code: str
) -> None:
    options = [option for field in fields for option in ("--field", field)]
    status, out, _ = commands.run("call", "inquiryUserInfo", "--psp", PSP, *options, "--json")
    found = json.loads(out)
    assert (status, found["result"]["resultCode"]) == (1, code)
    assert json.loads(found["request"]["body"]) == {**MEMBERS[USER_INFO], **sent}


@pytest.mark.parametrize("field", ["accessToken", "=x", ":=x", "a:={"])
def test_call_says_how_a_field_is_written(commands: CommandLine, field: str) -> None:
    status, _, err = commands.run("call", "inquiryUserInfo", "--field", field)
    assert status == 2
    assert "--field" in err


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("wrong_key", "the answer's signature is wrong; check their public key"),
        ("tampered", "the answer's signature is wrong; check their public key"),
        ("stale", "the answer's Response-Time is not of now; an old answer may have been played back"),
    ],
)
def test_call_shows_what_it_does_not_believe(
    sandbox: Sandbox, commands: CommandLine, order: str, fault: str, trouble: str
) -> None:
    asked = ("call", "inquiryPayment", "--psp", PSP, "--field", f"paymentRequestId={order}")
    sandbox.set_fault(fault, api="inquiryPayment", times=2)
    status, out, err = commands.run(*asked)
    assert (status, err) == (1, f"acqp-gateway: {trouble}\n")
    assert out.startswith("inquiryPayment, as Alipay+ sends it\nPOST http://127.0.0.1:")
    assert "\nThe wallet's answer, HTTP 200\n" in out
    assert "ORDER_NOT_EXIST" in out
    assert out.endswith(f"\n\nNOT BELIEVED: {trouble}\n")
    status, out, err = commands.run(*asked, "--json")
    found = json.loads(out)
    assert (status, err) == (1, f"acqp-gateway: {trouble}\n")
    assert found["failure"] == {"reason": "not_authentic", "text": trouble}
    assert (found["result"], found["members"]) == (None, None)
    assert (found["answer"]["status"], found["answer"]["signatureVerified"]) == (200, False)
    sent, received = sandbox.messages()[:2]
    # What came is kept as it came: the very headers, and the text that should have been signed.
    assert sent["direction"] == "sent"
    assert sent["answer"] == {**received["answer"], "headers": sent["answer"]["headers"]}
    for name in ("client-id", "response-time", "signature"):
        assert sent["answer"]["headers"][name] == found["answer"]["headers"][name]
    time, body = sent["answer"]["headers"]["response-time"], found["answer"]["body"]
    assert sent["answer"]["signedText"] == f"POST {PAYMENT}\n{WALLET_CLIENT_ID}.{time}.{body}"
    assert (sent["verdict"], sent["failure"]) == ("not_authentic", trouble)


def test_call_shows_an_answer_that_is_no_json_as_text(sandbox: Sandbox, commands: CommandLine) -> None:
    sandbox.set_fault("http_500", api="inquiryUserInfo", times=1)
    status, out, err = commands.run("call", "inquiryUserInfo", "--psp", PSP, "--field", "accessToken=x")
    assert (status, err) == (1, "acqp-gateway: the answer had HTTP status 500 instead of 200; check the URL\n")
    assert "\nThe wallet's answer, HTTP 500\n" in out
    assert "\nthe sandbox was told to fail\\n\n" in out
    assert sandbox.messages()[0]["answer"]["status"] == "500 Internal Server Error"


def test_call_without_any_answer_is_one_line(sandbox: Sandbox, commands: CommandLine) -> None:
    sandbox.set_fault("hangs_up", api="inquiryUserInfo", times=1)
    line = commands.failed("call", "inquiryUserInfo", "--psp", PSP, "--field", "accessToken=x")
    assert "hung up" in line
    assert sandbox.messages()[0]["answer"] is None


def test_call_believes_a_refusal_that_is_not_signed(sandbox: Sandbox, commands: CommandLine) -> None:
    sandbox.set_fault("unsigned_failure", api="inquiryUserInfo", times=1)
    _, out, _ = commands.run("call", "inquiryUserInfo", "--psp", PSP, "--field", "accessToken=x")
    assert "PROCESS_FAIL, NOT SIGNED" in out


def test_what_is_shown_of_an_answer_cannot_steer_a_terminal() -> None:
    shown = _json({"name": "\x9b2J\u202e\x7f李"}).plain
    assert "李" in shown
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert json.loads(shown) == {"name": "\x9b2J\u202e\x7f李"}


def test_users_from_the_commands(commands: CommandLine) -> None:
    set_user = ("wallet", "users", "set", "--psp", "TNG", "--customer", "T9")
    (user,) = commands.json(
        *set_user, "--name", "Ali", "--balance", "5", "--login-id", "ali@x.example", "--no-kyc", "--pin", "1",
        "--payment-limit", "9", "--region", "MY", "--risky", "--no-payment-method", "--processing-seconds", "3",
        "--status", "FROZEN",
    )  # fmt: skip
    assert (user["kycQualified"], user["onRiskList"], user["paymentMethodAvailable"]) == (False, True, False)
    (changed,) = commands.json(
        *set_user, "--pin", "none", "--payment-limit", "none", "--region", "none", "--login-id", "none", "--kyc"
    )
    assert changed == {
        **user,
        "pin": None,
        "paymentLimit": None,
        "region": None,
        "loginIds": [],
        "kycQualified": True,
    }
    assert "Ali" in commands.done("wallet", "users", "list", "--psp", "1022171000000000001")
    assert (
        commands.run("wallet", "users", "delete", "--psp", "TNG", "--customer", "T9")[2] == "1 users are forgotten.\n"
    )
    assert "balance" in commands.failed(*set_user, "--balance", "1.5")


def test_psps_from_the_commands(commands: CommandLine) -> None:
    set_psp = ("wallet", "psps", "set", "--psp", "NEWPAY")
    (psp,) = commands.json(
        *set_psp, "--psp-id", "A1", "--currency", "KWD", "--payments-per-day", "3", "--rate", "5/minute",
        "--payment-limit", "1", "--restricted-region", "KP", "--no-contract", "--no-product", "--out-of-service",
        "--pass-through-info", "x",
    )  # fmt: skip
    assert (psp["paymentsPerDay"], psp["restrictedRegions"], psp["inService"]) == (3, ["KP"], False)
    (changed,) = commands.json(
        *set_psp, "--payments-per-day", "none", "--rate", "none", "--payment-limit", "none", "--restricted-region",
        "none", "--contract", "--product", "--in-service", "--pass-through-info", "none",
    )  # fmt: skip
    assert changed == {
        "pspName": "NEWPAY",
        "pspId": "A1",
        "currency": "KWD",
        "inService": True,
        "contractInForce": True,
        "productOn": True,
        "paymentLimit": None,
        "paymentsPerDay": None,
        "rate": None,
        "restrictedRegions": [],
        "passThroughInfo": None,
    }
    assert "NEWPAY (not published)" in commands.done("wallet", "psps", "list")
    assert commands.run("wallet", "psps", "delete", "--psp", "NEWPAY")[2] == "1 MPPs are forgotten.\n"
    assert commands.run(*set_psp, "--payments-per-day", "many")[0] == 2


def test_tokens_codes_and_quotes_from_the_commands(sandbox: Sandbox, commands: CommandLine) -> None:
    user = ("--psp", PSP, "--customer", CUSTOMER)
    (token,) = commands.json("wallet", "tokens", "set", *user)
    assert len(token["scopes"]) == 3
    name = token["accessToken"]
    (revoked,) = commands.json("wallet", "tokens", "set", *user, "--token", name, "--revoked")
    assert revoked == {**token, "revoked": True}
    assert ask(sandbox, USER_INFO, accessToken=name).code == "INVALID_TOKEN"
    assert name in commands.done("wallet", "tokens", "list", "--psp", PSP)
    assert commands.run("wallet", "tokens", "delete", "--psp", PSP, "--token", name)[2] == "1 tokens are forgotten.\n"
    (code,) = commands.json("wallet", "payment-codes", "set", *user)
    assert code["paymentCode"] in commands.done("wallet", "payment-codes", "list")
    deleted = commands.run("wallet", "payment-codes", "delete", "--psp", PSP, "--code", code["paymentCode"])[2]
    assert deleted == "1 payment codes are forgotten.\n"
    (quote,) = commands.json("wallet", "quotes", "set", "--psp", PSP, "XAF", "CNY", "0.0121")
    assert quote["quotePrice"] == "0.0121"
    assert "0.0121" in commands.done("wallet", "quotes", "list", "--from", "XAF")
    assert commands.run("wallet", "quotes", "delete", "--psp", PSP, "--from", "XAF")[2] == "1 quotes are forgotten.\n"


def test_a_slow_payment_is_settled_by_command(commands: CommandLine, order: str) -> None:
    slow = ("--psp", PSP, "--order", order)
    amount = ("--customer", "2088000000000006", "--amount", "1500", "JPY")
    (paying,) = commands.json("wallet", "payments", "set", *slow, *amount)
    assert paying["resultCode"] == "PAYMENT_IN_PROCESS"
    (settled,) = commands.json("wallet", "payments", "settle", *slow)
    assert settled["resultCode"] == "SUCCESS"
    deleted = commands.run("wallet", "payments", "delete", *slow)[2]
    assert deleted == "1 payments are forgotten.\n"
