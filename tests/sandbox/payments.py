"""A payment's way in this process: a clock that stands still, a gateway and a wallet that answer as they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from acqp_gateway.errors import CommandRefused
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import Client, Gate, Handled, Incoming, Interface
from acqp_gateway.protocol.keyring import VersionedKeys, generate_key_file, read_private_key
from acqp_gateway.protocol.messages.inquiry_payment import INQUIRY_PAYMENT_API
from acqp_gateway.protocol.objects import Amount
from acqp_gateway.protocol.results import ResultCode
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.protocol.wsgi import GateBeforeApplication
from acqp_gateway.sandbox.calls import Calls
from acqp_gateway.sandbox.faults_in_force import FaultSetting, FaultsInForce
from acqp_gateway.sandbox.history import History
from acqp_gateway.sandbox.paying import Paying
from acqp_gateway.sandbox.scanning import Scanner, WantedScan
from acqp_gateway.sandbox.scans import Mode, Scan, Scans
from acqp_gateway.sandbox.settling import Settling
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.sandbox.wallet.payments import Wish
from acqp_gateway.settings import Settings
from tests.gateway_process import free_port
from tests.peer import ACQUIRER_ID, CLIENT_ID, Keys
from tests.sandbox.stand_in_gateway import StandInGateway, serving, standing_in

PSP_ID = "1022088000000000001"
WALLET_CLIENT_ID = "5YWALLET00000001"


class StandingClock:
    """A time that passes when a test says so."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        """So much later."""
        self.at += timedelta(seconds=seconds)


class StandInWallet:
    """Takes the money as it is told to, and says so when it is asked."""

    def __init__(self) -> None:
        #: What each inquiry is told in its turn, the last for good.
        self.says: list[ResultCode | None] = [results.SUCCESS]
        self.refuses: CommandRefused | None = None
        self.paid: list[tuple[str | None, Amount, str | None]] = []
        self.refunded: list[str] = []

    def confirm(self, wish: Wish) -> object:
        """As the wallet does."""
        assert wish.psp_id == PSP_ID
        if self.refuses:
            raise self.refuses
        self.paid.append((wish.customer_id, wish.amount, wish.pin))
        return None

    def refund(self, *, psp_id: str, payment_request_id: str) -> None:
        """As the wallet does."""
        self.refunded.append(payment_request_id)

    def default_customer(self, psp_id: str) -> str | None:
        """The first user."""
        return "U1"

    def handle(self, _incoming: Incoming[Any]) -> Handled:
        """Answers inquiryPayment."""
        result = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if result is None:
            return Handled(write_object({"result": results.ORDER_NOT_EXIST.as_members()}))
        members: dict[str, Any] = {"result": results.SUCCESS.as_members(), "paymentResult": result.as_members()}
        if result is results.SUCCESS:
            members["paymentTime"] = "2026-11-20T10:00:00+09:00"
        return Handled(write_object(members))

    def application(self, folder: Path, keys: Keys, clock: Callable[[], datetime]) -> GateBeforeApplication:
        """What listens at the wallet's address."""
        private = read_private_key(folder / "wallet-1.pem")
        path = INQUIRY_PAYMENT_API.default_path
        client = Client(WALLET_CLIENT_ID, enabled=True, keys=VersionedKeys({"1": keys.alipayplus.public_key()}))
        gate = Gate(
            interfaces=[Interface(INQUIRY_PAYMENT_API, path, path, self.handle)],
            own_client_id=WALLET_CLIENT_ID,
            own_keys=VersionedKeys({"1": private}),
            find_client=lambda client_id: client if client_id == WALLET_CLIENT_ID else None,
            window_s=300,
            largest_body=65_536,
            may_pass=lambda _client_id: True,
            clock=clock,
        )
        return GateBeforeApplication(gate, lambda _environ, _start: [])


