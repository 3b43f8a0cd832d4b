"""Whatever is sent to an API's path, the answer is HTTP 200, JSON, signed and the right refusal."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

import pytest
from sqlalchemy import func, select

from acqp_gateway.protocol.headers import write_signature
from acqp_gateway.store.tables import decodes, payment_messages, payments
from tests.http.conftest import Service
from tests.payments.helpers import new_payment_id
from tests.peer import ACQUIRER_ID, CLIENT_ID, DECODE_PATH, Reply, SignedRequest, assert_authentic, exchange

CODE = "https://pay.acqp.example/281006040001HOSTILE"


@dataclass(frozen=True)
class Api:
    """One API that Alipay+ calls: a proper request about an order that nobody knows, and what it is answered.

    `key` names the order, in `longest` characters at most; `text` is an optional member of 64 characters.
    """

    path: str
    members: dict[str, Any]
    unknown: str
    key: str = "codeValue"
    longest: int = 512
    text: str = "customerId"


_CALLED = {"acquirerId": ACQUIRER_ID, "pspId": "1022088000000000001", "codeValue": CODE}
_SUCCEEDED = {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"}
_IN_STORE = DECODE_PATH.rpartition("/")[0]
APIS = {
    "userInitiatedPay": Api(DECODE_PATH, _CALLED, "INVALID_CODE"),
    "pushPayment": Api(f"{_IN_STORE}/pushPayment", {**_CALLED, "paymentId": "?"}, "ORDER_NOT_EXIST"),
    "inquiryPushPayment": Api(
        f"{_IN_STORE}/inquiryPushPayment", {**_CALLED, "paymentId": "?"}, "ORDER_NOT_EXIST", text="paymentRequestId"
    ),
    "notifyPayment": Api(
        f"{_IN_STORE}/notifyPayment",
        {
            "paymentResult": _SUCCEEDED,
            "paymentRequestId": "HOSTILE",
            "acquirerId": ACQUIRER_ID,
            "pspId": "1022088000000000001",
            "paymentId": "?",
        },
        "PROCESS_FAIL",
        key="paymentRequestId",
        longest=64,
    ),
}


@dataclass(frozen=True)
class Called(Service):
    """The service, of which one API is called."""

    api: Api
    payment_id: str = field(default_factory=new_payment_id)

    def proper(self) -> dict[str, Any]:
        """The members of a request that is refused only because nobody knows the order."""
        own = {"paymentId": self.payment_id} if "paymentId" in self.api.members else {}
        return {**self.api.members, **own}

    def request(self, code_value: str, **changes: Any) -> SignedRequest:
        """A proper request, but for the changes."""
        members = {
            **self.proper(),
            self.api.key: code_value if code_value != CODE else self.api.members[self.api.key],
        }
        members.update(changes.pop("members", {}))
        sent = SignedRequest(self.keys.alipayplus, json.dumps(members).encode(), target=self.api.path)
        return replace(sent, **changes)


@pytest.fixture(params=APIS)
def api(request: pytest.FixtureRequest) -> Api:
    """Every test here runs once for each API, on each kind of store."""
    return APIS[request.param]


@pytest.fixture
def called(service: Service, api: Api) -> Called:
    """The gateway of which this API is called."""
    return Called(service.process, service.store, service.keys, api)


def recorded(service: Service) -> int:
    """How much has been written down so far."""
    counts = [select(func.count()).select_from(table) for table in (decodes, payments, payment_messages)]
    with service.store.reading() as connection:
        return sum(connection.execute(count).scalar_one() for count in counts)


def send(service: Service, request: SignedRequest, target: str | None = None) -> Reply:
    reply = service.send(request)
    assert_authentic(reply, service.keys, target=target or request.target, method=request.method)
    return reply


Body = Callable[[Called], bytes]


def changed(**members: Any) -> Body:
    """A proper body but for these members; `key` and `text` are the API's own."""

    def write(called: Called) -> bytes:
        own = {"key": called.api.key, "text": called.api.text}
        return json.dumps(
            {**called.proper(), **{own.get(name, name): value for name, value in members.items()}}
        ).encode()

    return write


