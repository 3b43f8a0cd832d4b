"""`acqp-gateway registrations add|list|check|history|export`: how registrations stand, as Alipay+ says it."""

from __future__ import annotations

import csv
import getpass
import math
import os
import shlex
import sys
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import click
from sqlalchemy import Row

from acqp_gateway.cli import long_work, output, records
from acqp_gateway.cli.opening import Opened, with_store
from acqp_gateway.cli.options import json_option, limit_option, merchant_option, store_option
from acqp_gateway.cli.question_file import QuestionFile
from acqp_gateway.cli.registrations import registrations
from acqp_gateway.clock import now
from acqp_gateway.errors import CallFailed
from acqp_gateway.protocol.client import SigningClient
from acqp_gateway.protocol.keyring import read_private_keys, read_public_keys
from acqp_gateway.protocol.messages.inquiry_registration_status import INQUIRY_REGISTRATION_STATUS_API
from acqp_gateway.registration import asking, batch
from acqp_gateway.registration.batch import Batch, Summary
from acqp_gateway.registration.checks import Asker
from acqp_gateway.registration.meaning import next_step
from acqp_gateway.registration.pace import Pace
from acqp_gateway.settings import Settings
from acqp_gateway.store import standings

__all__ = ["registrations"]

EXIT_STOPPED = 130

_CHECK_COLUMNS = ("pspName", "status", "productCodes", "since", "rejectionReason", "nextStep")
_LIST_COLUMNS = ("merchant", "store", "registrationRequestId", "collectiveStatus", "approvedRows", "rows", "askedAt")
_HISTORY_COLUMNS = (
    "time", "kind", "triggeredBy", "merchant", "store", "registrationRequestId", "outcome", "said", "applied",
)  # fmt: skip
_EXPORT_COLUMNS = ("merchant", "store", "pspName", "productCode", "status", "rejectionReason", "since")

request_option = click.option("--request-id", metavar="ID", help="The registrationRequestId sent to Alipay+.")


@registrations.command()
@click.option("--request-id", required=True, metavar="ID", help="The registrationRequestId sent to Alipay+.")
@merchant_option(required=True)
@store_option
@json_option
@with_store
def add(at_hand: Opened, request_id: str, merchant_id: str, store_id: str | None, as_json: bool) -> None:
    """Enter a registration request that was sent to Alipay+; its standing is due for a check from then on."""
    standings.add_request(at_hand.store, request_id, merchant_id, store_id, at=now())
    output.message(
        f"Registration request {request_id} is on record; to ask how it stands:"
        f" acqp-gateway registrations check --request-id {request_id}"
    )
    record = {"registrationRequestId": request_id, "merchant": merchant_id, "store": store_id}
    output.show(record, as_json=as_json)


@registrations.command("list")
@merchant_option(required=False)
@limit_option(100)
@json_option
@with_store
def list_standings(at_hand: Opened, merchant_id: str | None, limit: int, as_json: bool) -> None:
    """List how registrations stand, one line a merchant or store."""
    rows = output.cut(standings.listed(at_hand.store, merchant_id=merchant_id, limit=limit + 1), limit)
    output.show_all(
        [_standing(row) for row in rows],
        _LIST_COLUMNS,
        as_json=as_json,
        none="No registration is on record; enter one: acqp-gateway registrations add",
    )


def _standing(row: Row[Any]) -> dict[str, Any]:
    return {
        "merchant": row.merchant_id,
        "store": row.store_id,
        "registrationRequestId": row.registration_request_id,
        "collectiveStatus": row.collective_status,
        "approvedRows": row.approved,
        "rows": row.rows,
        "answeredAt": row.answered_at,
        "askedAt": row.asked_at,
    }


