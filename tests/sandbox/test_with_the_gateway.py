"""The sandbox and the gateway as two processes: a payment to its end, and what each fault of it comes to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import FreshStores
from tests.gateway_process import free_port, running_gateway
from tests.http.conftest import ready_store
from tests.merchants import Shop, open_shop
from tests.peer import Keys
from tests.sandbox.processes import Sandbox, SandboxProcess, sandbox_environment
from tests.sandbox.test_payments_of_a_process import paid, scan


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, fresh_stores: FreshStores, sandbox_keys: Keys
) -> Iterator[tuple[Sandbox, Shop]]:
    """A sandbox, and a shop at the gateway that it calls."""
    url, port = fresh_stores.url("sqlite"), free_port()
    store = ready_store(url)
    folder: Path = tmp_path_factory.mktemp("both")
    with running_gateway(url, sandbox_keys, ACQP_ALIPAYPLUS_URL=f"http://127.0.0.1:{port}") as gateway:
        settings = sandbox_environment(folder, sandbox_keys, port, gateway_port=gateway.address[1])
        process = SandboxProcess(settings)
        yield Sandbox(process, sandbox_keys, gateway.address[1]), open_shop(store)
        assert (process.stop(), process.errors()) == (0, "")
        process.close()
    store.close()


@pytest.mark.parametrize("mode", ["push", "notify"])
def test_an_order_is_paid_and_its_code_is_worth_nothing_afterwards(both: tuple[Sandbox, Shop], mode: str) -> None:
    sandbox, shop = both
    code_value = shop.place().code_value
    ended = paid(sandbox, scan(sandbox, code_value, mode=mode))
    assert (ended["state"], ended["failure"]) == ("PAID", None)
    again = scan(sandbox, code_value, pspName="ALIPAY_CN")
    assert (again["state"], again["result"]["resultCode"]) == ("REFUSED", "ORDER_IS_CLOSED")


#: fault of pushPayment -> how the payment ends.
PUSHED = {
    "duplicate": "PAID",
    "late": "PAID",
    "time_epoch_ns": "PAID",
    "signature_reordered": "PAID",
    "stale": "REFUNDED",
    "wrong_key": "REFUNDED",
    "tampered": "REFUNDED",
    "unknown_client": "REFUNDED",
    # What came back was about another payment; the inquiry finds out that this one never arrived.
    "replayed": "REFUNDED",
}


@pytest.mark.parametrize("fault", PUSHED)
def test_a_faulty_push_is_paid_once_or_given_back(both: tuple[Sandbox, Shop], fault: str) -> None:
    sandbox, shop = both
    sandbox.done("DELETE", "faults")
    sandbox.set_fault(fault, api="pushPayment", times=1, **({"ms": 1} if fault == "late" else {}))
    ended = paid(sandbox, scan(sandbox, shop.place().code_value))
    assert ended["state"] == PUSHED[fault]
    assert ("earlier call" in str(ended["failure"])) == (fault == "replayed")


@pytest.mark.parametrize(
    ("fault", "code"), [("tampered", "INVALID_SIGNATURE"), ("unknown_key_version", "KEY_NOT_FOUND")]
)
def test_a_notification_of_a_registration_is_a_call_like_any_other(
    both: tuple[Sandbox, Shop], fault: str, code: str
) -> None:
    sandbox, shop = both
    sandbox.done("DELETE", "faults")
    sandbox.set_fault(fault, api="notifyRegistrationStatus", merchant=shop.merchant_id, times=1)
    sandbox.register(shop.merchant_id)
    (notification,) = sandbox.done("POST", "registrations/notify", {"referenceMerchantId": shop.merchant_id})[
        "notifications"
    ]
    assert (notification["answered"], notification["result"]["resultCode"]) == (True, code)
    assert sandbox.messages()[0]["fault"] == fault
