"""What a scan would cost: the measured minutes as core-hours, and as money where the settings say what one costs."""

from __future__ import annotations

from typing import Any

from plugins.pool import worker_count
from plugins.settings import ScanSettings


def priced(outlook: dict[str, Any], settings: ScanSettings) -> dict[str, Any]:
    """Add core-hours and cost to an outlook with ``expected_minutes``; each is None where it is not known."""
    minutes, price = outlook["expected_minutes"], settings.cost_per_core_hour
    hours = None if minutes is None else minutes * worker_count(settings.workers) / 60
    cost = None if hours is None or price is None else round(hours * price, 2)
    hours = None if hours is None else round(hours, 3)
    return outlook | {"expected_core_hours": hours, "expected_cost": cost}
