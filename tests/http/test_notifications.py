"""notifyRegistrationStatus to a running gateway: the same standing and the same history as an answer's."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acqp_gateway.protocol.headers import write_time
from acqp_gateway.protocol.keyring import generate_key_file, read_private_key
from acqp_gateway.store import registrations, standings
from acqp_gateway.store.standings import Check, News, PspRow, Subject
from tests.http.conftest import Service
from tests.merchants import Shop
from tests.peer import CLIENT_ID, Reply, SignedRequest, assert_authentic

PATH = "/aps/api/v1/merchants/notifyRegistrationStatus"

_numbers = itertools.count(1)


def entry(psp_name: str, status: str, reason: str | None = None) -> dict[str, Any]:
    result = (
        {"registrationStatus": status}
        if reason is None
        else {"registrationStatus": status, "rejectionReason": reason}
    )
    return {"productCodes": ["IN_STORE_PAYMENT"], "pspName": psp_name, "registrationResult": result}


def said(*entries: Mapping[str, Any], collective: str = "COMPLETED") -> dict[str, Any]:
    """What a notification says, but for whom it is about."""
    return {
        "registrationResult": {"registrationStatus": collective},
        "pspRegistrationResultList": list(entries) or [entry("ALIPAY_CN", "APPROVED")],
    }


def ago(seconds: float) -> datetime:
    """A whole second, as Request-Time and Response-Time have it."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=seconds)


class Notified:
    """A shop that waits for Alipay+, and what it is told."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.shop: Shop = service.shop(approved_at=None)
        self.request_id = f"N{next(_numbers)}"
        standings.add_request(
            service.store, self.request_id, self.shop.merchant_id, self.shop.store_id, at=datetime.now(UTC)
        )

    def members(self, **changes: Any) -> dict[str, Any]:
        """All three ids, as samples have them, and an approval."""
        members = {
            "registrationRequestId": self.request_id,
            "referenceMerchantId": self.shop.merchant_id,
            "referenceStoreId": self.shop.store_id,
            **said(),
            **changes,
        }
        return {name: value for name, value in members.items() if value is not ...}

    def request(
        self, members: Mapping[str, Any] | bytes, at: datetime | None = None, **changes: Any
    ) -> SignedRequest:
        body = members if isinstance(members, bytes) else json.dumps(members).encode()
        proper = SignedRequest(
            self.service.keys.alipayplus, body, target=PATH, request_time=write_time(at) if at else None
        )
        return replace(proper, **changes)

    def send(self, request: SignedRequest) -> Reply:
        """Send, and read an answer that is authentic."""
        reply = self.service.send(request)
        target, method = request.signed_target or request.target, request.method
        assert_authentic(reply, self.service.keys, target=target, method=method)
        return reply

    def tell(self, members: Mapping[str, Any] | None = None, at: datetime | None = None) -> None:
        """Notify; it is acknowledged."""
        reply = self.send(self.request(self.members() if members is None else members, at))
        assert reply.members == {"result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"}}

    def answer(self, *rows: tuple[str, str], at: datetime) -> None:
        """An answer to a question of ours, with this Response-Time."""
        subject = Subject(self.shop.merchant_id, self.shop.store_id, self.request_id)
        check = Check(
            kind="INQUIRY", triggered_by="kim", asked_how="request_id", merchant_id=subject.merchant_id,
            store_id=subject.store_id, registration_request_id=self.request_id, started_at=at, duration_us=1,
            attempts=1, outcome="answered", said="registration is COMPLETED",
        )  # fmt: skip
        news = News("COMPLETED", tuple(PspRow(name, "IN_STORE_PAYMENT", status, None) for name, status in rows), at)
        assert standings.finish(self.service.store, subject, check, news, claimed_by="-")

    def rows(self) -> dict[str, str]:
        """MPP -> status."""
        found = registrations.standing(self.service.store, self.shop.merchant_id, self.shop.store_id)
        return {row.psp_name: row.status for row in found}

    def history(self, **which: Any) -> list[Any]:
        """The newest first."""
        return list(standings.history(self.service.store, **(which or {"merchant_id": self.shop.merchant_id})))


@pytest.fixture
def notified(service: Service) -> Notified:
    """A shop of this test's own."""
    return Notified(service)


