"""Findings: what the officer must decide, with an id that stays the same every night."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from expectations.columns import FINDINGS
from expectations.days import Days, day_column, days_of_dates
from expectations.decisions import statuses

PART = ("rule", "article", "severity", "store", "locator", "subject_ref", "because", "since", "due", "place")
"""Columns of a part of the findings, as each rule's module gives it; ``place`` is what the id is made of, with the rule
and the person: it holds nothing that changes while the finding is the same."""

_RANKS = {"high": 0, "medium": 1, "low": 2}

Explain = Callable[[Any], str]


def make_part(columns: dict[str, Any], rows: int) -> pd.DataFrame:
    """Make a part of the findings.

    Args:
        columns: of ``PART``, arrays of ``rows`` items or one value for all; those left out are empty.
        rows: how many findings.

    Returns:
        A frame of the columns ``PART``; ``since`` and ``due`` are Arrow ``date32``.
    """
    blank = dict.fromkeys(PART)
    part = pd.DataFrame({**blank, **columns}, index=pd.RangeIndex(rows), columns=list(PART))
    for name in ("since", "due"):
        part[name] = day_column(days_of_dates(part[name]))
    return part


def explain(facts: pd.DataFrame, write: Explain) -> pd.Series:
    """Write one sentence for each row of facts, once for all rows with the same facts.

    Args:
        facts: the columns that the sentence is made of.
        write: gets a row as a named tuple.
    """
    if facts.empty:
        return pd.Series([], dtype="str")
    same = facts.groupby(list(facts.columns), dropna=False, sort=False, observed=True).ngroup().to_numpy()
    firsts = np.unique(same, return_index=True)[1]
    texts = [write(row) for row in facts.iloc[firsts].itertuples(index=False)]
    return pd.Series(pd.array(texts, dtype="str").take(same))


def day_text(day: Any) -> str:
    """Write a day of a named tuple as ``2025-07-14``; a missing one as words."""
    return "a day that is not known" if pd.isna(day) else str(np.datetime64(day, "D"))


def build_findings(
    parts: Sequence[pd.DataFrame], policy: str, as_of: date, history: pd.DataFrame, decisions: pd.DataFrame
) -> pd.DataFrame:
    """Join the parts into the findings table.

    Args:
        parts: frames of the columns ``PART``.
        policy: name of the policy.
        as_of: the day judged for; ``last_seen`` of every finding.
        history: findings of earlier nights, open and closed ones, or empty; ``finding_id``, ``first_seen`` and
            ``closed_on`` are read.
        decisions: what was decided about findings, or empty; see ``decisions.statuses``.

    Returns:
        The columns of ``FINDINGS`` in order, sorted by severity, rule, store and locator; texts are ``str``, days
        Arrow ``date32``.
    """
    frame = pd.concat(list(parts), ignore_index=True) if parts else make_part({}, 0)
    frame["finding_id"] = pd.Series(_ids(frame), dtype="str")
    frame["policy"] = policy
    frame["first_seen"] = day_column(_first_seen(frame["finding_id"], as_of, history))
    frame["last_seen"] = day_column(np.full(len(frame), np.datetime64(as_of, "D")))
    frame["status"] = statuses(frame["finding_id"], as_of, history, decisions)
    for column in FINDINGS.columns:
        if column.kind == "text":
            frame[column.name] = frame[column.name].astype("str")
    rank = frame["severity"].map(_RANKS)
    order = frame.assign(rank=rank).sort_values(["rank", "rule", "store", "locator", "finding_id"], kind="stable").index
    return frame.loc[order, FINDINGS.names].reset_index(drop=True)


def _ids(frame: pd.DataFrame) -> list[str]:
    # SHA-256 and not a hash of pandas: decisions hang on these ids for years, over versions of every package.
    keys = frame["rule"] + "\x1f" + frame["place"] + "\x1f" + frame["subject_ref"].astype("str").fillna("")
    return [hashlib.sha256(key.encode()).hexdigest()[:32] for key in keys.tolist()]


def _first_seen(ids: pd.Series, as_of: date, history: pd.DataFrame) -> Days:
    today = np.full(len(ids), np.datetime64(as_of, "D"))
    if history.empty:
        return today
    known = pd.Series(days_of_dates(history["first_seen"])).groupby(history["finding_id"].to_numpy()).min()
    earlier = ids.map(known).to_numpy().astype("datetime64[D]")
    # A day judged again after later ones keeps its own date.
    first: Days = np.fmin(earlier, today)
    return first


def merged(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the findings of several policies; what several of them find is one finding that names them all."""
    if len(tables) == 1:
        return tables[0]
    rows = pd.concat(list(tables), ignore_index=True)
    twice = rows["finding_id"].duplicated(keep=False)
    for _, same in rows[twice].groupby("finding_id", sort=False):
        first = same.index[0]
        for name, joint in (("policy", ", "), ("article", "; ")):
            rows.loc[first, name] = joint.join(dict.fromkeys(same[name]))
        rows.loc[first, "severity"] = min(same["severity"], key=_RANKS.__getitem__)
        days = same["due"].dropna()
        if len(days):
            rows.loc[first, "due"] = min(days)
    return rows.drop_duplicates("finding_id", keep="first").reset_index(drop=True)