def with_more(written: str) -> Body:
    """A proper body with one more member, written like this; KEY stands for the API's own."""
    return lambda called: (
        json.dumps(called.proper())[:-1] + "," + written.replace("KEY", called.api.key) + "}"
    ).encode()


def without_key(called: Called) -> bytes:
    return json.dumps({name: value for name, value in called.proper().items() if name != called.api.key}).encode()


def proper(called: Called) -> str:
    return json.dumps(called.proper())


BODIES: dict[str, Body] = {
    "empty": lambda _: b"",
    "truncated": lambda called: proper(called)[:-1].encode(),
    "list": lambda called: f"[{proper(called)}]".encode(),
    "string": lambda _: b'"codeValue"',
    "null": lambda _: b"null",
    "number": lambda _: b"7",
    "deep nesting": with_more('"a":' + "[" * 30_000 + "]" * 30_000),
    "NaN": with_more('"a":NaN'),
    "Infinity": with_more('"a":-Infinity'),
    "5000-digit number": with_more('"a":' + "9" * 5000),
    "invalid UTF-8": lambda called: proper(called).encode().replace(b'"pspId": "', b'"pspId": "\xff'),
    "UTF-16": lambda called: proper(called).encode("utf-16"),
    "UTF-16 without mark": lambda called: proper(called).encode("utf-16-le"),
    "byte-order mark": lambda called: b"\xef\xbb\xbf" + proper(called).encode(),
    "two objects": lambda called: (proper(called) * 2).encode(),
    "NUL in the code": changed(key="x\x00y"),
    "lone surrogate in the code": changed(key="x\ud800y"),
    "NUL in an optional member": changed(text="\x00"),
    "lone surrogate in pspId": changed(pspId="\udfff"),
    "NUL in acquirerId": changed(acquirerId="\x00"),
    "one character too many": lambda called: changed(key="x" * (called.api.longest + 1))(called),
    "65 characters of an optional member": changed(text="x" * 65),
    "65 characters of pspId": changed(pspId="x" * 65),
    "65 characters of acquirerId": changed(acquirerId="x" * 65),
    "empty code": changed(key=""),
    "empty optional member": changed(text=""),
    "code missing": without_key,
    "code null": changed(key=None),
    "code a number": changed(key=5),
    "code a boolean": changed(key=True),
    "code a list": changed(key=["x"]),
    "code an object": changed(key={"a": "x"}),
    "pspId a number": changed(pspId=5),
    "repeated name": with_more('"KEY":"x"'),
    "repeated name, escaped": with_more('"acquirer\\u0049d":"x"'),
    "repeated name, nested": with_more('"a":{"b":"1","b":"1"}'),
    "over the limit": with_more('"a":"' + "x" * 65_536 + '"'),
    "far over the limit": lambda _: b" " * 3_000_000,
}


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("name", BODIES)
def test_bodies_against_the_rules(called: Called, name: str, framing: str) -> None:
    before = recorded(called)
    reply = send(called, called.request(CODE, body=BODIES[name](called), framing=framing))
    assert reply.code == "PARAM_ILLEGAL"
    assert recorded(called) == before


def test_deepest_nesting_that_the_largest_limit_lets_in(called: Called) -> None:
    raised = with_more('"a":' + "[" * 60_000)
    assert send(called, called.request(CODE, body=raised(called))).code == "PARAM_ILLEGAL"


FINE: dict[str, Body] = {
    "nulls": changed(text=None, paymentAmount=None, extendInfo=None),
    "unknown members": changed(extendInfo={"a": [1, 2.5, True, None]}),
    "as long as may be": lambda called: changed(key="x" * called.api.longest)(called),
    "as many astral characters": lambda called: changed(key="\U0001f600" * called.api.longest)(called),
    "64 characters of an optional member": changed(text="x" * 64),
    "indented": lambda called: json.dumps(called.proper(), indent=3).encode(),
    "escaped slashes": lambda called: json.dumps(called.proper()).replace("/", "\\/").encode(),
}


@pytest.mark.parametrize("name", FINE)
def test_bodies_that_are_fine(called: Called, name: str) -> None:
    assert send(called, called.request(CODE, body=FINE[name](called))).code == called.api.unknown


