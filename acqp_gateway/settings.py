"""config/gateway.toml, then ACQP_* of the environment -> one frozen Settings.

Every setting is a field here, with its default and its check; config/gateway.toml explains them to a person. A
key, variable or value that is not understood stops whoever reads the settings, in one line that names it.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from acqp_gateway.addresses import is_loopback
from acqp_gateway.errors import SettingError

DEFAULT_FILE = Path("config/gateway.toml")
ENVIRONMENT_PREFIX = "ACQP_"
_FILE_VARIABLE = "ACQP_CONFIG"

#: A server bound to any address is reached at this machine's own.
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104  # compared, not bound

HEALTH_PATHS = ("/healthz", "/readyz")

Check = Callable[[Any], Any]


def _identifier(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError("must be 1 to 64 letters, digits, dots, dashes or underscores")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text")
    return value


def _folder(value: Any) -> Path:
    return Path(_text(value))


def _number(lowest: float, highest: float) -> Check:
    def check(value: Any) -> float:
        number = float(value) if not isinstance(value, bool) else None
        if number is None or not lowest <= number <= highest:
            raise ValueError(f"must be a number from {lowest:g} to {highest:g}")
        return number

    return check


def _whole_number(lowest: int, highest: int) -> Check:
    def check(value: Any) -> int:
        number = int(value) if not isinstance(value, (bool, float)) else None
        if number is None or not lowest <= number <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return number

    return check


def _bind(value: Any) -> str:
    match = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", _text(value))
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError("must be an address and a port, such as 127.0.0.1:8000")
    return str(value)


def _is_below_health(path: str) -> bool:
    """The gate takes whatever begins like one of its APIs, and would take a health address with it."""
    return f"/{path.split('/')[1].lower()}" in HEALTH_PATHS


def _path(value: Any) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", _text(value)) or _is_below_health(value):
        raise ValueError("must be a path such as /aps/api/v1/payments/userInitiatedPay, without query or final slash")
    return str(value)


def _path_or_empty(value: Any) -> str:
    return "" if value == "" else _path(value)


def _code_url_prefix(value: Any) -> str:
    if not re.fullmatch(r"https://[a-z0-9.-]+(:[0-9]+)?/281[0-9]{3}04[0-9]{4}", _text(value)) or len(value) > 256:
        raise ValueError(
            "must be https://<your registered domain>/281AAA04BBBB, where Alipay+ assigns AAA and you choose BBBB"
        )
    return str(value)


def _rate(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"([1-9][0-9]{0,6}/(second|minute|hour))?", value):
        raise ValueError("must be empty or a rate such as 200/second")
    return str(value)


def _log_level(value: Any) -> str:
    if value not in ("debug", "info", "warning", "error"):
        raise ValueError("must be debug, info, warning or error")
    return str(value)


def _loopback_bind(value: Any) -> str:
    host = _bind(value).rpartition(":")[0].strip("[]")
    if not is_loopback(host):
        raise ValueError("must be an address of this machine alone, such as 127.0.0.1:8100")
    return str(value)


def _base_url(value: Any) -> str:
    parts = urlsplit(_text(value))
    local = is_loopback(parts.hostname or "")
    if parts.scheme not in (("http", "https") if local else ("https",)) or not parts.hostname or parts.query:
        raise ValueError("must be https://host or https://host/path; http:// only to 127.0.0.1")
    return str(value).rstrip("/")


def _base_url_or_empty(value: Any) -> str:
    return "" if value == "" else _base_url(value)


class ServedPath(NamedTuple):
    """An API's path as gunicorn sees it, and as Alipay+ calls and signs it: they differ behind a rewriting proxy."""

    path: str
    signed_path: str


def _served(path: str, public_path: str) -> ServedPath:
    return ServedPath(path, public_path or path)


