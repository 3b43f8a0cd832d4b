"""`acqp-gateway db`: the store's tables."""

from __future__ import annotations

import click

from acqp_gateway.cli import output
from acqp_gateway.cli.opening import Opened, opened, private_files
from acqp_gateway.cli.options import json_option
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.store import migration, mpps
from acqp_gateway.store.database import described


@click.group()
def db() -> None:
    """Look after the store's tables."""


@db.command()
@json_option
def upgrade(as_json: bool) -> None:
    """Bring the store's tables to this version; safe to repeat.

    Take a copy of the store first: there is no way back.
    """
    with private_files(), opened(must_be_migrated=False) as at_hand:
        changed = migration.upgrade(at_hand.store)
        entered = mpps.seed(at_hand.store, PUBLISHED_MPPS)
        output.message("The store was upgraded." if changed else "The store was up to date already.")
        if entered:
            output.message(f"{entered} published MPPs were entered.")
        output.show(_described(at_hand), as_json=as_json)


@db.command()
@json_option
def check(as_json: bool) -> None:
    """Say whether the store answers and has this version's tables; exit status 1 when not."""
    with opened() as at_hand:
        at_hand.store.probe()
        output.message("The store answers, can be written, and has this version's tables.")
        output.show(_described(at_hand), as_json=as_json)


def _described(at_hand: Opened) -> output.Record:
    with at_hand.store.reading() as connection:
        revision = migration.revision(connection)
    return {
        "store": described(at_hand.store.url),
        "revision": revision,
        "neededRevision": migration.newest_revision(),
    }
