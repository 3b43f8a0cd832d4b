"""`acqp-gateway try-out`: the whole gateway on this machine, from nothing to a verified answer."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

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


@click.command("try-out")
def try_out() -> None:
    """Try the whole gateway on this machine.

    Sample merchants, a running server, an order, and its code scanned as Alipay+ would; then it goes on serving
    until Ctrl-C.
    """
    configured = settings.load()
    address.require_free(configured, command="try-out")
    output.show_all(
        prepare(with_sandbox=True, with_samples=True).records, ("outcome", "what"), as_json=False, none=""
    )
    with _signals_as_interrupts(), _gateway() as gateway:
        _wait_until_ready(gateway, configured)
        _place_and_scan()
        _announce(f"The gateway serves {configured.url}{configured.decode_path}; Ctrl-C ends it.")
        raise CommandRefused(f"the gateway ended by itself ({gateway.wait()}); the lines above say why")


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
        output.message("The gateway has ended.")


@contextmanager
def _gateway() -> Iterator[subprocess.Popen[bytes]]:
    # In a process group of its own: Ctrl-C is for us to pass on, once, when the child is told to end.
    process = subprocess.Popen(command_of(*GUNICORN), process_group=0)  # noqa: S603  # ours alone
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


def _wait_until_ready(gateway: subprocess.Popen[bytes], configured: Settings) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while not _is_ready(configured):
        if gateway.poll() is not None:
            raise CommandRefused(f"the gateway did not start ({gateway.returncode}); the lines above say why")
        if time.monotonic() > deadline:
            raise CommandRefused(
                f"the gateway was not ready within {_READY_WITHIN_S:g} s; see: acqp-gateway settings check"
            )
        time.sleep(_LOOK_AGAIN_AFTER_S)


def _is_ready(configured: Settings) -> bool:
    with requests.Session() as session:
        # A proxy of the environment's would be asked for this very machine.
        session.trust_env = False
        try:
            return session.get(f"{configured.url}/readyz", timeout=1).status_code == 200
        except requests.RequestException:
            return False


def _place_and_scan() -> None:
    _announce("A sample order, and its code for a customer to scan:")
    with opened() as at_hand:
        code_value = place_and_show(at_hand, samples.ORDER, as_json=False)
    _announce("The code is scanned as Alipay+ would:")
    scan = command_of(SANDBOX, "scan", code_value, "--psp", _SAMPLE_PSP)
    if subprocess.run(scan, check=False).returncode:  # noqa: S603  # ours alone
        output.warn("the scan brought no decoded order; the lines above say why")


def _announce(text: str) -> None:
    click.echo(err=True)
    output.message(text)
    click.echo(err=True)
