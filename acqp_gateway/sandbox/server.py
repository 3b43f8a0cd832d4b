"""`acqp-gateway sandbox serve`: what must be there before it starts, and gunicorn around it."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication

from acqp_gateway.errors import SettingError
from acqp_gateway.protocol.messages.inquiry_registration_status import INQUIRY_REGISTRATION_STATUS_API
from acqp_gateway.protocol.messages.notify_push_payment import NOTIFY_PUSH_PAYMENT_API
from acqp_gateway.sandbox import folder, keys, parties
from acqp_gateway.sandbox.answering import Answering
from acqp_gateway.sandbox.calls import Calls
from acqp_gateway.sandbox.control import control_application
from acqp_gateway.sandbox.faults_in_force import FaultsInForce
from acqp_gateway.sandbox.history import History
from acqp_gateway.sandbox.inquiry import Inquiry
from acqp_gateway.sandbox.notifying import Notifier
from acqp_gateway.sandbox.partners import gateway
from acqp_gateway.sandbox.paying import Paying
from acqp_gateway.sandbox.registrations import Registrations
from acqp_gateway.sandbox.scanning import Scanner
from acqp_gateway.sandbox.scans import Scans
from acqp_gateway.sandbox.scans_control import scans_blueprint
from acqp_gateway.sandbox.settling import Settling
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.sandbox.wallet.answers import WalletAnswers
from acqp_gateway.sandbox.wallet.control import wallet_blueprint
from acqp_gateway.sandbox.wallet.directory import WalletDirectory
from acqp_gateway.sandbox.wallet.payments import WalletPayments
from acqp_gateway.sandbox.wallet.samples import add_samples
from acqp_gateway.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: A slow fault holds a thread for as long as it is slow.
THREADS = 64
_WAITING_CONNECTIONS = 256
_ENDS_WITHIN_S = 3
_NOT_THIS_MACHINE = "ACQP_SANDBOX_BIND must be an address of this machine alone, such as 127.0.0.1:8100"


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises SettingError or KeyFileError when that cannot be begun.
    """
    os.umask(0o077)
    listener = listen(settings.sandbox_bind)
    prepare(settings)
    with folder.held(settings.sandbox_dir):
        _Server(settings, listener).run()


def prepare(settings: Settings) -> None:
    """Make what is missing and check what is there. Raises SettingError, KeyFileError."""
    if settings.client_id == settings.sandbox_wallet_client_id:
        raise SettingError(
            f"sandbox_wallet_client_id is the gateway's own client id, {settings.client_id}; give the wallet another"
            " one: ACQP_SANDBOX_WALLET_CLIENT_ID=5YWALLET00000001"
        )
    keys.gateway_keys(settings)
    folder.prepare(settings.sandbox_dir)
    folder.read_token(settings.sandbox_dir)
    made = keys.make_own_keys(settings)
    if made is not None:
        _tell(f"made {made}, the key with which the sandbox signs as Alipay+")
    made = keys.make_wallet_keys(settings)
    if made is not None:
        _tell(f"made {made}, the key with which the sandbox signs as the wallet")
    keys.check_keys_differ(settings)
    if not keys.is_trusted(settings):
        _tell(
            f"warning: {settings.keys_dir} does not hold the sandbox's public key as Alipay+'s, so the gateway will"
            " believe nothing that the sandbox says; for a trial run: acqp-gateway init --sandbox"
        )
    SandboxStore(folder.store_file(settings.sandbox_dir)).close()


def listen(bind: str) -> socket.socket:
    """A socket that listens on this machine alone. Raises SettingError."""
    host, _, port = bind.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SettingError(f"{_NOT_THIS_MACHINE}, not {bind!r}") from None
    family, _, _, _, address = found[0]
    if not all(ipaddress.ip_address(each[4][0]).is_loopback for each in found):
        raise SettingError(f"{_NOT_THIS_MACHINE}, not {bind!r}")
    try:
        return socket.create_server((str(address[0]), int(port)), family=family, backlog=_WAITING_CONNECTIONS)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SettingError(
            f"{bind} cannot be used ({reason}); end the program that uses it, or choose another:"
            " ACQP_SANDBOX_BIND=127.0.0.1:8101"
        ) from None


def sandbox_application(settings: Settings) -> WSGIApplication:
    """The whole sandbox; made once, in the process that serves. Raises SettingError, KeyFileError."""
    store = SandboxStore(folder.store_file(settings.sandbox_dir))
    add_samples(store)
    scans = Scans(store)
    registrations, faults, history = Registrations(store), FaultsInForce(store), History(store, scans.of_message)
    calls = Calls(settings, history=history, faults=faults)
    wallet_payments = WalletPayments(store)
    settling = Settling(scans, wallet_payments)
    paying = Paying(settings, scans, calls, wallet_payments, settling)
    control = control_application(
        folder.read_token(settings.sandbox_dir),
        registrations=registrations,
        faults=faults,
        history=history,
        notifier=Notifier(calls, gateway(settings)),
        more=(
            scans_blueprint(scans, Scanner(settings, scans, calls), paying),
            wallet_blueprint(WalletDirectory(store), wallet_payments),
        ),
    )
    alipayplus = parties.alipayplus(
        settings,
        {
            INQUIRY_REGISTRATION_STATUS_API: Inquiry(registrations).handle,
            NOTIFY_PUSH_PAYMENT_API: settling.handle,
        },
    )
    wallet = parties.wallet(settings, WalletAnswers(store, acquirer_id=settings.acquirer_id).handlers())
    paying.resume()
    return Answering(
        settings,
        parties=(alipayplus, wallet),
        faults=faults,
        history=history,
        application=control,
    )


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn with one worker process, so that all threads share the faults' memory."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        super().__init__()

    def load_config(self) -> None:
        """Nothing of the environment or of the command line."""
        for name, value in self._configuration().items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """Called in the worker."""
        return sandbox_application(self._settings)

    def _configuration(self) -> dict[str, Any]:
        return {
            "bind": f"fd://{self._listener.fileno()}",
            "worker_class": "acqp_gateway.sandbox.worker.SandboxWorker",
            "workers": 1,
            "threads": THREADS,
            "keepalive": 20,
            "graceful_timeout": _ENDS_WITHIN_S,
            "control_socket_disable": True,
            "accesslog": None,
            "loglevel": "warning",
            "proc_name": "acqp-gateway-sandbox",
            "post_worker_init": self._say_ready,
        }

    def _say_ready(self, worker: Any) -> None:
        if worker.age == 1:
            sys.stdout.write(
                f"The sandbox serves http://{self._settings.sandbox_bind}/ , a page for a person, too;"
                f" its control token lies in {folder.token_file(self._settings.sandbox_dir)}; Ctrl-C ends it.\n"
            )
            sys.stdout.flush()


def _tell(text: str) -> None:
    sys.stderr.write(f"acqp-gateway sandbox: {text}\n")
