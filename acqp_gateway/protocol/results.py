"""Every result code of the documents, in their order; spelt nowhere else.

Documents: userInitiatedPay and inquiryRegistrationStatus, Result/Error codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ResultStatus(StrEnum):
    """Result.resultStatus: success, failure, unknown."""

    S = "S"
    F = "F"
    U = "U"


@dataclass(frozen=True, slots=True)
class ResultCode:
    """One row of a document's table: what resultCode, resultStatus and resultMessage go together."""

    code: str
    status: ResultStatus
    message: str

    def as_members(self) -> dict[str, str]:
        """The members of a Result object."""
        return {"resultCode": self.code, "resultStatus": self.status.value, "resultMessage": self.message}


_S, _F, _U = ResultStatus.S, ResultStatus.F, ResultStatus.U

SUCCESS = ResultCode("SUCCESS", _S, "Success")
ACCESS_DENIED = ResultCode("ACCESS_DENIED", _F, "Access is denied.")
BUSINESS_NOT_SUPPORT = ResultCode("BUSINESS_NOT_SUPPORT", _F, "The payment business is not supported.")
CURRENCY_NOT_SUPPORT = ResultCode("CURRENCY_NOT_SUPPORT", _F, "The currency is not supported.")
EXPIRED_CODE = ResultCode("EXPIRED_CODE", _F, "The code is expired.")
INVALID_CLIENT = ResultCode("INVALID_CLIENT", _F, "The client is invalid.")
INVALID_CODE = ResultCode("INVALID_CODE", _F, "The code is invalid.")
INVALID_CONTRACT = ResultCode("INVALID_CONTRACT", _F, "The contract is invalid.")
INVALID_MERCHANT_STATUS = ResultCode(
    "INVALID_MERCHANT_STATUS",
    _F,
    "The merchant status is abnormal due to restrictions, for example, the merchant's operation has been suspended.",
)
INVALID_SIGNATURE = ResultCode("INVALID_SIGNATURE", _F, "The signature is invalid.")
KEY_NOT_FOUND = ResultCode("KEY_NOT_FOUND", _F, "The key is not found.")
MEDIA_TYPE_NOT_ACCEPTABLE = ResultCode(
    "MEDIA_TYPE_NOT_ACCEPTABLE",
    _F,
    "The server does not implement the media type that is acceptable to the client.",
)
MERCHANT_KYB_NOT_QUALIFIED = ResultCode(
    "MERCHANT_KYB_NOT_QUALIFIED", _F, "The merchant's KYB failed or KYB level is not high enough."
)
MERCHANT_NOT_REGISTERED = ResultCode("MERCHANT_NOT_REGISTERED", _F, "The merchant is not registered.")
METHOD_NOT_SUPPORTED = ResultCode(
    "METHOD_NOT_SUPPORTED", _F, "The server does not implement the requested HTTPS method."
)
NO_INTERFACE_DEF = ResultCode("NO_INTERFACE_DEF", _F, "API is not defined.")
ORDER_IS_CLOSED = ResultCode("ORDER_IS_CLOSED", _F, "The order is closed.")
PARAM_ILLEGAL = ResultCode("PARAM_ILLEGAL", _F, "Illegal parameters. For example, non-numeric input, invalid date.")
PAYMENT_AMOUNT_INVALID = ResultCode("PAYMENT_AMOUNT_INVALID", _F, "Payment amount is invalid.")
PROCESS_FAIL = ResultCode("PROCESS_FAIL", _F, "A general business failure occurred. Do not retry.")
RECORD_NOT_FOUND = ResultCode(
    "RECORD_NOT_FOUND",
    _F,
    "The system is not able to find the registration record for the given referenceMerchantId"
    " and/or referenceStoreId.",
)
REQUEST_TRAFFIC_EXCEED_LIMIT = ResultCode(
    "REQUEST_TRAFFIC_EXCEED_LIMIT", _U, "The request traffic exceeds the limit."
)
UNKNOWN_EXCEPTION = ResultCode("UNKNOWN_EXCEPTION", _U, "An API call failed, which is caused by unknown reasons.")

USER_INITIATED_PAY = (
    SUCCESS,
    ACCESS_DENIED,
    BUSINESS_NOT_SUPPORT,
    CURRENCY_NOT_SUPPORT,
    EXPIRED_CODE,
    INVALID_CLIENT,
    INVALID_CODE,
    INVALID_CONTRACT,
    INVALID_MERCHANT_STATUS,
    INVALID_SIGNATURE,
    KEY_NOT_FOUND,
    MEDIA_TYPE_NOT_ACCEPTABLE,
    MERCHANT_KYB_NOT_QUALIFIED,
    MERCHANT_NOT_REGISTERED,
    METHOD_NOT_SUPPORTED,
    NO_INTERFACE_DEF,
    ORDER_IS_CLOSED,
    PARAM_ILLEGAL,
    PAYMENT_AMOUNT_INVALID,
    PROCESS_FAIL,
    REQUEST_TRAFFIC_EXCEED_LIMIT,
    UNKNOWN_EXCEPTION,
)

INQUIRY_REGISTRATION_STATUS = (
    SUCCESS,
    ACCESS_DENIED,
    INVALID_CLIENT,
    INVALID_SIGNATURE,
    KEY_NOT_FOUND,
    MEDIA_TYPE_NOT_ACCEPTABLE,
    METHOD_NOT_SUPPORTED,
    NO_INTERFACE_DEF,
    PARAM_ILLEGAL,
    PROCESS_FAIL,
    RECORD_NOT_FOUND,
    REQUEST_TRAFFIC_EXCEED_LIMIT,
    UNKNOWN_EXCEPTION,
)

_CONTACT_SUPPORT = "Contact Alipay+ support (connect_support@service.alipay.com)."

#: inquiryRegistrationStatus, Result/Error codes, Further action (in our words), for the person who asked.
FURTHER_ACTIONS = {
    ACCESS_DENIED: _CONTACT_SUPPORT,
    INVALID_CLIENT: _CONTACT_SUPPORT,
    INVALID_SIGNATURE: "Check the public key given to Alipay+, the signed text and the algorithm.",
    KEY_NOT_FOUND: _CONTACT_SUPPORT,
    MEDIA_TYPE_NOT_ACCEPTABLE: "Send a media type that Alipay+ accepts.",
    METHOD_NOT_SUPPORTED: "Send the request as POST.",
    NO_INTERFACE_DEF: "Check the URL of the API.",
    PARAM_ILLEGAL: "Check the header and body parameters against the API's document.",
    PROCESS_FAIL: _CONTACT_SUPPORT,
    RECORD_NOT_FOUND: "Check the merchant and store ids; if they are right, contact Alipay+ support"
    " (connect_support@service.alipay.com).",
    REQUEST_TRAFFIC_EXCEED_LIMIT: "Ask less often.",
    UNKNOWN_EXCEPTION: "Ask again.",
}
