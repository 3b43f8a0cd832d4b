"""How the bytes of an answer leave: as they should, late, one by one, cut short, or not at all.

`ordinarily` leaves the HTTP to gunicorn. What no HTTP server would do by itself is done on the connection's own
socket, which is then closed under gunicorn's hands.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Set when the process is told to end: whoever waits goes home.
stopping = threading.Event()

_LOOK_EVERY_S = 0.2

Headers = tuple[tuple[str, str], ...]


def ordinarily(outgoing: Outgoing, _environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """At once and in whole."""
    start_response(outgoing.status or "200 OK", list(outgoing.headers))
    return [outgoing.body]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer before it leaves; header names in lower case. `status` is None where nothing at all is sent."""

    headers: Headers
    body: bytes
    status: str | None = "200 OK"
    deliver: Delivery = ordinarily

    def header(self, name: str) -> str | None:
        """The value of a header, by its lower-case name."""
        return dict(self.headers).get(name)

    def with_header(self, name: str, value: str) -> Outgoing:
        """The same answer with a header changed in its place, or added at the end."""
        changed = tuple((known, value if known == name else text) for known, text in self.headers)
        return replace(self, headers=changed if name in dict(self.headers) else (*changed, (name, value)))

    def without_headers(self, *names: str) -> Outgoing:
        """The same answer with headers left out."""
        return replace(self, headers=tuple(header for header in self.headers if header[0] not in names))

    def with_body(self, body: bytes) -> Outgoing:
        """The same answer with other bytes, and their length."""
        return replace(self, body=body).with_header("content-length", str(len(body)))


Delivery = Callable[[Outgoing, "WSGIEnvironment", "StartResponse"], Iterable[bytes]]


def late(seconds: float) -> Delivery:
    """In whole, after so many seconds."""

    def deliver(outgoing: Outgoing, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not _wait(environ, seconds):
            return hanging_up(outgoing, environ, start_response)
        return ordinarily(outgoing, environ, start_response)

    return deliver


def dripping(seconds: float) -> Delivery:
    """The headers at once, then a byte at a time with so many seconds in between."""

    def deliver(outgoing: Outgoing, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(outgoing.status or "200 OK", list(outgoing.headers))
        return _bytes_of(outgoing.body, seconds, environ)

    return deliver


def _bytes_of(body: bytes, seconds: float, environ: WSGIEnvironment) -> Iterator[bytes]:
    for position in range(len(body)):
        if position and not _wait(environ, seconds):
            _hang_up(environ)
        yield body[position : position + 1]


def _wait(environ: WSGIEnvironment, seconds: float) -> bool:
    """Wait, and say whether somebody still waits for the answer: else a thread would be held for nobody."""
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        if stopping.wait(min(left, _LOOK_EVERY_S)) or _is_gone(_socket_of(environ)):
            return False
    return True


def _is_gone(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def cut_short(outgoing: Outgoing, environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    """The headers as they are, whatever length they promise, then the body, then nothing."""
    lines = [
        f"HTTP/1.1 {outgoing.status}",
        *(f"{name}: {value}" for name, value in outgoing.headers),
        "connection: close",
    ]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    _socket_of(environ).sendall(head + outgoing.body)
    _hang_up(environ)


def hanging_up(_outgoing: Outgoing, environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
    """Nothing: the connection ends."""
    _hang_up(environ)


def _hang_up(environ: WSGIEnvironment) -> NoReturn:
    try:
        _socket_of(environ).shutdown(socket.SHUT_RDWR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise
    # gunicorn takes this for a client that went away, and says nothing of it.
    raise BrokenPipeError(errno.EPIPE, "hung up on purpose")


def _socket_of(environ: WSGIEnvironment) -> socket.socket:
    connection: socket.socket = environ["gunicorn.socket"]
    return connection
