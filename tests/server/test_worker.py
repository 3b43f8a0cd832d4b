from __future__ import annotations

import json
import logging
import os
import random
import resource
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from email.message import Message
from http.client import parse_headers
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import psutil
import pytest
from gunicorn import http as gunicorn_http
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import PollableMethodQueue

from acqp_gateway.server.worker import (
    BufferingThreadWorker,
    CollectedUnreader,
    Limits,
    PendingRequest,
    Verdict,
)

ROOT = Path(__file__).parents[2]
MARKER = "MarkerOfTheClient"
APPLICATION = """
import json, os, time

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise ValueError("MarkerOfTheClient")
    if path in ("/slow", "/break"):
        return two_pieces(path, start_response)
    if path == "/large":
        start_response("200 OK", [("Content-Length", str(2**26))])
        return [bytes(2**26)]
    try:
        body = environ["wsgi.input"].read(65_537)
    except Exception:
        if path != "/tolerant":
            raise
        body = b"an error the application saw"
    answer = {"length": len(body), "target": environ["RAW_URI"], "pid": os.getpid()}
    text = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]

def two_pieces(path, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    yield b"a"
    if path == "/break":
        raise ValueError("in the middle of an answer")
    time.sleep(0.5)
    yield b"b"
"""
WORKERS = """
from acqp_gateway.server.worker import BufferingThreadWorker as Default

class Quick(Default):
    request_seconds = 1.0
    send_seconds = 0.5
    linger_seconds = 0.5

class Small(Default):
    request_seconds = 30.0
    ordinary_seconds = 0.2
    max_held_bytes = 1_000_000
"""


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A running gunicorn, the port of 127.0.0.1 it listens on and the file it logs to."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    def connect(self, stack: ExitStack, sent: bytes = b"") -> socket.socket:
        client = stack.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=10))
        client.sendall(sent)
        return client

    def ask(self, request: bytes) -> Answer:
        with ExitStack() as stack:
            return read_answer(stream_of(stack, self.connect(stack, request)))


@contextmanager
def running(directory: Path, worker: str = "test_workers.Quick", **settings: Any) -> Iterator[Server]:
    (directory / "application.py").write_text(APPLICATION)
    (directory / "test_workers.py").write_text(WORKERS)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        port = listener.getsockname()[1]
        settings = {
            "bind": f"fd://{listener.fileno()}",
            "workers": 1,
            "threads": 2,
            "worker_class": worker,
            "control_socket_disable": True,
            "errorlog": str(directory / "log"),
            "keepalive": 5,
        } | settings
        config = directory / "settings.py"
        config.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", str(config), "application:application"],
            cwd=directory,
            env=os.environ | {"PYTHONPATH": f"{directory}:{ROOT}"},
            pass_fds=[listener.fileno()],
        )
    server = Server(process, port, directory / "log")
    try:
        # The connection waits in the listener's queue until a worker takes it.
        assert server.ask(get("/ready")).status == 200
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)
        process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as running_server:
        yield running_server


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as exit_stack:
        yield exit_stack


def get(target: str, *fields: str) -> bytes:
    return "\r\n".join((f"GET {target} HTTP/1.1", "Host: gateway", *fields, "", "")).encode()


def post(target: str, *fields: str) -> bytes:
    return get(target, *fields).replace(b"GET", b"POST", 1)


def stream_of(stack: ExitStack, client: socket.socket) -> BinaryIO:
    return stack.enter_context(client.makefile("rb"))


def read_answer(stream: BinaryIO) -> Answer:
    status = int(stream.readline().split()[1])
    headers = parse_headers(stream)
    return Answer(status, headers, stream.read(int(headers.get("Content-Length", "0"))))


def can_send(client: socket.socket) -> bool:
    try:
        return client.send(b"more") > 0
    except OSError:
        return False


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_one_request_is_answered(server: Server) -> None:
    answer = server.ask(post("/a%2Fb?c=d", "Content-Length: 5") + b"hello")

    assert answer.status == 200
    assert answer.json() | {"pid": 0} == {"length": 5, "target": "/a%2Fb?c=d", "pid": 0}


