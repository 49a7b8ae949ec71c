"""Venues: what kind of place a store's pictures were taken in, as far as the law makes a difference."""

from __future__ import annotations

import re
from typing import Literal, get_args

Venue = Literal[
    "hotel",
    "bank",
    "station",
    "airport",
    "sports_venue",
    "exhibition_hall",
    "museum",
    "gallery",
    "library",
    "residential",
    "entertainment",
    "key_target",
    "hotel_room",
    "dormitory",
    "public_bath",
    "changing_room",
    "fitting_room",
    "nursing_room",
    "toilet",
]
"""``key_target`` is one of anti-terrorism; the last seven are private rooms."""

VENUES: tuple[str, ...] = get_args(Venue)

_SIGNS = {
    "hotel_room": r"(hotel|guest)[ _-]?rooms?|bedrooms?",
    "dormitory": r"dorm(s|itory|itories)?",
    "public_bath": r"baths|bath[ _-]?(house|room)s?|saunas?|shower(s|room|[ _-]rooms?)?",
    "changing_room": r"(changing|locker|dressing)[ _-]?rooms?",
    "fitting_room": r"fitting[ _-]?rooms?",
    "nursing_room": r"nursing[ _-]?rooms?",
    "toilet": r"toilets?|restrooms?|washrooms?|lavator(y|ies)|wc",
}
"""How the names of private rooms are written in names of stores and zones."""


def venue_by_name(*names: str) -> str:
    """Guess a private room from the names of a store and its zone; empty when none of them says so."""
    for venue, sign in _SIGNS.items():
        if any(re.search(rf"(?<![a-z])({sign})(?![a-z])", name, re.IGNORECASE) for name in names):
            return venue
    return ""
