"""May this order be paid at this wallet, by this merchant, now? Decodes and payments are judged alike.

Pure; the rows of docs/refusals.md from 11 to 18, in their order. The first that holds is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from acqp_gateway.errors import (
    AmountInvalid,
    BusinessNotSupported,
    CurrencyNotSupported,
    KybNotQualified,
    MerchantNotActive,
    MerchantNotRegistered,
    NoContractInForce,
    RecordsContradict,
)
from acqp_gateway.orders.goods import total_of
from acqp_gateway.store.decodes import CodeOnRecord, Contract, Order, Standing
from acqp_gateway.store.tables import IN_STORE_ORDER_CODE, KYB_LEVELS

_ACTIVE = "ACTIVE"


def judge(record: CodeOnRecord, now: datetime) -> Contract:
    """The contract that governs the order. Raises an OrderRefused."""
    _check_merchant(record)
    in_force = [contract for contract in record.contracts if _is_in_force(contract, now)]
    for_order_codes = [contract for contract in in_force if contract.product == IN_STORE_ORDER_CODE]
    in_currency = [contract for contract in for_order_codes if contract.currency == record.order.currency]
    _check_kyb(record.kyb_level, in_currency or for_order_codes or in_force)
    if not in_force:
        raise NoContractInForce
    if not for_order_codes:
        raise BusinessNotSupported
    _check_standing(record.standing)
    if not in_currency:
        raise CurrencyNotSupported
    contract = max(in_currency, key=lambda contract: contract.in_force_from)
    _check_amount(record.order, contract)
    _check_records_agree(record.order)
    return contract


def _check_merchant(record: CodeOnRecord) -> None:
    if record.merchant.status != _ACTIVE:
        raise MerchantNotActive(f"merchant_{record.merchant.status.lower()}")
    if record.store is not None and record.store.status != _ACTIVE:
        raise MerchantNotActive(f"store_{record.store.status.lower()}")


def _is_in_force(contract: Contract, now: datetime) -> bool:
    return contract.in_force_from <= now and (contract.in_force_to is None or now < contract.in_force_to)


def _check_kyb(level: str, governing: Sequence[Contract]) -> None:
    """FAILED is never enough; otherwise the contract that governs the order says which level is."""
    rank = KYB_LEVELS.index(level)
    if rank == 0:
        raise KybNotQualified("kyb_failed")
    asked = min((KYB_LEVELS.index(contract.required_kyb_level) for contract in governing), default=0)
    if rank < asked:
        raise KybNotQualified("kyb_level_too_low")


def _check_standing(standing: Standing) -> None:
    if standing.registration_required is None:
        if not standing.approved_at_some_mpp:
            raise MerchantNotRegistered("not_registered_anywhere")
    elif standing.registration_required and not standing.approved_at_this_mpp:
        raise MerchantNotRegistered


def _check_amount(order: Order, contract: Contract) -> None:
    if order.amount <= 0:
        raise AmountInvalid("amount_not_positive")
    if order.amount > contract.largest_amount:
        raise AmountInvalid("amount_above_limit")
    if order.currency == "IDR" and order.amount % 100:
        raise AmountInvalid("amount_wrong_for_currency")


def _check_records_agree(order: Order) -> None:
    if order.goods is not None and total_of(order.goods) not in (None, order.amount):
        raise RecordsContradict("goods_do_not_add_up")
    if order.pinned_answer is not None and (order.pinned_amount, order.pinned_currency) != (
        order.amount,
        order.currency,
    ):
        raise RecordsContradict("order_differs_from_pin")
