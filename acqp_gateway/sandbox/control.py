"""The control API: what the sandbox has on record, which faults are in force, and what it has seen.

Under /control, for the holder of the token alone; JSON in and out, errors too.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Flask, Response, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, Unauthorized

from acqp_gateway.errors import (
    CommandRefused,
    ConfigurationError,
    IllegalState,
    IllegalValue,
    NotOnRecord,
    ParameterIllegal,
)
from acqp_gateway.sandbox.control_input import body, whole_number
from acqp_gateway.sandbox.faults import FAULTS
from acqp_gateway.sandbox.faults_in_force import LONGEST_MS, SIDES, FaultSettingSchema, FaultsInForce, known_faults
from acqp_gateway.sandbox.history import MOST_MESSAGES, History
from acqp_gateway.sandbox.notifying import Notifier
from acqp_gateway.sandbox.pages import pages_blueprint
from acqp_gateway.sandbox.registrations import Registration, Registrations, Subject, read_registrations

_log = logging.getLogger("acqp_gateway.sandbox")

PREFIX = "/control"
LARGEST_BODY = 8 * 1024 * 1024
MOST_REGISTRATIONS = 10_000
_MOST_LISTED = 10_000
_MOST_NOTIFIED = 20
_LONGEST_PARAMETER = 256

_FAULT = FaultSettingSchema()


def control_application(
    token: str,
    *,
    registrations: Registrations,
    faults: FaultsInForce,
    history: History,
    notifier: Notifier,
    more: Sequence[Blueprint] = (),
) -> Flask:
    """Everything that is no API of Alipay+'s, as a WSGI application; `more` comes below /control, too."""
    app = Flask("acqp_gateway.sandbox", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of the default provider: a table's order says something
    app.url_map.merge_slashes = False
    app.register_error_handler(Exception, _as_json)
    app.add_url_rule("/healthz", view_func=lambda: {"status": "ok"}, endpoint="healthz")
    for blueprint in (
        _registrations_blueprint(registrations, notifier),
        _faults_blueprint(faults),
        _history_blueprint(history),
        *more,
    ):
        app.register_blueprint(blueprint, url_prefix=PREFIX)
    app.register_blueprint(pages_blueprint())
    # Before routing: without the token nobody learns which addresses there are.
    app.before_request(lambda: _require_token(token))
    return app


def _require_token(token: str) -> None:
    if not f"{request.path}/".startswith(f"{PREFIX}/"):
        return
    given = request.headers.get("Authorization", "").encode("latin-1", "replace")
    if not hmac.compare_digest(given, f"Bearer {token}".encode()):
        raise Unauthorized("the header Authorization: Bearer <control token> is missing or wrong")


def _registrations_blueprint(registrations: Registrations, notifier: Notifier) -> Blueprint:
    routes = Blueprint("registrations", __name__)

    @routes.get("/registrations")
    def listed() -> dict[str, Any]:
        found = registrations.listed(_subject(_parameters()), limit=whole_number("limit", 100, _MOST_LISTED))
        return {"registrations": [registration.as_control() for registration in found]}

    @routes.post("/registrations")
    def put() -> dict[str, Any]:
        given = body()
        wants_notifying = given.pop("notify", False)
        several = "registrations" in given
        if not isinstance(wants_notifying, bool) or (several and len(given) > 1):
            raise IllegalValue('beside "registrations" there may be "notify" alone, true or false')
        wanted = read_registrations(given["registrations"] if several else [given], most=MOST_REGISTRATIONS)
        if wants_notifying and len(wanted) > _MOST_NOTIFIED:
            raise IllegalValue(f"at most {_MOST_NOTIFIED} registrations can be notified at once")
        kept = registrations.put(wanted)
        answer: dict[str, Any] = {"registrations": [registration.as_control() for registration in kept]}
        if wants_notifying:
            answer["notifications"] = [notifier.notify(registration) for registration in kept]
        return answer

    @routes.delete("/registrations")
    def delete() -> dict[str, Any]:
        return {"deleted": registrations.delete(_subject(_parameters()))}

    @routes.post("/registrations/notify")
    def notify() -> dict[str, Any]:
        return {"notifications": [notifier.notify(_wanted(registrations, body()))]}

    return routes


def _wanted(registrations: Registrations, given: dict[str, Any]) -> Registration:
    subject = _subject(given)
    if subject.merchant_id is None and subject.request_id is None:
        raise IllegalValue(
            "name a registrationRequestId, or a referenceMerchantId with or without a referenceStoreId"
        )
    found = registrations.find(subject)
    if found is None:
        raise NotOnRecord("no such registration is on record; see: acqp-gateway sandbox registrations list")
    return found


def _faults_blueprint(faults: FaultsInForce) -> Blueprint:
    routes = Blueprint("faults", __name__)

    def in_force() -> dict[str, Any]:
        return {
            "faults": [setting.as_control() for setting in faults.listed()],
            "latencyMs": faults.latency_ms(),
            "known": {name: fault.description for name, fault in FAULTS.items()},
            "apis": {
                api: {
                    "side": side,
                    "known": {name: fault.description for name, fault in known_faults(api).items()},
                }
                for api, side in SIDES.items()
            },
        }

    @routes.get("/faults")
    def listed() -> dict[str, Any]:
        return in_force()

    @routes.post("/faults")
    def put() -> dict[str, Any]:
        faults.put(_FAULT.load(body()))
        return in_force()

    @routes.delete("/faults")
    def clear() -> dict[str, Any]:
        given = _parameters("fault", "api", "merchant")
        cleared = faults.clear(fault=given.get("fault"), api=given.get("api"), merchant=given.get("merchant"))
        return {"cleared": cleared, **in_force()}

    @routes.put("/latency")
    def put_latency() -> dict[str, Any]:
        given = body()
        ms = given.pop("ms", None)
        if given or not isinstance(ms, int) or isinstance(ms, bool) or not 0 <= ms <= LONGEST_MS:
            raise IllegalValue(f'must be {{"ms": N}}, with N from 0 to {LONGEST_MS}')
        faults.put_latency(ms)
        return in_force()

    return routes


def _history_blueprint(history: History) -> Blueprint:
    routes = Blueprint("history", __name__)

    @routes.get("/history")
    def listed() -> dict[str, Any]:
        limit = whole_number("limit", 50, MOST_MESSAGES)
        before = whole_number("before", 0, 2**62) or None
        after = whole_number("after", 0, 2**62) if "after" in request.args else None
        api, scan = request.args.get("api"), request.args.get("scan")
        return {"messages": history.listed(limit=limit, api=api, before=before, after=after, scan=scan)}

    @routes.delete("/history")
    def clear() -> dict[str, Any]:
        return {"cleared": history.clear()}

    return routes


_SUBJECT = ("referenceMerchantId", "referenceStoreId", "registrationRequestId")


def _parameters(*names: str) -> dict[str, str]:
    """The query's members, `limit` aside. Raises IllegalValue for one that nobody asked for."""
    names = names or _SUBJECT
    given = {name: value for name, value in request.args.items() if name != "limit"}
    if not given.keys() <= set(names):
        raise IllegalValue(f"the query may have {', '.join(names)}")
    return given


def _subject(given: dict[str, Any]) -> Subject:
    if not given.keys() <= set(_SUBJECT):
        raise IllegalValue(f"there may be {', '.join(_SUBJECT)} alone")
    values = [given.get(name) for name in _SUBJECT]
    if not all(value is None or (isinstance(value, str) and len(value) <= _LONGEST_PARAMETER) for value in values):
        raise IllegalValue(f"ids are texts of at most {_LONGEST_PARAMETER} characters")
    return Subject(*values)


_STATUS_OF_ERROR: dict[type[Exception], int] = {
    NotOnRecord: 404,
    IllegalState: 409,
    CommandRefused: 400,
    ParameterIllegal: 400,
    ValidationError: 400,
    ConfigurationError: 500,
}


def _as_json(error: Exception) -> Response:
    """Every error in one form: {"error": "<one line>"}."""
    if isinstance(error, HTTPException):
        text = error.description if isinstance(error, Unauthorized) else error.name
        response = _json({"error": text}, error.code or 500)
        response.headers.extend(header for header in error.get_headers() if header[0] == "Allow")
        return response
    status = next((status for kind, status in _STATUS_OF_ERROR.items() if isinstance(error, kind)), None)
    if status is None:
        _log.error("unforeseen error in %s %s", request.method, request.path, exc_info=error)
        return _json({"error": "the sandbox failed; see its log"}, 500)
    if isinstance(error, ValidationError):
        return _json({"error": json.dumps(error.messages)}, status)
    return _json({"error": str(error)}, status)


def _json(members: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(members) + "\n", status=status, mimetype="application/json")