TARGETS: dict[str, Callable[[str], str]] = {
    "trailing slash": lambda path: path + "/",
    "double slash inside": lambda path: path.replace("/v1/", "/v1//"),
    "double slash first": lambda path: "/" + path,
    "percent-encoded letter": lambda path: path.replace("P", "%50"),
    "percent-encoded letter in the prefix": lambda path: path.replace("/aps/", "/%61ps/"),
    "other case": str.lower,
    "other case of the prefix": lambda path: path.replace("/aps/", "/APS/"),
    "dot segment": lambda path: path.replace("/payments/", "/payments/../payments/"),
    "unknown path": lambda path: path.rpartition("/")[0] + "/unknown",
    "prefix alone": lambda _: "/aps",
    "semicolon": lambda path: path + ";a=b",
    "NUL encoded": lambda path: path + "%00",
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_targets_that_are_no_api(called: Called, name: str, method: str) -> None:
    reply = send(called, called.request(CODE, target=TARGETS[name](called.api.path), method=method))
    assert reply.code == "NO_INTERFACE_DEF"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
def test_other_methods(called: Called, method: str) -> None:
    assert send(called, called.request(CODE, method=method)).code == "METHOD_NOT_SUPPORTED"


def test_head_has_no_body_and_is_signed(called: Called) -> None:
    reply = send(called, called.request(CODE, method="HEAD"))
    assert reply.body == b""


def test_query_string_is_signed_as_received(called: Called) -> None:
    assert send(called, called.request(CODE, target=called.api.path + "?a=b&c=%20")).code == called.api.unknown
    tampered = called.request(CODE, target=called.api.path + "?a=b", signed_target=called.api.path)
    assert called.send(tampered).code == "INVALID_SIGNATURE"


def test_absolute_form_is_signed_by_path_and_query(called: Called) -> None:
    request = called.request(
        CODE, target="https://gateway.example" + called.api.path + "?x", signed_target=called.api.path + "?x"
    )
    assert send(called, request, target=called.api.path + "?x").code == called.api.unknown


MEDIA = {
    "form": [("Content-Type", "application/x-www-form-urlencoded")],
    "latin-1": [("Content-Type", "application/json; charset=ISO-8859-1")],
    "json of a kind": [("Content-Type", "application/problem+json")],
    "garbage type": [("Content-Type", ";;;")],
    "gzip": [("Content-Encoding", "gzip")],
    "two encodings": [("Content-Encoding", "identity, gzip")],
    "html accepted": [("Accept", "text/html")],
    "json excluded": [("Accept", "application/json;q=0, */*")],
}


@pytest.mark.parametrize("name", MEDIA)
def test_media_types_that_are_not_spoken(called: Called, name: str) -> None:
    sent = changed()(called)
    sent = gzip.compress(sent) if name == "gzip" else sent
    reply = send(called, called.request(CODE, body=sent, more_headers=MEDIA[name]))
    assert reply.code == "MEDIA_TYPE_NOT_ACCEPTABLE"


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Type", "application/json")],
        [("Content-Type", 'APPLICATION/JSON;CHARSET="utf-8"')],
        [("Accept", "*/*")],
        [("Accept", "text/html, application/*;q=0.1")],
        [("Content-Encoding", "identity")],
        [("Agent-Token", "tsp-mode")],
    ],
    ids=lambda headers: headers[0][1],
)
def test_media_types_that_are_fine(called: Called, headers: list[tuple[str, str]]) -> None:
    assert send(called, called.request(CODE, more_headers=headers)).code == called.api.unknown


def test_content_type_is_optional(called: Called) -> None:
    request = called.request(CODE, leave_out=frozenset({"content-type"}))
    assert send(called, request).code == called.api.unknown


