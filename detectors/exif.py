"""Reads the two things that matter from a picture's EXIF: which side is up, and when it was taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from PIL import Image

from detectors.records import RGB

_ORIENTATION, _EXIF_DIRECTORY = 0x0112, 0x8769
_DATE_TIME_ORIGINAL, _OFFSET_TIME_ORIGINAL = 0x9003, 0x9011
_DATE = re.compile(r"\s*(\d{4})[:/-](\d{2})[:/-](\d{2})[ T](\d{2}):(\d{2}):(\d{2})")
_OFFSET = re.compile(r"\s*([+-])(\d{2}):?(\d{2})")
# EXIF 2.32, table of the tag Orientation: what brings the stored rows and columns upright.
_TURNS: dict[int, Callable[[RGB], RGB]] = {
    2: lambda rgb: rgb[:, ::-1],
    3: lambda rgb: rgb[::-1, ::-1],
    4: lambda rgb: rgb[::-1],
    5: lambda rgb: rgb.swapaxes(0, 1),
    6: lambda rgb: np.rot90(rgb, -1),
    7: lambda rgb: rgb[::-1, ::-1].swapaxes(0, 1),
    8: lambda rgb: np.rot90(rgb),
}


def upright(image_rgb: RGB, source: Image.Image) -> RGB:
    """Turn pixels the way the EXIF of ``source`` says; without a readable orientation they stay as they are."""
    orientation = _exif(source).get(_ORIENTATION)
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image_rgb if turn is None else np.ascontiguousarray(turn(image_rgb))


def taken_at(image: Image.Image) -> datetime | None:
    """Say when the camera took the picture, by its own clock: with a zone when it wrote one, naive when not.

    Dates that are not dates (zeros, blanks, month 13) count as none.
    """
    try:
        directory = _exif(image).get_ifd(_EXIF_DIRECTORY)
        when = _DATE.match(_text(directory.get(_DATE_TIME_ORIGINAL)))
        if when is None:
            return None
        year, month, day, hour, minute, second = (int(part) for part in when.groups())
        zone = _zone(_text(directory.get(_OFFSET_TIME_ORIGINAL)))
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except Exception:
        # The recorded boundary for EXIF: a damaged directory raises nearly anything, and a picture without a date
        # is worth more than no picture.
        return None


def _exif(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:
        # As above: damaged EXIF reads as no EXIF.
        return Image.Exif()


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value or "")


def _zone(text: str) -> timezone | None:
    if text.strip().rstrip("\0") == "Z":
        return UTC
    if (found := _OFFSET.match(text)) is None:
        return None
    sign, hours, minutes = found.groups()
    shift = timedelta(hours=int(hours), minutes=int(minutes))
    # The widest offsets in use are -12:00 and +14:00.
    return timezone(-shift if sign == "-" else shift) if shift <= timedelta(hours=14) else None
