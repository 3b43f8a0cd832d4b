"""Which content types, content encodings and Accept values are spoken: JSON in UTF-8, nothing else."""

from __future__ import annotations

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_options_header

JSON = "application/json"


def is_json_in_utf8(content_type: str) -> bool:
    """Whether a Content-Type means JSON in UTF-8; a missing charset means UTF-8."""
    media_type, options = parse_options_header(content_type)
    return media_type.lower() == JSON and options.get("charset", "utf-8").lower() in ("utf-8", "utf8")


def is_unencoded(content_encoding: str) -> bool:
    """Whether a Content-Encoding leaves the body as it is."""
    return content_encoding.strip().lower() in ("", "identity")


def accepts_json(accept: str) -> bool:
    """Whether an Accept header lets us answer in JSON."""
    if accept in ("*/*", JSON):
        return True
    accepted = parse_accept_header(accept, MIMEAccept)
    return accepted.quality(JSON) > 0
