"""gunicorn's master stops with one line when the gateway could not run; health; an installed wheel; a clean end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from acqp_gateway.protocol.keyring import public_pem
from tests.conftest import FreshStores
from tests.gateway_process import ROOT, GatewayProcess, environment, free_port, running_gateway
from tests.http.conftest import Service
from tests.peer import Keys

Breakage = Callable[[dict[str, str], Path], None]


def _set(**variables: str) -> Breakage:
    return lambda found, _: found.update(variables)


def _without(pattern: str) -> Breakage:
    def remove(_: dict[str, str], keys_dir: Path) -> None:
        for path in keys_dir.glob(pattern):
            path.unlink()

    return remove


def _readable_by_others(_: dict[str, str], keys_dir: Path) -> None:
    (keys_dir / "gateway-1.pem").chmod(0o644)


def _garbage_key(_: dict[str, str], keys_dir: Path) -> None:
    (keys_dir / "alipayplus-1.pem").write_text("not a key")


def _file(content: str) -> Breakage:
    def write(found: dict[str, str], keys_dir: Path) -> None:
        (keys_dir / "gateway.toml").write_text(content)
        found["ACQP_CONFIG"] = str(keys_dir / "gateway.toml")

    return write


BREAKAGES: dict[str, tuple[Breakage, str]] = {
    "unknown variable": (
        _set(ACQP_DATABSE_URL="x"),
        "ACQP_DATABSE_URL: no such setting; did you mean ACQP_DATABASE_URL?",
    ),
    "bad bind": (_set(ACQP_BIND="localhost"), "ACQP_BIND"),
    "bad window": (_set(ACQP_REQUEST_TIME_WINDOW_S="soon"), "ACQP_REQUEST_TIME_WINDOW_S"),
    "bad size": (_set(ACQP_MAX_BODY_BYTES="0"), "ACQP_MAX_BODY_BYTES"),
    "bad prefix": (_set(ACQP_CODE_URL_PREFIX="http://x/1"), "ACQP_CODE_URL_PREFIX"),
    "bad path": (_set(ACQP_DECODE_PATH="/a/"), "ACQP_DECODE_PATH"),
    "health as path": (_set(ACQP_PUBLIC_DECODE_PATH="/healthz"), "ACQP_PUBLIC_DECODE_PATH"),
    "bad rate": (_set(ACQP_RATE_LIMIT="many"), "ACQP_RATE_LIMIT"),
    "bad database": (_set(ACQP_DATABASE_URL="mysql://x/y"), "database_url"),
    "no store": (_set(ACQP_DATABASE_URL="sqlite:////nonexistent/x.db"), "for a new gateway: acqp-gateway init"),
    "no keys folder": (_set(ACQP_KEYS_DIR="/nonexistent"), "/nonexistent"),
    "no own key": (_without("gateway-*"), "gateway-<version>.pem"),
    "no key of Alipay+'s": (_without("alipayplus-*"), "alipayplus-<version>.pem"),
    "key readable by others": (_readable_by_others, "chmod 600"),
    "garbage key": (_garbage_key, "alipayplus-1.pem"),
    "missing file": (_set(ACQP_CONFIG="/nonexistent.toml"), "/nonexistent.toml"),
    "unknown key in the file": (_file("bnid = '127.0.0.1:1'"), "bnid in"),
    "bad value in the file": (_file("threads = 'four'"), "threads in"),
    "not TOML": (_file("threads ="), "not TOML"),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_master_stops_with_one_line_before_a_worker_starts(
    name: str, fresh_stores: FreshStores, keys: Keys, tmp_path: Path
) -> None:
    breakage, said = BREAKAGES[name]
    keys_dir = tmp_path / "keys"
    shutil.copytree(keys.keys_dir, keys_dir)
    found = environment(fresh_stores.url("sqlite"), keys, free_port(), ACQP_KEYS_DIR=str(keys_dir))
    breakage(found, keys_dir)
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", "wsgi:app"],
        cwd=ROOT, env=found, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert ended.returncode == 1
    assert said in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert "Traceback" not in ended.stderr


def test_unmigrated_store_stops_the_master(fresh_stores: FreshStores, keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    gateway = GatewayProcess(environment(f"sqlite:///{tmp_path}/empty.db", keys, free_port()))
    assert gateway.process.wait(timeout=30) == 1
    assert "the store is empty; run: acqp-gateway init" in gateway.log()
    gateway.stop()


def test_own_public_key_in_place_of_alipayplus_is_said(fresh_stores: FreshStores, keys: Keys, tmp_path: Path) -> None:
    shutil.copytree(keys.keys_dir, tmp_path / "keys")
    (tmp_path / "keys" / "alipayplus-1.pem").write_bytes(public_pem(keys.gateway))
    with running_gateway(fresh_stores.url("sqlite"), keys, ACQP_KEYS_DIR=str(tmp_path / "keys")) as gateway:
        assert "is our own; run: acqp-gateway keys check" in gateway.log()


def test_health(service: Service) -> None:
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        with urllib.request.urlopen(service.process.url + path, timeout=5) as response:
            assert response.status == 200
            assert json.load(response)["status"] == status


def test_not_ready_when_a_key_cannot_be_loaded(fresh_stores: FreshStores, keys: Keys, tmp_path: Path) -> None:
    shutil.copytree(keys.keys_dir, tmp_path / "keys")
    with running_gateway(fresh_stores.url("sqlite"), keys, ACQP_KEYS_DIR=str(tmp_path / "keys")) as gateway:
        (tmp_path / "keys" / "gateway-1.pem").write_text("broken")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(gateway.url + "/readyz", timeout=5)
        assert refused.value.code == 503
        assert json.load(refused.value)["checks"] == {"store": "ok", "keys": "KeyFileError"}
        refused.value.close()


def test_control_socket_is_off_and_the_end_is_clean(fresh_stores: FreshStores, keys: Keys, tmp_path: Path) -> None:
    found = environment(fresh_stores.url("sqlite"), keys, free_port(), HOME=str(tmp_path), ACQP_WORKERS="2")
    gateway = GatewayProcess(found)
    gateway.wait_until()
    assert not list(tmp_path.rglob("*.ctl"))
    workers = gateway.workers()
    assert len(workers) == 2
    gateway.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert gateway.process.wait(timeout=20) == 0
    assert time.monotonic() - began < 8
    assert not any(worker.is_running() for worker in workers)
    assert "Traceback" not in gateway.log()
    gateway.stop()


def test_runs_from_an_installed_wheel_outside_the_source_tree(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "var", "build", "tests", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(tmp_path), str(source)],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)], check=True)
    work = tmp_path / "work"
    work.mkdir()
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ACQP_")}
    found = {**inherited, "PYTHONPATH": str(site), "ACQP_BIND": f"127.0.0.1:{port}", "ACQP_WORKERS": "1"}
    command = [sys.executable, "-c", "from acqp_gateway.cli import main; main()"]
    subprocess.run([*command, "init", "--sample"], cwd=work, env=found, check=True, stdout=subprocess.DEVNULL)
    where = subprocess.run(
        [sys.executable, "-c", "import acqp_gateway; print(acqp_gateway.__file__)"],
        cwd=work, env=found, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(site))
    gateway = GatewayProcess(
        found,
        cwd=work,
        configuration="python:acqp_gateway.server.gunicorn_conf",
        application="acqp_gateway.server.application:app",
    )
    try:
        gateway.wait_until()
    finally:
        gateway.stop()
