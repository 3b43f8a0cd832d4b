"""`acqp-gateway init`: everything that the gateway needs before it can start."""

from __future__ import annotations

from pathlib import Path

import click

from acqp_gateway.cli import output, samples
from acqp_gateway.cli.opening import Opened, opened, private_files
from acqp_gateway.cli.options import json_option
from acqp_gateway.clock import now
from acqp_gateway.errors import SettingError
from acqp_gateway.protocol import keyring
from acqp_gateway.protocol.keyring import ALIPAYPLUS_KEY_PREFIX, OWN_KEY_PREFIX
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.settings import Settings
from acqp_gateway.store import clients, migration, mpps
from acqp_gateway.store.database import Store, described

_FIRST_VERSION = "1"


class Steps:
    """What was done, and what was there already."""

    def __init__(self) -> None:
        self.records: list[output.Record] = []
        #: What is still to be done by hand.
        self.next_step: str | None = None

    def done(self, what: str) -> None:
        """This was not there and was made."""
        self.records.append({"outcome": "made", "what": what})

    def kept(self, what: str) -> None:
        """This was there and was left as it is."""
        self.records.append({"outcome": "kept", "what": what})


@click.command()
@click.option(
    "--sandbox",
    is_flag=True,
    help="Also make the key pair of the sandbox, and trust it where no key of Alipay+'s lies yet.",
)
@click.option("--sample", is_flag=True, help="Also enter sample merchants; implies --sandbox.")
@json_option
def init(sandbox: bool, sample: bool, as_json: bool) -> None:
    """Make store, keys and folders; safe to repeat.

    Folders, the store, our key pair, and Alipay+ as a client. What is there already is left as it is; a client that
    was switched off stays so.
    """
    steps = prepare(with_sandbox=sandbox or sample, with_samples=sample)
    output.show_all(steps.records, ("outcome", "what"), as_json=as_json, none="")
    if steps.next_step is not None:
        output.message(f"Next: {steps.next_step}")


def prepare(*, with_sandbox: bool, with_samples: bool) -> Steps:
    """What `init` does. Raises GatewayError."""
    steps = Steps()
    with private_files(), opened(must_be_migrated=False) as at_hand:
        _make_store(at_hand.store, steps)
        _make_own_key(at_hand.settings, steps)
        if with_sandbox:
            _make_sandbox_keys(at_hand.settings, steps)
        _enter_client(at_hand, steps)
        if with_samples:
            for merchant_id, entered in samples.enter(at_hand.store, now()).items():
                (steps.done if entered else steps.kept)(f"sample merchant {merchant_id}")
        steps.next_step = _next_step(at_hand.settings)
    return steps


def _make_store(store: Store, steps: Steps) -> None:
    if store.sqlite_file is not None:
        _make_folder(store.sqlite_file.parent, steps)
    changed = migration.upgrade(store)
    (steps.done if changed else steps.kept)(f"store {described(store.url)}, revision {migration.newest_revision()}")
    entered = mpps.seed(store, PUBLISHED_MPPS)
    if entered:
        steps.done(f"{entered} published MPPs, all requiring registration")
    else:
        steps.kept("the published MPPs")


def _make_folder(folder: Path, steps: Steps) -> None:
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise SettingError(
            f"{folder}: cannot be made ({error.strerror}); choose another folder in config/gateway.toml or ACQP_*"
        ) from None
    steps.done(f"folder {folder}")


def _make_own_key(settings: Settings, steps: Steps) -> None:
    _make_folder(settings.keys_dir, steps)
    found = keyring.key_files(settings.keys_dir, OWN_KEY_PREFIX)
    if found:
        _, newest = max(found, key=lambda version_and_path: int(version_and_path[0]))
        steps.kept(f"our key {newest}")
        return
    path = keyring.generate_key_file(settings.keys_dir, OWN_KEY_PREFIX, _FIRST_VERSION)
    steps.done(f"our key {path}")


def _make_sandbox_keys(settings: Settings, steps: Steps) -> None:
    _make_folder(settings.sandbox_keys_dir, steps)
    if keyring.key_files(settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX):
        steps.kept(f"the sandbox's key in {settings.sandbox_keys_dir}")
    else:
        made = keyring.generate_key_file(settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX, _FIRST_VERSION)
        steps.done(f"the sandbox's key {made}")
    _trust_sandbox(settings, steps)


def _trust_sandbox(settings: Settings, steps: Steps) -> None:
    """Only where no key of Alipay+'s lies: the real one must never give way to the sandbox's."""
    stand_in = keyring.read_private_keys(settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX)
    version, key = stand_in.newest_version, stand_in.newest.public_key()
    trusted = keyring.read_public_keys(settings.keys_dir).by_version
    if not trusted:
        path = settings.keys_dir / f"{ALIPAYPLUS_KEY_PREFIX}-{version}.pem"
        keyring.write_new_file(path, keyring.public_pem(key), mode=0o644)
        steps.done(f"{path}, the sandbox's public key in place of Alipay+'s")
    elif version in trusted and keyring.same_key(trusted[version], key):
        steps.kept(f"the sandbox's public key in {settings.keys_dir}")
    else:
        steps.kept(f"Alipay+'s public key in {settings.keys_dir}")
        output.warn(
            f"{settings.keys_dir} holds a key of Alipay+'s that is not the sandbox's, and it was left:"
            " what the sandbox sends will be refused"
        )


def _enter_client(at_hand: Opened, steps: Steps) -> None:
    client_id = at_hand.settings.client_id
    known = {row.client_id: row.enabled for row in clients.listed(at_hand.store)}
    if client_id not in known:
        clients.add(at_hand.store, client_id, note="Alipay+", at=now())
        steps.done(f"client {client_id}, enabled")
    elif known[client_id]:
        steps.kept(f"client {client_id}, enabled")
    else:
        steps.kept(f"client {client_id}, switched off")
        output.warn(f"client {client_id} is switched off; to let it call: acqp-gateway clients enable {client_id}")


def _next_step(settings: Settings) -> str | None:
    if keyring.key_files(settings.keys_dir, ALIPAYPLUS_KEY_PREFIX):
        return None
    return (
        "acqp-gateway keys show prints our public key; upload it to Alipay+'s Developer Center, and save the one that"
        f" it shows as {settings.keys_dir / 'alipayplus-1.pem'}. For a trial instead: acqp-gateway init --sandbox"
    )
