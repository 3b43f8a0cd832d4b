"""The stand-in as Alipay+ whose user has just scanned a code: userInitiatedPay, signed and verified."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping

from acqp_gateway.errors import ConfigurationError
from acqp_gateway.protocol.client import Received
from acqp_gateway.protocol.messages.user_initiated_pay import USER_INITIATED_PAY_API
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.sandbox import folder
from acqp_gateway.sandbox.calls import Calls
from acqp_gateway.sandbox.faults_in_force import FaultsInForce
from acqp_gateway.sandbox.history import History
from acqp_gateway.sandbox.partners import gateway
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.settings import Settings

_log = logging.getLogger("acqp_gateway.sandbox")


def scan(
    settings: Settings, code_value: str, *, psp: str | None, customer_id: str | None, url: str | None
) -> Received:
    """What happens when a customer scans a code: the gateway's verified answer. Raises CallFailed, KeyFileError.

    `psp` is a published MPP name or any pspId; None leaves the MPP out. Works without a sandbox that runs; where
    its store can be opened, the faults in force count and the call is kept in its history.
    """
    psp_id = PUBLISHED_MPPS.get(psp, psp) if psp else None
    members = decode_members(settings, code_value, psp_id=psp_id, customer_id=customer_id)
    with _calls(settings) as calls:
        return calls.call_until_answered(USER_INITIATED_PAY_API, members, gateway(settings), url=url).believed()


def decode_members(
    settings: Settings, code_value: str, *, psp_id: str | None, customer_id: str | None
) -> Mapping[str, str | None]:
    """The members of a userInitiatedPay."""
    return {
        "acquirerId": settings.acquirer_id,
        "pspId": psp_id,
        "codeValue": code_value,
        "customerId": customer_id,
    }


@contextlib.contextmanager
def _calls(settings: Settings) -> Iterator[Calls]:
    """Calls with the sandbox's faults and history, where they can be had."""
    try:
        folder.prepare(settings.sandbox_dir)
        store = SandboxStore(folder.store_file(settings.sandbox_dir))
    except ConfigurationError as error:
        _log.warning("no fault counts for this call, and nothing is kept of it: %s", error)
        yield Calls(settings)
        return
    try:
        yield Calls(settings, history=History(store), faults=FaultsInForce(store))
    finally:
        store.close()
