"""`acqp-gateway sandbox history`: every message that the sandbox received and sent."""

from __future__ import annotations

from typing import Any

import click

from acqp_gateway.sandbox.commands import output
from acqp_gateway.sandbox.commands.control_client import ControlClient

_BRIEFLY = ("api", "subject", "verdict", "fault")


@click.command()
@click.option("--limit", type=click.IntRange(1, 5_000), default=20, show_default=True, help="How many at most.")
@click.option("--scan", metavar="ID", help="Only those of this scan.")
@click.option("--full", is_flag=True, help="Headers, bodies and signed texts, too.")
@click.option("--clear", is_flag=True, help="Forget them all instead.")
@output.json_option
def history(limit: int, scan: str | None, full: bool, clear: bool, as_json: bool) -> None:
    """Show the newest messages, each with its verdict.

    The newest first; the verdict is on the request's signature where it was received, and on the answer's where it
    was sent.
    """
    if clear:
        output.message(f"{ControlClient().ask('DELETE', 'history')['cleared']} messages are forgotten.")
        return
    messages = ControlClient().ask("GET", "history", parameters={"limit": limit, "scan": scan})["messages"]
    if as_json:
        output.print_json(messages)
    elif full:
        for message in messages:
            _show_in_full(message)
    else:
        _show_briefly(messages)


def _show_briefly(messages: list[dict[str, Any]]) -> None:
    output.table(
        ("time", "direction", "api", "about", "signature", "fault", "result", "scan"),
        [
            (
                _short(message["time"]),
                *(message[name] for name in ("direction", *_BRIEFLY)),
                message["result"],
                message["scan"],
            )
            for message in messages
        ],
        none="There was no message yet.",
    )


def _short(time: str) -> str:
    return f"{time[:19].replace('T', ' ')}Z"


def _show_in_full(message: dict[str, Any]) -> None:
    names = ("time", "direction", "api", "verdict", "failure", "fault", "result")
    output.pairs({name: message[name] for name in names if message.get(name) is not None})
    for name, title in (("request", "Request"), ("answer", "Answer")):
        part = message[name]
        if part is None:
            click.echo(f"\n{title}: none\n")
            continue
        start = f"{message['method']} {message['target']}" if name == "request" else part["status"] or ""
        click.echo(f"\n{title}: {output.plain(start)}")
        output.pairs({f"  {header}": value for header, value in part["headers"].items()})
        click.echo(f"  {output.plain(part['body'])}{_cut(part)}")
        click.echo(f"  signed text: {output.plain(part['signedText'] or '(none)')}\n")


def _cut(part: dict[str, Any]) -> str:
    return f" ... ({part['bodyBytes']} bytes in all)" if part["bodyIsCut"] else ""
