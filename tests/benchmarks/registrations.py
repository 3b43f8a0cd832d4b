"""`make bench-registrations`: registration checks a second, 1, 8 and 32 at a time, against the sandbox with latency.

Everything is real: `acqp-gateway registrations check --due` as a process of its own, the sandbox as another, a
store on disk with fsync. CPU time and peak memory of the checking process are what the system says of it when it
has ended, less what the same command needs when nobody is due.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import insert, select

from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.store import merchants, migration, mpps
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import registration_checks, registration_requests, standings
from tests.benchmarks.decodes import POSTGRESQL, cpu_seconds
from tests.gateway_process import environment, free_port
from tests.peer import make_keys
from tests.postgresql import PostgresqlServer
from tests.sandbox.processes import Sandbox, SandboxProcess, entry, sandbox_environment

AIM = 15
#: A Python process runs on one core; of that it is never more.
FULL_CORE = 0.9
_REGISTERED_AT_ONCE = 1_000
_PSPS = [
    entry("ALIPAY_CN", "APPROVED"),
    entry("GCASH", "REJECTED", "The business licence has expired."),
    entry("DANA", "PENDING"),
]


@dataclass(frozen=True)
class Used:
    """What the checking process used in all: CPU in seconds, memory at its peak in MiB."""

    cpu_s: float
    peak_mib: float
    sandbox_cpu_s: float
    machine_cores: float


@dataclass(frozen=True)
class Run:
    """One run over `count` due merchants. CPU in milliseconds a check, cores are CPU seconds a second.

    `machine_cores` is how many cores were busy, whoever kept them so.
    """

    count: int
    at_a_time: int
    per_second: float
    check_cpu_ms: float
    check_cores: float
    sandbox_cpu_ms: float
    sandbox_cores: float
    machine_cores: float
    peak_mib: float


class Bench:
    """A sandbox with registrations on record, and stores that are made anew for each run."""

    def __init__(self, folder: Path, sandbox: Sandbox, server: PostgresqlServer | None) -> None:
        self._folder = folder
        self._sandbox = sandbox
        self._server = server
        self._stores = 0

    def register(self, count: int, progress: Progress) -> None:
        """Put the registrations of so many merchants on record at Alipay+."""
        task = progress.add_task("registering", total=count)
        for first in range(0, count, _REGISTERED_AT_ONCE):
            numbers = range(first, min(count, first + _REGISTERED_AT_ONCE))
            registrations = [
                {
                    "referenceMerchantId": merchant_id(number),
                    "registrationRequestId": request_id(number),
                    "pspRegistrationResultList": _PSPS,
                }
                for number in numbers
            ]
            self._sandbox.done("POST", "registrations", {"registrations": registrations})
            progress.update(task, advance=len(numbers))

    def run(self, count: int, at_a_time: int, idle: Used | None) -> tuple[Run, Used]:
        """Check so many due merchants; `idle` is what the process uses when nobody is due."""
        url = self._new_store(count)
        used, summary = self._check(url, at_a_time)
        if summary["asked"] != count or summary["outcomes"] != ({"answered": count} if count else {}):
            raise RuntimeError(f"not everybody was answered: {summary}")
        took = _took(url) if count else 1.0
        base = idle or used
        check_cpu = used.cpu_s - base.cpu_s
        checks = max(count, 1)
        run = Run(
            count,
            at_a_time,
            count / took,
            check_cpu * 1000 / checks,
            check_cpu / took,
            used.sandbox_cpu_s * 1000 / checks,
            used.sandbox_cpu_s / took,
            used.machine_cores,
            used.peak_mib,
        )
        return run, used

    def _new_store(self, count: int) -> str:
        self._stores += 1
        url = f"sqlite:///{self._folder}/bench{self._stores}.db"
        if self._server is not None:
            url = self._server.new_database()
        store = Store(url, patience_s=600)
        migration.upgrade(store)
        mpps.seed(store, PUBLISHED_MPPS)
        _fill(store, count)
        store.close()
        return url

    def _check(self, url: str, at_a_time: int) -> tuple[Used, dict[str, object]]:
        sandbox_pid = self._sandbox.process.process.pid
        alipayplus = f"http://127.0.0.1:{self._sandbox.process.address[1]}"
        before, machine, began = cpu_seconds([sandbox_pid]), _busy_seconds(), time.perf_counter()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-c", "from acqp_gateway.cli import main; main()", "registrations", "check"),
                    *("--due", "--rate", "0", "--at-a-time", str(at_a_time), "--json"),
                ],
                env=environment(url, self._sandbox.keys, 1, ACQP_ALIPAYPLUS_URL=alipayplus),
                stdout=output,
            )
            peak_mib = _peak_mib_until_end(process.pid)
            # As Popen.wait, and it says what the process used.
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            summary: dict[str, object] = json.loads(output.read() or b"{}")
        if process.returncode:
            raise RuntimeError(f"exit status {process.returncode}: {summary}")
        machine_cores = (_busy_seconds() - machine) / (time.perf_counter() - began)
        sandbox_cpu = cpu_seconds([sandbox_pid]) - before
        return Used(used.ru_utime + used.ru_stime, peak_mib, sandbox_cpu, machine_cores), summary


def _peak_mib_until_end(pid: int) -> float:
    """The most memory that a process had since it was executed, in MiB; returns when it has ended.

    Not ru_maxrss: that begins with what the process that forked it had.
    """
    peak_kib = 0
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak_kib = max(peak_kib, int(line.split()[1]))
        time.sleep(0.05)
    return peak_kib / 1024


def _busy_seconds() -> float:
    """CPU seconds that this machine has worked so far, on all cores."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def merchant_id(number: int) -> str:
    """A merchant's id by its number."""
    return f"M{number:07}"


