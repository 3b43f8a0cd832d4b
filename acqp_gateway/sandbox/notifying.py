"""Telling the gateway how a registration stands, and what came of it."""

from __future__ import annotations

from typing import Any

from acqp_gateway.protocol.messages.notify_registration_status import NOTIFY_REGISTRATION_STATUS_API
from acqp_gateway.sandbox.calls import Calls
from acqp_gateway.sandbox.partners import Partner
from acqp_gateway.sandbox.registrations import Registration


class Notifier:
    """Notifies one gateway."""

    def __init__(self, calls: Calls, gateway: Partner) -> None:
        self._calls = calls
        self._gateway = gateway

    def notify(self, registration: Registration) -> dict[str, Any]:
        """Send a signed notifyRegistrationStatus: the gateway's answer, or how the call failed.

        Raises KeyFileError when there is no key to sign or verify with.
        """
        called = self._calls.call(NOTIFY_REGISTRATION_STATUS_API, registration.as_notification(), self._gateway)
        if called.received is None:
            reason = called.failure.reason if called.failure else ""
            return {"url": called.url, "answered": False, "failure": reason, "text": called.trouble}
        return {
            "url": called.url,
            "answered": True,
            "signatureVerified": called.received.signed,
            "result": dict(called.received.result),
        }
