"""notifyPushPayment, ACQP -> Alipay+: what became of a pushPayment whose answer left it open.

Known in part only (docs/divergences.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, post_load, validates_schema

from acqp_gateway.protocol.fields import Moment, Text, WireSchema
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.objects import FinalResultSchema, ResultAloneSchema
from acqp_gateway.protocol.results import PAYMENT_NOTIFICATION, ResultStatus


@dataclass(frozen=True, slots=True)
class Notification:
    """notifyPushPayment, request members; `result_status` is S or F."""

    result_code: str
    result_status: str
    payment_id: str
    payment_request_id: str | None
    payment_time: datetime | None


class RequestSchema(WireSchema):
    """notifyPushPayment, request members; paymentRequestId and paymentTime are required on S."""

    payment_result = fields.Nested(FinalResultSchema, data_key="paymentResult", required=True)
    payment_id = Text(64, data_key="paymentId", required=True)
    payment_request_id = Text(64, data_key="paymentRequestId")
    payment_time = Moment(data_key="paymentTime")

    @validates_schema
    def check_success(self, data: dict[str, Any], **_: Any) -> None:
        """A success names its order and its time."""
        if data.get("payment_result", {}).get("status") != ResultStatus.S:
            return
        missing = [
            data_key
            for name, data_key in (("payment_request_id", "paymentRequestId"), ("payment_time", "paymentTime"))
            if name not in data
        ]
        if missing:
            raise ValidationError({name: ["required when the payment succeeded"] for name in missing})

    @post_load
    def as_notification(self, data: dict[str, Any], **_: Any) -> Notification:
        """The members as one object."""
        return Notification(
            data["payment_result"]["code"],
            data["payment_result"]["status"],
            data["payment_id"],
            data.get("payment_request_id"),
            data.get("payment_time"),
        )


NOTIFY_PUSH_PAYMENT_API = Api(
    name="notifyPushPayment",
    default_path="/aps/api/v1/payments/notifyPushPayment",
    peer_waits_s=5.0,
    results=PAYMENT_NOTIFICATION,
    request=RequestSchema(),
    response=ResultAloneSchema(),
)
