"""The private order code as a QR code."""

from __future__ import annotations

import io

import segno


def for_terminal(code_value: str) -> str:
    """A QR code made of characters, two modules a line, to be scanned from a terminal's screen."""
    drawn = io.StringIO()
    segno.make(code_value, error="m", micro=False).terminal(out=drawn, compact=True, border=2)
    return drawn.getvalue()
