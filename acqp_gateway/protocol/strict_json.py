"""JSON as the wire wants it: strict UTF-8, one object, no repeated names; and written once, compactly."""

from __future__ import annotations

import json
import re
from typing import Any

from acqp_gateway.errors import ParameterIllegal

#: The documents' messages are seven deep.
_DEEPEST_NESTING = 64
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises ParameterIllegal with a reason label for anything else."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ParameterIllegal("body_not_utf8") from None
    _check_nesting(text)
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ParameterIllegal("json_too_deep") from None
    except ValueError as error:
        raise ParameterIllegal("json_malformed", str(error)[:200]) from None
    if not isinstance(value, dict):
        raise ParameterIllegal("json_no_object")
    return value


def write_object(value: dict[str, Any]) -> bytes:
    """Compact UTF-8 JSON."""
    return _ENCODER.encode(value).encode("utf-8")


def _check_nesting(text: str) -> None:
    """Raise ParameterIllegal before the parser would recurse as deep as a peer likes."""
    if text.count("[") + text.count("{") <= _DEEPEST_NESTING:
        return
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > _DEEPEST_NESTING:
                raise ParameterIllegal("json_too_deep")
        elif token[0] in "]}":
            depth -= 1


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ParameterIllegal("json_repeated_name")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_names, parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
