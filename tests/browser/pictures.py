"""Pictures with QR codes, made in pure Python: PNG files, and the Y4M file that a browser takes for a camera."""

from __future__ import annotations

from pathlib import Path

import segno

CAMERA_SIZE = (640, 480)
_BLACK, _WHITE = b"\x10", b"\xeb"
_NO_COLOUR = b"\x80"


def qr_picture(path: Path, text: str, *, scale: int = 6, border: int = 4, error: str = "m") -> Path:
    """A PNG file with a QR code, `scale` pixels a module."""
    segno.make(text, error=error, micro=False).save(str(path), kind="png", scale=scale, border=border)
    return path


def camera_film(path: Path, text: str | None, *, modules_of: int = 8) -> Path:
    """Three equal frames, played again and again: a code in the middle of a grey wall, or the wall alone."""
    width, height = CAMERA_SIZE
    rows = [bytearray(b"\x80" * width) for _ in range(height)]
    if text is not None:
        _draw(rows, text, modules_of)
    colour = _NO_COLOUR * (width * height // 2)
    frame = b"FRAME\n" + b"".join(rows) + colour
    path.write_bytes(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 3)
    return path


def _draw(rows: list[bytearray], text: str, scale: int) -> None:
    matrix = [list(row) for row in segno.make(text, micro=False).matrix_iter(scale=1, border=4)]
    side = len(matrix) * scale
    top, left = (CAMERA_SIZE[1] - side) // 2, (CAMERA_SIZE[0] - side) // 2
    for number, modules in enumerate(matrix):
        line = b"".join((_BLACK if module else _WHITE) * scale for module in modules)
        for row in rows[top + number * scale : top + (number + 1) * scale]:
            row[left : left + side] = line
