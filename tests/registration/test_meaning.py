"""What an answer says of a standing."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from acqp_gateway.protocol.messages.inquiry_registration_status import (
    INQUIRY_REGISTRATION_STATUS_API,
    LONGEST_REASON,
)
from acqp_gateway.registration.meaning import news_of, next_step
from acqp_gateway.store.standings import News, PspRow
from tests.registration.helpers import AT, entry, success


def meaning(members: dict[str, Any]) -> News:
    return news_of(INQUIRY_REGISTRATION_STATUS_API.response.load(members), answered_at=AT)


def test_one_row_for_each_mpp_and_product() -> None:
    found = meaning(
        success(
            entry("ALIPAY_CN", "APPROVED", "IN_STORE_PAYMENT", "CASHIER_PAYMENT"),
            entry("ALIPAY_HK", "REJECTED", "IN_STORE_PAYMENT", reason="no papers"),
            entry("DANA", "PENDING"),
        )
    )
    assert found == News(
        "COMPLETED",
        (
            PspRow("ALIPAY_CN", "IN_STORE_PAYMENT", "APPROVED", None),
            PspRow("ALIPAY_CN", "CASHIER_PAYMENT", "APPROVED", None),
            PspRow("ALIPAY_HK", "IN_STORE_PAYMENT", "REJECTED", "no papers"),
            PspRow("DANA", "IN_STORE_PAYMENT", "PENDING", None),
        ),
        AT,
    )


@pytest.mark.parametrize("members", [{}, {"pspRegistrationResultList": None}])
def test_a_list_that_is_missing_or_null_changes_no_row(members: dict[str, Any]) -> None:
    said = success()
    del said["pspRegistrationResultList"]
    assert meaning({**said, **members}) == News("COMPLETED", None, AT)


def test_an_empty_list_leaves_no_row() -> None:
    assert meaning(success()).rows == ()


@pytest.mark.parametrize("members", [{"registrationResult": None}, {}])
def test_no_collective_status(members: dict[str, Any]) -> None:
    assert meaning({**success(collective=None), **members}).collective_status is None


@pytest.mark.parametrize(
    "status", ["approved", "APPROVED ", "APPROVED_WITH_CONDITIONS", "CANCELLED", "🙂", "x" * 256]
)
def test_a_status_that_nobody_knows_is_kept_as_it_came(status: str) -> None:
    found = meaning(success(entry("ALIPAY_CN", status), collective=status))
    assert found.collective_status == status
    assert found.rows == (PspRow("ALIPAY_CN", "IN_STORE_PAYMENT", status, None),)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("APPROVED", "PENDING"), "PENDING"),
        (("PENDING", "APPROVED"), "PENDING"),
        (("APPROVED", "REJECTED", "APPROVED"), "REJECTED"),
        (("APPROVED", "APPROVED"), "APPROVED"),
    ],
)
def test_an_answer_that_contradicts_itself_approves_nothing(statuses: tuple[str, ...], expected: str) -> None:
    found = meaning(success(*(entry("ALIPAY_CN", status) for status in statuses)))
    assert found.rows == (PspRow("ALIPAY_CN", "IN_STORE_PAYMENT", expected, None),)


@pytest.mark.parametrize("change", [{"productCodes": None}, {"productCodes": []}])
def test_an_entry_without_products_is_one_row(change: dict[str, Any]) -> None:
    assert meaning(success({**entry("ALIPAY_CN", "APPROVED"), **change})).rows == (
        PspRow("ALIPAY_CN", "", "APPROVED", None),
    )
    left_out = entry("ALIPAY_CN", "APPROVED")
    del left_out["productCodes"]
    assert meaning(success(left_out)).rows == (PspRow("ALIPAY_CN", "", "APPROVED", None),)


def test_a_product_that_is_named_twice_is_one_row() -> None:
    found = meaning(success(entry("ALIPAY_CN", "APPROVED", "IN_STORE_PAYMENT", "IN_STORE_PAYMENT")))
    assert found.rows is not None
    assert len(found.rows) == 1


def test_a_reason_is_cut_and_made_fit_to_be_kept() -> None:
    found = meaning(success(entry("ALIPAY_CN", "REJECTED", reason="\x00\ud800" + "x" * 100_000)))
    assert found.rows is not None
    assert found.rows[0].rejection_reason == "��" + "x" * (LONGEST_REASON - 2)
    assert meaning(success(entry("ALIPAY_CN", "REJECTED", reason=""))).rows == (
        PspRow("ALIPAY_CN", "IN_STORE_PAYMENT", "REJECTED", None),
    )


def test_members_that_nobody_knows_are_ignored() -> None:
    said = success({**entry("ALIPAY_CN", "APPROVED"), "more": [1]}, merchantId="M2", registrationRequestId=7)
    assert meaning(said) == meaning(success(entry("ALIPAY_CN", "APPROVED")))


@pytest.mark.parametrize(
    "change",
    [
        {"pspRegistrationResultList": {}},
        {"pspRegistrationResultList": [None]},
        {"pspRegistrationResultList": ["ALIPAY_CN"]},
        {"pspRegistrationResultList": [{**entry("ALIPAY_CN", "APPROVED"), "pspName": ""}]},
        {"pspRegistrationResultList": [{**entry("ALIPAY_CN", "APPROVED"), "pspName": None}]},
        {"pspRegistrationResultList": [{**entry("ALIPAY_CN", "APPROVED"), "pspName": "ALIPAY\x00"}]},
        {"pspRegistrationResultList": [{**entry("ALIPAY_CN", "APPROVED"), "pspName": "x" * 257}]},
        {"pspRegistrationResultList": [{**entry("ALIPAY_CN", "APPROVED"), "productCodes": "IN_STORE_PAYMENT"}]},
        {"pspRegistrationResultList": [{**entry("ALIPAY_CN", "APPROVED"), "productCodes": [1]}]},
        {"pspRegistrationResultList": [{**entry("ALIPAY_CN", "APPROVED"), "productCodes": ["x"] * 21}]},
        {"pspRegistrationResultList": [{**entry("ALIPAY_CN", "APPROVED"), "registrationResult": None}]},
        {"pspRegistrationResultList": [{**entry("ALIPAY_CN", "APPROVED"), "registrationResult": "APPROVED"}]},
        {"pspRegistrationResultList": [entry("ALIPAY_CN", "x" * 257)]},
        {"pspRegistrationResultList": [entry("ALIPAY_CN", "APPROVED")] * 501},
        {"registrationResult": {}},
        {"registrationResult": {"registrationStatus": True}},
        {"registrationResult": {"registrationStatus": "COMPLETED\ud800"}},
        {"registrationResult": {"registrationStatus": "COMPLETED", "rejectionReason": 1}},
    ],
)
def test_what_its_document_does_not_describe_means_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        meaning({**success(), **change})


@pytest.mark.parametrize("status", ["APPROVED", "REJECTED", "PENDING", "CANCELLED", "approved", "🙂"])
def test_staff_are_told_what_to_do_about_every_status(status: str) -> None:
    assert next_step(status).endswith(".")
    known = status in ("APPROVED", "REJECTED", "PENDING", "CANCELLED")
    assert ("A status we do not know" in next_step(status)) != known
