"""A gthread worker whose threads only see requests that have arrived in full.

gunicorn's ``timeout`` does not bound a request in a gthread thread, so a client that sends half a request, or
one byte a second, would keep a thread for ever. Here the worker's main thread, the poller, collects each
request without blocking and hands it to a thread with its bytes in memory. gunicorn's parser stays the only
judge of a request: the poller decides when a request is handed over, never what it means.
"""

from __future__ import annotations

import enum
import errno
import re
import resource
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from io import BytesIO
from selectors import EVENT_READ
from types import FrameType
from typing import Any, NamedTuple

from gunicorn import http as gunicorn_http
from gunicorn.workers import gthread

RECEIVE_BYTES = 65_536
PIECE_BYTES = 8_192
MAX_HEAD_BYTES = 65_536
MAX_CHUNK_LINE_BYTES = 1_024
FRAMING_FIELD = re.compile(
    rb"\r\n(?:(content-length|transfer-encoding|expect)[ \t]*:([^\r\n]*)|[ \t])", re.IGNORECASE
)
CHUNK_SIZE_LINE = re.compile(rb"([0-9a-fA-F]{1,16})(?:[ \t]*;[^\r\n]*)?\r\n")
PLAIN_HTTP = {
    "protocol": "http",
    "http_protocols": ["h1"],
    "http2_cleartext": "off",
    "proxy_protocol": "off",
    "certfile": None,
    "keyfile": None,
    "permit_obsolete_folding": None,
    "strip_header_spaces": None,
}
SPARE_FILES = 100
OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
Readable = Callable[["CollectingConnection", socket.socket], None]


class Verdict(enum.Enum):
    """What the poller knows about the request it is collecting."""

    WAIT = enum.auto()
    COMPLETE = enum.auto()
    REFUSE = enum.auto()
    HEAD_TOO_LARGE = enum.auto()
    BODY_TOO_LARGE = enum.auto()


class Limits(NamedTuple):
    """The most bytes collected for a request line, a whole header block and a body as sent."""

    line: int
    head: int
    body: int


