"""A call and what came back for a person: what was sent, the answer, and the verdict on it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from acqp_gateway.errors import CallFailed, ParameterIllegal
from acqp_gateway.protocol.client import Received, Sent
from acqp_gateway.protocol.strict_json import read_object
from acqp_gateway.sandbox.calls import Called
from acqp_gateway.sandbox.commands import output

#: What is no terminal is as wide as it needs to be: a signature is to be copied in one piece.
_NO_TERMINAL_WIDTH = 100_000
#: Of an answer that is no JSON the beginning is shown.
_LONGEST_TEXT = 20_000


def believed(called: Called, *, asked: str, answered: str, as_json: bool) -> Received:
    """Print a call and its answer, and return the answer if it may be believed. Raises CallFailed.

    An answer that may not is printed all the same, with the verdict on it; where none came, nothing is printed.
    `asked` and `answered` are the headlines of request and answer for a person.
    """
    received, failure = called.received, called.failure
    if received is not None:
        described = _believed_for_a_script(received)
        verdict = "signature verified" if received.signed else "NOT SIGNED (believed only because it is a refusal)"
        succeeded = received.result["resultStatus"] == "S"
        line = Text(f"\n{received.result['resultCode']}, {verdict}", style="bold green" if succeeded else "bold red")
        sent, headers, body = received.sent, received.headers, _json(received.members)
    elif failure is not None and failure.answer is not None and called.sent is not None:
        described = _doubted_for_a_script(called.sent, failure, failure.answer)
        line = Text(f"\nNOT BELIEVED: {output.plain(str(failure))}", style="bold red")
        sent, headers, body = called.sent, failure.answer_headers or {}, _whatever(failure.answer)
        answered = f"{answered}, HTTP {failure.answer_status}"
    else:
        return called.believed()
    if as_json:
        output.print_json(described)
    else:
        _show(sent, headers, body, asked=asked, answered=answered, verdict=line)
    return called.believed()


def _believed_for_a_script(received: Received) -> dict[str, Any]:
    return {
        "request": _request(received.sent),
        "answer": _answer(HTTPStatus.OK, received.headers, received.body, is_verified=received.signed),
        "result": received.result,
        "members": received.members,
        "failure": None,
    }


def _doubted_for_a_script(sent: Sent, failure: CallFailed, body: bytes) -> dict[str, Any]:
    return {
        "request": _request(sent),
        "answer": _answer(failure.answer_status, failure.answer_headers or {}, body, is_verified=False),
        "result": None,
        "members": None,
        "failure": {"reason": failure.reason, "text": str(failure)},
    }


def _request(sent: Sent) -> dict[str, Any]:
    return {"url": sent.url, "headers": dict(sent.headers), "body": sent.body.decode()}


def _answer(status: int | None, headers: Mapping[str, str], body: bytes, *, is_verified: bool) -> dict[str, Any]:
    text = body.decode("utf-8", "backslashreplace")
    return {"status": status, "headers": dict(headers), "body": text, "signatureVerified": is_verified}


def _show(sent: Sent, headers: Mapping[str, str], body: Text, *, asked: str, answered: str, verdict: Text) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _NO_TERMINAL_WIDTH)
    console.print(Text(asked, style="bold"))
    console.print(Text(f"POST {sent.url}"))
    console.print(_headers(sent.headers))
    console.print(_json(json.loads(sent.body)))
    console.print(Text(f"\n{answered}", style="bold"))
    console.print(_headers(headers))
    console.print(body)
    console.print(verdict)


def _whatever(body: bytes) -> Text:
    """A body that nobody vouches for: JSON, or the beginning of some text."""
    try:
        return _json(read_object(body))
    except ParameterIllegal:
        text = output.plain(body[:_LONGEST_TEXT].decode("utf-8", "backslashreplace"))
        more = f" ... ({len(body)} bytes in all)" if len(body) > _LONGEST_TEXT else ""
        return Text(text + more)


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
