"""Sample merchants for a trial: one that sells, one that an MPP has rejected, one that still waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from acqp_gateway.orders.placing import NewOrder
from acqp_gateway.store import merchants, registrations, standings
from acqp_gateway.store.database import Store
from acqp_gateway.store.merchants import NewMerchant, NewStore
from acqp_gateway.store.tables import APPROVED

_PRODUCT_CODES = ("IN_STORE_PAYMENT",)


@dataclass(frozen=True, slots=True)
class Sample:
    """A merchant with its store, its contract and its standing: pspName -> (status, rejectionReason)."""

    merchant: NewMerchant
    store: NewStore
    currency: str
    largest_amount: int
    settlement_currency: str
    standing: dict[str, tuple[str, str | None]]


SAMPLES = (
    Sample(
        NewMerchant(merchant_id="SAMPLE-COFFEE", name="Corner Coffee", mcc="5814", region="JP", city="Tokyo"),
        NewStore(
            merchant_id="SAMPLE-COFFEE",
            store_id="SHIBUYA",
            name="Corner Coffee Shibuya",
            mcc="5814",
            region="JP",
            city="Tokyo",
            address1="1-1 Dogenzaka, Shibuya",
            zip_code="1500043",
        ),
        currency="JPY",
        largest_amount=1_000_000,
        settlement_currency="USD",
        standing=dict.fromkeys(("ALIPAY_CN", "ALIPAY_HK", "GCASH", "KAKAOPAY"), (APPROVED, None)),
    ),
    Sample(
        NewMerchant(merchant_id="SAMPLE-NOODLES", name="Noodle Bar", mcc="5812", region="SG", kyb_level="BASIC"),
        NewStore(merchant_id="SAMPLE-NOODLES", store_id="CHINATOWN", name="Noodle Bar Chinatown", region="SG"),
        currency="SGD",
        largest_amount=50_000,
        settlement_currency="SGD",
        standing={"ALIPAY_CN": (APPROVED, None), "TNG": ("REJECTED", "shop sign not readable")},
    ),
    Sample(
        NewMerchant(merchant_id="SAMPLE-KITES", name="Kite Workshop", mcc="5945", region="MY"),
        NewStore(merchant_id="SAMPLE-KITES", store_id="MARKET", name="Kite Workshop Central Market", region="MY"),
        currency="MYR",
        largest_amount=200_000,
        settlement_currency="USD",
        standing={"ALIPAY_CN": ("PENDING", None), "TNG": ("PENDING", None)},
    ),
)

ORDER = NewOrder(
    merchant_id="SAMPLE-COFFEE",
    store_id="SHIBUYA",
    amount=1500,
    currency="JPY",
    description="2 lattes",
    terminal_id="T1",
    goods=[{"goodsName": "latte", "goodsUnitAmount": 750, "goodsQuantity": 2}],
)


def psp_entries(sample: Sample) -> list[dict[str, object]]:
    """How a sample stands with each MPP, as the sandbox takes it."""
    return [
        {
            "pspName": psp_name,
            "productCodes": list(_PRODUCT_CODES),
            "status": status,
            **({"rejectionReason": reason} if reason else {}),
        }
        for psp_name, (status, reason) in sample.standing.items()
    ]


def enter(store: Store, at: datetime) -> dict[str, bool]:
    """Enter what is missing of each sample merchant; whether anything was, by its id."""
    return {sample.merchant.merchant_id: _enter(store, sample, at) for sample in SAMPLES}


def _enter(store: Store, sample: Sample, at: datetime) -> bool:
    """Part by part, so that an `init` that was interrupted is completed by the next one."""
    merchant_id, store_id = sample.merchant.merchant_id, sample.store.store_id
    entered = False
    if not merchants.known_ids(store, [merchant_id]):
        merchants.add(store, sample.merchant, at=at)
        entered = True
    if not merchants.listed_stores(store, merchant_id):
        merchants.add_store(store, sample.store, at=at)
        entered = True
    if not merchants.listed_contracts(store, merchant_id):
        merchants.add_contract(store, _contract(sample, at))
        entered = True
    if not _stands_somehow(store, merchant_id, store_id):
        for psp_name in sample.standing:
            _set_standing(store, sample, psp_name, at)
        entered = True
    return entered


def _stands_somehow(store: Store, merchant_id: str, store_id: str) -> bool:
    """Whether anybody said how it stands, be it that no MPP has it: Alipay+ is not to be overruled."""
    return any(
        row.store_id == store_id and (row.rows or row.answered_at is not None)
        for row in standings.listed(store, merchant_id=merchant_id)
    )


def _contract(sample: Sample, at: datetime) -> merchants.NewContract:
    return merchants.NewContract(
        merchant_id=sample.merchant.merchant_id,
        currency=sample.currency,
        largest_amount=sample.largest_amount,
        settlement_currency=sample.settlement_currency,
        in_force_from=at,
    )


def _set_standing(store: Store, sample: Sample, psp_name: str, at: datetime) -> None:
    status, reason = sample.standing[psp_name]
    registrations.set_by_hand(
        store,
        sample.merchant.merchant_id,
        sample.store.store_id,
        psp_name,
        _PRODUCT_CODES,
        status=status,
        rejection_reason=reason,
        at=at,
    )
