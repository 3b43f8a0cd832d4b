"""What may be asked, and what is refused with which words before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from acqp_gateway.errors import CommandRefused, IllegalState, IllegalValue, NotOnRecord
from acqp_gateway.registration import asking
from acqp_gateway.store import merchants, standings
from acqp_gateway.store.database import Store
from acqp_gateway.store.standings import Subject
from tests.conftest import STORES, FreshStores
from tests.registration.helpers import AT, add_merchant, snapshot

LONGEST = "M" * 64


@dataclass(frozen=True)
class Ids:
    request_id: str | None = None
    merchant: str | None = None
    store: str | None = None


@pytest.fixture(params=STORES, scope="module")
def on_record(request: pytest.FixtureRequest, fresh_stores: FreshStores) -> Iterator[Store]:
    """Merchants of each kind; no test of this module changes anything."""
    store = Store(fresh_stores.url(request.param))
    add_merchant(store, "BOTH", stores=["S1", "S" * 32])
    add_merchant(store, "INSTORE", sells="IN_STORE", stores=["S1"])
    add_merchant(store, "ONLINE", sells="ONLINE")
    for merchant_id in (LONGEST, "N" * 33, "N" * 32):
        add_merchant(store, merchant_id, stores=["S1"])
    standings.add_request(store, "R1", "BOTH", None, at=AT)
    standings.add_request(store, "R2", "BOTH", None, at=AT)
    standings.add_request(store, "R3", "INSTORE", "S1", at=AT)
    standings.add_request(store, "R" * 64, "ONLINE", None, at=AT)
    yield store
    store.close()


def ask(store: Store, ids: Ids) -> asking.Question:
    return asking.question(
        store, registration_request_id=ids.request_id, merchant_id=ids.merchant, store_id=ids.store
    )


@pytest.mark.parametrize(
    ("ids", "members", "asked_how"),
    [
        (Ids(request_id="R2"), {"registrationRequestId": "R2"}, "request_id"),
        (Ids(request_id="R1"), {"registrationRequestId": "R1"}, "request_id"),
        (Ids(request_id="R" * 64), {"registrationRequestId": "R" * 64}, "request_id"),
        # It wins, whatever else is given, and is then sent alone.
        (Ids("R2", "BOTH", "S1"), {"registrationRequestId": "R2"}, "request_id"),
        (Ids("R2", "ONLINE"), {"registrationRequestId": "R2"}, "request_id"),
        (Ids("R2", None, "S1"), {"registrationRequestId": "R2"}, "request_id"),
        (Ids("R2", "NOBODY", "S9"), {"registrationRequestId": "R2"}, "request_id"),
        (Ids(merchant="ONLINE"), {"referenceMerchantId": "ONLINE"}, "merchant"),
        (Ids(merchant="BOTH"), {"referenceMerchantId": "BOTH"}, "merchant"),
        (
            Ids(merchant="BOTH", store="S1"),
            {"referenceMerchantId": "BOTH", "referenceStoreId": "S1"},
            "merchant_store",
        ),
        (
            Ids(merchant="INSTORE", store="S1"),
            {"referenceMerchantId": "INSTORE", "referenceStoreId": "S1"},
            "merchant_store",
        ),
        (
            Ids(merchant="BOTH", store="S" * 32),
            {"referenceMerchantId": "BOTH", "referenceStoreId": "S" * 32},
            "merchant_store",
        ),
        (Ids(merchant="N" * 32), {"referenceMerchantId": "N" * 32}, "merchant"),
    ],
)
def test_what_may_be_asked(on_record: Store, ids: Ids, members: dict[str, str], asked_how: str) -> None:
    question = ask(on_record, ids)
    assert (question.members, question.asked_how, question.warning) == (members, asked_how, None)


@pytest.mark.parametrize(
    ("ids", "kind", "text"),
    [
        (Ids(), IllegalValue, "name a registration request with --request-id, or a merchant with --merchant"),
        (Ids(store="S1"), IllegalValue, "a store needs its merchant; name it with --merchant"),
        (Ids(merchant="ONLINE", store="S1"), IllegalState, "merchant ONLINE sells online alone; ask without --store"),
        (Ids(merchant="INSTORE"), IllegalState, "merchant INSTORE sells in stores alone; name one with --store"),
        (Ids(merchant="M" * 65), IllegalValue, "merchant id must not be longer than 64 characters"),
        (Ids(merchant="BOTH", store="S" * 33), IllegalValue, "store id must not be longer than 32 characters"),
        (Ids(request_id="R" * 65), IllegalValue, "registration request id must not be longer than 64 characters"),
        (Ids(merchant=""), IllegalValue, "merchant id must not be empty; leave it out instead"),
        (Ids(merchant="BOTH", store=""), IllegalValue, "store id must not be empty; leave it out instead"),
        (Ids(request_id=""), IllegalValue, "registration request id must not be empty; leave it out instead"),
        # Given and empty is no reason to fall back on the others.
        (Ids("", "BOTH"), IllegalValue, "registration request id must not be empty; leave it out instead"),
        (Ids(merchant="M\x00"), IllegalValue, "merchant id must not contain NUL or a lone surrogate"),
        (Ids(request_id="R\ud800"), IllegalValue, "registration request id must not contain NUL or a lone surrogate"),
        (Ids(merchant="NOBODY"), NotOnRecord, "no merchant NOBODY on record; see: acqp-gateway merchants list"),
        (Ids(merchant="both"), NotOnRecord, "no merchant both on record; see: acqp-gateway merchants list"),
        (
            Ids(merchant="BOTH", store="S9"),
            NotOnRecord,
            "merchant BOTH has no store S9 on record; see: acqp-gateway stores list --merchant BOTH",
        ),
        (
            Ids(request_id="R9"),
            NotOnRecord,
            "no registration request R9 on record; run first: acqp-gateway registrations add",
        ),
        (
            Ids("R9", "BOTH"),
            NotOnRecord,
            "no registration request R9 on record; run first: acqp-gateway registrations add",
        ),
    ],
)
def test_what_is_refused(on_record: Store, ids: Ids, kind: type[CommandRefused], text: str) -> None:
    with pytest.raises(kind) as caught:
        ask(on_record, ids)
    assert str(caught.value) == text


@pytest.mark.parametrize("merchant_id", ["N" * 33, LONGEST])
def test_a_merchant_id_that_newer_editions_do_not_allow_is_asked_about_with_a_warning(
    on_record: Store, merchant_id: str
) -> None:
    question = ask(on_record, Ids(merchant=merchant_id, store="S1"))
    assert question.members == {"referenceMerchantId": merchant_id, "referenceStoreId": "S1"}
    assert question.warning is not None
    assert "is longer than 32 characters, which newer editions of the document do not allow" in question.warning


def test_a_long_merchant_id_that_is_not_sent_is_no_reason_to_warn(on_record: Store) -> None:
    assert ask(on_record, Ids("R1", LONGEST)).warning is None


def test_asking_a_question_changes_nothing(on_record: Store) -> None:
    before = snapshot(on_record)
    ask(on_record, Ids(merchant="ONLINE"))
    ask(on_record, Ids(merchant="N" * 32))
    assert snapshot(on_record) == before


def test_the_subject_of_an_older_request_is_the_same(on_record: Store) -> None:
    assert ask(on_record, Ids("R1")).subject == Subject("BOTH", None, "R1")
    assert ask(on_record, Ids("R3")).subject == Subject("INSTORE", "S1", "R3")


def test_the_best_question_about_a_standing(store: Store) -> None:
    add_merchant(store, stores=["S1"])
    by_merchant = asking.about(store, Subject("M1", "S1"))
    assert by_merchant.members == {"referenceMerchantId": "M1", "referenceStoreId": "S1"}
    by_request = asking.about(store, Subject("M1", "S1", "R1"))
    assert by_request.members == {"registrationRequestId": "R1"}
    merchants.change(store, "M1", {"sells": "IN_STORE"})
    with pytest.raises(IllegalState, match="sells in stores alone"):
        asking.about(store, Subject("M1", None))
