"""Attestations: what data cannot show and somebody answerable has to say; what is missing or about to lapse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import pandas as pd

from expectations.facts import Facts
from expectations.findings import make_part
from expectations.policy import Attestation, Policy
from expectations.threshold import Ends

REMIND_DAYS = 30
"""So many days before an attestation lapses there is a finding."""

State = Literal["attested", "lapsing", "lapsed", "missing"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One attestation that a policy asks for, and how it stands.

    Attributes:
        name: short name; ``store``: the store it is about, empty for the whole controller.
        article: where the law asks.
        asks: what is to be attested.
        state: ``lapsing`` within ``REMIND_DAYS`` of its end.
        attested_on: day of the last one that began by the day judged for.
        valid_until: last day it counts; None without end.
    """

    name: str
    store: str
    article: str
    asks: str
    state: State
    attested_on: date | None
    valid_until: date | None


def asked_for(facts: Facts, people: Ends | None, policy: Policy, as_of: date) -> list[Asked]:
    """Give every attestation that the policy asks for on a day, of the controller or of a store."""
    found = []
    for attestation in policy.attestations:
        if not attestation.holds_on(as_of):
            continue
        if attestation.from_people and (people is None or people[1] < attestation.from_people):
            continue
        for store in _places(attestation, facts.stores):
            found.append(_standing(attestation, store, policy.name, facts.attested, as_of))
    return found


def attestation_findings(asked: list[Asked], policy: Policy, as_of: date) -> pd.DataFrame:
    """Make a finding of each attestation that is missing, has lapsed or will soon."""
    rows = []
    for one in asked:
        if one.state == "attested":
            continue
        rule = "attestation_lapsing" if one.state == "lapsing" else "attestation_missing"
        said = {
            "missing": "Nobody has attested it.",
            "lapsed": f"The last attestation, of {one.attested_on}, was valid until {one.valid_until}.",
            "lapsing": f"The attestation of {one.attested_on} is valid until {one.valid_until}.",
        }[one.state]
        row: dict[str, Any] = {
            "rule": rule,
            "article": one.article,
            "severity": "low" if rule == "attestation_lapsing" else "medium",
            "store": one.store,
            "locator": one.name,
            "because": f"To be attested: {one.asks} {said}",
            "since": one.valid_until + timedelta(days=1) if one.state == "lapsed" and one.valid_until else None,
            "due": one.valid_until if rule == "attestation_lapsing" else None,
            "place": f"{policy.name}\x1f{one.name}\x1f{one.store}",
        }
        rows.append(row)
    names = ("rule", "article", "severity", "store", "locator", "because", "since", "due", "place")
    return make_part({name: [row[name] for row in rows] for name in names}, len(rows))


def _places(attestation: Attestation, stores: pd.DataFrame) -> list[str]:
    meant = [
        str(s["store"])
        for s in stores.to_dict("records")
        if attestation.applies_to(
            public_place=bool(s["public_place"]), venue=str(s["venue"] or ""), country=str(s["country"] or "")
        )
    ]
    if attestation.per == "store":
        return meant
    return [""] if meant else []


def _standing(attestation: Attestation, store: str, policy: str, attested: pd.DataFrame, as_of: date) -> Asked:
    rows = attested[
        (attested["name"] == attestation.name)
        & attested["policy"].isin(["", policy])
        & attested["store"].isin(["", store])
    ]
    best: tuple[date | None, date | None] = (None, None)
    for on, until in zip(rows["attested_on"], rows["valid_until"], strict=True):
        if on > as_of:
            continue
        longest = attestation.valid.after_day(on) if attestation.valid else None
        ends = [end for end in (None if pd.isna(until) else until, longest) if end]
        end = min(ends) if ends else None
        if best[0] is None or (end or date.max) >= (best[1] or date.max):
            best = (on, end)
    on, end = best
    if on is None:
        state: State = "missing"
    elif end is None or end >= as_of + timedelta(days=REMIND_DAYS):
        state = "attested"
    else:
        state = "lapsed" if end < as_of else "lapsing"
    return Asked(attestation.name, store, attestation.article, attestation.asks, state, on, end)