def test_a_connection_is_kept_for_the_next_request(server: Server, stack: ExitStack) -> None:
    client = server.connect(stack)
    stream = stream_of(stack, client)

    for number in range(3):
        client.sendall(post(f"/{number}", "Content-Length: 3") + b"abc")
        answer = read_answer(stream)
        assert (answer.headers["Connection"], answer.json()["target"]) == ("keep-alive", f"/{number}")


def test_a_body_the_application_leaves_unread_is_not_the_next_request(server: Server, stack: ExitStack) -> None:
    body = get("/smuggled") * 5_000
    client = server.connect(stack, post("/first", f"Content-Length: {len(body)}") + body)
    stream = stream_of(stack, client)

    assert read_answer(stream).json()["length"] == 65_537
    client.sendall(get("/second"))
    assert read_answer(stream).json()["target"] == "/second"


def test_pipelined_requests_are_answered_in_order(server: Server, stack: ExitStack) -> None:
    first = post("/1", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n"
    client = server.connect(stack, first + post("/2", "Content-Length: 2") + b"xy" + get("/3")[:20])
    stream = stream_of(stack, client)

    assert read_answer(stream).json() | {"pid": 0} == {"length": 3, "target": "/1", "pid": 0}
    assert read_answer(stream).json() | {"pid": 0} == {"length": 2, "target": "/2", "pid": 0}
    client.sendall(get("/3")[20:])
    assert read_answer(stream).json()["target"] == "/3"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([post("/", "Content-Length: 9"), b"abc", b"def", b"ghi"], id="length"),
        pytest.param(
            [
                post("/", "Transfer-Encoding: chunked") + b"4",
                b"\r\nab",
                b"cd\r",
                b"\n5;name=value\r\nefghi\r\n0\r\n",
                b"X-Sum: 1\r\n",
                b"\r\n",
            ],
            id="chunked",
        ),
        pytest.param([b"POST / HTT", b"P/1.1\r\nHost: a\r\nContent-Length: 9\r", b"\n\r\nabcdefghi"], id="head"),
    ],
)
def test_a_request_in_pieces_is_put_together(server: Server, stack: ExitStack, pieces: list[bytes]) -> None:
    client = server.connect(stack)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        client.sendall(piece)
        # An answer to somebody else in between: the poller has seen this piece by itself.
        assert server.ask(get("/other")).status == 200

    assert read_answer(stream_of(stack, client)).json()["length"] == 9


def test_a_client_that_ends_its_side_after_the_request_is_answered(server: Server, stack: ExitStack) -> None:
    client = server.connect(stack, get("/half-closed"))
    client.shutdown(socket.SHUT_WR)

    assert read_answer(stream_of(stack, client)).status == 200


def test_a_request_cut_short_never_reaches_the_application(server: Server, stack: ExitStack) -> None:
    client = server.connect(stack, post("/tolerant", "Content-Length: 9") + b"abc")
    client.shutdown(socket.SHUT_WR)

    assert client.recv(1) == b""


@pytest.mark.parametrize(
    ("head", "unit", "count"),
    [
        pytest.param(post("/", "Content-Length: 10000000"), b"x" * 10_000, 1_000, id="length"),
        pytest.param(
            post("/", "Transfer-Encoding: chunked"), b"BB8\r\n" + b"x" * 3_000 + b"\r\n", 1_000, id="chunked"
        ),
    ],
)
def test_a_client_still_sending_a_large_body_reads_the_answer(
    server: Server, stack: ExitStack, head: bytes, unit: bytes, count: int
) -> None:
    client = server.connect(stack, head + unit * count)
    stream = stream_of(stack, client)

    answer = read_answer(stream)

    assert (answer.json()["length"], answer.headers["Connection"]) == (65_537, "close")
    assert stream.read() == b""


