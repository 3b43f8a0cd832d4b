"""`acqp-gateway keys`: our key pairs, and the public keys of those who call us."""

from __future__ import annotations

from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from acqp_gateway import settings
from acqp_gateway.cli import key_check, output
from acqp_gateway.cli.opening import Opened, with_store
from acqp_gateway.cli.options import json_option
from acqp_gateway.protocol import keyring
from acqp_gateway.protocol.keyring import OWN_KEY_PREFIX, fingerprint, public_line


@click.group()
def keys() -> None:
    """Make, show and check keys.

    The gateway signs with the newest of its own private keys, gateway-<keyVersion>.pem, and verifies with the public
    keys alipayplus-<keyVersion>.pem of whoever calls.
    """


@keys.command()
@json_option
def generate(as_json: bool) -> None:
    """Make the next key pair of the gateway, and print what Alipay+'s Developer Center asks for."""
    folder = settings.load().keys_dir
    version = keyring.next_version(folder, OWN_KEY_PREFIX)
    path = keyring.generate_key_file(folder, OWN_KEY_PREFIX, version)
    output.message(f"Made {path}.")
    output.message(
        "Upload the public key below to Alipay+'s Developer Center before the next start or reload of the gateway:"
        f" from then on it signs with keyVersion {version}, the newest."
    )
    key = keyring.read_private_key(path).public_key()
    output.show({"keyVersion": version, "file": path, **_public(key)}, as_json=as_json)


@keys.command()
@json_option
def show(as_json: bool) -> None:
    """Print what Alipay+'s Developer Center asks for, and the fingerprints of Alipay+'s keys.

    A fingerprint is the SHA-256 of the public key (SPKI DER).
    """
    configured = settings.load()
    own = keyring.read_private_keys(configured.keys_dir)
    own.require_any(configured.keys_dir)
    alipayplus = keyring.read_public_keys(configured.keys_dir)
    newest = own.newest_version
    own_records = [
        {"keyVersion": version, "newest": version == newest, **_public(key.public_key())}
        for version, key in sorted(own.by_version.items(), key=_by_number)
    ]
    alipayplus_records = [
        {"keyVersion": version, "fingerprint": fingerprint(key)}
        for version, key in sorted(alipayplus.by_version.items(), key=_by_number)
    ]
    if as_json:
        output.print_json(
            {"clientId": configured.client_id, "own": own_records, "alipayplus": alipayplus_records},
        )
        return
    for number, record in enumerate(own_records):
        if number:
            click.echo()
        output.show({"clientId": configured.client_id, **record}, as_json=False)
    output.show(
        {"alipayplus": alipayplus_records}, as_json=False, tables={"alipayplus": ("keyVersion", "fingerprint")}
    )


def _by_number(item: tuple[str, Any]) -> int:
    return int(item[0])


def _public(key: RSAPublicKey) -> dict[str, str]:
    return {"publicKey": public_line(key), "fingerprint": fingerprint(key)}


@keys.command()
@click.pass_context
@json_option
@with_store
def check(at_hand: Opened, ctx: click.Context, as_json: bool) -> None:
    """Read every key as the gateway would; exit status 1 when one is missing, unreadable, too open or our own."""
    findings = key_check.findings(at_hand.settings, at_hand.store)
    output.show_all(
        [finding.as_record() for finding in findings],
        key_check.COLUMNS,
        as_json=as_json,
        none="There is no key at all; run: acqp-gateway init",
    )
    faults = [finding.fault for finding in findings if finding.fault]
    for fault in faults:
        output.error(fault)
    if faults:
        ctx.exit(1)
    for path in key_check.sandbox_keys_in_use(at_hand.settings):
        output.warn(f"{path} is the sandbox's key: for trial alone, never for production")
    output.message("All keys can be used.")
