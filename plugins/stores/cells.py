"""Reads single values of tables and files in their usual spellings: times, days, flags, people's ids, templates."""

from __future__ import annotations

import base64
import binascii
import json
import math
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

# Seconds since 1970 stay below this until the year 5138; what is larger counts milliseconds.
_LAST_SECOND = 100_000_000_000
# How databases write "never" and "none" where a time should stand.
_NO_TIME = {"", "null", "none", "infinity", "0000-00-00", "0000-00-00 00:00:00"}
_BRACES = str.maketrans("{}", "[]")
_YES = {"1", "true", "t", "yes", "y", "是"}
_NO = {"0", "false", "f", "no", "n", "否", ""}


def to_utc(value: Any, tz: tzinfo) -> datetime | None:
    """Read a time.

    Args:
        value: a datetime, a date (its midnight), seconds or milliseconds since 1970, or text: ISO 8601, with ``-``,
            ``/`` or ``.`` between year, month and day.
        tz: the clock of times that come without a zone.

    Returns:
        The time in UTC; None when there is none (NULL, empty, ``infinity``, ``0000-00-00``).

    Raises:
        ValueError: it is no time. The text does not hold the value.
    """
    try:
        found = _to_time(value)
        if found is None:
            return None
        return (found if found.tzinfo else found.replace(tzinfo=tz)).astimezone(UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        raise ValueError("is no time") from None


def _to_time(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        seconds = float(value)
        return datetime.fromtimestamp(seconds / 1000 if abs(seconds) > _LAST_SECOND else seconds, UTC)
    text = to_text(value).strip()
    if text.lower() in _NO_TIME:
        return None
    if len(text) >= 9 and text.lstrip("-").replace(".", "", 1).isdigit():
        return _to_time(float(text))
    if text[4:5] in {"/", "."}:
        text = f"{text[:4]}-{text[5:7]}-{text[8:]}"
    return datetime.fromisoformat(text)


def to_day(value: Any) -> date | None:
    """Read a calendar day; of a time, the day it stands on as written.

    Raises:
        ValueError: it is no day. The text does not hold the value.
    """
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # 19991231
        found = _to_time(value)
        return found.date() if found else None
    except (ValueError, OverflowError, OSError, TypeError):
        raise ValueError("is no day") from None


def to_flag(value: Any) -> bool | None:
    """Read yes or no; None when the value is missing.

    Raises:
        ValueError: it is neither. The text does not hold the value.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, bytes) and len(value) == 1 and value in b"\x00\x01":
        return value == b"\x01"  # MariaDB's BIT(1)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = to_text(value).strip().lower()
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise ValueError("is neither yes nor no")


def to_person(value: Any) -> str | None:
    """Give a person's id as one text, however the database types it (42, 42.0, Decimal("42"), " 42" are one id).

    Returns:
        The id, None when there is none.
    """
    if value is None:
        return None
    if isinstance(value, float | Decimal) and math.isfinite(value) and value == int(value):
        value = int(value)
    text = to_text(value).strip()
    # Bytes that are no text arrive as surrogates: they are spelt out, so that different ids stay different.
    return text.encode("utf-8", "backslashreplace").decode() or None


def to_bytes(value: Any) -> bytes:
    """Give a stored picture as bytes; a text column holds it in base64, with or without ``data:image/...;base64,``."""
    if hasattr(value, "read"):
        value = value.read()  # a large object of Oracle's driver
    if isinstance(value, str):
        body = value.partition(";base64,")[2] or value
        try:
            return base64.b64decode("".join(body.split()), validate=True)
        except (binascii.Error, ValueError):
            return value.encode("utf-8", "surrogateescape")
    return bytes(value)


def to_vector(value: Any, encoding: Literal["float32", "float64", "json"], dim: int) -> NDArray[np.float32]:
    """Read a face template and bring it to unit length.

    Args:
        value: little-endian floats, or a list of numbers as JSON, pgvector and arrays of PostgreSQL write it.
        encoding: which of them.
        dim: how many numbers there must be.

    Returns:
        (dim,) float32.

    Raises:
        ValueError: why it is no template, without the values.
    """
    try:
        if encoding == "json":
            vector = np.array(json.loads(to_text(value).translate(_BRACES)), dtype=np.float64)
        else:
            vector = np.frombuffer(to_bytes(value), dtype="<f4" if encoding == "float32" else "<f8").astype(np.float64)
    except (ValueError, TypeError, RecursionError):
        raise ValueError(f"is not {encoding}") from None
    if vector.shape != (dim,):
        raise ValueError("wrong length")
    norm = float(np.linalg.norm(vector))
    if not math.isfinite(norm):
        raise ValueError("not finite")
    if norm == 0:
        raise ValueError("all zeros")
    return (vector / norm).astype(np.float32)


def to_text(value: Any) -> str:
    """Give a value as text; bytes that are no text become surrogates."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "surrogateescape")
    return str(value)
