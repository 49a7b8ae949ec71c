"""Draws what is stored of one person as one self-contained HTML page to print, and words it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from plugins.reports import words

if TYPE_CHECKING:
    from plugins.subject import Keeping, OnRecord, Subject


def to_page(found: Subject) -> str:
    """Give the page; every text of it is escaped."""
    page: str = _template().render(s=found)
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


def keeping(kept: Keeping | None) -> str:
    """Say how long something is kept, and how it stands."""
    if kept is None:
        return words.DASH
    over = words.several(kept.overdue_days or 0, "day", "days")
    said = {
        "within": f"to be kept until {words.day(kept.last_day)}",
        "overdue": f"overdue by {over}, to be kept until {words.day(kept.last_day)}",
        "no_limit": "no retention period declared",
        "undated": "no known date, so its period cannot be told",
    }
    return said[kept.state]


def lasting(consent: OnRecord) -> str:
    """Say from when to when a consent holds."""
    ends = [("withdrawn", consent.withdrawn_at), ("expires", consent.expires_at)]
    parts = [f"given {words.moment(consent.granted_at)}"]
    parts += [f"{word} {words.moment(at)}" for word, at in ends if at is not None]
    marks = [name for name in ("guardian", "bundled", "unlimited") if getattr(consent, name)]
    return ", ".join(parts) + (f" ({', '.join(marks)})" if marks else "")


def elsewhere(found: Subject) -> str:
    """Say what of the stores no look-up by id can speak of."""
    faces = found.faces_linked_to_nobody
    if not faces:
        return "no face is stored that is filed under nobody"
    listed = ", ".join(f"{store} {n:,}" for store, n in sorted(faces.items()))
    return f"faces that are filed under nobody may show this person: {listed}"


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(w=words, keeping=keeping, lasting=lasting, elsewhere=elsewhere)
    return environment.get_template("subject.html.j2")
