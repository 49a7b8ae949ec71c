"""Spells addresses whose names are no text, or cannot be printed, so that they can be written down and read again."""

from __future__ import annotations

import os
from urllib.parse import quote, unquote_to_bytes

# Such addresses are written percent-encoded behind this mark.
_QUOTED = "quoted:"


def spelt(plain: str) -> str:
    """Spell an address, if need be."""
    if plain.isprintable() and not plain.startswith(_QUOTED):
        return plain
    return _QUOTED + quote(os.fsencode(plain), safe="/:")


def unspelt(uri: str) -> str:
    """Give the address that ``spelt`` was given."""
    return os.fsdecode(unquote_to_bytes(uri.removeprefix(_QUOTED))) if uri.startswith(_QUOTED) else uri
