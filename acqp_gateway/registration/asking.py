"""What may be asked: inquiryRegistrationStatus, How to specify request parameters.

Everything is refused here, with its reason, before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from acqp_gateway.errors import IllegalState, IllegalValue
from acqp_gateway.protocol.messages.inquiry_registration_status import (
    LONGEST_MERCHANT_ID,
    LONGEST_MERCHANT_ID_OF_NEWER_EDITIONS,
    LONGEST_REQUEST_ID,
    LONGEST_STORE_ID,
)
from acqp_gateway.store import merchants, standings, values
from acqp_gateway.store.database import Store
from acqp_gateway.store.standings import Subject


@dataclass(frozen=True, slots=True)
class Question:
    """One inquiryRegistrationStatus: about whom, and what is sent; members that are not used are left out."""

    subject: Subject
    members: dict[str, str]
    asked_how: str
    warning: str | None = None


def by_request(store: Store, registration_request_id: str) -> Question:
    """Ask by registrationRequestId, the way that is preferred. Raises NotOnRecord, IllegalValue."""
    values.text("registration request id", registration_request_id, LONGEST_REQUEST_ID)
    request = standings.find_request(store, registration_request_id)
    return _by_request(Subject(request.merchant_id, request.store_id, registration_request_id))


def by_merchant(store: Store, merchant_id: str, store_id: str | None) -> Question:
    """Ask by merchant (online), or by merchant and store (in store).

    Raises NotOnRecord, IllegalValue, and IllegalState for a question that does not fit what the merchant sells.
    """
    values.text("merchant id", merchant_id, LONGEST_MERCHANT_ID)
    values.optional_text("store id", store_id, LONGEST_STORE_ID)
    with store.reading() as connection:
        merchant = merchants.require_merchant(connection, merchant_id)
        if store_id is not None and merchant.sells == "ONLINE":
            raise IllegalState(f"merchant {merchant_id} sells online alone; ask without --store")
        if store_id is None and merchant.sells == "IN_STORE":
            raise IllegalState(f"merchant {merchant_id} sells in stores alone; name one with --store")
        merchants.require(connection, merchant_id, store_id)
    return _by_merchant(merchant_id, store_id)


def question(
    store: Store, *, registration_request_id: str | None, merchant_id: str | None, store_id: str | None
) -> Question:
    """The question that these ids make; registrationRequestId wins, and is then sent alone.

    Raises IllegalValue, IllegalState, NotOnRecord.
    """
    if registration_request_id is not None:
        return by_request(store, registration_request_id)
    if merchant_id is None:
        if store_id is not None:
            raise IllegalValue("a store needs its merchant; name it with --merchant")
        raise IllegalValue("name a registration request with --request-id, or a merchant with --merchant")
    return by_merchant(store, merchant_id, store_id)


def about(store: Store, subject: Subject) -> Question:
    """The best question about a standing: by its newest request id, else by merchant and store. As `by_merchant`."""
    if subject.registration_request_id is not None:
        return _by_request(subject)
    return by_merchant(store, subject.merchant_id, subject.store_id)


def _by_request(subject: Subject) -> Question:
    return Question(subject, {"registrationRequestId": str(subject.registration_request_id)}, "request_id")


def _by_merchant(merchant_id: str, store_id: str | None) -> Question:
    members = {"referenceMerchantId": merchant_id}
    if store_id is not None:
        members["referenceStoreId"] = store_id
    warning = None
    if len(merchant_id) > LONGEST_MERCHANT_ID_OF_NEWER_EDITIONS:
        warning = (
            f"merchant id {merchant_id} is longer than {LONGEST_MERCHANT_ID_OF_NEWER_EDITIONS} characters,"
            " which newer editions of the document do not allow"
        )
    asked_how = "merchant" if store_id is None else "merchant_store"
    return Question(Subject(merchant_id, store_id), members, asked_how, warning=warning)
