"""inquiryRegistrationStatus, ACQP -> Alipay+: how does a merchant's registration stand?

Also what a notifyRegistrationStatus carries, which says the same of its own accord.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from acqp_gateway.protocol.fields import Text, WireSchema
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.objects import ResultSchema
from acqp_gateway.protocol.results import INQUIRY_REGISTRATION_STATUS
from acqp_gateway.text import storable

COMPLETED = "COMPLETED"
PENDING = "PENDING"
APPROVED = "APPROVED"
REJECTED = "REJECTED"

LONGEST_MERCHANT_ID = 64
#: Newer editions of the document allow no longer one; a longer id is sent with a warning.
LONGEST_MERCHANT_ID_OF_NEWER_EDITIONS = 32
LONGEST_STORE_ID = 32
LONGEST_REQUEST_ID = 64
#: Of somebody else's text no more than this is kept.
LONGEST_REASON = 1024
_MOST_ENTRIES = 500
_MOST_PRODUCTS = 20


class OpenText(fields.Field[str]):
    """A text of Alipay+'s that only people read: cut at `longest`, and what no store can keep replaced."""

    def __init__(self, longest: int, **options: Any) -> None:
        super().__init__(**options)
        self.longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be a string")
        return storable(value, self.longest)


@dataclass(frozen=True, slots=True)
class PspRegistration:
    """How the merchant stands with one MPP, for some products; the status as it came."""

    psp_name: str
    product_codes: tuple[str, ...]
    status: str
    rejection_reason: str | None


@dataclass(frozen=True, slots=True)
class Registration:
    """What an answer or a notification says. `psps` is None where it says nothing of single MPPs."""

    collective_status: str | None
    psps: tuple[PspRegistration, ...] | None


class RequestSchema(WireSchema):
    """inquiryRegistrationStatus, Request parameters."""

    reference_merchant_id = Text(LONGEST_MERCHANT_ID, data_key="referenceMerchantId")
    reference_store_id = Text(LONGEST_STORE_ID, data_key="referenceStoreId")
    registration_request_id = Text(LONGEST_REQUEST_ID, data_key="registrationRequestId")


class RegistrationResultSchema(WireSchema):
    """RegistrationResult: registrationStatus, and rejectionReason where an MPP rejected."""

    status = Text(256, data_key="registrationStatus", required=True)
    rejection_reason = OpenText(LONGEST_REASON, data_key="rejectionReason")


class PspRegistrationResultSchema(WireSchema):
    """PSPRegistrationResult: one MPP."""

    psp_name = Text(256, data_key="pspName", required=True)
    product_codes = fields.List(Text(128), data_key="productCodes", validate=validate.Length(max=_MOST_PRODUCTS))
    result = fields.Nested(RegistrationResultSchema, data_key="registrationResult", required=True)

    @post_load
    def as_psp_registration(self, data: dict[str, Any], **_: Any) -> PspRegistration:
        """The members as one object."""
        return PspRegistration(
            data["psp_name"],
            tuple(dict.fromkeys(data.get("product_codes", ()))),
            data["result"]["status"],
            data["result"].get("rejection_reason") or None,
        )


class RegistrationMembers(WireSchema):
    """What answer and notification have in common."""

    registration_result = fields.Nested(RegistrationResultSchema, data_key="registrationResult")
    psps = fields.List(
        fields.Nested(PspRegistrationResultSchema),
        data_key="pspRegistrationResultList",
        validate=validate.Length(max=_MOST_ENTRIES),
    )


def registration_of(data: Mapping[str, Any]) -> Registration:
    """What loaded members say."""
    collective = data.get("registration_result")
    psps = data.get("psps")
    return Registration(collective["status"] if collective else None, None if psps is None else tuple(psps))


class ResponseSchema(RegistrationMembers):
    """inquiryRegistrationStatus, Response parameters; all but the result only when it is S."""

    result = fields.Nested(ResultSchema, required=True)

    @post_load
    def as_registration(self, data: dict[str, Any], **_: Any) -> Registration:
        """What the answer says."""
        return registration_of(data)


INQUIRY_REGISTRATION_STATUS_API = Api(
    name="inquiryRegistrationStatus",
    default_path="/aps/api/v1/merchants/inquiryRegistrationStatus",
    peer_waits_s=5.0,
    results=INQUIRY_REGISTRATION_STATUS,
    request=RequestSchema(),
    response=ResponseSchema(),
)
