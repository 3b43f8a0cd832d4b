"""The command line with settings of its own, in this process, on each kind of store."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from acqp_gateway.cli.command_line import acqp_gateway
from tests.conftest import FreshStores
from tests.peer import ACQUIRER_ID, CLIENT_ID, Keys, make_keys

SELLING_MERCHANT = (
    ("merchants", "add", "--id", "M1", "--name", "Corner Coffee", "--mcc", "5814", "--region", "JP"),
    ("stores", "add", "--merchant", "M1", "--id", "S1", "--name", "Corner Coffee Shibuya"),
    (
        *("contracts", "add", "--merchant", "M1", "--currency", "JPY", "--max-amount", "1000000"),
        *("--settlement-currency", "USD"),
    ),
    ("registrations", "set", "--merchant", "M1", "--store", "S1", "--psp", "ALIPAY_CN", "--status", "APPROVED"),
)
ORDER = ("--merchant", "M1", "--store", "S1", "--amount", "1500", "--currency", "JPY", "--description", "2 lattes")


@dataclass(frozen=True)
class CommandLine:
    """Runs commands; `folder` is the working directory."""

    folder: Path

    def run(self, *arguments: str) -> Result:
        """Whatever comes of a command."""
        return CliRunner().invoke(acqp_gateway, arguments, prog_name="acqp-gateway")

    def done(self, *arguments: str) -> str:
        """What a command that succeeds prints on standard output."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str) -> Any:
        """What a command that succeeds prints as JSON."""
        return json.loads(self.done(*arguments, "--json"))

    def failed(self, *arguments: str, status: int = 1) -> str:
        """The one line of a command that is refused or fails; nothing is printed as data."""
        result = self.run(*arguments)
        assert result.exit_code == status, result.output
        assert result.stdout == ""
        if status == 1:
            assert result.stderr.startswith("acqp-gateway: "), result.stderr
            assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr

    def open_shop(self) -> None:
        """Merchant M1 with store S1, ready to sell in JPY."""
        for command in SELLING_MERCHANT:
            self.done(*command)

    def place(self, *more: str) -> Any:
        """Place an order of M1; the record of it."""
        return self.json("orders", "place", *ORDER, *more)

    def key(self, name: str) -> Path:
        """A key file of the gateway's folder."""
        return self.folder / "keys" / name


@pytest.fixture(scope="session")
def made_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Both sides' keys, made once."""
    return make_keys(tmp_path_factory.mktemp("cli-keys"))


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A command line whose settings lead to an empty folder; no store, no keys."""
    for name in [name for name in os.environ if name.startswith("ACQP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACQP_DATABASE_URL", "sqlite:///var/gateway.db")
    monkeypatch.setenv("ACQP_KEYS_DIR", "keys")
    monkeypatch.setenv("ACQP_SANDBOX_KEYS_DIR", "sandbox-keys")
    monkeypatch.setenv("ACQP_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("ACQP_ACQUIRER_ID", ACQUIRER_ID)
    return CommandLine(tmp_path)


@pytest.fixture
def commands(configure: CommandLine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """A command line on a fresh store that is migrated and seeded; the test runs once on each kind."""
    monkeypatch.setenv("ACQP_DATABASE_URL", database_url)
    return configure


@pytest.fixture
def sqlite_commands(
    configure: CommandLine, fresh_stores: FreshStores, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Likewise for what has nothing to do with the kind of store."""
    monkeypatch.setenv("ACQP_DATABASE_URL", fresh_stores.url("sqlite"))
    return configure


@pytest.fixture
def with_keys(sqlite_commands: CommandLine, made_keys: Keys) -> CommandLine:
    """A command line on a fresh store, with both sides' keys where they belong."""
    shutil.copytree(made_keys.keys_dir, sqlite_commands.folder / "keys")
    shutil.copytree(made_keys.sandbox_keys_dir, sqlite_commands.folder / "sandbox-keys")
    return sqlite_commands
