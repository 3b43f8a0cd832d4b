"""A gateway under gunicorn on each kind of store, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from acqp_gateway.store import clients
from acqp_gateway.store.database import Store
from tests.conftest import STORES, FreshStores
from tests.gateway_process import GatewayProcess, running_gateway
from tests.merchants import Shop, open_shop
from tests.peer import CLIENT_ID, Keys, Reply, SignedRequest, assert_authentic, decode_request, exchange, make_keys


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Both sides' keys."""
    return make_keys(tmp_path_factory.mktemp("both"))


def ready_store(url: str) -> Store:
    """A store that knows the client under test."""
    store = Store(url)
    clients.add(store, CLIENT_ID, note=None, at=datetime.now(UTC))
    return store


@dataclass(frozen=True)
class Service:
    """A running gateway with its store and keys, and what a test does with them."""

    process: GatewayProcess
    store: Store
    keys: Keys

    def shop(self, **changes: Any) -> Shop:
        """A shop of this test's own."""
        return open_shop(self.store, **changes)

    def request(self, code_value: str, **changes: Any) -> SignedRequest:
        """A proper userInitiatedPay, but for the changes."""
        return decode_request(self.keys, code_value, **changes)

    def send(self, request: SignedRequest) -> Reply:
        """Send a request and read its answer."""
        return exchange(self.process.address, request.raw(), method=request.method)

    def decode(self, code_value: str, **changes: Any) -> Reply:
        """Decode a code; the answer is authentic."""
        request = self.request(code_value, **changes)
        reply = self.send(request)
        target = request.signed_target or request.target
        assert_authentic(reply, self.keys, target=target, method=request.method)
        return reply


@pytest.fixture(scope="session", params=STORES)
def service(request: pytest.FixtureRequest, fresh_stores: FreshStores, keys: Keys) -> Iterator[Service]:
    """The gateway on this kind of store; tests bring merchants of their own."""
    url = fresh_stores.url(request.param)
    store = ready_store(url)
    with running_gateway(url, keys) as process:
        yield Service(process, store, keys)
    store.close()
