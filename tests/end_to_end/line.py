"""The line from the sandbox to the gateway, on which a message can be lost: on its way there, or its answer."""

from __future__ import annotations

import socket
import socketserver
import threading
from typing import Any

_PIECE = 65_536
_PATIENCE_S = 60.0

REQUEST, ANSWER = "request", "answer"


class Line(socketserver.ThreadingTCPServer):
    """Passes everything on to one address; serves from its making until `stop`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, gateway: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.gateway = gateway
        self.port = int(self.server_address[1])
        self._lost: dict[str, str] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def lose(self, api: str, what: str) -> None:
        """Lose the next call of an API: its REQUEST, of which the gateway never hears, or the ANSWER to it."""
        with self._lock:
            self._lost[api] = what

    def taken(self, head: bytes) -> str | None:
        """What is to be lost of a request that begins like this, this once."""
        api = head.partition(b" HTTP/")[0].decode("latin-1").rpartition("/")[2]
        with self._lock:
            return self._lost.pop(api, None)

    def stop(self) -> None:
        """Serve no more."""
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Passing(socketserver.BaseRequestHandler):
    """One connection, for one request and its answer, as the sandbox calls."""

    server: Line

    def handle(self) -> None:
        """Pass on a request, then its answer."""
        here: socket.socket = self.request
        here.settimeout(_PATIENCE_S)
        sent = _whole_message(here)
        lost = self.server.taken(sent)
        if lost == REQUEST or not sent:
            return
        with socket.create_connection(self.server.gateway, timeout=_PATIENCE_S) as there:
            there.sendall(sent)
            answer = _whole_message(there)
        if lost is None:
            here.sendall(answer)


def _whole_message(source: Any) -> bytes:
    """A request or an answer whose length its head says."""
    found = b""
    while (end := found.find(b"\r\n\r\n")) < 0:
        if not (piece := source.recv(_PIECE)):
            return found
        found += piece
    lines = found[:end].lower().split(b"\r\n")
    length = next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)
    while len(found) < end + 4 + length:
        if not (piece := source.recv(_PIECE)):
            return found
        found += piece
    return found
