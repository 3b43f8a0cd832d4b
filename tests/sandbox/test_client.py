"""SigningClient against single broken replies: made up by `responses`, or sent by a bare socket."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses
from requests import PreparedRequest

from acqp_gateway import errors
from acqp_gateway.protocol.client import LARGEST_ANSWER, SigningClient, check_url
from acqp_gateway.protocol.headers import read_signature, write_signature
from acqp_gateway.protocol.keyring import VersionedKeys
from acqp_gateway.protocol.signature import Message, sign, verify
from tests.peer import CLIENT_ID, Keys
from tests.sandbox.processes import INQUIRY_PATH, gateway_key

URL = f"https://alipayplus.test/base{INQUIRY_PATH}"
TARGET = f"/base{INQUIRY_PATH}"
BODY = b'{"referenceMerchantId":"M1"}'
SUCCESS = b'{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"Success"}}'
FAILURE = b'{"result":{"resultCode":"PROCESS_FAIL","resultStatus":"F"}}'
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def client(sandbox_keys: Keys) -> SigningClient:
    """The calling side at a fixed time, waiting a second."""
    return make_client(sandbox_keys)


def make_client(keys: Keys, **options: Any) -> SigningClient:
    return SigningClient(
        **{
            "client_id": CLIENT_ID,
            "signing_keys": VersionedKeys({"1": gateway_key(keys)}),
            "peer_keys": VersionedKeys({"1": keys.alipayplus.public_key(), "2": keys.alipayplus.public_key()}),
            "answer_s": 1.0,
            "clock": lambda: NOW,
            **options,
        }
    )


def signed(
    keys: Keys,
    body: bytes = SUCCESS,
    *,
    target: str = TARGET,
    client_id: str = CLIENT_ID,
    response_time: str = "2026-11-20T10:00:00+00:00",
    key_version: str = "1",
) -> dict[str, str]:
    """The headers of an answer that Alipay+ signed."""
    signature = sign(Message("POST", target, client_id, response_time, body), keys.alipayplus)
    return {
        "Client-Id": client_id,
        "Response-Time": response_time,
        "Signature": write_signature(signature, key_version, blank_after_comma=True),
    }


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes | Exception) -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        mock.add(responses.POST, URL, status=status, headers=headers, body=body)
        yield mock


def test_a_call_is_signed_over_what_is_sent_and_its_answer_is_believed(
    client: SigningClient, sandbox_keys: Keys
) -> None:
    with answering(200, signed(sandbox_keys), SUCCESS) as mock:
        received = client.call(URL, BODY)
        request: PreparedRequest = mock.calls[0].request
    assert (received.signed, received.result["resultCode"], received.body) == (True, "SUCCESS", SUCCESS)
    assert request.body == BODY
    assert list(request.headers) == [
        "Client-Id",
        "Request-Time",
        "Signature",
        "Content-Type",
        "Content-Length",
        "Accept",
        "Accept-Encoding",
    ]
    text = str(request.headers["Signature"])
    assert re.fullmatch(r"algorithm=RSA256,keyVersion=1,signature=[A-Za-z0-9%]+", text)
    message = Message("POST", TARGET, CLIENT_ID, str(request.headers["Request-Time"]), BODY)
    verify(message, read_signature(text).signature, sandbox_keys.gateway)


def test_the_signed_target_may_be_another_one(client: SigningClient, sandbox_keys: Keys) -> None:
    with answering(200, signed(sandbox_keys, target="/public"), SUCCESS) as mock:
        assert client.call(URL, BODY, signed_target="/public").signed
        request = mock.calls[0].request
    message = Message("POST", "/public", CLIENT_ID, str(request.headers["Request-Time"]), BODY)
    verify(message, read_signature(str(request.headers["Signature"])).signature, sandbox_keys.gateway)


@pytest.mark.parametrize("status", ["F", "U"])
def test_an_unsigned_refusal_is_believed(client: SigningClient, status: str) -> None:
    body = json.dumps({"result": {"resultCode": "UNKNOWN_EXCEPTION", "resultStatus": status}}).encode()
    with answering(200, {}, body):
        assert not client.call(URL, BODY).signed


Change = Callable[[dict[str, str]], dict[str, str]]


def without(name: str) -> Change:
    return lambda headers: {known: value for known, value in headers.items() if known != name}


def replaced(name: str, value: str) -> Change:
    return lambda headers: {**headers, name: value}


def edited(pattern: str, text: str) -> Change:
    return lambda headers: {**headers, "Signature": re.sub(pattern, text, headers["Signature"])}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (without("Signature"), "only one of"),
        (without("Response-Time"), "only one of"),
        (replaced("Signature", ""), "an empty one"),
        (replaced("Response-Time", ""), "an empty one"),
        (without("Client-Id"), "Client-Id is not ours"),
        (replaced("Client-Id", "5YOTHER000000001"), "Client-Id is not ours"),
        (replaced("Client-Id", CLIENT_ID.lower()), "Client-Id is not ours"),
        (replaced("Response-Time", "2026-11-20T10:00:01+00:00"), "signature is wrong"),
        (replaced("Signature", "x"), r"cannot be read \(signature_malformed\)"),
        (edited("RSA256", "none"), r"cannot be read \(signature_algorithm\)"),
        (edited("RSA256", "RSA256, algorithm=RSA256"), r"cannot be read \(signature_malformed\)"),
        (edited("keyVersion=1", "keyVersion=9"), "key version '9', which we do not hold"),
        (edited("keyVersion=1", "keyVersion=\x1b[31m" + "9" * 500), r"key version '\\x1b\[31m99"),
        (edited("signature=.*", "signature=AAAA"), "signature is wrong"),
        (edited("signature=.*", "signature=" + "A" * 342), "signature is wrong"),
    ],
)
def test_what_is_not_authentic(client: SigningClient, sandbox_keys: Keys, change: Change, text: str) -> None:
    with (
        answering(200, change(signed(sandbox_keys)), SUCCESS),
        pytest.raises(errors.NotAuthentic, match=text) as caught,
    ):
        client.call(URL, BODY)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"target": INQUIRY_PATH}, "signature is wrong"),
        ({"body": FAILURE}, "signature is wrong"),
        ({"client_id": "5YOTHER000000001"}, "Client-Id is not ours"),
        ({"response_time": "2026-11-20T09:54:59+00:00"}, "played back"),
        ({"response_time": "2026-11-20T10:05:01+00:00"}, "not of now"),
        ({"response_time": "yesterday"}, "is no time"),
        ({"response_time": "2026-11-20T10:00:00"}, "is no time"),
    ],
)
def test_what_is_signed_and_yet_not_believed(
    client: SigningClient, sandbox_keys: Keys, given: dict[str, Any], text: str
) -> None:
    with answering(200, signed(sandbox_keys, **given), SUCCESS), pytest.raises(errors.NotAuthentic, match=text):
        client.call(URL, BODY)


@pytest.mark.parametrize(
    "given",
    [
        {"response_time": "2026-11-20T09:55:01Z"},
        {"response_time": "20261120190000+0900"},
        {"response_time": str(int(NOW.timestamp() * 1000))},
        {"key_version": "2"},
    ],
)
def test_what_is_believed_as_well(client: SigningClient, sandbox_keys: Keys, given: dict[str, Any]) -> None:
    with answering(200, signed(sandbox_keys, **given), SUCCESS):
        assert client.call(URL, BODY).signed


def test_a_missing_key_version_means_the_newest(client: SigningClient, sandbox_keys: Keys) -> None:
    with answering(200, edited("keyVersion=1, ", "")(signed(sandbox_keys)), SUCCESS):
        assert client.call(URL, BODY).signed


def test_without_any_key_of_theirs_nothing_is_believed(sandbox_keys: Keys) -> None:
    client = make_client(sandbox_keys, peer_keys=VersionedKeys({}))
    with (
        answering(200, edited("keyVersion=1, ", "")(signed(sandbox_keys)), SUCCESS),
        pytest.raises(errors.NotAuthentic, match=r"key version \(none\)"),
    ):
        client.call(URL, BODY)


def test_a_window_of_zero_takes_any_time(sandbox_keys: Keys) -> None:
    client = make_client(sandbox_keys, window_s=0.0, clock=lambda: NOW + timedelta(days=400))
    with answering(200, signed(sandbox_keys), SUCCESS):
        assert client.call(URL, BODY).signed


def test_a_failure_carries_what_came_back(client: SigningClient, sandbox_keys: Keys) -> None:
    headers = signed(sandbox_keys, target=INQUIRY_PATH)
    with answering(200, headers, SUCCESS), pytest.raises(errors.NotAuthentic) as caught:
        client.call(URL, BODY)
    assert (caught.value.answer_status, caught.value.answer) == (200, SUCCESS)
    assert caught.value.answer_headers is not None
    assert caught.value.answer_headers.items() >= {name.lower(): text for name, text in headers.items()}.items()
    with answering(503, {"Retry-After": "5"}, b"busy"), pytest.raises(errors.NotOk) as refused:
        client.call(URL, BODY)
    assert (refused.value.answer_status, refused.value.answer) == (503, b"busy")
    assert refused.value.answer_headers is not None
    assert refused.value.answer_headers["retry-after"] == "5"


def test_a_failure_without_an_answer_carries_none(client: SigningClient) -> None:
    with answering(200, {}, requests.ConnectionError()), pytest.raises(errors.Unreachable) as caught:
        client.call(URL, BODY)
    assert (caught.value.answer, caught.value.answer_status, caught.value.answer_headers) == (None, None, None)


@pytest.mark.parametrize("status", [201, 301, 302, 307, 400, 401, 404, 500, 503])
def test_another_status_than_200_is_not_ok_however_well_signed(
    client: SigningClient, sandbox_keys: Keys, status: int
) -> None:
    headers = {**signed(sandbox_keys), "Location": URL}
    with answering(status, headers, SUCCESS) as mock:
        with pytest.raises(errors.NotOk, match=f"status {status} "):
            client.call(URL, BODY)
        assert len(mock.calls) == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "json_malformed"),
        (b"null", "json_no_object"),
        (b"[]", "json_no_object"),
        (b"{", "json_malformed"),
        (SUCCESS + b"x", "json_malformed"),
        (b"\xef\xbb\xbf" + SUCCESS, "json_malformed"),
        (SUCCESS.decode().encode("utf-16"), "body_not_utf8"),
        (b"\xff", "body_not_utf8"),
        (b'{"result":{},"result":{}}', "json_repeated_name"),
        (b'{"a":NaN}', "json_malformed"),
        (b'{"a":' + b"9" * 5_000 + b"}", "json_malformed"),
        (b"[" * 100_000, "json_too_deep"),
        (b"{}", "has no result"),
        (b'{"result":null}', "has no result"),
        (b'{"result":"SUCCESS"}', "has no result"),
        (b'{"result":{"resultStatus":"S"}}', "has no result"),
        (b'{"result":{"resultCode":7,"resultStatus":"S"}}', "has no result"),
        (b'{"result":{"resultCode":"SUCCESS","resultStatus":"s"}}', "none of S, F and U"),
        (b'{"result":{"resultCode":"SUCCESS","resultStatus":""}}', "none of S, F and U"),
    ],
)
@pytest.mark.parametrize("is_signed", [True, False])
def test_what_is_not_understood(
    client: SigningClient, sandbox_keys: Keys, body: bytes, text: str, is_signed: bool
) -> None:
    headers = signed(sandbox_keys, body) if is_signed else {}
    with answering(200, headers, body), pytest.raises(errors.NotUnderstood, match=text):
        client.call(URL, BODY)


@pytest.mark.parametrize("size", [LARGEST_ANSWER, LARGEST_ANSWER + 1])
def test_an_answer_is_read_up_to_its_largest_size(client: SigningClient, sandbox_keys: Keys, size: int) -> None:
    body = SUCCESS + b" " * (size - len(SUCCESS))
    with answering(200, signed(sandbox_keys, body), body):
        if size <= LARGEST_ANSWER:
            assert len(client.call(URL, BODY).body) == size
        else:
            with pytest.raises(errors.NotUnderstood, match="larger than"):
                client.call(URL, BODY)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (requests.ConnectTimeout(), errors.TimedOut),
        (requests.ReadTimeout(), errors.TimedOut),
        (requests.ConnectionError("Read timed out."), errors.TimedOut),
        (requests.ConnectionError("refused"), errors.Unreachable),
        (requests.exceptions.SSLError("certificate"), errors.Unreachable),
        (requests.exceptions.ChunkedEncodingError("short"), errors.Unreachable),
        (requests.exceptions.InvalidHeader("length"), errors.Unreachable),
        (ConnectionResetError(), errors.Unreachable),
    ],
)
def test_what_requests_raises_has_a_name_of_ours(
    client: SigningClient, error: Exception, kind: type[errors.CallFailed]
) -> None:
    with answering(200, {}, error), pytest.raises(kind) as caught:
        client.call(URL, BODY)
    assert "alipayplus.test" in str(caught.value)


def test_a_password_in_the_address_is_not_shown(client: SigningClient) -> None:
    with responses.RequestsMock() as mock:
        mock.add(responses.POST, re.compile("https://.*"), body=requests.ConnectionError("refused"))
        with pytest.raises(errors.Unreachable) as caught:
            client.call("https://us:secret@alipayplus.test/a", BODY)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://alipayplus.test/",
        "http://192.168.0.1/",
        "http://0.0.0.0/",
        "http://127.0.0.1.alipayplus.test/",
        "http://alipayplus.test\\@127.0.0.1/",
        "http://alipayplus.test#@127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "127.0.0.1/path",
        "https://",
        "https:///path",
        "http://[",
        "https://[::1",
        "https://host:99999/",
        "https://*.test/",
        "",
    ],
)
def test_where_nothing_is_sent(client: SigningClient, url: str) -> None:
    with responses.RequestsMock(), pytest.raises(errors.CallNotSent):
        client.call(url, BODY)


@pytest.mark.parametrize(
    "url",
    ["https://alipayplus.test", "http://127.0.0.1:1/a", "http://127.9.9.9/", "http://[::1]:80/", "http://localhost/"],
)
def test_where_something_may_be_sent(url: str) -> None:
    check_url(url)


class Peer:
    """A bare server on loopback: every connection is given to `serve`, one after the other."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}{INQUIRY_PATH}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                if self.connections < 0:
                    return
                self.connections += 1
                try:
                    self._serve(connection)
                except OSError:
                    continue

    def stop(self) -> None:
        self.connections = -1
        with socket.create_connection(self._listener.getsockname()[:2]):
            self._thread.join(10)
        self._listener.close()


