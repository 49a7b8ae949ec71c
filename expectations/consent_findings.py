"""Findings about consent: who stands in which state, where, and since when."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from expectations.consent import GROUNDED, STATES, Reconciled
from expectations.consent_units import marked
from expectations.findings import day_text, explain, make_part
from expectations.policy import Policy, Rule

SEVERITIES = {
    "no_recorded_ground": "high",
    "withdrawn_still_stored": "high",
    "expired": "medium",
    "other_purpose": "medium",
    "bundled_or_unlimited": "medium",
    "minor_without_guardian": "high",
    "ambiguous": "medium",
}

_UNCLEAR = {
    "": "",
    "registries": "Two registries contradict each other about that day.",
    "ids": "Several people are held under one id.",
}


def consent_findings(reconciled: Reconciled, held: pd.DataFrame, policy: Policy, as_of: date) -> pd.DataFrame:
    """Make a finding of each person and purpose without a ground on record.

    Args:
        reconciled: as ``reconcile`` gives it.
        held: as ``reconcile`` took it; says where the data is.
        policy: whose articles are cited.
        as_of: the day judged for.
    """
    is_open = ~reconciled.states["consent_state"].isin(GROUNDED).to_numpy(bool)
    open_ = reconciled.states[is_open].reset_index(drop=True)
    facts = open_[["consent_state", "purpose", "since", "minor", "born_known", "other", "unclear"]]
    stores, places = _places(reconciled, held)
    rules = open_["consent_state"].astype("str")
    return make_part(
        {
            "rule": rules,
            "article": rules.map({state: _article(state, policy) for state in STATES}),
            "severity": rules.map(SEVERITIES),
            "store": stores[is_open].reset_index(drop=True),
            "locator": places[is_open].reset_index(drop=True) + ": " + open_["purpose"].astype("str"),
            "subject_ref": open_["subject_ref"],
            "because": explain(facts, lambda row: _because(row, policy, as_of)),
            "since": open_["since"],
            "place": open_["purpose"],
        },
        len(open_),
    )


def _places(reconciled: Reconciled, held: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Give for each state its first store and all of its places; loops over places, of which there are few."""
    count = len(reconciled.states)
    first = pd.Series("", index=pd.RangeIndex(count), dtype="str")
    text = first
    for store, table in held[["store", "table"]].drop_duplicates().sort_values(["store", "table"]).to_numpy():
        here = marked(reconciled.row_of_held[(held["store"] == store) & (held["table"] == table)], count)
        place = f"{store}.{table}" if table else str(store)
        text = text.where(~here, text.where(text == "", text + ", ") + place)
        first = first.where(~here | (first != ""), str(store))
    return first, text


def _article(state: str, policy: Policy) -> str:
    rules: dict[str, Rule | None] = {
        "withdrawn_still_stored": policy.withdrawal,
        "minor_without_guardian": policy.minors,
        "bundled_or_unlimited": policy.challenge,
    }
    rule = rules.get(state) or policy.consent
    return rule.article if rule else ""


def _because(row: Any, policy: Policy, as_of: date) -> str:
    since = day_text(row.since)
    age = policy.minors.under_age if policy.minors else 0
    texts = {
        "no_recorded_ground": f"Held for {row.purpose} since {since}; up to {as_of} no consent to it is on record.",
        "withdrawn_still_stored": f"Consent to {row.purpose} was withdrawn on {since}, none was given after it, and "
        f"the data was still stored on {as_of}.",
        "expired": f"Consent to {row.purpose} was over on {since}, and the data was still stored on {as_of}.",
        "other_purpose": f"Held for {row.purpose} since {since}; the consent on record is for {row.other} only.",
        "minor_without_guardian": f"A consent to {row.purpose} is on record, but none by a parent or guardian.",
        "bundled_or_unlimited": f"The consent to {row.purpose} on record was bundled with something else, or has no "
        "end or no way back; it can be challenged, and no other one is in force.",
        "ambiguous": f"{_UNCLEAR[row.unclear]} What is on record about {row.purpose} since {since} decides nothing.",
    }
    if not row.minor:
        return texts[row.consent_state]
    said = f"under {age} on {as_of}" if row.born_known else "flagged as a minor by its row, which has no date of birth"
    return f"{texts[row.consent_state]} The person is {said}."
