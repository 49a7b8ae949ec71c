"""Forecast: how many people a week come in, and between which days the head-count will reach the policy's line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from expectations.days import day64, days_of_dates
from expectations.policy import Threshold

LEAST_NIGHTS, LEAST_DAYS, MOST_DAYS = 5, 14, 180
"""Nights and days of history that a forecast needs, and how far back it looks."""

CONFIDENCE = 0.95
_FARTHEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the history makes of the next weeks.

    Attributes:
        per_week_low, per_week_best, per_week_high: people a week, with the ends of a 95 % interval.
        earliest: first day on which the line may be reached; None when that is not foreseen within ten years.
        latest: day by which it will be; None when it may never be.
        nights: how many nights it was made from.
        since: the first of them.
    """

    per_week_low: float
    per_week_best: float
    per_week_high: float
    earliest: date | None
    latest: date | None
    nights: int
    since: date


def forecast(nights: pd.DataFrame, threshold: Threshold, as_of: date) -> Forecast | None:
    """Foresee when a line will be reached, if what comes in goes on as in the last half year.

    The slope is Theil's and Sen's (the median of the slopes of all pairs of nights) with Sen's 95 % interval (Sen 1968,
    J. Am. Stat. Assoc. 63:1379): single odd nights do not move it. The earliest day begins at the upper end of the last
    head-count and rises by the upper slope, the latest at the lower end by the lower slope.

    Args:
        nights: head-counts a day: ``as_of``, ``people_low``, ``people_best``, ``people_high``.
        threshold: the line.
        as_of: the day judged for; later nights are left out.

    Returns:
        ``None`` when the history is too short, or the last head-count has crossed the line for certain.
    """
    from scipy.stats import theilslopes

    days = days_of_dates(nights["as_of"])
    recent = (days <= day64(as_of)) & (days > day64(as_of) - MOST_DAYS)
    seen = (
        nights[recent].assign(day=days[recent].astype("int64")).sort_values("day").drop_duplicates("day", keep="last")
    )
    if len(seen) < LEAST_NIGHTS or seen["day"].iloc[-1] - seen["day"].iloc[0] < LEAST_DAYS:
        return None
    last = seen.iloc[-1]
    line = threshold.first_crossing
    if last["people_low"] >= line:
        return None
    found = theilslopes(seen["people_best"].to_numpy(float), seen["day"].to_numpy(float), alpha=CONFIDENCE)
    slow, middle, fast = (float(s) for s in (found.low_slope, found.slope, found.high_slope))
    began = np.datetime64(int(last["day"]), "D").item()
    return Forecast(
        per_week_low=7 * slow,
        per_week_best=7 * middle,
        per_week_high=7 * fast,
        earliest=_reached(began, line - int(last["people_high"]), fast),
        latest=_reached(began, line - int(last["people_low"]), slow),
        nights=len(seen),
        since=np.datetime64(int(seen["day"].iloc[0]), "D").item(),
    )


def _reached(began: date, missing: int, per_day: float) -> date | None:
    if missing <= 0:
        return began
    if per_day <= 0 or missing / per_day > _FARTHEST_DAYS:
        return None
    return began + timedelta(days=int(np.ceil(missing / per_day)))
