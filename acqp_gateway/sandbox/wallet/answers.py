"""inquiryPayment, inquiryCustomerId and inquiryUserInfo as the wallet serves them, from what it has on record."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import (
    AccessDenied,
    CodeUnknown,
    OrderUnknown,
    StoreUnavailable,
    TokenInvalid,
    TrafficLimitExceeded,
    UserUnknown,
)
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import Handled, Incoming, refusal_body
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.messages import inquiry_customer_id as customer_id_api
from acqp_gateway.protocol.messages import inquiry_payment as payment_api
from acqp_gateway.protocol.messages import inquiry_user_info as user_info_api
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.sandbox.wallet.directory import WalletDirectory
from acqp_gateway.sandbox.wallet.payment_records import WalletPayment
from acqp_gateway.sandbox.wallet.payments import WalletPayments
from acqp_gateway.sandbox.wallet.records import CLOSED, User

#: The MPPs whose local authority wants payments declared to customs: so far the Chinese Mainland alone.
_DECLARED_TO_CUSTOMS = (PUBLISHED_MPPS["ALIPAY_CN"],)


class WalletAnswers:
    """Answers Alipay+ about payments and users. `acquirer_id` is the only acquirer it has heard of."""

    def __init__(self, store: SandboxStore, *, acquirer_id: str, clock: Clock = now) -> None:
        self._directory = WalletDirectory(store)
        self._payments = WalletPayments(store, clock=clock)
        self._acquirer_id = acquirer_id
        self._clock = clock
        self._rates = _Rates()

    def handlers(self) -> dict[Api, Callable[[Incoming[Any]], Handled]]:
        """What answers each API."""
        return {
            payment_api.INQUIRY_PAYMENT_API: self._guarded(self.payment),
            customer_id_api.INQUIRY_CUSTOMER_ID_API: self._guarded(self.customer_id),
            user_info_api.INQUIRY_USER_INFO_API: self._guarded(self.user_info),
        }

    def payment(self, request: payment_api.Request) -> dict[str, Any]:
        """What has become of a payment. Raises OrderUnknown; RecordsContradict when the records cannot be."""
        payment = self._payments.get(request.psp_id, request.payment_request_id)
        if payment is None:
            raise OrderUnknown
        members: dict[str, Any] = {
            "payment_result": payment.result,
            "pass_through_info": payment.pass_through_info,
        }
        if payment.result is results.SUCCESS:
            members.update(_of_success(payment))
        return _written(payment_api.INQUIRY_PAYMENT_API, {"result": results.SUCCESS, **members})

    def customer_id(self, request: customer_id_api.Request) -> dict[str, Any]:
        """Who shows a payment code or logs in by an id. Raises CodeUnknown, UserUnknown."""
        if request.inquiry_type == customer_id_api.BY_PAYMENT_CODE:
            user = self._user_of_payment_code(request.psp_id, request.payment_code or "")
            refusal: type[Exception] = CodeUnknown
        else:
            user = self._directory.customer_of_login_id(request.psp_id, request.plaintext_user_login_id or "")
            refusal = UserUnknown
        if user is None or user.status == CLOSED:
            raise refusal
        members = {"result": results.SUCCESS, "customer_id": user.customer_id}
        return _written(customer_id_api.INQUIRY_CUSTOMER_ID_API, members)

    def user_info(self, request: user_info_api.Request) -> dict[str, Any]:
        """Who gave a token, as far as its scopes go. Raises TokenInvalid.

        A scope that asks for a login id of a user who has none is a business failure: F/PROCESS_FAIL.
        """
        token = self._directory.token(request.access_token)
        if token is None or token.psp_id != request.psp_id or not token.is_valid_at(self._clock()):
            raise TokenInvalid
        user = self._directory.user(token.psp_id, token.customer_id)
        if user is None or user.status == CLOSED:
            raise TokenInvalid("user_closed")
        needs_login_id = {user_info_api.USER_LOGIN_ID, user_info_api.HASH_LOGIN_ID} & set(token.scopes)
        if needs_login_id and not user.login_ids:
            return {"result": results.PROCESS_FAIL.as_members()}
        members = {"result": results.SUCCESS, "user_info": _user_info(user, token.scopes)}
        return _written(user_info_api.INQUIRY_USER_INFO_API, members)

    def _user_of_payment_code(self, psp_id: str, payment_code: str) -> User | None:
        code = self._directory.payment_code(payment_code)
        if code is None or code.psp_id != psp_id or not code.is_valid_at(self._clock()):
            return None
        return self._directory.user(psp_id, code.customer_id)

    def _guarded(self, answer: Callable[[Any], dict[str, Any]]) -> Callable[[Incoming[Any]], Handled]:
        def handle(incoming: Incoming[Any]) -> Handled:
            request = incoming.request
            with _store_errors():
                is_in_service = self._check_access(request.acquirer_id, request.psp_id)
                if not is_in_service:
                    return Handled(refusal_body(results.PROCESS_FAIL), results.PROCESS_FAIL)
                members = answer(request)
            return Handled(write_object(members), results.BY_CODE[members["result"]["resultCode"]])

        return handle

    def _check_access(self, acquirer_id: str, psp_id: str) -> bool:
        """Whether the MPP does business at all. Raises AccessDenied, TrafficLimitExceeded."""
        if acquirer_id != self._acquirer_id:
            raise AccessDenied("other_acquirer")
        psp = self._directory.psp(psp_id)
        if psp is None:
            raise AccessDenied("other_psp")
        if psp.rate is not None and not self._rates.may_pass(psp_id, psp.rate):
            raise TrafficLimitExceeded
        return psp.in_service


class _Rates:
    """How often each MPP was asked; made when the first limit is set, so that there is no thread for nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limiter: MovingWindowRateLimiter | None = None

    def may_pass(self, psp_id: str, rate: str) -> bool:
        """Whether one more request is within the rate, which it then counts against."""
        with self._lock:
            if self._limiter is None:
                self._limiter = MovingWindowRateLimiter(MemoryStorage())
            return self._limiter.hit(parse(rate), psp_id)


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the sandbox's store has failed: {error}") from error


def _written(api: Api, members: dict[str, Any]) -> dict[str, Any]:
    """An answer as its document writes it."""
    written: dict[str, Any] = api.response.dump(members)
    return written


def _of_success(payment: WalletPayment) -> dict[str, Any]:
    """What is told of a payment that succeeded, and of no other."""
    is_declared = payment.psp_id in _DECLARED_TO_CUSTOMS
    return {
        "payment_id": payment.payment_id,
        "payment_amount": payment.amount,
        "pay_to_amount": payment.pay_to_amount,
        "payment_time": payment.payment_time,
        "customer_id": payment.customer_id,
        "customs_declaration_amount": payment.debit if is_declared else None,
    }


def _user_info(user: User, scopes: tuple[str, ...]) -> dict[str, str]:
    """The user as far as the scopes of a token go; of several login ids the first."""
    info: dict[str, str] = {}
    if user_info_api.BASE_USER_INFO in scopes:
        info["user_id"] = user.customer_id
    if user_info_api.USER_LOGIN_ID in scopes:
        info["login_id"] = user.login_ids[0]
    if user_info_api.HASH_LOGIN_ID in scopes:
        info["hash_login_id"] = hashlib.sha256(user.login_ids[0].encode()).hexdigest()
    return info
