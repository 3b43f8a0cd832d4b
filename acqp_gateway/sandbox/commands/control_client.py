"""How the commands reach the sandbox that runs: over its control API, with the token that it made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from acqp_gateway import settings as gateway_settings
from acqp_gateway.errors import CommandRefused, NotUnderstood, TimedOut, Unreachable
from acqp_gateway.sandbox import folder
from acqp_gateway.settings import Settings

_CONNECT_S = 2.0
#: Longer than the sandbox itself waits for the gateway it notifies.
_ANSWER_S = 15.0
_START_IT = "run: acqp-gateway sandbox serve"


class ControlClient:
    """Controls one sandbox. Raises what `read_token` raises."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or gateway_settings.load()
        self._address = settings.sandbox_bind
        self._headers = {"Authorization": f"Bearer {folder.read_token(settings.sandbox_dir)}"}
        self._token_file = folder.token_file(settings.sandbox_dir)

    def ask(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
        answer_s: float = _ANSWER_S,
    ) -> dict[str, Any]:
        """The members of the answer. Raises CallFailed, or CommandRefused where the sandbox says no.

        `answer_s` is how many seconds the sandbox may take.
        """
        given = {name: str(value) for name, value in (parameters or {}).items() if value is not None}
        with requests.Session() as session:
            # Proxies and passwords of the environment have no business here.
            session.trust_env = False
            try:
                response = session.request(
                    method,
                    f"http://{self._address}/control/{path}",
                    params=given,
                    json=body,
                    headers=self._headers,
                    timeout=(_CONNECT_S, answer_s),
                    allow_redirects=False,
                )
            except requests.Timeout:
                raise TimedOut(f"the sandbox at {self._address} does not answer; end it, then {_START_IT}") from None
            except requests.RequestException:
                raise Unreachable(f"no sandbox answers at {self._address}; {_START_IT}") from None
        return self._members(response)

    def _members(self, response: requests.Response) -> dict[str, Any]:
        try:
            members = response.json()
        except ValueError:
            members = None
        if not isinstance(members, dict):
            raise NotUnderstood(
                f"what answers at {self._address} is no sandbox; {_START_IT}, or set ACQP_SANDBOX_BIND"
            )
        if response.status_code == requests.codes.unauthorized:
            raise CommandRefused(
                f"the sandbox at {self._address} has another token than {self._token_file};"
                " set ACQP_SANDBOX_DIR as it was when the sandbox was started"
            )
        if response.status_code != requests.codes.ok:
            raise CommandRefused(f"the sandbox refused that: {members.get('error', response.status_code)}")
        return members
