"""A gateway in this process: signed like the real one, it answers as it is told to and keeps what it is sent."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from acqp_gateway.clock import Clock, now
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import Client, Gate, Handled, Incoming, Interface
from acqp_gateway.protocol.keyring import VersionedKeys
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.messages.inquiry_push_payment import INQUIRY_PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.notify_payment import NOTIFY_PAYMENT_API
from acqp_gateway.protocol.messages.notify_registration_status import NOTIFY_REGISTRATION_STATUS_API
from acqp_gateway.protocol.messages.push_payment import PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.user_initiated_pay import USER_INITIATED_PAY_API
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.protocol.strict_json import read_object, write_object
from acqp_gateway.protocol.wsgi import GateBeforeApplication, raw_target
from tests.peer import CLIENT_ID, Keys
from tests.sandbox.processes import gateway_key

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

APIS = (
    USER_INITIATED_PAY_API,
    NOTIFY_REGISTRATION_STATUS_API,
    PUSH_PAYMENT_API,
    INQUIRY_PUSH_PAYMENT_API,
    NOTIFY_PAYMENT_API,
)
ORDER = {
    "referenceOrderId": "A-1",
    "orderDescription": "2 lattes",
    "orderAmount": {"currency": "JPY", "value": "1500"},
    "merchant": {"referenceMerchantId": "M1", "merchantName": "Corner Coffee"},
}

#: What an API answers: always the same members, or what a function makes of the request's.
Answer = Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]]


def said(result: ResultCode, **members: Any) -> dict[str, Any]:
    """An answer with this result."""
    return {"result": result.as_members(), **members}


def decoded(code_value: str = "CODE", **members: Any) -> dict[str, Any]:
    """A successful answer to userInitiatedPay."""
    return said(
        results.SUCCESS,
        **{
            "codeType": "ORDER_CODE",
            "paymentRequestId": f"PR-{code_value}",
            "order": ORDER,
            "paymentAmount": {"currency": "JPY", "value": "1500"},
            "settlementStrategy": {"settlementCurrency": "USD"},
            **members,
        },
    )


@dataclass(frozen=True)
class Seen:
    """A request as it came: the API that it was for, its headers by their lower-case names, its body."""

    api: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def members(self) -> dict[str, Any]:
        """The JSON object in the body."""
        return read_object(self.body)


class StandInGateway:
    """Answers SUCCESS to everything, and one order for every code."""

    def __init__(self, keys: Keys, clock: Clock = now) -> None:
        self.seen: list[Seen] = []
        self.answers: dict[str, Answer] = {
            USER_INITIATED_PAY_API.name: lambda members: decoded(members["codeValue"]),
            INQUIRY_PUSH_PAYMENT_API.name: said(results.SUCCESS, paymentResult=results.SUCCESS.as_members()),
        }
        client = Client(CLIENT_ID, enabled=True, keys=VersionedKeys({"1": keys.alipayplus.public_key()}))
        self._api_at = {api.default_path: api.name for api in APIS}
        gate = Gate(
            interfaces=[Interface(api, api.default_path, api.default_path, self._handle(api)) for api in APIS],
            own_client_id=CLIENT_ID,
            own_keys=VersionedKeys({"1": gateway_key(keys)}),
            find_client=lambda client_id: client if client_id == CLIENT_ID else None,
            window_s=300,
            largest_body=65_536,
            may_pass=lambda _client_id: True,
            clock=clock,
        )
        self._gated = GateBeforeApplication(gate, _nothing)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """PEP 3333."""
        body = environ["wsgi.input"].read()
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        self.seen.append(Seen(self._api_at.get(raw_target(environ), "-"), headers, body))
        return self._gated({**environ, "wsgi.input": io.BytesIO(body)}, start_response)

    def _handle(self, api: Api) -> Callable[[Incoming[Any]], Handled]:
        def handle(incoming: Incoming[Any]) -> Handled:
            answer = self.answers.get(api.name, said(results.SUCCESS))
            members = answer(read_object(incoming.body)) if callable(answer) else answer
            return Handled(write_object(dict(members)))

        return handle

    def calls(self, api: str) -> list[Seen]:
        """What came for an API."""
        return [seen for seen in self.seen if seen.api == api]


def _nothing(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("404 Not Found", [])
    return []


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def serving(application: Any, port: int) -> Iterator[None]:
    """A WSGI application on loopback, each request in a thread of its own."""

    def with_bounded_body(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        return application({**environ, "wsgi.input": io.BytesIO(body)}, start_response)

    server = make_server("127.0.0.1", port, with_bounded_body, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def standing_in(keys: Keys, port: int, clock: Clock = now) -> Iterator[StandInGateway]:
    """A stand-in that listens."""
    gateway = StandInGateway(keys, clock)
    with serving(gateway, port):
        yield gateway
