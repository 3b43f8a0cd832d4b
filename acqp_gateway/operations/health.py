"""`GET /healthz`: the process answers. `GET /readyz`: it could decode, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, jsonify

from acqp_gateway.errors import GatewayError

Check = Callable[[], None]


def health_blueprint(checks: Mapping[str, Check]) -> Blueprint:
    """The two addresses; each check by its name raises a GatewayError when its part is not ready."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthz", provide_automatic_options=False)
    def healthz() -> Response:
        return jsonify(status="alive")

    @blueprint.get("/readyz", provide_automatic_options=False)
    def readyz() -> tuple[Response, int]:
        found = {name: _outcome(check) for name, check in checks.items()}
        ready = all(outcome == "ok" for outcome in found.values())
        return jsonify(status="ready" if ready else "not ready", checks=found), 200 if ready else 503

    return blueprint


def _outcome(check: Check) -> str:
    """What stands in the answer: enough for an operator, nothing about hosts or files."""
    try:
        check()
    except GatewayError as error:
        return type(error).__name__
    return "ok"
