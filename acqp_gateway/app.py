"""The one place where the parts are joined into the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from flask import Flask, Response
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import HTTPException

from acqp_gateway.clients import ClientDirectory
from acqp_gateway.clock import Clock, now
from acqp_gateway.decoder.decoding import Decoder
from acqp_gateway.operations.health import health_blueprint
from acqp_gateway.payments.notifications import PaymentNotifications
from acqp_gateway.payments.push import PushPayments
from acqp_gateway.payments.telling import PushPaymentNotifier
from acqp_gateway.payments.unsettled import THREADS as THREADS_OF_UNSETTLED
from acqp_gateway.payments.unsettled import Unsettled
from acqp_gateway.protocol.client import SigningClient
from acqp_gateway.protocol.gate import Gate, Handled, Incoming, Interface
from acqp_gateway.protocol.keyring import (
    ALIPAYPLUS_KEY_PREFIX,
    OWN_KEY_PREFIX,
    VersionedKeys,
    key_files,
    read_private_keys,
    read_public_keys,
    stamp,
)
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.messages.inquiry_push_payment import INQUIRY_PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.notify_payment import NOTIFY_PAYMENT_API
from acqp_gateway.protocol.messages.notify_push_payment import NOTIFY_PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.notify_registration_status import NOTIFY_REGISTRATION_STATUS_API
from acqp_gateway.protocol.messages.push_payment import PUSH_PAYMENT_API
from acqp_gateway.protocol.messages.user_initiated_pay import USER_INITIATED_PAY_API
from acqp_gateway.protocol.wsgi import GateBeforeApplication
from acqp_gateway.registration.notifications import Notifications
from acqp_gateway.settings import Settings
from acqp_gateway.store import migration
from acqp_gateway.store.database import Store
from acqp_gateway.store.decodes import Decodes


def create_app(settings: Settings, *, clock: Clock = now) -> Flask:
    """The service as a WSGI application; made in each worker after the fork. Raises ConfigurationError."""
    store = Store(
        settings.database_url,
        patience_s=settings.store_timeout_s,
        pool_size=settings.threads + THREADS_OF_UNSETTLED,
        guarded=True,
    )
    # A connection for each thread, so that nobody waits for one.
    decodes = Decodes(store, pool_size=settings.threads)
    app = Flask("acqp_gateway", static_folder=None)
    app.url_map.merge_slashes = False
    app.register_error_handler(HTTPException, _in_plain_text)
    app.register_blueprint(health_blueprint({"store": lambda: migration.check(store), "keys": _keys_check(settings)}))
    app.wsgi_app = GateBeforeApplication(  # type: ignore[method-assign]  # the way Flask's documentation shows
        _gate(settings, store, decodes, clock), app.wsgi_app
    )
    return app


def _gate(settings: Settings, store: Store, decodes: Decodes, clock: Clock) -> Gate:
    push_payments = _push_payments(settings, store, clock)
    handlers: dict[Api, Callable[[Incoming[Any]], Handled]] = {
        USER_INITIATED_PAY_API: Decoder(decodes, acquirer_id=settings.acquirer_id, clock=clock).handle,
        NOTIFY_REGISTRATION_STATUS_API: Notifications(store, clock=clock).handle,
        PUSH_PAYMENT_API: push_payments.handle,
        INQUIRY_PUSH_PAYMENT_API: push_payments.handle_inquiry,
        NOTIFY_PAYMENT_API: PaymentNotifications(store, acquirer_id=settings.acquirer_id, clock=clock).handle,
    }
    directory = ClientDirectory(store, settings.keys_dir, settings.client_id)
    return Gate(
        interfaces=[Interface(api, *settings.served_paths[api.name], handle) for api, handle in handlers.items()],
        own_client_id=settings.client_id,
        own_keys=_own_keys(settings),
        find_client=directory.find,
        window_s=settings.request_time_window_s,
        largest_body=settings.max_body_bytes,
        may_pass=_rate_limit(settings.rate_limit),
        clock=clock,
    )


def _push_payments(settings: Settings, store: Store, clock: Clock) -> PushPayments:
    """pushPayment, with what is settled and told afterwards when the store did not answer in time."""
    notifier = PushPaymentNotifier(
        store,
        url=settings.alipayplus_url + settings.notify_push_payment_path,
        client=lambda: _client_of_alipayplus(settings),
        clock=clock,
    )
    push_payments = PushPayments(
        store,
        acquirer_id=settings.acquirer_id,
        continue_with=lambda push: unsettled.take(push),
        is_settling=lambda payment_id: unsettled.holds(payment_id),
        clock=clock,
    )
    unsettled = Unsettled(push_payments.settle, notifier.tell)
    return push_payments


def _client_of_alipayplus(settings: Settings) -> SigningClient:
    """Calls Alipay+ with the keys that there are now. Raises KeyFileError."""
    theirs = read_public_keys(settings.keys_dir)
    theirs.require_any(settings.keys_dir)
    return SigningClient(
        client_id=settings.client_id,
        signing_keys=_own_keys(settings),
        peer_keys=theirs,
        answer_s=NOTIFY_PUSH_PAYMENT_API.peer_waits_s,
        window_s=settings.request_time_window_s,
    )


def _own_keys(settings: Settings) -> VersionedKeys[RSAPrivateKey]:
    keys = read_private_keys(settings.keys_dir)
    keys.require_any(settings.keys_dir)
    return keys


def _rate_limit(rate: str) -> Callable[[str], bool]:
    """Whether a client is within its rate; counted per worker."""
    if not rate:
        return lambda _client_id: True
    limit = parse(rate)
    limiter = MovingWindowRateLimiter(MemoryStorage())
    return lambda client_id: limiter.hit(limit, client_id)


def _keys_check(settings: Settings) -> Callable[[], None]:
    """Whether the keys can be loaded: looked at again only when a file has changed, as loading costs a lot."""
    loaded: object = None

    def check() -> None:
        nonlocal loaded
        folder = settings.keys_dir
        found = [
            (path, stamp(path))
            for prefix in (OWN_KEY_PREFIX, ALIPAYPLUS_KEY_PREFIX)
            for _, path in key_files(folder, prefix)
        ]
        if found != loaded:
            _own_keys(settings)
            read_public_keys(folder).require_any(folder)
            loaded = found

    return check


def _in_plain_text(error: HTTPException) -> Response:
    """What is no API is answered in one short line, never in HTML."""
    response = Response(f"{error.code} {error.name}\n", status=error.code, mimetype="text/plain")
    response.headers.extend(header for header in error.get_headers() if header[0] == "Allow")
    return response