def _rate(_context: click.Context, _option: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("must be a number.")
    return value


@registrations.command()
@request_option
@merchant_option(required=False)
@store_option
@click.option("--due", is_flag=True, help="All that not every MPP has answered, last asked more than 20 h ago.")
@click.option("--all", "everybody", is_flag=True, help="All that are on record.")
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False),
    help="A CSV file with the columns merchant, store and request_id.",
)
@click.option(
    "--at-a-time", type=click.IntRange(1, 64), default=8, show_default=True, metavar="N", help="Questions under way."
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 10_000),
    callback=_rate,
    default=20,
    show_default=True,
    metavar="N",
    help="Questions a second at most; 0 for any number.",
)
@json_option
@with_store
def check(
    at_hand: Opened,
    request_id: str | None,
    merchant_id: str | None,
    store_id: str | None,
    due: bool,
    everybody: bool,
    path: str | None,
    at_a_time: int,
    rate: float,
    as_json: bool,
) -> None:
    """Ask Alipay+ how a registration stands, and keep the answer; or many, with --due, --all or --file.

    \b
    One:  acqp-gateway registrations check --merchant M1 --store S1
    Many: acqp-gateway registrations check --due        (made for a daily cron)

    Exit status 0 when every answer was authentic and successful, REJECTED included, and 1 otherwise. A run over
    many that is stopped (exit status 130) has lost nothing; the next one goes on where it stopped. Two runs at
    once share the work.
    """
    single = request_id is not None or merchant_id is not None or store_id is not None
    if single + due + everybody + (path is not None) != 1:
        raise click.UsageError("Give --request-id or --merchant for one, or one of --due, --all and --file.")
    asker = _asker(at_hand.settings)
    if single:
        _check_one(at_hand, asker, request_id, merchant_id, store_id, as_json=as_json)
        return
    with long_work.stop_requested() as stop_requested:
        summary = _check_many(at_hand, asker, due, path, at_a_time, rate, stop_requested)
        stopped = stop_requested()
    nothing_to_ask = (
        "Nothing is due." if due else "No registration is on record; enter one: acqp-gateway registrations add"
    )
    show_summary(summary, nothing_to_ask=nothing_to_ask, as_json=as_json)
    if stopped and not summary.finished:
        output.message("Stopped; what was answered is kept. The next run goes on with the others.")
        sys.exit(EXIT_STOPPED)
    sys.exit(0 if summary.asked == summary.outcomes.get("answered", 0) else 1)


def _asker(settings: Settings) -> Asker:
    own = read_private_keys(settings.keys_dir)
    own.require_any(settings.keys_dir)
    theirs = read_public_keys(settings.keys_dir)
    theirs.require_any(settings.keys_dir)
    client = SigningClient(
        client_id=settings.client_id,
        signing_keys=own,
        peer_keys=theirs,
        answer_s=INQUIRY_REGISTRATION_STATUS_API.peer_waits_s,
        window_s=settings.request_time_window_s,
    )
    return Asker(client, settings.alipayplus_url)


def _who() -> str:
    """Who triggers a check: the user's name, or the number where the machine knows no name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _check_one(
    at_hand: Opened,
    asker: Asker,
    request_id: str | None,
    merchant_id: str | None,
    store_id: str | None,
    *,
    as_json: bool,
) -> None:
    question = asking.question(
        at_hand.store, registration_request_id=request_id, merchant_id=merchant_id, store_id=store_id
    )
    if question.warning:
        output.warn(question.warning)
    outcome, applied = batch.check_one(at_hand.store, asker, question, triggered_by=_who(), at=now())
    if not outcome.answered:
        raise CallFailed(f"{outcome.check.said} (the standing is as it was)")
    if not applied:
        output.warn("older than what stands, or about an older request: kept in the history, nothing was changed")
    subject = question.subject
    record = records.standing(at_hand.store, subject.merchant_id, subject.store_id)
    output.show(
        {
            "collectiveStatus": outcome.check.collective_status,
            "applied": applied,
            **record,
            "psps": [{**psp, "nextStep": next_step(psp["status"])} for psp in record["psps"]],
        },
        as_json=as_json,
        tables={"psps": _CHECK_COLUMNS},
    )


def _check_many(
    at_hand: Opened,
    asker: Asker,
    due: bool,
    path: str | None,
    at_a_time: int,
    rate: float,
    stop_requested: Callable[[], bool],
) -> Summary:
    store = at_hand.store
    file = QuestionFile(path, store) if path is not None else None
    if file is not None:
        total = file.check()
    elif due:
        total = standings.count_due(store, not_asked_since=now() - batch.DUE_AFTER)
    else:
        total = standings.count_any(store, not_asked_since=now())
    with long_work.progress("asking Alipay+", total) as advance:
        run = Batch(
            store,
            asker,
            triggered_by=_who(),
            at_a_time=at_a_time,
            pace=Pace(rate),
            progress=advance,
            stop_requested=stop_requested,
        )
        if file is not None:
            return run.ask_these(file.source, file.questions())
        return run.ask_due() if due else run.ask_all()


def show_summary(summary: Summary, *, nothing_to_ask: str, as_json: bool) -> None:
    """What came of a run over many; `nothing_to_ask` is said for people where there was nothing."""
    if as_json:
        output.print_json(
            {
                "asked": summary.asked,
                "replaced": summary.applied,
                "askedBefore": summary.asked_before,
                "inOtherHands": summary.in_other_hands,
                "outcomes": summary.outcomes,
            }
        )
    elif summary.finished and not (summary.asked or summary.asked_before or summary.in_other_hands):
        output.message(nothing_to_ask)
    else:
        _show_counts(summary)
    if summary.first_warning is not None:
        more = f" (and {summary.warnings - 1} more such warnings)" if summary.warnings > 1 else ""
        output.warn(summary.first_warning + more)
    if summary.asked_before:
        output.message(f"{summary.asked_before} had been asked already by the run that this one went on with.")
    if summary.in_other_hands:
        output.message(
            "Another run asks about the others now, or was killed less than a minute ago; to be sure, run it again."
        )
    if summary.asked > summary.outcomes.get("answered", 0):
        output.message("Not all were answered; see why: acqp-gateway registrations history")


def _show_counts(summary: Summary) -> None:
    """How many of what, in words for a person."""
    output.show(
        {
            "asked": summary.asked,
            "standings changed": summary.applied,
            "asked by an earlier run": summary.asked_before,
            "being asked by another run": summary.in_other_hands,
            **{outcome.replace("_", " "): count for outcome, count in summary.outcomes.items()},
        },
        as_json=False,
    )


@registrations.command()
@merchant_option(required=False)
@store_option
@request_option
@click.option("--needs-person", is_flag=True, help="Only what somebody must look at.")
@limit_option(50)
@json_option
@with_store
def history(
    at_hand: Opened,
    merchant_id: str | None,
    store_id: str | None,
    request_id: str | None,
    needs_person: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Show every check and notification, the newest first, whatever came of it."""
    rows = standings.history(
        at_hand.store,
        merchant_id=merchant_id,
        store_id=store_id,
        registration_request_id=request_id,
        needs_person=needs_person,
        limit=limit + 1,
    )
    output.show_all(
        [_history(row) for row in output.cut(rows, limit)],
        _HISTORY_COLUMNS,
        as_json=as_json,
        none=_no_history(merchant_id, store_id, request_id, needs_person=needs_person),
    )


