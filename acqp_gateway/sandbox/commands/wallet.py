"""`acqp-gateway sandbox wallet`: the MPPs, users and payments that the wallet has on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.sandbox.commands import output, wallet_access, wallet_money
from acqp_gateway.sandbox.commands.control_client import ControlClient
from acqp_gateway.sandbox.commands.wallet_options import customer_option, given, or_none, psp_members, psp_option
from acqp_gateway.sandbox.wallet.records import STATUSES


@click.group()
def wallet() -> None:
    """See and change what the wallet has on record.

    A payment fails for a reason of its user, its MPP or its order: set a balance, freeze a user, end a contract.

    \b
    Example: acqp-gateway sandbox wallet users set --psp ALIPAY_CN --customer 2088000000000001 --balance 100
    """


wallet.add_command(wallet_access.tokens)
wallet.add_command(wallet_access.payment_codes)
wallet.add_command(wallet_money.quotes)
wallet.add_command(wallet_money.payments)


@wallet.group()
def psps() -> None:
    """Set how an MPP stands with Alipay+ and with the acquirer."""


@psps.command("list")
@output.json_option
def list_psps(as_json: bool) -> None:
    """List the MPPs that this wallet is."""
    found = ControlClient().ask("GET", "wallet/psps", parameters={"all": "true"})["psps"]
    _show_psps(found, as_json=as_json)


@psps.command("set")
@psp_option
@click.option("--psp-id", metavar="ID", help="Its pspId, for an MPP that is new and not published.")
@click.option("--currency", metavar="CODE", help="Its users' currency, for an MPP that is new.")
@click.option("--in-service/--out-of-service", default=None, help="Out of service it answers PROCESS_FAIL.")
@click.option("--contract/--no-contract", default=None, help="Without: INVALID_CONTRACT.")
@click.option("--product/--no-product", default=None, help="Without: BUSINESS_NOT_SUPPORT.")
@click.option(
    "--payment-limit", metavar="N", help="Alipay+'s limit of one payment, in minor units; none: without limit."
)
@click.option("--payments-per-day", metavar="N", help="How often a user may pay in a day (UTC), or none.")
@click.option("--rate", metavar="RATE", help="How often it may be asked, such as 5/minute, or none.")
@click.option(
    "--restricted-region", "regions", multiple=True, metavar="CODE", help="Users from there may not pay; or none."
)
@click.option("--pass-through-info", metavar="TEXT", help="passThroughInfo of its payments from now on, or none.")
@output.json_option
def set_psp(psp: str, psp_id: str | None, regions: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Enter or change an MPP; what is not given stays as it is."""
    count = or_none(options["payments_per_day"])
    members = {
        **psp_members(psp),
        **given(pspId=psp_id, currency=options["currency"]),
        **given(inService=options["in_service"], contractInForce=options["contract"], productOn=options["product"]),
        **_nullable(
            paymentLimit=options["payment_limit"], rate=options["rate"], passThroughInfo=options["pass_through_info"]
        ),
        **({} if options["payments_per_day"] is None else {"paymentsPerDay": count and _whole_number(count)}),
        **({"restrictedRegions": [region for region in regions if region != "none"]} if regions else {}),
    }
    _show_psps([ControlClient().ask("POST", "wallet/psps", body=members)["psp"]], as_json=as_json)


@psps.command("delete")
@psp_option
def delete_psp(psp: str) -> None:
    """Forget an MPP that has neither users nor payments."""
    deleted = ControlClient().ask("DELETE", "wallet/psps", parameters=psp_members(psp))["deleted"]
    output.message(f"{deleted} MPPs are forgotten.")


@wallet.group()
def users() -> None:
    """Set who has an account, with how much money and in what state."""


@users.command("list")
@click.option("--psp", metavar="NAME", help="Only those of this MPP.")
@output.json_option
def list_users(psp: str | None, as_json: bool) -> None:
    """List the users, in the order in which they came."""
    parameters = psp_members(psp) if psp else {}
    _show_users(ControlClient().ask("GET", "wallet/users", parameters=parameters)["users"], as_json=as_json)


