"""Each fault of a call does on the wire what its name says, and the gateway answers what its description says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from acqp_gateway.protocol import results
from acqp_gateway.protocol.headers import read_signature, read_time
from acqp_gateway.protocol.messages.user_initiated_pay import USER_INITIATED_PAY_API
from acqp_gateway.protocol.signature import Message, verify
from acqp_gateway.sandbox.call_faults import CALL_FAULTS
from acqp_gateway.sandbox.calls import Called, Calls
from acqp_gateway.sandbox.faults_in_force import FaultSetting, FaultsInForce
from acqp_gateway.sandbox.history import History
from acqp_gateway.sandbox.partners import gateway
from acqp_gateway.sandbox.scans import State
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.settings import Settings
from tests.conftest import FreshStores
from tests.gateway_process import GatewayProcess, running_gateway
from tests.http.conftest import ready_store
from tests.merchants import open_shop
from tests.peer import CLIENT_ID, DECODE_PATH, Keys
from tests.sandbox.payments import PSP_ID, Till, a_till
from tests.sandbox.stand_in_gateway import Seen, decoded, said

API = USER_INITIATED_PAY_API.name
#: fault -> the headers that it changes, of a call that is otherwise the same.
CHANGED = {
    "stale": {"request-time", "signature"},
    "wrong_key": {"signature"},
    "tampered": set(),
    "duplicate": set(),
    "late": set(),
    **{
        name: {"request-time", "signature"}
        for name in CALL_FAULTS
        if name.startswith("time_") and name not in ("time_missing", "time_unsigned")
    },
    "time_missing": {"request-time"},
    "time_unsigned": {"request-time"},
    **{name: {"signature"} for name in CALL_FAULTS if name.startswith("signature_")},
    "unknown_key_version": {"signature"},
    "unknown_client": {"client-id", "signature"},
}
TIME_FORMS = {
    "time_zulu": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "time_zulu_7_digits": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z",
    "time_offset_no_colon": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-0800",
    "time_compact_offset": r"\d{14}-0800",
    "time_epoch_ms": r"\d{13}",
    "time_epoch_ns": r"\d{19}",
}


@pytest.fixture(scope="module")
def shared_till(tmp_path_factory: pytest.TempPathFactory, sandbox_keys: Keys) -> Iterator[Till]:
    """One for all tests."""
    with a_till(tmp_path_factory.mktemp("till"), sandbox_keys) as found:
        yield found


@pytest.fixture
def till(shared_till: Till) -> Till:
    """With no fault, no history and nothing seen."""
    shared_till.faults.clear(fault=None, api=None, merchant=None)
    shared_till.history.clear()
    shared_till.gateway.seen.clear()
    return shared_till


def sent(till: Till, fault: str | None) -> Seen:
    """A call as it arrives, under a fault."""
    if fault is not None:
        till.set_fault(API, fault, ms=1 if fault == "late" else None)
    till.scan()
    return till.gateway.seen[-1]


def is_signed(seen: Seen, keys: Keys) -> bool:
    """Whether a call is what Alipay+ signed."""
    headers = seen.headers
    message = Message("POST", DECODE_PATH, headers["client-id"], headers.get("request-time", ""), seen.body)
    try:
        verify(message, read_signature(headers["signature"]).signature, keys.alipayplus.public_key())
    except Exception:
        return False
    return True


@pytest.mark.parametrize("fault", CHANGED)
def test_a_fault_changes_what_it_says_and_nothing_else(till: Till, sandbox_keys: Keys, fault: str) -> None:
    plain, faulty = sent(till, None), sent(till, fault)
    names = {
        name
        for name in plain.headers.keys() | faulty.headers.keys()
        if plain.headers.get(name) != faulty.headers.get(name)
    }
    assert names == CHANGED[fault]
    assert (plain.body == faulty.body) == (fault != "tampered")
    assert is_signed(plain, sandbox_keys)
    unsigned = {"wrong_key", "tampered", "time_missing", "time_unsigned", "signature_missing"}
    assert is_signed(faulty, sandbox_keys) == (fault not in unsigned)
    messages = till.history.listed(limit=1)
    assert (messages[0]["fault"], messages[0]["direction"]) == (fault, "sent")


@pytest.mark.parametrize("fault", TIME_FORMS)
def test_a_time_form_is_another_spelling_of_the_same_time(till: Till, fault: str) -> None:
    text = sent(till, fault).headers["request-time"]
    assert re.fullmatch(TIME_FORMS[fault], text)
    assert read_time(text) == till.clock()


def test_forms_of_the_signature(till: Till) -> None:
    assert re.fullmatch(r"signature=\S+ ,  keyVersion = 1, algorithm=RSA256", signature(till, "signature_reordered"))
    assert re.fullmatch(r"[A-Za-z0-9_-]{342}", signature(till, "signature_base64url").rpartition("=")[2])
    assert re.search(r"signature=[A-Za-z0-9+/]{342}==$", signature(till, "signature_raw_base64"))
    assert "keyVersion" not in signature(till, "signature_no_key_version")
    assert "keyVersion=987654321," in signature(till, "unknown_key_version")


def signature(till: Till, fault: str) -> str:
    """A Signature header under a fault."""
    return sent(till, fault).headers["signature"]


def test_stale_is_ten_minutes(till: Till) -> None:
    assert till.clock() - read_time(sent(till, "stale").headers["request-time"]) == timedelta(minutes=10)


def test_a_replay_waits_for_a_call_and_is_that_byte_for_byte(till: Till) -> None:
    till.set_fault(API, "replayed")
    first = till.scan("FIRST")
    till.clock.pass_by(30)
    assert (first.state, till.history.listed(limit=1)[0]["fault"]) == (State.DECODED, None)
    second = till.scan("SECOND")
    one, other = till.gateway.seen
    assert (one.body, one.headers) == (other.body, other.headers)
    # What came back is about the first code, and no answer to the second.
    assert (second.state, second.payment_request_id) == (State.NO_ANSWER, None)
    assert second.failure is not None
    assert "earlier call" in second.failure
    assert till.messages(second)[0]["answer"]["body"] != ""


def test_a_duplicate_is_the_same_call_twice_and_both_answers_agree(till: Till) -> None:
    till.set_fault(API, "duplicate")
    scan = till.scan()
    one, other = till.gateway.seen
    assert one.body == other.body
    assert (scan.state, scan.failure) == (State.DECODED, None)
    assert [message["fault"] for message in till.messages(scan)] == ["duplicate", "duplicate"]


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (said(results.UNKNOWN_EXCEPTION), "U UNKNOWN_EXCEPTION"),
        (decoded(paymentRequestId="ANOTHER"), '"paymentRequestId": "ANOTHER"'),
    ],
)
def test_answers_that_disagree_are_said_so(till: Till, second: dict[str, object], text: str) -> None:
    answers: list[dict[str, object]] = [decoded(), second]
    till.set_fault(API, "duplicate")
    usual = till.gateway.answers[API]
    till.gateway.answers[API] = lambda _members: answers.pop()
    scan = till.scan()
    till.gateway.answers[API] = usual
    said_of_it = scan.as_control()["failure"]
    assert said_of_it.startswith("the answers to the same call at the same time disagree: ")
    assert text in said_of_it
    assert {message["failure"] for message in till.messages(scan)} == {said_of_it}


def test_a_push_with_answers_that_disagree_is_settled_by_one_of_them_and_said_so(till: Till) -> None:
    answers = [said(results.SUCCESS), said(results.PAYMENT_IN_PROCESS)]
    till.set_fault("pushPayment", "duplicate")
    till.gateway.answers["pushPayment"] = lambda _members: answers.pop()
    scan = till.pushed("DISAGREES")
    del till.gateway.answers["pushPayment"]
    if scan.state is State.IN_PROCESS:
        _, scan = till.next(scan)
    assert scan.state is State.PAID
    assert "disagree: " in scan.as_control()["failure"]
    assert len({call.members["paymentId"] for call in till.gateway.calls("pushPayment")}) == 1


def test_a_fault_may_be_limited_to_a_code_or_a_payment(till: Till) -> None:
    till.faults.put(FaultSetting(API, "signature_missing", None, "ONLY-THIS", None))
    till.faults.put(FaultSetting("pushPayment", "wrong_key", None, "PR-OTHER", None))
    assert till.scan("SOMETHING").state is State.DECODED
    assert till.scan("ONLY-THIS").state is State.REFUSED
    assert till.pushed("THIS").state is State.PAID
    assert till.pushed("OTHER").state is State.REFUNDED


@pytest.fixture(scope="module")
def real_gateway(fresh_stores: FreshStores, sandbox_keys: Keys) -> Iterator[tuple[GatewayProcess, str]]:
    """A gateway under gunicorn, and the code of an order."""
    url = fresh_stores.url("sqlite")
    store = ready_store(url)
    order = open_shop(store).place()
    with running_gateway(url, sandbox_keys) as process:
        yield process, order.code_value
    store.close()


@pytest.fixture
def decode(
    real_gateway: tuple[GatewayProcess, str], sandbox_keys: Keys, tmp_path: Path
) -> Iterator[Callable[[str | None], Called]]:
    """Scans the order's code at the real gateway, under a fault."""
    process, code_value = real_gateway
    settings = Settings(
        keys_dir=sandbox_keys.keys_dir,
        sandbox_keys_dir=sandbox_keys.sandbox_keys_dir,
        client_id=CLIENT_ID,
        sandbox_gateway_url=process.url,
    )
    store = SandboxStore(tmp_path / "sandbox.db")
    faults = FaultsInForce(store)
    calls = Calls(settings, history=History(store), faults=faults)

    def call(fault: str | None) -> Called:
        if fault is not None:
            faults.put(FaultSetting(API, fault, 1, None, 1 if fault == "late" else None))
        members = {"acquirerId": settings.acquirer_id, "pspId": PSP_ID, "codeValue": code_value}
        return calls.call(USER_INITIATED_PAY_API, members, gateway(settings))

    yield call
    store.close()


@pytest.mark.parametrize("fault", CALL_FAULTS)
def test_what_the_gateway_answers_to_a_fault(decode: Callable[[str | None], Called], fault: str) -> None:
    plain = decode(None)
    called = decode(fault)
    assert called.fault == fault
    received = called.believed()
    assert received.signed
    expected = CALL_FAULTS[fault].answered
    assert received.result["resultCode"] == (expected or results.SUCCESS).code
    assert (f": {expected.code}" if expected else ": ") in CALL_FAULTS[fault].description
    if expected is None:
        assert received.members == plain.believed().members
        assert (called.note is not None) == (fault == "replayed")


def test_descriptions_are_one_short_line_each() -> None:
    for name, fault in CALL_FAULTS.items():
        assert name.isidentifier()
        assert fault.description.isprintable()
        assert 4 < len(fault.description) < 110
