"""The wallet's part of the control API: /control/wallet/psps, users, tokens, payment-codes, quotes, payments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

from flask import Blueprint, request

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import IllegalValue, NotOnRecord
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.protocol.strict_json import read_object
from acqp_gateway.sandbox.control_input import body, whole_number
from acqp_gateway.sandbox.wallet import schemas
from acqp_gateway.sandbox.wallet.directory import WalletDirectory
from acqp_gateway.sandbox.wallet.payments import WalletPayment, WalletPayments, Wish
from acqp_gateway.sandbox.wallet.records import PaymentCode, Psp, Quote, Token, User, fingerprint

_MOST_LISTED = 10_000
_LONGEST_PARAMETER = 256
#: How long a payment code lives when nobody says.
PAYMENT_CODE_LIVES = timedelta(minutes=1)

#: Query member -> column, for the lists.
_COLUMNS = {"customerId": "customer_id", "fromCurrency": "from_currency", "toCurrency": "to_currency"}


class _Kept(Protocol):
    def as_control(self) -> dict[str, Any]: ...


_Answer = Callable[[], dict[str, Any]]


def _in_one_transaction(directory: WalletDirectory, change: _Answer) -> _Answer:
    """A change that reads what is on record first: nobody pays or is paid in between."""

    @functools.wraps(change)
    def changed() -> dict[str, Any]:
        with directory.transaction():
            return change()

    return changed


def wallet_blueprint(directory: WalletDirectory, payments: WalletPayments, *, clock: Clock = now) -> Blueprint:
    """The routes under /control/wallet."""
    routes = Blueprint("wallet", __name__)
    _add_psps(routes, directory)
    _add_users(routes, directory)
    _add_tokens(routes, directory)
    _add_payment_codes(routes, directory, clock)
    _add_quotes(routes, directory)
    _add_payments(routes, directory, payments)
    return routes


def _add_psps(routes: Blueprint, directory: WalletDirectory) -> None:
    @routes.get("/wallet/psps")
    def psps() -> dict[str, Any]:
        everything = _query("all").get("all") == "true"
        return {
            "psps": [{**psp.as_control(), "users": count} for psp, count in directory.psps() if count or everything]
        }

    @routes.post("/wallet/psps")
    @functools.partial(_in_one_transaction, directory)
    def put_psp() -> dict[str, Any]:
        given = body()
        known = _known_psp(directory, given)
        merged = {**(known.as_control() if known else {}), **_published_pair(given)}
        members = schemas.PspSchema().load(merged)
        psp = Psp(**{**members, "restricted_regions": tuple(dict.fromkeys(members["restricted_regions"]))})
        return {"psp": directory.put_psp(psp).as_control()}

    @routes.delete("/wallet/psps")
    def delete_psp() -> dict[str, Any]:
        given = _query("pspName", "pspId")
        return {"deleted": directory.delete_psp(_psp(directory, given).psp_id)}


def _add_users(routes: Blueprint, directory: WalletDirectory) -> None:
    @routes.get("/wallet/users")
    def users() -> dict[str, Any]:
        return {"users": _written(directory.users(_filters(directory, "customerId")))}

    @routes.post("/wallet/users")
    @functools.partial(_in_one_transaction, directory)
    def put_user() -> dict[str, Any]:
        given = body()
        psp = _known_psp(directory, given) or _new_psp(directory, given)
        known = directory.user(psp.psp_id, _text(given, "customerId"))
        merged = {"currency": psp.currency, **(known.as_control() if known else {}), **given, **_named(psp)}
        members = schemas.UserSchema().load(merged)
        members["name"] = members["name"] or members["customer_id"]
        return {"user": directory.put_user(User(**_with_tuples(members, "login_ids"))).as_control()}

    @routes.delete("/wallet/users")
    def delete_users() -> dict[str, Any]:
        return {"deleted": directory.delete("wallet_users", _some(_filters(directory, "customerId")))}


def _add_tokens(routes: Blueprint, directory: WalletDirectory) -> None:
    @routes.get("/wallet/tokens")
    def tokens() -> dict[str, Any]:
        return {"tokens": _written(directory.tokens(_filters(directory, "customerId")))}

    @routes.post("/wallet/tokens")
    @functools.partial(_in_one_transaction, directory)
    def put_token() -> dict[str, Any]:
        given = body()
        known = directory.token(_text(given, "accessToken") or "")
        merged = {**(known.as_control() if known else {}), **given}
        members = schemas.TokenSchema().load({**merged, **_named(_psp(directory, merged))})
        token = Token(**{**members, "scopes": tuple(dict.fromkeys(members["scopes"]))})
        return {"token": directory.put_token(token).as_control()}

    @routes.delete("/wallet/tokens")
    def delete_tokens() -> dict[str, Any]:
        filters = _filters(directory, "customerId") | _secret("accessToken", "token_hash")
        return {"deleted": directory.delete("wallet_tokens", _some(filters))}


def _add_payment_codes(routes: Blueprint, directory: WalletDirectory, clock: Clock) -> None:
    @routes.get("/wallet/payment-codes")
    def payment_codes() -> dict[str, Any]:
        return {"paymentCodes": _written(directory.payment_codes(_filters(directory, "customerId")))}

    @routes.post("/wallet/payment-codes")
    @functools.partial(_in_one_transaction, directory)
    def put_payment_code() -> dict[str, Any]:
        given = body()
        known = directory.payment_code(_text(given, "paymentCode") or "")
        merged = {**(known.as_control() if known else {}), **given}
        members = schemas.PaymentCodeSchema().load({**merged, **_named(_psp(directory, merged))})
        members["expires_at"] = members["expires_at"] or clock() + PAYMENT_CODE_LIVES
        return {"paymentCode": directory.put_payment_code(PaymentCode(**members)).as_control()}

    @routes.delete("/wallet/payment-codes")
    def delete_payment_codes() -> dict[str, Any]:
        filters = _filters(directory, "customerId") | _secret("paymentCode", "code_hash")
        return {"deleted": directory.delete("wallet_payment_codes", _some(filters))}


def _add_quotes(routes: Blueprint, directory: WalletDirectory) -> None:
    @routes.get("/wallet/quotes")
    def quotes() -> dict[str, Any]:
        return {"quotes": _written(directory.quotes(_filters(directory, "fromCurrency", "toCurrency")))}

    @routes.post("/wallet/quotes")
    def put_quote() -> dict[str, Any]:
        given = body()
        members = schemas.QuoteSchema().load({**given, **_named(_psp(directory, given))})
        return {"quote": directory.put_quote(Quote(**members)).as_control()}

    @routes.delete("/wallet/quotes")
    def delete_quotes() -> dict[str, Any]:
        filters = _filters(directory, "fromCurrency", "toCurrency")
        return {"deleted": directory.delete("wallet_quotes", _some(filters))}


def _add_payments(routes: Blueprint, directory: WalletDirectory, payments: WalletPayments) -> None:
    @routes.get("/wallet/payments")
    def listed() -> dict[str, Any]:
        given = _query("pspName", "pspId", "paymentRequestId", "limit")
        found = payments.listed(
            psp_id=_psp_filter(directory, given).get("psp_id"),
            payment_request_id=given.get("paymentRequestId"),
            limit=whole_number("limit", 100, _MOST_LISTED),
        )
        return {"payments": _written(found)}

    @routes.post("/wallet/payments")
    def pay() -> dict[str, Any]:
        members = schemas.PaymentSchema().load(_with_psp_id(directory, body()))
        if members["customer_id"] is members["payment_code"] is members["access_token"] is None:
            members["customer_id"] = payments.default_customer(members["psp_id"])
        return {"payment": payments.confirm(Wish(**members)).as_control()}

    @routes.post("/wallet/payments/settle")
    def settle() -> dict[str, Any]:
        return _payment(payments.settle(**_reference(directory)))

    @routes.post("/wallet/payments/refund")
    def refund() -> dict[str, Any]:
        members = _reference(directory)
        payments.refund(**members)
        return _payment(payments.get(**members))

    @routes.post("/wallet/payments/pass-through-info")
    def put_pass_through_info() -> dict[str, Any]:
        members = schemas.PassThroughSchema().load(_with_psp_id(directory, body()))
        return _payment(payments.put_pass_through_info(**members))

    @routes.delete("/wallet/payments")
    def forget() -> dict[str, Any]:
        given = _query("pspName", "pspId", "paymentRequestId")
        psp_id = _psp_filter(directory, given).get("psp_id")
        return {"deleted": payments.forget(psp_id=psp_id, payment_request_id=given.get("paymentRequestId"))}


def _payment(payment: WalletPayment | None) -> dict[str, Any]:
    return {"payment": payment.as_control() if payment else None}


def _reference(directory: WalletDirectory) -> dict[str, str]:
    members: dict[str, str] = schemas.PaymentReferenceSchema().load(_with_psp_id(directory, body()))
    return members


def _written(found: list[Any]) -> list[dict[str, Any]]:
    records: list[_Kept] = found
    return [record.as_control() for record in records]


def _query(*names: str) -> dict[str, str]:
    """The query's members. Raises IllegalValue for one that nobody asked for."""
    given = dict(request.args.items())
    if not given.keys() <= set(names):
        raise IllegalValue(f"the query may have {', '.join(names)}")
    if any(len(value) > _LONGEST_PARAMETER for value in given.values()):
        raise IllegalValue(f"a query's members have at most {_LONGEST_PARAMETER} characters")
    return given


