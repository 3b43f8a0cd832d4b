"""`acqp-gateway sandbox scan`: a customer scans a code."""

from __future__ import annotations

import json
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
from acqp_gateway.sandbox import alipayplus


@click.command()
@click.argument("code_value", metavar="CODE")
@click.option("--psp", metavar="NAME", help="The wallet that scans, such as ALIPAY_CN, or its pspId.")
@click.option("--customer", "customer_id", metavar="ID", help="The wallet user's id.")
@click.option("--url", help="Where the gateway is asked; the configured address otherwise.")
@click.option(
    "--save",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write what the gateway signed there, as the files signed-text and signature, for openssl.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def scan(
    code_value: str, psp: str | None, customer_id: str | None, url: str | None, folder: Path | None, as_json: bool
) -> None:
    """Scan CODE as a customer.

    Sends the gateway a signed userInitiatedPay and verifies its signed answer.

    Exit status 0 when the code was decoded, 1 when it was refused or no answer can be believed.
    """
    received = alipayplus.scan(settings.load(), code_value, psp=psp, customer_id=customer_id, url=url)
    if folder is not None and received.signed:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "signed-text").write_bytes(received.signed_text)
        (folder / "signature").write_bytes(received.signature)
    if as_json:
        click.echo(json.dumps(_described(received), ensure_ascii=False))
    else:
        _show(received)
    sys.exit(0 if received.result["resultCode"] == "SUCCESS" else 1)


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