def newest_of_all(notified: Notified) -> Any:
    return standings.history(notified.service.store, limit=1)[0]


def test_it_is_applied_kept_and_acknowledged(notified: Notified) -> None:
    members = notified.members(
        **said(entry("ALIPAY_HK", "REJECTED", "no papers"), entry("ALIPAY_CN", "APPROVED"), entry("DANA", "ON_HOLD"))
    )
    at = ago(3)
    notified.tell(members, at)
    assert notified.rows() == {"ALIPAY_CN": "APPROVED", "ALIPAY_HK": "REJECTED", "DANA": "ON_HOLD"}
    (kept,) = notified.history()
    assert (kept.kind, kept.triggered_by, kept.asked_how, kept.outcome, kept.applied, kept.needs_person) == (
        "NOTIFICATION",
        "Alipay+",
        "notified",
        "told",
        True,
        False,
    )
    assert (kept.store_id, kept.registration_request_id) == (notified.shop.store_id, notified.request_id)
    assert kept.collective_status == "COMPLETED"
    assert json.loads(kept.raw_answer) == members
    found = registrations.standing(notified.service.store, notified.shop.merchant_id, notified.shop.store_id)
    assert {row.since for row in found} == {at}


def test_the_decoder_uses_it_at_once(notified: Notified) -> None:
    code = notified.shop.place().code_value
    assert notified.service.decode(code).code == "MERCHANT_NOT_REGISTERED"
    notified.tell()
    assert notified.service.decode(code).code == "SUCCESS"
    notified.tell(notified.members(**said(entry("ALIPAY_CN", "CANCELLED"))))
    assert notified.service.decode(code).code == "MERCHANT_NOT_REGISTERED"


@pytest.mark.parametrize(
    "left_out",
    [
        ("referenceMerchantId", "referenceStoreId"),
        ("referenceStoreId",),
        ("registrationRequestId",),
        (),
    ],
)
def test_whom_it_is_about(notified: Notified, left_out: tuple[str, ...]) -> None:
    notified.tell(notified.members(**dict.fromkeys(left_out, ...)))
    assert notified.rows() == {"ALIPAY_CN": "APPROVED"}


def test_a_merchant_without_its_store_is_another_standing(notified: Notified) -> None:
    notified.tell(notified.members(registrationRequestId=..., referenceStoreId=...))
    assert notified.rows() == {}
    assert [
        row.status for row in registrations.standing(notified.service.store, notified.shop.merchant_id, None)
    ] == ["APPROVED"]


def test_said_again_it_changes_nothing(notified: Notified) -> None:
    request = notified.request(notified.members(), ago(5))
    for _ in range(3):
        assert notified.send(request).code == "SUCCESS"
    assert notified.rows() == {"ALIPAY_CN": "APPROVED"}
    (row,) = registrations.standing(notified.service.store, notified.shop.merchant_id, notified.shop.store_id)
    assert row.since == datetime.fromisoformat(request.time())
    assert len(notified.history()) == 3


def test_it_replaces_the_whole_standing(notified: Notified) -> None:
    notified.tell(notified.members(**said(entry("ALIPAY_CN", "APPROVED"), entry("GCASH", "APPROVED"))), ago(5))
    notified.tell(notified.members(**said(entry("GCASH", "PENDING"), collective="PENDING")), ago(4))
    assert notified.rows() == {"GCASH": "PENDING"}
    for psps in (None, ...):
        notified.tell(notified.members(pspRegistrationResultList=psps))
        assert notified.rows() == {"GCASH": "PENDING"}
    notified.tell(notified.members(pspRegistrationResultList=[]))
    assert notified.rows() == {}