def _filters(directory: WalletDirectory, *names: str) -> dict[str, str]:
    """The query as columns that are to match; an MPP that nobody knows matches nothing."""
    given = _query("pspName", "pspId", *names)
    return _psp_filter(directory, given) | {_COLUMNS[name]: given[name] for name in names if name in given}


def _psp_filter(directory: WalletDirectory, given: Mapping[str, str]) -> dict[str, str]:
    if not given.keys() & {"pspName", "pspId"}:
        return {}
    try:
        return {"psp_id": _psp(directory, given).psp_id}
    except NotOnRecord:
        return {"psp_id": ""}


def _secret(member: str, column: str) -> dict[str, str]:
    """A token or payment code to be deleted stands in the body: an address gets written down in too many places."""
    data = request.get_data(cache=False)
    given = read_object(data) if data else {}
    if not given.keys() <= {member}:
        raise IllegalValue(f"the body may have {member} alone")
    text = _text(given, member)
    return {} if text is None else {column: fingerprint(text)}


def _some(filters: dict[str, str]) -> dict[str, str]:
    if not filters:
        raise IllegalValue("say which: nothing was deleted")
    return filters


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > _LONGEST_PARAMETER):
        raise IllegalValue(f"{name} must be a text of at most {_LONGEST_PARAMETER} characters")
    return value


