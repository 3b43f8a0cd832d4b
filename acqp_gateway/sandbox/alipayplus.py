"""The sandbox as Alipay+ at somebody's command: a user has just scanned a code, or the wallet is asked something.

This works without a sandbox that runs; where its store can be opened, the faults in force count and the call is
kept in its history.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from acqp_gateway.errors import ConfigurationError
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.messages.user_initiated_pay import USER_INITIATED_PAY_API
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.sandbox import folder
from acqp_gateway.sandbox.calls import Called, Calls
from acqp_gateway.sandbox.faults_in_force import FaultsInForce
from acqp_gateway.sandbox.history import History
from acqp_gateway.sandbox.partners import gateway, wallet
from acqp_gateway.sandbox.store import SandboxStore
from acqp_gateway.settings import Settings

_log = logging.getLogger("acqp_gateway.sandbox")


def scan(settings: Settings, code_value: str, *, psp: str | None, customer_id: str | None, url: str | None) -> Called:
    """What comes of it when a customer scans a code: the call of userInitiatedPay. Raises KeyFileError.

    `psp` is a published MPP name or any pspId; None leaves the MPP out.
    """
    psp_id = PUBLISHED_MPPS.get(psp, psp) if psp else None
    members = decode_members(settings, code_value, psp_id=psp_id, customer_id=customer_id)
    with _calls(settings) as calls:
        return calls.call_until_answered(USER_INITIATED_PAY_API, members, gateway(settings), url=url)


def ask_wallet(settings: Settings, api: Api, members: Mapping[str, Any]) -> Called:
    """What comes of a call to the wallet; members go as they are, null and "" too. Raises KeyFileError."""
    with _calls(settings) as calls:
        return calls.call(api, members, wallet(settings), with_nulls=True)


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
