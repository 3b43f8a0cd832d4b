"""One module an API: its name, default path, deadline, result codes, request and response schema."""

from __future__ import annotations

from dataclasses import dataclass

from acqp_gateway.protocol.fields import WireSchema
from acqp_gateway.protocol.results import ResultCode


@dataclass(frozen=True, slots=True)
class Api:
    """One API of the documents. `peer_waits_s` is how many seconds the caller waits for the answer."""

    name: str
    default_path: str
    peer_waits_s: float
    results: tuple[ResultCode, ...]
    request: WireSchema
    response: WireSchema
