"""Whether a wallet lets a payment through: one table from the state of order, user and wallet to the result.

The result is a row of inquiryPayment, Payment result codes; the first rule that applies counts.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from acqp_gateway.protocol import results
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.sandbox.wallet.money import LARGEST_VALUE
from acqp_gateway.sandbox.wallet.records import ACTIVE, CLOSED, Psp, User


@dataclass(frozen=True, slots=True)
class Case:
    """What is known when a user confirms a payment, or when one in process is settled.

    `presented` is INVALID_CODE or INVALID_TOKEN where the payment code or access token that stands for the user
    is not valid. `debit` is the amount in the user's currency, None without a quote. `first_amount` is that of the
    first attempt to pay this order, `is_closed` whether it was closed or refunded. `payments_today` counts what
    succeeded or is in process. `until` is when the order can be paid no more, `at` when the user confirmed.
    """

    psp: Psp
    user: User | None
    amount: Amount
    debit: Amount | None
    at: datetime
    until: datetime | None = None
    pin: str | None = None
    presented: ResultCode = results.SUCCESS
    is_merchant_registered: bool = True
    is_closed: bool = False
    first_amount: Amount | None = None
    payments_today: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to refuse. `once`: judged when the user confirms, and not again when the payment is settled."""

    result: ResultCode
    applies: Callable[[Case], bool]
    once: bool = False


def _of_user(applies: Callable[[User, Case], bool]) -> Callable[[Case], bool]:
    return lambda case: case.user is not None and applies(case.user, case)


def _is_above(amount: Amount | None, limit: int | None) -> bool:
    return amount is not None and limit is not None and amount.value > limit


def _is_wrong_pin(user: User, case: Case) -> bool:
    return user.pin is not None and not hmac.compare_digest(user.pin.encode(), (case.pin or "").encode())


def _is_too_often(case: Case) -> bool:
    return case.psp.payments_per_day is not None and case.payments_today >= case.psp.payments_per_day


RULES = (
    Rule(results.INVALID_CONTRACT, lambda case: not case.psp.contract_in_force),
    Rule(results.BUSINESS_NOT_SUPPORT, lambda case: not case.psp.product_on),
    Rule(results.MERCHANT_NOT_REGISTERED, lambda case: not case.is_merchant_registered),
    Rule(results.ORDER_IS_CLOSED, lambda case: case.is_closed, once=True),
    Rule(results.PROCESS_FAIL, lambda case: case.first_amount not in (None, case.amount), once=True),
    Rule(results.EXPIRED_CODE, lambda case: case.until is not None and case.at > case.until, once=True),
    Rule(results.INVALID_CODE, lambda case: case.presented is results.INVALID_CODE, once=True),
    Rule(results.INVALID_TOKEN, lambda case: case.presented is results.INVALID_TOKEN, once=True),
    Rule(results.USER_NOT_EXIST, lambda case: case.user is None or case.user.status == CLOSED),
    Rule(results.USER_STATUS_ABNORMAL, _of_user(lambda user, _: user.status != ACTIVE)),
    Rule(results.REGULATION_RESTRICTION, _of_user(lambda user, case: user.region in case.psp.restricted_regions)),
    Rule(results.USER_KYC_NOT_QUALIFIED, _of_user(lambda user, _: not user.kyc_qualified)),
    Rule(results.RISK_REJECT, _of_user(lambda user, _: user.on_risk_list)),
    Rule(results.USER_PAYMENT_VERIFICATION_FAILED, _of_user(_is_wrong_pin), once=True),
    Rule(results.UNAVAILABLE_PAYMENT_METHOD, _of_user(lambda user, _: not user.payment_method_available)),
    Rule(results.CURRENCY_NOT_SUPPORT, lambda case: case.debit is None),
    # What Alipay+'s amounts cannot say is above its limit, too.
    Rule(results.PAYMENT_AMOUNT_EXCEED_LIMIT, lambda case: _is_above(case.debit, LARGEST_VALUE)),
    Rule(results.PAYMENT_AMOUNT_EXCEED_LIMIT, lambda case: _is_above(case.debit, case.psp.payment_limit)),
    Rule(results.USER_AMOUNT_EXCEED_LIMIT, _of_user(lambda user, case: _is_above(case.debit, user.payment_limit))),
    Rule(results.PAYMENT_COUNT_EXCEED_LIMIT, _is_too_often),
    Rule(results.USER_BALANCE_NOT_ENOUGH, _of_user(lambda user, case: _is_above(case.debit, user.balance))),
)


def judge(case: Case, *, is_confirmed: bool = False) -> ResultCode:
    """The result of a payment that could be settled now; `is_confirmed`: the user did so before, and is not asked."""
    for rule in RULES:
        if not (is_confirmed and rule.once) and rule.applies(case):
            return rule.result
    return results.SUCCESS