def test_slow_clients_keep_nobody_waiting(server: Server, stack: ExitStack) -> None:
    kept = server.connect(stack, get("/kept"))
    kept_stream = stream_of(stack, kept)
    assert read_answer(kept_stream).status == 200
    started = time.monotonic()
    half_sent = [server.connect(stack, get("/half")[:-2]) for _ in range(25)]
    half_sent += [server.connect(stack, post("/half", "Content-Length: 9") + b"abc") for _ in range(25)]
    half_sent += [server.connect(stack) for _ in range(5)]
    ready, stop = threading.Event(), threading.Event()
    dripping = threading.Thread(target=drip, args=(server, 200, ready, stop))
    dripping.start()
    stack.callback(dripping.join)
    stack.callback(stop.set)
    assert ready.wait(5)

    times = []
    for number in range(30):
        asked = time.monotonic()
        assert server.ask(post(f"/{number}", "Content-Length: 2") + b"ab").status == 200
        times.append(time.monotonic() - asked)

    assert max(times) < 1
    assert all(is_closed(client) for client in half_sent)
    assert 0.9 < time.monotonic() - started < 4
    # A connection between two requests has gunicorn's keepalive and not the time of a request.
    kept.sendall(get("/kept"))
    assert read_answer(kept_stream).status == 200


def test_bytes_that_keep_coming_do_not_buy_time(server: Server, stack: ExitStack) -> None:
    client = server.connect(stack)
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ)
        started = time.monotonic()
        for byte in get("/" + "a" * 30):
            client.send(bytes([byte]))
            if selector.select(0.1):
                break

    assert is_closed(client)
    assert 0.9 < time.monotonic() - started < 3


def drip(server: Server, count: int, ready: threading.Event, stop: threading.Event) -> None:
    """Keeps connections open that each send one byte at a time, opening another for each that is closed."""
    request = get("/" + "a" * 1_000)
    with ExitStack() as stack:
        clients = [server.connect(stack) for _ in range(count)]
        for byte in request:
            for place, client in enumerate(clients):
                try:
                    client.send(bytes([byte]))
                except OSError:
                    clients[place] = server.connect(stack)
            ready.set()
            if stop.wait(0.2):
                return


def test_a_client_that_keeps_a_closed_connection_open_holds_up_nobody(server: Server, stack: ExitStack) -> None:
    for _ in range(3):
        client = server.connect(stack, get("/", "Connection: close"))
        assert read_answer(stream_of(stack, client)).headers["Connection"] == "close"

    asked = time.monotonic()
    assert server.ask(get("/")).status == 200
    assert time.monotonic() - asked < 1


def test_a_client_that_goes_on_sending_after_its_last_answer_is_cut_off(server: Server, stack: ExitStack) -> None:
    client = server.connect(stack, get("/", "Connection: close"))
    assert stream_of(stack, client).read().startswith(b"HTTP/1.1 200")
    started = time.monotonic()

    while time.monotonic() < started + 5 and can_send(client):
        # Nothing is to arrive, so this is a pause between two attempts.
        select.select([], [], [client], 0.05)

    assert 0.4 < time.monotonic() - started < 3


def test_a_client_that_does_not_read_holds_a_thread_for_a_bounded_time(server: Server, stack: ExitStack) -> None:
    for _ in range(4):
        server.connect(stack, get("/large"))

    asked = time.monotonic()
    assert server.ask(get("/")).status == 200
    assert time.monotonic() - asked < 4


