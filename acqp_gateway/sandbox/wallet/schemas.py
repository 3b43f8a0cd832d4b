"""What the control API takes about the wallet: every member is checked, and none is let in that nobody knows."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from acqp_gateway.protocol.fields import Moment, NaturalNumber, Text
from acqp_gateway.protocol.messages.inquiry_customer_id import check_login_id
from acqp_gateway.protocol.messages.inquiry_payment import LONGEST_PASS_THROUGH_INFO
from acqp_gateway.protocol.messages.inquiry_user_info import SCOPES
from acqp_gateway.protocol.objects import AmountSchema
from acqp_gateway.sandbox.wallet.money import is_quote_price
from acqp_gateway.sandbox.wallet.records import ACTIVE, STATUSES

MOST_LOGIN_IDS = 20
MOST_REGIONS = 300
MOST_PAYMENTS_PER_DAY = 1_000_000
LONGEST_PROCESSING_S = 86_400
_RATE = r"[1-9][0-9]{0,6}/(second|minute|hour)\Z"


class _TrueOrFalse(fields.Field[bool]):
    """A JSON boolean, and nothing that looks like one."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


def _currency(data_key: str = "currency", **options: Any) -> Text:
    return Text(3, data_key=data_key, validate=validate.Regexp("[A-Z]{3}"), **options)


def _region() -> Text:
    return Text(2, validate=validate.Regexp("[A-Z]{2}"))


def _optional(longest: int, data_key: str) -> Text:
    return Text(longest, data_key=data_key, load_default=None, allow_none=True)


def _check_quote_price(text: str) -> None:
    if not is_quote_price(text):
        raise ValidationError("must be a price above 0 with at most 12 digits after the point, such as 0.0469")


class PspSchema(Schema):
    """An MPP."""

    psp_name = Text(64, data_key="pspName", required=True)
    psp_id = Text(64, data_key="pspId", required=True)
    currency = _currency(required=True)
    in_service = _TrueOrFalse(data_key="inService", load_default=True)
    contract_in_force = _TrueOrFalse(data_key="contractInForce", load_default=True)
    product_on = _TrueOrFalse(data_key="productOn", load_default=True)
    payment_limit = NaturalNumber(data_key="paymentLimit", load_default=None, allow_none=True)
    payments_per_day = fields.Integer(
        data_key="paymentsPerDay",
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(0, MOST_PAYMENTS_PER_DAY),
    )
    rate = Text(20, load_default=None, allow_none=True, validate=validate.Regexp(_RATE))
    restricted_regions = fields.List(
        _region(), data_key="restrictedRegions", load_default=list, validate=validate.Length(max=MOST_REGIONS)
    )
    pass_through_info = _optional(LONGEST_PASS_THROUGH_INFO, "passThroughInfo")


class UserSchema(Schema):
    """A user of an MPP."""

    psp_name = Text(64, data_key="pspName", required=True)
    psp_id = Text(64, data_key="pspId", required=True)
    customer_id = Text(64, data_key="customerId", required=True)
    name = Text(256, load_default=None)
    currency = _currency(required=True)
    balance = NaturalNumber(load_default=0)
    login_ids = fields.List(
        Text(64, validate=check_login_id),
        data_key="loginIds",
        load_default=list,
        validate=validate.Length(max=MOST_LOGIN_IDS),
    )
    status = fields.String(load_default=ACTIVE, validate=validate.OneOf(STATUSES))
    kyc_qualified = _TrueOrFalse(data_key="kycQualified", load_default=True)
    payment_limit = NaturalNumber(data_key="paymentLimit", load_default=None, allow_none=True)
    payment_method_available = _TrueOrFalse(data_key="paymentMethodAvailable", load_default=True)
    pin = _optional(32, "pin")
    region = Text(2, load_default=None, allow_none=True, validate=validate.Regexp("[A-Z]{2}"))
    on_risk_list = _TrueOrFalse(data_key="onRiskList", load_default=False)
    processing_seconds = fields.Integer(
        data_key="processingSeconds", strict=True, load_default=0, validate=validate.Range(0, LONGEST_PROCESSING_S)
    )


class TokenSchema(Schema):
    """An access token; one is made up where none is given."""

    access_token = Text(128, data_key="accessToken", load_default=lambda: secrets.token_urlsafe(32))
    psp_name = Text(64, data_key="pspName", required=True)
    psp_id = Text(64, data_key="pspId", required=True)
    customer_id = Text(64, data_key="customerId", required=True)
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)), required=True, validate=validate.Length(1, len(SCOPES))
    )
    expires_at = Moment(data_key="expiresAt", load_default=None, allow_none=True)
    revoked = _TrueOrFalse(load_default=False)


class PaymentCodeSchema(Schema):
    """A payment code; one is made up where none is given."""

    payment_code = Text(128, data_key="paymentCode", load_default=lambda: f"28{secrets.randbelow(10**16):016}")
    psp_name = Text(64, data_key="pspName", required=True)
    psp_id = Text(64, data_key="pspId", required=True)
    customer_id = Text(64, data_key="customerId", required=True)
    expires_at = Moment(data_key="expiresAt", load_default=None)


class QuoteSchema(Schema):
    """A quote."""

    psp_name = Text(64, data_key="pspName", required=True)
    psp_id = Text(64, data_key="pspId", required=True)
    from_currency = _currency("fromCurrency", required=True)
    to_currency = _currency("toCurrency", required=True)
    quote_price = Text(32, data_key="quotePrice", required=True, validate=_check_quote_price)

    @validates_schema
    def check_currencies(self, data: dict[str, Any], **_: Any) -> None:
        """A currency has no price in itself."""
        if data["from_currency"] == data["to_currency"]:
            raise ValidationError("must be another currency than fromCurrency", "toCurrency")


class PaymentSchema(Schema):
    """What a user confirms."""

    psp_id = Text(64, data_key="pspId", required=True)
    payment_request_id = Text(64, data_key="paymentRequestId", required=True)
    amount = fields.Nested(lambda: AmountSchema(unknown=RAISE), data_key="paymentAmount", required=True)
    customer_id = _optional(64, "customerId")
    payment_code = _optional(128, "paymentCode")
    access_token = _optional(128, "accessToken")
    pin = _optional(32, "pin")
    until = Moment(load_default=None, allow_none=True)
    merchant_id = _optional(64, "referenceMerchantId")
    store_id = _optional(64, "referenceStoreId")
    pass_through_info = _optional(LONGEST_PASS_THROUGH_INFO, "passThroughInfo")


class PaymentReferenceSchema(Schema):
    """Which payment is meant."""

    psp_id = Text(64, data_key="pspId", required=True)
    payment_request_id = Text(64, data_key="paymentRequestId", required=True)


class PassThroughSchema(PaymentReferenceSchema):
    """What is to be passed through with a payment from now on."""

    pass_through_info = Text(LONGEST_PASS_THROUGH_INFO, data_key="passThroughInfo", required=True, allow_none=True)
