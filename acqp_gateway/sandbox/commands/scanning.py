"""`acqp-gateway sandbox scan`: a customer scans a code."""

from __future__ import annotations

import difflib
import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.json import JSON
from rich.text import Text

from acqp_gateway import settings
from acqp_gateway.protocol.client import Received
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.sandbox import alipayplus


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def scan(
    code_value: str,
    psp: str | None,
    psp_id: str | None,
    customer_id: str | None,
    url: str | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Scan CODE as a customer.

    Sends the gateway a signed userInitiatedPay and verifies its signed answer.

    Exit status 0 when the code was decoded, 1 when it was refused or no answer can be believed.
    """
    if psp is not None and psp_id is not None:
        raise click.UsageError("Give either --psp or --psp-id.")
    if psp:
        psp_id = _published(psp)
    received = alipayplus.scan(settings.load(), code_value, psp=psp_id, customer_id=customer_id, url=url)
    if folder is not None and received.signed:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "signed-text").write_bytes(received.signed_text)
        (folder / "signature").write_bytes(received.signature)
    if as_json:
        click.echo(json.dumps(_described(received), ensure_ascii=False))
    else:
        _show(received)
    sys.exit(0 if received.result["resultCode"] == "SUCCESS" else 1)


def _published(psp: str) -> str:
    """The pspId of a published MPP that is given by its name or by that very id."""
    if psp in PUBLISHED_MPPS.values():
        return psp
    if psp in PUBLISHED_MPPS:
        return PUBLISHED_MPPS[psp]
    close = difflib.get_close_matches(psp.upper(), PUBLISHED_MPPS, 1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(PUBLISHED_MPPS)}."
    raise click.UsageError(
        f"no MPP {psp} is published; {hint} To send it as a pspId all the same: --psp-id {shlex.quote(psp)}"
    )


def _described(received: Received) -> dict[str, Any]:
    return {
        "request": {
            "url": received.sent.url,
            "headers": dict(received.sent.headers),
            "body": received.sent.body.decode(),
        },
        "answer": {
            "headers": dict(received.headers),
            "body": received.body.decode(),
            "signatureVerified": received.signed,
        },
        "result": received.result,
        "members": received.members,
    }


def _show(received: Received) -> None:
    # What is no terminal is as wide as it needs to be: a signature is to be copied in one piece.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100_000)
    console.print(Text("userInitiatedPay, as Alipay+ sends it", style="bold"))
    console.print(Text(f"POST {received.sent.url}"))
    console.print(_headers(received.sent.headers))
    console.print(JSON(received.sent.body.decode()))
    console.print(Text("\nThe gateway's answer", style="bold"))
    console.print(_headers(received.headers))
    console.print(JSON.from_data(received.members))
    decoded = received.result["resultCode"] == "SUCCESS"
    verdict = "signature verified" if received.signed else "NOT SIGNED (believed only because it is a refusal)"
    console.print(
        Text(f"\n{received.result['resultCode']}, {verdict}", style="bold green" if decoded else "bold red")
    )


def _headers(headers: Mapping[str, str]) -> Text:
    width = max(map(len, headers)) + 1
    lines = (f"{name.lower() + ':':<{width}}  {value}" for name, value in headers.items())
    return Text("\n".join(lines))
