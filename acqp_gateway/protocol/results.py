"""Every result code of the documents, in their order; spelt nowhere else.

Documents: userInitiatedPay, inquiryRegistrationStatus, inquiryPayment (with its Payment result codes),
inquiryCustomerId and inquiryUserInfo, Result/Error codes. What pushPayment and its kin answer is known in part only.
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
INVALID_TOKEN = ResultCode("INVALID_TOKEN", _F, "The access token is invalid.")
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
ORDER_NOT_EXIST = ResultCode("ORDER_NOT_EXIST", _F, "The order doesn't exist.")
PARAM_ILLEGAL = ResultCode("PARAM_ILLEGAL", _F, "Illegal parameters. For example, non-numeric input, invalid date.")
PAYMENT_AMOUNT_EXCEED_LIMIT = ResultCode(
    "PAYMENT_AMOUNT_EXCEED_LIMIT", _F, "The payment amount exceeds the limit that is specified by Alipay+."
)
PAYMENT_AMOUNT_INVALID = ResultCode("PAYMENT_AMOUNT_INVALID", _F, "Payment amount is invalid.")
PAYMENT_COUNT_EXCEED_LIMIT = ResultCode("PAYMENT_COUNT_EXCEED_LIMIT", _F, "The number of payments exceeds the limit.")
PAYMENT_IN_PROCESS = ResultCode("PAYMENT_IN_PROCESS", _U, "The payment is being processed.")
PROCESS_FAIL = ResultCode("PROCESS_FAIL", _F, "A general business failure occurred. Do not retry.")
RECORD_NOT_FOUND = ResultCode(
    "RECORD_NOT_FOUND",
    _F,
    "The system is not able to find the registration record for the given referenceMerchantId"
    " and/or referenceStoreId.",
)
REGULATION_RESTRICTION = ResultCode("REGULATION_RESTRICTION", _F, "The payment failed due to regulatory restriction.")
REQUEST_TRAFFIC_EXCEED_LIMIT = ResultCode(
    "REQUEST_TRAFFIC_EXCEED_LIMIT", _U, "The request traffic exceeds the limit."
)
RISK_REJECT = ResultCode("RISK_REJECT", _F, "The request is rejected because of the risk control.")
UNAVAILABLE_PAYMENT_METHOD = ResultCode("UNAVAILABLE_PAYMENT_METHOD", _F, "The payment method is unavailable.")
UNKNOWN_EXCEPTION = ResultCode("UNKNOWN_EXCEPTION", _U, "An API call failed, which is caused by unknown reasons.")
USER_AMOUNT_EXCEED_LIMIT = ResultCode(
    "USER_AMOUNT_EXCEED_LIMIT",
    _F,
    "The payment amount exceeds the payment limit that is specified by the user's digital wallet.",
)
USER_BALANCE_NOT_ENOUGH = ResultCode("USER_BALANCE_NOT_ENOUGH", _F, "The user balance is not enough for the payment.")
USER_KYC_NOT_QUALIFIED = ResultCode("USER_KYC_NOT_QUALIFIED", _F, "The user is not KYC compliant.")
USER_NOT_EXIST = ResultCode("USER_NOT_EXIST", _F, "The user does not exist.")
USER_PAYMENT_VERIFICATION_FAILED = ResultCode(
    "USER_PAYMENT_VERIFICATION_FAILED",
    _F,
    "User fails to pass the payment verification in the methods like OPT, PIN, and so on.",
)
USER_STATUS_ABNORMAL = ResultCode("USER_STATUS_ABNORMAL", _F, "The user status is abnormal.")

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

INQUIRY_PAYMENT = (
    SUCCESS,
    ACCESS_DENIED,
    INVALID_CLIENT,
    INVALID_SIGNATURE,
    KEY_NOT_FOUND,
    MEDIA_TYPE_NOT_ACCEPTABLE,
    METHOD_NOT_SUPPORTED,
    NO_INTERFACE_DEF,
    ORDER_NOT_EXIST,
    PARAM_ILLEGAL,
    PROCESS_FAIL,
    REQUEST_TRAFFIC_EXCEED_LIMIT,
    UNKNOWN_EXCEPTION,
)

#: inquiryPayment, Payment result codes: what a paymentResult may say.
PAYMENT_RESULTS = (
    SUCCESS,
    BUSINESS_NOT_SUPPORT,
    CURRENCY_NOT_SUPPORT,
    EXPIRED_CODE,
    INVALID_CODE,
    INVALID_CONTRACT,
    INVALID_TOKEN,
    MERCHANT_NOT_REGISTERED,
    ORDER_IS_CLOSED,
    PAYMENT_AMOUNT_EXCEED_LIMIT,
    PAYMENT_COUNT_EXCEED_LIMIT,
    PROCESS_FAIL,
    REGULATION_RESTRICTION,
    RISK_REJECT,
    UNAVAILABLE_PAYMENT_METHOD,
    USER_AMOUNT_EXCEED_LIMIT,
    USER_BALANCE_NOT_ENOUGH,
    USER_KYC_NOT_QUALIFIED,
    USER_NOT_EXIST,
    USER_PAYMENT_VERIFICATION_FAILED,
    USER_STATUS_ABNORMAL,
    PAYMENT_IN_PROCESS,
)

INQUIRY_CUSTOMER_ID = (
    SUCCESS,
    ACCESS_DENIED,
    INVALID_CLIENT,
    INVALID_CODE,
    INVALID_SIGNATURE,
    KEY_NOT_FOUND,
    MEDIA_TYPE_NOT_ACCEPTABLE,
    METHOD_NOT_SUPPORTED,
    NO_INTERFACE_DEF,
    PARAM_ILLEGAL,
    PROCESS_FAIL,
    USER_NOT_EXIST,
    REQUEST_TRAFFIC_EXCEED_LIMIT,
    UNKNOWN_EXCEPTION,
)

INQUIRY_USER_INFO = (
    SUCCESS,
    ACCESS_DENIED,
    INVALID_CLIENT,
    INVALID_SIGNATURE,
    INVALID_TOKEN,
    KEY_NOT_FOUND,
    MEDIA_TYPE_NOT_ACCEPTABLE,
    METHOD_NOT_SUPPORTED,
    NO_INTERFACE_DEF,
    PARAM_ILLEGAL,
    PROCESS_FAIL,
    REQUEST_TRAFFIC_EXCEED_LIMIT,
    UNKNOWN_EXCEPTION,
)

#: What we answer to a pushPayment: the refusals of a decode, and those of its own. Ours: its page is known in part.
PUSH_PAYMENT = (*USER_INITIATED_PAY, ORDER_NOT_EXIST, PAYMENT_IN_PROCESS)

#: What is answered to inquiryPushPayment, notifyPushPayment and notifyPayment. Ours, likewise.
INQUIRY_PUSH_PAYMENT = INQUIRY_PAYMENT
PAYMENT_NOTIFICATION = tuple(result for result in INQUIRY_PAYMENT if result is not ORDER_NOT_EXIST)

#: Every code that some document or page has, each once.
ALL = tuple(
    dict.fromkeys(
        (
            *USER_INITIATED_PAY,
            *INQUIRY_REGISTRATION_STATUS,
            *INQUIRY_PAYMENT,
            *PAYMENT_RESULTS,
            *INQUIRY_CUSTOMER_ID,
            *INQUIRY_USER_INFO,
        )
    )
)
BY_CODE = {result.code: result for result in ALL}

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
