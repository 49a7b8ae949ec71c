"""Tells from the name of a picture whether it is one of a sequence of stills, and its place in it."""

from __future__ import annotations

import re

# What programs that cut videos into stills call them. A number behind any other name counts pictures, not frames:
# photo folders of a person are numbered too.
_STILL = re.compile(
    r"(?P<sequence>.*(?:frame|still)s?[ _-]?)(?P<number>\d{1,12})\.\w{1,5}\Z", re.IGNORECASE | re.DOTALL
)


def place_in_sequence(uri: str) -> tuple[str | None, float]:
    """Give the sequence that a picture belongs to, and its number in it; None and NaN when it is none of a sequence.

    A number is no time: it only says that stills with neighbouring numbers were taken one after the other.
    """
    found = _STILL.match(uri)
    return (found["sequence"], float(found["number"])) if found else (None, float("nan"))
