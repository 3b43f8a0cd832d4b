"""The sandbox as a process of its own, its control API, and signed requests to it."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from acqp_gateway.protocol.client import SigningClient
from acqp_gateway.protocol.headers import read_signature
from acqp_gateway.protocol.keyring import VersionedKeys, read_private_key
from acqp_gateway.protocol.signature import Message, verify
from tests.gateway_process import ROOT, environment
from tests.peer import CLIENT_ID, Keys, Reply, SignedRequest, exchange

INQUIRY_PATH = "/aps/api/v1/merchants/inquiryRegistrationStatus"
READY = "The sandbox serves http://"


class SandboxProcess:
    """`acqp-gateway sandbox serve`, ready."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = dict(settings)
        host, _, port = self.settings["ACQP_SANDBOX_BIND"].rpartition(":")
        self.address = (host, int(port))
        self.folder = Path(self.settings["ACQP_SANDBOX_DIR"])
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "acqp_gateway.sandbox", "serve"],
            cwd=ROOT,
            env=self.settings,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()
        if not self.ready_line.startswith(READY):
            self.process.kill()
            raise RuntimeError(self.ready_line + self.errors())

    def errors(self) -> str:
        """What the process wrote to standard error so far."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def token(self) -> str:
        """The control token."""
        return (self.folder / "control-token").read_text().strip()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the process; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()

    def close(self) -> None:
        """Let go of what `errors` reads."""
        self._errors.close()


def sandbox_environment(folder: Path, keys: Keys, port: int, *, gateway_port: int, **more: str) -> dict[str, str]:
    """The environment of a sandbox; nothing of the caller's own ACQP_* variables."""
    return {
        **environment(f"sqlite:///{folder}/gateway.db", keys, gateway_port),
        "ACQP_CONFIG": str(ROOT / "config" / "gateway.toml"),
        "ACQP_SANDBOX_BIND": f"127.0.0.1:{port}",
        "ACQP_SANDBOX_DIR": str(folder / "sandbox"),
        "ACQP_ALIPAYPLUS_URL": f"http://127.0.0.1:{port}",
        **more,
    }


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox and what a test does with it."""

    process: SandboxProcess
    keys: Keys
    gateway_port: int
    session: requests.Session = field(default_factory=_session)

    @property
    def url(self) -> str:
        """Where Alipay+ is asked."""
        return f"http://127.0.0.1:{self.process.address[1]}{INQUIRY_PATH}"

    def control(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> requests.Response:
        """Ask the control API."""
        return self.session.request(
            method,
            f"http://127.0.0.1:{self.process.address[1]}/control/{path}",
            headers={"Authorization": f"Bearer {self.process.token() if token is None else token}"},
            json=body,
            timeout=10,
        )

    def done(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Ask the control API for what it grants."""
        response = self.control(method, path, body)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def reset(self) -> None:
        """As it was when it was started."""
        for path in ("registrations", "faults", "history"):
            self.done("DELETE", path)
        self.done("PUT", "latency", {"ms": 0})

    def register(self, merchant_id: str = "M1", **members: Any) -> dict[str, Any]:
        """Put a registration on record; PENDING at one MPP and REJECTED at another but for `members`."""
        registration = {
            "referenceMerchantId": merchant_id,
            "registrationRequestId": f"{merchant_id}-R1",
            "pspRegistrationResultList": [entry("ALIPAY_CN", "PENDING"), entry("GCASH", "REJECTED", "no papers")],
            **members,
        }
        return self.done("POST", "registrations", registration)

    def set_fault(self, name: str, **members: Any) -> dict[str, Any]:
        """Put a fault in force."""
        return self.done("POST", "faults", {"fault": name, **members})

    def messages(self) -> list[dict[str, Any]]:
        """The history, the newest first."""
        found: list[dict[str, Any]] = self.done("GET", "history")["messages"]
        return found

    def request(self, merchant_id: str | None = "M1", **changes: Any) -> SignedRequest:
        """A proper inquiryRegistrationStatus, but for the changes."""
        members = {"referenceMerchantId": merchant_id, **changes.pop("members", {})}
        body = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
        proper = SignedRequest(self.gateway_key(), body, target=INQUIRY_PATH)
        return replace(proper, **changes)

    def gateway_key(self) -> RSAPrivateKey:
        """The gateway's private key."""
        return gateway_key(self.keys)

    def send(self, request: SignedRequest) -> Reply:
        """Send a request and read its answer."""
        return exchange(self.process.address, request.raw(), method=request.method)

    def ask(self, merchant_id: str | None = "M1", **changes: Any) -> Reply:
        """Ask properly, but for the changes; the answer is authentic."""
        request = self.request(merchant_id, **changes)
        reply = self.send(request)
        assert is_authentic(reply, self.keys, target=request.target, method=request.method)
        return reply

    def client(self, **options: Any) -> SigningClient:
        """The gateway's calling side."""
        return SigningClient(
            **{
                "client_id": CLIENT_ID,
                "signing_keys": VersionedKeys({"1": self.gateway_key()}),
                "peer_keys": VersionedKeys({"1": self.keys.alipayplus.public_key()}),
                **options,
            }
        )


def gateway_key(keys: Keys) -> RSAPrivateKey:
    """The gateway's private key."""
    return _read_once(keys.keys_dir / "gateway-1.pem")


@functools.cache
def _read_once(path: Path) -> RSAPrivateKey:
    return read_private_key(path)


def entry(psp_name: str, status: str, reason: str | None = None) -> dict[str, Any]:
    """One MPP as the control API takes it."""
    found: dict[str, Any] = {"pspName": psp_name, "productCodes": ["IN_STORE_PAYMENT"], "status": status}
    return found if reason is None else {**found, "rejectionReason": reason}


def is_authentic(
    reply: Reply, keys: Keys, *, target: str = INQUIRY_PATH, method: str = "POST", client_id: str = CLIENT_ID
) -> bool:
    """Whether an answer has HTTP status 200 and is signed by Alipay+ for this request and this client id."""
    if reply.status != 200 or reply.headers.get("client-id") != client_id:
        return False
    return is_signed(reply, keys, target=target, method=method)


def is_signed(reply: Reply, keys: Keys, *, target: str = INQUIRY_PATH, method: str = "POST") -> bool:
    """Whether an answer's signature is Alipay+'s over what it says, for whomever it is."""
    try:
        signature = read_signature(reply.headers["signature"])
        message = Message(method, target, reply.headers["client-id"], reply.headers["response-time"], reply.body)
        verify(message, signature.signature, keys.alipayplus.public_key())
    except Exception:
        return False
    return True
