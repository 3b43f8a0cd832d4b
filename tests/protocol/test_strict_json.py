"""JSON as the wire wants it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqp_gateway.errors import ParameterIllegal
from acqp_gateway.protocol.strict_json import read_object, write_object
from tests.protocol.helpers import same_examples

DEEP = 100_000


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        (b"{}", {}),
        (b' \t\r\n{ "a" : "b" } \n', {"a": "b"}),
        (b'{"a":null,"b":[true,1,{"c":"d"}]}', {"a": None, "b": [True, 1, {"c": "d"}]}),
        (b'{"a":"\\u4f60\\/\\""}', {"a": '你/"'}),
        ('{"a":"咖啡 😀"}'.encode(), {"a": "咖啡 😀"}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "😀"}),
        (b'{"a":"\\ud800"}', {"a": "\ud800"}),
        (b'{"a":"\\u0000"}', {"a": "\0"}),
        (b'{"a":{"n":"1"},"b":{"n":"2"}}', {"a": {"n": "1"}, "b": {"n": "2"}}),
        (b'{"a":"1","A":"2"}', {"a": "1", "A": "2"}),
        (b'{"":""}', {"": ""}),
        (b'{"a":' + b"[" * 50 + b"]" * 50 + b"}", {"a": json.loads("[" * 50 + "]" * 50)}),
        (b'{"n":' + b"9" * 4000 + b"}", {"n": int("9" * 4000)}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_object_is_read(body: bytes, meant: dict[str, Any]) -> None:
    assert read_object(body) == meant


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff", "body_not_utf8"),
        (b'{"a":"\xe9"}', "body_not_utf8"),
        (b'{"a":"\xc0\x80"}', "body_not_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "body_not_utf8"),
        (b'{"a":"\xf4\x90\x80\x80"}', "body_not_utf8"),
        (b'{"a":"\xe4\xbd', "body_not_utf8"),
        ('{"a":"b"}'.encode("utf-16"), "body_not_utf8"),
        ('{"a":"b"}'.encode("utf-16-le"), "json_malformed"),
        ('{"a":"b"}'.encode("utf-16-be"), "json_malformed"),
        ('{"a":"b"}'.encode("utf-32-le"), "json_malformed"),
        (b'\xef\xbb\xbf{"a":"b"}', "json_malformed"),
        (b"", "json_malformed"),
        (b" \n", "json_malformed"),
        (b"{", "json_malformed"),
        (b'{"a"', "json_malformed"),
        (b'{"a":', "json_malformed"),
        (b'{"a":"b', "json_malformed"),
        (b'{"a":"b"', "json_malformed"),
        (b'{"a":"b"}}', "json_malformed"),
        (b'{"a":"b"}{"a":"b"}', "json_malformed"),
        (b'{"a":"b",}', "json_malformed"),
        (b'{"a":["b",]}', "json_malformed"),
        (b"{'a':'b'}", "json_malformed"),
        (b"{a:1}", "json_malformed"),
        (b'{"a":1 /* one */}', "json_malformed"),
        (b'{"a":"\n"}', "json_malformed"),
        (b'{"a":"\0"}', "json_malformed"),
        (b'{"a":"\\x41"}', "json_malformed"),
        (b'{"a":"\\u12"}', "json_malformed"),
        (b'{"a":01}', "json_malformed"),
        (b'{"a":+1}', "json_malformed"),
        (b'{"a":.5}', "json_malformed"),
        (b'{"a":0x10}', "json_malformed"),
        (b'{"a":True}', "json_malformed"),
        (b'{"a":NaN}', "json_malformed"),
        (b'{"a":Infinity}', "json_malformed"),
        (b'{"a":-Infinity}', "json_malformed"),
        (b'{"a":[{"b":NaN}]}', "json_malformed"),
        (b'{"a":' + b"9" * 5000 + b"}", "json_malformed"),
        (b"[]", "json_no_object"),
        (b'[{"a":"b"}]', "json_no_object"),
        (b'"a"', "json_no_object"),
        (b"1", "json_no_object"),
        (b"1e999", "json_no_object"),
        (b"true", "json_no_object"),
        (b"null", "json_no_object"),
        (b'{"a":"1","a":"1"}', "json_repeated_name"),
        (b'{"a":"1","b":"2","a":null}', "json_repeated_name"),
        (b'{"a":"1","\\u0061":"2"}', "json_repeated_name"),
        (b'{"codeValue":"1","code\\u0056alue":"2"}', "json_repeated_name"),
        (b'{"/":"1","\\/":"2"}', "json_repeated_name"),
        ('{"咖":"1","\\u5496":"2"}'.encode(), "json_repeated_name"),
        (b'{"a":{"b":"1","b":"2"}}', "json_repeated_name"),
        (b'{"a":[[{"b":"1","\\u0062":"2"}]]}', "json_repeated_name"),
        (b'{"":1,"":2}', "json_repeated_name"),
        (b"[" * DEEP, "json_too_deep"),
        (b"[" * DEEP + b"]" * DEEP, "json_too_deep"),
        (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "json_too_deep"),
        (b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", "json_too_deep"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_anything_else_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(ParameterIllegal) as refused:
        read_object(body)
    assert refused.value.reason == reason
    assert len(refused.value.detail) <= 200


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({}, b"{}"),
        ({"b": "1", "a": "2"}, b'{"b":"1","a":"2"}'),
        ({"a": ["é", "咖", "😀"]}, '{"a":["é","咖","😀"]}'.encode()),
        ({"a": 'quote " slash / back \\ line \n'}, b'{"a":"quote \\" slash / back \\\\ line \\n"}'),
        ({"a": {"b": None}}, b'{"a":{"b":null}}'),
    ],
)
def test_it_is_written_compactly_in_the_given_order(value: dict[str, Any], written: bytes) -> None:
    assert write_object(value) == written


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_json_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_object({"a": number})


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@same_examples
@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_what_is_written_is_read_as_it_was(value: dict[str, Any]) -> None:
    assert read_object(write_object(value)) == value


@same_examples
@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u0019aeNtrufls. -\n', max_size=60).map(str.encode))
def test_no_bytes_make_the_reader_fail(body: bytes) -> None:
    try:
        assert isinstance(read_object(body), dict)
    except ParameterIllegal as refusal:
        assert refusal.reason.startswith(("body_", "json_"))  # noqa: PT017 -- reading may succeed too


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ('{"a":' * 63 + '"x"' + "}" * 63, True),
        ('{"a":' * 65 + '"x"' + "}" * 65, False),
        ('{"a":' + "[" * 64 + "]" * 64 + "}", False),
        ('{"a":"' + "[{" * 500 + '"}', True),
        ('{"a":"\\"' + "[" * 500 + '"}', True),
        ('{"a":"\\\\","b":' + "[" * 80 + "]" * 80 + "}", False),
        ('{"a":[' + "[]," * 500 + "[]]}", True),
    ],
)
def test_nesting_is_counted_outside_strings(text: str, is_read: bool) -> None:
    if is_read:
        assert read_object(text.encode())
    else:
        with pytest.raises(ParameterIllegal, match="json_too_deep"):
            read_object(text.encode())
