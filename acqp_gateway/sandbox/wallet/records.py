"""What the wallet has on record: MPPs, their users, tokens, payment codes and quotes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

ACTIVE, FROZEN, CLOSED = "ACTIVE", "FROZEN", "CLOSED"
STATUSES = (ACTIVE, FROZEN, CLOSED)


def write_moment(moment: datetime) -> str:
    """A time as it is kept: of one length, so that texts compare like times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def read_moment(text: str | None) -> datetime | None:
    """A time as it was kept."""
    return None if text is None else datetime.fromisoformat(text)


def fingerprint(secret: str) -> str:
    """SHA-256 in hexadecimal: what a token or a payment code is looked up by."""
    return hashlib.sha256(secret.encode()).hexdigest()


def digits(value: int | None) -> str | None:
    """An amount's value as the APIs write it."""
    return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Psp:
    """One MPP of this wallet, and how it stands with Alipay+ and with the acquirer.

    `payment_limit` is what Alipay+ lets one payment be at most, in minor units of `currency`; `payments_per_day`
    how often one user may pay in a day (UTC); `rate` how often it may be asked, such as 5/minute; None: no limit.
    """

    psp_id: str
    psp_name: str
    currency: str
    in_service: bool = True
    contract_in_force: bool = True
    product_on: bool = True
    payment_limit: int | None = None
    payments_per_day: int | None = None
    rate: str | None = None
    restricted_regions: tuple[str, ...] = ()
    pass_through_info: str | None = None

    def as_control(self) -> dict[str, Any]:
        """The MPP as the control API writes it."""
        return {
            "pspName": self.psp_name,
            "pspId": self.psp_id,
            "currency": self.currency,
            "inService": self.in_service,
            "contractInForce": self.contract_in_force,
            "productOn": self.product_on,
            "paymentLimit": digits(self.payment_limit),
            "paymentsPerDay": self.payments_per_day,
            "rate": self.rate,
            "restrictedRegions": list(self.restricted_regions),
            "passThroughInfo": self.pass_through_info,
        }

    def as_columns(self) -> dict[str, Any]:
        """The MPP as it is kept."""
        return {**_fields(self), "restricted_regions": json.dumps(self.restricted_regions)}


def psp_of(row: sqlite3.Row) -> Psp:
    """An MPP as it was kept."""
    members = dict(row)
    members["restricted_regions"] = tuple(json.loads(members["restricted_regions"]))
    return Psp(**_with_flags(members, "in_service", "contract_in_force", "product_on"))


@dataclass(frozen=True, slots=True)
class User:
    """A user of an MPP. `balance` and `payment_limit` are in minor units of `currency`, which is the MPP's.

    `processing_seconds`: how long a payment of this user is in process before it is settled.
    """

    psp_id: str
    psp_name: str
    customer_id: str
    name: str
    currency: str
    balance: int
    login_ids: tuple[str, ...] = ()
    status: str = ACTIVE
    kyc_qualified: bool = True
    payment_limit: int | None = None
    payment_method_available: bool = True
    pin: str | None = None
    region: str | None = None
    on_risk_list: bool = False
    processing_seconds: int = 0

    def as_control(self) -> dict[str, Any]:
        """The user as the control API writes it."""
        return {
            "pspName": self.psp_name,
            "pspId": self.psp_id,
            "customerId": self.customer_id,
            "name": self.name,
            "loginIds": list(self.login_ids),
            "currency": self.currency,
            "balance": str(self.balance),
            "status": self.status,
            "kycQualified": self.kyc_qualified,
            "paymentLimit": digits(self.payment_limit),
            "paymentMethodAvailable": self.payment_method_available,
            "pin": self.pin,
            "region": self.region,
            "onRiskList": self.on_risk_list,
            "processingSeconds": self.processing_seconds,
        }

    def as_columns(self) -> dict[str, Any]:
        """The user as it is kept; its login ids have a table of their own."""
        return _fields(self, but=("psp_name", "login_ids"))


