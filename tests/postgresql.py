"""A real PostgreSQL server for tests and benchmarks, started from its installed binaries, fsync on."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy import make_url

_BIN_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))


def binary(name: str) -> str:
    """The newest installed binary of this name."""
    found = shutil.which(name) if not _BIN_FOLDERS else str(_BIN_FOLDERS[-1] / name)
    if not found or not Path(found).exists():
        raise RuntimeError(
            f"PostgreSQL's {name} is not installed; `make test` installs it, or: apt-get install postgresql"
        )
    return found


class PostgresqlServer:
    """One server on a Unix socket in a folder of its own; nothing listens on TCP."""

    def __init__(self, **settings: str) -> None:
        # initdb refuses root, and pytest's own folders are closed to others.
        self._identity: dict[str, Any] = _identity_of("postgres", "nobody") if os.geteuid() == 0 else {}
        self.folder = Path(tempfile.mkdtemp(prefix="acqp-pg-"))
        if self._identity:
            os.chown(self.folder, self._identity["user"], self._identity["group"])
        self._run(
            binary("initdb"),
            "-D",
            str(self.folder / "data"),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )
        self._settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder), **settings}
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def _run(self, *command: str) -> None:
        subprocess.run(
            command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **self._identity
        )

    def start(self) -> None:
        """Start and wait until it answers."""
        options = [argument for name, value in self._settings.items() for argument in ("-c", f"{name}={value}")]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [binary("postgres"), "-D", str(self.folder / "data"), *options],
            cwd=self.folder,
            stdout=log,
            stderr=log,
            **self._identity,
        )
        log.close()
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg2.connect(self._dsn("postgres")).close()
                return
            except psycopg2.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()[-2000:]) from None
                time.sleep(0.02)

    def _dsn(self, database: str) -> str:
        return f"host={self.folder} user=postgres dbname={database}"

    def new_database(self, template: str | None = None) -> str:
        """A fresh database as a URL for the gateway: empty, or a copy of the one that `template` is the URL of."""
        copied = f" TEMPLATE {make_url(template).database}" if template else ""
        name = f"test_{uuid.uuid4().hex[:12]}"
        connection = psycopg2.connect(self._dsn("postgres"))
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}{copied}")
        connection.close()
        return f"postgresql+psycopg2://postgres@/{name}?host={self.folder}"

    def stop(self) -> None:
        """Stop it and wait; its data stays."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)
            self.process = None

    def signal_all(self, number: int) -> None:
        """Send a signal to the server and every process of it, for a freeze and its end."""
        if self.process is None:
            raise RuntimeError("not started")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in [self.process.pid, *map(int, children)]:
            os.kill(pid, number)

    def remove(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _identity_of(*names: str) -> dict[str, Any]:
    for name in names:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("neither postgres nor nobody exists to run PostgreSQL as")
