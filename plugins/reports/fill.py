"""Turns rows of the evidence tables into parts of a report, so that the judge need not know how a report looks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from detectors.records import CurvePoint
from expectations.days import days_of_dates
from expectations.decisions import SET_ASIDE
from plugins.reports.model import (
    AgeBin,
    Coverage,
    Finding,
    Findings,
    Interval,
    PurposeConsent,
    Quarantine,
    QuarantinedObject,
    RuleFindings,
    Run,
    Split,
)

Number = TypeVar("Number", int, float)

SEVERITIES = ("high", "medium", "low")
SUBJECT_SHOWN = 8
"""Characters of a pseudonym that are shown: enough to tell people of one list apart, useless anywhere else."""

_OUTCOMES = ("seen", "scanned", "unchanged", "unsupported", "quarantined", "skipped")
_BINS_EACH_SIDE = 6
_NO_LIMIT_STEP_DAYS = 30


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows as dictionaries by column name."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def run_from(row: Mapping[str, Any]) -> Run:
    """Fill the run from a row of the ``runs`` table."""
    hashes = row.get("model_hashes") or "{}"
    return Run(
        run_id=str(row["run_id"]),
        as_of=_day(row["as_of"]) or date.min,
        kind=str(row.get("kind", "scan")),
        scope=str(row.get("scope", "everything")),
        settings_hash=str(row.get("config_hash", "")),
        model_hashes=dict(json.loads(hashes) if isinstance(hashes, str) else hashes),
        code_version=str(row.get("code_version", "")),
        started_at=_time(row.get("started_at")),
        ended_at=_time(row.get("ended_at")),
    )


def coverage_from(row: Mapping[str, Any], floor: float | None = None) -> Coverage:
    """Fill coverage from a row that has the outcome counts: of the ``runs`` table, or of one store."""
    beside = {name: int(row.get(name, 0)) for name in ("gone", "excluded", "same")}
    return Coverage(**{name: int(row[name]) for name in _OUTCOMES}, **beside, floor=floor)


def interval_from(row: Mapping[str, Any]) -> Interval:
    """Fill an interval from a row of the ``census`` table."""
    return Interval(int(row["people_low"]), int(row["people_best"]), int(row["people_high"]))


def split_from(row: Mapping[str, Any]) -> Split | None:
    """Fill the split from a row of the ``census`` table; nothing of a night before it was counted."""
    if _missing(row.get("linked")):
        return None
    unknown = Interval(*(int(row[f"unknown_{end}"]) for end in ("low", "best", "high")))
    return Split(int(row["with_template"]), int(row["linked"]), unknown)


def notes_from(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Read the notes of a row of the ``census`` table."""
    return tuple(json.loads(_text(row.get("notes")) or "[]"))


def curve_from(row: Mapping[str, Any]) -> tuple[CurvePoint, ...]:
    """Read the curve of a row of the ``census`` table."""
    return tuple(CurvePoint(**point) for point in json.loads(_text(row.get("curve")) or "[]"))


def given(value: Any, kind: Callable[[Any], Number]) -> Number | None:
    """Read a number of a column that may be empty."""
    return None if _missing(value) else kind(value)


def findings_from(
    frame: pd.DataFrame,
    titles: Mapping[str, str] | None = None,
    decide: Mapping[str, str] | None = None,
    limit: int = 20,
) -> Findings:
    """Group the findings by rule, the gravest and largest first; those that were set aside are only counted.

    Args:
        frame: rows of the ``findings`` table.
        titles: rule to its title in words; a rule without one is shown by its own name.
        decide: rule to what has to be decided.
        limit: how many of each rule are listed; all are counted.
    """
    status = frame["status"].astype("str")
    decided = {str(name): int(n) for name, n in status[~status.isin(["open", "reopened"])].value_counts().items()}
    to_decide = frame[~status.isin(SET_ASIDE)]
    groups = [
        _rule_findings(str(rule), rows, (titles or {}).get(str(rule), ""), (decide or {}).get(str(rule), ""), limit)
        for rule, rows in to_decide.groupby("rule", sort=False)
    ]
    groups.sort(key=lambda group: (_rank(group.severity), -group.count, group.rule))
    return Findings(len(to_decide), {group.rule: group.count for group in groups}, tuple(groups), decided)


def consent_from(frame: pd.DataFrame) -> tuple[PurposeConsent, ...]:
    """Fill consent from a frame with ``purpose``, ``state`` and ``people``; the purpose with most people first."""
    states: dict[str, Counter[str]] = {}
    for row in frame.to_dict("records"):
        states.setdefault(str(row["purpose"]), Counter())[str(row["state"])] += int(row["people"])
    ordered = sorted(states.items(), key=lambda item: (-item[1].total(), item[0]))
    return tuple(PurposeConsent(purpose, dict(counts)) for purpose, counts in ordered)


