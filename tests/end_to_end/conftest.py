"""Gateway and sandbox as processes, on each kind of store: what a customer, a till and an operator would see."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from acqp_gateway.store import orders, payments, registrations
from acqp_gateway.store.database import Store
from tests.conftest import STORES, FreshStores
from tests.end_to_end.line import Line
from tests.gateway_process import GatewayProcess, free_port, running_gateway
from tests.http.conftest import ready_store
from tests.merchants import Shop, open_shop
from tests.peer import Keys, make_keys
from tests.sandbox.processes import Sandbox, SandboxProcess, sandbox_environment

_LOOK_EVERY_S = 0.05
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Market:
    """A gateway, a sandbox that plays everybody else, and a shop that sells in JPY to two wallets' users.

    The sandbox calls the gateway over `line`.
    """

    gateway: GatewayProcess
    line: Line
    sandbox: Sandbox
    store: Store
    shop: Shop

    def scan(self, code_value: str, psp_name: str = "ALIPAY_CN", **members: Any) -> dict[str, Any]:
        """A wallet's user scans a code."""
        wanted = {"codeValue": code_value, "pspName": psp_name, "speed": 20, **members}
        found: dict[str, Any] = self.sandbox.done("POST", "scans", wanted)["scan"]
        return found

    def pay(self, scan: dict[str, Any]) -> dict[str, Any]:
        """The user confirms; the scan once nothing more will happen to it."""
        self.sandbox.done("POST", f"scans/{scan['scanId']}/pay", {})
        return self.finished(scan)

    def finished(self, scan: dict[str, Any]) -> dict[str, Any]:
        """A scan once nothing more will happen to it."""
        return self.wait_for(scan, lambda found: bool(found["finished"]))

    def wait_for(self, scan: dict[str, Any], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """A scan once it is as wanted."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            found: dict[str, Any] = self.sandbox.done("GET", f"scans/{scan['scanId']}")["scan"]
            if wanted(found):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(_LOOK_EVERY_S)

    def state(self, order: Any) -> str:
        """The order's state as the gateway has it on record."""
        return str(orders.get(self.store, order.payment_request_id).state)

    def accepted(self, order: Any) -> list[str]:
        """The paymentIds of the payments that were accepted for an order."""
        found = payments.of_order(self.store, order.payment_request_id)
        return [payment.payment_id for payment in found if payment.state == "ACCEPTED"]

    def messages(self, scan: dict[str, Any]) -> list[dict[str, Any]]:
        """The signed messages of a scan, the oldest first."""
        found = self.sandbox.done("GET", f"history?scan={scan['scanId']}&after=0&limit=200")["messages"]
        return sorted(found, key=lambda message: message["id"])

    def set_fault(self, api: str, fault: str, **members: Any) -> None:
        """Put a fault in force, for one call unless said otherwise."""
        self.sandbox.done("POST", "faults", {"api": api, "fault": fault, "times": 1, **members})


@pytest.fixture(scope="session")
def market_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Everybody's keys."""
    return make_keys(tmp_path_factory.mktemp("market-keys"))


@pytest.fixture(scope="session", params=STORES)
def running_market(
    request: pytest.FixtureRequest,
    fresh_stores: FreshStores,
    market_keys: Keys,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Market]:
    """Both processes, made once for each kind of store."""
    url, sandbox_port = fresh_stores.url(request.param), free_port()
    store = ready_store(url)
    shop = open_shop(store)
    approve(shop, "GCASH")
    with running_gateway(url, market_keys, ACQP_ALIPAYPLUS_URL=f"http://127.0.0.1:{sandbox_port}") as gateway:
        line = Line(gateway.address)
        settings = sandbox_environment(
            tmp_path_factory.mktemp("market"),
            market_keys,
            sandbox_port,
            gateway_port=gateway.address[1],
            ACQP_SANDBOX_GATEWAY_URL=f"http://127.0.0.1:{line.port}",
        )
        process = SandboxProcess(settings)
        sandbox = Sandbox(process, market_keys, gateway.address[1])
        yield Market(gateway, line, sandbox, store, shop)
        sandbox.session.close()
        line.stop()
        status, errors = process.stop(), process.errors()
        process.close()
        assert (status, errors) == (0, "")
    store.close()


@pytest.fixture
def market(running_market: Market) -> Iterator[Market]:
    """The market with no fault in force."""
    running_market.sandbox.done("DELETE", "faults")
    yield running_market
    running_market.sandbox.done("DELETE", "faults")


def approve(shop: Shop, psp_name: str) -> None:
    """Let a shop sell to the users of one more wallet."""
    order = shop.place()
    registrations.set_by_hand(
        shop.store,
        shop.merchant_id,
        shop.store_id,
        psp_name,
        ["IN_STORE_PAYMENT"],
        status="APPROVED",
        rejection_reason=None,
        at=order.placed_at,
    )