class PendingRequest:
    """The bytes a client has sent that no thread has seen yet, and where their first request ends."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.buffer = bytearray()
        self._restart()

    def _restart(self) -> None:
        self.scanned = self.body_start = self.end = 0
        self.chunked = self.continue_due = False

    def examine(self) -> Verdict:
        """Says whether the request at the start of the buffer can be handed over; cheap to call again."""
        if not self.body_start:
            verdict = self._read_head()
            if verdict is not None:
                return verdict
        verdict = self._skip_chunks() if self.chunked else self._length_reached()
        if verdict is Verdict.WAIT and len(self.buffer) - self.body_start >= self.limits.body:
            return Verdict.BODY_TOO_LARGE
        return verdict

    def take(self, verdict: Verdict) -> bytes:
        """Removes what the verdict is about from the buffer: exactly one request if it is complete."""
        end = self.end if verdict is Verdict.COMPLETE else len(self.buffer)
        taken = bytes(self.buffer[:end])
        del self.buffer[:end]
        self._restart()
        return taken

    def _read_head(self) -> Verdict | None:
        head_end = self.buffer.find(b"\r\n\r\n", max(self.scanned - 3, 0))
        if head_end < 0:
            return self._judge_open_head()
        self.body_start = self.end = head_end + 4
        fields: dict[bytes, list[bytes]] = {}
        for name, value in FRAMING_FIELD.findall(self.buffer, 0, head_end):
            fields.setdefault(name.lower(), []).append(value.strip(b" \t").lower())
        return self._frame(fields) if fields else None

    def _judge_open_head(self) -> Verdict:
        buffer, start, self.scanned = self.buffer, self.scanned, len(self.buffer)
        if len(buffer) > self.limits.head:
            return Verdict.HEAD_TOO_LARGE
        bare_line_feed = buffer.count(b"\n", start) != buffer.count(b"\r\n", max(start - 1, 0))
        # The 4 bytes are an empty line before the request line, which the parser skips, and its own CRLF.
        line_limit = self.limits.line + 4
        line_too_long = len(buffer) > line_limit and buffer.find(b"\r\n", 2, line_limit) < 0
        return Verdict.REFUSE if bare_line_feed or line_too_long else Verdict.WAIT

    def _frame(self, fields: dict[bytes, list[bytes]]) -> Verdict | None:
        lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
        expectations = fields.get(b"expect", [])
        # A folded line has no name here.
        if b"" in fields or len(lengths) > 1 or (lengths and codings):
            return Verdict.REFUSE
        if lengths and not (lengths[0].isdigit() and len(lengths[0]) <= 18):
            return Verdict.REFUSE
        if codings and codings[-1].rpartition(b",")[2].strip(b" \t") != b"chunked":
            return Verdict.REFUSE
        if expectations.count(b"100-continue") < len(expectations):
            return Verdict.REFUSE
        self.chunked = bool(codings)
        self.end += int(lengths[0]) if lengths else 0
        line_end = self.buffer.find(b"\r\n", 2)
        self.continue_due = bool(expectations) and self.buffer.endswith(b" HTTP/1.1", 0, line_end)
        return None

    def _length_reached(self) -> Verdict:
        return Verdict.COMPLETE if len(self.buffer) >= self.end else Verdict.WAIT

    def _skip_chunks(self) -> Verdict:
        # While chunks arrive, ``end`` is where the next chunk-size line starts.
        while size_line := CHUNK_SIZE_LINE.match(self.buffer, self.end):
            size, data_start = int(size_line[1], 16), size_line.end()
            if size == 0:
                return self._skip_trailers(data_start)
            chunk_end = data_start + size
            if len(self.buffer) < chunk_end + 2:
                return Verdict.WAIT
            if not self.buffer.startswith(b"\r\n", chunk_end):
                return Verdict.REFUSE
            self.end = chunk_end + 2
        too_long = len(self.buffer) - self.end > MAX_CHUNK_LINE_BYTES
        return Verdict.REFUSE if too_long or self.buffer.find(b"\n", self.end) >= 0 else Verdict.WAIT

    def _skip_trailers(self, start: int) -> Verdict:
        if self.buffer.startswith(b"\r\n", start):
            self.end = start + 2
            return Verdict.COMPLETE
        trailers_end = self.buffer.find(b"\r\n\r\n", start)
        if trailers_end < 0:
            too_large = len(self.buffer) - start > self.limits.head
            return Verdict.HEAD_TOO_LARGE if too_large else Verdict.WAIT
        self.end = trailers_end + 4
        return Verdict.COMPLETE


class CollectedUnreader(gunicorn_http.unreader.Unreader):  # type: ignore[misc]  # gunicorn ships no types
    """Feeds the parser from memory: asking for more than was collected raises, and never waits."""

    def __init__(self, collected: bytes, verdict: Verdict) -> None:
        super().__init__()
        self.collected, self.position, self.verdict = collected, 0, verdict

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next piece: small, as the chunk parser copies what follows each chunk-size line."""
        size = min(max(size_hint or 0, PIECE_BYTES), RECEIVE_BYTES)
        piece = self.collected[self.position : self.position + size]
        if not piece:
            raise self._shortage()
        self.position += len(piece)
        return piece

    def remaining(self) -> int:
        """How many bytes the parser has not consumed."""
        return len(self.collected) - self.position + int(self.buf.getbuffer().nbytes)

    def _shortage(self) -> Exception:
        shortage: Exception = gunicorn_http.errors.NoMoreData()
        if self.verdict is Verdict.REFUSE:
            shortage = gunicorn_http.errors.InvalidHeader("message framing")
        elif self.verdict is Verdict.HEAD_TOO_LARGE:
            shortage = gunicorn_http.errors.LimitRequestHeaders("header block too large")
        return shortage


