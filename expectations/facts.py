"""The facts of one night, as tables that the judge was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pandas as pd

from expectations.errors import BadFacts

NEEDED = {
    "objects": ("store", "uri", "captured_at", "status", "faces", "subject_ref"),
    "faces": ("store", "uri", "subject_ref"),
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
    "census": ("scope", "people_low", "people_high"),
    "coverage": ("store", "seen", "scanned", "unchanged"),
    "stores": ("store", "kind", "public_place", "purpose", "max_days"),
    "history": ("finding_id", "first_seen"),
}
"""Columns that are read of each table; the others are left alone. A table without rows may lack its columns."""


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
        stores: a row for each store or database: store, kind (objects, database), zone, public_place (bool), purpose,
            owner, min_days, max_days (nullable). Stores found in the evidence only count as without purpose and limit.
        columns: what the columns of the databases hold, evidence table ``columns``.
        grounds: other grounds than consent that were attested: purpose, store (empty for all), attested_on,
            valid_until (nullable).
        history: findings of earlier nights, evidence table ``findings``.
        crossings: days on which lines were first crossed, frozen on an earlier night, by rule (``threshold_filing``,
            ``public_place_filing``), of the policy judged by.
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
    crossings: Mapping[str, date] = field(default_factory=dict)
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


def _with_columns(name: str, table: pd.DataFrame) -> pd.DataFrame:
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
    more = more.assign(public_place=False, purpose="", max_days=None)
    return pd.concat([stores, more], ignore_index=True) if len(stores) else more
