"""gunicorn's threaded worker, without its HTML, and with an end that does not wait for slow faults."""

from __future__ import annotations

import socket
from types import FrameType
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from acqp_gateway.sandbox import wire

_BAD_REQUEST = "400 Bad Request"
_FAILED = "500 Internal Server Error"


class SandboxWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Serves the sandbox."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Runs in a thread: answers in one plain line what could not be read, or what nobody foresaw."""
        if req is not None:
            self.log.error("unforeseen error", exc_info=exc)
        status = _BAD_REQUEST if req is None else _FAILED
        head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        try:
            client.sendall(f"{head}Content-Length: {len(status) + 1}\r\n\r\n{status}\n".encode("ascii"))
        except OSError as error:
            self.log.debug("could not answer: %s", error)

    def murder_keepalived(self, force: bool = False) -> None:
        """Called on every turn: idle connections are closed when their time is over, or the worker's is."""
        super().murder_keepalived(force or not self.alive)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: whoever is slow on purpose goes home."""
        wire.stopping.set()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT and SIGQUIT."""
        wire.stopping.set()
        super().handle_quit(sig, frame)