@contextmanager
def peer(serve: Callable[[socket.socket], None]) -> Iterator[Peer]:
    running = Peer(serve)
    try:
        yield running
    finally:
        running.stop()


def read_request(connection: socket.socket) -> bytes:
    found = b""
    while not found.endswith(BODY):
        piece = connection.recv(65_536)
        if not piece:
            raise ConnectionResetError
        found += piece
    return found


def saying(answer: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    return serve


def http_answer(headers: dict[str, str], body: bytes) -> bytes:
    lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", errors.Unreachable),
        (b"HTTP/1.1 200", errors.NotUnderstood),
        (b"HTTP/1.1 200 OK\r\nContent-Le", errors.NotUnderstood),
        (b"SSH-2.0-OpenSSH\r\n", errors.Unreachable),
        (b"\x15\x03\x01\x00\x02\x02\x46", errors.Unreachable),
        (b"HTTP/1.1 abc OK\r\n\r\n", errors.Unreachable),
        (b"HTTP/1.1 99999 OK\r\n\r\n", errors.Unreachable),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", errors.Unreachable),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", errors.Unreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", errors.Unreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + FAILURE, errors.Unreachable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", errors.Unreachable),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", errors.Unreachable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", errors.NotUnderstood),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello", errors.NotUnderstood),
        (b"HTTP/1.1 204 No Content\r\n\r\n", errors.NotOk),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n", errors.NotOk),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", errors.NotOk),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\n\r\n", errors.NotUnderstood),
        (b"HTTP/1.1 200 OK\r\nSignature: \x00\xff\r\nContent-Length: 2\r\n\r\n{}", errors.NotAuthentic),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", errors.NotUnderstood),
    ],
)
def test_odd_bytes_on_the_wire_are_one_named_failure(
    sandbox_keys: Keys, caplog: pytest.LogCaptureFixture, answer: bytes, kind: type[errors.CallFailed]
) -> None:
    with peer(saying(answer)) as server, pytest.raises(errors.CallFailed) as caught:
        make_client(sandbox_keys).call(server.url, BODY)
    assert type(caught.value) is kind
    assert str(caught.value).isprintable()
    assert caplog.records == []


