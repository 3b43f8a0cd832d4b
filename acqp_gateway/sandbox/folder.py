"""What lies in ACQP_SANDBOX_DIR: the store, and the token without which nobody controls the sandbox."""

from __future__ import annotations

import fcntl
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acqp_gateway.errors import NotOnRecord, SettingError
from acqp_gateway.protocol.keyring import write_new_file

_SHORTEST_TOKEN = 20
_LONGEST_TOKEN = 200


def store_file(folder: Path) -> Path:
    """Where the sandbox's store lies."""
    return folder / "sandbox.db"


def token_file(folder: Path) -> Path:
    """Where the control token lies."""
    return folder / "control-token"


def prepare(folder: Path) -> None:
    """Make the folder and the control token where they are missing. Raises SettingError, KeyFileError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"{folder}: cannot be made ({error.strerror}); choose another ACQP_SANDBOX_DIR") from None
    if not token_file(folder).exists():
        write_new_file(token_file(folder), f"{secrets.token_urlsafe(32)}\n".encode(), mode=0o600)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Within this block no other sandbox serves from this folder: both would go on with the same payments.

    Raises SettingError when another does.
    """
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingError(
                f"{folder}: another sandbox serves from here; end it, or choose another folder:"
                " ACQP_SANDBOX_DIR=var/sandbox2 acqp-gateway sandbox serve"
            ) from None
        yield


def read_token(folder: Path) -> str:
    """The control token. Raises NotOnRecord when there is none yet, SettingError when it cannot be used."""
    path = token_file(folder)
    try:
        with path.open(encoding="ascii") as file:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise SettingError(f"{path}: may be read by others; run: chmod 600 {path}")
            token = file.read(_LONGEST_TOKEN + 2).strip()
    except FileNotFoundError:
        raise NotOnRecord(f"{path}: there is no control token yet; run: acqp-gateway sandbox serve") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: cannot be read ({error}); remove it to get another one") from None
    if not _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN or not token.isprintable():
        raise SettingError(f"{path}: holds no token; remove it and run: acqp-gateway sandbox serve")
    return token
