"""Which content types, content encodings and Accept values are spoken: JSON in UTF-8, nothing else."""

from __future__ import annotations

import re

from werkzeug.http import parse_options_header

JSON = "application/json"


def is_json_in_utf8(content_type: str) -> bool:
    """Whether a Content-Type means JSON in UTF-8; a missing charset means UTF-8."""
    media_type, options = parse_options_header(content_type)
    return media_type.lower() == JSON and options.get("charset", "utf-8").lower() in ("utf-8", "utf8")


def is_unencoded(content_encoding: str) -> bool:
    """Whether a Content-Encoding leaves the body as it is."""
    return content_encoding.strip().lower() in ("", "identity")


def accepts_json(accept: str) -> bool:
    """Whether an Accept header lets us answer in JSON: the narrowest range that JSON lies in decides.

    Parameters other than q do not matter, and "*" alone, which Java sends by itself, means any type.
    """
    if accept in ("*/*", JSON):
        return True
    narrowest, accepted = -1, False
    for item in accept.lower().split(","):
        media_range, *parameters = (part.strip() for part in item.split(";"))
        if media_range in _RANGES:
            wanted = not any(_WEIGHT_ZERO.fullmatch(parameter) for parameter in parameters)
            narrowest, accepted = max((narrowest, accepted), (_RANGES[media_range], wanted))
    return accepted


#: The ranges that JSON lies in, each with how narrow it is.
_RANGES = {"*": 0, "*/*": 0, "application/*": 1, JSON: 2}
_WEIGHT_ZERO = re.compile(r"q\s*=\s*(0(\.0*)?|\.0+)")
