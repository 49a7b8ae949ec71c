"""What changed between two judgements, finding by finding, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from expectations.consent import GROUNDED, STATES
from expectations.days import day64, days_of_dates

CONSENT_RULES = tuple(state for state in STATES if state not in GROUNDED)
COUNT_RULES = ("threshold_filing", "threshold_warning", "line_crossed", "change_filing", "unlinked_faces")


POLICY_GONE = "policy no longer applied"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a judgement was made from, so that two can be compared.

    Attributes:
        policies: names of the policies, and a hash of what they say.
        encoder: hash of the models that look.
        consents: what the consent list was.
        settings: hash of the settings.
        decisions: the last entry of the decision log.
    """

    policies: Mapping[str, str] = field(default_factory=dict)
    encoder: str = ""
    consents: str = ""
    settings: str = ""
    decisions: str = ""


@dataclass(frozen=True, slots=True)
class RuleDelta:
    """How the findings of one rule changed: how many are new, gone and changed, and the first two by reason."""

    rule: str
    new: Mapping[str, int]
    gone: Mapping[str, int]
    changed: int


@dataclass(frozen=True, eq=False, repr=False)
class Sides:
    """Two judgements.

    Attributes:
        before: findings of the earlier one (evidence table); ``now`` of the later.
        since: day of the earlier one.
        made_from: inputs of both, the earlier first.
        places: objects (store, uri) and people (subject_ref) known at the earlier one; ``places_now`` at the later.
    """

    before: pd.DataFrame
    now: pd.DataFrame
    since: date
    made_from: tuple[Inputs, Inputs]
    places: pd.Index
    places_now: pd.Index


def explain_delta(sides: Sides) -> list[RuleDelta]:
    """Say rule by rule what is new, gone and changed, and why; rules without a change are left out."""
    before, now = sides.before, sides.now
    new = now[~now["finding_id"].isin(before["finding_id"])]
    gone = before[~before["finding_id"].isin(now["finding_id"])]
    both = now.merge(before, on="finding_id", suffixes=("", "_before"))
    differs = np.zeros(len(both), bool)
    for name in ("severity", "since", "due", "status"):
        one, other = (both[column].astype("str").fillna("").to_numpy() for column in (name, f"{name}_before"))
        differs |= one != other
    changed = both[differs]
    new_why, gone_why = reasons(new, sides, came=True), reasons(gone, sides, came=False)
    rules = sorted({*new["rule"], *gone["rule"], *changed["rule"]})
    return [
        RuleDelta(
            rule,
            _counts(new_why[(new["rule"] == rule).to_numpy()]),
            _counts(gone_why[(gone["rule"] == rule).to_numpy()]),
            int((changed["rule"] == rule).sum()),
        )
        for rule in rules
    ]


def reasons(found: pd.DataFrame, sides: Sides, *, came: bool) -> NDArray[np.str_]:
    """Say of each finding why it came or went: the first reason that fits, the surest first."""
    then, today = sides.made_from
    policies, others = (today, then) if came else (then, today)
    rule, policy = found["rule"].to_numpy(str), found["policy"].to_numpy(str)
    known, known_there = (sides.places, sides.places_now) if came else (sides.places_now, sides.places)
    place = _places(found)
    moved = np.array([p != "" for p in place], bool) & ~place.isin(known) & place.isin(known_there)
    since = days_of_dates(found["since"]) if len(found) else np.zeros(0, "datetime64[D]")
    of_consent, of_count = np.isin(rule, CONSENT_RULES), np.isin(rule, COUNT_RULES)
    only_here = np.array([not set(p.split(", ")) & set(others.policies) for p in policy], bool)
    says_other = np.array([_content(policies, p) != _content(others, p) for p in policy], bool)
    attested = np.char.startswith(rule, "attestation") | (rule == "retention_reason_missing")
    attested |= np.char.endswith(rule, "_filing")
    tests = {
        "new policy" if came else POLICY_GONE: only_here,
        "new objects" if came else "objects gone": moved,
        "new consent list": of_consent & (then.consents != today.consents),
        "new decision or attestation": (attested | np.char.endswith(rule, "_filing"))
        & (then.decisions != today.decisions),
        "new encoder": of_count & (then.encoder != today.encoder),
        "changed policy": says_other,
        "time passed": (since > day64(sides.since)) & ~of_count if came else np.zeros(len(found), bool),
        "changed settings": np.full(len(found), then.settings != today.settings),
        "new count of people": of_count,
    }
    return np.select(list(tests.values()), list(tests), "other") if len(found) else np.zeros(0, "U1")


def _places(found: pd.DataFrame) -> pd.Index:
    """Give what each finding hangs on: a person, else an object; empty for neither."""
    people = found["subject_ref"].astype("str").where(found["subject_ref"].notna(), "")
    objects = found["locator"].astype("str").where(found["locator"].notna(), "")
    is_object = (found["rule"] == "retention_overdue") & (people == "")
    places: pd.Series = people.where(~is_object, found["store"].astype("str") + "\x1f" + objects)
    index: pd.Index = pd.Index(places)
    return index


def place_index(objects: pd.DataFrame, subjects: pd.DataFrame) -> pd.Index:
    """Give all that findings can hang on: objects of stores (store, uri) and people of databases (subject_ref)."""
    of_objects = objects["store"].astype("str") + "\x1f" + objects["uri"].astype("str")
    refs = pd.concat([subjects["subject_ref"], objects["subject_ref"]]).dropna().drop_duplicates().astype("str")
    every: pd.Series = pd.concat([of_objects, refs])
    index: pd.Index = pd.Index(every)
    return index


def _content(inputs: Inputs, policies: str) -> list[str]:
    return [inputs.policies.get(name, "") for name in policies.split(", ")]


def _counts(why: NDArray[np.str_]) -> dict[str, int]:
    names, counts = np.unique(why, return_counts=True)
    return {str(name): int(n) for name, n in zip(names, counts, strict=True)}
