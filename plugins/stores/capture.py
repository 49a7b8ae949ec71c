"""Reads out of an object's name what its owner wrote into it: when it was taken, and of whom."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

# strptime's directives that are digits in every language; names of months and days change with the locale.
_DIGITS = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{2}",
    "d": r"\d{2}",
    "j": r"\d{3}",
    "H": r"\d{2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "f": r"\d{1,6}",
    "z": r"(?:Z|[+-]\d{2}:?\d{2})",
    "%": "%",
}


@lru_cache(maxsize=256)
def pattern_regex(pattern: str) -> re.Pattern[str]:
    """Translate a strptime pattern into a regular expression that finds it inside a longer name.

    Raises:
        ValueError: a directive that is not made of digits, or a pattern that does not fix a day.
    """
    if not re.fullmatch(r"(?:[^%]|%.)*", pattern, flags=re.DOTALL):
        raise ValueError("ends in a single %; write %% for a percent sign")
    parts: list[str] = []
    used: set[str] = set()
    for text, directive in re.findall(r"([^%]*)(?:%(.)|$)", pattern, flags=re.DOTALL):
        parts.append(re.escape(text))
        if not directive:
            continue
        if directive not in _DIGITS:
            raise ValueError(f"`%{directive}` is not allowed; allowed are {' '.join('%' + d for d in _DIGITS)}")
        if directive in used:  # strptime itself breaks on it, and only when it meets a name
            raise ValueError(f"`%{directive}` stands twice; keep one")
        used |= {directive} - {"%"}
        parts.append(_DIGITS[directive])
    if not used & {"Y", "y"} or not (used >= {"m", "d"} or "j" in used):
        raise ValueError("does not fix a day; it needs %Y (or %y) and %m and %d (or %j), like %Y%m%dT%H%M%S")
    return re.compile(r"(?<!\d)" + "".join(parts) + r"(?!\d)")


def captured_from_name(uri: str, pattern: str, tz: tzinfo) -> datetime | None:
    """Read the time of capture out of the last part of a path.

    Args:
        uri: path or URL; only what stands after the last slash counts.
        pattern: strptime pattern, searched for anywhere in the name; the first place that is a real date wins.
        tz: zone of the clock that wrote the name, when the pattern has no ``%z``.

    Returns:
        The time in UTC, or None when the name holds no such date.
    """
    name = uri.rsplit("/", 1)[-1]
    for found in pattern_regex(pattern).finditer(name):
        try:
            taken = datetime.strptime(found.group(), pattern)  # noqa: DTZ007 - the zone is set below
            return (taken if taken.tzinfo else taken.replace(tzinfo=tz)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def subject_from_uri(pattern: str, uri: str) -> str | None:
    """Read the person's id out of a path: group ``subject`` where the pattern first matches; None without one."""
    found = re.search(pattern, uri)
    return (found.group("subject") or None) if found else None
