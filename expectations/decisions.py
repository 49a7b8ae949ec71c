"""Decisions: what people decided about findings, and how a finding stands when it is found again."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from expectations.days import day64, days_of_dates

DECIDED = ("acknowledged", "false_positive", "legal_hold", "accepted", "resolved", "open")
"""What can be decided: ``accepted`` counts until a day; ``open`` takes a decision back."""

STATUSES = ("open", "acknowledged", "false_positive", "legal_hold", "accepted", "resolved", "reopened")
"""How a finding stands; one that was found on the day is never ``resolved``: the table ``closed`` has those."""

SET_ASIDE = ("false_positive", "legal_hold", "accepted")
"""Statuses in which a finding is not open to decide any more."""


def statuses(ids: pd.Series, as_of: date, history: pd.DataFrame, decisions: pd.DataFrame) -> pd.Series:
    """Say how each finding of a day stands.

    The last decision up to the day holds, unless its time is over, it said ``resolved``, or the finding was closed on a
    later day: found again then, it is ``reopened``. Legal holds and false positives are kept through that.

    Args:
        ids: ``finding_id`` of what was found.
        as_of: the day.
        history: earlier findings, with ``closed_on`` of the closed ones.
        decisions: ``finding_id``, ``state``, ``decided_on``, ``valid_until``, in the order they were made.
    """
    status = pd.Series("open", index=ids.index, dtype="str")
    closed_on = _closed_on(history, as_of)
    if len(closed_on):
        status = status.mask(ids.isin(closed_on.index), "reopened")
    if decisions.empty:
        return status
    made = decisions.assign(on=days_of_dates(decisions["decided_on"]), until=days_of_dates(decisions["valid_until"]))
    last = made[made["on"] <= day64(as_of)].groupby("finding_id").tail(1).set_index("finding_id")
    known = ids[ids.isin(last.index)]
    if known.empty:
        return status
    rows = last.loc[known]
    closed = (
        known.map(closed_on).to_numpy().astype("datetime64[D]")
        if len(closed_on)
        else np.full(len(known), "NaT", "M8[D]")
    )
    state = rows["state"].to_numpy().astype(object)
    over = (rows["until"].to_numpy().astype("datetime64[D]") < day64(as_of)) | (state == "resolved")
    again = (closed > rows["on"].to_numpy().astype("datetime64[D]")) & ~np.isin(state, ["false_positive", "legal_hold"])
    status.loc[known.index] = np.where(over | again, "reopened", state)
    return status


def _closed_on(history: pd.DataFrame, as_of: date) -> pd.Series:
    """Give the last day up to which each closed finding was closed, by its id."""
    days = days_of_dates(history["closed_on"]) if "closed_on" in history.columns else None
    if days is None:
        return pd.Series([], dtype="datetime64[s]")
    past = ~np.isnat(days) & (days <= day64(as_of))
    last: pd.Series = (
        pd.Series(days[past].astype("datetime64[s]")).groupby(history["finding_id"].to_numpy()[past]).max()
    )
    return last
