"""Who answers at the sandbox's address: Alipay+ and the wallet, each with its own APIs, client and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from acqp_gateway.protocol.gate import Client, Handled, Incoming, Interface
from acqp_gateway.protocol.keyring import VersionedKeys
from acqp_gateway.protocol.messages import Api
from acqp_gateway.protocol.messages.notify_push_payment import NOTIFY_PUSH_PAYMENT_API
from acqp_gateway.sandbox import keys
from acqp_gateway.settings import Settings

Handler = Callable[[Incoming[Any]], Handled]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a request is about: in words, and by the ids to which a fault may be limited."""

    text: str
    ids: tuple[str, ...]


#: Finds the subject in the text members of a request's body.
SubjectRule = Callable[[Mapping[str, str]], Subject]


@dataclass(frozen=True, slots=True)
class Party:
    """One who answers. `client_id` is its partner's, `own_keys` are those by which its answers are signed."""

    client_id: str
    own_keys: VersionedKeys[RSAPrivateKey]
    interfaces: Sequence[Interface]
    find_client: Callable[[str], Client | None]
    subject: SubjectRule


def alipayplus(settings: Settings, handlers: Mapping[Api, Handler]) -> Party:
    """Alipay+ as the gateway's peer. Raises KeyFileError.

    Its APIs lie under the base address that the gateway is told to ask, too.
    """
    base = urlsplit(settings.alipayplus_url).path
    return Party(
        client_id=settings.client_id,
        own_keys=keys.own_keys(settings),
        interfaces=[
            interface
            for api, handle in handlers.items()
            for interface in _interfaces(
                api, handle, dict.fromkeys((_path(settings, api), base + _path(settings, api)))
            )
        ],
        find_client=keys.GatewayDirectory(settings).find,
        subject=alipayplus_subject,
    )


def wallet(settings: Settings, handlers: Mapping[Api, Handler]) -> Party:
    """The wallet as Alipay+'s peer. Raises KeyFileError."""
    return Party(
        client_id=settings.sandbox_wallet_client_id,
        own_keys=keys.wallet_keys(settings),
        interfaces=[
            interface
            for api, handle in handlers.items()
            for interface in _interfaces(api, handle, [api.default_path])
        ],
        find_client=keys.AlipayPlusDirectory(settings).find,
        subject=wallet_subject,
    )


def _path(settings: Settings, api: Api) -> str:
    """Where the gateway is told that an API of Alipay+'s lies: one of them is a setting."""
    return settings.notify_push_payment_path if api is NOTIFY_PUSH_PAYMENT_API else api.default_path


def _interfaces(api: Api, handle: Handler, paths: Iterable[str]) -> list[Interface]:
    return [Interface(api, path, path, handle) for path in paths]


def alipayplus_subject(members: Mapping[str, str]) -> Subject:
    """The registration request, or the merchant and its store, or the payment."""
    ids = tuple(
        members[name]
        for name in ("registrationRequestId", "referenceMerchantId", "paymentRequestId", "paymentId")
        if name in members
    )
    if "registrationRequestId" in members:
        return Subject(members["registrationRequestId"], ids)
    place = [members[name] for name in ("referenceMerchantId", "referenceStoreId") if name in members]
    payment = [members[name] for name in ("paymentRequestId", "paymentId") if name in members]
    return Subject("/".join(place) or "".join(payment[:1]), ids)


def wallet_subject(members: Mapping[str, str]) -> Subject:
    """The payment, or the MPP where a user is asked about: login ids, codes and tokens are nobody else's business."""
    ids = tuple(members[name] for name in ("paymentRequestId", "pspId") if name in members)
    return Subject("".join(ids[:1]), ids)
