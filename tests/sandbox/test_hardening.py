"""What an attack on the sandbox found: money that is lost while somebody edits, texts, frames and owners."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from acqp_gateway.protocol.objects import Amount
from acqp_gateway.sandbox import folder
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.sandbox.wallet.control import wallet_blueprint
from acqp_gateway.sandbox.wallet.directory import WalletDirectory
from acqp_gateway.sandbox.wallet.payments import WalletPayments, Wish
from acqp_gateway.sandbox.wallet.samples import add_samples
from tests.peer import SignedRequest
from tests.sandbox.processes import INQUIRY_PATH, Sandbox, gateway_key
from tests.sandbox.test_start import serve

ALIPAY_CN, LI_NA = "1022088000000000001", "2088000000000001"


def test_no_debit_is_lost_while_a_user_is_edited(tmp_path: Path) -> None:
    store = SandboxStore(tmp_path / "sandbox.db")
    add_samples(store)
    directory, payments = WalletDirectory(store), WalletPayments(store)
    app = Flask("test")
    app.register_blueprint(wallet_blueprint(directory, payments), url_prefix="/control")
    before = directory.user(ALIPAY_CN, LI_NA)
    assert before is not None
    done = threading.Event()

    def rename() -> None:
        client, number = app.test_client(), 0
        while not done.is_set():
            number += 1
            members = {"pspName": "ALIPAY_CN", "customerId": LI_NA, "name": f"Li Na {number}"}
            assert client.post("/control/wallet/users", json=members).status_code == 200

    editors = [threading.Thread(target=rename) for _ in range(2)]
    for editor in editors:
        editor.start()
    for number in range(40):
        wish = Wish(psp_id=ALIPAY_CN, customer_id=LI_NA, payment_request_id=f"P{number}", amount=Amount("CNY", 100))
        assert payments.confirm(wish).result.code == "SUCCESS"
    done.set()
    for editor in editors:
        editor.join()
    after = directory.user(ALIPAY_CN, LI_NA)
    assert after is not None
    assert before.balance - after.balance == 4000
    store.close()


def test_a_transaction_within_another_ends_with_it(tmp_path: Path) -> None:
    store = SandboxStore(tmp_path / "sandbox.db")
    with pytest.raises(KeyError):
        _fail_after_a_transaction_within(store)
    with store.reading() as connection:
        assert connection.execute("SELECT ms FROM latency").fetchone()[0] == 0
    store.close()


def _fail_after_a_transaction_within(store: SandboxStore) -> None:
    with store.transaction():
        with store.transaction() as connection:
            connection.execute("UPDATE latency SET ms = 7")
        raise KeyError


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("wallet/tokens", {"accessToken": "\ud800", "pspName": "GCASH", "customerId": "C", "scopes": []}),
        ("wallet/users", {"pspName": "\ud800", "customerId": "C"}),
        ("wallet/users", {"pspName": "GCASH", "customerId": "a\x00b"}),
        ("registrations", {"referenceMerchantId": "M\udfff"}),
        ("scans", {"codeValue": "c", "pspName": "GCASH", "\ud800": "x"}),
        ("scans/1/pay", {"pin": "\ud800"}),
    ],
    ids=str,
)
def test_half_a_character_is_refused_before_anything_is_done(sandbox: Sandbox, path: str, body: Any) -> None:
    response = sandbox.control("POST", path, body)
    assert (response.status_code, "lone surrogate" in response.json()["error"]) == (400, True)


def test_a_body_in_chunks_is_read(sandbox: Sandbox) -> None:
    def chunks() -> Any:
        yield b'{"unknown": '
        yield b'"member"}'

    url = f"http://127.0.0.1:{sandbox.process.address[1]}/control/scans/1/leave"
    headers = {"Authorization": f"Bearer {sandbox.process.token()}"}
    response = sandbox.session.post(url, data=chunks(), headers=headers, timeout=5)
    assert (response.status_code, response.json()["error"]) == (400, "there is nothing to say but {}")


def test_of_what_anybody_may_send_little_is_kept(sandbox: Sandbox) -> None:
    body = json.dumps({"referenceMerchantId": "M1", "more": "x" * 30_000}).encode()
    genuine = SignedRequest(gateway_key(sandbox.keys), body, target=INQUIRY_PATH)
    more = (("Authorization", f"Bearer {sandbox.process.token()}"), ("Cookie", "a=b"))
    sandbox.send(replace(genuine, more_headers=more))
    sandbox.send(replace(genuine, leave_out=frozenset({"signature"}), more_headers=more))
    unverified, verified = (message["request"] for message in sandbox.messages()[:2])
    assert (len(verified["body"]), len(unverified["body"])) == (20_000, 4_000)
    assert (unverified["bodyBytes"], unverified["bodyIsCut"]) == (len(body), True)
    assert not {"authorization", "cookie"} & (verified["headers"].keys() | unverified["headers"].keys())


def test_one_folder_has_one_sandbox(sandbox: Sandbox) -> None:
    environment = dict(sandbox.process.settings)
    environment["ACQP_SANDBOX_BIND"] = f"127.0.0.1:{sandbox.gateway_port}"
    assert "another sandbox serves from here; end it" in serve(environment)


def test_a_folder_is_free_again_when_its_sandbox_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with folder.held(tmp_path):
            assert (tmp_path / "lock").exists()


def test_the_wallet_needs_a_client_id_of_its_own(sandbox: Sandbox) -> None:
    environment = {**sandbox.process.settings, "ACQP_SANDBOX_WALLET_CLIENT_ID": "5YACQP0000000001"}
    environment["ACQP_SANDBOX_BIND"] = f"127.0.0.1:{sandbox.gateway_port}"
    assert "sandbox_wallet_client_id is the gateway's own client id" in serve(environment)
