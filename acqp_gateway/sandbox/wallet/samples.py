"""Sample users, so that somebody can pay in a sandbox that was just made: one for each of seven MPPs, and some
whose payments fail for a reason that their name says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Context, Decimal

from acqp_gateway.clock import Clock, now
from acqp_gateway.protocol.messages.inquiry_user_info import SCOPES
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.sandbox.wallet.directory import WalletDirectory
from acqp_gateway.sandbox.wallet.records import FROZEN, PaymentCode, Psp, Quote, Token, User, write_moment

#: Sample codes are for a demonstration that may be long; real ones live for a minute.
_CODES_LIVE = timedelta(days=365)

#: What a US dollar cost in late 2026, roughly: samples, not a market.
_PER_DOLLAR = {
    "USD": "1", "EUR": "0.92", "GBP": "0.79", "JPY": "155", "CNY": "7.2", "HKD": "7.78", "KRW": "1390",
    "SGD": "1.34", "MYR": "4.45", "THB": "34.5", "PHP": "58.5", "IDR": "15900", "TWD": "32.4", "VND": "25300",
    "MOP": "8.01", "AUD": "1.52", "NZD": "1.69", "CAD": "1.39", "CHF": "0.88", "AED": "3.6725",
}  # fmt: skip
_SIX_FIGURES = Context(prec=6)

#: pspName, currency, customerId, name, login ids, balance in minor units.
_USERS = (
    ("ALIPAY_CN", "CNY", "2088000000000001", "Li Na", ("+8613800000001", "li.na@wallet.example"), 10_000_000),
    ("ALIPAY_HK", "HKD", "2160000000000001", "Chan Tai Man", ("+85251234567",), 10_000_000),
    ("GCASH", "PHP", "2170000000000001", "Maria Santos", ("+639171234567",), 50_000_000),
    ("KAKAOPAY", "KRW", "2172000000000001", "Kim Min-jun", ("+821012345678",), 10_000_000),
    ("TNG", "MYR", "2171000000000001", "Nurul Aisyah", ("+60123456789",), 5_000_000),
    ("TRUEMONEY", "THB", "2167000000000001", "Somchai Jaidee", ("+66812345678",), 30_000_000),
    ("DANA", "IDR", "2166000000000001", "Budi Santoso", ("+628123456789",), 10_000_000_000),
)

#: customerId of ALIPAY_CN, name, and what is different about this user.
_UNLUCKY = (
    ("2088000000000002", "Wang Wei (has 1 yuan)", {"balance": 100}),
    ("2088000000000003", "Zhang Min (frozen)", {"status": FROZEN}),
    ("2088000000000004", "Chen Jie (not verified)", {"kyc_qualified": False}),
    ("2088000000000005", "Liu Yang (PIN 246810)", {"pin": "246810"}),
    ("2088000000000006", "Zhao Lei (takes 8 s)", {"processing_seconds": 8}),
)


def add_samples(store: SandboxStore, *, clock: Clock = now) -> bool:
    """Enter the samples into a store that never had them; whether it did so. What was deleted stays deleted.

    Ended half-way, they are all entered the next time.
    """
    at = clock()
    with store.reading() as connection:
        if connection.execute("SELECT 1 FROM wallet_samples").fetchone():
            return False
    directory = WalletDirectory(store)
    for psp_name, currency, customer_id, name, login_ids, balance in _USERS:
        psp = directory.put_psp(Psp(PUBLISHED_MPPS[psp_name], psp_name, currency))
        directory.put_user(User(psp.psp_id, psp_name, customer_id, name, currency, balance, login_ids))
        directory.put_token(Token(f"SAMPLE-TOKEN-{customer_id}", psp.psp_id, psp_name, customer_id, SCOPES))
        code = PaymentCode(f"28{customer_id}", psp.psp_id, psp_name, customer_id, at + _CODES_LIVE)
        directory.put_payment_code(code)
        for other in _PER_DOLLAR:
            if other != currency:
                directory.put_quote(Quote(psp.psp_id, psp_name, other, currency, _quote_price(other, currency)))
    for customer_id, name, difference in _UNLUCKY:
        fields = {"balance": 10_000_000, **difference}
        directory.put_user(
            User(PUBLISHED_MPPS["ALIPAY_CN"], "ALIPAY_CN", customer_id, name, "CNY", **fields)  # type: ignore[arg-type]  # as written above
        )
    with store.transaction() as connection:
        # The mark comes last: without it everything is put in once more.
        connection.execute("INSERT INTO wallet_samples VALUES (?)", (write_moment(at),))
    return True


def _quote_price(from_currency: str, to_currency: str) -> str:
    """Six figures of the price of one currency in another."""
    price = _SIX_FIGURES.divide(Decimal(_PER_DOLLAR[to_currency]), Decimal(_PER_DOLLAR[from_currency]))
    return f"{price.normalize(_SIX_FIGURES):f}"