def user_of(row: sqlite3.Row, login_ids: tuple[str, ...]) -> User:
    """A user as it was kept."""
    members = {name: row[name] for name in row.keys() if name != "id"}  # noqa: SIM118  # a Row iterates over values
    flags = ("kyc_qualified", "payment_method_available", "on_risk_list")
    return User(**_with_flags(members, *flags), login_ids=login_ids)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token that a user gave. `expires_at` None: it does not expire."""

    access_token: str
    psp_id: str
    psp_name: str
    customer_id: str
    scopes: tuple[str, ...]
    expires_at: datetime | None = None
    revoked: bool = False

    def is_valid_at(self, at: datetime) -> bool:
        """Whether it still opens anything."""
        return not self.revoked and (self.expires_at is None or at < self.expires_at)

    def as_control(self) -> dict[str, Any]:
        """The token as the control API writes it."""
        return {
            "accessToken": self.access_token,
            "pspName": self.psp_name,
            "pspId": self.psp_id,
            "customerId": self.customer_id,
            "scopes": list(self.scopes),
            "expiresAt": _iso_8601(self.expires_at),
            "revoked": self.revoked,
        }

    def as_columns(self) -> dict[str, Any]:
        """The token as it is kept."""
        return {
            **_fields(self, but=("psp_name",)),
            "token_hash": fingerprint(self.access_token),
            "scopes": json.dumps(self.scopes),
            "expires_at": None if self.expires_at is None else write_moment(self.expires_at),
        }


def token_of(row: sqlite3.Row) -> Token:
    """A token as it was kept."""
    return Token(
        row["access_token"],
        row["psp_id"],
        row["psp_name"],
        row["customer_id"],
        tuple(json.loads(row["scopes"])),
        read_moment(row["expires_at"]),
        bool(row["revoked"]),
    )


@dataclass(frozen=True, slots=True)
class PaymentCode:
    """A payment code that a user's phone shows, until it expires."""

    payment_code: str
    psp_id: str
    psp_name: str
    customer_id: str
    expires_at: datetime

    def is_valid_at(self, at: datetime) -> bool:
        """Whether it still names its user."""
        return at < self.expires_at

    def as_control(self) -> dict[str, Any]:
        """The payment code as the control API writes it."""
        return {
            "paymentCode": self.payment_code,
            "pspName": self.psp_name,
            "pspId": self.psp_id,
            "customerId": self.customer_id,
            "expiresAt": _iso_8601(self.expires_at),
        }

    def as_columns(self) -> dict[str, Any]:
        """The payment code as it is kept."""
        return {
            **_fields(self, but=("psp_name",)),
            "code_hash": fingerprint(self.payment_code),
            "expires_at": write_moment(self.expires_at),
        }


def payment_code_of(row: sqlite3.Row) -> PaymentCode:
    """A payment code as it was kept."""
    expires_at = datetime.fromisoformat(row["expires_at"])
    return PaymentCode(row["payment_code"], row["psp_id"], row["psp_name"], row["customer_id"], expires_at)


@dataclass(frozen=True, slots=True)
class Quote:
    """What one major unit of `from_currency` costs in major units of `to_currency`, at one MPP."""

    psp_id: str
    psp_name: str
    from_currency: str
    to_currency: str
    quote_price: str

    def as_control(self) -> dict[str, Any]:
        """The quote as the control API writes it."""
        return {
            "pspName": self.psp_name,
            "pspId": self.psp_id,
            "fromCurrency": self.from_currency,
            "toCurrency": self.to_currency,
            "quotePrice": self.quote_price,
        }

    def as_columns(self) -> dict[str, Any]:
        """The quote as it is kept."""
        return _fields(self, but=("psp_name",))


def quote_of(row: sqlite3.Row) -> Quote:
    """A quote as it was kept."""
    return Quote(row["psp_id"], row["psp_name"], row["from_currency"], row["to_currency"], row["quote_price"])


def _iso_8601(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _with_flags(members: Mapping[str, Any], *flags: str) -> dict[str, Any]:
    return {**members, **{name: bool(members[name]) for name in flags}}


def _fields(record: Any, *, but: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a record, which are columns of its table."""
    return {field.name: getattr(record, field.name) for field in fields(record) if field.name not in but}
