"""The gate in process: which refusal comes first, what every answer looks like, what the log is told."""

from __future__ import annotations

import itertools
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acqp_gateway import errors
from acqp_gateway.protocol import gate, results
from acqp_gateway.protocol.gate import Answer
from acqp_gateway.protocol.headers import write_time
from acqp_gateway.protocol.messages.user_initiated_pay import Request
from acqp_gateway.protocol.results import ResultCode
from tests.protocol.helpers import (
    CLIENT_ID,
    LARGEST_BODY,
    NOW,
    OWN_CLIENT_ID,
    PATH,
    Draft,
    Watched,
    verified_body,
)

ROOM_LEFT = LARGEST_BODY - len(Draft().body())


class LogLines(logging.Handler):
    """What the gate wrote to its log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def of_calls(self) -> list[dict[str, str]]:
        """The members of each line about a call."""
        lines = [record.getMessage() for record in self.records if record.levelno == logging.INFO]
        return [dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line)) for line in lines]


@pytest.fixture
def log() -> Iterator[LogLines]:
    lines = LogLines()
    logger = logging.getLogger("acqp_gateway.calls")
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(level)


@dataclass(frozen=True)
class Outcome:
    """What came of one draft: for the peer, and for the log."""

    answer: Answer
    code: str
    reason: str | None
    line: dict[str, str]
    watched: Watched


def outcome_of(draft: Draft, log: LogLines, *, signed_target: str | None = None) -> Outcome:
    """Hand a draft to a gate; the answer is authentic, and there is one line in the log."""
    log.records.clear()
    watched = Watched(draft)
    answer = watched.answer()
    is_known = draft.client_id == CLIENT_ID and not draft.store_is_down
    target = signed_target or (draft.public_path if draft.target == draft.path else draft.target)
    body = verified_body(answer, draft.method, target, CLIENT_ID if is_known else OWN_CLIENT_ID)
    (line,) = log.of_calls()
    told = json.loads(body)["result"]["resultCode"] if body else line["result"]
    assert line["result"] == told
    return Outcome(answer, told, line.get("reason"), line, watched)


class Fault:
    """One thing that is wrong with a request or its world, and what it is refused with."""

    def __init__(self, row: str, name: str, result: ResultCode, reason: str, **changes: Any) -> None:
        self.row = row
        self.name = f"{row}-{name}"
        self.expected = (result.code, reason)
        self.changes = changes

    def combines_with(self, other: Fault) -> bool:
        """Whether a request can have both faults at once."""
        return self.row != other.row and not self.changes.keys() & other.changes.keys()


#: design.md, "Which refusal, in this order", rows 1a to 7.
FAULTS = [
    Fault("1a", "trailing-slash", results.NO_INTERFACE_DEF, "no_such_interface", target=PATH + "/"),
    Fault("1a", "double-slash", results.NO_INTERFACE_DEF, "no_such_interface", target="/" + PATH),
    Fault(
        "1a", "double-slash-within", results.NO_INTERFACE_DEF, "no_such_interface", target=PATH.replace("v1", "v1/")
    ),
    Fault(
        "1a", "encoded-letter", results.NO_INTERFACE_DEF, "no_such_interface", target=PATH.replace("user", "%75ser")
    ),
    Fault("1a", "encoded-slash", results.NO_INTERFACE_DEF, "no_such_interface", target=PATH.replace("s/u", "s%2Fu")),
    Fault("1a", "other-case", results.NO_INTERFACE_DEF, "no_such_interface", target=PATH.upper()),
    Fault("1a", "unknown", results.NO_INTERFACE_DEF, "no_such_interface", target="/aps/api/v1/payments/pay"),
    Fault("1a", "dots", results.NO_INTERFACE_DEF, "no_such_interface", target="/aps/../" + PATH[1:]),
    Fault("1a", "semicolon", results.NO_INTERFACE_DEF, "no_such_interface", target=PATH + ";a=b"),
    Fault("1a", "fragment", results.NO_INTERFACE_DEF, "no_such_interface", target=PATH + "#a"),
    *(
        Fault("1b", method, results.METHOD_NOT_SUPPORTED, "method_not_post", method=method)
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "post", "X")
    ),
    Fault("1c", "content-type", results.MEDIA_TYPE_NOT_ACCEPTABLE, "content_type", content_type="text/plain"),
    Fault(
        "1c",
        "charset",
        results.MEDIA_TYPE_NOT_ACCEPTABLE,
        "content_type",
        content_type="application/json;charset=gbk",
    ),
    Fault("1c", "encoding", results.MEDIA_TYPE_NOT_ACCEPTABLE, "content_encoding", content_encoding="gzip"),
    Fault("1c", "accept", results.MEDIA_TYPE_NOT_ACCEPTABLE, "accept", accept="text/html"),
    Fault("1d", "declared-too-large", results.PARAM_ILLEGAL, "body_too_large", content_length=str(LARGEST_BODY + 1)),
    Fault("1d", "too-large", results.PARAM_ILLEGAL, "body_too_large", padding=LARGEST_BODY),
    Fault("1d", "broken", results.PARAM_ILLEGAL, "body_broken", framing_is_broken=True),
    Fault("2", "client-missing", results.INVALID_CLIENT, "unknown_client", client_id=None),
    Fault("2", "client-empty", results.INVALID_CLIENT, "unknown_client", client_id=""),
    Fault("2", "client-unknown", results.INVALID_CLIENT, "unknown_client", client_id="5YACQP0000000002"),
    Fault("2", "client-of-other-case", results.INVALID_CLIENT, "unknown_client", client_id=CLIENT_ID.lower()),
    Fault("2", "client-in-latin-1", results.INVALID_CLIENT, "unknown_client", client_id="\xe9\xff"),
    Fault("2", "clients-unreadable", results.UNKNOWN_EXCEPTION, "store_unavailable", store_is_down=True),
    Fault("3a", "time-missing", results.PARAM_ILLEGAL, "request_time_missing", time=None),
    Fault("3a", "time-empty", results.PARAM_ILLEGAL, "request_time_missing", time=""),
    Fault("3b", "signature-missing", results.INVALID_SIGNATURE, "signature_missing", signature=""),
    Fault("3b", "signature-malformed", results.INVALID_SIGNATURE, "signature_malformed", signature="x"),
    Fault("3b", "repeated", results.INVALID_SIGNATURE, "signature_malformed", more_signature=",keyVersion=1"),
    Fault("3b", "other-algorithm", results.INVALID_SIGNATURE, "signature_algorithm", algorithm="RSA512"),
    Fault("3c", "unknown-version", results.KEY_NOT_FOUND, "unknown_key_version", key_version="2"),
    Fault("3c", "odd-version", results.KEY_NOT_FOUND, "unknown_key_version", key_version="01"),
    Fault("3c", "no-keys", results.KEY_NOT_FOUND, "client_without_keys", client_key_versions=()),
    Fault("3d", "other-key", results.INVALID_SIGNATURE, "signature_wrong", signed_by="somebody"),
    Fault("3d", "other-target", results.INVALID_SIGNATURE, "signature_wrong", signed_target=PATH + "?a=b"),
    Fault("3e", "no-time", results.PARAM_ILLEGAL, "request_time_no_time", time="yesterday"),
    Fault("3e", "no-zone", results.PARAM_ILLEGAL, "request_time_no_time", time="2026-11-20T10:00:00"),
    Fault("3e", "before-utc-begins", results.PARAM_ILLEGAL, "request_time_no_time", time="0001-01-01T00:00:00+01:00"),
    Fault("4", "switched-off", results.ACCESS_DENIED, "client_switched_off", client_is_enabled=False),
    Fault("4", "too-old", results.ACCESS_DENIED, "outside_time_window", clock=NOW + timedelta(minutes=10)),
    Fault("4", "too-early", results.ACCESS_DENIED, "outside_time_window", clock=NOW - timedelta(minutes=10)),
    Fault("5", "rate", results.REQUEST_TRAFFIC_EXCEED_LIMIT, "traffic_limit", is_within_rate=False),
    Fault("6", "not-utf8", results.PARAM_ILLEGAL, "body_not_utf8", around=(b"", b"\xff")),
    Fault("6", "no-json", results.PARAM_ILLEGAL, "json_malformed", around=(b"", b"}")),
    Fault("6", "byte-order-mark", results.PARAM_ILLEGAL, "json_malformed", around=(b"\xef\xbb\xbf", b"")),
    Fault("6", "no-object", results.PARAM_ILLEGAL, "json_no_object", around=(b"[", b"]")),
    Fault("6", "repeated-name", results.PARAM_ILLEGAL, "json_repeated_name", more_members=',"code\\u0056alue":"d"'),
    Fault("6", "illegal-member", results.PARAM_ILLEGAL, "illegal_member", more_members=',"customerId":""'),
    Fault("7", "other-acquirer", results.ACCESS_DENIED, "other_acquirer", acquirer_id="2021228100000002"),
]
ROWS = ["1a", "1b", "1c", "1d", "2", "3a", "3b", "3c", "3d", "3e", "4", "5", "6", "7"]
each_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


def test_a_proper_request_is_handled(log: LogLines) -> None:
    outcome = outcome_of(Draft(), log)
    assert outcome.code == "SUCCESS"
    assert outcome.answer.body == b'{"result":{"resultCode":"SUCCESS"}}'
    assert outcome.watched.handled == [
        gate.Incoming(Request("c", "2021228100000001", "p", None), Draft().body(), requested_at=NOW)
    ]
    assert dict(outcome.answer.headers)["response-time"] == "2026-11-20T02:00:00+00:00"
    assert outcome.line.pop("ms").replace(".", "").isdigit()
    assert outcome.line == {
        "api": "userInitiatedPay",
        "client": CLIENT_ID,
        "key": "1",
        "result": "SUCCESS",
        "psp": "p",
    }


@each_fault
def test_each_fault_is_refused_with_its_result_for_its_reason(fault: Fault, log: LogLines) -> None:
    outcome = outcome_of(Draft(**fault.changes), log)
    assert (outcome.code, outcome.reason) == fault.expected
    assert [incoming.request.acquirer_id for incoming in outcome.watched.handled] == (
        ["2021228100000002"] if fault.row == "7" else []
    )
    told = json.loads(outcome.answer.body or b'{"result":{}}')
    assert list(told) == ["result"]
    result: ResultCode = getattr(results, outcome.code)
    assert told["result"] == (result.as_members() if outcome.answer.body else {})


@each_fault
def test_of_two_faults_the_earlier_row_is_the_answer(fault: Fault, log: LogLines) -> None:
    later = [
        other for other in FAULTS if ROWS.index(other.row) > ROWS.index(fault.row) and fault.combines_with(other)
    ]
    wrong = {}
    for other in later:
        outcome = outcome_of(Draft(**fault.changes, **other.changes), log)
        if (outcome.code, outcome.reason) != fault.expected:
            wrong[other.name] = (outcome.code, outcome.reason)
    assert wrong == {}


def test_every_row_meets_its_neighbour() -> None:
    assert list(dict.fromkeys(fault.row for fault in FAULTS)) == ROWS
    met = {(one.row, other.row) for one, other in itertools.permutations(FAULTS, 2) if one.combines_with(other)}
    assert set(itertools.pairwise(ROWS)) - met == set()


def test_all_faults_at_once(log: LogLines) -> None:
    changes: dict[str, Any] = {}
    for fault in FAULTS:
        changes = {**fault.changes, **changes}
    assert outcome_of(Draft(**changes), log).code == "NO_INTERFACE_DEF"


def test_an_unknown_client_while_the_store_is_down_is_not_said_to_be_unknown(log: LogLines) -> None:
    outcome = outcome_of(Draft(client_id="5YACQP0000000002", store_is_down=True), log)
    assert (outcome.code, outcome.reason) == ("UNKNOWN_EXCEPTION", "store_unavailable")
    missing = outcome_of(Draft(client_id=None, store_is_down=True), log)
    assert (missing.code, missing.reason) == ("INVALID_CLIENT", "unknown_client")


@pytest.mark.parametrize(
    "draft",
    [
        Draft(content_type=None),
        Draft(content_type=""),
        Draft(content_type="application/json"),
        Draft(content_encoding="identity"),
        Draft(accept="application/json; charset=UTF-8"),
        Draft(accept="text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"),
        Draft(accept=""),
        Draft(acquirer_id=None),
        Draft(more_members=',"customerId":null,"extendInfo":""'),
        Draft(padding=ROOM_LEFT),
        Draft(content_length=str(LARGEST_BODY)),
        Draft(content_length="-1"),
        Draft(content_length="many"),
        Draft(key_version=None),
        Draft(time="1795140000000"),
        Draft(time="20261120100000+0800"),
        Draft(time="2026-11-20T02:00:00.1234567Z"),
        Draft(target=PATH + "?"),
        Draft(target=PATH + "?a=b&c=%2F%3f"),
        Draft(target=PATH + "?//"),
        Draft(more_signature=",extra=1"),
        Draft(client_key_versions=("1", "2")),
    ],
    ids=repr,
)
def test_what_is_accepted(draft: Draft, log: LogLines) -> None:
    outcome = outcome_of(draft, log)
    assert (outcome.code, outcome.reason) == ("SUCCESS", None)


@pytest.mark.parametrize("length", [LARGEST_BODY - 1, LARGEST_BODY, LARGEST_BODY + 1])
def test_the_largest_body(length: int, log: LogLines) -> None:
    draft = Draft(padding=ROOM_LEFT + length - LARGEST_BODY)
    assert len(draft.body()) == length
    assert outcome_of(draft, log).code == ("SUCCESS" if length <= LARGEST_BODY else "PARAM_ILLEGAL")


def _noting(asked: list[int]) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        asked.append(limit)
        return b""

    return read


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    watched = Watched(Draft(content_length=str(LARGEST_BODY + 1)))
    asked: list[int] = []
    answer = watched.gate.answer(replace(watched.draft.request(), read_body=_noting(asked)))
    assert json.loads(answer.body)["result"]["resultCode"] == "PARAM_ILLEGAL"
    assert asked == []


def test_no_more_than_needed_is_read_of_a_body() -> None:
    watched = Watched(Draft())
    asked: list[int] = []
    watched.gate.answer(replace(watched.draft.request(), read_body=_noting(asked)))
    assert asked == [LARGEST_BODY + 1]


@pytest.mark.parametrize(
    ("off", "passes"),
    [
        (timedelta(seconds=300), True),
        (timedelta(seconds=300, microseconds=1), False),
        (-timedelta(seconds=300), True),
        (-timedelta(seconds=300, microseconds=1), False),
        (timedelta(0), True),
        (timedelta(days=3650), False),
    ],
)
def test_the_edges_of_the_time_window(off: timedelta, passes: bool, log: LogLines) -> None:
    outcome = outcome_of(Draft(clock=NOW + off), log)
    assert (outcome.code, outcome.reason) == (
        ("SUCCESS", None) if passes else ("ACCESS_DENIED", "outside_time_window")
    )


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_window_of_zero_is_none(time: str, log: LogLines) -> None:
    assert outcome_of(Draft(window_s=0, time=time), log).code == "SUCCESS"
    assert outcome_of(Draft(window_s=1, time=time), log).reason == "outside_time_window"


def test_the_rate_is_asked_once_and_for_verified_requests_alone(log: LogLines) -> None:
    assert outcome_of(Draft(), log).watched.asked_for_rate == [CLIENT_ID]
    for draft in (Draft(signed_by="somebody"), Draft(client_is_enabled=False), Draft(clock=NOW + timedelta(days=1))):
        assert outcome_of(draft, log).watched.asked_for_rate == []


@pytest.mark.parametrize(
    ("versions", "named", "result"),
    [
        (("1",), None, "SUCCESS"),
        (("1", "2"), "1", "SUCCESS"),
        (("1", "2"), "3", "KEY_NOT_FOUND"),
        ((), None, "KEY_NOT_FOUND"),
    ],
)
def test_which_key_verifies(versions: tuple[str, ...], named: str | None, result: str, log: LogLines) -> None:
    assert outcome_of(Draft(client_key_versions=versions, key_version=named), log).code == result


@pytest.mark.parametrize("target", [PATH, PATH + "?a=b", PATH + "?a=/b?c", PATH + "?"])
def test_what_alipayplus_calls_and_what_the_server_sees_may_differ(target: str, log: LogLines) -> None:
    public = "/public/decode"
    query = target.removeprefix(PATH)
    draft = Draft(target=target, public_path=public, signed_target=public + query)
    assert outcome_of(draft, log, signed_target=public + query).code == "SUCCESS"
    unsigned = outcome_of(replace(draft, signed_target=target), log, signed_target=public + query)
    assert unsigned.reason == "signature_wrong"
    unknown = outcome_of(replace(draft, target=public), log, signed_target=public)
    assert unknown.code == "NO_INTERFACE_DEF"


@pytest.mark.parametrize(
    ("absolute", "signed"),
    [
        (f"https://pay.acqp.example{PATH}", PATH),
        (f"http://pay.acqp.example:8443{PATH}?a=b", f"{PATH}?a=b"),
        (f"HTTPS://user@[::1]:1{PATH}", PATH),
    ],
)
def test_the_absolute_form_is_signed_by_its_path_and_query(absolute: str, signed: str, log: LogLines) -> None:
    assert outcome_of(Draft(target=absolute, signed_target=signed), log, signed_target=signed).code == "SUCCESS"
    assert outcome_of(Draft(target=absolute), log, signed_target=signed).reason == "signature_wrong"


@pytest.mark.parametrize(
    ("target", "form"),
    [
        ("/a/b?c=d", "/a/b?c=d"),
        ("//a//b", "//a//b"),
        ("/", "/"),
        ("*", "*"),
        ("", ""),
        ("http://h", "/"),
        ("http://h?a=b", "/?a=b"),
        ("http://h?a=/b", "/?a=/b"),
        ("http://h/", "/"),
        ("http://h//a", "//a"),
        ("https://h:1/a?b=http://c/d", "/a?b=http://c/d"),
        ("/a?b=http://c/d", "/a?b=http://c/d"),
        ("example.org:443", "example.org:443"),
    ],
)
def test_origin_form(target: str, form: str) -> None:
    assert gate.origin_form(target) == form


@pytest.mark.parametrize(
    ("target", "is_served"),
    [
        (PATH, True),
        (PATH + "?a=b", True),
        ("/aps", True),
        ("/aps/", True),
        ("/aps?x", True),
        ("//aps/x", True),
        ("/APS/api", True),
        ("/%61ps/api", True),
        ("/%2Faps/api", True),
        ("/aps%2Fapi", True),
        ("aps/api", True),
        ("https://h/aps/x", True),
        ("https://h//aps", True),
        ("/healthz", False),
        ("/", False),
        ("", False),
        ("*", False),
        ("/apsx", False),
        ("/x/aps", False),
        ("/?aps", False),
        ("https://aps/", False),
    ],
)
def test_what_belongs_to_the_apis(target: str, is_served: bool) -> None:
    assert Watched(Draft()).gate.serves(target) is is_served


def test_the_answer_to_head_has_no_body_and_is_signed(log: LogLines) -> None:
    outcome = outcome_of(Draft(method="HEAD"), log)
    assert outcome.answer.body == b""
    assert dict(outcome.answer.headers)["content-length"] == "0"
    assert outcome.line["result"] == "METHOD_NOT_SUPPORTED"


def test_the_answer_to_what_is_no_api_is_signed_for_the_target_as_received(log: LogLines) -> None:
    assert outcome_of(Draft(target="/aps/caf\xe9?\xff"), log).code == "NO_INTERFACE_DEF"
    assert outcome_of(Draft(target="/aps/%zz"), log).code == "NO_INTERFACE_DEF"


SECRET = "secret of ours: /var/gateway.db\ncall result=SUCCESS"


@pytest.mark.parametrize(
    ("error", "result", "reason"),
    [
        (errors.StoreUnavailable(SECRET), "UNKNOWN_EXCEPTION", "store_unavailable"),
        (errors.StoreBusy(SECRET), "UNKNOWN_EXCEPTION", "store_busy"),
        (errors.StoreNotMigrated(SECRET), "UNKNOWN_EXCEPTION", "store_unavailable"),
        (errors.RecordsContradict("goods_do_not_add_up", SECRET), "PROCESS_FAIL", "goods_do_not_add_up"),
        (errors.CodeUnknown(), "INVALID_CODE", "unknown_code"),
        (ValueError(SECRET), "UNKNOWN_EXCEPTION", "unforeseen"),
        (KeyError(SECRET), "UNKNOWN_EXCEPTION", "unforeseen"),
        (RecursionError(SECRET), "UNKNOWN_EXCEPTION", "unforeseen"),
        (MemoryError(), "UNKNOWN_EXCEPTION", "unforeseen"),
        (errors.CallFailed(SECRET), "UNKNOWN_EXCEPTION", "unforeseen"),
        (errors.CommandRefused(SECRET), "UNKNOWN_EXCEPTION", "unforeseen"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_a_handler_raises_is_told_to_the_log_alone(
    error: Exception, result: str, reason: str, log: LogLines
) -> None:
    outcome = outcome_of(Draft(handler_raises=error), log)
    assert (outcome.code, outcome.reason) == (result, reason)
    assert json.loads(outcome.answer.body) == {"result": getattr(results, result).as_members()}
    assert b"secret" not in outcome.answer.body
    unforeseen = [record for record in log.records if record.levelno == logging.ERROR]
    if reason == "unforeseen":
        assert [record.exc_info[1] for record in unforeseen if record.exc_info] == [error]
    else:
        assert unforeseen == []
        assert ("detail" in outcome.line) == ("secret" in str(error))


@pytest.mark.parametrize("part", ["find_client", "may_pass", "read_body"])
def test_what_any_part_raises_becomes_a_signed_answer(part: str, log: LogLines) -> None:
    answer = Watched(Draft(breaking_part=part)).answer()
    body = verified_body(answer, "POST", PATH, OWN_CLIENT_ID if part == "find_client" else CLIENT_ID)
    assert json.loads(body) == {"result": results.UNKNOWN_EXCEPTION.as_members()}
    assert [line["reason"] for line in log.of_calls()] == ["unforeseen"]


@pytest.mark.parametrize(
    "text",
    [
        "p\ncall result=SUCCESS",
        "p result=SUCCESS",
        'p" result="SUCCESS',
        "p\r\x1b[2J\x85\u2028\u2029\x0b\x0c",
        "\\",
        '\\"',
        "😀",
        "=",
        "\u202e",
    ],
    ids=ascii,
)
def test_a_peers_text_cannot_break_a_log_line(text: str, log: LogLines) -> None:
    outcome = outcome_of(Draft(psp_id=text), log)
    assert json.loads(outcome.line["psp"]) == text
    (record,) = log.records
    message = record.getMessage()
    assert message.isascii()
    assert message.isprintable()
    assert len(re.findall(r"\bresult=", re.sub(r'"(?:[^"\\]|\\.)*"', '""', message))) == 1


def test_a_long_text_is_cut_in_the_log(log: LogLines) -> None:
    outcome_of(Draft(handler_raises=errors.CodeUnknown(detail="x " * 5000)), log)
    (record,) = log.records
    assert len(record.getMessage()) < 1500


def test_the_nearest_class_in_the_tree_counts() -> None:
    class StillClosed(errors.OrderClosed):
        pass

    assert gate.result_of(StillClosed()) is results.ORDER_IS_CLOSED
    assert gate.result_of(errors.Refused()) is results.UNKNOWN_EXCEPTION
    assert gate.result_of(errors.OrderRefused()) is results.UNKNOWN_EXCEPTION
    assert gate.result_of(Exception()) is results.UNKNOWN_EXCEPTION


def test_the_answers_time_is_that_of_the_clock(log: LogLines) -> None:
    clock = datetime(2026, 11, 20, 2, 4, 59, 999_999, tzinfo=UTC)
    outcome = outcome_of(Draft(clock=clock), log)
    assert dict(outcome.answer.headers)["response-time"] == write_time(clock) == "2026-11-20T02:04:59+00:00"
