"""A till that is decoded, paid and asked about in this process, at a time that a test sets forward."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from acqp_gateway.decoder.decoding import Decoder
from acqp_gateway.errors import Refused, StoreError
from acqp_gateway.payments.notifications import PaymentNotifications
from acqp_gateway.payments.push import Push, PushPayments
from acqp_gateway.protocol.gate import Handled, Incoming, result_of
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.messages.inquiry_push_payment import INQUIRY_PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.notify_payment import NOTIFY_PAYMENT_API
from acqp_gateway.protocol.messages.push_payment import PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.user_initiated_pay import USER_INITIATED_PAY_API
from acqp_gateway.protocol.strict_json import read_object
from acqp_gateway.store import orders
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import Decodes
from acqp_gateway.store.tables import payment_messages, payments
from tests.merchants import Shop
from tests.peer import ACQUIRER_ID

ALIPAY_CN, GCASH = "1022088000000000001", "1022170000000000000"

_numbers = itertools.count(1)


def new_payment_id() -> str:
    """A paymentId that nobody has used."""
    return f"2026112010000{next(_numbers):06}"


def amount(value: object, currency: str = "JPY") -> dict[str, object]:
    """An Amount object."""
    return {"currency": currency, "value": value if not isinstance(value, int) else str(value)}


def push_members(order: Any, payment_id: str, **changes: Any) -> dict[str, Any]:
    """All members of a proper pushPayment; ... leaves one out."""
    return _given(
        {
            "acquirerId": ACQUIRER_ID,
            "pspId": ALIPAY_CN,
            "codeValue": order.code_value,
            "paymentId": payment_id,
            "paymentRequestId": order.payment_request_id,
            "paymentAmount": amount(order.amount, order.currency),
            "settlementAmount": amount(1000, "USD"),
            "customerId": "U1",
            **changes,
        }
    )


def inquiry_members(order: Any, payment_id: str, **changes: Any) -> dict[str, Any]:
    """All members of a proper inquiryPushPayment."""
    return _given(
        {
            "acquirerId": ACQUIRER_ID,
            "pspId": ALIPAY_CN,
            "codeValue": order.code_value,
            "paymentId": payment_id,
            "paymentRequestId": order.payment_request_id,
            **changes,
        }
    )


SUCCEEDED = {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"}
FAILED = {"resultCode": "USER_BALANCE_NOT_ENOUGH", "resultStatus": "F", "resultMessage": "no"}


def notify_members(order: Any, payment_id: str | None, **changes: Any) -> dict[str, Any]:
    """All members of a proper notifyPayment of a success."""
    return _given(
        {
            "paymentResult": SUCCEEDED,
            "paymentRequestId": order.payment_request_id,
            "paymentId": ... if payment_id is None else payment_id,
            "acquirerId": ACQUIRER_ID,
            "pspId": ALIPAY_CN,
            "paymentAmount": amount(order.amount, order.currency),
            "customerId": "U1",
            **changes,
        }
    )


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not ...}


class Answer(NamedTuple):
    """What Alipay+ reads; `payment` is paymentResult's code in an answer to an inquiry."""

    code: str
    status: str
    payment: str | None = None


SUCCESS = Answer("SUCCESS", "S")


