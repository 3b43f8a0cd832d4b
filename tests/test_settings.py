"""Settings: their defaults, where they come from, which wins, and what is said of one that is wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from acqp_gateway import settings
from acqp_gateway.errors import SettingError
from acqp_gateway.settings import Settings, load
from tests.peer import ACQUIRER_ID, CLIENT_ID, DECODE_PATH

GATEWAY_TOML = Path(__file__).parents[1] / "config" / "gateway.toml"

DEFAULTS: dict[str, Any] = {
    "database_url": "sqlite:///var/gateway.db",
    "bind": "127.0.0.1:8000",
    "client_id": CLIENT_ID,
    "acquirer_id": ACQUIRER_ID,
    "keys_dir": Path("var/keys"),
    "sandbox_keys_dir": Path("var/sandbox-keys"),
    "request_time_window_s": 300.0,
    "max_body_bytes": 65_536,
    "code_url_prefix": "https://pay.acqp.example/281006040001",
    "decode_path": DECODE_PATH,
    "public_decode_path": "",
    "rate_limit": "",
    "store_timeout_s": 1.0,
    "workers": 0,
    "threads": 8,
    "log_level": "info",
    "alipayplus_url": "http://127.0.0.1:8100",
    "notify_registration_path": "/aps/api/v1/merchants/notifyRegistrationStatus",
    "public_notify_registration_path": "",
    "push_payment_path": "/aps/api/v1/payments/pushPayment",
    "public_push_payment_path": "",
    "inquiry_push_payment_path": "/aps/api/v1/payments/inquiryPushPayment",
    "public_inquiry_push_payment_path": "",
    "notify_payment_path": "/aps/api/v1/payments/notifyPayment",
    "public_notify_payment_path": "",
    "notify_push_payment_path": "/aps/api/v1/payments/notifyPushPayment",
    "sandbox_bind": "127.0.0.1:8100",
    "sandbox_dir": Path("var/sandbox"),
    "sandbox_gateway_url": "",
    "sandbox_wallet_client_id": "5YWALLET00000001",
}
BUILT_IN = dataclasses.asdict(Settings())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ACQP_")]:
        monkeypatch.delenv(name)
    return tmp_path


def write_toml(folder: Path, content: str | bytes, name: str = "config/gateway.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def as_toml(value: Any) -> str:
    """A value as TOML writes it; for what JSON writes alike."""
    return json.dumps(str(value) if isinstance(value, Path) else value)


def test_without_file_and_environment_the_defaults_hold() -> None:
    assert dataclasses.asdict(load({})) == DEFAULTS


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACQP_THREADS", "3")
    monkeypatch.setenv("OTHER_THREADS", "4")
    assert load().threads == 3


OTHERS: dict[str, tuple[Any, Any]] = {
    "database_url": ("postgresql+psycopg2://u@h/db", "sqlite:///other.db"),
    "bind": ("0.0.0.0:1", "[::1]:65535"),
    "client_id": ("5YFILE", "5Y.env-1_2"),
    "acquirer_id": ("1", "a" * 64),
    "keys_dir": ("keys", "/etc/keys"),
    "sandbox_keys_dir": ("s", "/etc/s"),
    "request_time_window_s": (0, "86400"),
    "max_body_bytes": (1024, "1048576"),
    "code_url_prefix": ("https://a.example:8443/281999049999", "https://b.example/281000040000"),
    "decode_path": ("/decode", "/a/b.c/d~e/f_g-h"),
    "public_decode_path": ("/public", "/other"),
    "rate_limit": ("200/second", "1/hour"),
    "store_timeout_s": (0.1, "5"),
    "workers": (256, "1"),
    "threads": (1, "256"),
    "log_level": ("debug", "error"),
    "alipayplus_url": ("https://open.alipayplus.example/", "http://localhost:1/base"),
    "notify_registration_path": ("/notify", "/n"),
    "public_notify_registration_path": ("/public-notify", "/p"),
    "push_payment_path": ("/push-payment", "/push-payment2"),
    "public_push_payment_path": ("/public/push-payment", "/public/push-payment2"),
    "inquiry_push_payment_path": ("/inquiry-push-payment", "/inquiry-push-payment2"),
    "public_inquiry_push_payment_path": ("/public/inquiry-push-payment", "/public/inquiry-push-payment2"),
    "notify_payment_path": ("/notify-payment", "/notify-payment2"),
    "public_notify_payment_path": ("/public/notify-payment", "/public/notify-payment2"),
    "notify_push_payment_path": ("/told", "/tell"),
    "sandbox_bind": ("127.0.0.1:1", "[::1]:8100"),
    "sandbox_dir": ("sandbox", "/var/sandbox"),
    "sandbox_gateway_url": ("https://gateway.example/", "http://127.0.0.1:9"),
    "sandbox_wallet_client_id": ("5YW", "5Y.wallet-1_2"),
}


def as_kept(name: str, value: Any) -> Any:
    kept = type(DEFAULTS[name])(value)
    return kept.rstrip("/") if name in ("alipayplus_url", "sandbox_gateway_url") else kept


@pytest.mark.parametrize("name", OTHERS)
def test_the_environment_wins_over_the_file_and_the_file_over_the_default(name: str, folder: Path) -> None:
    in_file, in_environment = (as_kept(name, value) for value in OTHERS[name])
    write_toml(folder, f"{name} = {as_toml(OTHERS[name][0])}\n")
    assert dataclasses.asdict(load({})) == {**BUILT_IN, name: in_file}
    environment = {f"ACQP_{name.upper()}": OTHERS[name][1]}
    assert dataclasses.asdict(load(environment)) == {**BUILT_IN, name: in_environment}


def test_every_setting_is_covered_here() -> None:
    assert [setting.name for setting in fields(Settings)] == list(DEFAULTS) == list(OTHERS)


BAD: dict[str, list[Any]] = {
    "database_url": ["", 1, []],
    "bind": ["", "127.0.0.1", ":8000", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:x", "a b:1", 8000],
    "client_id": ["", " ", "a b", "a/b", "../x", ".x", "-x", "é", "a" * 65, "a\n", 5, True],
    "acquirer_id": ["", "a/b", "a" * 65, 2021228100000001],
    "keys_dir": ["", 1],
    "sandbox_keys_dir": ["", False],
    "request_time_window_s": ["", "soon", "-1", -1, "86401", "nan", "inf", True, [], "300 s"],
    "max_body_bytes": ["", "1023", 1023, "1048577", "64k", "65536.0", 65536.0, True],
    "code_url_prefix": [
        "",
        "http://pay.acqp.example/281006040001",
        "https://pay.acqp.example/281006040001/",
        "https://pay.acqp.example/281006040001?x",
        "https://pay.acqp.example/28100604000",
        "https://pay.acqp.example/2810060400011",
        "https://pay.acqp.example/282006040001",
        "https://pay.acqp.example/281006050001",
        "https://pay.acqp.example/x/281006040001",
        "https://PAY.example/281006040001",
        "https:///281006040001",
        f"https://{'a' * 250}/281006040001",
        281006040001,
    ],
    "decode_path": [
        "",
        "/",
        "decode",
        "/decode/",
        "//decode",
        "/a//b",
        "/a?b",
        "/a#b",
        "/a b",
        "/%61",
        "/é",
        "/a\n",
        1,
        "/healthz",
        "/readyz",
    ],
    "public_decode_path": ["/", "decode", "/decode/", "/a?b", "https://h/a", False],
    "rate_limit": ["200", "0/second", "200/day", "200 per second", "-1/second", "1/second;2/hour", 200],
    "store_timeout_s": ["", "0", 0, "0.09", "5.1", "nan", False],
    "workers": ["", "-1", -1, "257", "auto", 1.5, True],
    "threads": ["", "0", 0, "257", "8.0", 8.0],
    "log_level": ["", "INFO", "trace", 20, ["info"]],
    "alipayplus_url": [
        "",
        "open.alipayplus.example",
        "http://open.alipayplus.example",
        "http://127.0.0.1.example",
        "https://",
        "https:///path",
        "https://open.alipayplus.example/?a=b",
        "ftp://127.0.0.1",
        8100,
    ],
    "notify_registration_path": ["", "/", "notify", "/notify/", "/healthz", 1],
    "public_notify_registration_path": ["/", "notify", "/notify/", False],
    "push_payment_path": ["", "/", "x", "/x/", "/healthz", 1],
    "public_push_payment_path": ["/", "x", "/x/", False],
    "inquiry_push_payment_path": ["", "/", "x", "/x/", "/healthz", 1],
    "public_inquiry_push_payment_path": ["/", "x", "/x/", False],
    "notify_payment_path": ["", "/", "x", "/x/", "/healthz", 1],
    "public_notify_payment_path": ["/", "x", "/x/", False],
    "notify_push_payment_path": ["", "/", "x", "/x/", 1],
    "sandbox_bind": ["", "0.0.0.0:8100", "10.0.0.1:8100", "[::]:8100", "127.0.0.1", "example.org:8100", 8100],
    "sandbox_dir": ["", 1],
    "sandbox_gateway_url": ["gateway.example", "http://gateway.example", "https://", 8000],
    "sandbox_wallet_client_id": ["", "a b", "a/b", "a" * 65, 5],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values], ids=repr
)
def test_a_bad_value_in_the_file_is_named(name: str, value: Any, folder: Path) -> None:
    write_toml(folder, f"{name} = {as_toml(value)}\n")
    with pytest.raises(SettingError) as refused:
        load({})
    text = str(refused.value)
    assert text.startswith(f"{name} in config/gateway.toml: must be ")
    assert "\n" not in text
    assert text.endswith(f", not {str(value)[:80]!r}")


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD.items() for value in values if isinstance(value, str)],
    ids=repr,
)
def test_a_bad_value_in_the_environment_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^ACQP_{name.upper()}: must be .*, not "):
        load({f"ACQP_{name.upper()}": value})


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("request_time_window_s", "must be a number from 0 to 86400"),
        ("max_body_bytes", "must be a whole number from 1024 to 1048576"),
        ("threads", "must be a whole number from 1 to 256"),
    ],
)
@pytest.mark.parametrize("value", ["-1", "99999999"])
def test_the_reason_says_what_would_be_right(name: str, reason: str, value: str) -> None:
    with pytest.raises(SettingError) as refused:
        load({f"ACQP_{name.upper()}": value})
    assert str(refused.value) == f"ACQP_{name.upper()}: {reason}, not {value!r}"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("client", "did you mean client_id in config/gateway.toml?"),
        ("databaseurl", "did you mean database_url in config/gateway.toml?"),
        ("thread", "did you mean threads in config/gateway.toml?"),
        ("BIND", "did you mean bind in config/gateway.toml?"),
        ("colour", "config/gateway.toml lists all settings"),
    ],
)
def test_an_unknown_key_is_named_with_the_one_that_is_meant(key: str, said: str, folder: Path) -> None:
    write_toml(folder, f'{key} = "x"\n')
    with pytest.raises(SettingError) as refused:
        load({})
    assert str(refused.value) == f"{key} in config/gateway.toml: no such setting; {said}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ACQP_DATABASE_ULR", "did you mean ACQP_DATABASE_URL?"),
        ("ACQP_CLIENTID", "did you mean ACQP_CLIENT_ID?"),
        ("ACQP_COLOUR", "config/gateway.toml lists all settings"),
        ("ACQP_", "config/gateway.toml lists all settings"),
    ],
)
def test_an_unknown_variable_is_named_with_the_one_that_is_meant(name: str, said: str) -> None:
    with pytest.raises(SettingError) as refused:
        load({name: "x"})
    assert str(refused.value) == f"{name}: no such setting; {said}"


def test_a_table_is_no_setting(folder: Path) -> None:
    write_toml(folder, "[store]\ntimeout_s = 1\n")
    with pytest.raises(SettingError, match=r"^store in config/gateway\.toml: no such setting"):
        load({})


def test_the_file_may_be_elsewhere(folder: Path) -> None:
    write_toml(folder, "threads = 1\n")
    write_toml(folder, "threads = 2\n", "other.toml")
    assert load({"ACQP_CONFIG": str(folder / "other.toml")}).threads == 2
    assert load({"ACQP_CONFIG": "other.toml"}).threads == 2
    assert load({"ACQP_CONFIG": ""}).threads == 1


def test_a_chosen_file_that_is_missing_is_named(folder: Path) -> None:
    write_toml(folder, "threads = 1\n")
    with pytest.raises(
        SettingError, match=r"^nowhere\.toml: cannot be read \(No such file .*\); ACQP_CONFIG names this file$"
    ):
        load({"ACQP_CONFIG": "nowhere.toml"})


def test_a_folder_is_no_file(folder: Path) -> None:
    (folder / "config" / "gateway.toml").mkdir(parents=True)
    with pytest.raises(SettingError, match=r"^config/gateway\.toml: cannot be read \("):
        load({})


@pytest.mark.parametrize(
    "content",
    ["threads", "threads = ", "threads = 1\nthreads = 2\n", '{"threads": 1}', b"threads = \xff\n", b"\xff\xfet\0"],
    ids=["key-alone", "no-value", "twice", "json", "not-utf8", "utf-16"],
)
def test_a_file_that_is_not_toml_is_named(content: str | bytes, folder: Path) -> None:
    write_toml(folder, content)
    with pytest.raises(SettingError, match=r"^config/gateway\.toml: not TOML \("):
        load({})


def test_settings_cannot_be_changed() -> None:
    loaded = load({})
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.threads = 9  # type: ignore[misc]  # what must not work
    with pytest.raises(TypeError):
        Settings("sqlite:///x")  # type: ignore[call-arg]  # what must not work


def test_the_path_that_is_signed() -> None:
    def served(environment: dict[str, str]) -> tuple[str, str]:
        return load(environment).served_paths["userInitiatedPay"]

    assert served({"ACQP_DECODE_PATH": "/a"}) == ("/a", "/a")
    assert served({"ACQP_DECODE_PATH": "/a", "ACQP_PUBLIC_DECODE_PATH": "/b"}) == ("/a", "/b")
    assert served({"ACQP_PUBLIC_DECODE_PATH": ""}) == (DECODE_PATH, DECODE_PATH)


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("localhost:1", "http://localhost:1"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("[::]:8000", "http://[::1]:8000"),
    ],
)
def test_where_this_machine_reaches_the_gateway(bind: str, url: str) -> None:
    assert load({"ACQP_BIND": bind}).url == url


@pytest.mark.parametrize("value", ["false", "0", "[]", "{}"])
def test_a_rate_limit_is_a_text(value: str, folder: Path) -> None:
    """Otherwise each worker fails when it starts, and the master boots another one for ever."""
    write_toml(folder, f"rate_limit = {value}\n")
    with pytest.raises(SettingError, match=r"^rate_limit in config/gateway\.toml: must be empty or a rate"):
        load({})


@pytest.mark.parametrize("path", ["/healthz/decode", "/readyz/a/b", "/HEALTHZ/decode"])
def test_an_api_cannot_lie_below_a_health_address(path: str) -> None:
    """The gate takes whatever begins as its APIs do, and would take the health address with it."""
    with pytest.raises(SettingError, match="ACQP_DECODE_PATH: must be a path"):
        load({"ACQP_DECODE_PATH": path})


def test_the_file_in_the_repository_states_every_setting_with_its_default() -> None:
    stated = tomllib.loads(GATEWAY_TOML.read_text(encoding="utf-8"))
    expected = {name: str(value) if isinstance(value, Path) else value for name, value in BUILT_IN.items()}
    assert stated == expected
    assert {name: type(value) for name, value in stated.items()} == {
        name: type(value) for name, value in expected.items()
    }
    assert dataclasses.asdict(load({"ACQP_CONFIG": str(GATEWAY_TOML)})) == BUILT_IN


def test_the_file_in_the_repository_explains_every_setting() -> None:
    text = GATEWAY_TOML.read_text(encoding="utf-8")
    for setting in fields(Settings):
        assert re.search(rf"(^#.*\n)+(^\w+ = .*\n)*{setting.name} = ", text, re.MULTILINE), setting.name


def test_the_default_file_is_the_documented_one() -> None:
    assert Path("config/gateway.toml") == settings.DEFAULT_FILE


def test_two_apis_cannot_have_one_path() -> None:
    with pytest.raises(SettingError, match="userInitiatedPay and notifyRegistrationStatus are both /a; give each"):
        load({"ACQP_DECODE_PATH": "/a", "ACQP_NOTIFY_REGISTRATION_PATH": "/a"})
    with pytest.raises(SettingError, match="userInitiatedPay and notifyRegistrationStatus are both /b; give each"):
        load({"ACQP_PUBLIC_DECODE_PATH": "/b", "ACQP_PUBLIC_NOTIFY_REGISTRATION_PATH": "/b"})
