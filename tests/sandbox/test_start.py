"""`acqp-gateway sandbox serve`: what it makes, what it refuses, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acqp_gateway import settings
from acqp_gateway.errors import ConfigurationError, SettingError
from acqp_gateway.protocol.keyring import generate_key_file, read_private_keys
from acqp_gateway.sandbox import server
from acqp_gateway.sandbox.keys import GatewayDirectory
from acqp_gateway.sandbox.store import SandboxStore
from tests.gateway_process import ROOT, free_port
from tests.peer import Keys
from tests.sandbox.processes import INQUIRY_PATH, Sandbox, SandboxProcess, sandbox_environment


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_it_keeps_is_for_its_owner_alone(sandbox: Sandbox) -> None:
    folder = sandbox.process.folder
    assert mode(folder) == 0o700
    kept = {path.name: mode(path) for path in folder.iterdir()}
    assert kept.keys() >= {"control-token", "sandbox.db", "sandbox.db-wal"}
    assert set(kept.values()) == {0o600}
    assert len(sandbox.process.token()) >= 40


def test_one_line_says_where_it_serves_and_where_the_token_lies(sandbox: Sandbox) -> None:
    address = f"http://127.0.0.1:{sandbox.process.address[1]}"
    assert sandbox.process.ready_line == (
        f"The sandbox serves {address}/ , a page for a person, too; its control token lies in"
        f" {sandbox.process.folder}/control-token; Ctrl-C ends it.\n"
    )


def serve(environment: dict[str, str]) -> str:
    """The one line of a sandbox that does not start."""
    ended = subprocess.run(
        [sys.executable, "-m", "acqp_gateway.sandbox", "serve"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("acqp-gateway: ")
    assert ended.stderr.count("\n") == 1
    return ended.stderr


@pytest.fixture
def environment(tmp_path: Path, sandbox_keys: Keys) -> dict[str, str]:
    """The environment of a sandbox of the test's own."""
    return sandbox_environment(tmp_path, sandbox_keys, free_port(), gateway_port=free_port())


def test_any_address_but_this_machines_own_is_refused(environment: dict[str, str]) -> None:
    line = serve({**environment, "ACQP_SANDBOX_BIND": "127.0.0.1.nowhere.invalid:8100"})
    assert "ACQP_SANDBOX_BIND: must be an address of this machine alone" in line
    assert not Path(environment["ACQP_SANDBOX_DIR"]).exists()


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0", "127.0.0.1.nowhere.invalid:80", "224.0.0.1:0"])
def test_what_an_address_means_counts_and_not_how_it_begins(bind: str) -> None:
    with pytest.raises(SettingError, match="this machine alone"):
        server.listen(bind)


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "127.1.2.3:0", "localhost:0", "[::1]:0"])
def test_this_machines_own_addresses(bind: str) -> None:
    if bind.startswith("[") and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("a machine without IPv6")
    with server.listen(bind) as listener:
        assert listener.getsockname()[0] in ("127.0.0.1", "127.1.2.3", "::1")


def test_an_address_in_use_is_refused() -> None:
    with (
        server.listen("127.0.0.1:0") as listener,
        pytest.raises(SettingError, match=r"cannot be used \(Address already in use\); end the program that uses it"),
    ):
        server.listen(f"127.0.0.1:{listener.getsockname()[1]}")


def refusal(environment: dict[str, str]) -> str:
    """Why a sandbox cannot start with this environment."""
    with pytest.raises(ConfigurationError) as caught:
        server.prepare(settings.load(environment))
    return str(caught.value)


def test_without_a_key_of_the_gateway_the_next_step_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    line = refusal({**environment, "ACQP_KEYS_DIR": str(tmp_path / "none")})
    assert "none: holds no gateway-<version>.pem; run: acqp-gateway init" in line


@pytest.mark.parametrize("name", ["control-token", "sandbox.db"])
def test_files_that_cannot_be_used_are_named(environment: dict[str, str], name: str) -> None:
    folder = Path(environment["ACQP_SANDBOX_DIR"])
    folder.mkdir()
    (folder / name).write_text("not what it should be\n" * 1_000)
    (folder / name).chmod(0o600)
    line = refusal(environment)
    assert f"{folder}/{name}" in line
    assert "remove" in line


def test_a_token_that_others_may_read_is_refused(environment: dict[str, str]) -> None:
    folder = Path(environment["ACQP_SANDBOX_DIR"])
    folder.mkdir()
    (folder / "control-token").write_text("x" * 43)
    (folder / "control-token").chmod(0o644)
    assert "chmod 600" in refusal(environment)


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    store = SandboxStore(tmp_path / "sandbox.db")
    with store.transaction() as connection:
        connection.execute("PRAGMA user_version=99")
    store.close()
    with pytest.raises(SettingError, match=r"version 99.*remove the file"):
        SandboxStore(tmp_path / "sandbox.db")


