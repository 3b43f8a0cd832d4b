"""Between WSGI and the gate: the raw target, the headers and the body as they came."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

from acqp_gateway.protocol.wsgi import GateBeforeApplication, raw_target
from tests.protocol.helpers import CLIENT_ID, PATH, Draft, Watched, verified_body


class BrokenChunks(io.RawIOBase):
    """What a WSGI server's input does in the middle of a bad chunk."""

    def read(self, size: int = -1) -> bytes:
        raise RuntimeError("invalid chunk size: b'secret'")


def call(draft: Draft, **environ: Any) -> tuple[str, dict[str, str], bytes]:
    """Hand a draft to the application as a WSGI server would; status, headers and body."""
    started: list[tuple[str, dict[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        started.append((status, dict(headers)))

    def application(_environ: Any, start: Any) -> Iterable[bytes]:
        start("404 NOT FOUND", [])
        return [b"not an API"]

    headers = dict(draft.request().headers)
    found = {
        "REQUEST_METHOD": draft.method,
        "RAW_URI": draft.target,
        "PATH_INFO": "/something/decoded",
        "wsgi.input": io.BytesIO(draft.body()),
        **{
            name.upper().replace("-", "_")
            if name.startswith("content-t")
            else f"HTTP_{name.upper()}".replace("-", "_"): text
            for name, text in headers.items()
        },
        **environ,
    }
    wrapped = GateBeforeApplication(Watched(draft).gate, application)
    body = b"".join(wrapped(found, start_response))
    ((status, answered),) = started
    return status, answered, body


def test_a_proper_request_reaches_the_gate() -> None:
    status, headers, body = call(Draft(target=PATH + "?a=b"))
    assert status == "200 OK"
    assert headers["client-id"] == CLIENT_ID
    assert json.loads(body)["result"]["resultCode"] == "SUCCESS"


def test_what_is_no_api_goes_on() -> None:
    assert call(Draft(target="/healthz")) == ("404 NOT FOUND", {}, b"not an API")


@pytest.mark.parametrize("target", ["/" + PATH, PATH + "/", PATH.replace("user", "%75ser"), PATH.upper()])
def test_a_misspelt_api_does_not(target: str) -> None:
    status, _, body = call(Draft(target=target))
    assert (status, json.loads(body)["result"]["resultCode"]) == ("200 OK", "NO_INTERFACE_DEF")


def test_every_header_that_the_gate_reads_is_handed_over() -> None:
    told = [
        json.loads(call(draft, **environ)[2])["result"]["resultCode"]
        for draft, environ in [
            (Draft(client_id=None), {}),
            (Draft(time=None), {}),
            (Draft(signature=""), {}),
            (Draft(content_type="text/plain"), {}),
            (Draft(), {"HTTP_CONTENT_ENCODING": "gzip"}),
            (Draft(), {"HTTP_ACCEPT": "text/html"}),
            (Draft(), {"CONTENT_LENGTH": "4097"}),
        ]
    ]
    assert told == [
        "INVALID_CLIENT",
        "PARAM_ILLEGAL",
        "INVALID_SIGNATURE",
        *["MEDIA_TYPE_NOT_ACCEPTABLE"] * 3,
        "PARAM_ILLEGAL",
    ]


def test_a_broken_body_is_an_illegal_parameter() -> None:
    status, headers, body = call(Draft(), **{"wsgi.input": BrokenChunks()})
    assert status == "200 OK"
    assert json.loads(body)["result"]["resultCode"] == "PARAM_ILLEGAL"
    assert b"secret" not in body
    assert headers["content-length"] == str(len(body))


def test_the_answer_is_signed() -> None:
    answer = Watched(Draft()).answer()
    _, headers, body = call(Draft())
    assert verified_body(answer, "POST", PATH, CLIENT_ID) == body
    assert headers == dict(answer.headers)


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({"RAW_URI": "//a%20b?c"}, "//a%20b?c"),
        ({"RAW_URI": "/a", "REQUEST_URI": "/b"}, "/a"),
        ({"REQUEST_URI": "/b"}, "/b"),
        ({"RAW_URI": "", "REQUEST_URI": ""}, ""),
    ],
)
def test_the_raw_target(environ: dict[str, str], target: str) -> None:
    assert raw_target(environ) == target


def test_without_a_raw_target_nothing_can_be_verified() -> None:
    with pytest.raises(RuntimeError, match="RAW_URI"):
        raw_target({"PATH_INFO": PATH})
