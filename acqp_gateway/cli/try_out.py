"""`acqp-gateway try-out`: the whole gateway on this machine, from nothing to a verified answer."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import NamedTuple, NoReturn

import click
import requests

from acqp_gateway import settings
from acqp_gateway.cli import address, output, samples
from acqp_gateway.cli.init import prepare
from acqp_gateway.cli.opening import opened
from acqp_gateway.cli.orders import place_and_show
from acqp_gateway.cli.programs import GUNICORN, SANDBOX, command_of
from acqp_gateway.errors import CommandRefused
from acqp_gateway.settings import Settings

_READY_WITHIN_S = 20.0
_LOOK_AGAIN_AFTER_S = 0.1
_ENDS_WITHIN_S = 20.0
_SAMPLE_PSP = "ALIPAY_CN"


class _Server(NamedTuple):
    """A server of the trial: what a person calls it, how it is started, and where it says that it is ready."""

    name: str
    command: list[str]
    ready_at: str
    environment: dict[str, str]


@click.command("try-out")
def try_out() -> None:
    """Try the whole gateway on this machine, with the sandbox as Alipay+ and a wallet.

    Sample merchants, both servers, an order, and its code scanned as Alipay+ would; then it goes on serving until
    Ctrl-C.
    """
    configured = settings.load()
    address.require_free(configured.bind, another="ACQP_BIND=127.0.0.1:8001 acqp-gateway try-out")
    address.require_free(configured.sandbox_bind, another="ACQP_SANDBOX_BIND=127.0.0.1:8101 acqp-gateway try-out")
    output.show_all(
        prepare(with_sandbox=True, with_samples=True).records, ("outcome", "what"), as_json=False, none=""
    )
    with _signals_as_interrupts(), ExitStack() as running:
        processes = {server.name: running.enter_context(_running(server)) for server in _servers(configured)}
        for server in _servers(configured):
            _wait_until_ready(server, processes[server.name])
        _register_samples(configured)
        _place_and_scan()
        _announce(*_addresses(configured))
        raise CommandRefused(_who_ended(processes))


def _servers(configured: Settings) -> list[_Server]:
    sandbox_url = f"http://{configured.sandbox_bind}"
    return [
        # Whatever is configured, nothing of a trial is told to the real Alipay+.
        _Server("gateway", command_of(*GUNICORN), f"{configured.url}/readyz", {"ACQP_ALIPAYPLUS_URL": sandbox_url}),
        _Server("sandbox", command_of(SANDBOX, "serve"), f"{sandbox_url}/healthz", {}),
    ]


def _addresses(configured: Settings) -> list[str]:
    order = "--merchant SAMPLE-COFFEE --store SHIBUYA --amount 1500 --currency JPY"
    return [
        f"The gateway serves  {configured.url}{configured.decode_path}",
        f"The sandbox serves  http://{configured.sandbox_bind}/",
        "Open the sandbox in a browser: pay as a wallet's user does, and watch the messages.",
        f"Its control token lies in {configured.sandbox_dir / 'control-token'}",
        f'Another order: acqp-gateway orders place {order} --description "2 lattes"',
        "Ctrl-C ends both.",
    ]


def _who_ended(processes: Mapping[str, subprocess.Popen[bytes]]) -> str:
    """Wait until a server ends, which none should."""
    while True:
        for name, process in processes.items():
            with suppress(subprocess.TimeoutExpired):
                return f"the {name} ended by itself ({process.wait(_LOOK_AGAIN_AFTER_S)}); the lines above say why"


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """SIGTERM and SIGHUP end the server with us, as Ctrl-C does, which is how a person ends a trial."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup wants it
        signal.signal(signal.SIGHUP, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        output.message("Gateway and sandbox have ended.")


@contextmanager
def _running(server: _Server) -> Iterator[subprocess.Popen[bytes]]:
    # In a process group of its own: Ctrl-C is for us to pass on, once, when the child is told to end.
    process = subprocess.Popen(  # noqa: S603  # ours alone
        server.command, process_group=0, env={**os.environ, **server.environment}
    )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()


def _wait_until_ready(server: _Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while not _is_ready(server.ready_at):
        if process.poll() is not None:
            raise CommandRefused(f"the {server.name} did not start ({process.returncode}); the lines above say why")
        if time.monotonic() > deadline:
            raise CommandRefused(
                f"the {server.name} was not ready within {_READY_WITHIN_S:g} s; see: acqp-gateway settings check"
            )
        time.sleep(_LOOK_AGAIN_AFTER_S)


def _is_ready(url: str) -> bool:
    with requests.Session() as session:
        # A proxy of the environment's would be asked for this very machine.
        session.trust_env = False
        try:
            return session.get(url, timeout=1).status_code == 200
        except requests.RequestException:
            return False


def _register_samples(configured: Settings) -> None:
    """Let the sandbox answer for the sample merchants as they stand here; what it knows of them stays as it is."""
    token = (configured.sandbox_dir / "control-token").read_text(encoding="utf-8").strip()
    url = f"http://{configured.sandbox_bind}/control/registrations"
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {token}"
        for sample in samples.SAMPLES:
            subject = {"referenceMerchantId": sample.merchant.merchant_id, "referenceStoreId": sample.store.store_id}
            known = session.get(url, params=subject, timeout=_ENDS_WITHIN_S)
            known.raise_for_status()
            if not known.json()["registrations"]:
                entries = samples.psp_entries(sample)
                added = {**subject, "pspRegistrationResultList": entries}
                session.post(url, json=added, timeout=_ENDS_WITHIN_S).raise_for_status()


def _place_and_scan() -> None:
    _announce("A sample order, and its code for a customer to scan:")
    with opened() as at_hand:
        code_value = place_and_show(at_hand, samples.ORDER, as_json=False)
    _announce("The code is scanned as Alipay+ would:")
    scan = command_of(SANDBOX, "scan", code_value, "--psp", _SAMPLE_PSP)
    if subprocess.run(scan, check=False).returncode:  # noqa: S603  # ours alone
        output.warn(
            "the scan brought no decoded order; the lines above say why. How the sample stands: acqp-gateway"
            " registrations show --merchant SAMPLE-COFFEE --store SHIBUYA; to begin anew, move var/ aside"
        )


def _announce(*lines: str) -> None:
    click.echo(err=True)
    for line in lines:
        output.message(line)
    click.echo(err=True)
