"""Calendar days of evidence columns: from UTC times to days in the controller's zone, whole columns at a time."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from expectations.errors import BadFacts

Days = NDArray[np.datetime64]
"""(N,) ``datetime64[D]``; ``NaT`` where a day is missing."""

NO_DAY = np.datetime64("NaT", "D")


def utc_times(times: pd.Series) -> pd.Series:
    """Give a time column, however its table was read, as ``datetime64[us, UTC]``; times without a zone are UTC.

    Raises:
        BadFacts: the column holds something else than times.
    """
    if not isinstance(times.dtype, pd.DatetimeTZDtype):
        times = pd.Series(_arrow(times, pa.timestamp("us")).to_numpy(zero_copy_only=False)).dt.tz_localize("UTC")
    utc: pd.Series = times.dt.tz_convert("UTC").dt.as_unit("us").reset_index(drop=True)
    return utc


def days_of_times(times: pd.Series, zone: str) -> Days:
    """Give the day on which each time falls in the zone."""
    local = utc_times(times).dt.tz_convert(ZoneInfo(zone)).dt.tz_localize(None)
    days: Days = local.to_numpy().astype("datetime64[D]")
    return days


def days_of_dates(dates: pd.Series) -> Days:
    """Give a day column, however its table was read.

    Raises:
        BadFacts: the column holds something else than days.
    """
    days: Days = _arrow(dates, pa.date32()).to_numpy(zero_copy_only=False).astype("datetime64[D]")
    return days


def day64(day: date) -> np.datetime64:
    """Give one day in the unit of the columns."""
    return np.datetime64(day, "D")


def day_column(days: Days) -> pd.Series:
    """Give days as an Arrow ``date32`` column, whose items are ``datetime.date`` or ``NA``."""
    return pd.Series(pd.array(pa.array(days, pa.date32()), dtype=pd.ArrowDtype(pa.date32())))


def to_date(day: np.datetime64) -> date | None:
    """Give one day as ``datetime.date``; ``None`` when it is missing."""
    return None if np.isnat(day) else day.astype("datetime64[D]").item()


def born_before(day: date, years: int) -> np.datetime64:
    """Give the last birthday on which somebody is at least ``years`` old on ``day``.

    Who was born on 29 February turns a year older on 1 March of common years: nobody is taken for older than they are.
    """
    try:
        return day64(day.replace(year=day.year - years))
    except ValueError:  # ``day`` is 29 February and that year has none
        return day64(date(day.year - years, 2, 28))


def _arrow(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if not values.notna().any():  # a column without values has any type
        return pa.nulls(len(values), kind)
    try:
        return pa.array(values, kind, from_pandas=True)
    except (pa.ArrowException, TypeError):
        # Arrow's own text quotes the value, which may be a person's date of birth: it must not travel on.
        raise BadFacts(str(values.name), f"it holds {values.dtype} that cannot be read as {kind}") from None