@dataclass
class Till:
    """The gateway's decoder and payments on one store, and the shop that sells; `at` is the time."""

    store: Store
    shop: Shop
    decodes: Decodes
    at: datetime
    unsettled: list[Push] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.decoder = Decoder(self.decodes, acquirer_id=ACQUIRER_ID, clock=lambda: self.at)
        self.payments = PushPayments(
            self.store,
            acquirer_id=ACQUIRER_ID,
            continue_with=self._continue_with,
            is_settling=lambda payment_id: payment_id in {push.request.payment_id for push in self.unsettled},
            clock=lambda: self.at,
        )
        self.notifications = PaymentNotifications(self.store, acquirer_id=ACQUIRER_ID, clock=lambda: self.at)

    def _continue_with(self, push: Push) -> bool:
        self.unsettled.append(push)
        return True

    def wait(self, **units: float) -> None:
        """Set the clock forward."""
        self.at += timedelta(**units)

    def place(self, *, decoded: bool = True, **changes: Any) -> Any:
        """A new order, decoded already unless said otherwise; the row of it."""
        order = self.shop.place(**changes)
        if decoded:
            assert self.decode(order) == SUCCESS
        return order

    def decode(self, order: Any, **members: Any) -> Answer:
        """userInitiatedPay."""
        proper = {"acquirerId": ACQUIRER_ID, "pspId": ALIPAY_CN, "codeValue": order.code_value, **members}
        return self.call(USER_INITIATED_PAY_API, self.decoder.handle, proper)

    def push(self, order: Any, payment_id: str, *, sent_at: Any = None, **changes: Any) -> Answer:
        """pushPayment; `sent_at` is its Request-Time, now unless it is given."""
        return self.call(PUSH_PAYMENT_API, self.payments.handle, push_members(order, payment_id, **changes), sent_at)

    def inquire(self, order: Any, payment_id: str, *, sent_at: Any = None, **changes: Any) -> Answer:
        """inquiryPushPayment, likewise."""
        members = inquiry_members(order, payment_id, **changes)
        return self.call(INQUIRY_PUSH_PAYMENT_API, self.payments.handle_inquiry, members, sent_at)

    def notify(self, order: Any, payment_id: str | None, **changes: Any) -> Answer:
        """notifyPayment."""
        return self.call(NOTIFY_PAYMENT_API, self.notifications.handle, notify_members(order, payment_id, **changes))

    def call(
        self,
        api: Api,
        handle: Callable[[Incoming[Any]], Handled],
        members: Mapping[str, Any],
        sent_at: datetime | None = None,
    ) -> Answer:
        """What the gate makes of a call that is authentic."""
        body = json.dumps(members).encode()
        try:
            handled = handle(Incoming(api.request.load(read_object(body)), body, sent_at or self.at))
        except (Refused, StoreError) as error:
            result = result_of(error)
            return Answer(result.code, result.status.value)
        answered = json.loads(handled.body)
        assert answered["result"]["resultCode"] == handled.result.code
        payment = answered.get("paymentResult", {}).get("resultCode")
        return Answer(handled.result.code, handled.result.status.value, payment)

    def order(self, order: Any) -> Any:
        """An order as it stands."""
        return orders.get(self.store, order.payment_request_id)

    def state(self, order: Any) -> str:
        """What is written down of an order."""
        return str(self.order(order).state)

    def payment(self, payment_id: str) -> Row[Any] | None:
        """What is on record of a paymentId."""
        with self.store.reading() as connection:
            found = select(payments).where(payments.c.payment_id == payment_id)
            return connection.execute(found).one_or_none()

    def accepted(self, order: Any) -> list[str | None]:
        """The paymentIds that paid an order."""
        with self.store.reading() as connection:
            columns = payments.c
            of_order = columns.payment_request_id == order.payment_request_id
            found = select(columns.payment_id).where(of_order, columns.state == "ACCEPTED")
            return list(connection.execute(found).scalars())

    def messages(self, order: Any | None = None, payment_id: str | None = None) -> Sequence[Row[Any]]:
        """Every message that means an order, or a paymentId, the oldest first."""
        columns = payment_messages.c
        query = select(payment_messages).order_by(columns.message_number)
        if order is not None:
            query = query.where(columns.payment_request_id == order.payment_request_id)
        if payment_id is not None:
            query = query.where(columns.payment_id == payment_id)
        with self.store.reading() as connection:
            return connection.execute(query).all()

    def outcomes(self, order: Any) -> list[tuple[str, str, bool]]:
        """Outcome, result code and whether a person was called, of every message about an order."""
        return [(row.outcome, row.result_code, row.needs_attention) for row in self.messages(order)]
