"""A till on a store of each kind that all tests of a module share: each test brings a shop and orders of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import Decodes
from tests.conftest import STORES, FreshStores
from tests.merchants import open_shop
from tests.payments.helpers import Till


@pytest.fixture(scope="module", params=STORES)
def shared_url(request: pytest.FixtureRequest, fresh_stores: FreshStores) -> str:
    """A store of this kind."""
    return fresh_stores.url(request.param)


@pytest.fixture(scope="module")
def shared_store(shared_url: str) -> Iterator[Store]:
    """The store, opened with room for the threads of a race."""
    opened = Store(shared_url, pool_size=24)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared_decodes(shared_store: Store) -> Iterator[Decodes]:
    """Its decode path."""
    opened = Decodes(shared_store, pool_size=4)
    yield opened
    opened.close()


@pytest.fixture
def till(shared_store: Store, shared_decodes: Decodes) -> Till:
    """A till of this test's own."""
    return Till(shared_store, open_shop(shared_store), shared_decodes, datetime.now(UTC))
