"""What a text must be to go over the wire and into the store alike."""

from __future__ import annotations

import re

#: codeValue: userInitiatedPay, Request parameters.
LONGEST_CODE_VALUE = 512

#: NUL and lone surrogates: JSON can say them, PostgreSQL cannot keep them.
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")


def fault_of(value: object, longest: int) -> str | None:
    """What is wrong with a text that must have 1 to `longest` characters; None when nothing is."""
    if not isinstance(value, str):
        return "must be a string"
    if not value:
        return "must not be empty; leave it out instead"
    if len(value) > longest:
        return f"must not be longer than {longest} characters"
    if _NOT_STORABLE.search(value):
        return "must not contain NUL or a lone surrogate"
    return None


def storable(text: str, longest: int) -> str:
    """Somebody else's text, for people to read: cut at `longest`, and what no store can keep replaced."""
    return _NOT_STORABLE.sub("\N{REPLACEMENT CHARACTER}", text[:longest])
