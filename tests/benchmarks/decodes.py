"""`make bench`: decodes and payments a second, against the RSA-2048 signatures a second of the same cores.

Everything is real: gunicorn with its configuration, PostgreSQL with fsync, requests signed beforehand and sent by
wrk. First decodes (each code once: pin and record are written), repeats and the payments of what was decoded
(pushPayment) are measured apart, with few and with many orders in the store. Every answer is checked afterwards
against what the store recorded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import Column, func, select, text

from acqp_gateway.protocol.keyring import generate_key_file, read_private_key
from acqp_gateway.protocol.messages.push_payment import PUSH_PAYMENT_API
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.protocol.signature import Message, sign
from acqp_gateway.store import clients, migration, mpps
from acqp_gateway.store.database import Store
from acqp_gateway.store.tables import decodes, payment_messages
from tests.gateway_process import GatewayProcess, running_gateway
from tests.merchants import open_shop
from tests.peer import ACQUIRER_ID, CLIENT_ID, Keys, SignedRequest, decode_request, exchange, make_keys
from tests.postgresql import PostgresqlServer

CONNECTIONS = 16
REPLAY = Path(__file__).parent / "replay.lua"
#: What a production server has, too; durability (fsync, synchronous_commit) stays as it is by default.
POSTGRESQL = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}


@dataclass(frozen=True)
class Kind:
    """What is sent for a code, and where the store counts it."""

    request: Callable[[Keys, str], SignedRequest]
    number: Column[Any]
    at: Column[Any]


def pay_request(keys: Keys, code_value: str) -> SignedRequest:
    """A pushPayment of what every order of the benchmark costs."""
    members = {
        "acquirerId": ACQUIRER_ID,
        "pspId": "1022088000000000001",
        "codeValue": code_value,
        "paymentId": hashlib.sha256(code_value.encode()).hexdigest(),
        "paymentAmount": {"currency": "JPY", "value": "1500"},
        "settlementAmount": {"currency": "USD", "value": "1000"},
        "customerId": "U1",
    }
    return SignedRequest(keys.alipayplus, json.dumps(members).encode(), target=PUSH_PAYMENT_API.default_path)


DECODE = Kind(decode_request, decodes.c.decode_id, decodes.c.decoded_at)
PAY = Kind(pay_request, payment_messages.c.message_number, payment_messages.c.at)


@dataclass(frozen=True)
class Signatures:
    """RSA-2048 signatures: how many a second on all cores, and CPU milliseconds for one."""

    per_second: float
    cpu_ms: float


@dataclass(frozen=True)
class Load:
    """One run of wrk. CPU in milliseconds a request, of the server and of the database."""

    name: str
    orders: int
    per_second: float
    server_ms: float
    database_ms: float
    p50: float
    p95: float
    p99: float
    requests: int


def _sign_for(seconds: float, results: multiprocessing.Queue[tuple[int, float, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        key = read_private_key(generate_key_file(Path(folder), "gateway", "1"))
    message = Message("POST", "/x", CLIENT_ID, "2026-11-20T00:00:00+00:00", b"x" * 800)
    count, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        for _ in range(20):
            sign(message, key)
        count += 20
    results.put((count, time.perf_counter() - began, time.process_time() - cpu))


def measure_signatures(seconds: float = 3.0) -> Signatures:
    """One process a core, signing and nothing else."""
    results: multiprocessing.Queue[tuple[int, float, float]] = multiprocessing.Queue()
    cores = os.cpu_count() or 1
    signers = [multiprocessing.Process(target=_sign_for, args=(seconds, results)) for _ in range(cores)]
    for signer in signers:
        signer.start()
    found = [results.get() for _ in signers]
    for signer in signers:
        signer.join()
    return Signatures(
        sum(count / wall for count, wall, _ in found),
        sum(cpu for *_, cpu in found) * 1000 / sum(count for count, *_ in found),
    )


def cpu_seconds(roots: list[int]) -> float:
    """CPU used so far by processes and their children, those that ended included."""
    total = 0.0
    for root in roots:
        for process in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
            times = process.cpu_times()
            total += times.user + times.system
        ended = psutil.Process(root).cpu_times()
        total += ended.children_user + ended.children_system
    return total


class Bench:
    """A gateway and its store, ready to be loaded."""

    def __init__(self, gateway: GatewayProcess, store: Store, keys: Keys, database_pid: int | None) -> None:
        self.gateway = gateway
        self.store = store
        self.keys = keys
        self.shop = open_shop(store)
        self.database_pid = database_pid
        self.folder = Path(tempfile.mkdtemp(prefix="acqp-bench-"))

    def fill(self, orders: int, batch: str) -> list[str]:
        """Have `orders` open orders, all new, each a copy of one that was placed as usual; their codes."""
        template = self.shop.place(expires_in_s=24 * 3600)
        names = [column for column in template._mapping if column not in ("payment_request_id", "code_value")]
        code = f"'https://pay.acqp.example/281006040001' || {self._mixed('n', batch)}"
        with self.store.writing() as connection:
            connection.execute(
                text(
                    f"INSERT INTO orders (payment_request_id, code_value, {', '.join(names)})"
                    f" SELECT '{batch}' || n, {code}, {', '.join('o.' + name for name in names)}"
                    f" FROM {self._series(orders)}, orders o"
                    f" WHERE o.payment_request_id = '{template.payment_request_id}'"
                )
            )
        if not self.store.is_sqlite:
            with self.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE orders")
                connection.exec_driver_sql("CHECKPOINT")
        step = max(1, orders // 6000)
        with self.store.reading() as connection:
            rows = connection.execute(
                text(f"SELECT code_value FROM orders WHERE payment_request_id LIKE '{batch}%' ORDER BY code_value")
            ).scalars()
            return [code for number, code in enumerate(rows) if number % step == 0]

    def _mixed(self, number: str, batch: str) -> str:
        # Codes are random in life: neighbours in the index must not be neighbours in the table.
        if self.store.is_sqlite:
            return f"hex(({number} * 2654435761) % 4294967296) || '{batch}' || {number}"
        return f"md5({number}::text || '{batch}')"

    def _series(self, count: int) -> str:
        if self.store.is_sqlite:
            return (
                f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"
            )
        return f"generate_series(1, {count}) AS n"

    def empty(self) -> None:
        """Have no orders again."""
        with self.store.writing() as connection:
            connection.exec_driver_sql("DELETE FROM payments")
            connection.exec_driver_sql("DELETE FROM orders")
            connection.exec_driver_sql("DELETE FROM decodes")

    def load(
        self,
        name: str,
        orders: int,
        codes: list[str],
        *,
        seconds: int,
        again: bool,
        pause_ms: float = 0,
        kind: Kind = DECODE,
    ) -> Load:
        """Send one signed request a code, or go round until the time is over."""
        requests = self._sign_all(codes, kind)
        last = self._last(kind)
        roots = [[self.gateway.process.pid], [self.database_pid] if self.database_pid else []]
        cpu = [cpu_seconds(group) for group in roots]
        measured = self._run_wrk(requests, seconds, again=again, pause_ms=pause_ms)
        used = [cpu_seconds(group) - start for group, start in zip(roots, cpu, strict=True)]
        self._settle(kind)
        handled, took = self._recorded_since(last, kind)
        self._check(measured, handled, len(codes), again=again)
        return Load(
            name,
            orders,
            handled / took,
            used[0] * 1000 / handled,
            used[1] * 1000 / handled,
            measured["p50_ms"],
            measured["p95_ms"],
            measured["p99_ms"],
            handled,
        )

    def _run_wrk(self, requests: Path, seconds: int, *, again: bool, pause_ms: float) -> dict[str, float]:
        exhausted = self.folder / "exhausted"
        exhausted.unlink(missing_ok=True)
        wrk = subprocess.Popen(
            [
                "wrk",
                "-t1",
                f"-c{CONNECTIONS}",
                f"-d{seconds}s",
                "--timeout",
                "10s",
                "-s",
                str(REPLAY),
                self.gateway.url,
            ],
            env={
                **os.environ,
                "REQUESTS": str(requests),
                "EXHAUSTED": str(exhausted),
                "AGAIN": "yes" if again else "no",
                "PAUSE_MS": str(pause_ms),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        while wrk.poll() is None and not exhausted.exists():
            time.sleep(0.005)
        if wrk.poll() is None:
            wrk.send_signal(signal.SIGINT)
        output, _ = wrk.communicate()
        measured: dict[str, float] = json.loads(output.partition("MEASURED ")[2].splitlines()[0])
        return measured

    def _check(self, measured: dict[str, float], handled: int, codes: int, *, again: bool) -> None:
        # wrk takes the first request for a look at the script and does not send it.
        if measured["errors"] or (not again and handled != codes - 1):
            raise RuntimeError(f"answers and records do not agree: {measured}, {handled} recorded, {codes} codes")
        with self.store.reading() as connection:
            refused = connection.exec_driver_sql(
                "SELECT DISTINCT result_code, reason FROM decodes WHERE result_code <> 'SUCCESS'"
            ).all()
            unpaid = connection.exec_driver_sql(
                "SELECT DISTINCT outcome, result_code, said FROM payment_messages WHERE outcome <> 'APPLIED'"
            ).all()
        if refused or unpaid:
            raise RuntimeError(f"decodes or payments were refused: {refused} {unpaid}")

    def _last(self, kind: Kind) -> int:
        with self.store.reading() as connection:
            return int(connection.execute(select(func.coalesce(func.max(kind.number), 0))).scalar_one())

    def _settle(self, kind: Kind) -> None:
        """Wait for what wrk left under way."""
        last = -1
        while last != (last := self._last(kind)):
            time.sleep(0.3)

    def _recorded_since(self, last: int, kind: Kind) -> tuple[int, float]:
        """How many there were, and the seconds from the first to the last."""
        times = func.min(kind.at), func.max(kind.at)
        with self.store.reading() as connection:
            count, first, latest = connection.execute(select(func.count(), *times).where(kind.number > last)).one()
        return count, (latest - first).total_seconds()

    def _sign_all(self, codes: list[str], kind: Kind) -> Path:
        pem = self.keys.alipayplus.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with multiprocessing.Pool() as signers:
            raws = signers.starmap(_signed, [(pem, code, kind is PAY) for code in codes], chunksize=100)
        path = self.folder / "requests"
        path.write_bytes(b"".join(b"%08d%s" % (len(raw), raw) for raw in raws))
        return path

    def memory_mib(self) -> float:
        """Memory of its own of the largest worker."""
        return max(worker.memory_full_info().uss for worker in self.gateway.workers()) / 2**20

    def close(self) -> None:
        shutil.rmtree(self.folder)
        self.store.close()


_signing_keys: Keys | None = None


def _signed(pem: bytes, code: str, pays: bool) -> bytes:
    global _signing_keys
    if _signing_keys is None:
        key = load_pem_private_key(pem, None)
        public = key.public_key()
        _signing_keys = Keys(Path(), Path(), key, public, public)  # type: ignore[arg-type]  # RSA, as written above
    return (PAY if pays else DECODE).request(_signing_keys, code).raw()


@contextmanager
def bench_on(url: str, database_pid: int | None, workers: int) -> Iterator[Bench]:
    """A gateway on a fresh store."""
    store = Store(url, patience_s=600)
    migration.upgrade(store)
    mpps.seed(store, PUBLISHED_MPPS)
    clients.add(store, CLIENT_ID, note=None, at=datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:
        keys = make_keys(Path(folder))
        with running_gateway(url, keys, ACQP_WORKERS=str(workers)) as gateway:
            bench = Bench(gateway, store, keys, database_pid)
            warm_up(bench)
            yield bench
            bench.close()


def warm_up(bench: Bench) -> None:
    """Open the connections and prepare the statements before anything is measured."""
    code = bench.shop.place().code_value
    for _ in range(60):
        exchange(bench.gateway.address, decode_request(bench.keys, code).raw())
    bench.load("warm-up", 1, [code], seconds=2, again=True)


def measure(bench: Bench, sizes: list[int], seconds: int, progress: Progress) -> list[Load]:
    """First decodes, repeats and payments for each number of orders."""
    found = []
    task = progress.add_task("", total=len(sizes) * 4)
    for size in sizes:
        progress.update(task, description=f"{size:,} orders: placing")
        bench.empty()
        codes = bench.fill(size, f"B{size}X")
        progress.update(task, description=f"{size:,} orders: first decodes", advance=1)
        found.append(bench.load("first", size, codes, seconds=120, again=False))
        progress.update(task, description=f"{size:,} orders: repeats", advance=1)
        found.append(bench.load("repeat", size, codes, seconds=seconds, again=True))
        saturated = found[-1]
        if size == sizes[-1]:
            pause = CONNECTIONS / (saturated.per_second / 2) * 1000 - saturated.p50 / 2
            found.append(bench.load("half load", size, codes, seconds=seconds, again=True, pause_ms=pause))
        progress.update(task, description=f"{size:,} orders: payments", advance=1)
        found.append(bench.load("payment", size, codes, seconds=120, again=False, kind=PAY))
        progress.update(task, advance=1)
    return found


def show(console: Console, title: str, loads: list[Load], signatures: Signatures, memory: float) -> None:
    """One table a store."""
    table = Table(title=title)
    for heading in ("", "orders", "a second", "ratio", "server", "database", "both", "p50 ms", "p95", "p99", "n"):
        table.add_column(heading, justify="right")
    for load in loads:
        both = load.server_ms + load.database_ms
        table.add_row(
            load.name, f"{load.orders:,}", f"{load.per_second:.0f}", f"{load.per_second / signatures.per_second:.3f}",
            *(f"{cost / signatures.cpu_ms:.2f}" for cost in (load.server_ms, load.database_ms, both)),
            f"{load.p50:.1f}", f"{load.p95:.1f}", f"{load.p99:.1f}", str(load.requests),
        )  # fmt: skip
    console.print(table)
    console.print(
        "ratio: a second over RSA-2048 signatures/s of all cores; server, database, both: CPU of each in"
        f" signatures; memory of a worker: {memory:.0f} MiB"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,100000,1000000", help="numbers of orders in the store")
    parser.add_argument("--seconds", type=int, default=10, help="how long repeats are measured")
    parser.add_argument("--workers", type=int, default=max(2, os.cpu_count() or 1))
    parser.add_argument("--no-sqlite", action="store_true")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    console = Console(width=130)
    first = measure_signatures()
    with Progress(console=Console(stderr=True)) as progress:
        server = PostgresqlServer(**POSTGRESQL)
        try:
            pid = server.process.pid if server.process else 0
            with bench_on(server.new_database(), pid, options.workers) as bench:
                loads = measure(bench, sizes, options.seconds, progress)
                memory = bench.memory_mib()
        finally:
            server.remove()
        small: list[Load] = []
        if not options.no_sqlite:
            with (
                tempfile.TemporaryDirectory() as folder,
                bench_on(f"sqlite:///{folder}/bench.db", None, options.workers) as bench,
            ):
                small = measure(bench, sizes[:2], options.seconds, progress)
                small_memory = bench.memory_mib()
    last = measure_signatures()
    signatures = Signatures((first.per_second + last.per_second) / 2, (first.cpu_ms + last.cpu_ms) / 2)
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}, {options.workers} workers;"
        f" RSA-2048: {signatures.per_second:.0f} signatures/s on all cores"
        f" ({first.per_second:.0f} before, {last.per_second:.0f} after), {signatures.cpu_ms:.3f} CPU-ms each"
    )
    show(console, "PostgreSQL, wrk and gateway on the same cores", loads, signatures, memory)
    if small:
        show(console, "SQLite", small, signatures, small_memory)


if __name__ == "__main__":
    main()
