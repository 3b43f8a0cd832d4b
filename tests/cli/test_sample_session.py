"""The session that the README shows, by the installed program, and `try-out` from nothing to its end."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import FreshStores
from tests.gateway_process import free_port
from tests.postgresql import PostgresqlServer

PROGRAM = str(Path(sys.executable).parent / "acqp-gateway")

SESSION = """
init --sandbox
merchants add --id M1 --name "Corner Coffee" --mcc 5814 --region JP
stores add --merchant M1 --id S1 --name "Corner Coffee Shibuya"
contracts add --merchant M1 --currency JPY --max-amount 1000000 --settlement-currency USD
registrations set --merchant M1 --store S1 --psp ALIPAY_CN --status APPROVED
"""
SHOW_STANDING = "registrations show --merchant M1 --store S1 --json"
PLACE = (
    'orders place --merchant M1 --store S1 --amount 1500 --currency JPY --description "2 lattes" --terminal-id T1'
    " --terminal-request-time 2026-11-20T10:00:00+09:00 --reference-order-id A-1 --expires-in 600 --json"
)
SUSPEND = 'merchants suspend M1 --reason "fraud check"'


def hears_ctrl_c() -> None:
    """In a child before its program: what was started by nohup or in the background ignores Ctrl-C otherwise."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def started(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A program that has ended when the block has, and that Ctrl-C reaches however pytest itself was started."""
    process: subprocess.Popen[str] = subprocess.Popen(command, text=True, preexec_fn=hears_ctrl_c, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


class Session:
    """A shell with the settings of the README's session."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ACQP_")},
            "ACQP_KEYS_DIR": "keys",
            "ACQP_SANDBOX_KEYS_DIR": "sandbox-keys",
            "ACQP_CLIENT_ID": "5YACQP0000000001",
            "ACQP_ACQUIRER_ID": "2021228100000001",
            "PYTHONWARNINGS": "error",
            **settings,
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *shlex.split(command)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def done(self, command: str) -> str:
        result = self.run(command)
        assert result.returncode == 0, result.stderr
        return result.stdout


def test_the_session_works_as_it_stands(tmp_path: Path, postgresql_server: PostgresqlServer) -> None:
    """On both stores at the same time, because starting a program a dozen times takes its time."""
    urls = {"sqlite": "sqlite:///gateway.db", "postgresql": postgresql_server.new_database()}
    sessions = []
    for kind, url in urls.items():
        folder = tmp_path / kind
        folder.mkdir()
        sessions.append(Session(folder, ACQP_DATABASE_URL=url, ACQP_BIND="127.0.0.1:8000"))
    with ThreadPoolExecutor(len(sessions)) as threads:
        list(threads.map(work_through, sessions))


def work_through(session: Session) -> None:
    for command in SESSION.strip().splitlines():
        session.done(command)
    standing = json.loads(session.done(SHOW_STANDING))
    assert [(psp["pspName"], psp["status"]) for psp in standing["psps"]] == [("ALIPAY_CN", "APPROVED")]
    order = json.loads(session.done(PLACE))
    payment_request_id = order["paymentRequestId"]
    assert (order["state"], order["referenceOrderId"]) == ("OPEN", "A-1")
    session.done(SUSPEND)
    session.done(f"orders mark-paid {payment_request_id}")
    closing = session.run(f"orders close {payment_request_id}")
    assert (closing.returncode, closing.stderr.count("\n")) == (1, 1)
    assert json.loads(session.done(f"orders show {payment_request_id} --json"))["state"] == "PAID"


@pytest.fixture
def trial_session(tmp_path: Path) -> Session:
    """A shell in which somebody tries the gateway out."""
    sandbox = f"127.0.0.1:{free_port()}"
    return Session(
        tmp_path,
        ACQP_BIND=f"127.0.0.1:{free_port()}",
        ACQP_SANDBOX_BIND=sandbox,
        ACQP_ALIPAYPLUS_URL=f"http://{sandbox}",
        ACQP_WORKERS="1",
    )


@pytest.fixture
def trial(trial_session: Session) -> Iterator[subprocess.Popen[str]]:
    """A running `try-out`."""
    session = trial_session
    with started(
        [PROGRAM, "try-out"],
        cwd=session.folder,
        # What the HTTP server warns of is its own business.
        env={**session.environment, "PYTHONWARNINGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            yield process
        finally:
            kill_below(process)


def kill_below(process: subprocess.Popen[str]) -> None:
    """Its server, which would outlive it when it is killed."""
    if process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if text in line:
            return read
    raise AssertionError(read)


def test_a_trial_goes_from_nothing_to_a_verified_answer(trial: subprocess.Popen[str], trial_session: Session) -> None:
    read = read_until(trial, "Ctrl-C ends both")
    assert "SAMPLE-COFFEE" in read
    assert "█▀▀" in read
    assert "SUCCESS, signature verified" in read
    assert re.search(
        r"^The gateway serves  http://127\.0\.0\.1:\d+/aps/api/v1/payments/userInitiatedPay$", read, re.M
    )
    assert re.search(r"^The sandbox serves  http://127\.0\.0\.1:\d+/$", read, re.M)
    checked = trial_session.done("registrations check --merchant SAMPLE-NOODLES --store CHINATOWN")
    assert "shop sign not readable" in checked
    below = psutil.Process(trial.pid).children(recursive=True)
    assert len(below) > 2
    trial.send_signal(signal.SIGINT)
    assert trial.wait(timeout=30) == 0
    assert not any(process.is_running() and process.status() != "zombie" for process in below)


@pytest.mark.parametrize("name", ["gateway", "sandbox"])
def test_a_trial_says_so_when_one_of_its_servers_ends(trial: subprocess.Popen[str], name: str) -> None:
    read_until(trial, "Ctrl-C ends both")
    servers = psutil.Process(trial.pid).children()
    below = psutil.Process(trial.pid).children(recursive=True)
    [server] = [each for each in servers if ("acqp_gateway.sandbox" in each.cmdline()) == (name == "sandbox")]
    server.terminate()
    assert f"acqp-gateway: the {name} ended by itself (0)" in read_until(trial, "ended by itself")
    assert trial.wait(timeout=30) == 1
    assert not any(process.is_running() and process.status() != "zombie" for process in below)


@pytest.mark.parametrize("command", ["try-out", "serve"])
def test_a_server_needs_a_free_address(tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = Session(tmp_path, ACQP_BIND=address).run(command)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"acqp-gateway: {address} cannot be used (Address already in use); end the program that uses it, or choose"
        f" another: ACQP_BIND=127.0.0.1:8001 acqp-gateway {command}\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def existing(tmp_path: Path, fresh_stores: FreshStores) -> Session:
    """A folder with a store that is migrated already."""
    return Session(tmp_path, ACQP_DATABASE_URL=fresh_stores.url("sqlite"))


def test_a_reader_that_has_had_enough_is_no_failure_to_explain(existing: Session) -> None:
    with started(
        [PROGRAM, "mpps", "list"],
        cwd=existing.folder,
        env=existing.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as listing:
        assert listing.stdout is not None
        listing.stdout.close()
        _, errors = listing.communicate(timeout=30)
    assert errors == ""


def test_ctrl_c_ends_a_command_that_waits(existing: Session) -> None:
    pipe = existing.folder / "merchants.csv"
    os.mkfifo(pipe)
    command = [PROGRAM, "merchants", "import", str(pipe)]
    with started(
        command, cwd=existing.folder, env=existing.environment, stdout=None, stderr=subprocess.PIPE
    ) as waiting:
        deadline = time.monotonic() + 20
        wchan = Path(f"/proc/{waiting.pid}/wchan")
        while "wait_for_partner" not in wchan.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        waiting.send_signal(signal.SIGINT)
        _, errors = waiting.communicate(timeout=30)
    assert (waiting.returncode, errors) == (130, "acqp-gateway: interrupted\n")