def test_a_connection_is_used_again(sandbox_keys: Keys) -> None:
    answer = http_answer(signed(sandbox_keys, target=INQUIRY_PATH), SUCCESS)

    def serve(connection: socket.socket) -> None:
        for _ in range(3):
            read_request(connection)
            connection.sendall(answer)

    with peer(serve) as server:
        client = make_client(sandbox_keys)
        for _ in range(3):
            assert client.call(server.url, BODY).signed
        assert server.connections == 1


def test_a_cookie_is_not_sent_back(sandbox_keys: Keys) -> None:
    seen: list[bytes] = []
    answer = http_answer({**signed(sandbox_keys, target=INQUIRY_PATH), "Set-Cookie": "a=b"}, SUCCESS)

    def serve(connection: socket.socket) -> None:
        for _ in range(2):
            seen.append(read_request(connection))
            connection.sendall(answer)

    with peer(serve) as server:
        client = make_client(sandbox_keys)
        for _ in range(2):
            client.call(server.url, BODY)
    assert len(seen) == 2
    assert not any(b"cookie" in request.lower() for request in seen)


def dripping(head: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return serve


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nA: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 500\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 500\r\n\r\n",
    ],
)
def test_whatever_drips_is_bounded_in_all(sandbox_keys: Keys, head: bytes) -> None:
    started = time.monotonic()
    with peer(dripping(head)) as server:
        with pytest.raises(errors.TimedOut):
            make_client(sandbox_keys, answer_s=0.3).call(server.url, BODY)
        assert 0.3 <= time.monotonic() - started < 1.3


