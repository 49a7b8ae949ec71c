"""Filing duties: whether a head-count crosses the line, since when, and until when to file.

Duties are judged on the upper bound of the head-count: when only that crosses, an early warning without a due day is
given. A clock that started stays: its day is frozen by the caller and given back here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import pandas as pd

from expectations.calendar import add_working_days, working_days_between
from expectations.days import day64, days_of_times, to_date
from expectations.errors import BadFacts, CalendarUnknown
from expectations.facts import Facts
from expectations.findings import make_part
from expectations.policy import Filing, Policy, Verdict

THRESHOLD_RULE = "threshold_filing"
PUBLIC_PLACE_RULE = "public_place_filing"
WARNING_RULE = "threshold_warning"

FACE_CLASSES = ("image", "template")
"""Kinds of facial data that make somebody a stored face; an attribute alone does not."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One duty to file that runs.

    Attributes:
        rule: short name of the rule.
        policy: policy that holds it.
        article: article of the law.
        crossed_on: the day the clock started (on or before).
        due_on: last day to file; missing when the working days of its year are not known yet.
        days_left: calendar days to it, negative when it has passed.
        working_days_left: working days to it.
        why: the numbers that decided, in sentences.
    """

    rule: str
    policy: str
    article: str
    crossed_on: date
    due_on: date | None
    days_left: int | None
    working_days_left: int | None
    why: str

    def entry(self) -> dict[str, object]:
        """Give the clock as a dictionary."""
        return asdict(self)


def head_count(census: pd.DataFrame) -> tuple[int, int] | None:
    """Give the ends of the head-count of everything; ``None`` when nobody was counted.

    Raises:
        BadFacts: there are several, or the ends are in the wrong order.
    """
    rows = census[census["scope"] == "all"]
    if rows.empty:
        return None
    if len(rows) > 1:
        raise BadFacts("census", f"it has {len(rows)} rows of scope all; give those of one run")
    low, high = int(rows["people_low"].iloc[0]), int(rows["people_high"].iloc[0])
    if not 0 <= low <= high:
        raise BadFacts("census", f"its interval runs from {low} to {high}")
    return low, high


def verdict_of(people: tuple[int, int] | None, policy: Policy) -> Verdict:
    """Place the head-count; ``undetermined`` when nobody was counted."""
    return policy.threshold.verdict(*people) if people else "undetermined"


def filing_clocks(facts: Facts, people: tuple[int, int] | None, policy: Policy, as_of: date) -> list[Clock]:
    """Give the clocks that run on the day judged for."""
    clocks = [_threshold_clock(facts, people, policy, as_of), _public_place_clock(facts, policy, as_of)]
    return [clock for clock in clocks if clock]


def filing_findings(clocks: list[Clock], people: tuple[int, int] | None, policy: Policy, as_of: date) -> pd.DataFrame:
    """Make a finding of each clock, and an early warning when only the upper bound crosses and no clock runs yet."""
    rows = [
        {
            "rule": c.rule,
            "article": c.article,
            "severity": "high",
            "because": c.why,
            "since": c.crossed_on,
            "due": c.due_on,
        }
        for c in clocks
    ]
    running = any(clock.rule == THRESHOLD_RULE for clock in clocks)
    if people and verdict_of(people, policy) == "undetermined" and not running:
        because = (
            f"{_held(people, as_of)}; the line is {policy.threshold.text}. It may have been crossed: no day is due."
        )
        rows.append(
            {"rule": WARNING_RULE, "article": policy.threshold.article, "severity": "medium", "because": because}
        )
    columns = {
        name: [row.get(name) for row in rows] for name in ("rule", "article", "severity", "because", "since", "due")
    }
    return make_part({**columns, "store": "", "place": ""}, len(rows))


def _threshold_clock(facts: Facts, people: tuple[int, int] | None, policy: Policy, as_of: date) -> Clock | None:
    frozen = _frozen(facts, THRESHOLD_RULE, as_of)
    verdict = verdict_of(people, policy)
    if verdict != "above" and frozen is None:
        return None
    by_rows = _crossed_by_rows(facts, policy, as_of)
    why = f"{_held(people, as_of)}; the line is {policy.threshold.text}."
    if frozen:
        why += f" It was crossed on or before {frozen}, as found on an earlier night."
    elif by_rows:
        why += f" The records of the databases alone crossed it on or before {by_rows}."
    else:
        why += " When it was crossed is not in the records, so the clock starts on the day it was found."
    if people and verdict != "above":
        why += " This count is not above it for certain any more; whether the duty lapses is for the officer to decide."
    return _clock(THRESHOLD_RULE, policy.threshold, frozen or by_rows or as_of, why, (policy, as_of))


def _public_place_clock(facts: Facts, policy: Policy, as_of: date) -> Clock | None:
    if policy.public_place is None:
        return None
    days = _public_days(facts)
    if days.empty:
        return None
    seen = days.to_numpy().astype("datetime64[D]")
    first = to_date(np.fmin.reduce(seen[~(seen > day64(as_of))], initial=np.datetime64("NaT", "D")))
    frozen = _frozen(facts, PUBLIC_PLACE_RULE, as_of)
    why = f"Faces are held of public places: {', '.join(sorted(days.index.unique()))}."
    why += f" The oldest known is of {first}." if first else " None of them has a known day, so the clock starts today."
    started = min(day for day in (frozen, first or as_of) if day)
    if started == frozen != first:
        why += f" The clock started on {frozen}, as found on an earlier night."
    return _clock(PUBLIC_PLACE_RULE, policy.public_place, started, why, (policy, as_of))


def _public_days(facts: Facts) -> pd.Series:
    """Give the days of everything with faces in public places, by store."""
    public = facts.stores.loc[facts.stores["public_place"].astype("boolean").fillna(False).astype(bool), "store"]
    objects = facts.objects[
        facts.objects["store"].isin(public) & (facts.objects["faces"] > 0) & (facts.objects["status"] == "scanned")
    ]
    subjects = facts.subjects[facts.subjects["store"].isin(public) & facts.subjects["data_class"].isin(FACE_CLASSES)]
    taken = pd.Series(days_of_times(objects["captured_at"], facts.timezone), index=objects["store"])
    stored = pd.Series(days_of_times(subjects["stored_at"], facts.timezone), index=subjects["store"])
    days: pd.Series = pd.concat([taken, stored])
    return days


def _crossed_by_rows(facts: Facts, policy: Policy, as_of: date) -> date | None:
    """Give the day on which the person was stored whose record crossed the line; ``None`` when records alone do not."""
    subjects = facts.subjects[facts.subjects["data_class"].isin(FACE_CLASSES)]
    stored = pd.Series(days_of_times(subjects["stored_at"], facts.timezone))
    firsts = np.sort(
        stored.groupby(subjects["subject_ref"].to_numpy()).min().dropna().to_numpy().astype("datetime64[D]")
    )
    firsts = firsts[firsts <= day64(as_of)]
    needed = policy.threshold.first_crossing
    return to_date(firsts[needed - 1]) if len(firsts) >= needed else None


def _frozen(facts: Facts, rule: str, as_of: date) -> date | None:
    # A day judged again must not know of a crossing that came after it.
    day = facts.crossings.get(rule)
    return day if day and day <= as_of else None


def _clock(rule: str, filing: Filing, crossed_on: date, why: str, when: tuple[Policy, date]) -> Clock:
    policy, as_of = when
    due, note = _due(filing, crossed_on, policy)
    standing = "" if policy.in_force else f" The {policy.short} is not in force."
    return Clock(
        rule=rule,
        policy=policy.name,
        article=filing.article,
        crossed_on=crossed_on,
        due_on=due,
        days_left=(due - as_of).days if due else None,
        working_days_left=_working_days_left(as_of, due, policy.country),
        why=f"{why} {note}{standing}",
    )


def _due(filing: Filing, crossed_on: date, policy: Policy) -> tuple[date | None, str]:
    to_whom = f"with the {filing.authority}"
    if policy.legacy_due and policy.effective and crossed_on < policy.effective:
        return policy.legacy_due, f"Crossed before {policy.effective}, so to be filed {to_whom} by {policy.legacy_due}."
    try:
        due = add_working_days(crossed_on, filing.working_days, policy.country)
    except CalendarUnknown as unknown:
        after = f", after {unknown.last_year}-12-31" if unknown.year > unknown.last_year else ""
        return None, (
            f"To be filed {to_whom} within {filing.working_days} working days of {crossed_on}{after}; the working-day "
            f"calendar of {unknown.year} is not known, so the day is not either."
        )
    return due, f"To be filed {to_whom} within {filing.working_days} working days of {crossed_on}, by {due}."


def _working_days_left(as_of: date, due: date | None, country: str) -> int | None:
    if due is None:
        return None
    try:
        return working_days_between(as_of, due, country)
    except CalendarUnknown:
        return None


def _held(people: tuple[int, int] | None, as_of: date) -> str:
    if people is None:
        return f"No head-count was made for {as_of}"
    return f"Between {people[0]:,} and {people[1]:,} people are held on {as_of}"
