"""inquiryCustomerId, Alipay+ -> MPP: whose payment code, or whose login id, is this?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from acqp_gateway.protocol.fields import Text, WireSchema
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.objects import ResultSchema
from acqp_gateway.protocol.results import INQUIRY_CUSTOMER_ID

BY_PAYMENT_CODE = "BY_PAYMENT_CODE"
BY_LOGIN_ID = "BY_LOGIN_ID"

#: inquiryType -> the member that must come with it.
COMPANIONS = {BY_PAYMENT_CODE: "paymentCode", BY_LOGIN_ID: "plaintextUserLoginId"}

_E_164 = re.compile(r"\+[1-9][0-9]{1,14}")
_LOOKS_LIKE_A_NUMBER = re.compile(r"[0-9+().\s\u2010-\u2015/-]+")


@dataclass(frozen=True, slots=True)
class Request:
    """inquiryCustomerId, Request parameters."""

    acquirer_id: str
    psp_id: str
    inquiry_type: str
    plaintext_user_login_id: str | None = None
    payment_code: str | None = None


def check_login_id(login_id: str) -> None:
    """Raise ValidationError for a mobile number that is not in E.164 form."""
    if _LOOKS_LIKE_A_NUMBER.fullmatch(login_id) and not _E_164.fullmatch(login_id):
        raise ValidationError("a mobile number must be in E.164 form, such as +442044555666")


class RequestSchema(WireSchema):
    """inquiryCustomerId, Request parameters; of the two ids the one that inquiryType asks for is required."""

    acquirer_id = Text(64, data_key="acquirerId", required=True)
    psp_id = Text(64, data_key="pspId", required=True)
    inquiry_type = Text(64, data_key="inquiryType", required=True, validate=validate.OneOf(list(COMPANIONS)))
    plaintext_user_login_id = Text(64, data_key="plaintextUserLoginId", validate=check_login_id)
    payment_code = Text(128, data_key="paymentCode")

    @validates_schema
    def check_companion(self, data: dict[str, Any], **_: Any) -> None:
        """What inquiryType says is used must be there."""
        companion = COMPANIONS.get(data.get("inquiry_type", ""))
        given = {"paymentCode": "payment_code", "plaintextUserLoginId": "plaintext_user_login_id"}
        if companion is not None and given[companion] not in data:
            raise ValidationError({companion: [f"required with {data['inquiry_type']}"]})

    @post_load
    def as_request(self, data: dict[str, Any], **_: Any) -> Request:
        """The members as one object."""
        return Request(**data)


class ResponseSchema(WireSchema):
    """inquiryCustomerId, Response parameters; customerId only with SUCCESS."""

    result = fields.Nested(ResultSchema, required=True)
    customer_id = Text(64, data_key="customerId")


INQUIRY_CUSTOMER_ID_API = Api(
    name="inquiryCustomerId",
    default_path="/aps/api/v1/users/inquiryCustomerId",
    peer_waits_s=5.0,
    results=INQUIRY_CUSTOMER_ID,
    request=RequestSchema(),
    response=ResponseSchema(),
)
