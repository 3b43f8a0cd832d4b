"""The stand-in as Alipay+: signs userInitiatedPay, posts it to the gateway and verifies what comes back."""

from __future__ import annotations

from acqp_gateway.errors import KeyFileError
from acqp_gateway.protocol.client import Received, SigningClient
from acqp_gateway.protocol.keyring import (
    ALIPAYPLUS_KEY_PREFIX,
    VersionedKeys,
    read_private_keys,
)
from acqp_gateway.protocol.messages.user_initiated_pay import USER_INITIATED_PAY_API
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.protocol.strict_json import write_object
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
    return _client(settings).call(
        url or settings.url + settings.decode_path, body, signed_target=settings.signed_decode_path
    )


def _client(settings: Settings) -> SigningClient:
    signing_keys = read_private_keys(settings.sandbox_keys_dir, ALIPAYPLUS_KEY_PREFIX)
    if not signing_keys.by_version:
        raise KeyFileError(
            f"{settings.sandbox_keys_dir}: holds no alipayplus-<version>.pem; run: acqp-gateway init --sandbox"
        )
    own = read_private_keys(settings.keys_dir)
    own.require_any(settings.keys_dir)
    return SigningClient(
        client_id=settings.client_id,
        signing_keys=signing_keys,
        peer_keys=VersionedKeys({version: key.public_key() for version, key in own.by_version.items()}),
        answer_s=USER_INITIATED_PAY_API.peer_waits_s,
        window_s=settings.request_time_window_s,
    )
