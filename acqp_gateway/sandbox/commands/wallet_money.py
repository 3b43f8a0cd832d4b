"""`acqp-gateway sandbox wallet quotes` and `payments`: what money costs, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from acqp_gateway.sandbox.commands import output
from acqp_gateway.sandbox.commands.control_client import ControlClient
from acqp_gateway.sandbox.commands.wallet_options import given, psp_members, psp_option

_order_option = click.option("--order", required=True, metavar="ID", help="The order's paymentRequestId.")


@click.group()
def quotes() -> None:
    """Set quotes: what one unit of a payment's currency costs in the user's."""


@quotes.command("list")
@click.option("--psp", metavar="NAME", help="Only those of this MPP.")
@click.option("--from", "from_currency", metavar="CODE", help="Only for payments in this currency.")
@output.json_option
def list_quotes(psp: str | None, from_currency: str | None, as_json: bool) -> None:
    """List the quotes."""
    parameters = {**(psp_members(psp) if psp else {}), "fromCurrency": from_currency}
    _show_quotes(ControlClient().ask("GET", "wallet/quotes", parameters=parameters)["quotes"], as_json=as_json)


@quotes.command("set")
@psp_option
@click.argument("from_currency", metavar="FROM")
@click.argument("to_currency", metavar="TO")
@click.argument("quote_price", metavar="PRICE")
@output.json_option
def set_quote(psp: str, from_currency: str, to_currency: str, quote_price: str, as_json: bool) -> None:
    """Enter or change a quote: one FROM costs PRICE TO, both in whole units.

    \b
    Example: acqp-gateway sandbox wallet quotes set --psp ALIPAY_CN JPY CNY 0.0469
    """
    members = {
        **psp_members(psp),
        "fromCurrency": from_currency,
        "toCurrency": to_currency,
        "quotePrice": quote_price,
    }
    _show_quotes([ControlClient().ask("POST", "wallet/quotes", body=members)["quote"]], as_json=as_json)


@quotes.command("delete")
@psp_option
@click.option("--from", "from_currency", metavar="CODE", help="Only for payments in this currency.")
def delete_quotes(psp: str, from_currency: str | None) -> None:
    """Forget quotes: without one the answer is CURRENCY_NOT_SUPPORT."""
    parameters = {**psp_members(psp), "fromCurrency": from_currency}
    deleted = ControlClient().ask("DELETE", "wallet/quotes", parameters=parameters)["deleted"]
    output.message(f"{deleted} quotes are forgotten.")


@click.group()
def payments() -> None:
    """See, make, settle and refund payments at the wallet."""


@payments.command("list")
@click.option("--psp", metavar="NAME", help="Only those of this MPP.")
@click.option("--order", metavar="ID", help="Only those of this paymentRequestId.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many at most.")
@output.json_option
def list_payments(psp: str | None, order: str | None, limit: int, as_json: bool) -> None:
    """List all attempts to pay, the newest first."""
    parameters = {**(psp_members(psp) if psp else {}), "paymentRequestId": order, "limit": limit}
    found = ControlClient().ask("GET", "wallet/payments", parameters=parameters)["payments"]
    _show_payments(found, as_json=as_json)


@payments.command("set")
@psp_option
@_order_option
@click.option("--customer", "customer_id", metavar="ID", help="Who pays; the MPP's first user otherwise.")
@click.option("--amount", required=True, metavar="N CURRENCY", nargs=2, help="In minor units, such as 1500 JPY.")
@click.option("--pin", metavar="PIN", help="What the user types in.")
@click.option("--code", metavar="TEXT", help="The payment code that stands for the user.")
@click.option("--token", metavar="TEXT", help="The access token that stands for the user.")
@click.option("--until", metavar="TIME", help="When the order can be paid no more, ISO 8601 with its offset.")
@click.option("--merchant", metavar="ID", help="Who sells.")
@click.option("--pass-through-info", metavar="TEXT", help="Returned by inquiryPayment as it is.")
@output.json_option
def set_payment(psp: str, order: str, amount: tuple[str, str], as_json: bool, **options: Any) -> None:
    """Let a user confirm a payment."""
    members = {
        **psp_members(psp),
        "paymentRequestId": order,
        "paymentAmount": {"value": amount[0], "currency": amount[1]},
        **given(customerId=options["customer_id"], pin=options["pin"], until=options["until"]),
        **given(paymentCode=options["code"], accessToken=options["token"], referenceMerchantId=options["merchant"]),
        **given(passThroughInfo=options["pass_through_info"]),
    }
    _show_payments([ControlClient().ask("POST", "wallet/payments", body=members)["payment"]], as_json=as_json)


@payments.command("settle")
@psp_option
@_order_option
@output.json_option
def settle_payment(psp: str, order: str, as_json: bool) -> None:
    """End a payment that is in process."""
    _done("settle", psp, order, as_json=as_json)


@payments.command("refund")
@psp_option
@_order_option
@output.json_option
def refund_payment(psp: str, order: str, as_json: bool) -> None:
    """Give the money back: the order is closed from then on."""
    _done("refund", psp, order, as_json=as_json)


@payments.command("delete")
@psp_option
@click.option("--order", metavar="ID", help="Only those of this paymentRequestId.")
def delete_payments(psp: str, order: str | None) -> None:
    """Forget payments; nobody gets money back."""
    parameters = {**psp_members(psp), "paymentRequestId": order}
    deleted = ControlClient().ask("DELETE", "wallet/payments", parameters=parameters)["deleted"]
    output.message(f"{deleted} payments are forgotten.")


def _done(what: str, psp: str, order: str, *, as_json: bool) -> None:
    members = {**psp_members(psp), "paymentRequestId": order}
    found = ControlClient().ask("POST", f"wallet/payments/{what}", body=members)["payment"]
    _show_payments([found], as_json=as_json)


def _show_quotes(found: list[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.print_json(found)
        return
    output.table(
        ("MPP", "from", "to", "price"),
        [[quote[name] for name in ("pspName", "fromCurrency", "toCurrency", "quotePrice")] for quote in found],
        none="There is no such quote.",
    )


def _show_payments(found: list[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.print_json(found)
        return
    output.table(
        ("MPP", "customer", "order", "payment", "amount", "pays to Alipay+", "result", "time"),
        [
            (
                *(payment[name] for name in ("pspName", "customerId", "paymentRequestId", "paymentId")),
                _amount(payment["paymentAmount"]),
                _amount(payment["payToAmount"]),
                f"{payment['resultStatus']} {payment['resultCode']}",
                payment["paymentTime"],
            )
            for payment in found
        ],
        none="There is no such payment.",
    )


def _amount(amount: Mapping[str, str] | None) -> str | None:
    return None if amount is None else f"{amount['value']} {amount['currency']}"
