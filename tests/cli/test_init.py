"""`init` and `db`: from nothing to what the gateway needs, as often as somebody likes."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from acqp_gateway import settings
from acqp_gateway.clock import now
from acqp_gateway.protocol import keyring
from acqp_gateway.store import standings
from acqp_gateway.store.database import Store
from acqp_gateway.store.standings import Check, News, PspRow, Subject
from tests.cli.conftest import CommandLine
from tests.peer import CLIENT_ID
from tests.postgresql import PostgresqlServer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(
    request: pytest.FixtureRequest,
    configure: CommandLine,
    postgresql_server: PostgresqlServer,
    monkeypatch: pytest.MonkeyPatch,
) -> CommandLine:
    """A command line before the first `init`."""
    if request.param == "postgresql":
        monkeypatch.setenv("ACQP_DATABASE_URL", postgresql_server.new_database())
    return configure


def outcomes(steps: list[dict[str, Any]]) -> set[str]:
    return {step["outcome"] for step in steps}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_init_makes_everything_and_keeps_it_the_second_time(empty: CommandLine) -> None:
    first = empty.json("init", "--sample")
    key = empty.key("gateway-1.pem").read_bytes()
    second = empty.json("init", "--sample")
    assert outcomes(first) == {"made"}
    assert outcomes(second) == {"kept"}
    assert empty.key("gateway-1.pem").read_bytes() == key
    assert [(client["clientId"], client["enabled"]) for client in empty.json("clients", "list")] == [
        (CLIENT_ID, True)
    ]
    assert all(row["registrationRequired"] for row in empty.json("mpps", "list"))
    assert len(empty.json("mpps", "list")) == 25


def test_samples_can_sell_and_have_ids_of_their_own(empty: CommandLine) -> None:
    empty.done("init", "--sample")
    ids = [merchant["merchant"] for merchant in empty.json("merchants", "list")]
    assert ids == ["SAMPLE-COFFEE", "SAMPLE-KITES", "SAMPLE-NOODLES"]
    result = empty.run(
        *("orders", "place", "--merchant", "SAMPLE-COFFEE", "--store", "SHIBUYA", "--amount", "1500"),
        *("--currency", "JPY", "--description", "2 lattes"),
    )
    assert result.exit_code == 0
    assert result.stderr == ""


def test_what_an_interrupted_init_left_out_is_entered_by_the_next(empty: CommandLine) -> None:
    empty.done("init")
    empty.done("merchants", "add", "--id", "SAMPLE-COFFEE", "--name", "Mine", "--mcc", "5814", "--region", "JP")
    empty.done("init", "--sample")
    shown = empty.json("merchants", "show", "SAMPLE-COFFEE")
    assert shown["name"] == "Mine"
    assert [store["store"] for store in shown["stores"]] == ["SHIBUYA"]
    assert [contract["currency"] for contract in shown["contracts"]] == ["JPY"]


def test_what_alipayplus_said_of_a_sample_is_not_overruled(empty: CommandLine) -> None:
    empty.done("init", "--sample")
    show = ("registrations", "show", "--merchant", "SAMPLE-COFFEE", "--store", "SHIBUYA")
    subject = Subject("SAMPLE-COFFEE", "SHIBUYA")
    for rows in ((PspRow("DANA", "IN_STORE_PAYMENT", "APPROVED", None),), ()):
        at = now()
        check = Check(
            kind="INQUIRY", triggered_by="kim", asked_how="merchant_store", merchant_id="SAMPLE-COFFEE",
            store_id="SHIBUYA", registration_request_id=None, started_at=at, duration_us=1, attempts=1,
            outcome="answered", said="",
        )  # fmt: skip
        store = Store(settings.load().database_url)
        assert standings.finish(store, subject, check, News("COMPLETED", rows, at), claimed_by="kim")
        store.close()
        assert outcomes(empty.json("init", "--sample")) == {"kept"}
        assert [psp["pspName"] for psp in empty.json(*show)["psps"]] == [row.psp_name for row in rows]


def test_a_client_that_was_switched_off_stays_off(empty: CommandLine) -> None:
    empty.done("init")
    empty.done("clients", "disable", CLIENT_ID)
    result = empty.run("init")
    assert f"acqp-gateway clients enable {CLIENT_ID}" in result.stderr
    assert [client["enabled"] for client in empty.json("clients", "list")] == [False]


def test_what_init_makes_is_private(configure: CommandLine) -> None:
    configure.done("init", "--sandbox")
    assert mode(configure.folder / "var") == 0o700
    assert mode(configure.folder / "var" / "gateway.db") == 0o600
    for name, files in {"keys": ("gateway-1.pem",), "sandbox-keys": ("alipayplus-1.pem",)}.items():
        assert mode(configure.folder / name) == 0o700
        assert [mode(configure.folder / name / file) for file in files] == [0o600]


def test_upgrade_makes_a_private_file_too(configure: CommandLine) -> None:
    configure.done("db", "upgrade")
    assert mode(configure.folder / "var" / "gateway.db") == 0o600


def test_without_sandbox_init_says_where_the_key_of_alipayplus_belongs(configure: CommandLine) -> None:
    result = configure.run("init")
    assert result.stderr == (
        "Next: acqp-gateway keys show prints our public key; upload it to Alipay+'s Developer Center, and save the"
        " one that it shows as keys/alipayplus-1.pem. For a trial instead: acqp-gateway init --sandbox\n"
    )
    assert result.output.endswith(result.stderr)
    assert not configure.key("alipayplus-1.pem").exists()


def test_sandbox_key_is_trusted_under_its_own_version(configure: CommandLine) -> None:
    keyring.generate_key_file(configure.folder / "sandbox-keys", "alipayplus", "7")
    configure.done("init", "--sandbox")
    trusted = keyring.read_public_key(configure.key("alipayplus-7.pem"))
    private = keyring.read_private_key(configure.folder / "sandbox-keys" / "alipayplus-7.pem")
    assert keyring.same_key(trusted, private.public_key())


def test_sandbox_key_never_replaces_a_key_of_alipayplus(with_keys: CommandLine) -> None:
    real = with_keys.key("alipayplus-1.pem").read_bytes()
    (with_keys.folder / "sandbox-keys" / "alipayplus-1.pem").unlink()
    result = with_keys.run("init", "--sandbox")
    assert result.exit_code == 0
    assert "is not the sandbox's" in result.stderr
    assert with_keys.key("alipayplus-1.pem").read_bytes() == real
    assert [path.name for path in sorted((with_keys.folder / "keys").glob("alipayplus-*"))] == ["alipayplus-1.pem"]


def test_a_folder_that_cannot_be_made_is_named(configure: CommandLine) -> None:
    (configure.folder / "keys").write_text("a file")
    assert "keys: cannot be made" in configure.failed("init")


@pytest.mark.parametrize(
    "command", [("merchants", "list"), ("orders", "show", "X"), ("db", "check"), ("keys", "check")]
)
def test_without_a_store_the_next_step_is_named(configure: CommandLine, command: tuple[str, ...]) -> None:
    assert configure.failed(*command) == (
        f"acqp-gateway: database_url: there is no store at {configure.folder}/var/gateway.db; run this where the"
        " gateway is installed, or, for a new gateway: acqp-gateway init\n"
    )
    assert not (configure.folder / "var").exists()


def test_a_store_without_tables_is_named(empty: CommandLine) -> None:
    (empty.folder / "var").mkdir()
    (empty.folder / "var" / "gateway.db").touch()
    for command in (("merchants", "list"), ("db", "check")):
        assert empty.failed(*command) == "acqp-gateway: the store is empty; run: acqp-gateway init\n"
    assert empty.json("db", "upgrade")["revision"] == empty.json("db", "check")["neededRevision"]
    assert empty.json("merchants", "list") == []


def test_a_store_that_is_not_there_is_named_without_its_password(
    configure: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACQP_DATABASE_URL", "postgresql://me:s3cret@/gateway?host=/nowhere")
    line = configure.failed("db", "check")
    assert "check ACQP_DATABASE_URL" in line
    assert "s3cret" not in line


def test_a_file_that_is_no_database_is_named(configure: CommandLine) -> None:
    (configure.folder / "var").mkdir()
    (configure.folder / "var" / "gateway.db").write_text("no database at all" * 100)
    assert "file is not a database" in configure.failed("merchants", "list")
