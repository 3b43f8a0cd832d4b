"""userInitiatedPay (private order code), Alipay+ -> ACQP: what does this code mean?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from marshmallow import fields, post_load, validate

from acqp_gateway.protocol.fields import Moment, Text, WireSchema
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.objects import (
    AmountSchema,
    OrderSchema,
    PaymentFactorSchema,
    ResultSchema,
    SettlementStrategySchema,
)
from acqp_gateway.protocol.results import USER_INITIATED_PAY
from acqp_gateway.text import LONGEST_CODE_VALUE

ORDER_CODE = "ORDER_CODE"
IN_STORE_ORDER_CODE_SCENARIO = "OrderCode"

#: How long Alipay+ lets a customer pay unless paymentExpiryTime says a shorter time.
DEFAULT_PAYMENT_EXPIRY = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Request:
    """userInitiatedPay, Request parameters."""

    code_value: str
    acquirer_id: str | None = None
    psp_id: str | None = None
    customer_id: str | None = None


class RequestSchema(WireSchema):
    """userInitiatedPay, Request parameters."""

    acquirer_id = Text(64, data_key="acquirerId")
    psp_id = Text(64, data_key="pspId")
    code_value = Text(LONGEST_CODE_VALUE, data_key="codeValue", required=True)
    customer_id = Text(64, data_key="customerId")

    @post_load
    def as_request(self, data: dict[str, Any], **_: Any) -> Request:
        """The members as one object."""
        return Request(**data)


class ResponseSchema(WireSchema):
    """userInitiatedPay, Response parameters; all but the result only when it is SUCCESS."""

    result = fields.Nested(ResultSchema, required=True)
    code_type = Text(64, data_key="codeType", validate=validate.Equal(ORDER_CODE))
    payment_request_id = Text(64, data_key="paymentRequestId")
    payment_factor = fields.Nested(PaymentFactorSchema, data_key="paymentFactor")
    order = fields.Nested(OrderSchema)
    payment_amount = fields.Nested(AmountSchema, data_key="paymentAmount")
    payment_expiry_time = Moment(data_key="paymentExpiryTime")
    settlement_strategy = fields.Nested(SettlementStrategySchema, data_key="settlementStrategy")


USER_INITIATED_PAY_API = Api(
    name="userInitiatedPay",
    default_path="/aps/api/v1/payments/userInitiatedPay",
    peer_waits_s=8.0,
    results=USER_INITIATED_PAY,
    request=RequestSchema(),
    response=ResponseSchema(),
)