BAD_REQUESTS = {
    "line too long": (414, get(f"/{MARKER * 1_000}")),
    "line without an end": (414, b"GET /" + MARKER.encode() * 1_000),
    "field too long": (431, get("/", f"X-A: {MARKER * 1_000}")),
    "too many fields": (431, get("/", *(f"X-{MARKER}-{number}: a" for number in range(101)))),
    "head without an end": (431, get("/", *(f"X-{number}: {MARKER * 50}" for number in range(90)))[:-2]),
    "trailers without an end": (
        431,
        post("/", "Transfer-Encoding: chunked") + b"0\r\n" + (b"X-A: " + MARKER.encode() * 50 + b"\r\n") * 90,
    ),
    "no request": (400, f"{MARKER}\r\n\r\n".encode()),
    "empty request line": (400, b"\r\n\r\n"),
    "bad version": (400, f"GET / HTTP/{MARKER}\r\n\r\n".encode()),
    "bad method": (400, f"{MARKER} / HTTP/1.1\r\n\r\n".encode()),
    "bad target": (400, get(f"{MARKER}")),
    "bare line feed": (400, f"GET / HTTP/1.1\nX-A: {MARKER}\n\n".encode()),
    "bare line feed in the head": (400, f"GET / HTTP/1.1\r\nX-A: {MARKER}\nX-B".encode()),
    "length after a bare line feed": (400, get("/", f"X-A: {MARKER}\nContent-Length: 5")),
    "field name with a space": (400, post("/", f"X-{MARKER} : 5")),
    "length with a space before the colon": (400, post("/", "Content-Length : 5") + b"abcde"),
    "folded field": (400, post("/", "Content-Length: 50", f" {MARKER}")),
    "two lengths": (400, post("/", "Content-Length: 50", "Content-Length: 50")),
    "both framings": (400, post("/", "Content-Length: 50", "Transfer-Encoding: chunked")),
    "length no number": (400, post("/", f"Content-Length: {MARKER}")),
    "length negative": (400, post("/", "Content-Length: -5")),
    "length enormous": (400, post("/", "Content-Length: " + "9" * 5_000)),
    "not chunked last": (400, post("/", "Transfer-Encoding: chunked, identity")),
    "coding and length": (400, post("/", "Content-Length: 5", "Transfer-Encoding: identity")),
    "expectation": (417, post("/", f"Expect: {MARKER}", "Content-Length: 50")),
    "unknown coding": (501, post("/", f"Transfer-Encoding: {MARKER}")),
    "application fails": (500, get("/fail")),
}


BROKEN_CHUNKS = {
    "chunk size no number": b"xyz\r\n",
    "chunk size too long": b"1" * 2_000,
    "chunk too long": b"2\r\nabc\r\n",
    "chunk extension": b"1;=\r\na\r\n0\r\n\r\n",
    "trailer": b"0\r\nContent-Length: 5\r\n\r\n",
}


@pytest.mark.parametrize("chunks", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS.keys())
def test_broken_chunks_are_told_to_the_application_or_refused_for_it(
    server: Server, stack: ExitStack, chunks: bytes
) -> None:
    head = post("/tolerant", "Transfer-Encoding: chunked")
    stream = stream_of(stack, server.connect(stack, head + chunks))
    answer = read_answer(stream)
    assert answer.status == 200
    assert answer.json()["length"] == len(b"an error the application saw")
    assert stream.read() == b""

    intolerant = read_answer(
        stream_of(stack, server.connect(stack, post("/", "Transfer-Encoding: chunked") + chunks))
    )
    assert intolerant.status == 400


@pytest.mark.parametrize(("status", "request_bytes"), BAD_REQUESTS.values(), ids=BAD_REQUESTS.keys())
def test_what_gunicorn_answers_by_itself_is_short_and_plain(
    server: Server, stack: ExitStack, status: int, request_bytes: bytes
) -> None:
    # Most of these are not complete: waiting for their end would close the connection without an answer.
    client = server.connect(stack, request_bytes)
    stream = stream_of(stack, client)

    answer = read_answer(stream)

    assert answer.status == status
    assert answer.headers.keys() == ["Connection", "Content-Type", "Content-Length"]
    assert (answer.headers["Connection"], answer.headers["Content-Type"]) == ("close", "text/plain")
    assert len(answer.body) < 50
    assert b"<" not in answer.body
    assert stream.read() == b""
    assert MARKER.encode() not in answer.body


