"""The control API of the scans: a wallet's user scans a code, pays the order, or walks away."""

from __future__ import annotations

import difflib
from typing import Any

from flask import Blueprint
from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from acqp_gateway.errors import IllegalValue, NotOnRecord
from acqp_gateway.protocol.fields import Text
from acqp_gateway.protocol.mpps import PUBLISHED_MPPS
from acqp_gateway.sandbox.control_input import body, body_if_any, whole_number
from acqp_gateway.sandbox.paying import Paying
from acqp_gateway.sandbox.scanning import Scanner, WantedScan
from acqp_gateway.sandbox.scans import MOST_SCANS, Mode, Scans
from acqp_gateway.text import LONGEST_CODE_VALUE

_NAME_OF_ID = {psp_id: name for name, psp_id in PUBLISHED_MPPS.items()}
_USUALLY_LISTED = 50
FASTEST = 10_000


class WantedScanSchema(Schema):
    """A scan as the control API reads it."""

    code_value = Text(LONGEST_CODE_VALUE, data_key="codeValue", required=True)
    psp_name = Text(256, data_key="pspName", load_default=None, allow_none=True)
    psp_id = Text(64, data_key="pspId", load_default=None, allow_none=True)
    customer_id = Text(64, data_key="customerId", load_default=None, allow_none=True)
    mode = fields.Enum(Mode, by_value=True, load_default=Mode.PUSH)
    speed = fields.Float(load_default=1.0, validate=validate.Range(min=1, max=FASTEST))

    @validates_schema
    def check_psp(self, data: dict[str, Any], **_: Any) -> None:
        """One MPP, by name or by id."""
        if (data["psp_name"] is None) == (data["psp_id"] is None):
            raise ValidationError("name the MPP by pspName, or by pspId", "pspName")
        if data["psp_name"] is not None and data["psp_name"] not in PUBLISHED_MPPS:
            raise ValidationError(not_published(data["psp_name"]), "pspName")

    @post_load
    def as_wanted(self, data: dict[str, Any], **_: Any) -> WantedScan:
        """The members as one object."""
        name, psp_id = data.pop("psp_name"), data.pop("psp_id")
        if psp_id is None:
            psp_id = PUBLISHED_MPPS[name]
        return WantedScan(psp_name=_NAME_OF_ID.get(psp_id), psp_id=psp_id, **data)


def not_published(psp_name: str) -> str:
    """What to tell a person who names an MPP that is not published."""
    close = difflib.get_close_matches(psp_name.upper(), PUBLISHED_MPPS, 1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(PUBLISHED_MPPS)}."
    return f"no MPP {psp_name} is published; {hint}"


_WANTED = WantedScanSchema()


def scans_blueprint(scans: Scans, scanner: Scanner, paying: Paying) -> Blueprint:
    """The routes below /control."""
    routes = Blueprint("scans", __name__)

    @routes.post("/scans")
    def scan() -> dict[str, Any]:
        return {"scan": scanner.scan(_WANTED.load(body())).as_control()}

    @routes.get("/scans")
    def listed() -> dict[str, Any]:
        limit = whole_number("limit", _USUALLY_LISTED, MOST_SCANS)
        return {"scans": [found.as_control() for found in scans.listed(limit=limit)]}

    @routes.get("/scans/<scan_id>")
    def get(scan_id: str) -> dict[str, Any]:
        return {"scan": scans.get(_number(scan_id)).as_control()}

    @routes.post("/scans/<scan_id>/pay")
    def pay(scan_id: str) -> dict[str, Any]:
        given = body_if_any()
        pin = given.pop("pin", None)
        if given or not (pin is None or (isinstance(pin, str) and 0 < len(pin) <= 64)):
            raise IllegalValue('there may be "pin" alone, a text of 1 to 64 characters')
        return {"scan": paying.pay(_number(scan_id), pin=pin).as_control()}

    @routes.post("/scans/<scan_id>/leave")
    def leave(scan_id: str) -> dict[str, Any]:
        if body_if_any():
            raise IllegalValue("there is nothing to say but {}")
        return {"scan": paying.leave(_number(scan_id)).as_control()}

    return routes


def _number(scan_id: str) -> int:
    if not scan_id.isascii() or not scan_id.isdecimal() or len(scan_id) > 18:
        raise NotOnRecord("there is no such scan; see: acqp-gateway sandbox scans")
    return int(scan_id)
