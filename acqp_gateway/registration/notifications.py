"""notifyRegistrationStatus, Alipay+ -> ACQP: the same standing and the same history as an answer's."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from acqp_gateway.clock import Clock, now
from acqp_gateway.errors import NotOnRecord
from acqp_gateway.protocol import results
from acqp_gateway.protocol.gate import Handled, Incoming, refusal_body
from acqp_gateway.protocol.messages.notify_registration_status import Notification
from acqp_gateway.registration.meaning import news_of
from acqp_gateway.store import merchants, standings
from acqp_gateway.store.database import Store
from acqp_gateway.store.standings import Check, News

TOLD = "told"
OLDER = "older"
FOR_A_PERSON = "for_a_person"


class Notifications:
    """Takes notifications. Every authentic one is acknowledged and kept; what fits no record waits for a person."""

    def __init__(self, store: Store, *, clock: Clock = now) -> None:
        self._store = store
        self._clock = clock

    def handle(self, incoming: Incoming[Notification]) -> Handled:
        """Apply, keep and acknowledge, in one transaction.

        Raises StoreError when nothing is known to have happened; Alipay+ then tells again.
        """
        began = time.perf_counter()
        with self._store.writing() as connection:
            merchant_id, store_id, news, trouble = _read(connection, incoming)
            applied = False
            if merchant_id is not None and news is not None:
                applied = standings.tell(
                    connection, merchant_id, store_id, incoming.request.registration_request_id, news
                )
            check = Check(
                kind="NOTIFICATION",
                triggered_by="Alipay+",
                asked_how="notified",
                merchant_id=merchant_id or incoming.request.merchant_id,
                store_id=store_id or incoming.request.store_id,
                registration_request_id=incoming.request.registration_request_id,
                started_at=self._clock(),
                duration_us=int((time.perf_counter() - began) * 1_000_000),
                attempts=1,
                outcome=FOR_A_PERSON if trouble else (TOLD if applied else OLDER),
                said=trouble or ("told" if applied else "older than what stands, or about an older request"),
                collective_status=incoming.request.registration.collective_status,
                needs_person=bool(trouble),
                raw_answer=incoming.body,
            )
            standings.record(connection, check, applied=applied)
        return Handled(refusal_body(results.SUCCESS), facts={"merchant": merchant_id, "outcome": check.outcome})


def _read(
    connection: Connection, incoming: Incoming[Notification]
) -> tuple[str | None, str | None, News | None, str | None]:
    """About whom it is (merchant, store), what it says, and what a person must look at."""
    notification = incoming.request
    request_id = notification.registration_request_id
    merchant_id, store_id = notification.merchant_id, notification.store_id
    if request_id is not None:
        request = standings.request_in(connection, request_id)
        if request is None:
            return None, None, None, f"registration request {request_id} is not on record"
        if merchant_id not in (None, request.merchant_id) or (store_id and request.store_id not in (None, store_id)):
            return None, None, None, f"registration request {request_id} is on record for somebody else"
        merchant_id, store_id = request.merchant_id, request.store_id
    elif merchant_id is None:
        return None, None, None, "neither a registration request nor a merchant is named"
    else:
        try:
            merchants.require(connection, merchant_id, store_id)
        except NotOnRecord:
            where = f"merchant {merchant_id}" + (f", store {store_id}," if store_id else "")
            return None, None, None, f"{where} is not on record"
    news = news_of(notification.registration, answered_at=incoming.requested_at)
    return merchant_id, store_id, news, None
