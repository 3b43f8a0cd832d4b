"""inquiryPushPayment, Alipay+ -> ACQP: what has become of a pushPayment?

Known in part only (docs/divergences.md). Asked again and again while a pushPayment has no final answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import fields, post_load

from acqp_gateway.protocol.fields import Text, WireSchema
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.objects import ResultSchema
from acqp_gateway.protocol.results import INQUIRY_PUSH_PAYMENT
from acqp_gateway.text import LONGEST_CODE_VALUE

#: How many seconds Alipay+ waits before each inquiry, while there is no final answer.
SCHEDULE_S = (4.0, 4.0, 30.0, 60.0, 60.0, 60.0, 300.0, 300.0)


@dataclass(frozen=True, slots=True)
class Request:
    """inquiryPushPayment, request members."""

    acquirer_id: str
    psp_id: str
    code_value: str
    payment_id: str
    payment_request_id: str | None = None


class RequestSchema(WireSchema):
    """inquiryPushPayment, request members."""

    acquirer_id = Text(64, data_key="acquirerId", required=True)
    psp_id = Text(64, data_key="pspId", required=True)
    code_value = Text(LONGEST_CODE_VALUE, data_key="codeValue", required=True)
    payment_id = Text(64, data_key="paymentId", required=True)
    payment_request_id = Text(64, data_key="paymentRequestId")

    @post_load
    def as_request(self, data: dict[str, Any], **_: Any) -> Request:
        """The members as one object."""
        return Request(**data)


class ResponseSchema(WireSchema):
    """What became of the payment; `paymentResult` only when the result is S."""

    result = fields.Nested(ResultSchema, required=True)
    payment_result = fields.Nested(ResultSchema, data_key="paymentResult")


INQUIRY_PUSH_PAYMENT_API = Api(
    name="inquiryPushPayment",
    default_path="/aps/api/v1/payments/inquiryPushPayment",
    peer_waits_s=5.0,
    results=INQUIRY_PUSH_PAYMENT,
    request=RequestSchema(),
    response=ResponseSchema(),
)
