"""inquiryPayment, Alipay+ -> MPP: what has become of a payment? A wallet serves it; here the sandbox does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import fields, post_load

from acqp_gateway.protocol.fields import Moment, Text, WireSchema
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.objects import AmountSchema, ResultSchema
from acqp_gateway.protocol.results import INQUIRY_PAYMENT

LONGEST_PASS_THROUGH_INFO = 20_000


@dataclass(frozen=True, slots=True)
class Request:
    """inquiryPayment, Request parameters."""

    acquirer_id: str
    psp_id: str
    payment_request_id: str


class RequestSchema(WireSchema):
    """inquiryPayment, Request parameters."""

    acquirer_id = Text(64, data_key="acquirerId", required=True)
    psp_id = Text(64, data_key="pspId", required=True)
    payment_request_id = Text(64, data_key="paymentRequestId", required=True)

    @post_load
    def as_request(self, data: dict[str, Any], **_: Any) -> Request:
        """The members as one object."""
        return Request(**data)


class ResponseSchema(WireSchema):
    """inquiryPayment, Response parameters; all but the two results only when the payment succeeded."""

    result = fields.Nested(ResultSchema, required=True)
    payment_result = fields.Nested(ResultSchema, data_key="paymentResult")
    payment_id = Text(64, data_key="paymentId")
    payment_amount = fields.Nested(AmountSchema, data_key="paymentAmount")
    pay_to_amount = fields.Nested(AmountSchema, data_key="payToAmount")
    payment_time = Moment(data_key="paymentTime")
    customer_id = Text(64, data_key="customerId")
    customs_declaration_amount = fields.Nested(AmountSchema, data_key="customsDeclarationAmount")
    pass_through_info = Text(LONGEST_PASS_THROUGH_INFO, data_key="passThroughInfo")


INQUIRY_PAYMENT_API = Api(
    name="inquiryPayment",
    default_path="/aps/api/v1/payments/inquiryPayment",
    peer_waits_s=5.0,
    results=INQUIRY_PAYMENT,
    request=RequestSchema(),
    response=ResponseSchema(),
)