def test_a_failed_change_leaves_nothing_behind(tmp_path: Path) -> None:
    store = SandboxStore(tmp_path / "sandbox.db")
    with pytest.raises(sqlite3.OperationalError):
        _change_and_fail(store)
    with store.reading() as connection:
        assert connection.execute("SELECT ms FROM latency").fetchone()[0] == 0
    store.close()


def _change_and_fail(store: SandboxStore) -> None:
    with store.transaction() as connection:
        connection.execute("UPDATE latency SET ms = 7")
        connection.execute("UPDATE nothing SET ms = 7")


def test_a_change_that_cannot_be_kept_leaves_the_store_usable(tmp_path: Path) -> None:
    store = SandboxStore(tmp_path / "sandbox.db")
    with pytest.raises(sqlite3.IntegrityError):
        _write_what_cannot_be_kept(store)
    with store.transaction() as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'own%'").fetchall() == []
    store.close()


def _write_what_cannot_be_kept(store: SandboxStore) -> None:
    """What breaks a rule that SQLite looks at when it is to be kept, and not before."""
    with store.transaction() as connection:
        connection.execute("CREATE TABLE owners (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE owned (o INTEGER REFERENCES owners DEFERRABLE INITIALLY DEFERRED)")
        connection.execute("INSERT INTO owned VALUES (1)")


def test_it_makes_its_own_key_keeps_what_it_knows_and_says_that_nobody_trusts_it(
    environment: dict[str, str], tmp_path: Path, sandbox_keys: Keys
) -> None:
    environment = {
        **environment,
        "ACQP_SANDBOX_KEYS_DIR": str(tmp_path / "own-keys"),
        "ACQP_ALIPAYPLUS_URL": f"http://{environment['ACQP_SANDBOX_BIND']}/base",
    }
    process = SandboxProcess(environment)
    sandbox = Sandbox(process, sandbox_keys, 0)
    token = process.token()
    sandbox.register()
    # Alipay+'s base address may have a path of its own, which is signed like the rest.
    reply = sandbox.send(sandbox.request(target=f"/base{INQUIRY_PATH}"))
    assert reply.code == "SUCCESS"
    assert process.stop(signal.SIGINT) == 0
    assert f"made {tmp_path}/own-keys/alipayplus-1.pem" in process.errors()
    assert "believe nothing that the sandbox says; for a trial run: acqp-gateway init --sandbox" in process.errors()
    assert mode(tmp_path / "own-keys" / "alipayplus-1.pem") == 0o600
    assert list(read_private_keys(tmp_path / "own-keys", "alipayplus").by_version) == ["1"]
    process.close()

    again = SandboxProcess(environment)
    assert again.token() == token
    assert Sandbox(again, sandbox_keys, 0).send(sandbox.request()).code == "SUCCESS"
    assert again.stop() == 0
    assert "made" not in again.errors()
    again.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_and_quietly_while_it_is_slow_on_purpose(
    environment: dict[str, str], sandbox_keys: Keys, number: signal.Signals
) -> None:
    process = SandboxProcess(environment)
    sandbox = Sandbox(process, sandbox_keys, 0)
    sandbox.register()
    sandbox.set_fault("slow", times=1)
    sandbox.set_fault("dripping", times=1)
    connections = [socket.create_connection(process.address, timeout=10) for _ in range(2)]
    for connection in connections:
        connection.sendall(sandbox.request().raw())
    while sandbox.done("GET", "faults")["faults"]:
        time.sleep(0.02)
    started = time.monotonic()
    assert process.stop(number) == 0
    assert time.monotonic() - started < 4
    assert process.errors() == ""
    for connection in connections:
        connection.close()
    process.close()


def test_a_new_key_of_the_gateway_is_known_without_a_restart(
    environment: dict[str, str], tmp_path: Path, sandbox_keys: Keys
) -> None:
    generate_key_file(tmp_path / "keys", "gateway", "1")
    configured = settings.load({**environment, "ACQP_KEYS_DIR": str(tmp_path / "keys")})
    directory = GatewayDirectory(configured)
    client = directory.find(configured.client_id)
    assert client is not None
    assert list(client.keys.by_version) == ["1"]
    assert directory.find("5YSOMEBODYELSE01") is None
    generate_key_file(tmp_path / "keys", "gateway", "2")
    directory._look_again_at = 0.0
    client = directory.find(configured.client_id)
    assert client is not None
    assert list(client.keys.by_version) == ["1", "2"]
    (tmp_path / "keys" / "gateway-2.pem").write_text("broken")
    directory._look_again_at = 0.0
    again = directory.find(configured.client_id)
    assert again is not None
    assert list(again.keys.by_version) == ["1", "2"]