class TestOrder:
    """Its Request-Time against the time of what stands."""

    @pytest.mark.parametrize(("seconds_after", "applied"), [(-60, False), (-1, False), (0, True), (1, True)])
    def test_against_an_answer(self, notified: Notified, seconds_after: int, applied: bool) -> None:
        answered_at = ago(90)
        notified.answer(("ALIPAY_CN", "REJECTED"), at=answered_at)
        notified.tell(at=answered_at + timedelta(seconds=seconds_after))
        assert notified.rows() == {"ALIPAY_CN": "APPROVED" if applied else "REJECTED"}
        newest = notified.history()[0]
        assert (newest.outcome, newest.applied) == (("told", True) if applied else ("older", False))

    def test_against_another_notification(self, notified: Notified) -> None:
        notified.tell(notified.members(**said(entry("ALIPAY_CN", "PENDING"))), ago(10))
        notified.tell(at=ago(20))
        assert notified.rows() == {"ALIPAY_CN": "PENDING"}

    def test_an_answer_against_it(self, notified: Notified) -> None:
        notified.tell(at=ago(10))
        with pytest.raises(AssertionError):
            notified.answer(("ALIPAY_CN", "REJECTED"), at=ago(11))
        assert notified.rows() == {"ALIPAY_CN": "APPROVED"}
        notified.answer(("ALIPAY_CN", "REJECTED"), at=ago(0))
        assert notified.rows() == {"ALIPAY_CN": "REJECTED"}

    def test_every_form_of_time_counts(self, notified: Notified) -> None:
        at = ago(60)
        notified.answer(("ALIPAY_CN", "REJECTED"), at=at)
        milliseconds = int(at.timestamp() * 1000)
        notified.send(notified.request(notified.members(), request_time=str(milliseconds - 1)))
        assert notified.rows() == {"ALIPAY_CN": "REJECTED"}
        notified.send(notified.request(notified.members(), request_time=str(milliseconds + 1)))
        assert notified.rows() == {"ALIPAY_CN": "APPROVED"}

    def test_about_an_older_request_it_goes_to_the_history_alone(self, notified: Notified) -> None:
        older, notified.request_id = notified.request_id, f"{notified.request_id}-2"
        shop = notified.shop
        standings.add_request(
            notified.service.store, notified.request_id, shop.merchant_id, shop.store_id, at=datetime.now(UTC)
        )
        notified.tell(notified.members(registrationRequestId=older))
        assert notified.rows() == {}
        assert [(row.outcome, row.applied, row.needs_person) for row in notified.history()] == [
            ("older", False, False)
        ]
        notified.tell()
        assert notified.rows() == {"ALIPAY_CN": "APPROVED"}

    def test_many_at_once_leave_the_newest(self, notified: Notified) -> None:
        statuses = [f"STATUS-{number}" for number in range(12)]
        began = ago(30)

        def tell(number: int) -> None:
            members = notified.members(**said(entry("ALIPAY_CN", statuses[number])))
            notified.tell(members, began + timedelta(seconds=number))

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(tell, [5, 11, 0, 7, 3, 9, 1, 10, 2, 8, 4, 6]))
        assert notified.rows() == {"ALIPAY_CN": "STATUS-11"}
        assert len(notified.history()) == 12


class TestForAPerson:
    """What fits no record is acknowledged, changes nothing and waits for somebody to look at it."""

    def kept(self, notified: Notified, members: dict[str, Any]) -> Any:
        notified.tell(members)
        newest = newest_of_all(notified)
        assert (newest.outcome, newest.applied, newest.needs_person) == ("for_a_person", False, True)
        assert json.loads(newest.raw_answer) == members
        assert notified.rows() == {}
        assert newest.check_id in [row.check_id for row in notified.history(needs_person=True)]
        return newest

    def test_an_unknown_request(self, notified: Notified) -> None:
        row = self.kept(notified, notified.members(registrationRequestId="NOBODY-ASKED"))
        assert row.said == "registration request NOBODY-ASKED is not on record"
        assert (row.registration_request_id, row.merchant_id) == ("NOBODY-ASKED", notified.shop.merchant_id)

    def test_an_unknown_merchant(self, notified: Notified) -> None:
        members = notified.members(registrationRequestId=..., referenceMerchantId="NOBODY", referenceStoreId=...)
        row = self.kept(notified, members)
        assert (row.said, row.merchant_id, row.store_id) == ("merchant NOBODY is not on record", "NOBODY", None)

    def test_an_unknown_store(self, notified: Notified) -> None:
        row = self.kept(notified, notified.members(registrationRequestId=..., referenceStoreId="NOWHERE"))
        assert row.said == f"merchant {notified.shop.merchant_id}, store NOWHERE, is not on record"

    @pytest.mark.parametrize("store_id", [..., "S1"])
    def test_nobody_is_named(self, notified: Notified, store_id: Any) -> None:
        members = notified.members(registrationRequestId=..., referenceMerchantId=..., referenceStoreId=store_id)
        assert self.kept(notified, members).said == "neither a registration request nor a merchant is named"

    @pytest.mark.parametrize("member", ["referenceMerchantId", "referenceStoreId"])
    def test_a_request_that_is_on_record_for_somebody_else(self, notified: Notified, member: str) -> None:
        other = notified.service.shop(approved_at=None)
        ids = {"referenceMerchantId": other.merchant_id, "referenceStoreId": other.store_id}
        row = self.kept(notified, notified.members(**{member: ids[member]}))
        assert row.said == f"registration request {notified.request_id} is on record for somebody else"
        assert list(registrations.standing(notified.service.store, other.merchant_id, other.store_id)) == []