class CollectingConnection(gthread.TConn):  # type: ignore[misc]  # gunicorn ships no types
    """A client's connection, the request it is sending and what the poller accounts it for."""

    def __init__(self, worker: BufferingThreadWorker, client: socket.socket, addr: Any, server: Any) -> None:
        super().__init__(worker.cfg, client, addr, server)
        # gthread would wait for data in the thread on a connection that is not initialized.
        self.initialized = True
        self.request = PendingRequest(worker.limits)
        self.verdict = Verdict.WAIT
        self.watched = False
        self.deadline = 0.0
        self.held_bytes = self.discarded_bytes = 0
        self.send_seconds = worker.send_seconds

    def init(self) -> None:
        """Called by the thread: there is nothing to receive, and sending an answer must end too."""
        self.sock.settimeout(self.send_seconds)


class BrokenBody:
    """A body whose framing is broken: whoever reads it is told how."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, _size: int) -> bytes:
        """Raises what the parser said."""
        raise self.error


class AnswerRecorder:
    """Takes the place of the client's socket while gunicorn chooses the status of an error."""

    def __init__(self) -> None:
        self.sent = b""

    def gettimeout(self) -> float:
        """Zero, so that gunicorn leaves the mode of this socket alone."""
        return 0.0

    def sendall(self, data: bytes) -> None:
        """Keeps what gunicorn would have sent."""
        self.sent += data

    def status(self) -> HTTPStatus:
        """The status gunicorn chose, 500 if it failed to answer."""
        return HTTPStatus(int(self.sent[9:12] or 500))


class BufferingThreadWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """gthread with requests collected by the poller; sizes are in bytes and apply to one worker process.

    ``max_buffered_body`` must be above the largest body the application accepts. A request that needs more than
    ``ordinary_seconds`` to arrive is the first to be given up when there is no room for a new connection.
    """

    request_seconds = 4.0
    ordinary_seconds = 1.0
    send_seconds = 4.0
    linger_seconds = 2.0
    max_buffered_body = 1_048_576
    max_held_bytes = 67_108_864
    max_discarded_bytes = 16_777_216

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.worker_connections = self._room(self.cfg)
        self.max_keepalived = self.worker_connections - self.cfg.threads
        # Zero means no limit in each of these settings.
        line = self.cfg.limit_request_line or MAX_HEAD_BYTES
        field = self.cfg.limit_request_field_size or MAX_HEAD_BYTES
        fields = (self.cfg.limit_request_fields or MAX_HEAD_BYTES) * field
        self.limits = Limits(line, min(line + fields + 4, MAX_HEAD_BYTES), self.max_buffered_body)
        # Both are ordered by deadline, as every connection in one of them is given the same time.
        self.collecting: OrderedDict[CollectingConnection, None] = OrderedDict()
        self.lingering: OrderedDict[CollectingConnection, None] = OrderedDict()
        self.held_bytes = 0
        self.idle_parser = gunicorn_http.RequestParser(self.cfg, (), None)
        self.discarded = bytearray(RECEIVE_BYTES)

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuses the settings under which a request would not be plain HTTP/1 on the socket."""
        super().check_config(cfg, log)
        wrong = [name for name, value in PLAIN_HTTP.items() if (getattr(cfg, name) or None) != value]
        if wrong:
            message = f"{cls.__name__} cannot be used with the settings {', '.join(wrong)}"
            log.error(message)
            # gunicorn prints a RuntimeError as one line and exits with status 1.
            raise RuntimeError(message)
        if cls._room(cfg) < cfg.worker_connections:
            log.warning("The limit of open files leaves room for %d connections in a worker", cls._room(cfg))

    @staticmethod
    def _room(cfg: Any) -> int:
        """How many connections a worker may have, so that the application can still open files and sockets."""
        open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if open_files == resource.RLIM_INFINITY:
            return int(cfg.worker_connections)
        return int(min(cfg.worker_connections, max(open_files - SPARE_FILES, cfg.threads + 1)))

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGQUIT and SIGINT: ends the worker on the poller's next turn."""
        # The signal may arrive while this same thread is in the pool's submit(): shutting the pool down from here,
        # as gthread does, would wait for ever for a lock that submit() holds.
        if self.booted:
            self.method_queue.defer(super().handle_quit, sig, frame)
        else:
            super().handle_quit(sig, frame)

    def accept(self, listener: socket.socket) -> None:
        """Takes a new connection, at the cost of a slow or idle one when the worker has no room for more."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in OUT_OF_RESOURCES:
                self.log.warning("Cannot accept a connection: %s", error)
                open_before = self.nr_conns
                self._make_room()
                if self.nr_conns == open_before:
                    # The listener stays readable, and this would be tried again without a pause.
                    time.sleep(0.01)
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        if self.nr_conns + 1 >= self.worker_connections:
            self._make_room()
        self.nr_conns += 1
        connection = CollectingConnection(self, client, address, listener.getsockname())
        self._begin(connection)
        self.collect(connection, client)

    def on_client_socket_readable(self, connection: CollectingConnection, client: socket.socket) -> None:
        """The first bytes of another request on a kept-alive connection."""
        if client.fileno() < 0:
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(connection)
        self._begin(connection)
        self.collect(connection, client)

    def collect(self, connection: CollectingConnection, client: socket.socket) -> None:
        """Takes what has arrived of a request."""
        # A connection closed for another one's sake may still have an event in the poller's current batch.
        if client.fileno() < 0:
            return
        try:
            piece = client.recv(RECEIVE_BYTES)
        except BlockingIOError:
            self._watch(connection, self.collect)
            return
        except OSError:
            piece = b""
        if not piece:
            self._drop(connection)
            return
        if connection.watched and not connection.request.buffer:
            self._begin(connection)
        connection.request.buffer += piece
        connection.held_bytes += len(piece)
        self.held_bytes += len(piece)
        while self.held_bytes > self.max_held_bytes and self.collecting:
            self._drop(next(iter(self.collecting)))
        if connection in self.collecting:
            self._advance(connection)

    def _begin(self, connection: CollectingConnection) -> None:
        connection.deadline = time.monotonic() + self.request_seconds
        self.collecting[connection] = None
        self.collecting.move_to_end(connection)

    def _advance(self, connection: CollectingConnection) -> None:
        verdict = connection.request.examine()
        if verdict is not Verdict.WAIT:
            self._hand_over(connection, verdict)
            return
        if connection.request.continue_due:
            connection.request.continue_due = False
            try:
                connection.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            except OSError:
                self._drop(connection)
                return
        self._watch(connection, self.collect)

    def _hand_over(self, connection: CollectingConnection, verdict: Verdict) -> None:
        del self.collecting[connection]
        self._unwatch(connection)
        connection.verdict = verdict
        # A parser per request: whatever the last one left can never be read as the start of the next.
        connection.parser = gunicorn_http.RequestParser(self.cfg, (), connection.client)
        connection.parser.unreader = CollectedUnreader(connection.request.take(verdict), verdict)
        self.enqueue_req(connection)

    def handle_request(self, req: Any, connection: CollectingConnection) -> bool:
        """Runs in a thread: calls the application once the parser's view of the body is settled."""
        # The poller has sent it if the client had to wait for it.
        req._expected_100_continue = False
        chunked = isinstance(req.body.reader, gunicorn_http.body.ChunkedReader)
        if chunked and connection.verdict is not Verdict.BODY_TOO_LARGE:
            req.body = self._settled(req)
        body_left = getattr(req.body.reader, "length", 0)
        if connection.verdict is not Verdict.COMPLETE or connection.parser.unreader.remaining() != body_left:
            # Where the next request starts is not certain, so there is none on this connection.
            req.force_close()
        return bool(super().handle_request(req, connection))

    def _settled(self, req: Any) -> Any:
        """The chunked body of a request in one piece, or one that tells the application that it is broken."""
        try:
            return gunicorn_http.body.Body(BytesIO(req.body.read()))
        except Exception as error:
            # An API answers this itself, signed; and nobody knows where a next request would start.
            req.force_close()
            return gunicorn_http.body.Body(BrokenBody(error))

    def _keepalive_after(self, _connection: CollectingConnection, keepalive: bool) -> bool:
        # gthread reads the rest of a body here; the next request has its own parser and needs no such thing.
        return keepalive

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Runs in a thread: answers with the status gunicorn chooses and nothing the client has sent."""
        recorder = AnswerRecorder()
        super().handle_error(req, recorder, addr, exc)
        status = recorder.status()
        text = f"{status.phrase}\n"
        head = f"HTTP/1.1 {status} {status.phrase}\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        try:
            client.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode("ascii"))
        except OSError as error:
            self.log.debug("Failed to send error message: %s", error)

    def finish_request(self, connection: CollectingConnection, future: Future[bool]) -> None:
        """Back in the poller after an answer: the connection lingers, is kept or has a request waiting."""
        self._account(connection, len(connection.request.buffer))
        # The last parser holds the whole request, and bytes in it would be a next request to gthread.
        connection.parser = self.idle_parser
        failure = future.exception()
        if failure is not None:
            self.log.error("Request ended by %r", failure, exc_info=failure)
        if failure is not None or not future.result():
            self._linger(connection)
        elif connection.request.buffer:
            connection.sock.setblocking(False)
            self._begin(connection)
            self._advance(connection)
        else:
            super().finish_request(connection, future)

    def _linger(self, connection: CollectingConnection) -> None:
        # Closing with unread bytes would send a reset, which can take the answer away from the client.
        try:
            connection.sock.setblocking(False)
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)
            return
        connection.deadline = time.monotonic() + self.linger_seconds
        self.lingering[connection] = None
        self._watch(connection, self.discard)

    def discard(self, connection: CollectingConnection, client: socket.socket) -> None:
        """Throws away what a client still sends after its last answer."""
        if client.fileno() < 0:
            return
        try:
            received = client.recv_into(self.discarded)
        except BlockingIOError:
            return
        except OSError:
            received = 0
        connection.discarded_bytes += received
        if not received or connection.discarded_bytes > self.max_discarded_bytes:
            self._drop(connection)

    def murder_pending(self) -> None:
        """Called on every turn of the poller: closes the connections whose time is over."""
        now = time.monotonic()
        for waiting in (self.collecting, self.lingering):
            while waiting and (slowest := next(iter(waiting))).deadline <= now:
                self.log.debug("Closing connection: its time is over.")
                self._drop(slowest)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Waits for less than gunicorn's second while a connection has a deadline of a few seconds."""
        has_deadlines = self.collecting or self.lingering
        super().wait_for_and_dispatch_events(min(timeout, 0.25) if has_deadlines else timeout)

    def _make_room(self) -> None:
        slowest = next(iter(self.collecting), None)
        if slowest and slowest.deadline < time.monotonic() + self.request_seconds - self.ordinary_seconds:
            self._drop(slowest)
        elif self.lingering:
            self._drop(next(iter(self.lingering)))
        elif self.keepalived_conns:
            self.keepalived_conns[0].timeout = 0.0
            self.murder_keepalived()
        elif slowest:
            self._drop(slowest)

    def _drop(self, connection: CollectingConnection) -> None:
        self.collecting.pop(connection, None)
        self.lingering.pop(connection, None)
        self._unwatch(connection)
        self._account(connection, 0)
        self.nr_conns -= 1
        connection.close()

    def _account(self, connection: CollectingConnection, held_bytes: int) -> None:
        self.held_bytes += held_bytes - connection.held_bytes
        connection.held_bytes = held_bytes

    def _watch(self, connection: CollectingConnection, callback: Readable) -> None:
        if not connection.watched:
            self.poller.register(connection.sock, EVENT_READ, partial(callback, connection))
            connection.watched = True

    def _unwatch(self, connection: CollectingConnection) -> None:
        if connection.watched:
            self.poller.unregister(connection.sock)
            connection.watched = False
