"""Every refusal and failure that the project raises on purpose.

    GatewayError
    ├── ConfigurationError              the person who runs the gateway has to mend something
    │   ├── SettingError                  a setting, its file or its environment variable
    │   └── KeyFileError                  a key file: missing, unreadable, too open, wrong kind
    ├── StoreError
    │   ├── StoreUnavailable              unreachable, frozen or slow
    │   ├── StoreBusy                     this one record is held by somebody else for too long
    │   └── StoreNotMigrated              the tables are not those of this version
    ├── CommandRefused                  a person's or a till's wish; nothing was changed
    │   ├── NotOnRecord
    │   ├── AlreadyOnRecord
    │   ├── IllegalValue
    │   └── IllegalState
    ├── Refused                         what the peer reads in place of an answer
    │   ├── InterfaceNotDefined  MethodNotSupported  MediaTypeNotAcceptable
    │   ├── ClientUnknown  SignatureInvalid  KeyVersionUnknown  AccessDenied  TrafficLimitExceeded
    │   ├── ParameterIllegal              the bytes, the JSON or a member
    │   ├── OrderRefused                an order was looked up, and the answer is no: kept with the attempt
    │   │   ├── CodeUnknown  OrderClosed  CodeExpired  MerchantNotActive  KybNotQualified
    │   │   ├── NoContractInForce  BusinessNotSupported  MerchantNotRegistered
    │   │   │   CurrencyNotSupported  AmountInvalid  RecordsContradict
    │   │   └── OrderUnknown  PaymentContradicts
    │   ├── PaymentInProcess              not settled yet; what becomes of it is told afterwards
    │   └── UserRefused                 a wallet's own refusals: the sandbox plays one
    │       └── UserUnknown  TokenInvalid
    └── CallFailed                      a call of ours to somebody else brought no answer to believe
        ├── CallNotSent  Unreachable  TimedOut
        └── NotOk  NotAuthentic  NotUnderstood

`protocol/gate.py` turns a `Refused` (and a `StoreError`) into the result that the peer reads, by one table;
`cli` prints the others in one line.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Whatever the project raises on purpose; its text is one plain line for the person who reads it."""


class ConfigurationError(GatewayError):
    """Something that was configured cannot work; the text names it and the next step."""


class SettingError(ConfigurationError):
    """A setting is unknown, has a bad value or names something that is not there."""


class KeyFileError(ConfigurationError):
    """A key file is missing, may be read by others, or holds no RSA key of 2048 bits or more."""


class StoreError(GatewayError):
    """The store of merchants and orders did not do what was asked."""


class StoreUnavailable(StoreError):
    """The store is unreachable, frozen or too slow; what was asked may or may not have been done."""


class StoreBusy(StoreError):
    """The store works, but this record is held by another transaction for too long."""


class StoreNotMigrated(StoreError):
    """The store's tables are not those of this version of the gateway."""


class CommandRefused(GatewayError):
    """A wish that cannot be granted; nothing was changed, and the text says what to mend."""


class NotOnRecord(CommandRefused):
    """The merchant, store, order or client that was named is not in the store."""


class AlreadyOnRecord(CommandRefused):
    """An id or a code that must be unique is in the store already."""


class IllegalValue(CommandRefused):
    """A value breaks its rule: a length, an amount, a currency, a time."""


class IllegalState(CommandRefused):
    """The record is in a state that does not allow what was asked."""


class Refused(GatewayError):
    """A peer's request is refused.

    `reason` is a short label for logs and metrics, telling apart what shares a result code; `detail` goes to
    the log alone, never to the peer.
    """

    reason = "refused"

    def __init__(self, reason: str | None = None, detail: str = "") -> None:
        self.reason = reason or type(self).reason
        #: More for the log: which order, which wallet.
        self.facts: dict[str, str | None] = {}
        self.detail = detail
        super().__init__(f"{self.reason}: {detail}" if detail else self.reason)


class InterfaceNotDefined(Refused):
    """The target lies under the API prefix and is no API, byte for byte."""

    reason = "no_such_interface"


class MethodNotSupported(Refused):
    """The method is not POST."""

    reason = "method_not_post"


