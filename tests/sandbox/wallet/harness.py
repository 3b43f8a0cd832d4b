"""The sandbox's parties in process, behind their real gates, with a clock that a test can set."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from acqp_gateway import settings
from acqp_gateway.protocol.headers import read_signature
from acqp_gateway.protocol.messages.inquiry_customer_id import INQUIRY_CUSTOMER_ID_API
from acqp_gateway.protocol.messages.inquiry_payment import INQUIRY_PAYMENT_API
from acqp_gateway.protocol.messages.inquiry_registration_status import INQUIRY_REGISTRATION_STATUS_API
from acqp_gateway.protocol.messages.inquiry_user_info import INQUIRY_USER_INFO_API
from acqp_gateway.protocol.messages.notify_push_payment import NOTIFY_PUSH_PAYMENT_API
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.protocol.signature import Message, verify
from acqp_gateway.sandbox import parties
from acqp_gateway.sandbox.answering import Answering
from acqp_gateway.sandbox.control import control_application
from acqp_gateway.sandbox.faults_in_force import FaultsInForce
from acqp_gateway.sandbox.history import History
from acqp_gateway.sandbox.inquiry import Inquiry
from acqp_gateway.sandbox.registrations import Registrations
from acqp_gateway.sandbox.scans import Scans
from acqp_gateway.sandbox.settling import Settling
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.sandbox.wallet.answers import WalletAnswers
from acqp_gateway.sandbox.wallet.control import wallet_blueprint
from acqp_gateway.sandbox.wallet.directory import WalletDirectory
from acqp_gateway.sandbox.wallet.payments import WalletPayment, WalletPayments, Wish
from acqp_gateway.sandbox.wallet.samples import add_samples
from tests.gateway_process import free_port
from tests.peer import ACQUIRER_ID, Keys, Reply, SignedRequest
from tests.sandbox.processes import sandbox_environment

WALLET_CLIENT_ID = "5YWALLET00000001"
PAYMENT = INQUIRY_PAYMENT_API.default_path
CUSTOMER_ID = INQUIRY_CUSTOMER_ID_API.default_path
USER_INFO = INQUIRY_USER_INFO_API.default_path

PSP = "ALIPAY_CN"
PSP_ID = PUBLISHED_MPPS[PSP]
OTHER_PSP_ID = PUBLISHED_MPPS["ALIPAY_HK"]
CUSTOMER = "2088000000000001"
ORDER = "20261121PAY1"
YEN = Amount("JPY", 1500)
TOKEN = "t" * 43

#: A proper request for each API, in a wallet that has the samples and what `Wallet.prepare` adds.
MEMBERS: Mapping[str, Mapping[str, Any]] = {
    PAYMENT: {"acquirerId": ACQUIRER_ID, "pspId": PSP_ID, "paymentRequestId": ORDER},
    CUSTOMER_ID: {
        "acquirerId": ACQUIRER_ID,
        "pspId": PSP_ID,
        "inquiryType": "BY_LOGIN_ID",
        "plaintextUserLoginId": "+8613800000001",
    },
    USER_INFO: {"acquirerId": ACQUIRER_ID, "pspId": PSP_ID, "accessToken": f"SAMPLE-TOKEN-{CUSTOMER}"},
}


@dataclass
class SetClock:
    """A clock that stands still until it is put forward."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        """Put it forward."""
        self.at += timedelta(**by)


class Wallet:
    """A sandbox in process: its APIs, its control API and its payments."""

    def __init__(self, folder: Path, keys: Keys, **more: str) -> None:
        port = free_port()
        self.settings = settings.load(sandbox_environment(folder, keys, port, gateway_port=port, **more))
        self.keys = keys
        self.clock = SetClock()
        self.store = SandboxStore(folder / "sandbox.db")
        add_samples(self.store, clock=self.clock)
        self.registrations = Registrations(self.store)
        self.faults, self.history = FaultsInForce(self.store), History(self.store)
        self.directory = WalletDirectory(self.store)
        self.payments = WalletPayments(self.store, clock=self.clock)
        self.scans = Scans(self.store, clock=self.clock)
        answers = WalletAnswers(self.store, acquirer_id=ACQUIRER_ID, clock=self.clock)
        control = control_application(
            "token",
            registrations=self.registrations,
            faults=self.faults,
            history=self.history,
            notifier=cast(Any, None),
            more=(wallet_blueprint(self.directory, self.payments, clock=self.clock),),
        )
        self._control = control.test_client()
        alipayplus = parties.alipayplus(
            self.settings,
            {
                INQUIRY_REGISTRATION_STATUS_API: Inquiry(self.registrations).handle,
                NOTIFY_PUSH_PAYMENT_API: Settling(self.scans, self.payments).handle,
            },
        )
        self.application = Answering(
            self.settings,
            parties=(alipayplus, parties.wallet(self.settings, answers.handlers())),
            faults=self.faults,
            history=self.history,
            application=control,
            clock=self.clock,
        )

    def request(self, path: str, /, **changes: Any) -> SignedRequest:
        """A proper request as Alipay+ sends it, but for the changes; a member that is None is left out."""
        members = {**MEMBERS[path], **changes.pop("members", {})}
        body = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
        proper = SignedRequest(
            self.keys.alipayplus,
            body,
            target=path,
            client_id=WALLET_CLIENT_ID,
            request_time=self.clock().isoformat(),
        )
        return replace(proper, **changes)

    def send(self, request: SignedRequest) -> Reply:
        """Hand a request over as the HTTP server would."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "RAW_URI": request.target,
            "PATH_INFO": request.target.partition("?")[0],
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
            "CONTENT_LENGTH": str(len(request.body)),
        }
        for name, value in request.headers():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        started: list[Any] = []
        start: Callable[..., Any] = lambda status, headers, *_: started.extend((status, headers))  # noqa: E731
        body = b"".join(self.application(environ, start))
        status, headers = started
        return Reply(int(status.split()[0]), dict(headers), tuple(name for name, _ in headers), body)

    def ask(self, path: str, /, **members: Any) -> Reply:
        """Ask properly but for the members; the answer is authentic."""
        request = self.request(path, members=members)
        reply = self.send(request)
        assert_from_wallet(reply, self.keys, request)
        return reply

    def control(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """Ask the control API: status and members."""
        headers = {"Authorization": "Bearer token"}
        response = self._control.open(f"/control/wallet/{path}", method=method, json=body, headers=headers)
        found: dict[str, Any] = response.get_json()
        return response.status_code, found

    def put(self, path: str, **members: Any) -> dict[str, Any]:
        """Put something on record; of ALIPAY_CN and its first user unless they say otherwise."""
        named = {"pspName": PSP} if not members.keys() & {"pspName", "pspId"} else {}
        if path in ("users", "tokens", "payment-codes"):
            named["customerId"] = CUSTOMER
        status, found = self.control("POST", path, {**named, **members})
        assert status == 200, found
        return found

    def pay(self, **changes: Any) -> WalletPayment:
        """The first user pays 1500 yen, but for the changes."""
        wish = {"psp_id": PSP_ID, "customer_id": CUSTOMER, "payment_request_id": ORDER, "amount": YEN}
        return self.payments.confirm(Wish(**cast(Any, {**wish, **changes})))

    def balance(self, customer_id: str = CUSTOMER, psp_id: str = PSP_ID) -> int:
        """What a user has."""
        user = self.directory.user(psp_id, customer_id)
        assert user is not None
        return user.balance


def assert_from_wallet(
    reply: Reply, keys: Keys, request: SignedRequest, *, client_id: str = WALLET_CLIENT_ID
) -> None:
    """The answer is HTTP 200, JSON and signed by the wallet for this request."""
    assert reply.status == 200, reply
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    assert reply.headers["client-id"] == client_id
    target = request.signed_target or request.target
    message = Message(request.method, target, client_id, reply.headers["response-time"], reply.body)
    verify(message, read_signature(reply.headers["signature"]).signature, keys.wallet)
