"""inquiryRegistrationStatus as Alipay+ serves it, from the registrations on record."""

from __future__ import annotations

from typing import Any

from acqp_gateway.errors import ParameterIllegal
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import Handled, Incoming, refusal_body
from acqp_gateway.protocol.strict_json import write_object
from acqp_gateway.sandbox.registrations import Registrations, Subject


class Inquiry:
    """Answers from the registrations on record."""

    def __init__(self, registrations: Registrations) -> None:
        self._registrations = registrations

    def handle(self, incoming: Incoming[dict[str, Any]]) -> Handled:
        """The answer to a verified request.

        registrationRequestId takes precedence. Raises ParameterIllegal where nobody is named.
        """
        members = incoming.request
        subject = Subject(
            members.get("reference_merchant_id"),
            members.get("reference_store_id"),
            members.get("registration_request_id"),
        )
        if subject.request_id is None and subject.merchant_id is None:
            raise ParameterIllegal("nobody_named")
        found = self._registrations.find(subject)
        if found is None:
            return Handled(refusal_body(results.RECORD_NOT_FOUND), results.RECORD_NOT_FOUND)
        return Handled(write_object({"result": results.SUCCESS.as_members(), **found.as_members()}))
