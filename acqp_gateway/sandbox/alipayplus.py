"""The stand-in as Alipay+ calling the gateway: userInitiatedPay and notifyRegistrationStatus, signed and verified."""

from __future__ import annotations

from acqp_gateway.protocol.client import Received, SigningClient
from acqp_gateway.protocol.messages.notify_registration_status import NOTIFY_REGISTRATION_STATUS_API
from acqp_gateway.protocol.messages.user_initiated_pay import USER_INITIATED_PAY_API
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.sandbox.keys import gateway_keys, own_keys
from acqp_gateway.settings import Settings


def scan(
    settings: Settings, code_value: str, *, psp: str | None, customer_id: str | None, url: str | None
) -> Received:
    """What happens when a customer scans a code: the gateway's verified answer. Raises CallFailed, KeyFileError.

    `psp` is a published MPP name or any pspId; None leaves the MPP out.
    """
    members = {
        "acquirerId": settings.acquirer_id,
        "pspId": PUBLISHED_MPPS.get(psp, psp) if psp else None,
        "codeValue": code_value,
        "customerId": customer_id,
    }
    body = write_object({name: value for name, value in members.items() if value is not None})
    client = calling_client(settings, answer_s=USER_INITIATED_PAY_API.peer_waits_s)
    served = settings.served_paths[USER_INITIATED_PAY_API.name]
    return client.call(url or settings.gateway_url + served.path, body, signed_target=served.signed_path)


def notify_url(settings: Settings) -> str:
    """Where the gateway is told how a registration stands."""
    return settings.gateway_url + settings.served_paths[NOTIFY_REGISTRATION_STATUS_API.name].path


def notify(settings: Settings, body: bytes) -> Received:
    """Tell the gateway how a registration stands: its verified acknowledgement. Raises CallFailed, KeyFileError."""
    client = calling_client(settings, answer_s=NOTIFY_REGISTRATION_STATUS_API.peer_waits_s)
    served = settings.served_paths[NOTIFY_REGISTRATION_STATUS_API.name]
    return client.call(notify_url(settings), body, signed_target=served.signed_path)


def calling_client(settings: Settings, *, answer_s: float) -> SigningClient:
    """Calls the gateway as Alipay+ would; `answer_s` is how many seconds it waits. Raises KeyFileError."""
    return SigningClient(
        client_id=settings.client_id,
        signing_keys=own_keys(settings),
        peer_keys=gateway_keys(settings),
        answer_s=answer_s,
        window_s=settings.request_time_window_s,
    )