class TestRefused:
    """What is forged or illegal is refused, signed, and leaves nothing behind."""

    def refused(self, notified: Notified, request: SignedRequest, code: str) -> None:
        before = newest_of_all(notified).check_id
        assert notified.send(request).code == code
        assert newest_of_all(notified).check_id == before
        assert notified.rows() == {}

    @pytest.fixture(autouse=True)
    def something_in_the_history(self, notified: Notified) -> None:
        Notified(notified.service).tell()

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"signed_target": f"{PATH}2"}, "INVALID_SIGNATURE"),
            ({"leave_out": frozenset({"signature"})}, "INVALID_SIGNATURE"),
            ({"signature_header": "algorithm=RSA256,keyVersion=1,signature="}, "INVALID_SIGNATURE"),
            ({"key_version": "9"}, "KEY_NOT_FOUND"),
            ({"leave_out": frozenset({"request-time"})}, "PARAM_ILLEGAL"),
            ({"request_time": "yesterday"}, "PARAM_ILLEGAL"),
            ({"request_time": write_time(ago(3600))}, "ACCESS_DENIED"),
            ({"request_time": write_time(ago(-3600))}, "ACCESS_DENIED"),
            ({"method": "PUT"}, "METHOD_NOT_SUPPORTED"),
            ({"more_headers": (("Content-Type", "text/plain"),)}, "MEDIA_TYPE_NOT_ACCEPTABLE"),
        ],
    )
    def test_what_is_not_as_it_should_be(self, notified: Notified, changes: dict[str, Any], code: str) -> None:
        request = notified.request(notified.members(), **changes)
        if "signed_target" in changes:
            reply = notified.service.send(request)
            assert_authentic(reply, notified.service.keys, target=PATH)
            assert (reply.code, notified.rows()) == (code, {})
        else:
            self.refused(notified, request, code)

    def test_another_key(self, notified: Notified, tmp_path: Any) -> None:
        key = read_private_key(generate_key_file(tmp_path, "forger", "1"))
        self.refused(notified, notified.request(notified.members(), key=key), "INVALID_SIGNATURE")

    def test_a_body_that_was_changed_on_its_way(self, notified: Notified) -> None:
        honest = notified.request(notified.members(**said(entry("ALIPAY_CN", "REJECTED"))))
        time = honest.time()
        forged = honest.body.replace(b"REJECTED", b"APPROVED")
        signature = dict(replace(honest, request_time=time).headers())["Signature"]
        request = replace(honest, body=forged, request_time=time, signature_header=signature)
        self.refused(notified, request, "INVALID_SIGNATURE")

    def test_somebody_else(self, notified: Notified) -> None:
        request = notified.request(notified.members(), client_id="5YSOMEBODYELSE01")
        reply = notified.service.send(request)
        assert_authentic(reply, notified.service.keys, target=PATH, client_id=CLIENT_ID)
        assert (reply.code, notified.rows()) == ("INVALID_CLIENT", {})

    @pytest.mark.parametrize(
        "changes",
        [
            {"referenceMerchantId": ""},
            {"referenceMerchantId": 1},
            {"referenceMerchantId": "M" * 65},
            {"referenceMerchantId": "M\x00"},
            {"referenceStoreId": "S" * 33},
            {"registrationRequestId": "R" * 65},
            {"registrationRequestId": "R\ud800"},
            {"registrationResult": "COMPLETED"},
            {"registrationResult": {}},
            {"registrationResult": {"registrationStatus": ""}},
            {"registrationResult": {"registrationStatus": "x" * 257}},
            {"pspRegistrationResultList": {}},
            {"pspRegistrationResultList": [None]},
            {"pspRegistrationResultList": [{"pspName": "ALIPAY_CN"}]},
            {"pspRegistrationResultList": [entry("ALIPAY_\ud800", "APPROVED")]},
            {"pspRegistrationResultList": [entry("ALIPAY_CN", "APPROVED\x00")]},
            {"pspRegistrationResultList": [{**entry("ALIPAY_CN", "APPROVED"), "productCodes": "IN_STORE_PAYMENT"}]},
            {
                "pspRegistrationResultList": [{"pspName": "P", "registrationResult": {"registrationStatus": "A"}}]
                * 501
            },
        ],
    )
    def test_illegal_members(self, notified: Notified, changes: dict[str, Any]) -> None:
        self.refused(notified, notified.request(notified.members(**changes)), "PARAM_ILLEGAL")

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{", b"\xff", b'{"registrationRequestId":"A","registrationRequestId":"B"}']
    )
    def test_illegal_bodies(self, notified: Notified, body: bytes) -> None:
        self.refused(notified, notified.request(body), "PARAM_ILLEGAL")

    def test_too_much(self, notified: Notified) -> None:
        members = notified.members(**said(entry("ALIPAY_CN", "REJECTED", "x" * 66_000)))
        self.refused(notified, notified.request(members), "PARAM_ILLEGAL")

    @pytest.mark.parametrize("target", [f"{PATH}/", f"/{PATH}", PATH.replace("notify", "Notify"), f"{PATH}%00"])
    def test_another_address(self, notified: Notified, target: str) -> None:
        self.refused(notified, notified.request(notified.members(), target=target), "NO_INTERFACE_DEF")


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("NUL \x00 and half a character \ud800", "NUL � and half a character �"),
        (
            "<script>alert(1)</script> [bold]x[/] \x1b[2J\r\n=1+1 \u202e",
            "<script>alert(1)</script> [bold]x[/] \x1b[2J\r\n=1+1 \u202e",
        ),
        ("x" * 60_000, "x" * 1024),
        ("", None),
    ],
)
def test_a_hostile_reason_is_kept_as_text(notified: Notified, reason: str, kept: str | None) -> None:
    notified.tell(notified.members(**said(entry("ALIPAY_CN", "REJECTED", reason))))
    (row,) = registrations.standing(notified.service.store, notified.shop.merchant_id, notified.shop.store_id)
    assert (row.status, row.rejection_reason) == ("REJECTED", kept)


def test_hostile_names_break_no_line_of_the_log(notified: Notified) -> None:
    psp_name = 'A" result=SUCCESS\n2026-01-01 call api=forged'
    merchant_id = "M\ncall api=forged result=SUCCESS"
    notified.tell(notified.members(**said(entry(psp_name, "APPROVED"))))
    notified.tell(notified.members(registrationRequestId=..., referenceMerchantId=merchant_id))
    assert notified.rows() == {psp_name: "APPROVED"}
    assert newest_of_all(notified).merchant_id == merchant_id
    assert "\ncall api=forged" not in notified.service.process.log()


def test_entries_that_contradict_each_other_approve_nothing(notified: Notified) -> None:
    code = notified.shop.place().code_value
    notified.tell(notified.members(**said(entry("ALIPAY_CN", "APPROVED"), entry("ALIPAY_CN", "PENDING"))))
    assert notified.rows() == {"ALIPAY_CN": "PENDING"}
    assert notified.service.decode(code).code == "MERCHANT_NOT_REGISTERED"
