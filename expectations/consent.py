"""Consent: in which of six states each person's data stands for each purpose.

For one person and purpose, on the day judged for:

* A consent counts when its kind is one the policy takes and it was given on or before that day (without a day: always).
* A withdrawal on or before that day ends every consent given before it; one given after it counts again.
* A consent holds through the whole day of its expiry.
* A person is a minor by the date of birth and the policy's age; without a date of birth by the row's flag. For a minor
  a consent counts as enough when a guardian gave it; what a guardian gave stays good when the child grows up.

Days are those of the controller's time zone. Whole columns at a time: a million people take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations.days import NO_DAY, Days, born_before, day64, days_of_dates, days_of_times, utc_times
from expectations.policy import Policy

STATES = (
    "consented",
    "no_recorded_ground",
    "withdrawn_still_stored",
    "expired",
    "other_purpose",
    "minor_without_guardian",
)

STATE_DTYPE = pd.CategoricalDtype(list(STATES))

HELD = ("store", "table", "subject_ref", "purpose", "stored_at", "minor", "born_on")
"""Columns of what is held: those of the evidence table ``subjects`` that are read here."""


@dataclass(frozen=True, eq=False)
class _Keys:
    """One number for each person and purpose."""

    people: pd.Index
    purposes: pd.Index

    def of(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """Number each row; people that are not held have negative numbers."""
        person = self.people.get_indexer(pd.Index(frame["subject_ref"]))
        return person.astype(np.int64) * len(self.purposes) + self.purposes.get_indexer(pd.Index(frame["purpose"]))

    def person(self, keys: pd.Index | pd.Series) -> NDArray[np.int64]:
        return keys.to_numpy(np.int64) // max(len(self.purposes), 1)

    def purpose(self, keys: pd.Index | pd.Series) -> NDArray[np.int64]:
        return keys.to_numpy(np.int64) % max(len(self.purposes), 1)


def consent_states(
    held: pd.DataFrame, consents: pd.DataFrame, policy: Policy, as_of: date, timezone: str
) -> pd.DataFrame:
    """Find the state of each person and purpose.

    Args:
        held: the columns ``HELD``, any number of rows for one person and purpose.
        consents: the evidence table ``consents``.
        policy: whose kinds of consent and age of minors count.
        as_of: the day judged for.
        timezone: name of the controller's time zone.

    Returns:
        A row for each person and purpose: ``subject_ref``, ``purpose``, ``consent_state`` (categorical, of ``STATES``),
        ``since`` (day from which on the state holds; for want of a ground the day it was stored), ``minor`` (bool),
        ``born_known`` (bool), ``other`` (a purpose there is a consent for, in the state ``other_purpose``).
    """
    keys = _Keys(
        pd.Index(held["subject_ref"].unique()),
        pd.Index(sorted({*held["purpose"].unique(), *consents["purpose"].unique()}), dtype="str"),
    )
    units = _units(held, keys, policy, (as_of, timezone))
    given = _given(consents, keys, policy, (as_of, timezone))
    return _judged(_signs(units, given, keys), keys)


def count_states(states: pd.DataFrame) -> pd.DataFrame:
    """Count people by ``purpose`` and ``state``: a row (with ``people``) for each state of each purpose, in order."""
    purposes = sorted(states["purpose"].unique())
    every = pd.MultiIndex.from_product([purposes, STATES], names=["purpose", "state"])
    counts = states.groupby(["purpose", "consent_state"], observed=True).size()
    return counts.reindex(every, fill_value=0).rename("people").reset_index()


def _units(held: pd.DataFrame, keys: _Keys, policy: Policy, when: tuple[date, str]) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "key": keys.of(held),
            "stored_on": days_of_times(held["stored_at"], when[1]),
            "born_on": days_of_dates(held["born_on"]),
            "flagged": held["minor"].astype("boolean").fillna(False).to_numpy(bool),
        }
    )
    units = rows.groupby("key")[["stored_on"]].min()
    # Age is the person's, whatever row knows it; of several dates of birth the youngest counts, so that no child is
    # taken for older than one row says.
    people = rows.groupby(keys.person(rows["key"])).agg({"born_on": "max", "flagged": "max"})
    people = people.reindex(keys.person(units.index)).set_axis(units.index)
    born_known = people["born_on"].notna()
    by_age = people["born_on"] > born_before(when[0], policy.minors.under_age)
    return units.assign(born_known=born_known, minor=by_age.where(born_known, people["flagged"]).astype(bool))


def _given(consents: pd.DataFrame, keys: _Keys, policy: Policy, when: tuple[date, str]) -> pd.DataFrame:
    """Reduce the registry to what stands on the day: withdrawals, and grants that none of them ended."""
    today, zone = day64(when[0]), when[1]
    key = keys.of(consents)
    rows = pd.DataFrame(
        {
            "key": key,
            "granted": utc_times(consents["granted_at"]),
            "expires_on": days_of_times(consents["expires_at"], zone),
            "guardian": consents["guardian"].astype("boolean").fillna(False).to_numpy(bool)
            | (consents["kind"] == "guardian").to_numpy(bool),
            "counts": consents["kind"].isin(policy.consent.kinds).to_numpy(bool)
            & ~(days_of_times(consents["granted_at"], zone) > today),
            "withdrawn": utc_times(consents["withdrawn_at"]).where(
                days_of_times(consents["withdrawn_at"], zone) <= today
            ),
            "withdrawn_on": days_of_times(consents["withdrawn_at"], zone),
        }
    )[key >= 0]
    last = rows.groupby("key")["withdrawn"].transform("max")
    rows["grants"] = rows["counts"] & (last.isna() | (rows["granted"] > last))
    rows["in_force"] = rows["grants"] & ~(rows["expires_on"] < today)
    return rows


def _signs(units: pd.DataFrame, given: pd.DataFrame, keys: _Keys) -> pd.DataFrame:
    """Add to each unit what the registry says of it."""
    in_force, lapsed = given[given["in_force"]], given[given["grants"] & ~given["in_force"]]
    other = in_force.assign(person=keys.person(in_force["key"]), other=keys.purpose(in_force["key"]))
    return units.assign(
        person=keys.person(units.index),
        has_consent=units.index.isin(in_force["key"]),
        has_guardian=units.index.isin(in_force.loc[in_force["guardian"], "key"]),
        lapsed_on=lapsed.groupby("key")["expires_on"].max().reindex(units.index),
        withdrawn_on=given[given["withdrawn"].notna()].groupby("key")["withdrawn_on"].max().reindex(units.index),
        # Whoever has a consent for the purpose itself never comes to the question for another one.
        other=lambda frame: frame["person"].map(other.groupby("person")["other"].min()).fillna(-1).astype("int64"),
    )


def _judged(signs: pd.DataFrame, keys: _Keys) -> pd.DataFrame:
    asked_in_order = {
        "consented": signs["has_consent"] & (~signs["minor"] | signs["has_guardian"]),
        "minor_without_guardian": signs["has_consent"],
        "expired": signs["lapsed_on"].notna(),
        "withdrawn_still_stored": signs["withdrawn_on"].notna(),
        "other_purpose": signs["other"] >= 0,
    }
    codes = [STATES.index(state) for state in asked_in_order]
    asked: list[NDArray[np.bool_]] = [sign.to_numpy(bool) for sign in asked_in_order.values()]
    state = np.select(asked, [np.int64(code) for code in codes], np.int64(STATES.index("no_recorded_ground")))
    of_another = state == STATES.index("other_purpose")
    return pd.DataFrame(
        {
            "subject_ref": keys.people.take(signs["person"].to_numpy()),
            "purpose": keys.purposes.take(keys.purpose(signs.index)),
            "consent_state": pd.Categorical.from_codes(state, dtype=STATE_DTYPE),
            "since": _since(signs, state),
            "minor": signs["minor"].to_numpy(),
            "born_known": signs["born_known"].to_numpy(),
            "other": pd.Index([*keys.purposes, ""], dtype="str").take(np.where(of_another, signs["other"], -1)),
        }
    )


def _since(signs: pd.DataFrame, state: NDArray[np.int64]) -> Days:
    days = {name: signs["stored_on"] for name in STATES} | {
        "consented": pd.Series(NO_DAY, index=signs.index),
        "expired": signs["lapsed_on"] + pd.Timedelta(days=1),
        "withdrawn_still_stored": signs["withdrawn_on"],
    }
    columns = [days[name].to_numpy().astype("datetime64[D]") for name in STATES]
    return np.select([state == code for code in range(len(STATES))], columns, NO_DAY)
