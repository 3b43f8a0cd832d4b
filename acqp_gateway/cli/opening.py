"""How a command gets at the settings and the store."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from acqp_gateway import settings
from acqp_gateway.settings import Settings
from acqp_gateway.store import migration
from acqp_gateway.store.database import Store

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a command works with."""

    settings: Settings
    store: Store


@contextmanager
def opened(*, must_be_migrated: bool = True) -> Iterator[Opened]:
    """The settings, and the store that they name, closed at the end.

    Raises SettingError when there is no store, and StoreNotMigrated when its tables are not of this version,
    unless the command is one that mends just that.
    """
    configured = settings.load()
    store = Store(configured.database_url)
    try:
        if must_be_migrated:
            store.require_file()
            migration.check(store)
        yield Opened(configured, store)
    finally:
        store.close()


def with_store(
    command: Callable[Concatenate[Opened, Arguments], Returned],
) -> Callable[Arguments, Returned]:
    """A command that is handed what it works with as its first argument."""

    @functools.wraps(command)
    def run(*arguments: Arguments.args, **options: Arguments.kwargs) -> Returned:
        with opened() as at_hand:
            return command(at_hand, *arguments, **options)

    return run


@contextmanager
def private_files() -> Iterator[None]:
    """Files and folders that are made in this block may be read by their owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