def test_a_refused_request_is_logged_on_one_line(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.ask(f"GET /\x1b[31m\x00{MARKER} HTTP/1.1\r\n\r\n".encode())
        log = server.log.read_bytes()

    lines = [line for line in log.splitlines() if MARKER.encode() in line]
    assert len(lines) == 1
    assert b"[WARNING]" in lines[0]
    assert b"/\\x1b[31m\\x00" in lines[0]


def test_a_client_that_expects_to_be_asked_for_its_body_is_asked_once(server: Server, stack: ExitStack) -> None:
    client = server.connect(stack, post("/", "Expect: 100-continue", "Content-Length: 4"))
    stream = stream_of(stack, client)

    assert stream.readline() + stream.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(b"ab")
    assert server.ask(get("/other")).status == 200
    client.sendall(b"cd")
    assert read_answer(stream).json()["length"] == 4


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_a_body_that_is_already_here_is_not_asked_for(server: Server, version: bytes) -> None:
    request = post("/", "Expect: 100-continue", "Content-Length: 4") + b"abcd"

    assert server.ask(request.replace(b"1.1", version, 1)).status == 200


def test_http_1_0_is_never_asked_for_its_body(server: Server, stack: ExitStack) -> None:
    head = post("/", "Expect: 100-continue", "Content-Length: 4").replace(b"1.1", b"1.0", 1)
    client = server.connect(stack, head)
    assert server.ask(get("/other")).status == 200
    client.sendall(b"abcd")

    assert read_answer(stream_of(stack, client)).status == 200


def test_an_application_that_fails_in_its_answer_costs_only_that_connection(server: Server) -> None:
    pid = server.ask(get("/")).json()["pid"]

    assert server.ask(get("/break")).body == b"a"
    assert {server.ask(get("/")).json()["pid"] for _ in range(30)} == {pid}


def test_a_full_worker_closes_the_slowest_connection(tmp_path: Path, stack: ExitStack) -> None:
    with running(tmp_path, "test_workers.Small", worker_connections=20) as server:
        slow = [server.connect(stack, get("/half")[:-2]) for _ in range(40)]

        assert server.ask(get("/")).status == 200
        assert all(is_closed(client) for client in slow[:20])
        slow[-1].sendall(b"\r\n")
        assert read_answer(stream_of(stack, slow[-1])).status == 200


def test_a_slow_request_is_given_up_before_an_idle_connection(tmp_path: Path, stack: ExitStack) -> None:
    with running(tmp_path, "test_workers.Small", worker_connections=4) as server:
        kept = server.connect(stack, get("/"))
        stream = stream_of(stack, kept)
        assert read_answer(stream).status == 200
        slow = server.connect(stack, get("/half")[:-2])
        assert select.select([slow], [], [], 0.3) == ([], [], [])
        server.connect(stack)

        assert server.ask(get("/")).status == 200
        assert is_closed(slow)
        kept.sendall(get("/"))
        assert read_answer(stream).status == 200


def test_a_connection_closed_to_make_room_may_be_readable_already(tmp_path: Path, stack: ExitStack) -> None:
    with running(tmp_path, worker_connections=4) as server:
        kept = server.connect(stack, get("/"))
        pid = read_answer(stream_of(stack, kept)).json()["pid"]
        slow = [stream_of(stack, server.connect(stack, get("/slow", "Connection: close"))) for _ in range(2)]
        assert all(stream.readline().startswith(b"HTTP/1.1 200") for stream in slow)
        # Both events are there when the worker looks again, the new connection before the kept one.
        os.kill(pid, signal.SIGSTOP)
        while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
            pass
        late = server.connect(stack, get("/late"))
        kept.sendall(get("/"))
        os.kill(pid, signal.SIGCONT)

        assert is_closed(kept)
        assert read_answer(stream_of(stack, late)).json()["pid"] == pid
        assert all(stream.read().endswith(b"\r\n\r\nab") for stream in slow)
        assert server.ask(get("/")).json()["pid"] == pid


def test_what_all_connections_hold_together_is_bounded(tmp_path: Path, stack: ExitStack) -> None:
    with running(tmp_path, "test_workers.Small") as server:
        part = post("/", "Content-Length: 450000") + b"x" * 350_000
        clients = []
        for _ in range(3):
            clients.append(server.connect(stack, part))
            # Once this is answered, the poller has seen the part of this client and not of the next.
            assert server.ask(get("/")).status == 200

        assert is_closed(clients[0])
        for client in clients[1:]:
            client.sendall(b"x" * 100_000)
            assert read_answer(stream_of(stack, client)).status == 200
        assert server.ask(part + b"x" * 100_000).status == 200


def test_a_stop_finishes_what_is_being_answered_and_nothing_else(tmp_path: Path, stack: ExitStack) -> None:
    with running(tmp_path, graceful_timeout=30) as server:
        for _ in range(10):
            server.connect(stack, get("/half")[:-2])
            server.connect(stack)
        kept = server.connect(stack, get("/kept"))
        kept_stream = stream_of(stack, kept)
        assert read_answer(kept_stream).headers["Connection"] == "keep-alive"
        late = server.connect(stack, post("/late", "Content-Length: 2") + b"a")
        slow = stream_of(stack, server.connect(stack, get("/slow")))
        assert slow.readline().startswith(b"HTTP/1.1 200")

        server.process.send_signal(signal.SIGTERM)
        stopped = time.monotonic()
        late.sendall(b"b")

        assert slow.read().endswith(b"\r\n\r\nab")
        assert read_answer(stream_of(stack, late)).status == 200
        assert server.process.wait(10) == 0
        assert time.monotonic() - stopped < 5


def test_a_reload_under_load_loses_no_request(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        old_pid = server.ask(get("/")).json()["pid"]
        reloaded, statuses, failures = threading.Event(), list[int](), list[Exception]()
        by_new_worker = list[int]()

        def load(keep: bool) -> None:
            try:
                while not reloaded.is_set():
                    for answer in one_connection(server, keep):
                        statuses.append(answer.status)
                        by_new_worker.extend([pid for pid in (answer.json()["pid"],) if pid != old_pid])
                        if len(by_new_worker) > 500:
                            reloaded.set()
                            break
            except Exception as failure:
                failures.append(failure)
                reloaded.set()

        threads = [threading.Thread(target=load, args=(keep,)) for keep in (True, False) * 2]
        for thread in threads:
            thread.start()
        server.process.send_signal(signal.SIGHUP)
        in_time = reloaded.wait(15)
        reloaded.set()
        for thread in threads:
            thread.join(10)

        assert in_time
        assert failures == []
        assert set(statuses) == {200}


def one_connection(server: Server, keep: bool) -> Iterator[Answer]:
    """The answers on one connection, until one of the two sides closes it."""
    with ExitStack() as stack:
        client = server.connect(stack)
        stream = stream_of(stack, client)
        answer = None
        while answer is None or (keep and answer.headers["Connection"] == "keep-alive"):
            client.sendall(post("/load", "Content-Length: 2") + b"ab")
            answer = read_answer(stream)
            yield answer


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("certfile", "server.pem"),
        ("http_protocols", "h2,h1"),
        ("http2_cleartext", "upgrade"),
        ("proxy_protocol", "auto"),
        ("protocol", "uwsgi"),
        ("permit_obsolete_folding", True),
        ("strip_header_spaces", True),
    ],
)
def test_settings_that_change_what_a_request_is_are_refused(name: str, value: object) -> None:
    config = Config()
    log = Logger(config)
    BufferingThreadWorker.check_config(config, log)
    config.set(name, value)

    with pytest.raises(RuntimeError, match=name):
        BufferingThreadWorker.check_config(config, log)


