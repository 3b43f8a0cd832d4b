"""A merchant's codes are decoded as soon as a check or a notification approves it; nothing is restarted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from acqp_gateway.store import clients, standings
from acqp_gateway.store.database import Store
from tests.cli.conftest import CommandLine
from tests.gateway_process import GatewayProcess, environment
from tests.merchants import open_shop
from tests.peer import CLIENT_ID, Keys, decode_request, exchange
from tests.sandbox.processes import Sandbox, entry

GCASH = "1022170000000000000"


@pytest.fixture
def gateway(database_url: str, store: Store, sandbox: Sandbox, sandbox_keys: Keys) -> Iterator[GatewayProcess]:
    """A gateway on the fresh store, where the sandbox looks for it."""
    clients.add(store, CLIENT_ID, note=None, at=datetime.now(UTC))
    process = GatewayProcess(environment(database_url, sandbox_keys, sandbox.gateway_port, ACQP_WORKERS="1"))
    try:
        process.wait_until()
        yield process
    finally:
        process.stop()


def test_from_pending_to_approved_and_back(
    commands: CommandLine, store: Store, sandbox: Sandbox, gateway: GatewayProcess, sandbox_keys: Keys
) -> None:
    shop = open_shop(store, approved_at=None)
    code = shop.place(expires_in_s=3600).code_value
    standings.add_request(store, "R1", shop.merchant_id, shop.store_id, at=datetime.now(UTC))
    check = ("registrations", "check", "--request-id", "R1")

    def decoded(psp_id: str = "1022088000000000001") -> str:
        request = decode_request(sandbox_keys, code, members={"pspId": psp_id})
        return exchange(gateway.address, request.raw()).code

    def register(alipay_cn: str, *, notify: bool = False, request_id: str = "R1") -> None:
        answer = sandbox.done(
            "POST",
            "registrations",
            {
                "referenceMerchantId": shop.merchant_id,
                "referenceStoreId": shop.store_id,
                "registrationRequestId": request_id,
                "pspRegistrationResultList": [entry("ALIPAY_CN", alipay_cn), entry("GCASH", "PENDING")],
                "notify": notify,
            },
        )
        if notify:
            assert [told["result"]["resultCode"] for told in answer["notifications"]] == ["SUCCESS"]

    assert decoded() == "MERCHANT_NOT_REGISTERED"
    register("PENDING")
    commands.done(*check)
    assert decoded() == "MERCHANT_NOT_REGISTERED"
    register("APPROVED")
    assert decoded() == "MERCHANT_NOT_REGISTERED"
    commands.done(*check)
    assert decoded() == "SUCCESS"
    # Approved at one wallet says nothing of another.
    assert decoded(GCASH) == "MERCHANT_NOT_REGISTERED"

    sandbox.set_fault("tampered")
    register("REJECTED")
    commands.failed(*check)
    assert decoded() == "SUCCESS"
    sandbox.done("DELETE", "faults")
    commands.done(*check)
    assert decoded() == "MERCHANT_NOT_REGISTERED"

    register("APPROVED", notify=True)
    assert decoded() == "SUCCESS"
    standings.add_request(store, "R2", shop.merchant_id, shop.store_id, at=datetime.now(UTC))
    # Registered anew: what stood, stands until Alipay+ has answered for the new request.
    assert decoded() == "SUCCESS"
    register("PENDING", request_id="R2")
    commands.done("registrations", "check", "--due")
    assert decoded() == "MERCHANT_NOT_REGISTERED"
