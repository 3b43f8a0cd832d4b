"""Which media types, charsets and encodings are spoken."""

from __future__ import annotations

import pytest

from acqp_gateway.protocol import media_types


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("application/json", True),
        ("application/json; charset=UTF-8", True),
        ("application/json;charset=utf-8", True),
        ('application/json; charset="utf-8"', True),
        ("APPLICATION/JSON; CHARSET=utf8", True),
        ("application/json;", True),
        ("application/json; boundary=x", True),
        ("application/json; charset=utf-16", False),
        ("application/json; charset=gbk", False),
        ("application/json; charset=iso-8859-1", False),
        ("text/json", False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("application/problem+json", False),
        ("application/jsonp", False),
        ("application/json, application/json", False),
        ("application", False),
        (";", False),
        ("\xff", False),
    ],
)
def test_content_types(text: str, spoken: bool) -> None:
    assert media_types.is_json_in_utf8(text) is spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("", True),
        ("identity", True),
        (" Identity ", True),
        ("gzip", False),
        ("deflate", False),
        ("br", False),
        ("identity, gzip", False),
        ("x", False),
    ],
)
def test_content_encodings(text: str, spoken: bool) -> None:
    assert media_types.is_unencoded(text) is spoken


@pytest.mark.parametrize(
    ("text", "excluded"),
    [
        ("application/json", False),
        ("application/json; charset=UTF-8", False),
        ("application/json;charset=utf-8;q=0.9", False),
        ("*/*", False),
        ("application/*", False),
        ("APPLICATION/JSON", False),
        ("text/html, application/json;q=0.9, */*;q=0.1", False),
        ("text/html, application/json;q=0.001", False),
        # What Java's HttpURLConnection sends by itself.
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", False),
        ("text/plain, */*", False),
        ("application/json;q=1.000", False),
        ("application/json, application/json;q=0", False),
        ("application/json;q=0.5, */*;q=0", False),
        ("text/html", True),
        ("text/html, image/gif", True),
        ("text/json", True),
        ("application/xml", True),
        ("application/problem+json", True),
        ("*/*;q=0", True),
        ("*/*; q=0.000", True),
        ("application/json;q=0", True),
        ("application/json;q=0, */*", True),
        ("application/json; Q=0.0 , text/html", True),
        ("application/*;q=0, */*;q=0.5", True),
        (",", True),
        ("application", True),
        ("\xff", True),
    ],
)
def test_what_an_accept_excludes(text: str, excluded: bool) -> None:
    assert media_types.accepts_json(text) is not excluded
