"""What changed between two judgements, finding by finding, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from expectations.consent import GROUNDED, STATES
from expectations.days import day64, days_of_dates

CONSENT_RULES = tuple(state for state in STATES if state not in GROUNDED)
COUNT_RULES = ("threshold_filing", "threshold_warning", "line_crossed", "change_filing", "unlinked_faces")


_BETWEEN = pa.scalar("\x1f", pa.large_string())
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
        places: objects (store, uri) and people (subject_ref) known at the earlier one, as ``place_index``
            gives them; ``places_now`` at the later.
    """

    before: pd.DataFrame
    now: pd.DataFrame
    since: date
    made_from: tuple[Inputs, Inputs]
    places: pa.Array
    places_now: pa.Array


def explain_delta(sides: Sides) -> list[RuleDelta]:
    """Say rule by rule what is new, gone and changed, and why; rules without a change are left out."""
    before, now = sides.before, sides.now
    new = now[~now["finding_id"].isin(before["finding_id"])]
    gone = before[~before["finding_id"].isin(now["finding_id"])]
    changed = _changed(before, now)
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


def _changed(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Give the findings of both nights whose severity, days or status differ."""
    texts, days = ["severity", "status"], ["since", "due"]
    both = now[["finding_id", "rule", *texts, *days]].merge(
        before[["finding_id", *texts, *days]], on="finding_id", suffixes=("", "_before")
    )
    differs = np.zeros(len(both), bool)
    for name in texts:
        differs |= (both[name] != both[f"{name}_before"]).to_numpy(bool)
    for name in days:
        one, other = (days_of_dates(both[column]).view(np.int64) for column in (name, f"{name}_before"))
        differs |= one != other
    return both[differs]


def reasons(found: pd.DataFrame, sides: Sides, *, came: bool) -> NDArray[np.str_]:
    """Say of each finding why it came or went: the first reason that fits, the surest first."""
    if found.empty:
        return np.zeros(0, "U1")
    then, today = sides.made_from
    policies, others = (today, then) if came else (then, today)
    rule = found["rule"].to_numpy(str)
    known, known_there = (sides.places, sides.places_now) if came else (sides.places_now, sides.places)
    place = _places(found)
    moved = pc.not_equal(place, "").to_numpy(zero_copy_only=False) & ~_among(place, known) & _among(place, known_there)
    since = days_of_dates(found["since"])
    of_consent, of_count = np.isin(rule, CONSENT_RULES), np.isin(rule, COUNT_RULES)
    codes, named = pd.factorize(found["policy"])
    only_here = np.array([not set(p.split(", ")) & set(others.policies) for p in named], bool)[codes]
    says_other = np.array([_content(policies, p) != _content(others, p) for p in named], bool)[codes]
    attested = np.char.startswith(rule, "attestation") | (rule == "retention_reason_missing")
    attested |= np.char.endswith(rule, "_filing")
    tests = {
        "new policy" if came else POLICY_GONE: only_here,
        "new objects" if came else "objects gone": moved,
        **({"objects gone": rule == "retention_too_short"} if came else {}),
        "new consent list": of_consent & (then.consents != today.consents),
        "new decision or attestation": (attested | np.char.endswith(rule, "_filing"))
        & (then.decisions != today.decisions),
        "new encoder": of_count & (then.encoder != today.encoder),
        "changed policy": says_other,
        "time passed": (since > day64(sides.since)) & ~of_count if came else np.zeros(len(found), bool),
        "changed settings": np.full(len(found), then.settings != today.settings),
        "new count of people": of_count,
    }
    return np.select(list(tests.values()), list(tests), "other")


def _places(found: pd.DataFrame) -> pa.Array:
    """Give what each finding hangs on: a person, else an object; empty for neither."""
    people = _texts(found["subject_ref"])
    objects = pc.binary_join_element_wise(_texts(found["store"]), _texts(found["locator"]), _BETWEEN)
    is_object = pc.and_(pa.array(found["rule"].isin(("retention_overdue", "copy_of_overdue"))), pc.equal(people, ""))
    return pc.if_else(is_object, objects, people)


def place_index(objects: pd.DataFrame, subjects: pd.DataFrame) -> pa.Array:
    """Give all that findings can hang on: objects of stores (store, uri) and people of databases (subject_ref)."""
    of_objects = pc.binary_join_element_wise(_texts(objects["store"]), _texts(objects["uri"]), _BETWEEN)
    refs = [_texts(table["subject_ref"].dropna()) for table in (subjects, objects)]
    return pc.unique(pa.concat_arrays([of_objects, *refs]))


def _texts(column: pd.Series) -> pa.Array:
    texts = pa.array(column, from_pandas=True)
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    return pc.fill_null(whole.cast(pa.large_string()), "")


def _among(places: pa.Array, known: pa.Array) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.is_in(places, value_set=known).to_numpy(zero_copy_only=False)
    return found


def _content(inputs: Inputs, policies: str) -> list[str]:
    return [inputs.policies.get(name, "") for name in policies.split(", ")]


def _counts(why: NDArray[np.str_]) -> dict[str, int]:
    names, counts = np.unique(why, return_counts=True)
    return {str(name): int(n) for name, n in zip(names, counts, strict=True)}
