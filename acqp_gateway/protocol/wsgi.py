"""Between WSGI and the gate: APIs are dispatched by their raw target, before any routing can redirect them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from acqp_gateway.errors import ParameterIllegal
from acqp_gateway.protocol.gate import Gate, Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: The WSGI names of the headers that the gate reads.
_HEADERS = {
    "HTTP_CLIENT_ID": "client-id",
    "HTTP_REQUEST_TIME": "request-time",
    "HTTP_SIGNATURE": "signature",
    "HTTP_ACCEPT": "accept",
    "HTTP_CONTENT_ENCODING": "content-encoding",
    "CONTENT_TYPE": "content-type",
    "CONTENT_LENGTH": "content-length",
}


class GateBeforeApplication:
    """A WSGI application that gives the gate what belongs to it, and the rest to `application`."""

    def __init__(self, gate: Gate, application: WSGIApplication) -> None:
        self._gate = gate
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """PEP 3333."""
        target = raw_target(environ)
        if not self._gate.serves(target):
            return self._application(environ, start_response)
        answer = self._gate.answer(
            Request(
                method=environ["REQUEST_METHOD"],
                target=target,
                headers={name: environ[key] for key, name in _HEADERS.items() if key in environ},
                read_body=_body_reader(environ),
            )
        )
        start_response("200 OK", list(answer.headers))
        return [answer.body]


def raw_target(environ: WSGIEnvironment) -> str:
    """The request target as received: PATH_INFO is decoded and normalised, and so not what was signed."""
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if target is None:
        raise RuntimeError("the WSGI server does not hand over the raw request target (RAW_URI)")
    return str(target)


def _body_reader(environ: WSGIEnvironment) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        try:
            body: bytes = environ["wsgi.input"].read(limit)
        except Exception as error:  # each WSGI server has its own classes for a broken chunk
            raise ParameterIllegal("body_broken", type(error).__name__) from None
        return body

    return read
