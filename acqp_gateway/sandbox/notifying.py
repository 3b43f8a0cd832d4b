"""Telling the gateway how a registration stands, and keeping what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import CallFailed
from acqp_gateway.protocol.messages.notify_registration_status import NOTIFY_REGISTRATION_STATUS_API
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.sandbox import alipayplus
from acqp_gateway.sandbox.history import SENT, Entry, History, Part, Verdict, answer_part, request_part
from acqp_gateway.sandbox.registrations import Registration
from acqp_gateway.settings import Settings


class Notifier:
    """Notifies one gateway."""

    def __init__(self, settings: Settings, history: History, *, clock: Clock = now) -> None:
        self._settings = settings
        self._url = alipayplus.notify_url(settings)
        self._history = history
        self._clock = clock

    def notify(self, registration: Registration) -> dict[str, Any]:
        """Send a signed notifyRegistrationStatus: the gateway's answer, or how the call failed.

        Raises KeyFileError when there is no key to sign or verify with.
        """
        at = self._clock()
        body = write_object(registration.as_notification())
        try:
            received = alipayplus.notify(self._settings, body)
        except CallFailed as failure:
            # What was sent is known but for its headers.
            answer = None if failure.answer is None else answer_part({}, failure.answer)
            facts = {"failure": str(failure)}
            verdict = Verdict(False, failure.reason)
            self._remember(at, registration, request_part({}, body), verdict, answer, facts)
            return {"url": self._url, "answered": False, "failure": failure.reason, "text": str(failure)}
        sent = request_part(_lower(received.sent.headers), body)
        text = "verified" if received.signed else "not signed (believed only because it is a refusal)"
        answer = answer_part(_lower(received.headers), received.body)
        self._remember(at, registration, sent, Verdict(received.signed, text), answer, {})
        return {
            "url": self._url,
            "answered": True,
            "signatureVerified": received.signed,
            "result": dict(received.result),
        }

    def _remember(
        self,
        at: datetime,
        registration: Registration,
        request: Part,
        verdict: Verdict,
        answer: Part | None,
        facts: Mapping[str, str],
    ) -> None:
        self._history.add(
            Entry(
                at=at,
                direction=SENT,
                api=NOTIFY_REGISTRATION_STATUS_API.name,
                method="POST",
                target=self._settings.served_paths[NOTIFY_REGISTRATION_STATUS_API.name].signed_path,
                request=request,
                verdict=verdict,
                subject=registration.request_id or "",
                status=None,
                answer=answer,
                facts=facts,
            )
        )


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