def signed(called: Called, spelling: str) -> SignedRequest:
    """A proper request, its Signature header spelt in another way."""
    request = called.request(CODE, request_time=datetime.now(UTC).isoformat())
    value = write_signature(request.signature_bytes(request.time()), "1", blank_after_comma=False)
    encoded = value.rpartition("signature=")[2]
    raw = unquote(encoded)
    url_safe = raw.replace("+", "-").replace("/", "_")
    headers = {
        "blanks": f"  algorithm=RSA256 ,  keyVersion=1 ,signature={encoded} ",
        "other order": f"signature={encoded},keyVersion=1,algorithm=RSA256",
        "no key version": f"algorithm=RSA256,signature={encoded}",
        "raw": f"algorithm=RSA256,keyVersion=1,signature={raw}",
        "base64url": f"algorithm=RSA256,keyVersion=1,signature={url_safe}",
        "base64url unpadded": f"algorithm=RSA256,keyVersion=1,signature={url_safe.rstrip('=')}",
        "lower-case percent": "algorithm=RSA256,keyVersion=1,signature="
        + encoded.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d"),
        "every byte percent-encoded": "algorithm=RSA256,keyVersion=1,signature="
        + "".join(f"%{ord(character):02X}" for character in raw),
        "blanks after commas": f"algorithm=RSA256, keyVersion=1, signature={encoded}",
        "other algorithm": f"algorithm=RSA512,keyVersion=1,signature={encoded}",
        "none algorithm": f"algorithm=none,keyVersion=1,signature={encoded}",
        "no algorithm": f"keyVersion=1,signature={encoded}",
        "empty value": "algorithm=RSA256,keyVersion=1,signature=",
        "empty header": "",
        "8000 characters": "algorithm=RSA256,keyVersion=1,signature=" + "A" * 7_950,
        "repeated part": f"algorithm=RSA256,keyVersion=1,keyVersion=1,signature={encoded}",
        "not base64": "algorithm=RSA256,keyVersion=1,signature=%%%",
        "bytes above ASCII": "algorithm=RSA256,keyVersion=1,signature=\xff\xfe",
        "doubly encoded": f"algorithm=RSA256,keyVersion=1,signature={quote(encoded)}",
        "truncated": f"algorithm=RSA256,keyVersion=1,signature={raw[:100]}",
    }
    return called.request(CODE, request_time=request.request_time, signature_header=headers[spelling])


@pytest.mark.parametrize(
    "spelling",
    [
        "blanks", "other order", "no key version", "raw", "base64url", "base64url unpadded",
        "lower-case percent", "every byte percent-encoded", "blanks after commas",
    ],
)  # fmt: skip
def test_signatures_spelt_in_other_ways(called: Called, spelling: str) -> None:
    assert send(called, signed(called, spelling)).code == called.api.unknown


@pytest.mark.parametrize(
    "spelling",
    [
        "other algorithm", "none algorithm", "no algorithm", "empty value", "empty header", "8000 characters",
        "repeated part", "not base64", "bytes above ASCII", "doubly encoded", "truncated",
    ],
)  # fmt: skip
def test_signatures_that_are_none(called: Called, spelling: str) -> None:
    assert send(called, signed(called, spelling)).code == "INVALID_SIGNATURE"


def test_two_signature_headers(called: Called) -> None:
    request = called.request(CODE)
    first = dict(request.headers())["Signature"]
    twice = called.request(CODE, more_headers=[("Signature", first), ("Signature", first)])
    assert send(called, twice).code == "INVALID_SIGNATURE"


TIMES: dict[str, Callable[[datetime], str]] = {
    "offset": lambda at: at.isoformat(timespec="seconds"),
    "Z and 3 digits": lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.123Z"),
    "Z and 2 digits": lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.09Z"),
    "Z and 7 digits": lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.1234567Z"),
    "no colon": lambda at: at.strftime("%Y-%m-%dT%H:%M:%S+0000"),
    "compact": lambda at: at.strftime("%Y%m%d%H%M%S+0000"),
    "milliseconds": lambda at: str(int(at.timestamp() * 1000)),
    "nanoseconds": lambda at: str(int(at.timestamp() * 1_000_000_000)),
}


@pytest.mark.parametrize("form", TIMES)
def test_times_in_every_form(called: Called, form: str) -> None:
    time = TIMES[form](datetime.now(UTC))
    assert send(called, called.request(CODE, request_time=time)).code == called.api.unknown


