"""Whatever is sent to an API's path, the answer is HTTP 200, JSON, signed and the right refusal."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

import pytest

from acqp_gateway.protocol.headers import write_signature
from acqp_gateway.store.tables import decodes
from tests.http.conftest import Service
from tests.peer import CLIENT_ID, DECODE_PATH, Reply, SignedRequest, assert_authentic, exchange

CODE = "https://pay.acqp.example/281006040001HOSTILE"


def recorded(service: Service) -> int:
    with service.store.reading() as connection:
        return connection.execute(decodes.select()).all().__len__()


def send(service: Service, request: SignedRequest, target: str | None = None) -> Reply:
    reply = service.send(request)
    assert_authentic(reply, service.keys, target=target or request.target, method=request.method)
    return reply


def body(**members: Any) -> bytes:
    return json.dumps({"codeValue": CODE, **members}).encode()


DEEP = b'{"codeValue":"x","a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"

BODIES: dict[str, bytes] = {
    "empty": b"",
    "truncated": b'{"codeValue":"x"',
    "list": b'["codeValue"]',
    "string": b'"codeValue"',
    "null": b"null",
    "number": b"7",
    "deep nesting": DEEP,
    "NaN": b'{"codeValue":"x","a":NaN}',
    "Infinity": b'{"codeValue":"x","a":-Infinity}',
    "5000-digit number": b'{"codeValue":"x","a":' + b"9" * 5000 + b"}",
    "invalid UTF-8": b'{"codeValue":"\xff"}',
    "UTF-16": '{"codeValue":"x"}'.encode("utf-16"),
    "UTF-16 without mark": '{"codeValue":"x"}'.encode("utf-16-le"),
    "byte-order mark": b"\xef\xbb\xbf" + b'{"codeValue":"x"}',
    "NUL in the code": b'{"codeValue":"x\\u0000y"}',
    "lone surrogate in the code": b'{"codeValue":"x\\ud800y"}',
    "NUL in customerId": body(customerId="\x00"),
    "lone surrogate in pspId": body(pspId="\udfff"),
    "NUL in acquirerId": body(acquirerId="\x00"),
    "513 characters": body(codeValue="x" * 513),
    "65 characters of customerId": body(customerId="x" * 65),
    "65 characters of pspId": body(pspId="x" * 65),
    "65 characters of acquirerId": body(acquirerId="x" * 65),
    "empty code": body(codeValue=""),
    "empty customerId": body(customerId=""),
    "code missing": b"{}",
    "code null": body(codeValue=None),
    "code a number": body(codeValue=5),
    "code a boolean": body(codeValue=True),
    "code a list": body(codeValue=["x"]),
    "code an object": body(codeValue={"a": "x"}),
    "pspId a number": body(pspId=5),
    "repeated name": b'{"codeValue":"x","codeValue":"x"}',
    "repeated name, escaped": b'{"codeValue":"x","code\\u0056alue":"x"}',
    "repeated name, nested": b'{"codeValue":"x","a":{"b":"1","b":"1"}}',
    "over the limit": b'{"codeValue":"' + b"x" * 65_536 + b'"}',
    "far over the limit": b" " * 3_000_000,
}


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("name", BODIES)
def test_bodies_against_the_rules(service: Service, name: str, framing: str) -> None:
    before = recorded(service)
    reply = send(service, service.request(CODE, body=BODIES[name], framing=framing))
    assert reply.code == "PARAM_ILLEGAL"
    assert recorded(service) == before


def test_deepest_nesting_that_the_largest_limit_lets_in(service: Service) -> None:
    raised = b'{"codeValue":"x","a":' + b"[" * 100_000
    assert send(service, service.request(CODE, body=raised)).code == "PARAM_ILLEGAL"


@pytest.mark.parametrize(
    "sent",
    [
        body(pspId=None, acquirerId=None, customerId=None),
        body(extendInfo={"a": [1, 2.5, True, None]}),
        body(codeValue="x" * 512),
        body(codeValue="\U0001f600" * 512),
        json.dumps({"codeValue": CODE}, indent=3).encode(),
        b'{"codeValue":"https:\\/\\/pay.acqp.example\\/x"}',
    ],
    ids=["nulls", "unknown members", "512 characters", "512 astral characters", "indented", "escaped slashes"],
)
def test_bodies_that_are_fine(service: Service, sent: bytes) -> None:
    assert send(service, service.request(CODE, body=sent)).code == "INVALID_CODE"


TARGETS = {
    "trailing slash": DECODE_PATH + "/",
    "double slash inside": DECODE_PATH.replace("/v1/", "/v1//"),
    "double slash first": "/" + DECODE_PATH,
    "percent-encoded letter": DECODE_PATH.replace("userInitiatedPay", "userInitiated%50ay"),
    "percent-encoded letter in the prefix": DECODE_PATH.replace("/aps/", "/%61ps/"),
    "other case": DECODE_PATH.lower(),
    "other case of the prefix": DECODE_PATH.replace("/aps/", "/APS/"),
    "dot segment": "/aps/api/v1/payments/../payments/userInitiatedPay",
    "unknown path": "/aps/api/v1/payments/unknown",
    "prefix alone": "/aps",
    "semicolon": DECODE_PATH + ";a=b",
    "NUL encoded": DECODE_PATH + "%00",
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_targets_that_are_no_api(service: Service, name: str, method: str) -> None:
    reply = send(service, service.request(CODE, target=TARGETS[name], method=method))
    assert reply.code == "NO_INTERFACE_DEF"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
def test_other_methods(service: Service, method: str) -> None:
    assert send(service, service.request(CODE, method=method)).code == "METHOD_NOT_SUPPORTED"


def test_head_has_no_body_and_is_signed(service: Service) -> None:
    reply = send(service, service.request(CODE, method="HEAD"))
    assert reply.body == b""


def test_query_string_is_signed_as_received(service: Service) -> None:
    assert send(service, service.request(CODE, target=DECODE_PATH + "?a=b&c=%20")).code == "INVALID_CODE"
    tampered = service.request(CODE, target=DECODE_PATH + "?a=b", signed_target=DECODE_PATH)
    assert service.send(tampered).code == "INVALID_SIGNATURE"


def test_absolute_form_is_signed_by_path_and_query(service: Service) -> None:
    request = service.request(
        CODE, target="https://gateway.example" + DECODE_PATH + "?x", signed_target=DECODE_PATH + "?x"
    )
    assert send(service, request, target=DECODE_PATH + "?x").code == "INVALID_CODE"


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
def test_media_types_that_are_not_spoken(service: Service, name: str) -> None:
    sent = gzip.compress(body()) if name == "gzip" else body()
    reply = send(service, service.request(CODE, body=sent, more_headers=MEDIA[name]))
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
def test_media_types_that_are_fine(service: Service, headers: list[tuple[str, str]]) -> None:
    assert send(service, service.request(CODE, more_headers=headers)).code == "INVALID_CODE"


def test_content_type_is_optional(service: Service) -> None:
    request = service.request(CODE, leave_out=frozenset({"content-type"}))
    assert send(service, request).code == "INVALID_CODE"


def signed(service: Service, spelling: str) -> SignedRequest:
    """A proper request, its Signature header spelt in another way."""
    request = service.request(CODE, request_time=datetime.now(UTC).isoformat())
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
    return service.request(CODE, request_time=request.request_time, signature_header=headers[spelling])


@pytest.mark.parametrize(
    "spelling",
    [
        "blanks", "other order", "no key version", "raw", "base64url", "base64url unpadded",
        "lower-case percent", "every byte percent-encoded", "blanks after commas",
    ],
)  # fmt: skip
def test_signatures_spelt_in_other_ways(service: Service, spelling: str) -> None:
    assert send(service, signed(service, spelling)).code == "INVALID_CODE"


@pytest.mark.parametrize(
    "spelling",
    [
        "other algorithm", "none algorithm", "no algorithm", "empty value", "empty header", "8000 characters",
        "repeated part", "not base64", "bytes above ASCII", "doubly encoded", "truncated",
    ],
)  # fmt: skip
def test_signatures_that_are_none(service: Service, spelling: str) -> None:
    assert send(service, signed(service, spelling)).code == "INVALID_SIGNATURE"


def test_two_signature_headers(service: Service) -> None:
    request = service.request(CODE)
    first = dict(request.headers())["Signature"]
    twice = service.request(CODE, more_headers=[("Signature", first), ("Signature", first)])
    assert send(service, twice).code == "INVALID_SIGNATURE"


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
def test_times_in_every_form(service: Service, form: str) -> None:
    time = TIMES[form](datetime.now(UTC))
    assert send(service, service.request(CODE, request_time=time)).code == "INVALID_CODE"


@pytest.mark.parametrize(
    "time", ["yesterday", "2026-11-20 10:00:00", "2026-11-20T10:00:00", "2026-13-45T99:99:99Z", "12345", "9" * 19]
)
def test_times_that_are_none_or_far_off(service: Service, time: str) -> None:
    expected = "ACCESS_DENIED" if time.isdecimal() and len(time) == 19 else "PARAM_ILLEGAL"
    assert send(service, service.request(CODE, request_time=time)).code == expected


def test_time_missing(service: Service) -> None:
    request = service.request(CODE, leave_out=frozenset({"request-time"}))
    assert send(service, request).code == "PARAM_ILLEGAL"


@pytest.mark.parametrize("spelt", [str.lower, str.upper, str.title])
def test_header_names_in_any_case(service: Service, spelt: Any) -> None:
    request = service.request(CODE)
    head, _, sent = request.raw().partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    respelt = [f"{spelt(name)}:{value}" for name, _, value in (line.partition(":") for line in lines)]
    raw = "\r\n".join([first, *respelt, "", ""]).encode("latin-1") + sent
    reply = exchange(service.process.address, raw)
    assert_authentic(reply, service.keys)
    assert reply.code == "INVALID_CODE"


def test_underscores_do_not_stand_for_dashes_in_header_names(service: Service) -> None:
    request = service.request(CODE, leave_out=frozenset({"client-id"}), more_headers=[("Client_Id", CLIENT_ID)])
    assert send(service, request).code == "INVALID_CLIENT"


BROKEN_CHUNKS = {
    "no size": b"zz\r\n{}\r\n0\r\n\r\n",
    "too short": b"5\r\n{}\r\n0\r\n\r\n",
    "no terminator": b"2\r\n{}XX0\r\n\r\n",
    "negative": b"-2\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN_CHUNKS)
def test_broken_chunks(service: Service, name: str) -> None:
    request = service.request(CODE, framing="none", more_headers=[("Transfer-Encoding", "chunked")])
    reply = exchange(service.process.address, request.raw() + BROKEN_CHUNKS[name])
    assert_authentic(reply, service.keys)
    assert reply.code == "PARAM_ILLEGAL"


def test_answers_are_made_for_the_worst_reader(service: Service) -> None:
    reply = send(service, service.request(CODE))
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


def test_a_refused_log_line_cannot_be_forged(service: Service) -> None:
    request = service.request(CODE, members={"pspId": "x\ncall api=forged result=SUCCESS"})
    send(service, request)
    assert "\ncall api=forged" not in service.process.log()


def test_signature_over_another_body_is_refused(service: Service) -> None:
    genuine = service.request(CODE, request_time=datetime.now(UTC).isoformat())
    header = dict(genuine.headers())["Signature"]
    forged = service.request(
        CODE, members={"customerId": "thief"}, request_time=genuine.request_time, signature_header=header
    )
    assert send(service, forged).code == "INVALID_SIGNATURE"
