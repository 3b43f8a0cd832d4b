"""A store of each kind that all tests of a module share: each test brings merchants of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from acqp_gateway.store.database import Store
from tests.conftest import STORES, FreshStores


@pytest.fixture(scope="module", params=STORES)
def shared_store(request: pytest.FixtureRequest, fresh_stores: FreshStores) -> Iterator[Store]:
    """For tests that leave nothing behind which another would find."""
    opened = Store(fresh_stores.url(request.param))
    yield opened
    opened.close()
