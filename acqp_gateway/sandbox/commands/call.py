"""`acqp-gateway sandbox call`: ask the wallet as Alipay+ would."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from acqp_gateway import settings
from acqp_gateway.protocol.messages.inquiry_customer_id import INQUIRY_CUSTOMER_ID_API
from acqp_gateway.protocol.messages.inquiry_payment import INQUIRY_PAYMENT_API
from acqp_gateway.protocol.messages.inquiry_user_info import INQUIRY_USER_INFO_API
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.sandbox import alipayplus
from acqp_gateway.sandbox.commands import showing

APIS = {api.name: api for api in (INQUIRY_PAYMENT_API, INQUIRY_CUSTOMER_ID_API, INQUIRY_USER_INFO_API)}
_LONGEST_FIELD = 100_000


@click.command()
@click.argument("api_name", metavar="API", type=click.Choice(list(APIS)))
@click.option("--psp", metavar="NAME", help="The MPP that is asked, such as ALIPAY_CN, or its pspId.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help='A member of the request; NAME= is "", and NAME:=JSON any JSON, such as customerId:=null.',
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def call(api_name: str, psp: str | None, fields: tuple[str, ...], as_json: bool) -> None:
    """Ask the wallet as Alipay+ would.

    API is inquiryPayment, inquiryCustomerId or inquiryUserInfo. The request is signed as Alipay+, the answer
    verified as the wallet's; acquirerId, and with --psp pspId, are filled in unless a --field gives them.

    Exit status 0 when the answer says success, 1 when it does not, or cannot be believed.

    \b
    Example: acqp-gateway sandbox call inquiryCustomerId --psp ALIPAY_CN \\
                 --field inquiryType=BY_LOGIN_ID --field plaintextUserLoginId=+8613800000001
    """
    configured = settings.load()
    given = [_field(text) for text in fields]
    members = {"acquirerId": configured.acquirer_id, **({"pspId": PUBLISHED_MPPS.get(psp, psp)} if psp else {})}
    received = showing.believed(
        alipayplus.ask_wallet(configured, APIS[api_name], {**members, **dict(given)}),
        asked=f"{api_name}, as Alipay+ sends it",
        answered="The wallet's answer",
        as_json=as_json,
    )
    sys.exit(0 if received.result["resultStatus"] == "S" else 1)


def _field(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator or not name.removesuffix(":") or len(value) > _LONGEST_FIELD:
        raise click.UsageError(f"--field {text[:80]!r}: write it like paymentRequestId=P1.")
    if not name.endswith(":"):
        return name, value
    try:
        return name.removesuffix(":"), json.loads(value)
    except (ValueError, RecursionError):
        raise click.UsageError(f"--field {text[:80]!r}: what follows := must be JSON, such as null.") from None
