"""The programs that a command hands over to."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

#: gunicorn, as it serves an installed package.
GUNICORN = (
    "gunicorn",
    "-c",
    "python:acqp_gateway.server.gunicorn_conf",
    "acqp_gateway.server.application:app",
)
#: The gateway never imports the sandbox.
SANDBOX = "acqp_gateway.sandbox"


def command_of(module: str, *arguments: str) -> list[str]:
    """How this Python runs a module as a program."""
    return [sys.executable, "-m", module, *arguments]


def become(command: Sequence[str]) -> NoReturn:
    """Let a program take the place of this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], list(command))  # noqa: S606  # no shell is wanted