def flooding(head: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(b"x" * 65_536)

    return serve


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", errors.NotUnderstood),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", errors.NotUnderstood),
        # Session.send() would have read all of this.
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", errors.NotUnderstood),
        (b"HTTP/1.1 500 Oh\r\nContent-Encoding: gzip\r\n\r\n", errors.NotUnderstood),
    ],
)
def test_a_flood_is_cut_off(sandbox_keys: Keys, head: bytes, kind: type[errors.CallFailed]) -> None:
    with peer(flooding(head)) as server:
        started = time.monotonic()
        with pytest.raises(kind, match="larger than"):
            make_client(sandbox_keys, answer_s=5.0).call(server.url, BODY)
        assert time.monotonic() - started < 4


def test_nobody_listens(sandbox_keys: Keys) -> None:
    with peer(saying(b"")) as server:
        url = server.url
    with pytest.raises(errors.Unreachable):
        make_client(sandbox_keys).call(url, BODY)


def test_a_connection_that_the_peer_has_closed_is_not_taken_again(sandbox_keys: Keys) -> None:
    answer = http_answer(signed(sandbox_keys, target=INQUIRY_PATH), SUCCESS)
    with peer(saying(answer)) as server:
        client = make_client(sandbox_keys)
        for _ in range(2):
            assert client.call(server.url, BODY).signed
            time.sleep(0.05)
        assert server.connections == 2


def test_the_environment_has_no_say(sandbox_keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with peer(saying(http_answer(signed(sandbox_keys, target=INQUIRY_PATH), SUCCESS))) as server:
        assert make_client(sandbox_keys).call(server.url, BODY).signed
