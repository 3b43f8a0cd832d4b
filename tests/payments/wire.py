"""Alipay+ as it calls a running gateway after a decode, and hears of payments that were answered U."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from acqp_gateway.clock import now
from acqp_gateway.protocol.headers import read_signature, write_signature, write_time
from acqp_gateway.protocol.messages.inquiry_push_payment import INQUIRY_PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.notify_payment import NOTIFY_PAYMENT_API
from acqp_gateway.protocol.messages.notify_push_payment import NOTIFY_PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.push_payment import PUSH_PAYMENT_API
from acqp_gateway.protocol.signature import Message, sign, verify
from tests.payments.helpers import inquiry_members, notify_members, push_members
from tests.peer import CLIENT_ID, Keys, Reply, SignedRequest, assert_authentic, decode_request, exchange

PUSH, INQUIRY, NOTIFY = PUSH_PAYMENT_API, INQUIRY_PUSH_PAYMENT_API, NOTIFY_PAYMENT_API


@dataclass(frozen=True)
class Caller:
    """Calls one gateway; every answer is authentic, and what the API may answer."""

    address: tuple[str, int]
    keys: Keys

    def call(self, path: str, members: Mapping[str, Any] | bytes) -> Reply:
        """Send a proper request with these members."""
        body = members if isinstance(members, bytes) else json.dumps(members).encode()
        request = SignedRequest(self.keys.alipayplus, body, target=path)
        reply = exchange(self.address, request.raw(), timeout=15)
        assert_authentic(reply, self.keys, target=path)
        return reply

    def decode(self, order: Any) -> str:
        """userInitiatedPay: the result code."""
        reply = exchange(self.address, decode_request(self.keys, order.code_value).raw(), timeout=15)
        assert_authentic(reply, self.keys)
        return reply.code

    def push(self, order: Any, payment_id: str, **changes: Any) -> str:
        """pushPayment: the result code."""
        reply = self.call(PUSH.default_path, push_members(order, payment_id, **changes))
        assert set(reply.members) == {"result"}
        assert reply.code in {result.code for result in PUSH.results}
        return reply.code

    def inquire(self, order: Any, payment_id: str, **changes: Any) -> tuple[str, str | None]:
        """inquiryPushPayment: the result code, and paymentResult's."""
        reply = self.call(INQUIRY.default_path, inquiry_members(order, payment_id, **changes))
        assert reply.code in {result.code for result in INQUIRY.results}
        assert ("paymentResult" in reply.members) == (reply.code == "SUCCESS")
        return reply.code, reply.members.get("paymentResult", {}).get("resultCode")

    def notify(self, order: Any, payment_id: str | None, **changes: Any) -> str:
        """notifyPayment: the result code."""
        reply = self.call(NOTIFY.default_path, notify_members(order, payment_id, **changes))
        assert set(reply.members) == {"result"}
        assert reply.code in {result.code for result in NOTIFY.results}
        return reply.code


@dataclass
class Listening:
    """Alipay+'s side of notifyPushPayment: what it heard, every signature verified."""

    url: str
    heard: queue.Queue[dict[str, Any]]

    def next(self, seconds: float = 15) -> dict[str, Any]:
        """The next notification."""
        return self.heard.get(timeout=seconds)


@contextmanager
def listening(keys: Keys) -> Iterator[Listening]:
    """A tiny Alipay+ on loopback that acknowledges notifyPushPayment, signed."""
    heard: queue.Queue[dict[str, Any]] = queue.Queue()
    path = NOTIFY_PUSH_PAYMENT_API.default_path

    class Handler(BaseHTTPRequestHandler):
        """Reads one signed call and signs its acknowledgement."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            message = Message("POST", self.path, self.headers["Client-Id"], self.headers["Request-Time"], body)
            verify(message, read_signature(self.headers["Signature"]).signature, keys.gateway)
            assert (self.path, self.headers["Client-Id"]) == (path, CLIENT_ID)
            members = json.loads(body)
            NOTIFY_PUSH_PAYMENT_API.request.load(members)
            answer = b'{"result":{"resultCode":"SUCCESS","resultStatus":"S","resultMessage":"Success"}}'
            time = write_time(now())
            signature = sign(Message("POST", path, CLIENT_ID, time, answer), keys.alipayplus)
            self.send_response(200)
            for name, value in {
                "client-id": CLIENT_ID,
                "response-time": time,
                "signature": write_signature(signature, "1", blank_after_comma=True),
                "content-type": "application/json; charset=UTF-8",
                "content-length": str(len(answer)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
            heard.put(members)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield Listening(f"http://127.0.0.1:{server.server_port}", heard)
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
