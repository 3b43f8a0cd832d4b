"""`acqp-gateway sandbox scan`: a customer scans a code."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from acqp_gateway import settings
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.sandbox import alipayplus
from acqp_gateway.sandbox.commands import showing
from acqp_gateway.sandbox.commands.scans import pay_and_show
from acqp_gateway.sandbox.scans import Mode
from acqp_gateway.sandbox.scans_control import FASTEST, not_published


@click.command()
@click.argument("code_value", metavar="CODE")
@click.option("--psp", metavar="NAME", help="The wallet that scans, such as ALIPAY_CN, or its published pspId.")
@click.option("--psp-id", metavar="ID", help="Its pspId in place of --psp, sent as it is, published or not.")
@click.option("--customer", "customer_id", metavar="ID", help="The wallet user's id.")
@click.option("--url", help="The full URL, path included; the configured address otherwise.")
@click.option(
    "--save",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write what the gateway signed there, as the files signed-text and signature, for openssl.",
)
@click.option("--pay", is_flag=True, help="Pay the order, too; this needs a sandbox that runs.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    help="With --pay: how the gateway is told, by pushPayment or by notifyPayment.  [default: push]",
)
@click.option(
    "--speed",
    type=click.FloatRange(1, FASTEST),
    metavar="N",
    help="With --pay: divide the times between inquiries.",
)
@click.option("--pin", metavar="PIN", help="With --pay: what the user types in.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def scan(
    code_value: str,
    psp: str | None,
    psp_id: str | None,
    customer_id: str | None,
    url: str | None,
    folder: Path | None,
    pay: bool,
    mode: str | None,
    speed: float | None,
    pin: str | None,
    as_json: bool,
) -> None:
    """Scan CODE as a customer.

    Sends the gateway a signed userInitiatedPay and verifies its signed answer. With --pay the running sandbox
    scans, the user pays at the wallet, and the payment is carried to its end.

    Exit status 0 when the code was decoded, and with --pay when the order is paid; otherwise 1.
    """
    if psp is not None and psp_id is not None:
        raise click.UsageError("Give either --psp or --psp-id.")
    if psp:
        psp_id = _published(psp)
    if pay:
        if psp_id is None or url is not None or folder is not None:
            raise click.UsageError("--pay needs --psp or --psp-id, and goes without --url and --save.")
        wanted = {"codeValue": code_value, "pspId": psp_id, "customerId": customer_id, "mode": mode, "speed": speed}
        is_paid = pay_and_show({name: value for name, value in wanted.items() if value is not None}, pin, as_json)
        sys.exit(0 if is_paid else 1)
    if any(given is not None for given in (mode, speed, pin)):
        raise click.UsageError("--mode, --speed and --pin go with --pay alone.")
    received = showing.believed(
        alipayplus.scan(settings.load(), code_value, psp=psp_id, customer_id=customer_id, url=url),
        asked="userInitiatedPay, as Alipay+ sends it",
        answered="The gateway's answer",
        as_json=as_json,
    )
    if folder is not None and received.signed:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "signed-text").write_bytes(received.signed_text)
        (folder / "signature").write_bytes(received.signature)
    sys.exit(0 if received.result["resultCode"] == "SUCCESS" else 1)


def _published(psp: str) -> str:
    """The pspId of a published MPP that is given by its name or by that very id."""
    if psp in PUBLISHED_MPPS.values():
        return psp
    if psp in PUBLISHED_MPPS:
        return PUBLISHED_MPPS[psp]
    raise click.UsageError(f"{not_published(psp)} To send it as a pspId all the same: --psp-id {shlex.quote(psp)}")