def _psp(directory: WalletDirectory, given: Mapping[str, Any]) -> Psp:
    return directory.named(psp_name=_text(given, "pspName"), psp_id=_text(given, "pspId"))


def _known_psp(directory: WalletDirectory, given: Mapping[str, Any]) -> Psp | None:
    try:
        return _psp(directory, given)
    except NotOnRecord:
        return None


def _new_psp(directory: WalletDirectory, given: Mapping[str, Any]) -> Psp:
    """The MPP of a user whose MPP is new: in the user's currency."""
    wanted = {name: given[name] for name in ("pspName", "pspId", "currency") if name in given}
    # Checked whole before anything is kept: a user that is refused leaves no MPP behind.
    pair = _published_pair(wanted)
    schemas.UserSchema().load({**given, **pair})
    return directory.put_psp(Psp(**schemas.PspSchema().load(pair)))


def _published_pair(given: dict[str, Any]) -> dict[str, Any]:
    """The same with both pspName and pspId, where one is given and the pair is published."""
    names = {psp_id: psp_name for psp_name, psp_id in PUBLISHED_MPPS.items()}
    psp_name, psp_id = _text(given, "pspName"), _text(given, "pspId")
    pair = {"pspName": psp_name or names.get(psp_id or ""), "pspId": psp_id or PUBLISHED_MPPS.get(psp_name or "")}
    return {**given, **{name: value for name, value in pair.items() if value is not None}}


def _named(psp: Psp) -> dict[str, str]:
    return {"pspName": psp.psp_name, "pspId": psp.psp_id}


def _with_psp_id(directory: WalletDirectory, given: dict[str, Any]) -> dict[str, Any]:
    psp = _psp(directory, given)
    return {**{name: value for name, value in given.items() if name != "pspName"}, "pspId": psp.psp_id}


def _with_tuples(members: dict[str, Any], *names: str) -> dict[str, Any]:
    return {**members, **{name: tuple(members[name]) for name in names}}
