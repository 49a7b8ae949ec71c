"""The facts of one night, as tables that the judge was given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pandas as pd

from expectations.errors import BadFacts
from expectations.registration import Frozen, Registration

NEEDED = {
    "objects": ("store", "uri", "captured_at", "status", "faces", "subject_ref"),
    "faces": ("face_id", "store", "uri", "subject_ref", "shot", "copy_of"),
    "subjects": (
        "store",
        "table",
        "subject_ref",
        "data_class",
        "purpose",
        "stored_at",
        "last_interaction_at",
        "minor",
        "born_on",
    ),
    "consents": (
        "subject_ref",
        "purpose",
        "kind",
        "granted_at",
        "withdrawn_at",
        "expires_at",
        "guardian",
        "registry",
        "bundled",
        "unlimited",
    ),
    "columns": ("store", "table", "column", "holds", "confidence", "sure", "because", "facial", "declared"),
    "grounds": ("purpose", "store", "attested_on", "valid_until"),
    "census": (
        "scope",
        "scope_name",
        "people_low",
        "people_high",
        "with_template",
        "in_any_image_low",
        "in_any_image_high",
    ),
    "nights": ("as_of", "people_low", "people_best", "people_high"),
    "gone": ("store", "uri", "captured_at", "gone_on"),
    "attested": ("policy", "name", "store", "attested_on", "valid_until"),
    "safeguards": ("store", "check", "holds", "detail"),
    "coverage": ("store", "seen", "scanned", "unchanged"),
    "stores": ("store", "kind", "zone", "public_place", "venue", "country", "purpose", "min_days", "max_days"),
    "history": ("finding_id", "first_seen", "closed_on"),
    "decisions": ("finding_id", "state", "decided_on", "valid_until"),
}
"""Columns that are read of each table; the others are left alone. A table without rows may lack its columns."""

BLANK: dict[str, dict[str, Any]] = {
    "faces": {"face_id": "", "shot": None, "copy_of": None},
    "history": {"closed_on": None},
    "census": {"scope_name": "", "with_template": 0, "in_any_image_low": None, "in_any_image_high": None},
    "stores": {"zone": "", "venue": "", "country": "", "min_days": 0},
}
"""Columns that may be left out, and what then holds for every row."""


@dataclass(frozen=True, eq=False, repr=False)
class Facts:
    """What is known on the day judged for. Holds personal data: its ``repr`` shows counts of rows only.

    Attributes:
        objects: current objects, evidence table ``objects``.
        faces: faces of current objects, evidence table ``faces``.
        subjects: evidence table ``subjects``.
        consents: evidence table ``consents``.
        census: evidence table ``census``, rows of one run.
        coverage: a row for each store: store, seen, scanned, unchanged, unsupported, quarantined, skipped.
        stores: a row for each store or database: store, kind (objects, database), zone, public_place (bool), venue (see
            ``venues``), country (ISO 3166, empty when not said), purpose, owner, min_days, max_days (nullable). Stores
            found in the evidence only count as without purpose and limit.
        columns: what the columns of the databases hold, evidence table ``columns``.
        grounds: other grounds than consent that were attested: purpose, store (empty for all), attested_on,
            valid_until (nullable).
        history: findings of earlier nights, evidence tables ``findings`` and ``closed``.
        decisions: what was decided about findings: finding_id, state, decided_on, valid_until (nullable), a row for
            each decision, in order.
        nights: head-counts of everything on earlier days, a row a day: as_of, people_low, people_best, people_high.
        gone: pictures with faces that left their store: store, uri, captured_at, gone_on (first day they were missed).
        attested: what somebody answerable has attested: policy (empty for all), name, store (empty for all),
            attested_on, valid_until (nullable).
        safeguards: what was seen of how stores are guarded: store, check, holds (yes, no, unknown), detail.
        ended_purposes: purposes that have ended, and the day.
        registrations: what was filed with authorities, of all policies.
        crossings: clocks frozen on an earlier night, by rule (``threshold_filing``, ``public_place_filing``,
            ``change_filing``), of the policy judged by.
        timezone: name of the controller's time zone; days are cut in it.
        coverage_floor: share of the listed objects that has to have been examined, 0 to 1.
    """

    objects: pd.DataFrame
    faces: pd.DataFrame
    subjects: pd.DataFrame
    consents: pd.DataFrame
    census: pd.DataFrame
    coverage: pd.DataFrame
    stores: pd.DataFrame
    columns: pd.DataFrame = field(default_factory=pd.DataFrame)
    grounds: pd.DataFrame = field(default_factory=pd.DataFrame)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    decisions: pd.DataFrame = field(default_factory=pd.DataFrame)
    nights: pd.DataFrame = field(default_factory=pd.DataFrame)
    gone: pd.DataFrame = field(default_factory=pd.DataFrame)
    attested: pd.DataFrame = field(default_factory=pd.DataFrame)
    safeguards: pd.DataFrame = field(default_factory=pd.DataFrame)
    ended_purposes: Mapping[str, date] = field(default_factory=dict)
    registrations: tuple[Registration, ...] = ()
    crossings: Mapping[str, Frozen] = field(default_factory=dict)
    timezone: str = "Asia/Shanghai"
    coverage_floor: float = 0.95

    def __repr__(self) -> str:
        rows = (f"{name}={len(getattr(self, name))}" for name in NEEDED)
        return f"Facts(rows: {', '.join(rows)})"

    def checked(self) -> Facts:
        """Give the same facts with every column that is read, rows numbered from 0 and every store listed.

        Raises:
            BadFacts: a table with rows lacks a column; stores are listed twice; the floor is not a share.
        """
        if not 0 <= self.coverage_floor <= 1:
            raise BadFacts("coverage", f"the floor {self.coverage_floor} is not a share from 0 to 1")
        tables: dict[str, Any] = {name: _with_columns(name, getattr(self, name)) for name in NEEDED}
        tables["stores"] = _every_store(tables)
        return replace(self, **tables)


def of_stores(facts: Facts, stores: Collection[str] | None, purposes: Collection[str] | None) -> Facts:
    """Give the facts about some stores and some purposes only; ``None`` for all.

    The head-count of several stores of many is not known; it lies between that of the largest and the sum.
    """
    if stores is None and purposes is None:
        return facts
    listed = facts.stores
    kept = listed["store"].isin(stores) if stores is not None else pd.Series(True, index=listed.index)
    if purposes is not None:
        kept &= listed["purpose"].isin(purposes)
    names = set(listed.loc[kept, "store"])
    tables = ("objects", "faces", "subjects", "coverage", "stores", "columns", "gone", "safeguards")
    cut = {name: table[table["store"].isin(names)].reset_index(drop=True) for name in tables
           if len(table := getattr(facts, name))}  # fmt: skip
    return replace(facts, **cut, census=counted_in(facts.census, names), nights=facts.nights.iloc[:0])


def counted_in(census: pd.DataFrame, stores: Collection[str]) -> pd.DataFrame:
    """Make one head-count of those of some stores: at least the largest low end, at most the sum of the high ends."""
    rows = census[(census["scope"] == "store") & census["scope_name"].isin(stores)]
    if rows.empty:
        return rows
    low, high = rows["people_low"].max(), rows["people_high"].sum()
    most = rows["with_template"].sum()
    together = {"scope": "all", "scope_name": "", "people_low": low, "people_high": high, "with_template": most}
    return pd.DataFrame([dict.fromkeys(NEEDED["census"]) | together])


def _with_columns(name: str, table: pd.DataFrame) -> pd.DataFrame:
    given = {column: value for column, value in BLANK.get(name, {}).items() if column not in table.columns}
    table = table.assign(**given) if given and len(table) else table
    missing = [column for column in NEEDED[name] if column not in table.columns]
    if missing and len(table):
        raise BadFacts(name, f"it lacks {', '.join(missing)}; needed are {', '.join(NEEDED[name])}")
    table = table.reindex(columns=[*table.columns, *missing]) if missing else table
    return table.reset_index(drop=True)


def _every_store(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    stores = tables["stores"]
    if stores["store"].duplicated().any():
        raise BadFacts("stores", "a store is listed twice; give one row for each")
    kinds = {"objects": "objects", "faces": "objects", "subjects": "database"}
    found = {name: kinds[table] for table in kinds for name in tables[table]["store"].unique()}
    unlisted = [name for name in sorted(found) if name not in set(stores["store"])]
    if not unlisted:
        return stores
    more = pd.DataFrame({"store": unlisted, "kind": [found[name] for name in unlisted]})
    more = more.assign(public_place=False, purpose="", max_days=None, **BLANK["stores"])
    return pd.concat([stores, more], ignore_index=True) if len(stores) else more
