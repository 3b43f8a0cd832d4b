"""marshmallow fields whose JSON form is a string, as the documents ask (Structure, Note 1).

Every schema of the wire derives from WireSchema: unknown members are ignored and null counts as absent on
input; None is left out on output.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_dump, pre_load

from acqp_gateway.protocol.headers import read_iso_8601, write_time
from acqp_gateway.text import fault_of

_NATURAL_NUMBER = re.compile("0|[1-9][0-9]{0,17}")


def check_text(value: object, longest: int) -> str:
    """A string of 1 to `longest` characters that a store can keep. Raises ValidationError otherwise."""
    fault = fault_of(value, longest)
    if fault is not None:
        raise ValidationError(fault)
    return str(value)


class Text(fields.Field[str]):
    """A string of 1 to `longest` characters."""

    def __init__(self, longest: int, **options: Any) -> None:
        super().__init__(**options)
        self.longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        return check_text(value, self.longest)


class Flag(fields.Field[bool]):
    """A Boolean as "true" or "false"."""

    def _serialize(self, value: bool | None, attr: str | None, obj: Any, **_: Any) -> str | None:
        return None if value is None else ("true" if value else "false")

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> bool:
        if value not in ("true", "false"):
            raise ValidationError('must be "true" or "false"')
        return bool(value == "true")


class NaturalNumber(fields.Field[int]):
    """A whole number from 0 to 18 digits, as a string of digits without leading zeros."""

    def _serialize(self, value: int | None, attr: str | None, obj: Any, **_: Any) -> str | None:
        return None if value is None else str(value)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> int:
        if not isinstance(value, str) or not _NATURAL_NUMBER.fullmatch(value):
            raise ValidationError("must be a whole number, written as a string of digits")
        return int(value)


class Moment(fields.Field[datetime]):
    """A time as ISO 8601 with its offset."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **_: Any) -> str | None:
        return None if value is None else write_time(value)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> datetime:
        try:
            moment = read_iso_8601(check_text(value, 64))
            # Beyond the first and the last year there is no UTC time, and nobody could keep it.
            moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError("must be an ISO 8601 time with its offset") from None
        return moment


class WireSchema(Schema):
    """A JSON object of the wire."""

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def null_counts_as_absent(self, data: Any, **_: Any) -> Any:
        """Documents, Structure, Note 2."""
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if value is not None}
        return data

    @post_dump
    def leave_out_none(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Documents, Structure, Note 2."""
        return {name: value for name, value in data.items() if value is not None}
