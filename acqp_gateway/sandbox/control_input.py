"""What the control API is given: a JSON object, and whole numbers in the query. Used while a request is answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import request

from acqp_gateway.errors import IllegalValue
from acqp_gateway.protocol.strict_json import read_object
from acqp_gateway.text import storable


def body() -> dict[str, Any]:
    """The members of the request's body. Raises ParameterIllegal, IllegalValue for text that no store can keep."""
    members = read_object(request.get_data(cache=True))
    if any(storable(text, len(text)) != text for text in _texts(members)):
        raise IllegalValue("no text may contain NUL or half a character (a lone surrogate)")
    return members


def body_if_any() -> dict[str, Any]:
    """The members of the request's body, none where it has none. Raises as `body`."""
    return body() if request.get_data(cache=True) else {}


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value, names included; strict_json has bounded how deep it goes."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)


def whole_number(name: str, default: int, highest: int) -> int:
    """A whole number of the query, from 0 on. Raises IllegalValue."""
    text = request.args.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or len(text) > 19 or not int(text) <= highest:
        raise IllegalValue(f"{name} must be a whole number from 0 to {highest}")
    return int(text)
