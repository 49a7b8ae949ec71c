"""What was filed with an authority, and how what is held has drifted from it since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import pandas as pd

Kind = Literal["filing", "change", "ended", "end"]
"""``filing``: filed; ``change``: a change was filed; ``ended``: the use ended; ``end``: that was filed."""

DRIFT = 0.2
"""Share by which the number of people has to differ for certain from the number filed. The tool's own rule: the law
says *substantive* and gives no number."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """The day on which a clock began, as a run found it; it stays, whatever later nights see.

    Attributes:
        on: the day.
        run_id: the run that found it first.
    """

    on: date
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class HeldFor:
    """What is filed of one store."""

    purpose: str
    min_days: int
    max_days: int | None


@dataclass(frozen=True, slots=True)
class Registration:
    """One thing filed, or the end of the use.

    Attributes:
        policy: name of the policy.
        kind: see ``Kind``.
        on: day it was filed, or on which the use ended.
        people: number of people that was filed; None when none was.
        stores: what was filed of each store.
    """

    policy: str
    kind: Kind
    on: date
    people: int | None = None
    stores: Mapping[str, HeldFor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one policy's filing stands on a day.

    Attributes:
        filed: the last filing or filed change; None when nothing is on file.
        ended_on: day on which the use ended; None while it goes on.
        deregistered_on: day on which an end was last filed; what was before it is closed.
    """

    filed: Registration | None
    ended_on: date | None
    deregistered_on: date | None


def standing(registrations: tuple[Registration, ...], policy: str, as_of: date) -> Standing:
    """Say how a policy's filing stands on a day."""
    known = sorted((r for r in registrations if r.policy == policy and r.on <= as_of), key=lambda r: r.on)
    filed: Registration | None = None
    ended_on: date | None = None
    deregistered_on: date | None = None
    for one in known:
        if one.kind == "end":
            filed, ended_on, deregistered_on = None, None, one.on
        elif one.kind == "ended":
            ended_on = one.on
        else:
            filed = one
            if one.kind == "filing":
                ended_on = None
    return Standing(filed, ended_on, deregistered_on)


def held_for(stores: pd.DataFrame) -> dict[str, HeldFor]:
    """Give what would be filed of each store now (columns store, purpose, min_days, max_days)."""
    return {
        str(s["store"]): HeldFor(
            str(s["purpose"] or ""), int(s["min_days"] or 0), None if pd.isna(s["max_days"]) else int(s["max_days"])
        )
        for s in stores[["store", "purpose", "min_days", "max_days"]].to_dict("records")
    }


def drift(filed: Registration, people: tuple[int, int] | None, stores: Mapping[str, HeldFor]) -> list[str]:
    """Say in what today's facts differ from what was filed, a sentence each."""
    found = []
    if filed.people is not None and people:
        low, high = people
        if low > filed.people * (1 + DRIFT) or high < filed.people * (1 - DRIFT):
            found.append(
                f"{filed.people:,} people were filed, between {low:,} and {high:,} are held: over {DRIFT:.0%} apart."
            )
    return [*found, *_stores_differ(filed.stores, stores)] if filed.stores else found


def _stores_differ(before: Mapping[str, HeldFor], now: Mapping[str, HeldFor]) -> Iterator[str]:
    for word, names in (("new", now.keys() - before.keys()), ("no longer there", before.keys() - now.keys())):
        if names:
            yield f"Stores {word} since: {', '.join(sorted(names))}."
    for name in sorted(before.keys() & now.keys()):
        old, new = before[name], now[name]
        if old.purpose != new.purpose:
            yield f"The purpose of {name} was filed as {old.purpose!r} and is {new.purpose!r}."
        if (old.min_days, old.max_days) != (new.min_days, new.max_days):
            yield f"The retention of {name} was filed as {_span(old)} and is {_span(new)}."


def _span(held: HeldFor) -> str:
    most = "no longest time" if held.max_days is None else f"{held.max_days} days at most"
    return f"{held.min_days} days at least, {most}" if held.min_days else most
