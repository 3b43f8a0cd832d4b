"""`acqp-gateway clients`: who may call the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy import Row

from acqp_gateway.cli import output
from acqp_gateway.cli.opening import Opened, with_store
from acqp_gateway.cli.options import json_option
from acqp_gateway.clients import keys_folder
from acqp_gateway.clock import now
from acqp_gateway.errors import IllegalValue
from acqp_gateway.protocol import keyring
from acqp_gateway.settings import Settings
from acqp_gateway.store import clients as stored_clients

_client_argument = click.argument("client_id", metavar="CLIENT_ID")


@click.group()
def clients() -> None:
    """Say who may call the gateway. A change is in force on all workers within 5 seconds."""


@clients.command()
@_client_argument
@click.option("--note", metavar="TEXT", help="Who that is; for people.")
@click.option(
    "--key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The client's public key, PEM or one line of base64; it is checked and copied to where it belongs.",
)
@json_option
@with_store
def add(at_hand: Opened, client_id: str, note: str | None, key_file: Path | None, as_json: bool) -> None:
    """Let a client call, and say where its public keys belong.

    A client's keys are files named alipayplus-<key version>.pem.
    """
    pem = _checked_key(at_hand, key_file) if key_file is not None else None
    stored_clients.add(at_hand.store, client_id, note=note, at=now())
    folder = keys_folder(at_hand.settings.keys_dir, client_id, at_hand.settings.client_id)
    output.message(f"Client {client_id} may call now.")
    if pem is None:
        output.message(
            f"Put its public key at {folder / 'alipayplus-1.pem'}; 1 is the keyVersion that it signs with."
        )
    else:
        version = keyring.next_version(folder, keyring.ALIPAYPLUS_KEY_PREFIX)
        path = folder / f"{keyring.ALIPAYPLUS_KEY_PREFIX}-{version}.pem"
        keyring.write_new_file(path, pem, mode=0o644)
        output.message(f"Its public key is in force as keyVersion {version}: {path}")
    _show(at_hand, client_id, as_json=as_json)


def _checked_key(at_hand: Opened, key_file: Path) -> bytes:
    key = keyring.read_public_key(key_file)
    own_keys = keyring.read_private_keys(at_hand.settings.keys_dir).by_version.values()
    if any(keyring.same_key(key, own.public_key()) for own in own_keys):
        raise IllegalValue(f"{key_file}: is our own public key; ask the client for theirs")
    return keyring.public_pem(key)


@clients.command("list")
@json_option
@with_store
def list_clients(at_hand: Opened, as_json: bool) -> None:
    """List the clients and where their public keys belong."""
    output.show_all(
        [_record(row, at_hand.settings) for row in stored_clients.listed(at_hand.store)],
        ("clientId", "enabled", "changedAt", "note", "keysFolder"),
        as_json=as_json,
        none="No client may call yet; run: acqp-gateway init",
    )


@clients.command()
@_client_argument
@json_option
@with_store
def enable(at_hand: Opened, client_id: str, as_json: bool) -> None:
    """Let a client call again."""
    _switch(at_hand, client_id, enabled=True, as_json=as_json)


@clients.command()
@_client_argument
@json_option
@with_store
def disable(at_hand: Opened, client_id: str, as_json: bool) -> None:
    """Refuse whatever a client sends, with ACCESS_DENIED."""
    _switch(at_hand, client_id, enabled=False, as_json=as_json)


def _switch(at_hand: Opened, client_id: str, *, enabled: bool, as_json: bool) -> None:
    stored_clients.switch(at_hand.store, client_id, enabled=enabled, at=now())
    output.message(f"Client {client_id} is {'enabled' if enabled else 'disabled'}, on all workers within 5 seconds.")
    _show(at_hand, client_id, as_json=as_json)


def _show(at_hand: Opened, client_id: str, *, as_json: bool) -> None:
    row = next(row for row in stored_clients.listed(at_hand.store) if row.client_id == client_id)
    output.show(_record(row, at_hand.settings), as_json=as_json)


def _record(row: Row[Any], settings: Settings) -> dict[str, Any]:
    return {
        "clientId": row.client_id,
        "enabled": row.enabled,
        "note": row.note,
        "changedAt": row.changed_at,
        "keysFolder": keys_folder(settings.keys_dir, row.client_id, settings.client_id),
    }
