"""The objects that the messages share, with the lengths of their members. Amounts are in minor units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import fields, post_load, validate

from acqp_gateway.protocol.fields import Flag, Moment, NaturalNumber, Text, WireSchema


class ResultSchema(WireSchema):
    """Result: resultCode, resultStatus, resultMessage."""

    code = Text(64, data_key="resultCode", required=True)
    status = Text(1, data_key="resultStatus", required=True, validate=validate.OneOf(["S", "F", "U"]))
    message = Text(256, data_key="resultMessage")


class ResultAloneSchema(WireSchema):
    """An answer that is nothing but a result."""

    result = fields.Nested(ResultSchema, required=True)


class FinalResultSchema(ResultSchema):
    """The Result of something that has come to its end: S or F."""

    status = Text(1, data_key="resultStatus", required=True, validate=validate.OneOf(["S", "F"]))


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of money in minor units, with its ISO 4217 code."""

    currency: str
    value: int

    def as_members(self) -> dict[str, str]:
        """The members of an Amount object."""
        return {"currency": self.currency, "value": str(self.value)}


class AmountSchema(WireSchema):
    """Amount: an ISO 4217 code and a natural number of its smallest unit."""

    currency = Text(3, required=True, validate=validate.Regexp("[A-Z]{3}"))
    value = NaturalNumber(required=True)

    @post_load
    def as_amount(self, data: dict[str, Any], **_: Any) -> Amount:
        """The members as one object."""
        return Amount(**data)


class AddressSchema(WireSchema):
    """Address: region is ISO 3166, two letters."""

    region = Text(2)
    state = Text(8)
    city = Text(32)
    address1 = Text(256)
    address2 = Text(256)
    zip_code = Text(32, data_key="zipCode")


class StoreSchema(WireSchema):
    """Store: where the order is paid."""

    reference_store_id = Text(32, data_key="referenceStoreId")
    name = Text(256, data_key="storeName")
    display_name = Text(256, data_key="storeDisplayName")
    mcc = Text(4, data_key="storeMCC")
    address = fields.Nested(AddressSchema, data_key="storeAddress")
    terminal_id = Text(64, data_key="storeTerminalId")
    operator_id = Text(64, data_key="storeOperatorId")
    phone_no = Text(32, data_key="storePhoneNo")


class MerchantSchema(WireSchema):
    """Merchant: who sells."""

    reference_merchant_id = Text(64, data_key="referenceMerchantId")
    name = Text(256, data_key="merchantName")
    display_name = Text(256, data_key="merchantDisplayName")
    mcc = Text(4, data_key="merchantMCC")
    address = fields.Nested(AddressSchema, data_key="merchantAddress")
    store = fields.Nested(StoreSchema)


class GoodsSchema(WireSchema):
    """Goods: one line of an order."""

    reference_goods_id = Text(64, data_key="referenceGoodsId")
    name = Text(256, data_key="goodsName")
    category = Text(64, data_key="goodsCategory")
    brand = Text(64, data_key="goodsBrand")
    unit_amount = fields.Nested(AmountSchema, data_key="goodsUnitAmount")
    quantity = NaturalNumber(data_key="goodsQuantity")


class EnvSchema(WireSchema):
    """Env: the terminal, and the time at which it asked, in the merchant's own zone."""

    terminal_id = Text(64, data_key="storeTerminalId")
    terminal_request_time = Moment(data_key="storeTerminalRequestTime")
    terminal_type = Text(64, data_key="terminalType")
    os_type = Text(64, data_key="osType")
    client_ip = Text(64, data_key="clientIp")
    device_token_id = Text(64, data_key="deviceTokenId")


class OrderSchema(WireSchema):
    """Order: what the buyer and the merchant agreed on."""

    reference_order_id = Text(64, data_key="referenceOrderId", required=True)
    description = Text(256, data_key="orderDescription", required=True)
    amount = fields.Nested(AmountSchema, data_key="orderAmount", required=True)
    merchant = fields.Nested(MerchantSchema)
    goods = fields.List(fields.Nested(GoodsSchema), validate=validate.Length(1, 100))
    env = fields.Nested(EnvSchema)


class PaymentFactorSchema(WireSchema):
    """PaymentFactor: in which situation is paid."""

    is_in_store_payment = Flag(data_key="isInStorePayment")
    is_cashier_payment = Flag(data_key="isCashierPayment")
    in_store_payment_scenario = Text(64, data_key="inStorePaymentScenario")


class SettlementStrategySchema(WireSchema):
    """SettlementStrategy: the currency in which the ACQP wants to be settled."""

    settlement_currency = Text(3, data_key="settlementCurrency", validate=validate.Regexp("[A-Z]{3}"))


class UserSchema(WireSchema):
    """User: a wallet's user, as much of it as may be told."""

    user_id = Text(64, data_key="userId")
    login_id = Text(64, data_key="userLoginId")
    hash_login_id = Text(64, data_key="hashUserLoginId")
