"""Findings about consent: who stands in which state, where, and since when."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from expectations.consent import STATES
from expectations.findings import day_text, explain, make_part
from expectations.policy import Policy

SEVERITIES = {
    "no_recorded_ground": "high",
    "withdrawn_still_stored": "high",
    "expired": "medium",
    "other_purpose": "medium",
    "minor_without_guardian": "high",
}


def consent_findings(states: pd.DataFrame, held: pd.DataFrame, policy: Policy, as_of: date) -> pd.DataFrame:
    """Make a finding of each person and purpose that is not in the state ``consented``.

    Args:
        states: as ``consent_states`` gives it.
        held: as ``consent_states`` took it; says where the data is.
        policy: whose articles are cited.
        as_of: the day judged for.
    """
    open_ = states[states["consent_state"] != "consented"].reset_index(drop=True)
    facts = open_[["consent_state", "purpose", "since", "minor", "born_known", "other"]]
    stores, places = _places(open_, held)
    rules = open_["consent_state"].astype("str")
    return make_part(
        {
            "rule": rules,
            "article": rules.map({state: _article(state, policy) for state in STATES}),
            "severity": rules.map(SEVERITIES),
            "store": stores,
            "locator": places + ": " + open_["purpose"].astype("str"),
            "subject_ref": open_["subject_ref"],
            "because": explain(facts, lambda row: _because(row, policy, as_of)),
            "since": open_["since"],
            "place": open_["purpose"],
        },
        len(open_),
    )


def _places(units: pd.DataFrame, held: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Give for each unit its first store and all of its places; loops over places, of which there are few."""
    at = pd.MultiIndex.from_frame(units[["subject_ref", "purpose"]]).get_indexer(
        pd.MultiIndex.from_frame(held[["subject_ref", "purpose"]])
    )
    first = pd.Series("", index=units.index, dtype="str")
    text = first
    for store, table in held[["store", "table"]].drop_duplicates().sort_values(["store", "table"]).to_numpy():
        here = np.zeros(len(units), bool)
        units_here = at[(held["store"] == store) & (held["table"] == table)]
        here[units_here[units_here >= 0]] = True
        place = f"{store}.{table}" if table else str(store)
        text = text.where(~here, text.where(text == "", text + ", ") + place)
        first = first.where(~here | (first != ""), str(store))
    return first, text


def _article(state: str, policy: Policy) -> str:
    rules = {"withdrawn_still_stored": policy.withdrawal, "minor_without_guardian": policy.minors}
    return rules.get(state, policy.consent).article


def _because(row: Any, policy: Policy, as_of: date) -> str:
    since = day_text(row.since)
    age = policy.minors.under_age
    texts = {
        "no_recorded_ground": f"Held for {row.purpose} since {since}; up to {as_of} no consent to it is on record.",
        "withdrawn_still_stored": f"Consent to {row.purpose} was withdrawn on {since}, none was given after it, and "
        f"the data was still stored on {as_of}.",
        "expired": f"Consent to {row.purpose} was over on {since}, and the data was still stored on {as_of}.",
        "other_purpose": f"Held for {row.purpose} since {since}; the consent on record is for {row.other} only.",
        "minor_without_guardian": f"A consent to {row.purpose} is on record, but none by a parent or guardian.",
    }
    if not row.minor:
        return texts[row.consent_state]
    said = f"under {age} on {as_of}" if row.born_known else "flagged as a minor by its row, which has no date of birth"
    return f"{texts[row.consent_state]} The person is {said}."
