"""Four hundred nights of an organisation that grows, crosses both lines, purges, files, changes and ends.

Every night the clocks of the judge are held against a plain day-by-day calculation that shares nothing with it: its own
working days of 2025 and 2026, typed in from the State Council's notices, and a state machine of a few lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd

from expectations.facts import Facts
from expectations.filing import CHANGE_RULE, END_RULE, filing_clocks, filing_findings
from expectations.forecast import forecast
from expectations.policy import Policy, load_policy
from expectations.registration import Frozen, Registration, held_for
from expectations.threshold import THRESHOLD_RULE

START, NIGHTS = date(2025, 6, 10), 400
HOLIDAYS = {
    *(date(2025, 10, day) for day in range(1, 9)),
    *(date(2026, 1, day) for day in range(1, 4)),
    *(date(2026, 2, day) for day in range(15, 24)),
    *(date(2026, 4, day) for day in range(4, 7)),
    *(date(2026, 5, day) for day in range(1, 6)),
    *(date(2026, 6, day) for day in range(19, 22)),
    *(date(2026, 9, day) for day in range(25, 28)),
    *(date(2026, 10, day) for day in range(1, 8)),
}
MADE_UP = {date(2025, 9, 28), date(2025, 10, 11), date(2026, 1, 4), date(2026, 2, 14), date(2026, 2, 28),
           date(2026, 5, 9), date(2026, 9, 20), date(2026, 10, 10)}  # fmt: skip
LINES = {"cn-draft-2023": 10_001, "cn-measures-2025": 100_000}
WITH_CHANGES = {"cn-measures-2025"}


def thirty_working_days_after(day: date) -> date:
    left = 30
    while left:
        day += timedelta(days=1)
        left -= day in MADE_UP or (day.weekday() < 5 and day not in HOLIDAYS)
    return day


def people_on(night: int) -> int:
    """Grow to 130,000 in 200 nights, purge to 60,000, grow again a little, and hold nobody at the end."""
    if night < 200:
        return 1_000 + 650 * night
    if night < 210:
        return 130_000 - 7_000 * (night - 199)
    return 60_000 + 60 * (night - 210) if night < 360 else 0


@dataclass
class Expected:
    """What the clocks of one policy must be, kept day by day."""

    line: int
    changes: bool
    crossed: date | None = None
    filed: int | None = None
    filed_on: date | None = None
    max_days: int | None = None
    changed: date | None = None
    ended: date | None = None

    def night(self, day: date, people: int, max_days: int) -> dict[str, tuple[date, date]]:
        """Give the clocks that must run that night: rule to the day it began and the day it is due."""
        if self.crossed is None and people >= self.line:
            self.crossed = day
        drifted = self.filed is not None and (
            people > 1.2 * self.filed or people < 0.8 * self.filed or max_days != self.max_days
        )
        if not (self.changes and drifted and self.ended is None):
            self.changed = None
        elif self.changed is None:
            self.changed = day
        running = {}
        if self.crossed and self.filed_on is None:
            running[THRESHOLD_RULE] = self.crossed
        if self.changed:
            running[CHANGE_RULE] = self.changed
        if self.ended and self.changes:
            running[END_RULE] = self.ended
        return {rule: (began, thirty_working_days_after(began)) for rule, began in running.items()}


@dataclass
class Organisation:
    """What it holds, has filed, and what its nights have frozen."""

    filings: list[Registration] = field(default_factory=list)
    frozen: dict[str, dict[str, Frozen]] = field(default_factory=lambda: {name: {} for name in LINES})
    max_days: int = 30

    def facts(self, policy: str, people: int) -> Facts:
        stores = pd.DataFrame(
            [{"store": "cam", "kind": "objects", "public_place": False, "purpose": "door", "max_days": self.max_days}]
        )
        census = pd.DataFrame([{"scope": "all", "people_low": people, "people_high": people}])
        empty = dict.fromkeys(("objects", "faces", "subjects", "consents", "coverage"), pd.DataFrame())
        known = Facts(**empty, stores=stores, census=census, registrations=tuple(self.filings))
        return Facts(**{**vars_of(known), "crossings": self.frozen[policy]}).checked()

    def night(self, policy: Policy, day: date, people: int, run_id: str) -> dict[str, tuple[date, date | None]]:
        known = self.facts(policy.name, people)
        clocks = filing_clocks(known, (people, people), policy, day)
        for clock in clocks:
            self.frozen[policy.name][clock.rule] = Frozen(clock.crossed_on, clock.found_by or run_id)
        if CHANGE_RULE not in {clock.rule for clock in clocks}:
            self.frozen[policy.name].pop(CHANGE_RULE, None)
        open_ = filing_findings(clocks, known, policy, day)
        running = {clock.rule: (clock.crossed_on, clock.due_on) for clock in clocks if clock.filed_on is None}
        assert set(open_["rule"]) - {"held_after_end"} == set(running)
        return running


def vars_of(facts: Facts) -> dict:
    return {name: getattr(facts, name) for name in facts.__dataclass_fields__}


def happen(night: int, day: date, people: int, town: Organisation, expected: dict[str, Expected]) -> None:
    """File, change and end, in the organisation and in what is expected of it."""
    draft, measures = "cn-draft-2023", "cn-measures-2025"
    filings = {40: (draft, "filing"), 175: (measures, "filing"), 215: (measures, "change"), 250: (measures, "change")}
    if night in filings:
        name, kind = filings[night]
        stores = held_for(town.facts(name, people).stores)
        town.filings.append(Registration(name, kind, day, people, stores))  # type: ignore[arg-type]
        one = expected[name]
        one.filed, one.filed_on, one.max_days = people, day, town.max_days
    if night == 360:
        town.filings.append(Registration(measures, "ended", day))
        expected[measures].ended = day
    if night == 380:
        town.filings.append(Registration(measures, "end", day))
        expected[measures] = Expected(LINES[measures], changes=True)


def test_the_clocks_of_four_hundred_nights_are_those_of_a_plain_calculation() -> None:
    town, policies = Organisation(), {name: load_policy(name) for name in LINES}
    expected = {name: Expected(line, name in WITH_CHANGES) for name, line in LINES.items()}
    seen: set[str] = set()
    for night in range(NIGHTS):
        day, people = START + timedelta(days=night), people_on(night)
        if night == 230:
            town.max_days = 60  # longer than was filed
        happen(night, day, people, town, expected)
        for name, policy in policies.items():
            must = expected[name].night(day, people, town.max_days)
            assert town.night(policy, day, people, f"night-{night}") == must, (night, day, name)
            seen |= {f"{name} {rule}" for rule in must}
    assert seen == {
        "cn-draft-2023 threshold_filing",
        "cn-measures-2025 threshold_filing",
        "cn-measures-2025 change_filing",
        "cn-measures-2025 end_filing",
    }
    assert town.frozen["cn-measures-2025"][THRESHOLD_RULE] == Frozen(START + timedelta(days=153), "night-153")


def test_a_new_use_after_the_end_starts_a_clock_of_its_own() -> None:
    policy = load_policy("cn-measures-2025")
    town = Organisation([Registration(policy.name, "filing", date(2025, 7, 1), 100_000),
                         Registration(policy.name, "end", date(2025, 9, 1))])  # fmt: skip
    town.frozen[policy.name][THRESHOLD_RULE] = Frozen(date(2025, 6, 20), "old")
    running = town.night(policy, date(2026, 3, 2), 100_000, "night")
    assert running == {THRESHOLD_RULE: (date(2026, 3, 2), thirty_working_days_after(date(2026, 3, 2)))}


# -- forecast ----------------------------------------------------------------------------------------------------------


def nights(until: int, noise: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = np.arange(until)
    best = 2_000 + 40 * days + rng.normal(0, noise, until)
    return pd.DataFrame(
        {
            "as_of": [START + timedelta(days=int(d)) for d in days],
            "people_low": (best * 0.95).astype(int),
            "people_best": best.astype(int),
            "people_high": (best * 1.05).astype(int),
        }
    )


def test_the_day_of_the_crossing_lies_between_the_days_that_were_foretold() -> None:
    line = load_policy("cn-draft-2023").threshold
    assert line is not None
    truth = START + timedelta(days=201)  # 2,000 and 40 a day are 10,040 then
    inside = 0
    for seed in range(60):
        seen = forecast(nights(90, 60, seed), line, START + timedelta(days=89))
        assert seen is not None
        assert seen.per_week_low < 280 < seen.per_week_high or abs(seen.per_week_best - 280) < 20
        inside += seen.earliest is not None and seen.latest is not None and seen.earliest <= truth <= seen.latest
    assert inside >= 57


def test_too_little_history_or_a_line_that_is_crossed_foretells_nothing() -> None:
    line = load_policy("cn-draft-2023").threshold
    assert line is not None
    assert forecast(nights(4, 1, 0), line, START + timedelta(days=90)) is None
    assert forecast(nights(13, 1, 0), line, START + timedelta(days=12)) is None
    assert forecast(nights(300, 1, 0), line, START + timedelta(days=299)) is None


def test_a_shrinking_collection_never_reaches_the_line() -> None:
    line = load_policy("cn-draft-2023").threshold
    assert line is not None
    falling = nights(60, 5, 0).iloc[::-1].reset_index(drop=True)
    falling["as_of"] = sorted(falling["as_of"])
    seen = forecast(falling, line, START + timedelta(days=59))
    assert seen is not None
    assert (seen.earliest, seen.latest) == (None, None)