def test_a_quick_stop_leaves_the_pool_alone_until_the_pollers_next_turn(stack: ExitStack) -> None:
    worker = object.__new__(BufferingThreadWorker)
    worker.cfg, worker.booted, worker.method_queue = Config(), True, PollableMethodQueue()
    worker.tpool = stack.enter_context(ThreadPoolExecutor(1))
    worker.method_queue.init()
    stack.callback(worker.method_queue.close)

    # The thread that the signal interrupts may be in submit(), with the pool's lock.
    worker.handle_quit(signal.SIGQUIT, None)

    worker.tpool.submit(int).result()
    with pytest.raises(SystemExit):
        worker.method_queue.run_callbacks(None)


def test_connections_leave_open_files_to_the_application(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4_096))
    config = Config()

    BufferingThreadWorker.check_config(config, logging.getLogger())

    assert "156 connections" in caplog.text


GRAMMAR = [
    *(b"GET / HTTP/1.1\r\n", b"POST /a HTTP/1.1\r\n", b"POST /a HTTP/1.0\r\n", b"\r\n", b"\n", b"\r", b" ", b":"),
    *(b"Host: a\r\n", b"Content-Length: 3\r\n", b"content-length:0\r\n", b"Content-Length: 3, 3\r\n", b"x-a: b\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:\tCHUNKED \r\n", b"Transfer-Encoding: gzip\r\n"),
    *(b"Expect: 100-continue\r\n", b"Content_Length: 3\r\n", b"Content-Length : 3\r\n", b"Content-Length: +3\r\n"),
    *(
        b"\r\n\r\n",
        b"abc",
        b"3\r\nabc\r\n",
        b"3;a=b\r\nabc\r\n",
        b"0\r\n\r\n",
        b"0\r\nX: y\r\n\r\n",
        b"00;\r\n",
        b"\0",
    ),
]
LIKELY = [
    [b"GET / HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n"],
    [b"POST / HTTP/1.1\r\n", b"Host: a\r\n", b"Content-Length: 3\r\n", b"\r\n", b"abc"],
    [
        b"POST / HTTP/1.1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"\r\n",
        b"3\r\nabc\r\n",
        b"0\r\n",
        b"X: y\r\n",
        b"\r\n",
    ],
]


