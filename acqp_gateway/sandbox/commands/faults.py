"""`acqp-gateway sandbox faults`: make the sandbox misbehave."""

from __future__ import annotations

from typing import Any

import click

from acqp_gateway.sandbox.call_faults import CALL_FAULTS
from acqp_gateway.sandbox.commands import output
from acqp_gateway.sandbox.commands.control_client import ControlClient
from acqp_gateway.sandbox.faults import FAULTS
from acqp_gateway.sandbox.faults_in_force import ANSWERS, APIS, CALLS, LONGEST_MS, known_faults, no_such_fault

_NAMES = list(dict.fromkeys((*FAULTS, *CALL_FAULTS)))
_SIDE_WORDS = {ANSWERS: "its answers", CALLS: "its calls to the gateway"}
_api_option = click.option(
    "--api", type=click.Choice(APIS), metavar="API", help="Of one API; `faults list` shows which there are."
)


@click.group()
def faults() -> None:
    """Make the sandbox misbehave by name, in its answers and in its calls.

    It does nothing wrong by itself.
    """


@faults.command("list")
@_api_option
@output.json_option
def list_faults(api: str | None, as_json: bool) -> None:
    """List the faults in force, and all that there are."""
    found = ControlClient().ask("GET", "faults")
    if as_json:
        output.print_json(found)
        return
    if api is not None:
        _show_known(found["apis"][api]["known"])
    else:
        for side, words in _SIDE_WORDS.items():
            apis = [each for each, of_api in found["apis"].items() if of_api["side"] == side]
            click.echo(f"Of {words}: {', '.join(apis)}")
            _show_known({name: text for each in apis for name, text in found["apis"][each]["known"].items()})
    _show_in_force(found)


def _show_known(known: dict[str, str]) -> None:
    output.table(("fault", "what it does"), list(known.items()), none="", folded=True)
    click.echo()


@faults.command("set")
@click.argument("name", type=click.Choice(_NAMES), metavar="NAME")
@click.option(
    "--times", type=click.IntRange(1, 1_000_000), metavar="N", help="For so many answers or calls; otherwise for all."
)
@click.option(
    "--merchant",
    metavar="ID",
    help="Only for messages about this: a merchant id, a registration request id, a code value, a paymentRequestId.",
)
@click.option(
    "--ms",
    type=click.IntRange(0, LONGEST_MS),
    metavar="N",
    help="How late (slow, late), or how long between bytes (dripping).",
)
@click.option("--api", type=click.Choice(APIS), metavar="API", default=APIS[0], show_default=True, help="Whose.")
@output.json_option
def set_fault(name: str, times: int | None, merchant: str | None, ms: int | None, api: str, as_json: bool) -> None:
    """Put a fault in force, until it is spent or cleared. Of several the first that matches is applied.

    NAME is one of those that `faults list` shows.
    """
    if name not in known_faults(api):
        raise click.UsageError(f"{name}: {no_such_fault(api, name)}; for another API: --api NAME")
    body = {"api": api, "fault": name, "times": times, "merchant": merchant, "ms": ms}
    _report(ControlClient().ask("POST", "faults", body=body), as_json=as_json)


@faults.command("clear")
@click.argument("name", type=click.Choice(_NAMES), metavar="[NAME]", required=False)
@click.option("--merchant", metavar="ID", help="Only those limited to this id.")
@_api_option
@output.json_option
def clear_faults(name: str | None, merchant: str | None, api: str | None, as_json: bool) -> None:
    """End a fault, or all of them."""
    parameters = {"fault": name, "merchant": merchant, "api": api}
    found = ControlClient().ask("DELETE", "faults", parameters=parameters)
    _report(found, as_json=as_json)


@faults.command("latency")
@click.argument("ms", type=click.IntRange(0, LONGEST_MS), metavar="MS")
@output.json_option
def set_latency(ms: int, as_json: bool) -> None:
    """Keep every answer waiting for MS milliseconds; 0 ends that."""
    found = ControlClient().ask("PUT", "latency", body={"ms": ms})
    if as_json:
        _report(found, as_json=True)
    else:
        _say_latency(found)
        if not found["latencyMs"]:
            output.message("No answer is kept waiting.")


def _report(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_json({name: value for name, value in found.items() if name not in ("known", "apis")})
    else:
        _show_in_force(found)


def _show_in_force(found: dict[str, Any]) -> None:
    output.table(
        ("in force", "api", "times left", "only for", "ms"),
        [
            (setting["fault"], setting["api"], setting["times"] or "all", setting["merchant"], setting["ms"])
            for setting in found["faults"]
        ],
        none="No fault is in force.",
    )
    _say_latency(found)


def _say_latency(found: dict[str, Any]) -> None:
    if found["latencyMs"]:
        output.message(f"Every answer is kept waiting for {found['latencyMs']} ms.")
