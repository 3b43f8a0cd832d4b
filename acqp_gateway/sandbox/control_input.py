"""What the control API is given: a JSON object, and whole numbers in the query. Used while a request is answered."""

from __future__ import annotations

from typing import Any

from flask import request

from acqp_gateway.errors import IllegalValue
from acqp_gateway.protocol.strict_json import read_object


def body() -> dict[str, Any]:
    """The members of the request's body. Raises ParameterIllegal."""
    return read_object(request.get_data(cache=False))


def whole_number(name: str, default: int, highest: int) -> int:
    """A whole number of the query, from 0 on. Raises IllegalValue."""
    text = request.args.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or len(text) > 19 or not int(text) <= highest:
        raise IllegalValue(f"{name} must be a whole number from 0 to {highest}")
    return int(text)
