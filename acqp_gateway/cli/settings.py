"""`acqp-gateway settings`: what is configured, and where."""

from __future__ import annotations

import os
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from acqp_gateway import settings as gateway_settings
from acqp_gateway.cli import output
from acqp_gateway.cli.options import json_option
from acqp_gateway.server.configuration import check_start
from acqp_gateway.settings import DEFAULT_FILE, ENVIRONMENT_PREFIX, Settings
from acqp_gateway.store.database import described, read_url


@click.group()
def settings() -> None:
    """See and check what is configured.

    Settings come from config/gateway.toml (or the file that ACQP_CONFIG names), then from ACQP_* in the environment.
    """


@settings.command()
@json_option
def show(as_json: bool) -> None:
    """Show every setting in force and where it comes from; passwords are hidden."""
    configured = gateway_settings.load()
    in_file = _names_in_file()
    shown = [
        {"setting": field.name, "value": _value(configured, field.name), "origin": _origin(field.name, in_file)}
        for field in fields(Settings)
    ]
    output.show_all(shown, ("setting", "value", "origin"), as_json=as_json, none="")


@settings.command()
def check() -> None:
    """Check what the gateway checks before it starts: settings, keys and store."""
    check_start(gateway_settings.load())
    output.message("The gateway can start with these settings.")


def _value(configured: Settings, name: str) -> Any:
    value = getattr(configured, name)
    return described(read_url(value)) if name == "database_url" else value


def _file() -> Path:
    return Path(os.environ.get("ACQP_CONFIG") or DEFAULT_FILE)


def _names_in_file() -> set[str]:
    path = _file()
    if not path.exists():
        return set()
    with path.open("rb") as file:
        return set(tomllib.load(file))


def _origin(name: str, in_file: set[str]) -> str:
    variable = f"{ENVIRONMENT_PREFIX}{name.upper()}"
    if variable in os.environ:
        return variable
    return str(_file()) if name in in_file else "default"
