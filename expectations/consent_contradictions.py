"""Where the records do not decide: registries that contradict each other, and one id that stands for several people.

Two registries contradict each other about one person and purpose when

* one records a withdrawal and another a consent on the same calendar day, the last day of any withdrawal, so that
  nobody can say which came last (within one registry its own times decide); or
* both record a consent given on the same day, and by one it is over, by the other still in force;

unless a consent in force settles it: one of a later day, or one that the withdrawing registry itself records as given
after the withdrawal.

One id stands for several people when a table that has one row for each person has two rows whose ids are the same once
they are read (`` 42`` and ``42``).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from expectations.consent_given import Given
from expectations.consent_units import Codes, Mask, Units, marked
from expectations.days import Days


def contradicted(given: Given, units: Units) -> tuple[Mask, Days]:
    """Find units about which registries contradict each other: (U,) whether, and (U,) the day they differ about."""
    count = len(units.person)
    days = np.full(count, np.datetime64("NaT", "D"))
    rows = _of_several_registries(given, count)
    for found in (_same_day(rows), _different_ends(rows)) if len(rows) else ():
        days[found.index.to_numpy(np.int64)] = found.to_numpy().astype("datetime64[D]")
    return ~np.isnat(days), days


def shared_ids(held: pd.DataFrame, units: Units) -> Mask:
    """Find held units whose id stands for more than one person: (U,).

    Args:
        held: columns ``store``, ``table``, ``data_class``; pictures in folders have no table and are left out.
        units: the numbers of people and purposes.
    """
    count = len(units.person)
    in_tables = (held["table"] != "").to_numpy(bool, na_value=False)
    several = np.bincount(units.of_held, minlength=count) > 1
    asked = in_tables & several[units.of_held]
    place = held.loc[asked, ["store", "table", "data_class"]].assign(unit=units.of_held[asked])
    return marked(place.loc[place.duplicated(), "unit"].to_numpy(np.int64), count)


def _of_several_registries(given: Given, count: int) -> pd.DataFrame:
    lowest, highest = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(lowest, given.unit, given.registry)
    np.maximum.at(highest, given.unit, given.registry)
    asked = (lowest != highest)[given.unit] & (given.counts | ~np.isnat(given.withdrawn_on))
    columns = ("unit", "registry", "granted_on", "withdrawn_on", "counts", "stands", "over", "in_force")
    rows = pd.DataFrame({name: getattr(given, name)[asked] for name in columns})
    return rows.astype({"granted_on": "datetime64[s]", "withdrawn_on": "datetime64[s]"})


def _same_day(rows: pd.DataFrame) -> pd.Series:
    """Give, by unit, the day on which one registry withdraws and another consents."""
    last = rows.groupby("unit")["withdrawn_on"].max()
    rows = rows.assign(last=last.reindex(rows["unit"]).to_numpy()).dropna(subset=["last"])
    withdrawing = rows[rows["withdrawn_on"] == rows["last"]].groupby("unit")["registry"]
    lowest, highest = (ends.reindex(rows["unit"]).to_numpy() for ends in (withdrawing.min(), withdrawing.max()))
    own = (rows["registry"] == lowest) & (rows["registry"] == highest)
    against = rows[rows["counts"] & ~rows["over"] & (rows["granted_on"] == rows["last"]) & ~own]
    settling = rows[rows["in_force"] & ((rows["granted_on"] > rows["last"]) | own)]
    return _unsettled(against["unit"], last, settling["unit"])


def _different_ends(rows: pd.DataFrame) -> pd.Series:
    """Give, by unit, the day of a consent that is over by one registry and in force by another."""
    over, in_force = rows[rows["stands"] & rows["over"]], rows[rows["in_force"]]
    both = over.merge(in_force, on=["unit", "granted_on"], suffixes=("", "_other"))
    differ = both[both["registry"] != both["registry_other"]].groupby("unit")["granted_on"].max()
    newest = differ.reindex(in_force["unit"]).to_numpy()
    return _unsettled(pd.Series(differ.index), differ, in_force.loc[in_force["granted_on"] > newest, "unit"])


def _unsettled(found: Iterable[int], days: pd.Series, settled: pd.Series) -> pd.Series:
    units: Codes = np.setdiff1d(np.asarray(list(found), np.int64), settled.to_numpy(np.int64))
    return days.reindex(units)
