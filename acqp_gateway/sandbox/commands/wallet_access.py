"""`acqp-gateway sandbox wallet tokens` and `payment-codes`: by what Alipay+ finds a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from acqp_gateway.protocol.messages.inquiry_user_info import SCOPES
from acqp_gateway.sandbox.commands import output
from acqp_gateway.sandbox.commands.control_client import ControlClient
from acqp_gateway.sandbox.commands.wallet_options import customer_option, given, or_none, psp_members, psp_option


@click.group()
def tokens() -> None:
    """Set access tokens: what inquiryUserInfo is asked with."""


@tokens.command("list")
@click.option("--psp", metavar="NAME", help="Only those of this MPP.")
@output.json_option
def list_tokens(psp: str | None, as_json: bool) -> None:
    """List the access tokens."""
    parameters = psp_members(psp) if psp else {}
    _show_tokens(ControlClient().ask("GET", "wallet/tokens", parameters=parameters)["tokens"], as_json=as_json)


@tokens.command("set")
@psp_option
@customer_option
@click.option("--token", metavar="TEXT", help="A new one is made up otherwise.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="May be repeated; all otherwise.")
@click.option("--expires-at", metavar="TIME", help="ISO 8601 with its offset, or none.")
@click.option("--revoked/--not-revoked", default=None, help="Revoked: INVALID_TOKEN.")
@output.json_option
def set_token(
    psp: str,
    customer_id: str,
    token: str | None,
    scopes: tuple[str, ...],
    expires_at: str | None,
    revoked: bool | None,
    as_json: bool,
) -> None:
    """Enter or change an access token."""
    client = ControlClient()
    listed = client.ask("GET", "wallet/tokens", parameters={**psp_members(psp), "customerId": customer_id})["tokens"]
    is_new = token is None or not any(known["accessToken"] == token for known in listed)
    members = {
        **psp_members(psp),
        "customerId": customer_id,
        **given(accessToken=token, revoked=revoked),
        **({} if expires_at is None else {"expiresAt": or_none(expires_at)}),
        **({"scopes": list(scopes) or list(SCOPES)} if scopes or is_new else {}),
    }
    _show_tokens([client.ask("POST", "wallet/tokens", body=members)["token"]], as_json=as_json)


@tokens.command("delete")
@psp_option
@click.option("--customer", "customer_id", metavar="ID", help="Only those of this user.")
@click.option("--token", metavar="TEXT", help="Only this one.")
def delete_tokens(psp: str, customer_id: str | None, token: str | None) -> None:
    """Forget access tokens."""
    parameters = {**psp_members(psp), "customerId": customer_id}
    body = {"accessToken": token} if token else None
    deleted = ControlClient().ask("DELETE", "wallet/tokens", parameters=parameters, body=body)["deleted"]
    output.message(f"{deleted} tokens are forgotten.")


@click.group("payment-codes")
def payment_codes() -> None:
    """Set payment codes: what a user's phone shows, and inquiryCustomerId is asked with."""


@payment_codes.command("list")
@click.option("--psp", metavar="NAME", help="Only those of this MPP.")
@output.json_option
def list_payment_codes(psp: str | None, as_json: bool) -> None:
    """List the payment codes."""
    parameters = psp_members(psp) if psp else {}
    found = ControlClient().ask("GET", "wallet/payment-codes", parameters=parameters)["paymentCodes"]
    _show_payment_codes(found, as_json=as_json)


@payment_codes.command("set")
@psp_option
@customer_option
@click.option("--code", metavar="TEXT", help="A new one is made up otherwise.")
@click.option("--expires-at", metavar="TIME", help="ISO 8601 with its offset; in a minute otherwise.")
@output.json_option
def set_payment_code(psp: str, customer_id: str, code: str | None, expires_at: str | None, as_json: bool) -> None:
    """Enter or change a payment code."""
    members = {**psp_members(psp), "customerId": customer_id, **given(paymentCode=code, expiresAt=expires_at)}
    found = ControlClient().ask("POST", "wallet/payment-codes", body=members)["paymentCode"]
    _show_payment_codes([found], as_json=as_json)


@payment_codes.command("delete")
@psp_option
@click.option("--customer", "customer_id", metavar="ID", help="Only those of this user.")
@click.option("--code", metavar="TEXT", help="Only this one.")
def delete_payment_codes(psp: str, customer_id: str | None, code: str | None) -> None:
    """Forget payment codes."""
    parameters = {**psp_members(psp), "customerId": customer_id}
    body = {"paymentCode": code} if code else None
    deleted = ControlClient().ask("DELETE", "wallet/payment-codes", parameters=parameters, body=body)["deleted"]
    output.message(f"{deleted} payment codes are forgotten.")


def _show_tokens(found: list[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.print_json(found)
        return
    output.table(
        ("access token", "MPP", "customer", "scopes", "expires", "revoked"),
        [
            (
                *(token[name] for name in ("accessToken", "pspName", "customerId")),
                ", ".join(token["scopes"]),
                token["expiresAt"],
                "revoked" if token["revoked"] else "",
            )
            for token in found
        ],
        none="There is no such token.",
    )


def _show_payment_codes(found: list[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.print_json(found)
        return
    output.table(
        ("payment code", "MPP", "customer", "expires"),
        [[code[name] for name in ("paymentCode", "pspName", "customerId", "expiresAt")] for code in found],
        none="There is no such payment code.",
    )