@users.command("set")
@psp_option
@customer_option
@click.option("--name", metavar="TEXT", help="What the page calls this user.")
@click.option("--currency", metavar="CODE", help="For the first user of an MPP that is new.")
@click.option("--balance", metavar="N", help="In minor units.")
@click.option("--login-id", "login_ids", multiple=True, metavar="ID", help="E.164 for a mobile number; or none.")
@click.option("--status", type=click.Choice(STATUSES), help="FROZEN: USER_STATUS_ABNORMAL.")
@click.option("--kyc/--no-kyc", default=None, help="Without: USER_KYC_NOT_QUALIFIED.")
@click.option("--payment-limit", metavar="N", help="The user's own limit of one payment, in minor units, or none.")
@click.option("--payment-method/--no-payment-method", default=None, help="Without: UNAVAILABLE_PAYMENT_METHOD.")
@click.option("--pin", metavar="PIN", help="To be typed in for each payment, or none.")
@click.option("--region", metavar="CODE", help="Where the user is, ISO 3166, or none.")
@click.option("--risky/--not-risky", default=None, help="Risky: RISK_REJECT.")
@click.option(
    "--processing-seconds", type=click.IntRange(0, 86_400), metavar="N", help="How long payments are in process."
)
@output.json_option
def set_user(psp: str, customer_id: str, login_ids: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Enter or change a user; what is not given stays as it is."""
    members = {
        **psp_members(psp),
        "customerId": customer_id,
        **given(name=options["name"], currency=options["currency"], balance=options["balance"]),
        **given(status=options["status"], kycQualified=options["kyc"], onRiskList=options["risky"]),
        **given(paymentMethodAvailable=options["payment_method"], processingSeconds=options["processing_seconds"]),
        **_nullable(paymentLimit=options["payment_limit"], pin=options["pin"], region=options["region"]),
        **({"loginIds": [login_id for login_id in login_ids if login_id != "none"]} if login_ids else {}),
    }
    _show_users([ControlClient().ask("POST", "wallet/users", body=members)["user"]], as_json=as_json)


@users.command("delete")
@psp_option
@click.option("--customer", "customer_id", metavar="ID", help="One user; all of the MPP otherwise.")
def delete_users(psp: str, customer_id: str | None) -> None:
    """Forget users, with their login ids, tokens and payment codes."""
    parameters = {**psp_members(psp), "customerId": customer_id}
    output.message(
        f"{ControlClient().ask('DELETE', 'wallet/users', parameters=parameters)['deleted']} users are forgotten."
    )


def _nullable(**options: str | None) -> dict[str, str | None]:
    """What was given, `none` as null."""
    return {name: or_none(value) for name, value in options.items() if value is not None}


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise click.UsageError(f"{text[:40]!r} is no whole number.")
    return int(text)


def _show_psps(found: list[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.print_json(found)
        return
    output.table(
        ("MPP", "pspId", "currency", "users", "differs", "limit", "a day", "rate", "restricted", "passThroughInfo"),
        [
            (
                psp["pspName"] + (" (not published)" if psp["pspName"] not in PUBLISHED_MPPS else ""),
                psp["pspId"],
                psp["currency"],
                psp.get("users"),
                ", ".join(
                    _differences(
                        psp, inService="out of service", contractInForce="no contract", productOn="no product"
                    )
                ),
                psp["paymentLimit"],
                psp["paymentsPerDay"],
                psp["rate"],
                ", ".join(psp["restrictedRegions"]),
                psp["passThroughInfo"],
            )
            for psp in found
        ],
        none="The wallet is no MPP; see: acqp-gateway sandbox wallet users set --help",
    )


def _show_users(found: list[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.print_json(found)
        return
    output.table(
        ("MPP", "customer", "name", "balance", "currency", "login ids", "status", "differs", "limit", "region"),
        [
            (
                *(user[name] for name in ("pspName", "customerId", "name", "balance", "currency")),
                ", ".join(user["loginIds"]),
                user["status"],
                ", ".join(
                    [
                        *_differences(user, kycQualified="not verified", paymentMethodAvailable="no payment method"),
                        *(["risky"] if user["onRiskList"] else []),
                        *(["PIN"] if user["pin"] else []),
                        *([f"takes {user['processingSeconds']} s"] if user["processingSeconds"] else []),
                    ]
                ),
                user["paymentLimit"],
                user["region"],
            )
            for user in found
        ],
        none="The wallet has no such user; see: acqp-gateway sandbox wallet users set --help",
    )


def _differences(record: Mapping[str, Any], **texts: str) -> list[str]:
    return [text for name, text in texts.items() if not record[name]]
