"""pushPayment, Alipay+ -> ACQP: the customer has paid what the code stands for.

Its page is known in part only (docs/divergences.md): members without REQUIRED may be missing, and others are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import fields, post_load

from acqp_gateway.protocol.fields import Text, WireSchema
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.objects import Amount, AmountSchema, ResultAloneSchema
from acqp_gateway.protocol.results import PUSH_PAYMENT
from acqp_gateway.text import LONGEST_CODE_VALUE


@dataclass(frozen=True, slots=True)
class Request:
    """pushPayment, request members; `payment_id` is the idempotency key."""

    acquirer_id: str
    psp_id: str
    code_value: str
    payment_id: str
    payment_request_id: str | None = None
    payment_amount: Amount | None = None
    settlement_amount: Amount | None = None
    customer_id: str | None = None


class RequestSchema(WireSchema):
    """pushPayment, request members."""

    acquirer_id = Text(64, data_key="acquirerId", required=True)
    psp_id = Text(64, data_key="pspId", required=True)
    code_value = Text(LONGEST_CODE_VALUE, data_key="codeValue", required=True)
    payment_id = Text(64, data_key="paymentId", required=True)
    payment_request_id = Text(64, data_key="paymentRequestId")
    payment_amount = fields.Nested(AmountSchema, data_key="paymentAmount")
    settlement_amount = fields.Nested(AmountSchema, data_key="settlementAmount")
    customer_id = Text(64, data_key="customerId")

    @post_load
    def as_request(self, data: dict[str, Any], **_: Any) -> Request:
        """The members as one object."""
        return Request(**data)


PUSH_PAYMENT_API = Api(
    name="pushPayment",
    default_path="/aps/api/v1/payments/pushPayment",
    peer_waits_s=8.0,
    results=PUSH_PAYMENT,
    request=RequestSchema(),
    response=ResultAloneSchema(),
)
