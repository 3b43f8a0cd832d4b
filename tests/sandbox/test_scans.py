"""The scans on record: which message belongs to which, how many are kept, and what the faults of an API are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from marshmallow import ValidationError

from acqp_gateway.errors import NotOnRecord
from acqp_gateway.sandbox import scans as scans_module
from acqp_gateway.sandbox.call_faults import CALL_FAULTS
from acqp_gateway.sandbox.faults import FAULTS
from acqp_gateway.sandbox.faults_in_force import (
    APIS,
    SIDES,
    FaultSetting,
    FaultSettingSchema,
    FaultsInForce,
    known_faults,
)
from acqp_gateway.sandbox.history import Entry, History, Verdict, request_part
from acqp_gateway.sandbox.scans import Mode, Scan, Scans, State
from acqp_gateway.sandbox.store import SandboxStore

OF_REGISTRATIONS = {"markup", "unknown_status", "missing_list", "null_list", "lone_surrogate"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SandboxStore]:
    """A store of the test's own."""
    opened = SandboxStore(tmp_path / "sandbox.db")
    yield opened
    opened.close()


def a_scan(**members: object) -> Scan:
    required = {"code_value": "C", "psp_id": "P1", "mode": Mode.PUSH, "speed": 1.0, "scanned_at": datetime.now(UTC)}
    return Scan(**{**required, **members})  # type: ignore[arg-type]  # as a test says


def entry(body: bytes, scan: str | None = None) -> Entry:
    return Entry(
        datetime.now(UTC), "received", "a", "POST", "/", request_part({}, body), Verdict(True, ""), scan=scan
    )


def test_a_scan_comes_back_as_it_was_kept(store: SandboxStore) -> None:
    scans = Scans(store)
    kept = scans.add(a_scan(payment_id="7", order={"goods": [{"goodsName": "é漢"}]}, refund_due=True))
    assert scans.get(kept.scan_id) == kept
    assert scans.of_payment("7") == kept
    assert scans.of_payment("8") is None
    with pytest.raises(NotOnRecord):
        scans.get(kept.scan_id + 1)


def test_a_change_comes_from_the_states_that_it_names_alone(store: SandboxStore) -> None:
    scans = Scans(store)
    kept = scans.add(a_scan(state=State.PUSHING))
    assert scans.change(kept.scan_id, {State.PAYING}, lambda _scan: a_scan()) is None
    assert scans.get(kept.scan_id) == kept


def test_the_newest_are_kept_and_what_is_under_way(store: SandboxStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans_module, "MOST_SCANS", 3)
    scans = Scans(store)
    scans.add(a_scan(state=State.IN_PROCESS))
    for _ in range(5):
        scans.add(a_scan(state=State.PAID))
    assert [scan.scan_id for scan in scans.listed(limit=10)] == [6, 5, 4, 1]
    assert [scan.scan_id for scan in scans.listed(limit=1)] == [6]


@pytest.mark.parametrize(
    ("body", "scan"),
    [
        (b'{"paymentId":"7"}', "2"),
        (b'{"paymentId":"8","paymentRequestId":"R","pspId":"P1"}', "2"),
        (b'{"paymentRequestId":"R","pspId":"P2"}', "3"),
        (b'{"paymentRequestId":"R","pspId":"P3"}', None),
        (b'{"paymentRequestId":"R"}', None),
        (b'{"paymentId":["7"]}', None),
        (b'{"paymentId":"\\ud800"}', None),
        (b"[]", None),
        (b"\xff", None),
    ],
)
def test_a_message_belongs_to_the_scan_of_its_payment(store: SandboxStore, body: bytes, scan: str | None) -> None:
    scans = Scans(store)
    scans.add(a_scan(payment_request_id="R"))
    scans.add(a_scan(payment_request_id="R", payment_id="7"))
    scans.add(a_scan(payment_request_id="R", payment_id="9", psp_id="P2"))
    history = History(store, scans.of_message)
    history.add(entry(body))
    assert [found["scan"] for found in history.listed(limit=9)] == [scan]


def test_history_by_scan_and_after(store: SandboxStore) -> None:
    history = History(store)
    for scan in ("1", "2", None, "1"):
        history.add(entry(b"{}", scan))
    assert [found["id"] for found in history.listed(limit=9, scan="1")] == [4, 1]
    assert [found["id"] for found in history.listed(limit=9, scan="1", after=0)] == [1, 4]
    assert [found["id"] for found in history.listed(limit=2, after=1)] == [2, 3]
    assert [found["scan"] for found in history.listed(limit=9, after=1, before=4)] == ["2", None]
    assert history.clear() == 4
    history.add(entry(b"{}", "1"))
    assert [found["id"] for found in history.listed(limit=9, scan="1")] == [5]


def test_each_api_has_the_faults_of_its_side() -> None:
    assert set(APIS) == set(SIDES)
    for api, side in SIDES.items():
        expected = set(CALL_FAULTS if side == "calls" else FAULTS)
        if api not in ("inquiryRegistrationStatus",) and side == "answers":
            expected -= OF_REGISTRATIONS
        assert set(known_faults(api)) == expected


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"api": "inquiryPayment", "fault": "markup"}, "markup is a fault of inquiryRegistrationStatus)"),
        ({"api": "pushPayment", "fault": "gzip"}, "must be one of: stale, replayed"),
        ({"api": "pushPayment", "fault": "stale", "ms": 1}, "only for: late"),
        ({"api": "pushPayments", "fault": "stale"}, "Must be one of"),
        ({"fault": "late"}, "late is a fault of userInitiatedPay, "),
    ],
)
def test_a_fault_that_an_api_does_not_have_is_refused(given: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        FaultSettingSchema().load(given)
    assert text in str(caught.value)


def test_a_fault_of_a_call_may_be_limited_to_a_whole_code() -> None:
    setting = FaultSettingSchema().load({"api": "userInitiatedPay", "fault": "late", "ms": 5, "merchant": "C" * 512})
    assert setting.merchant == "C" * 512


def test_a_fault_of_one_side_is_not_taken_on_the_other(store: SandboxStore) -> None:
    faults = FaultsInForce(store)
    faults.put(FaultSetting("pushPayment", "stale", 1, None, None))
    assert faults.take("notifyPushPayment", [], "", has_previous=True) is None
    taken = faults.take("pushPayment", [], "", has_previous=False)
    assert taken is not None
    assert faults.take("pushPayment", [], "", has_previous=False) is None
