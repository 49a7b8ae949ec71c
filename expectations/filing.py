"""Filing: which clocks run towards an authority, since when, until when, and what was filed.

Four clocks: the head-count crossed the policy's line; facial data of public places is held; what was filed has changed;
the use has ended. A clock that began stays: its day and the run that found it are frozen by the caller and given back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from expectations.calendar import add_working_days, working_days_between
from expectations.days import day64, days_of_times, to_date
from expectations.errors import CalendarUnknown
from expectations.facts import Facts
from expectations.findings import make_part
from expectations.policy import Filing, Policy
from expectations.registration import Frozen, Standing, drift, held_for, standing
from expectations.threshold import THRESHOLD_RULE, Ends, held_text

PUBLIC_PLACE_RULE = "public_place_filing"
CHANGE_RULE = "change_filing"
END_RULE = "end_filing"
LEFT_RULE = "held_after_end"

FACE_CLASSES = ("image", "template")
"""Kinds of facial data that make somebody a stored face; an attribute alone does not."""


@dataclass(frozen=True, slots=True)
class Clock:
    """One duty to file.

    Attributes:
        rule: short name of the rule.
        policy: policy that holds it.
        article: article of the law.
        crossed_on: the day the clock started (on or before).
        due_on: last day to file; missing when the working days of its year are not known yet.
        days_left: calendar days to it, negative when it has passed.
        working_days_left: working days to it.
        why: the numbers that decided, in sentences.
        filed_on: day it was filed: the clock has stopped.
        found_by: the run that found it first; empty when it is this one.
    """

    rule: str
    policy: str
    article: str
    crossed_on: date
    due_on: date | None
    days_left: int | None
    working_days_left: int | None
    why: str
    filed_on: date | None = None
    found_by: str = ""

    def entry(self) -> dict[str, object]:
        """Give the clock as a dictionary."""
        return asdict(self)


def filing_clocks(facts: Facts, people: Ends | None, policy: Policy, as_of: date) -> list[Clock]:
    """Give the clocks that began by the day judged for, those that were stopped by a filing included."""
    now = standing(facts.registrations, policy.name, as_of)
    clocks = [
        _threshold_clock(facts, people, policy, as_of, now),
        _public_place_clock(facts, policy, as_of, now),
        _change_clock(facts, people, policy, as_of, now),
        _end_clock(policy, as_of, now),
    ]
    return [clock for clock in clocks if clock]


def filing_findings(clocks: list[Clock], facts: Facts, policy: Policy, as_of: date) -> pd.DataFrame:
    """Make a finding of each clock that was not filed, and one when facial data is left after the use has ended."""
    rows: list[dict[str, object]] = [
        {
            "rule": clock.rule,
            "article": clock.article,
            "severity": "high",
            "because": clock.why,
            "since": clock.crossed_on,
            "due": clock.due_on,
        }
        for clock in clocks
        if clock.filed_on is None
    ]
    now = standing(facts.registrations, policy.name, as_of)
    ended = now.ended_on or now.deregistered_on
    left = int((facts.objects["faces"] > 0).sum()) + len(facts.subjects)
    if ended and left and policy.end and now.filed is None:
        why = f"The use ended on {ended}; on {as_of} there are still {left:,} pictures with faces and records."
        rows.append(
            {"rule": LEFT_RULE, "article": policy.end.article, "severity": "high", "because": why, "since": ended}
        )
    names = ("rule", "article", "severity", "because", "since", "due")
    return make_part({**{n: [row.get(n) for row in rows] for n in names}, "store": "", "place": policy.name}, len(rows))


def _threshold_clock(facts: Facts, people: Ends | None, policy: Policy, as_of: date, now: Standing) -> Clock | None:
    threshold = policy.threshold
    if threshold is None or not threshold.has_clock:
        return None
    frozen = _frozen(facts, THRESHOLD_RULE, as_of, now)
    verdict = threshold.verdict(*people) if people else "undetermined"
    if verdict != "above" and frozen is None:
        return None
    by_rows = _crossed_by_rows(facts, policy, as_of) if now.deregistered_on is None else None
    why = f"{held_text(people, as_of)}; the line is {threshold.text}."
    if frozen:
        why += f" It was crossed on or before {frozen.on}, as found on an earlier night."
    elif by_rows:
        why += f" The records of the databases alone crossed it on or before {by_rows}."
    else:
        why += " When it was crossed is not in the records, so the clock starts on the day it was found."
    if people and verdict != "above":
        why += " This count is not above it for certain any more; whether the duty lapses is for the officer to decide."
    started = frozen or Frozen(by_rows or as_of)
    return _filed(_clock(THRESHOLD_RULE, threshold, started, why, (policy, as_of)), now)


def _public_place_clock(facts: Facts, policy: Policy, as_of: date, now: Standing) -> Clock | None:
    if policy.public_place is None:
        return None
    days = _public_days(facts)
    if days.empty:
        return None
    seen = days.to_numpy().astype("datetime64[D]")
    if now.deregistered_on:
        seen = seen[seen > day64(now.deregistered_on)]
    first = to_date(np.fmin.reduce(seen[~(seen > day64(as_of))], initial=np.datetime64("NaT", "D")))
    if now.deregistered_on and first is None:
        return None
    frozen = _frozen(facts, PUBLIC_PLACE_RULE, as_of, now)
    why = f"Faces are held of public places: {', '.join(sorted(days.index.unique()))}."
    why += f" The oldest known is of {first}." if first else " None of them has a known day, so the clock starts today."
    found = Frozen(first or as_of)
    started = frozen if frozen and frozen.on <= found.on else found
    if started is frozen and frozen.on != first:
        why += f" The clock started on {frozen.on}, as found on an earlier night."
    return _filed(_clock(PUBLIC_PLACE_RULE, policy.public_place, started, why, (policy, as_of)), now)


def _change_clock(facts: Facts, people: Ends | None, policy: Policy, as_of: date, now: Standing) -> Clock | None:
    if policy.change is None or now.filed is None or now.ended_on:
        return None
    differs = drift(now.filed, people, held_for(facts.stores))
    if not differs:
        return None
    frozen = _frozen(facts, CHANGE_RULE, as_of, now)
    started = frozen if frozen and frozen.on > now.filed.on else Frozen(as_of)
    why = f"What was filed on {now.filed.on} has changed. {' '.join(differs)} Found on {started.on}."
    return _clock(CHANGE_RULE, policy.change, started, why, (policy, as_of))


def _end_clock(policy: Policy, as_of: date, now: Standing) -> Clock | None:
    if policy.end is None or now.ended_on is None:
        return None
    why = f"The use ended on {now.ended_on}, as was recorded."
    return _clock(END_RULE, policy.end, Frozen(now.ended_on), why, (policy, as_of))


def _filed(clock: Clock, now: Standing) -> Clock:
    """Stop a clock that was filed."""
    if now.filed is None:
        return clock
    return replace(clock, filed_on=now.filed.on, why=f"{clock.why} It was filed on {now.filed.on}.")


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
    if policy.threshold is None or policy.threshold.counted != "stored":
        return None
    subjects = facts.subjects[facts.subjects["data_class"].isin(FACE_CLASSES)]
    stored = pd.Series(days_of_times(subjects["stored_at"], facts.timezone))
    firsts = np.sort(
        stored.groupby(subjects["subject_ref"].to_numpy()).min().dropna().to_numpy().astype("datetime64[D]")
    )
    firsts = firsts[firsts <= day64(as_of)]
    needed = policy.threshold.first_crossing
    return to_date(firsts[needed - 1]) if len(firsts) >= needed else None


def _frozen(facts: Facts, rule: str, as_of: date, now: Standing) -> Frozen | None:
    # A day judged again must not know of a crossing that came after it, nor a new use of one that was closed.
    found = facts.crossings.get(rule)
    closed = now.deregistered_on
    return found if found and found.on <= as_of and (closed is None or found.on > closed) else None


def _clock(rule: str, filing: Filing, started: Frozen, why: str, when: tuple[Policy, date]) -> Clock:
    policy, as_of = when
    due, note = due_day(filing, started.on, policy)
    standing_ = "" if policy.in_force else f" The {policy.short} is not in force."
    return Clock(
        rule=rule,
        policy=policy.name,
        article=filing.article,
        crossed_on=started.on,
        due_on=due,
        days_left=(due - as_of).days if due else None,
        working_days_left=_working_days_left(as_of, due, policy.country),
        why=f"{why} {note}{standing_}",
        found_by=started.run_id,
    )


def due_day(filing: Filing, crossed_on: date, policy: Policy) -> tuple[date | None, str]:
    """Give the last day to file and a sentence about it; no day when the calendar of its year is not known."""
    to_whom = f"with the {filing.authority}" if filing.authority else "with the authority"
    if policy.legacy_due and policy.effective and crossed_on < policy.effective:
        return policy.legacy_due, f"Crossed before {policy.effective}, so to be filed {to_whom} by {policy.legacy_due}."
    within = f"To be filed {to_whom} within {filing.span_text} of {crossed_on}"
    if filing.days:
        due = crossed_on + timedelta(days=filing.days)
        return due, f"{within}, by {due}."
    try:
        due = add_working_days(crossed_on, filing.working_days or 0, policy.country)
    except CalendarUnknown as unknown:
        after = f", after {unknown.last_year}-12-31" if unknown.year > unknown.last_year else ""
        return None, (
            f"{within}{after}; the working-day calendar of {unknown.year} is not known, so the day is not either."
        )
    return due, f"{within}, by {due}."


def _working_days_left(as_of: date, due: date | None, country: str) -> int | None:
    if due is None:
        return None
    try:
        return working_days_between(as_of, due, country)
    except CalendarUnknown:
        return None
