"""Head-counts against lines: how many people a policy counts, and where that lies.

Duties are judged on the upper bound of the head-count: when only that crosses, an early warning without a due day is
given.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from expectations.days import day64, days_of_dates
from expectations.errors import BadFacts
from expectations.facts import Facts, counted_in
from expectations.findings import make_part
from expectations.policy import Policy, Threshold, Verdict

THRESHOLD_RULE = "threshold_filing"
WARNING_RULE = "threshold_warning"
LINE_RULE = "line_crossed"

Ends = tuple[int, int]
"""Lower and upper end of a head-count."""


def head_count(census: pd.DataFrame) -> Ends | None:
    """Give the ends of the head-count of everything; ``None`` when nobody was counted.

    Raises:
        BadFacts: there are several, or the ends are in the wrong order.
    """
    row = _everyone(census)
    return None if row is None else _ends(row["people_low"], row["people_high"])


def people_of(facts: Facts, policy: Policy, threshold: Threshold | None, as_of: date) -> Ends | None:
    """Give the ends of the head-count that a line is about: by the data that counts, by place, by time.

    Raises:
        BadFacts: as ``head_count``.
    """
    if threshold and threshold.counted == "abroad":
        country = facts.stores["country"].fillna("")
        abroad = set(facts.stores.loc[(country != "") & (country != policy.country), "store"])
        there = counted_in(facts.census, abroad)
        return _ends(there["people_low"].iloc[0], there["people_high"].iloc[0]) if len(there) else (0, 0)
    row = _everyone(facts.census)
    if row is None:
        return None
    now = _by_data(row, policy)
    if threshold and threshold.counted == "peak_12_months" and set(policy.facial_data.counts) > {"template"}:
        days = days_of_dates(facts.nights["as_of"])
        year = facts.nights[(days > day64(as_of) - 366) & (days <= day64(as_of))]
        return max([now[0], *year["people_low"]]), max([now[1], *year["people_high"]])
    return now


def verdict_of(people: Ends | None, policy: Policy) -> Verdict | None:
    """Place the head-count; ``undetermined`` when nobody was counted, ``None`` when the policy draws no line."""
    if policy.threshold is None:
        return None
    return policy.threshold.verdict(*people) if people else "undetermined"


def held_text(people: Ends | None, as_of: date) -> str:
    """Say in words how many people are held."""
    if people is None:
        return f"No head-count was made for {as_of}"
    return f"Between {people[0]:,} and {people[1]:,} people are held on {as_of}"


def line_findings(facts: Facts, people: Ends | None, policy: Policy, as_of: date, *, running: bool) -> pd.DataFrame:
    """Make a finding of each line without a clock that is crossed, and a warning where only the upper end crosses.

    Args:
        facts: what is known.
        people: ends of the head-count that the policy's threshold is about.
        policy: whose lines are judged.
        as_of: the day judged for.
        running: whether the threshold's clock runs: then there is no warning.
    """
    rows: list[dict[str, Any]] = []
    threshold = policy.threshold
    if threshold and people and not running:
        verdict = threshold.verdict(*people)
        said = f"{held_text(people, as_of)}; the line is {threshold.text}."
        if verdict == "undetermined":
            said += " It may have been crossed: no day is due."
            rows.append({"rule": WARNING_RULE, "article": threshold.article, "severity": "medium", "because": said})
        elif verdict == "above" and not threshold.has_clock:
            said += f" {threshold.says}"
            rows.append({"rule": LINE_RULE, "article": threshold.article, "severity": "high", "because": said})
    for line in policy.lines:
        counted = people_of(facts, policy, line, as_of)
        if line.holds_on(as_of) and counted and line.verdict(*counted) != "below":
            said = f"{held_text(counted, as_of)}; the line is {line.text}. {line.says}"
            severity = "high" if line.verdict(*counted) == "above" else "medium"
            place = f"{policy.name}\x1f{line.name}"
            row = {"rule": LINE_RULE, "article": line.article, "severity": severity, "because": said, "place": place}
            rows.append(row)
    names = ("rule", "article", "severity", "because")
    columns = {name: [row[name] for row in rows] for name in names}
    places = [row.get("place", policy.name) for row in rows]
    return make_part({**columns, "store": "", "place": places}, len(rows))


def _everyone(census: pd.DataFrame) -> pd.Series | None:
    rows = census[census["scope"] == "all"]
    if rows.empty:
        return None
    if len(rows) > 1:
        raise BadFacts("census", f"it has {len(rows)} rows of scope all; give those of one run")
    return rows.iloc[0]


def _by_data(row: pd.Series, policy: Policy) -> Ends:
    """Count only people of whom data of a kind is held that the policy takes for facial."""
    counts = set(policy.facial_data.counts)
    if counts == {"template"}:
        return _ends(row["with_template"], row["with_template"])
    if counts == {"image"} and pd.notna(row["in_any_image_low"]):
        return _ends(row["in_any_image_low"], row["in_any_image_high"])
    return _ends(row["people_low"], row["people_high"])


def _ends(low: Any, high: Any) -> Ends:
    low, high = int(low), int(high)
    if not 0 <= low <= high:
        raise BadFacts("census", f"its interval runs from {low} to {high}")
    return low, high
