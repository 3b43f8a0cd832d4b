"""What an answer or a notification means for a standing. Pure.

inquiryRegistrationStatus, How to handle the response: approved at an MPP only if resultCode is SUCCESS and the
MPP's status is APPROVED. A status that nobody knows is kept as it came, and is not approved.
"""

from __future__ import annotations

from datetime import datetime

from acqp_gateway.protocol.messages.inquiry_registration_status import APPROVED, PENDING, REJECTED, Registration
from acqp_gateway.store.standings import News, PspRow


def news_of(registration: Registration, *, answered_at: datetime) -> News:
    """What an authentic S/SUCCESS says. A list that is missing or null changes no row."""
    return News(registration.collective_status, _rows(registration), answered_at)


def _rows(registration: Registration) -> tuple[PspRow, ...] | None:
    if registration.psps is None:
        return None
    rows: dict[tuple[str, str], PspRow] = {}
    for psp in registration.psps:
        for product_code in psp.product_codes or ("",):
            row = PspRow(psp.psp_name, product_code, psp.status, psp.rejection_reason)
            known = rows.get((psp.psp_name, product_code))
            # An answer that contradicts itself approves nothing.
            if known is None or known.status == APPROVED:
                rows[psp.psp_name, product_code] = row
    return tuple(rows.values())


_NEXT_STEPS = {
    APPROVED: "Nothing: the wallet's users can pay.",
    REJECTED: "Mend what the reason says and register again.",
    PENDING: "Wait: wallets usually answer within 7 days.",
    "CANCELLED": "Register again if the merchant still wants this wallet.",
}


def next_step(status: str) -> str:
    """What staff do next about a status."""
    return _NEXT_STEPS.get(status, "A status we do not know, and so not approved: ask Alipay+ support.")
