"""`keys` and `clients`: what Developer Center asks for, and whose key is where."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Callable

import pytest

from acqp_gateway.protocol import keyring
from tests.cli.conftest import CommandLine
from tests.peer import CLIENT_ID, Keys


def own_public_pem(keys: Keys) -> bytes:
    return keyring.public_pem(keys.gateway)


def test_show_prints_what_developer_center_asks_for(with_keys: CommandLine, made_keys: Keys) -> None:
    shown = with_keys.json("keys", "show")
    line = keyring.public_line(made_keys.gateway)
    fingerprint = hashlib.sha256(base64.b64decode(line)).hexdigest()
    assert shown["clientId"] == CLIENT_ID
    assert shown["own"] == [{"keyVersion": "1", "newest": True, "publicKey": line, "fingerprint": fingerprint}]
    assert [key["keyVersion"] for key in shown["alipayplus"]] == ["1"]
    assert f"{line}\n" in with_keys.done("keys", "show")


def test_generate_makes_the_next_version_and_says_when_it_signs(with_keys: CommandLine) -> None:
    with_keys.key("gateway-1.pem").rename(with_keys.key("gateway-9.pem"))
    result = with_keys.run("keys", "generate", "--json")
    assert result.exit_code == 0
    assert "Developer Center before the next start or reload" in result.stderr
    assert with_keys.key("gateway-10.pem").stat().st_mode & 0o777 == 0o600
    assert [(key["keyVersion"], key["newest"]) for key in with_keys.json("keys", "show")["own"]] == [
        ("9", False),
        ("10", True),
    ]


def test_show_without_a_key_names_the_next_step(sqlite_commands: CommandLine) -> None:
    assert "run: acqp-gateway init" in sqlite_commands.failed("keys", "show")


def test_check_finds_nothing_wrong(with_keys: CommandLine) -> None:
    shutil.rmtree(with_keys.folder / "sandbox-keys")
    result = with_keys.run("keys", "check", "--json")
    assert result.exit_code == 0
    assert result.stderr == "All keys can be used.\n"


def test_check_warns_of_the_sandbox_key(with_keys: CommandLine) -> None:
    result = with_keys.run("keys", "check")
    assert result.exit_code == 0
    assert "keys/alipayplus-1.pem is the sandbox's key" in result.stderr


def break_missing_own(commands: CommandLine, _keys: Keys) -> None:
    commands.key("gateway-1.pem").unlink()


def break_missing_theirs(commands: CommandLine, _keys: Keys) -> None:
    commands.key("alipayplus-1.pem").unlink()


def break_own_as_theirs(commands: CommandLine, keys: Keys) -> None:
    commands.key("alipayplus-2.pem").write_bytes(own_public_pem(keys))


def break_old_own_as_theirs(commands: CommandLine, keys: Keys) -> None:
    break_own_as_theirs(commands, keys)
    commands.done("keys", "generate")


def break_too_open(commands: CommandLine, _keys: Keys) -> None:
    commands.key("gateway-1.pem").chmod(0o640)


def break_no_key(commands: CommandLine, _keys: Keys) -> None:
    commands.key("alipayplus-1.pem").write_text("no key")


def break_odd_version(commands: CommandLine, _keys: Keys) -> None:
    commands.key("gateway-new.pem").touch()


def break_further_client(commands: CommandLine, _keys: Keys) -> None:
    commands.done("clients", "add", "SECOND")


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (break_missing_own, "keys: holds no gateway-<version>.pem; run: acqp-gateway init"),
        (break_missing_theirs, "keys: holds no alipayplus-<version>.pem; save Alipay+'s public key there"),
        (break_own_as_theirs, "keys/alipayplus-2.pem: is our own public key"),
        (break_old_own_as_theirs, "keys/alipayplus-2.pem: is our own public key"),
        (break_too_open, "chmod 600 keys/gateway-1.pem"),
        (break_no_key, "keys/alipayplus-1.pem: holds no public key"),
        (break_odd_version, "keys/gateway-new.pem: the key version in the file's name"),
        (
            break_further_client,
            "keys/SECOND: holds no alipayplus-<version>.pem; save the public key of client SECOND there\n",
        ),
    ],
)
def test_check_fails_for_a_key_that_cannot_be_used(
    with_keys: CommandLine, made_keys: Keys, break_it: Callable[[CommandLine, Keys], None], expected: str
) -> None:
    break_it(with_keys, made_keys)
    result = with_keys.run("keys", "check")
    assert result.exit_code == 1
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1


def test_check_does_not_ask_for_the_key_of_a_client_that_is_off(with_keys: CommandLine) -> None:
    with_keys.done("clients", "add", "SECOND")
    with_keys.done("clients", "disable", "SECOND")
    assert with_keys.run("keys", "check").exit_code == 0


def test_a_further_client_is_added_switched_and_listed(commands: CommandLine) -> None:
    result = commands.run("clients", "add", "SECOND", "--note", "another region", "--json")
    assert result.exit_code == 0
    assert "keys/SECOND/alipayplus-1.pem" in result.stderr
    assert commands.json("clients", "disable", "SECOND")["enabled"] is False
    assert commands.json("clients", "enable", "SECOND")["enabled"] is True
    listed = commands.json("clients", "list")
    assert [(row["clientId"], row["note"], row["keysFolder"]) for row in listed] == [
        ("SECOND", "another region", "keys/SECOND")
    ]
    assert "acqp-gateway clients list" in commands.failed("clients", "add", "SECOND")
    assert "acqp-gateway clients list" in commands.failed("clients", "enable", "THIRD")


def test_a_key_is_copied_to_where_the_client_s_keys_belong(with_keys: CommandLine) -> None:
    with_keys.key("alipayplus-1.pem").rename(with_keys.folder / "theirs.pem")
    with_keys.done("clients", "add", "SECOND", "--key", "theirs.pem")
    copied = keyring.read_public_keys(with_keys.folder / "keys" / "SECOND")
    assert list(copied.by_version) == ["1"]


@pytest.mark.parametrize("content", ["own", "private", "none"])
def test_a_key_that_cannot_be_theirs_adds_no_client(with_keys: CommandLine, made_keys: Keys, content: str) -> None:
    contents = {
        "own": own_public_pem(made_keys),
        "private": with_keys.key("gateway-1.pem").read_bytes(),
        "none": b"no key",
    }
    (with_keys.folder / "theirs.pem").write_bytes(contents[content])
    assert "theirs.pem: " in with_keys.failed("clients", "add", "SECOND", "--key", "theirs.pem")
    assert with_keys.json("clients", "list") == []