def quarantine_from(items: Iterable[tuple[str, str, str]], limit: int = 200) -> Quarantine:
    """Fill the quarantine from (store, uri, reason); the commonest reason first, listed up to ``limit``."""
    found = sorted(items)
    reasons = Counter(reason for _, _, reason in found)
    listed = tuple(QuarantinedObject(*item) for item in found[:limit])
    return Quarantine(len(found), dict(reasons.most_common()), listed)


def age_bins(ages: Mapping[int, int], max_days: int | None) -> tuple[AgeBin, ...]:
    """Sort ages into bins that meet at the limit, so that no bin is half overdue.

    Args:
        ages: age in whole days to how many are that old; a thing is overdue when its age exceeds ``max_days``.
        max_days: the limit; None bins by 30 days.

    Returns:
        At most six bins up to the limit and six beyond it, the last one open; none when there is nothing.
    """
    if not ages:
        return ()
    oldest = max(0, *ages)
    edges = _limit_edges(oldest, max_days) if max_days is not None else _open_edges(oldest)
    bounds = list(zip(edges, [*edges[1:], None], strict=True))
    counts = Counter[int]()
    for age, count in ages.items():
        counts[max(start for start in edges if start <= max(age, 0))] += int(count)
    return tuple(AgeBin(start, end, counts[start]) for start, end in bounds)


def _limit_edges(oldest: int, max_days: int) -> list[int]:
    # An object of exactly max_days is still within the limit, so the first overdue day is max_days + 1.
    first_overdue = max_days + 1
    step = max(1, round(first_overdue / _BINS_EACH_SIDE))
    within = [first_overdue - step * n for n in range(_BINS_EACH_SIDE, 0, -1)]
    # A first bin much narrower than the others would look like a day on which little was stored.
    edges = [0, *(edge for edge in within if edge > step / 2)]
    beyond = [first_overdue + step * n for n in range(_BINS_EACH_SIDE)]
    return edges + [edge for edge in beyond if edge <= max(oldest, first_overdue)]


def _open_edges(oldest: int) -> list[int]:
    step = _NO_LIMIT_STEP_DAYS * max(1, -(-oldest // (_NO_LIMIT_STEP_DAYS * 2 * _BINS_EACH_SIDE)))
    return list(range(0, oldest + 1, step))[: 2 * _BINS_EACH_SIDE]


def _rule_findings(rule: str, rows: pd.DataFrame, title: str, decide: str, limit: int) -> RuleFindings:
    # Only what is listed becomes objects: a rule may have a million findings.
    keys = {
        "rank": rows["severity"].map({name: n for n, name in enumerate(SEVERITIES)}).fillna(len(SEVERITIES)),
        "due": days_of_dates(rows["due"]),
        "since": days_of_dates(rows["since"]),
        "id": rows["finding_id"].astype("str"),
    }
    order = pd.DataFrame({name: np.asarray(values) for name, values in keys.items()})
    first = order.sort_values(list(keys), kind="stable", na_position="last").index
    listed = [{str(k): v for k, v in row.items()} for row in rows.iloc[first[:limit]].to_dict("records")]
    gravest = rows.iloc[first[0]]
    return RuleFindings(
        rule=rule,
        title=title or rule.replace("_", " ").replace("-", " ").capitalize(),
        count=len(rows),
        severity=str(gravest["severity"]),
        article=str(gravest["article"]),
        decide=decide,
        oldest=_earliest(order["since"]),
        next_due=_earliest(order["due"]),
        listed=tuple(map(_finding, listed)),
    )


def _earliest(days: pd.Series) -> date | None:
    return None if days.isna().all() else days.min().date()


def _finding(row: Mapping[str, Any]) -> Finding:
    subject = _text(row.get("subject_ref"))
    return Finding(
        finding_id=str(row["finding_id"]),
        store=str(row["store"]),
        because=str(row["because"]),
        locator=_text(row.get("locator")),
        subject=subject[:SUBJECT_SHOWN] if subject else None,
        severity=str(row["severity"]),
        first_seen=_day(row.get("first_seen")),
        since=_day(row.get("since")),
        due=_day(row.get("due")),
        status=str(row["status"]),
    )


def _rank(severity: object) -> int:
    return SEVERITIES.index(str(severity)) if severity in SEVERITIES else len(SEVERITIES)


def _missing(value: Any) -> bool:
    # NaN and NaT are the only values unlike themselves; pandas' own NA refuses to say.
    return value is None or type(value).__name__ == "NAType" or value != value


def _text(value: Any) -> str | None:
    return None if _missing(value) or value == "" else str(value)


def _day(value: Any) -> date | None:
    if _missing(value):
        return None
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value)[:10])


def _time(value: Any) -> datetime | None:
    if _missing(value):
        return None
    # pandas' timestamps are datetimes, but print and pickle as their own kind.
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else datetime.fromisoformat(str(value))
