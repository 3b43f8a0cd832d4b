"""Whom the sandbox calls as Alipay+: the gateway and the wallet, each under its own client id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from acqp_gateway.protocol.keyring import VersionedKeys
from acqp_gateway.protocol.messages import Api
from acqp_gateway.sandbox.keys import gateway_keys, public_halves, wallet_keys
from acqp_gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Partner:
    """Whom Alipay+ calls; `address` gives the URL of an API and what is signed of it."""

    client_id: str
    keys: Callable[[Settings], VersionedKeys[RSAPublicKey]]
    address: Callable[[Settings, Api], tuple[str, str]]


def _address_of_gateway(settings: Settings, api: Api) -> tuple[str, str]:
    served = settings.served_paths[api.name]
    return settings.gateway_url + served.path, served.signed_path


def _address_of_wallet(settings: Settings, api: Api) -> tuple[str, str]:
    return f"http://{settings.sandbox_bind}{api.default_path}", api.default_path


def gateway(settings: Settings) -> Partner:
    """The gateway, an ACQP."""
    return Partner(settings.client_id, gateway_keys, _address_of_gateway)


def wallet(settings: Settings) -> Partner:
    """The sandbox's wallet, an MPP."""
    return Partner(
        settings.sandbox_wallet_client_id,
        lambda configured: public_halves(wallet_keys(configured)),
        _address_of_wallet,
    )
