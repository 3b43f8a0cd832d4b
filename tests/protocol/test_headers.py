"""Client-Id, Request-Time and Signature: what is read, what is refused, what is written."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acqp_gateway.errors import SignatureInvalid
from acqp_gateway.protocol.headers import (
    SignatureHeader,
    read_iso_8601,
    read_signature,
    read_time,
    write_signature,
    write_time,
)
from tests.protocol.helpers import same_examples

_MORNING = datetime(2026, 11, 20, 2, 30, 0, tzinfo=UTC)


def _at(microsecond: int) -> datetime:
    return _MORNING.replace(microsecond=microsecond)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-20T02:30:00+00:00", _MORNING),
        ("2026-11-20T10:30:00+08:00", _MORNING),
        ("2026-11-19T21:00:00-05:30", _MORNING),
        ("2026-11-20T02:30:00Z", _MORNING),
        ("2026-11-20T02:30:00.09Z", _at(90_000)),
        ("2026-11-20T02:30:00.123Z", _at(123_000)),
        ("2026-11-20T02:30:00.1234567Z", _at(123_456)),
        ("2026-11-20T02:30:00.999999999Z", _at(999_999)),
        ("2026-11-20T02:30:00,5Z", _at(500_000)),
        ("2026-11-20T02:30:00+0000", _MORNING),
        ("2026-11-20T10:30:00+0800", _MORNING),
        ("2026-11-20T10:30:00+08", _MORNING),
        ("2026-11-20T10:30:00.250+0800", _at(250_000)),
        # fromisoformat reads the next one as 03:00 and says nothing.
        ("20261120103000+0800", _MORNING),
        ("20261120103000+08:00", _MORNING),
        ("20261120T103000+0800", _MORNING),
        ("20261120023000Z", _MORNING),
        ("1795141800000", _MORNING),
        ("1795141800123", _at(123_000)),
        ("1795141800000000000", _MORNING),
        ("1795141800123456789", _at(123_456)),
        ("0000000000000", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9999999999999", datetime(2286, 11, 20, 17, 46, 39, 999_000, tzinfo=UTC)),
        ("9999999999999999999", datetime(2286, 11, 20, 17, 46, 39, 999_999, tzinfo=UTC)),
        ("2024-02-29T23:59:59-23:59", datetime(2024, 3, 1, 23, 58, 59, tzinfo=UTC)),
    ],
)
def test_every_form_of_a_time_is_read(text: str, meant: datetime) -> None:
    found = read_time(text)
    assert found == meant
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yesterday",
        "2026-11-20",
        "2026-11-20T10:30:00",
        "2026-11-20 10:30:00+08:00",
        "2026-11-20T10:30+08:00",
        "20261120103000",
        "2026-11-20T10:30:00+8",
        "2026-11-20T10:30:00+080",
        "2026-11-20T10:30:00+08:60",
        "2026-11-20T10:30:00+24:00",
        "2026-11-20T10:30:00-99:00",
        "2026-11-20T10:30:00 08:00",
        "2026-11-20T10:30:00.Z",
        "2026-11-20T10:30:00.1234567890Z",
        "2026-11-20T10:30:00ZZ",
        "2026-11-20T24:00:00Z",
        "2026-11-20T10:60:00Z",
        "2026-11-20T10:30:60Z",
        "2026-02-29T10:30:00Z",
        "2026-13-01T10:30:00Z",
        "0000-01-01T00:00:00Z",
        "2026-11-20T10:30:00Z\n",
        "\n2026-11-20T10:30:00Z",
        "2026-1120T10:30:00Z",
        "+2026-11-20T10:30:00Z",
        "٢٠٢٦-11-20T10:30:00Z",
        "١٧٩٥١٤١٨٠٠٠٠٠",
        "179514180000",
        "17951418000000",
        "179514180000000000",
        "17951418000000000000",
        "-1795141800000",
        "1795141800.000",
        "0x1795141800000",
        "NaN",
        "9" * 8000,
    ],
    ids=lambda text: repr(text[:40]),
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_time(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_utc_cannot_say_is_refused(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        read_time(text)


def test_an_iso_time_keeps_its_zone() -> None:
    found = read_iso_8601("2026-11-20T10:00:00+09:00")
    assert (found.hour, found.utcoffset()) == (10, timedelta(hours=9))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (_MORNING, "2026-11-20T02:30:00+00:00"),
        (_at(999_999), "2026-11-20T02:30:00+00:00"),
        (_MORNING.astimezone(timezone(timedelta(hours=9))), "2026-11-20T11:30:00+09:00"),
        (_MORNING.astimezone(timezone(-timedelta(hours=3, minutes=30))), "2026-11-19T23:00:00-03:30"),
    ],
)
def test_a_time_is_written_to_the_second_with_its_offset(moment: datetime, text: str) -> None:
    assert write_time(moment) == text


@same_examples
@given(
    st.datetimes(
        min_value=datetime(1970, 1, 2),
        max_value=datetime(2286, 1, 1),
        timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    )
)
def test_a_written_time_is_read_as_it_was(moment: datetime) -> None:
    assert read_time(write_time(moment)) == moment.replace(microsecond=0)
    assert read_iso_8601(write_time(moment)).utcoffset() == moment.utcoffset()


BYTES = bytes(range(251, 256)) * 51 + b"\0"  # 256 bytes, with + and / in their base64
VALUE = base64.b64encode(BYTES).decode("ascii")
PARTS = ("algorithm=RSA256", "keyVersion=1", f"signature={VALUE}")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (",".join(PARTS), "1"),
        (", ".join(PARTS), "1"),
        (",".join(reversed(PARTS)), "1"),
        (",".join((PARTS[1], PARTS[2], PARTS[0])), "1"),
        (f"  algorithm = RSA256 ,\tkeyVersion = 1 , signature = {VALUE} ", "1"),
        (f"ALGORITHM=RSA256,KEYVERSION=1,SIGNATURE={VALUE}", "1"),
        (f"Algorithm=RSA256,keyversion=1,Signature={VALUE}", "1"),
        (f"algorithm=RSA256,signature={VALUE}", None),
        (f"algorithm=RSA256,keyVersion=0010,signature={VALUE}", "0010"),
        (f"algorithm=RSA256,keyVersion=abc=d,signature={VALUE}", "abc=d"),
        (",".join((*PARTS, "other=1")), "1"),
        (f"algorithm=RSA256,keyVersion=1,signature={VALUE.rstrip('=')}", "1"),
    ],
    ids=[
        "no-blanks",
        "blanks",
        "reversed",
        "rotated",
        "many-blanks",
        "upper-case-names",
        "mixed-case-names",
        "no-version",
        "odd-version",
        "second-equals-sign",
        "unknown-part",
        "unpadded",
    ],
)
def test_a_signature_is_read_leniently(text: str, version: str | None) -> None:
    assert read_signature(text) == SignatureHeader(version, BYTES)


def _with_value(value: str) -> str:
    return f"algorithm=RSA256,keyVersion=1,signature={value}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "signature_malformed"),
        (",", "signature_malformed"),
        ("RSA256", "signature_malformed"),
        (VALUE, "signature_algorithm"),
        (",".join(PARTS) + ",", "signature_malformed"),
        (",".join((*PARTS, PARTS[0])), "signature_malformed"),
        (",".join((*PARTS, PARTS[1])), "signature_malformed"),
        (",".join((*PARTS, PARTS[2])), "signature_malformed"),
        (",".join((*PARTS, "SIGNATURE=" + VALUE)), "signature_malformed"),
        (", ".join(PARTS) + "," + ", ".join(PARTS), "signature_malformed"),
        (",".join((*PARTS, "other=1", "Other=2")), "signature_malformed"),
        (",".join(PARTS[1:]), "signature_algorithm"),
        (",".join(("algorithm=", *PARTS[1:])), "signature_algorithm"),
        (",".join(("algorithm=RSA512", *PARTS[1:])), "signature_algorithm"),
        (",".join(("algorithm=none", *PARTS[1:])), "signature_algorithm"),
        (",".join(("algorithm=HS256", *PARTS[1:])), "signature_algorithm"),
        (",".join((PARTS[0], "keyVersion=", PARTS[2])), "signature_malformed"),
        (",".join(PARTS[:2]), "signature_malformed"),
        (_with_value(""), "signature_malformed"),
        (_with_value(" "), "signature_malformed"),
        (_with_value("="), "signature_malformed"),
        (_with_value("===="), "signature_malformed"),
        (_with_value("%3D%3D"), "signature_malformed"),
        (_with_value("A"), "signature_malformed"),
        (_with_value("AAAAA"), "signature_malformed"),
        (_with_value("AA=A"), "signature_malformed"),
        (_with_value("AA==AA=="), "signature_malformed"),
        (_with_value("%"), "signature_malformed"),
        (_with_value("%2"), "signature_malformed"),
        (_with_value("AAA%zz"), "signature_malformed"),
        (_with_value("AAAA%2"), "signature_malformed"),
        (_with_value("%252B" + VALUE), "signature_malformed"),
        (_with_value("%00AAAA"), "signature_malformed"),
        (_with_value("AAAA%0A"), "signature_malformed"),
        (_with_value("AAAA%20"), "signature_malformed"),
        (_with_value("AA AA"), "signature_malformed"),
        (_with_value("AA+A AA"), "signature_malformed"),
        (_with_value("AA\xe9A"), "signature_malformed"),
        (_with_value("%D9%A1AA"), "signature_malformed"),
        (_with_value("!" * 8000), "signature_malformed"),
        ("=" * 8000, "signature_algorithm"),
        ("," * 8000, "signature_malformed"),
    ],
    ids=lambda text: repr(text[:60]),
)
def test_a_signature_that_is_not_one_is_refused(text: str, reason: str) -> None:
    with pytest.raises(SignatureInvalid) as refused:
        read_signature(text)
    assert refused.value.reason == reason


def test_eight_thousand_characters_are_read_as_what_they_are() -> None:
    assert read_signature(_with_value("A" * 8000)).signature == b"\0" * 6000


@pytest.mark.parametrize(
    ("blank_after_comma", "written"),
    [
        (True, "algorithm=RSA256, keyVersion=12, signature=%2B%2F%2B%2FAA%3D%3D"),
        (False, "algorithm=RSA256,keyVersion=12,signature=%2B%2F%2B%2FAA%3D%3D"),
    ],
)
def test_a_signature_is_written_exactly(blank_after_comma: bool, written: str) -> None:
    signature = base64.b64decode("+/+/AA==")
    assert write_signature(signature, "12", blank_after_comma=blank_after_comma) == written


@same_examples
@given(st.binary(min_size=1, max_size=512), st.integers(1, 10**9 - 1), st.booleans())
def test_a_written_signature_is_read_as_it_was(signature: bytes, version: int, blank: bool) -> None:
    written = write_signature(signature, str(version), blank_after_comma=blank)
    assert read_signature(written) == SignatureHeader(str(version), signature)
    assert " " not in written.replace(", ", ",")


@same_examples
@given(st.text(st.characters(max_codepoint=255), max_size=200))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    for header in (text, _with_value(text), f"algorithm=RSA256,{text}"):
        try:
            read_signature(header)
        except SignatureInvalid as refusal:
            assert refusal.reason in ("signature_malformed", "signature_algorithm")  # noqa: PT017 -- either is right
