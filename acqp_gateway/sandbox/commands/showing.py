"""A call and its answer for a person: what was sent, what came back, and the verdict on its signature."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from acqp_gateway.protocol.client import Received
from acqp_gateway.sandbox.commands import output

#: What is no terminal is as wide as it needs to be: a signature is to be copied in one piece.
_NO_TERMINAL_WIDTH = 100_000


def described(received: Received) -> dict[str, Any]:
    """The exchange for a script."""
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


def print_described(received: Received) -> None:
    """Print the exchange as one JSON object."""
    output.print_json(described(received))


def show(received: Received, *, asked: str, answered: str) -> None:
    """Print the exchange for a person; `asked` and `answered` are the headlines of request and answer."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _NO_TERMINAL_WIDTH)
    console.print(Text(asked, style="bold"))
    console.print(Text(f"POST {received.sent.url}"))
    console.print(_headers(received.sent.headers))
    console.print(_json(json.loads(received.sent.body)))
    console.print(Text(f"\n{answered}", style="bold"))
    console.print(_headers(received.headers))
    console.print(_json(received.members))
    verdict = "signature verified" if received.signed else "NOT SIGNED (believed only because it is a refusal)"
    succeeded = received.result["resultStatus"] == "S"
    style = "bold green" if succeeded else "bold red"
    console.print(Text(f"\n{received.result['resultCode']}, {verdict}", style=style))


def _json(members: Any) -> Text:
    """JSON with every character spelt out that could steer a terminal; in JSON those stand in strings alone."""
    lines = json.dumps(members, ensure_ascii=False, indent=2).split("\n")
    shown = Text("\n".join(map(_spelt_out, lines)), no_wrap=True)
    JSONHighlighter().highlight(shown)
    return shown


def _spelt_out(line: str) -> str:
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in line)


def _headers(headers: Mapping[str, str]) -> Text:
    width = max(map(len, headers), default=0) + 1
    lines = (f"{output.plain(name).lower() + ':':<{width}}  {output.plain(value)}" for name, value in headers.items())
    return Text("\n".join(lines))
