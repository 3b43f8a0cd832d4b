"""Two parties at one address: who answers what, and by which key; and keys that must be three."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from acqp_gateway import settings
from acqp_gateway.errors import KeyFileError
from acqp_gateway.protocol.keyring import generate_key_file
from acqp_gateway.sandbox import keys as sandbox_own_keys
from acqp_gateway.sandbox import server
from acqp_gateway.sandbox.keys import AlipayPlusDirectory
from acqp_gateway.sandbox.parties import alipayplus_subject, wallet_subject
from acqp_gateway.sandbox.store import SandboxStore
from tests.gateway_process import free_port
from tests.peer import CLIENT_ID, Keys, SignedRequest
from tests.sandbox.processes import INQUIRY_PATH, gateway_key, is_authentic, sandbox_environment
from tests.sandbox.wallet.harness import PAYMENT, USER_INFO, WALLET_CLIENT_ID, Wallet, assert_from_wallet


@pytest.fixture
def both(tmp_path: Path, sandbox_keys: Keys) -> Iterator[Wallet]:
    """Alipay+ and the wallet at one address."""
    found = Wallet(tmp_path, sandbox_keys)
    yield found
    found.store.close()


def from_gateway(both: Wallet, path: str, body: bytes = b'{"referenceMerchantId":"M1"}') -> SignedRequest:
    return SignedRequest(gateway_key(both.keys), body, target=path)


def test_each_party_answers_its_own_apis_with_its_own_key(both: Wallet) -> None:
    request = both.request(PAYMENT)
    reply = both.send(request)
    assert reply.code == "ORDER_NOT_EXIST"
    assert_from_wallet(reply, both.keys, request)
    reply = both.send(from_gateway(both, INQUIRY_PATH))
    assert reply.code == "RECORD_NOT_FOUND"
    assert is_authentic(reply, both.keys)


def test_a_party_does_not_know_the_others_client(both: Wallet) -> None:
    request = both.request(PAYMENT, client_id=CLIENT_ID, key=gateway_key(both.keys))
    reply = both.send(request)
    assert reply.code == "INVALID_CLIENT"
    assert_from_wallet(reply, both.keys, request)
    reply = both.send(replace(both.request(PAYMENT), target=INQUIRY_PATH))
    assert reply.code == "INVALID_CLIENT"
    assert is_authentic(reply, both.keys, target=INQUIRY_PATH)


@pytest.mark.parametrize("target", ["/aps/api/v1/payments/nothing", f"{PAYMENT}/", "//aps", "/APS/x"])
def test_what_is_no_api_is_refused_by_whom_it_was_meant_for(both: Wallet, target: str) -> None:
    request = both.request(PAYMENT, target=target)
    reply = both.send(request)
    assert reply.code == "NO_INTERFACE_DEF"
    assert_from_wallet(reply, both.keys, request)
    reply = both.send(from_gateway(both, target))
    assert reply.code == "NO_INTERFACE_DEF"
    assert is_authentic(reply, both.keys, target=target)


@pytest.mark.parametrize("client_id", [None, "5YSOMEBODYELSE01"])
def test_what_is_nobodys_is_refused_by_alipayplus(both: Wallet, client_id: str | None) -> None:
    reply = both.send(both.request(PAYMENT, target="/aps/nothing", client_id=client_id))
    assert reply.code == "NO_INTERFACE_DEF"
    assert is_authentic(reply, both.keys, target="/aps/nothing")


def test_the_base_address_is_alipayplus_alone(tmp_path: Path, sandbox_keys: Keys) -> None:
    based = Wallet(tmp_path, sandbox_keys, ACQP_ALIPAYPLUS_URL="http://127.0.0.1:8100/base")
    target = f"/base{INQUIRY_PATH}"
    reply = based.send(from_gateway(based, target))
    assert reply.code == "RECORD_NOT_FOUND"
    assert is_authentic(reply, based.keys, target=target)
    # Alipay+ alone has anything below the base address, whoever asks.
    reply = based.send(based.request(PAYMENT, target=f"/base{PAYMENT}"))
    assert reply.code == "NO_INTERFACE_DEF"
    assert is_authentic(reply, based.keys, target=f"/base{PAYMENT}")
    based.store.close()


def test_every_message_is_kept_with_its_verdict(both: Wallet) -> None:
    both.ask(PAYMENT)
    both.send(both.request(PAYMENT, key=gateway_key(both.keys)))
    both.send(from_gateway(both, INQUIRY_PATH))
    newest_first = both.history.listed(limit=5)
    assert [(message["api"], message["verdict"], message["subject"]) for message in newest_first] == [
        ("inquiryRegistrationStatus", "verified with key 1", "M1"),
        ("inquiryPayment", "signature wrong", "20261121PAY1"),
        ("inquiryPayment", "verified with key 1", "20261121PAY1"),
    ]


def test_a_replayed_answer_is_one_of_the_same_api(both: Wallet) -> None:
    first = both.ask(USER_INFO)
    both.ask(PAYMENT)
    both.pay()
    with both.store.transaction() as connection:
        connection.execute("INSERT INTO faults (api, name, times) VALUES ('inquiryUserInfo', 'replayed', 1)")
    both.clock.forward(seconds=7)
    assert both.send(both.request(USER_INFO)).headers == first.headers


def test_a_fault_signs_with_the_partys_key(both: Wallet) -> None:
    with both.store.transaction() as connection:
        connection.execute("INSERT INTO faults (api, name, times) VALUES ('inquiryPayment', 'process_fail', 1)")
    assert both.ask(PAYMENT).code == "PROCESS_FAIL"
    assert both.ask(PAYMENT).code == "ORDER_NOT_EXIST"


@pytest.mark.parametrize(
    ("members", "text", "ids"),
    [
        ({"registrationRequestId": "R1", "referenceMerchantId": "M1"}, "R1", ("R1", "M1")),
        ({"referenceMerchantId": "M1", "referenceStoreId": "S1"}, "M1/S1", ("M1",)),
        ({"paymentRequestId": "P1", "paymentId": "I1"}, "P1", ("P1", "I1")),
        ({"paymentId": "I1"}, "I1", ("I1",)),
        ({}, "", ()),
    ],
)
def test_whom_a_request_to_alipayplus_is_about(members: dict[str, str], text: str, ids: tuple[str, ...]) -> None:
    subject = alipayplus_subject(members)
    assert (subject.text, subject.ids) == (text, ids)


def test_whom_a_request_to_the_wallet_is_about() -> None:
    assert wallet_subject({"paymentRequestId": "P1", "pspId": "1"}).text == "P1"
    secret = {"pspId": "1", "accessToken": "T", "paymentCode": "C", "plaintextUserLoginId": "L"}
    assert (wallet_subject(secret).text, wallet_subject(secret).ids) == ("1", ("1",))


# -- keys


@pytest.fixture
def environment(tmp_path: Path, sandbox_keys: Keys) -> dict[str, str]:
    """The environment of a sandbox with keys of its own."""
    for name in ("keys", "sandbox-keys"):
        shutil.copytree(sandbox_keys.keys_dir.parent / name, tmp_path / name)
    more = {"ACQP_KEYS_DIR": str(tmp_path / "keys"), "ACQP_SANDBOX_KEYS_DIR": str(tmp_path / "sandbox-keys")}
    return sandbox_environment(tmp_path, sandbox_keys, free_port(), gateway_port=free_port(), **more)


def test_the_wallets_key_is_made_where_there_is_none(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sandbox-keys" / "wallet-1.pem"
    path.unlink()
    configured = settings.load(environment)
    with pytest.raises(KeyFileError, match=r"holds no wallet-<version>\.pem; run: acqp-gateway sandbox serve"):
        sandbox_own_keys.wallet_keys(configured)
    server.prepare(configured)
    assert f"made {path}, the key with which the sandbox signs as the wallet" in capsys.readouterr().err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = path.read_bytes()
    server.prepare(configured)
    assert path.read_bytes() == kept
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("copied", "to", "named"),
    [
        ("sandbox-keys/alipayplus-1.pem", "sandbox-keys/wallet-1.pem", "wallet-1.pem"),
        ("sandbox-keys/alipayplus-1.pem", "sandbox-keys/wallet-7.pem", "wallet-7.pem"),
        ("keys/gateway-1.pem", "sandbox-keys/wallet-1.pem", "wallet-1.pem"),
        ("keys/gateway-1.pem", "sandbox-keys/alipayplus-2.pem", "alipayplus-2.pem"),
    ],
)
def test_nobody_signs_with_anothers_key(
    environment: dict[str, str], tmp_path: Path, copied: str, to: str, named: str
) -> None:
    shutil.copy(tmp_path / copied, tmp_path / to)
    with pytest.raises(KeyFileError) as caught:
        server.prepare(settings.load(environment))
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / to}: is the same key as {tmp_path / copied};")
    assert f"remove {named}" in line


def test_a_new_key_of_alipayplus_is_known_to_the_wallet(environment: dict[str, str], tmp_path: Path) -> None:
    directory = AlipayPlusDirectory(settings.load(environment))
    generate_key_file(tmp_path / "sandbox-keys", "alipayplus", "2")
    directory._look_again_at = 0.0
    client = directory.find(WALLET_CLIENT_ID)
    assert client is not None
    assert list(client.keys.by_version) == ["1", "2"]
    assert directory.find(CLIENT_ID) is None


# -- the store


def test_a_store_of_version_1_gets_the_new_tables_and_keeps_what_it_has(tmp_path: Path) -> None:
    store = SandboxStore(tmp_path / "sandbox.db")
    with store.transaction() as connection:
        connection.execute("UPDATE latency SET ms = 7")
        tables = [
            row["name"]
            for row in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'wallet%'"
            )
        ]
    assert len(tables) == 8
    store.close()
    with sqlite3.connect(tmp_path / "sandbox.db") as plain:
        for table in tables:
            plain.execute(f"DROP TABLE {table}")
        plain.execute("PRAGMA user_version=1")
    plain.close()
    again = SandboxStore(tmp_path / "sandbox.db")
    with again.reading() as connection:
        assert connection.execute("SELECT ms FROM latency").fetchone()[0] == 7
        assert connection.execute("SELECT count(*) FROM wallet_users").fetchone()[0] == 0
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 2
    again.close()