def test_the_poller_and_the_parser_agree_where_a_request_ends() -> None:
    generator = random.Random(20)
    outcomes = dict.fromkeys((*Verdict, "parsed"), 0)
    for _ in range(4_000):
        parts = list(generator.choice(LIKELY))
        for _ in range(generator.choice((0, 0, 1, 2, 3))):
            place = generator.randrange(len(parts) + 1)
            parts[place : place + generator.randrange(2)] = [generator.choice(GRAMMAR)]
        sent = b"".join(parts) + generator.choice((b"", b"GET /next HTTP/1.1\r\n\r\n"))
        whole, in_pieces = PendingRequest(LIMITS), PendingRequest(LIMITS)
        whole.buffer += sent
        verdict = whole.examine()
        outcomes[verdict] += 1
        expected = parsed_end(sent)
        # What the parser takes as a request is complete, and ends where the parser says.
        if expected is not None:
            outcomes["parsed"] += 1
            assert (verdict, whole.end) == (Verdict.COMPLETE, expected), sent
        for byte in sent:
            in_pieces.buffer.append(byte)
            piecewise = in_pieces.examine()
            if piecewise is not Verdict.WAIT:
                break
        if expected is not None or (verdict is Verdict.COMPLETE and piecewise is Verdict.COMPLETE):
            assert (piecewise, in_pieces.end) == (Verdict.COMPLETE, whole.end), sent
        if verdict is Verdict.COMPLETE:
            assert parsed_end(sent[: whole.end]) in (None, whole.end), sent

    assert min(outcomes[Verdict.COMPLETE], outcomes[Verdict.REFUSE], outcomes[Verdict.WAIT]) > 100, outcomes
    assert outcomes["parsed"] > 1_000, outcomes


CONFIG = Config()
LIMITS = Limits(line=4_094, head=65_536, body=1_000)


def parsed_end(sent: bytes) -> int | None:
    """Where gunicorn's parser, given no more than these bytes, sees the end of the first request in them."""
    parser = gunicorn_http.RequestParser(CONFIG, (), ("127.0.0.1", 1))
    parser.unreader = CollectedUnreader(sent, Verdict.COMPLETE)
    try:
        request = next(parser)
        request.body.read()
    except (gunicorn_http.errors.ParseException, gunicorn_http.errors.NoMoreData, StopIteration):
        return None
    return len(sent) - int(parser.unreader.remaining())
