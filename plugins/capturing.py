"""Tells from an object's name when it was taken, where the settings of its store say how."""

from __future__ import annotations

from datetime import datetime, tzinfo

from plugins.settings import DatabaseSettings, StoreSettings
from plugins.stores.capture import captured_from_name
from plugins.stores.records import StoredObject


def named_time(holding: StoreSettings | DatabaseSettings, found: StoredObject, zone: tzinfo) -> datetime | None:
    """Read when a picture was taken from its name, where the settings say how; None where they do not."""
    if not isinstance(holding, StoreSettings) or not holding.captured_pattern:
        return None
    return captured_from_name(found.uri, holding.captured_pattern, holding.clock or zone)