def request_id(number: int) -> str:
    """The registrationRequestId of a merchant by its number."""
    return f"R{number:07}"


def _fill(store: Store, count: int) -> None:
    """So many merchants whose registration was sent and never asked about."""
    at, ids = datetime.now(UTC) - timedelta(days=1), [merchant_id(number) for number in range(count)]
    if not ids:
        return
    new = (merchants.NewMerchant(merchant_id=id_, name="Corner Coffee", mcc="5814", region="JP") for id_ in ids)
    merchants.add_all(store, new, at=at)
    requests = [
        {"registration_request_id": request_id(number), "merchant_id": merchant_id(number), "added_at": at}
        for number in range(count)
    ]
    with store.writing() as connection:
        connection.execute(insert(registration_requests), requests)
        connection.execute(insert(standings), [{"merchant_id": id_} for id_ in ids])
    if not store.is_sqlite:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _took(url: str) -> float:
    """Seconds from the first question to the last answer, as the history has them."""
    store = Store(url)
    with store.reading() as connection:
        rows = connection.execute(select(registration_checks.c.started_at, registration_checks.c.duration_us)).all()
    store.close()
    ends = [row.started_at + timedelta(microseconds=row.duration_us) for row in rows]
    took: timedelta = max(ends) - min(row.started_at for row in rows)
    return took.total_seconds()


@contextmanager
def running_sandbox(folder: Path, latency_ms: int) -> Iterator[Sandbox]:
    """The sandbox, each of whose answers takes so long."""
    keys, gateway_port = make_keys(folder), free_port()
    process = SandboxProcess(sandbox_environment(folder, keys, free_port(), gateway_port=gateway_port))
    sandbox = Sandbox(process, keys, gateway_port)
    try:
        sandbox.done("PUT", "latency", {"ms": latency_ms})
        yield sandbox
    finally:
        sandbox.session.close()
        process.stop()
        process.close()


def show(console: Console, title: str, runs: list[Run]) -> None:
    """One row a run."""
    table = Table(title=title)
    for heading in (
        *("due", "at a time", "checks/s", "CPU-ms a check", "of a core"),
        *("sandbox CPU-ms", "of a core", "cores busy", "peak MiB"),
    ):
        table.add_column(heading, justify="right")
    for run in runs:
        table.add_row(
            *(f"{run.count:,}", str(run.at_a_time), f"{run.per_second:.1f}"),
            *(f"{run.check_cpu_ms:.2f}", f"{run.check_cores:.0%}", f"{run.sandbox_cpu_ms:.2f}"),
            *(f"{run.sandbox_cores:.0%}", f"{run.machine_cores:.2f}", f"{run.peak_mib:.1f}"),
        )
    console.print(table)


def judge(one: Run, many: Run, small: Run) -> list[str]:
    """What the issue asks: speed by doing many at a time, and the same memory for both sizes."""
    ratio = many.per_second / one.per_second
    full = [
        name
        for name, cores in (("the checking process", many.check_cores), ("the sandbox", many.sandbox_cores))
        if cores >= FULL_CORE
    ]
    cores = os.cpu_count() or 1
    if ratio >= AIM:
        verdict = "as aimed"
    elif full:
        verdict = f"below {AIM}, with a CPU core full of {' and one of '.join(full)}"
    elif many.machine_cores >= FULL_CORE * cores:
        verdict = f"below {AIM}, with all {cores} cores full, of others too"
    else:
        verdict = f"below {AIM}, and no CPU core is full"
    more = many.peak_mib - small.peak_mib
    return [
        f"{many.at_a_time} at a time is {ratio:.1f} times as fast as {one.at_a_time} at a time: {verdict}.",
        f"Peak memory: {small.peak_mib:.1f} MiB at {small.count:,} due, {more:+.1f} MiB at {many.count:,}.",
    ]


def measure(bench: Bench, options: argparse.Namespace, progress: Progress) -> tuple[list[Run], list[str]]:
    """All runs, and what they say."""
    _, idle = bench.run(0, 1, None)
    part = min(options.part, options.merchants)
    small = min(1_000, options.merchants // 10)
    wanted = [(part, 1), (options.merchants, 8), (options.merchants, 32), (small, 32)]
    task = progress.add_task("checking", total=sum(count for count, _ in wanted))
    runs = []
    for count, at_a_time in wanted:
        progress.update(task, description=f"checking {count:,}, {at_a_time} at a time")
        runs.append(bench.run(count, at_a_time, idle)[0])
        progress.update(task, advance=count)
    said = judge(runs[0], runs[2], runs[3])
    if part < options.merchants:
        said.insert(0, f"One at a time: {part:,} of the {options.merchants:,} were measured.")
    return runs, said


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--merchants", type=int, default=10_000, help="how many are due")
    parser.add_argument("--part", type=int, default=300, help="how many of them are checked one at a time")
    parser.add_argument("--latency-ms", type=int, default=20, help="how long the sandbox keeps an answer")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL instead of SQLite")
    options = parser.parse_args()
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="acqp-bench-"))
    server = PostgresqlServer(**POSTGRESQL) if options.postgresql else None
    try:
        with running_sandbox(folder, options.latency_ms) as sandbox, Progress(console=Console(stderr=True)) as bar:
            bench = Bench(folder, sandbox, server)
            bench.register(options.merchants, bar)
            runs, said = measure(bench, options, bar)
    finally:
        if server is not None:
            server.remove()
        shutil.rmtree(folder)
    store = "PostgreSQL" if options.postgresql else "SQLite"
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}; {store},"
        f" sandbox with {options.latency_ms} ms latency on the same cores"
    )
    show(console, f"acqp-gateway registrations check --due, {store}", runs)
    for line in said:
        console.print(line)


if __name__ == "__main__":
    main()