def _no_history(merchant_id: str | None, store_id: str | None, request_id: str | None, *, needs_person: bool) -> str:
    filters = {"--merchant": merchant_id, "--store": store_id, "--request-id": request_id}
    given = [f"{option} {shlex.quote(value)}" for option, value in filters.items() if value is not None]
    if needs_person:
        return "Nothing of these waits for a person." if given else "Nothing waits for a person."
    if not given:
        return "Nothing was asked yet; ask: acqp-gateway registrations check"
    ask = " ".join(given) if merchant_id or request_id else f"--merchant ID {' '.join(given)}"
    return f"No check or notification of these is on record; ask: acqp-gateway registrations check {ask}"


def _history(row: Row[Any]) -> dict[str, Any]:
    return {
        "time": row.started_at,
        "kind": row.kind,
        "triggeredBy": row.triggered_by,
        "askedHow": row.asked_how,
        "merchant": row.merchant_id,
        "store": row.store_id,
        "registrationRequestId": row.registration_request_id,
        "outcome": row.outcome,
        "resultCode": row.result_code,
        "collectiveStatus": row.collective_status,
        "said": row.said,
        "applied": row.applied,
        "needsPerson": row.needs_person,
        "attempts": row.attempts,
        "durationMs": round(row.duration_us / 1000, 3),
        "rawAnswer": row.raw_answer.decode("utf-8", "replace") if row.raw_answer is not None else None,
    }


@registrations.command()
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, the one form that there is.")
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=False), default="-")
@with_store
def export(at_hand: Opened, as_csv: bool, file: TextIO) -> None:
    """Write all standings as CSV to FILE (standard output otherwise), for a spreadsheet."""
    del as_csv
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_EXPORT_COLUMNS)
    for row in standings.every_row(at_hand.store):
        exported: Mapping[str, Any] = {
            "merchant": row.merchant_id,
            "store": row.store_id or "",
            "pspName": row.psp_name,
            "productCode": row.product_code,
            "status": row.status,
            "rejectionReason": row.rejection_reason or "",
            "since": row.since.isoformat(timespec="seconds"),
        }
        writer.writerow([_cell(exported[name]) for name in _EXPORT_COLUMNS])


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, and nothing that steers a terminal."""
    shown = output.visible(text)
    # Some take the wide forms of East Asian scripts for the same signs.
    first = unicodedata.normalize("NFKC", shown.lstrip()[:1])
    return f"'{shown}" if first in ("=", "+", "-", "@") else shown
