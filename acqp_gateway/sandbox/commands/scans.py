"""`acqp-gateway sandbox scans`, and how a scan that is paid is followed to its end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import click

from acqp_gateway.protocol import results
from acqp_gateway.protocol.currencies import written
from acqp_gateway.protocol.messages.inquiry_payment import INQUIRY_PAYMENT_API
from acqp_gateway.sandbox.commands import output
from acqp_gateway.sandbox.commands.control_client import ControlClient
from acqp_gateway.sandbox.history import RECEIVED, SENT
from acqp_gateway.sandbox.scans import State

#: Longer than the sandbox repeats a userInitiatedPay, and than a late one is kept back.
_DECODED_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.2
_MOST_MESSAGES = 1_000
_OF_WALLET = (INQUIRY_PAYMENT_API.name,)
#: What to do next, by the result code that ended a scan.
_HINTS = {
    results.USER_PAYMENT_VERIFICATION_FAILED.code: "The user has a PIN: give it with --pin.",
    results.USER_BALANCE_NOT_ENOUGH.code: "More money: acqp-gateway sandbox wallet users set --help",
    results.MERCHANT_NOT_REGISTERED.code: "How it stands: acqp-gateway registrations list, and at the sandbox:"
    " acqp-gateway sandbox registrations list",
}
_ARROWS = {SENT: "->", RECEIVED: "<-"}


@click.command()
@click.option("--limit", type=click.IntRange(1, 5_000), default=20, show_default=True, help="How many at most.")
@output.json_option
def scans(limit: int, as_json: bool) -> None:
    """List what was scanned and what became of it, the newest first."""
    found = ControlClient().ask("GET", "scans", parameters={"limit": limit})["scans"]
    if as_json:
        output.print_json(found)
        return
    output.table(
        ("scan", "time", "MPP", "customer", "order", "amount", "state", "trouble"),
        [
            (
                scan["scanId"],
                f"{scan['scannedAt'][:19].replace('T', ' ')}Z",
                scan["pspName"] or scan["pspId"],
                scan["customerId"],
                scan["paymentRequestId"],
                _amount(scan["paymentAmount"]),
                scan["state"],
                scan["failure"],
            )
            for scan in found
        ],
        none="Nothing was scanned yet; see: acqp-gateway sandbox scan --help",
    )


def pay_and_show(wanted: Mapping[str, Any], pin: str | None, as_json: bool) -> bool:
    """Scan, pay, and show each message as it goes; whether the order is paid in the end.

    Raises CallFailed, and CommandRefused where the sandbox does not allow it.
    """
    client = ControlClient()
    scan = client.ask("POST", "scans", body=wanted, answer_s=_DECODED_WITHIN_S)["scan"]
    follower = _Follower(client, scan, quiet=as_json)
    follower.look()
    if scan["state"] == State.DECODED:
        if not as_json:
            _show_order(scan)
        client.ask("POST", f"scans/{scan['scanId']}/pay", body={} if pin is None else {"pin": pin})
        scan = follower.to_the_end()
    if as_json:
        output.print_json({"scan": scan, "messages": follower.messages})
    else:
        for line in _end(scan):
            click.echo(output.plain(line))
    return bool(scan["state"] == State.PAID)


class _Follower:
    """Sees every message of a scan once."""

    def __init__(self, client: ControlClient, scan: Mapping[str, Any], *, quiet: bool) -> None:
        self._client = client
        self._scan_id = scan["scanId"]
        self._quiet = quiet
        self.messages: list[dict[str, Any]] = []

    def look(self) -> None:
        """Show what is new."""
        after = self.messages[-1]["id"] if self.messages else 0
        parameters = {"scan": self._scan_id, "after": after, "limit": _MOST_MESSAGES}
        for message in self._client.ask("GET", "history", parameters=parameters)["messages"]:
            self.messages.append(message)
            # What the wallet receives is what was sent a line before.
            if not self._quiet and not (message["direction"] == RECEIVED and message["api"] in _OF_WALLET):
                click.echo(output.plain(_line(message)))

    def to_the_end(self) -> dict[str, Any]:
        """Show what is new until nothing is to come; the scan as it stands then."""
        while True:
            scan: dict[str, Any] = self._client.ask("GET", f"scans/{self._scan_id}")["scan"]
            self.look()
            if scan["finished"]:
                return scan
            time.sleep(_LOOK_EVERY_S)


def _line(message: Mapping[str, Any]) -> str:
    fault = f", fault {message['fault']}" if message["fault"] else ""
    said = _said(message)
    verdict = message["verdict"] if message["direction"] == RECEIVED else _of_answer(message)
    return f"{message['time'][11:23]}  {_ARROWS[message['direction']]} {message['api']}  {said} ({verdict}{fault})"


def _said(message: Mapping[str, Any]) -> str:
    """The answer's result, and that of the payment that was asked about: an inquiry succeeds about a failed one."""
    result = str(message["result"] or "no answer")
    try:
        payment = json.loads((message["answer"] or {}).get("body") or "{}").get("paymentResult") or {}
        return f"{result}, paymentResult {payment['resultStatus']} {payment['resultCode']}"
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return result


def _of_answer(message: Mapping[str, Any]) -> str:
    return "signature verified" if message["signatureVerified"] else str(message["verdict"])


def _show_order(scan: Mapping[str, Any]) -> None:
    order = scan["order"]
    merchant = order.get("merchant") or {}
    seller = merchant.get("merchantDisplayName") or merchant.get("merchantName")
    output.pairs(
        {
            "merchant": seller,
            "order": order.get("orderDescription"),
            "amount": _amount(scan["paymentAmount"]),
            "paymentRequestId": scan["paymentRequestId"],
            "payable until": scan["payableUntil"],
        }
    )


def _amount(amount: Mapping[str, str] | None) -> str | None:
    return written(int(amount["value"]), amount["currency"]) if amount else None


def _end(scan: Mapping[str, Any]) -> Iterator[str]:
    yield f"{scan['state']}: {scan['stateText']}"
    for name in ("result", "paymentResult", "pushResult"):
        result = scan[name]
        if result and result["resultStatus"] != "S":
            yield f"{name}: {result['resultStatus']} {result['resultCode']}"
    hint = _HINTS.get((scan["paymentResult"] or scan["result"] or {}).get("resultCode", ""))
    if hint is not None and scan["state"] in (State.PAYMENT_FAILED, State.REFUSED):
        yield hint
    if scan["failure"]:
        yield str(scan["failure"])