@dataclass
class Till:
    """Everything that carries a payment, made of a store; steps are taken by the test."""

    settings: Settings
    store: SandboxStore
    gateway: StandInGateway
    wallet: StandInWallet
    clock: StandingClock
    history: History = field(init=False)
    faults: FaultsInForce = field(init=False)
    calls: Calls = field(init=False)

    def __post_init__(self) -> None:
        self.scans = Scans(self.store, clock=self.clock)
        self.history = History(self.store, self.scans.of_message)
        self.faults = FaultsInForce(self.store)
        self.calls = Calls(self.settings, history=self.history, faults=self.faults, clock=self.clock)
        self.settling = Settling(self.scans, self.wallet)
        self.scanner = Scanner(self.settings, self.scans, self.calls, clock=self.clock)
        self.paying = self.a_paying()

    def a_paying(self) -> Paying:
        """One whose background is at rest."""
        at_rest = threading.Event()
        at_rest.set()
        return Paying(
            self.settings,
            self.scans,
            self.calls,
            self.wallet,
            self.settling,
            stopping=at_rest,
            clock=self.clock,
        )

    def scan(self, code_value: str = "CODE", *, mode: Mode = Mode.PUSH, speed: float = 1.0, **more: Any) -> Scan:
        """Scan a code."""
        return self.scanner.scan(WantedScan(code_value, PSP_ID, "ALIPAY_CN", mode=mode, speed=speed, **more))

    def confirmed(self, code_value: str = "CODE", **more: Any) -> Scan:
        """A scan whose user has just confirmed."""
        return self.paying.pay(self.scan(code_value, **more).scan_id, pin=None)

    def step(self, scan: Scan) -> Scan:
        """Do what is due now; the scan afterwards."""
        self.paying.step(scan.scan_id)
        return self.scans.get(scan.scan_id)

    def next(self, scan: Scan) -> tuple[float, Scan]:
        """Let the time pass until the next step and do it: how many seconds that were, and the scan afterwards."""
        assert scan.next_at is not None, scan
        waited = (scan.next_at - self.clock()).total_seconds()
        self.clock.pass_by(waited)
        return waited, self.step(scan)

    def pushed(self, code_value: str = "CODE", **more: Any) -> Scan:
        """A scan whose payment the wallet took, and of which the gateway was told."""
        return self.step(self.step(self.confirmed(code_value, **more)))

    def set_fault(self, api: str, fault: str, *, ms: int | None = None, times: int | None = 1) -> None:
        """Put a fault in force."""
        self.faults.put(FaultSetting(api, fault, times, None, ms))

    def messages(self, scan: Scan) -> list[dict[str, Any]]:
        """What the history has of a scan, the oldest first."""
        return self.history.listed(limit=1_000, after=0, scan=scan.name)


def result(code: ResultCode) -> Mapping[str, str]:
    """A Result without its message, as little as there may be."""
    return {name: text for name, text in code.as_members().items() if name != "resultMessage"}


@contextmanager
def a_till(folder: Path, keys: Keys) -> Iterator[Till]:
    """A store of its own, a gateway and a wallet that listen."""
    clock, wallet = StandingClock(), StandInWallet()
    gateway_port, wallet_port = free_port(), free_port()
    if not (keys.sandbox_keys_dir / "wallet-1.pem").exists():
        generate_key_file(keys.sandbox_keys_dir, "wallet", "1")
    settings = Settings(
        keys_dir=keys.keys_dir,
        sandbox_keys_dir=keys.sandbox_keys_dir,
        client_id=CLIENT_ID,
        acquirer_id=ACQUIRER_ID,
        sandbox_wallet_client_id=WALLET_CLIENT_ID,
        sandbox_gateway_url=f"http://127.0.0.1:{gateway_port}",
        sandbox_bind=f"127.0.0.1:{wallet_port}",
        sandbox_dir=folder / "sandbox",
    )
    store = SandboxStore(folder / "sandbox.db")
    with (
        standing_in(keys, gateway_port, clock) as gateway,
        serving(wallet.application(keys.sandbox_keys_dir, keys, clock), wallet_port),
    ):
        yield Till(settings, store, gateway, wallet, clock)
    store.close()
