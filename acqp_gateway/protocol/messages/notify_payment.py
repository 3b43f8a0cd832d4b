"""notifyPayment of the sister product, Alipay+ -> ACQP: a payment has reached its end. It is a fact already.

Repeated until it is acknowledged. Known in part only (docs/divergences.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import fields, post_load

from acqp_gateway.protocol.fields import Moment, Text, WireSchema
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.objects import Amount, AmountSchema, FinalResultSchema, ResultAloneSchema
from acqp_gateway.protocol.results import PAYMENT_NOTIFICATION


@dataclass(frozen=True, slots=True)
class Notification:
    """notifyPayment, request members; `result_status` is S or F."""

    result_code: str
    result_status: str
    payment_request_id: str
    acquirer_id: str
    payment_id: str | None = None
    psp_id: str | None = None
    payment_amount: Amount | None = None
    payment_time: datetime | None = None
    customer_id: str | None = None


class RequestSchema(WireSchema):
    """notifyPayment, request members."""

    payment_result = fields.Nested(FinalResultSchema, data_key="paymentResult", required=True)
    payment_request_id = Text(64, data_key="paymentRequestId", required=True)
    payment_id = Text(64, data_key="paymentId")
    acquirer_id = Text(64, data_key="acquirerId", required=True)
    psp_id = Text(64, data_key="pspId")
    payment_amount = fields.Nested(AmountSchema, data_key="paymentAmount")
    payment_time = Moment(data_key="paymentTime")
    customer_id = Text(64, data_key="customerId")

    @post_load
    def as_notification(self, data: dict[str, Any], **_: Any) -> Notification:
        """The members as one object."""
        result = data.pop("payment_result")
        return Notification(result_code=result["code"], result_status=result["status"], **data)


NOTIFY_PAYMENT_API = Api(
    name="notifyPayment",
    default_path="/aps/api/v1/payments/notifyPayment",
    peer_waits_s=5.0,
    results=PAYMENT_NOTIFICATION,
    request=RequestSchema(),
    response=ResultAloneSchema(),
)