@pytest.mark.parametrize(
    "time", ["yesterday", "2026-11-20 10:00:00", "2026-11-20T10:00:00", "2026-13-45T99:99:99Z", "12345", "9" * 19]
)
def test_times_that_are_none_or_far_off(called: Called, time: str) -> None:
    expected = "ACCESS_DENIED" if time.isdecimal() and len(time) == 19 else "PARAM_ILLEGAL"
    assert send(called, called.request(CODE, request_time=time)).code == expected


def test_time_missing(called: Called) -> None:
    request = called.request(CODE, leave_out=frozenset({"request-time"}))
    assert send(called, request).code == "PARAM_ILLEGAL"


@pytest.mark.parametrize("spelt", [str.lower, str.upper, str.title])
def test_header_names_in_any_case(called: Called, spelt: Any) -> None:
    request = called.request(CODE)
    head, _, sent = request.raw().partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    respelt = [f"{spelt(name)}:{value}" for name, _, value in (line.partition(":") for line in lines)]
    raw = "\r\n".join([first, *respelt, "", ""]).encode("latin-1") + sent
    reply = exchange(called.process.address, raw)
    assert_authentic(reply, called.keys, target=called.api.path)
    assert reply.code == called.api.unknown


def test_underscores_do_not_stand_for_dashes_in_header_names(called: Called) -> None:
    request = called.request(CODE, leave_out=frozenset({"client-id"}), more_headers=[("Client_Id", CLIENT_ID)])
    assert send(called, request).code == "INVALID_CLIENT"


BROKEN_CHUNKS = {
    "no size": b"zz\r\n{}\r\n0\r\n\r\n",
    "too short": b"5\r\n{}\r\n0\r\n\r\n",
    "no terminator": b"2\r\n{}XX0\r\n\r\n",
    "negative": b"-2\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_broken_chunks(called: Called, name: str) -> None:
    request = called.request(CODE, framing="none", more_headers=[("Transfer-Encoding", "chunked")])
    reply = exchange(called.process.address, request.raw() + BROKEN_CHUNKS[name])
    assert_authentic(reply, called.keys, target=called.api.path)
    assert reply.code == "PARAM_ILLEGAL"


def test_answers_are_made_for_the_worst_reader(called: Called) -> None:
    reply = send(called, called.request(CODE))
    assert all(
        name == name.lower()
        for name in reply.names
        if name.lower() in ("client-id", "response-time", "signature", "content-type", "content-length")
    )
    assert reply.headers["content-length"] == str(len(reply.body))
    assert "content-encoding" not in reply.headers
    assert b": " not in reply.body.replace(b"Illegal parameters. ", b"")


@pytest.mark.parametrize("path", ["/", "/nope", "/readyz/", "/static/x", "/%2e%2e/etc/passwd"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_other_paths_are_answered_in_one_plain_line(service: Service, path: str, method: str) -> None:
    raw = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    reply = exchange(service.process.address, raw)
    assert reply.status in (404, 405)
    assert reply.headers["content-type"].startswith("text/plain")
    assert b"<" not in reply.body


def test_what_gunicorn_refuses_itself_is_bare(service: Service) -> None:
    shapes = {
        b"POST " + b"/" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n": 414,
        b"POST /aps/x HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 9000 + b"\r\n\r\n": 431,
        b"POST /aps/\xff HTTP/1.1\r\nHost: x\r\n\r\n": 400,
        b"post /aps/x HTTP/1.1\r\nHost: x\r\n\r\n": 400,
        b"POST /aps/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
    }
    for raw, status in shapes.items():
        reply = exchange(service.process.address, raw)
        assert reply.status == status
        assert b"<" not in reply.body
        assert "gunicorn" not in str(reply.headers).lower()


def test_a_refused_log_line_cannot_be_forged(called: Called) -> None:
    request = called.request(CODE, members={"pspId": "x\ncall api=forged result=SUCCESS"})
    send(called, request)
    assert "\ncall api=forged" not in called.process.log()


def test_signature_over_another_body_is_refused(called: Called) -> None:
    genuine = called.request(CODE, request_time=datetime.now(UTC).isoformat())
    header = dict(genuine.headers())["Signature"]
    forged = called.request(
        CODE, members={"customerId": "thief"}, request_time=genuine.request_time, signature_header=header
    )
    assert send(called, forged).code == "INVALID_SIGNATURE"
