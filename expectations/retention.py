"""Retention: what is kept longer than its store's declared period.

A picture's period starts on the day it was taken, a person's record on the day of the last interaction (else the day it
was stored); of several records of one person in one table the oldest counts. The period's last day is that day plus
``max_days``; on the day after it is overdue. Days are those of the controller's time zone.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from expectations.days import day64, day_column, days_of_times
from expectations.facts import Facts
from expectations.findings import day_text, explain, make_part
from expectations.policy import Policy


def retention_clocks(facts: Facts, as_of: date) -> pd.DataFrame:
    """Start a clock for each scanned object with faces and each person in each database table.

    Returns:
        ``store``, ``kind``, ``locator`` (uri or table), ``subject_ref``, ``started_on`` (day, may be missing),
        ``max_days`` (float, may be missing) and ``overdue_days`` (float; 0 or less within the period, missing where it
        cannot be said).
    """
    clocks = pd.concat([_object_clocks(facts), _subject_clocks(facts)], ignore_index=True)
    limits = facts.stores.set_index("store")["max_days"].astype("float64")
    clocks["max_days"] = clocks["store"].map(limits).astype("float64")
    kept_days = (day64(as_of) - clocks["started_on"]).dt.days
    clocks["overdue_days"] = kept_days - clocks["max_days"]
    return clocks


def retention_findings(clocks: pd.DataFrame, policy: Policy, as_of: date) -> pd.DataFrame:
    """Make a finding of each overdue clock, and one for each store whose clocks cannot be judged.

    Args:
        clocks: as ``retention_clocks`` gives it.
        policy: whose article is cited.
        as_of: the day judged for.
    """
    return pd.concat(
        [_overdue(clocks, policy, as_of), _undated(clocks, policy), _without_limit(clocks, policy)], ignore_index=True
    )


def retention_table(clocks: pd.DataFrame, stores: pd.DataFrame) -> pd.DataFrame:
    """Sum up the clocks by store.

    Returns:
        A row for each store: ``store``, ``kind``, ``held`` (clocks), ``oldest`` (day, Arrow ``date32``), ``overdue``,
        ``undated`` (counts) and ``max_days`` (nullable integer).
    """
    by_store = clocks.assign(overdue=clocks["overdue_days"] > 0, undated=clocks["started_on"].isna()).groupby("store")
    sums = by_store.agg(
        held=("locator", "size"), oldest=("started_on", "min"), overdue=("overdue", "sum"), undated=("undated", "sum")
    ).reindex(stores["store"])
    table = stores[["store", "kind"]].copy()
    for name in ("held", "overdue", "undated"):
        table[name] = sums[name].fillna(0).astype("int64").to_numpy()
    table["oldest"] = day_column(sums["oldest"].to_numpy().astype("datetime64[D]"))
    table["max_days"] = stores["max_days"].astype("Int64")
    return table[["store", "kind", "held", "oldest", "overdue", "undated", "max_days"]]


def _object_clocks(facts: Facts) -> pd.DataFrame:
    kinds = facts.objects["store"].map(facts.stores.set_index("store")["kind"])
    held = (kinds == "objects") & (facts.objects["faces"] > 0) & (facts.objects["status"] == "scanned")
    objects = facts.objects[held]
    return pd.DataFrame(
        {
            "store": objects["store"].to_numpy(),
            "kind": "objects",
            "locator": objects["uri"].to_numpy(),
            "subject_ref": objects["subject_ref"].to_numpy(),
            "started_on": days_of_times(objects["captured_at"], facts.timezone),
        }
    )


def _subject_clocks(facts: Facts) -> pd.DataFrame:
    subjects = facts.subjects
    last = pd.Series(days_of_times(subjects["last_interaction_at"], facts.timezone))
    stored = pd.Series(days_of_times(subjects["stored_at"], facts.timezone))
    started = subjects[["store", "table", "subject_ref"]].assign(started_on=last.fillna(stored))
    clocks = started.groupby(["store", "table", "subject_ref"])[["started_on"]].min().reset_index()
    return clocks.rename(columns={"table": "locator"}).assign(kind="database")


def _overdue(clocks: pd.DataFrame, policy: Policy, as_of: date) -> pd.DataFrame:
    over = clocks[clocks["overdue_days"] > 0].reset_index(drop=True)
    since = over["started_on"] + pd.to_timedelta(over["max_days"] + 1, unit="D")

    def because(row: Any) -> str:
        start = "Taken" if row.kind == "objects" else "Last seen or stored"
        return (
            f"{start} on {day_text(row.started_on)}; the store keeps for {row.max_days:.0f} days, which were over "
            f"{row.overdue_days:.0f} days before {as_of}."
        ).replace("over 1 days", "over 1 day")

    return make_part(
        {
            "rule": "retention_overdue",
            "article": policy.retention.article,
            "severity": "medium",
            "store": over["store"],
            "locator": over["locator"],
            "subject_ref": over["subject_ref"],
            "because": explain(over[["kind", "started_on", "max_days", "overdue_days"]], because),
            "since": since,
            "place": over["store"] + "\x1f" + over["locator"],
        },
        len(over),
    )


def _undated(clocks: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    undated = clocks[clocks["started_on"].isna()]
    texts = {
        "objects": "Objects with faces but without a known time of capture: {:,}",
        "database": "Records with neither a day of storage nor one of a last interaction: {:,}",
    }
    because = {}
    for kind, text in texts.items():
        for store, n in undated[undated["kind"] == kind].groupby("store").size().items():
            because[store] = f"{text.format(n)}. Whether their period of keeping is over cannot be said."
    return _by_store("capture_time_unknown", policy, because)


def _without_limit(clocks: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    counts = clocks[clocks["max_days"].isna()].groupby("store").size()
    text = (
        "Objects or records with faces held here: {:,}. No longest time of keeping is declared, so none can be overdue."
    )
    return _by_store("retention_limit_missing", policy, {store: text.format(n) for store, n in counts.items()})


def _by_store(rule: str, policy: Policy, because: dict[Any, str]) -> pd.DataFrame:
    stores = pd.Series(list(because), dtype="str")
    return make_part(
        {
            "rule": rule,
            "article": policy.retention.article,
            "severity": "low",
            "store": stores,
            "because": pd.Series(list(because.values()), dtype="str"),
            "place": stores,
        },
        len(because),
    )
