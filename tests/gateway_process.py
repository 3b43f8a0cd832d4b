"""The gateway as it runs in production: gunicorn with config/gunicorn.conf.py, on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil

from tests.peer import ACQUIRER_ID, CLIENT_ID, Keys

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(database_url: str, keys: Keys, port: int, **more: str) -> dict[str, str]:
    """The environment of a process of the gateway's: nothing of the caller's own ACQP_* variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ACQP_")}
    return {
        **inherited,
        "ACQP_DATABASE_URL": database_url,
        "ACQP_KEYS_DIR": str(keys.keys_dir),
        "ACQP_SANDBOX_KEYS_DIR": str(keys.sandbox_keys_dir),
        "ACQP_CLIENT_ID": CLIENT_ID,
        "ACQP_ACQUIRER_ID": ACQUIRER_ID,
        "ACQP_BIND": f"127.0.0.1:{port}",
        **more,
    }


class GatewayProcess:
    """gunicorn's master and its workers."""

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        cwd: Path = ROOT,
        configuration: str = "config/gunicorn.conf.py",
        application: str = "wsgi:app",
    ) -> None:
        self.environment = dict(settings)
        host, _, port = self.environment["ACQP_BIND"].rpartition(":")
        self.address = (host, int(port))
        self.url = f"http://{host}:{port}"
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", configuration, application],
            cwd=cwd,
            env=self.environment,
            stdout=self._log,
            stderr=self._log,
        )

    def wait_until(self, path: str = "/readyz", seconds: float = 20) -> None:
        """Wait until a health address answers 200."""
        deadline = time.monotonic() + seconds
        while not self.answers(path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.log()[-3000:])
            time.sleep(0.05)

    def answers(self, path: str) -> bool:
        """Whether a health address answers 200 now."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def log(self) -> str:
        """What the process wrote so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def workers(self) -> list[psutil.Process]:
        """The worker processes."""
        return psutil.Process(self.process.pid).children()

    def stop(self) -> int:
        """SIGTERM, and wait; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._log.close()


@contextmanager
def running_gateway(database_url: str, keys: Keys, **more: str) -> Iterator[GatewayProcess]:
    """A gateway that is ready, stopped by its own pid at the end."""
    gateway = GatewayProcess(environment(database_url, keys, free_port(), **{"ACQP_WORKERS": "2", **more}))
    try:
        gateway.wait_until()
        yield gateway
    finally:
        gateway.stop()