def _setting(default: Any, check: Check) -> Any:
    return field(default=default, metadata={"check": check})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person configures; config/gateway.toml explains each. Times in seconds, sizes in bytes."""

    database_url: str = _setting("sqlite:///var/gateway.db", _text)
    bind: str = _setting("127.0.0.1:8000", _bind)
    client_id: str = _setting("5YACQP0000000001", _identifier)
    acquirer_id: str = _setting("2021228100000001", _identifier)
    keys_dir: Path = _setting(Path("var/keys"), _folder)
    sandbox_keys_dir: Path = _setting(Path("var/sandbox-keys"), _folder)
    request_time_window_s: float = _setting(300.0, _number(0, 86_400))
    max_body_bytes: int = _setting(65_536, _whole_number(1_024, 1_048_576))
    code_url_prefix: str = _setting("https://pay.acqp.example/281006040001", _code_url_prefix)
    decode_path: str = _setting("/aps/api/v1/payments/userInitiatedPay", _path)
    public_decode_path: str = _setting("", _path_or_empty)
    rate_limit: str = _setting("", _rate)
    store_timeout_s: float = _setting(1.0, _number(0.1, 5))
    workers: int = _setting(0, _whole_number(0, 256))
    threads: int = _setting(8, _whole_number(1, 256))
    log_level: str = _setting("info", _log_level)
    alipayplus_url: str = _setting("http://127.0.0.1:8100", _base_url)
    notify_registration_path: str = _setting("/aps/api/v1/merchants/notifyRegistrationStatus", _path)
    public_notify_registration_path: str = _setting("", _path_or_empty)
    push_payment_path: str = _setting("/aps/api/v1/payments/pushPayment", _path)
    public_push_payment_path: str = _setting("", _path_or_empty)
    inquiry_push_payment_path: str = _setting("/aps/api/v1/payments/inquiryPushPayment", _path)
    public_inquiry_push_payment_path: str = _setting("", _path_or_empty)
    notify_payment_path: str = _setting("/aps/api/v1/payments/notifyPayment", _path)
    public_notify_payment_path: str = _setting("", _path_or_empty)
    notify_push_payment_path: str = _setting("/aps/api/v1/payments/notifyPushPayment", _path)
    sandbox_bind: str = _setting("127.0.0.1:8100", _loopback_bind)
    sandbox_dir: Path = _setting(Path("var/sandbox"), _folder)
    sandbox_gateway_url: str = _setting("", _base_url_or_empty)
    sandbox_wallet_client_id: str = _setting("5YWALLET00000001", _identifier)

    @property
    def served_paths(self) -> dict[str, ServedPath]:
        """Where each API that the gateway serves lies, by the API's name."""
        return {
            "userInitiatedPay": _served(self.decode_path, self.public_decode_path),
            "notifyRegistrationStatus": _served(self.notify_registration_path, self.public_notify_registration_path),
            "pushPayment": _served(self.push_payment_path, self.public_push_payment_path),
            "inquiryPushPayment": _served(self.inquiry_push_payment_path, self.public_inquiry_push_payment_path),
            "notifyPayment": _served(self.notify_payment_path, self.public_notify_payment_path),
        }

    @property
    def gateway_url(self) -> str:
        """Where the sandbox reaches the gateway."""
        return self.sandbox_gateway_url or self.url

    @property
    def url(self) -> str:
        """Where this machine reaches the gateway."""
        host, _, port = self.bind.rpartition(":")
        return f"http://{_ANY_ADDRESS.get(host, host)}:{port}"


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of this process. Raises SettingError naming the file, key or variable that is wrong."""
    environment = os.environ if environment is None else environment
    known = {setting.name: setting for setting in fields(Settings)}
    values: dict[str, Any] = {}
    for origin, key, raw in [*_from_file(environment), *_from_environment(environment)]:
        name = key.lower() if origin == "environment" else key
        if name not in known:
            raise SettingError(_unknown(origin, key, known))
        values[name] = _checked(known[name], raw, _named(origin, key))
    settings = Settings(**values)
    _check_paths(settings)
    return settings


def _check_paths(settings: Settings) -> None:
    for which in ServedPath._fields:
        owner: dict[str, str] = {}
        for api, served in settings.served_paths.items():
            other = owner.setdefault(getattr(served, which), api)
            if other != api:
                raise SettingError(
                    f"the paths of {other} and {api} are both {getattr(served, which)}; give each its own"
                )


def _from_file(environment: Mapping[str, str]) -> list[tuple[str, str, Any]]:
    chosen = environment.get(_FILE_VARIABLE)
    path = Path(chosen) if chosen else DEFAULT_FILE
    if not chosen and not path.exists():
        return []
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise SettingError(f"{path}: cannot be read ({error.strerror}); {_FILE_VARIABLE} names this file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: not TOML ({error})") from None
    return [(str(path), key, value) for key, value in content.items()]


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, str, Any]]:
    return [
        ("environment", name.removeprefix(ENVIRONMENT_PREFIX), value)
        for name, value in sorted(environment.items())
        if name.startswith(ENVIRONMENT_PREFIX) and name != _FILE_VARIABLE
    ]


def _named(origin: str, key: str) -> str:
    return f"{ENVIRONMENT_PREFIX}{key}" if origin == "environment" else f"{key} in {origin}"


def _unknown(origin: str, key: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(key.lower(), known, 1)
    spelt = _named(origin, close[0].upper() if origin == "environment" else close[0]) if close else ""
    hint = f"did you mean {spelt}?" if spelt else "config/gateway.toml lists all settings"
    return f"{_named(origin, key)}: no such setting; {hint}"


def _checked(setting: Field[Any], raw: Any, name: str) -> Any:
    try:
        return setting.metadata["check"](raw)
    except (ValueError, TypeError) as error:
        reason = str(error) if str(error).startswith("must") else "must be a number"
        raise SettingError(f"{name}: {reason}, not {str(raw)[:80]!r}") from None
