"""notifyRegistrationStatus, Alipay+ -> ACQP: a merchant's registration has changed.

Known from samples alone (docs/divergences.md). Its body carries no time: Request-Time is the only order there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from marshmallow import post_load

from acqp_gateway.protocol.fields import Text
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.messages.inquiry_registration_status import (
    LONGEST_MERCHANT_ID,
    LONGEST_REQUEST_ID,
    LONGEST_STORE_ID,
    Registration,
    RegistrationMembers,
    registration_of,
)
from acqp_gateway.protocol.objects import ResultAloneSchema
from acqp_gateway.protocol.results import INQUIRY_REGISTRATION_STATUS


@dataclass(frozen=True, slots=True)
class Notification:
    """What Alipay+ says, and about whom."""

    registration: Registration
    merchant_id: str | None
    store_id: str | None
    registration_request_id: str | None


class RequestSchema(RegistrationMembers):
    """notifyRegistrationStatus, request members as seen in samples."""

    reference_merchant_id = Text(LONGEST_MERCHANT_ID, data_key="referenceMerchantId")
    reference_store_id = Text(LONGEST_STORE_ID, data_key="referenceStoreId")
    registration_request_id = Text(LONGEST_REQUEST_ID, data_key="registrationRequestId")

    @post_load
    def as_notification(self, data: dict[str, Any], **_: Any) -> Notification:
        """The members as one object."""
        return Notification(
            registration_of(data),
            data.get("reference_merchant_id"),
            data.get("reference_store_id"),
            data.get("registration_request_id"),
        )


NOTIFY_REGISTRATION_STATUS_API = Api(
    name="notifyRegistrationStatus",
    default_path="/aps/api/v1/merchants/notifyRegistrationStatus",
    peer_waits_s=5.0,
    results=INQUIRY_REGISTRATION_STATUS,
    request=RequestSchema(),
    response=ResultAloneSchema(),
)