class MediaTypeNotAcceptable(Refused):
    """The content type, charset, content encoding or Accept is not one that we speak."""

    reason = "media_type"


class ClientUnknown(Refused):
    """Client-Id is missing, or names nobody whom we know."""

    reason = "unknown_client"


class SignatureInvalid(Refused):
    """The signature is missing, malformed, of another algorithm or wrong."""

    reason = "bad_signature"


class KeyVersionUnknown(Refused):
    """keyVersion names a key that we do not hold for this client."""

    reason = "unknown_key_version"


class AccessDenied(Refused):
    """The client is switched off, the request is outside the time window, or it is meant for another ACQP."""

    reason = "access_denied"


class TrafficLimitExceeded(Refused):
    """This client sends more than the configured rate."""

    reason = "traffic_limit"


class ParameterIllegal(Refused):
    """The body is too large, no JSON object, or has a member against its rule."""

    reason = "illegal_parameter"


class OrderRefused(Refused):
    """The look-up took place, and the answer is no: the order is not to be paid, or not like this."""


class CodeUnknown(OrderRefused):
    """No order has this code."""

    reason = "unknown_code"


class OrderClosed(OrderRefused):
    """The order is paid, closed or cancelled."""

    reason = "order_closed"


class CodeExpired(OrderRefused):
    """The order is past its time."""

    reason = "code_expired"


class MerchantNotActive(OrderRefused):
    """The merchant or the store is suspended or closed."""

    reason = "merchant_not_active"


class KybNotQualified(OrderRefused):
    """The merchant's KYB failed, or is below the level that the contract asks."""

    reason = "kyb_not_qualified"


class NoContractInForce(OrderRefused):
    """The merchant has no contract in force."""

    reason = "no_contract_in_force"


class BusinessNotSupported(OrderRefused):
    """None of the contracts in force is for in-store order codes."""

    reason = "product_not_in_contract"


class MerchantNotRegistered(OrderRefused):
    """The MPP needs registration, and the merchant is not approved there."""

    reason = "not_registered"


class CurrencyNotSupported(OrderRefused):
    """None of the contracts is in the order's currency."""

    reason = "currency_not_in_contract"


class AmountInvalid(OrderRefused):
    """The amount is not positive, above the contract's limit, or wrong for its currency."""

    reason = "amount_invalid"


class RecordsContradict(OrderRefused):
    """Our own records contradict each other."""

    reason = "records_contradict"


class OrderUnknown(OrderRefused):
    """There is no such order, or no such payment of it."""

    reason = "unknown_order"


class PaymentContradicts(OrderRefused):
    """What is said of a payment contradicts what is on record of it, or of its order."""

    reason = "payment_contradicts"


class PaymentInProcess(Refused):
    """Whether a payment is accepted is not known yet; Alipay+ is told as soon as it is."""

    reason = "payment_in_process"


class UserRefused(Refused):
    """A wallet was asked about one of its users, and the answer is no."""


class UserUnknown(UserRefused):
    """The wallet has no such user."""

    reason = "unknown_user"


class TokenInvalid(UserRefused):
    """The access token is unknown, expired or revoked."""

    reason = "invalid_token"


class CallFailed(GatewayError):
    """A call to somebody else brought no answer to believe; the text says what to do."""

    reason = "call_failed"
    #: What came back, where anything did, for the record: the body, the HTTP status and the headers by their
    #: lower-case names.
    answer: bytes | None = None
    answer_status: int | None = None
    answer_headers: dict[str, str] | None = None


class CallNotSent(CallFailed):
    """The call was refused before anything was sent, by a rule of ours."""

    reason = "not_sent"


class Unreachable(CallFailed):
    """No connection, or it broke before an answer was complete."""

    reason = "unreachable"


class TimedOut(CallFailed):
    """The answer was not complete in time."""

    reason = "timed_out"


class NotOk(CallFailed):
    """The HTTP status was not 200."""

    reason = "not_ok"


class NotAuthentic(CallFailed):
    """The answer is not signed as it must be, or not by the one we asked."""

    reason = "not_authentic"


class NotUnderstood(CallFailed):
    """The answer is authentic, but not what its document describes."""

    reason = "not_understood"
