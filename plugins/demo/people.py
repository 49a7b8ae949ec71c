"""Makes the people of the town: who is enrolled in access control since when, and which consents the registry has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plugins.demo.portraits import PEOPLE

ENROLLED = 12_000
BEFORE_CROSSING = 10_000
"""People enrolled before the day on which the 10,001st came."""

CROSSING_DAYS_AGO = 29
FIRST_DAYS_AGO = 729
RETENTION_DAYS = 365
PURPOSE = "access_control"
SHOP = "loyalty_card"
"""A purpose that nobody's face is held for."""

ON_CAMERA = {"P02001": PEOPLE[0], "P05001": PEOPLE[1], "P08001": PEOPLE[2]}
"""Rows of the people whom the cameras see, too: person id to portrait."""

Role = Literal[
    "overdue",
    "withdrawn",
    "expired",
    "missing",
    "future",
    "elsewhere",
    "ward",
    "ward alone",
    "teen",
    "regranted",
    "both",
]

ROLES: dict[Role, tuple[int, int]] = {
    "overdue": (214, RETENTION_DAYS + 35),
    "withdrawn": (37, 30),
    "expired": (52, 400),
    "missing": (140, 0),
    "future": (1, 0),
    "elsewhere": (15, 0),
    "ward": (51, 0),
    "ward alone": (9, 0),
    "teen": (120, 0),
    "regranted": (1, 60),
    "both": (25, 60),
}
"""How many people play each part, and how many days ago they must have been enrolled for it; nobody plays two."""

LEFT_TOWN = 30
"""People whom the registry still knows though their data is gone."""


@dataclass(frozen=True, slots=True)
class Person:
    """One enrolled person; times are on the town's clock."""

    person_id: str
    born_on: date
    enrolled_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """One row of the consent registry; times are on the town's clock."""

    person_id: str
    purpose: str
    kind: str
    granted_at: datetime
    withdrawn_at: datetime | None = None
    expires_at: datetime | None = None
    by_guardian: bool = False


def make_people(as_of: date, seed: int) -> tuple[list[Person], list[Consent]]:
    """Make everybody and the registry, the same for the same day and seed."""
    rng = np.random.default_rng((seed, 500))
    days_ago = _enrolment_days_ago(rng)
    roles = _cast(rng, days_ago)
    people = [_person(rng, number, as_of, int(days_ago[number]), roles.get(number)) for number in range(ENROLLED)]
    consents = [row for number, person in enumerate(people) for row in _consents(rng, person, as_of, roles.get(number))]
    gone = [_office_hours(rng, as_of - timedelta(days=int(d))) for d in rng.integers(100, 700, LEFT_TOWN)]
    consents += [Consent(f"P9{n:04}", PURPOSE, "separate", at, at + timedelta(days=60)) for n, at in enumerate(gone)]
    return people, consents


def _enrolment_days_ago(rng: np.random.Generator) -> NDArray[np.int64]:
    """Say how many days ago each person was enrolled, oldest first; the 10,001st exactly on the crossing day."""
    early = np.sort(rng.integers(CROSSING_DAYS_AGO + 1, FIRST_DAYS_AGO + 1, BEFORE_CROSSING))[::-1]
    late = np.sort(rng.integers(1, CROSSING_DAYS_AGO + 1, ENROLLED - BEFORE_CROSSING))[::-1]
    late[0] = CROSSING_DAYS_AGO
    return np.concatenate([early, late])


def _cast(rng: np.random.Generator, days_ago: NDArray[np.int64]) -> dict[int, Role]:
    """Give out the parts, by people's positions: those that need a past go to people who have one."""
    free = [int(n) for n in rng.permutation(ENROLLED) if f"P{n + 1:05}" not in ON_CAMERA]
    roles: dict[int, Role] = {}
    for role, (wanted, enrolled_before_days) in ROLES.items():
        able = [n for n in free if n not in roles and days_ago[n] >= enrolled_before_days]
        roles |= dict.fromkeys(able[:wanted], role)
    return roles


def _person(rng: np.random.Generator, number: int, as_of: date, enrolled_days_ago: int, role: Role | None) -> Person:
    # Nobody is within months of a birthday that a law asks for: what is planted must not hang on a day.
    years = {"teen": (14.5, 17.5), "ward": (6.0, 13.5), "ward alone": (6.0, 13.5)}.get(role or "", (18.5, 84.0))
    born = as_of - timedelta(days=int(rng.uniform(*years) * 365.25))
    if role == "overdue":
        seen_days_ago = int(rng.integers(RETENTION_DAYS + 5, enrolled_days_ago + 1))
    else:
        seen_days_ago = int(rng.integers(0, min(enrolled_days_ago, RETENTION_DAYS - 65) + 1))
    enrolled_at = _office_hours(rng, as_of - timedelta(days=enrolled_days_ago))
    seen_at = max(enrolled_at, _office_hours(rng, as_of - timedelta(days=seen_days_ago)))
    return Person(f"P{number + 1:05}", born, enrolled_at, seen_at)


def _office_hours(rng: np.random.Generator, day: date) -> datetime:
    """Give a time between 8:00 and 15:59: the same day in Shanghai and in UTC, whoever reads a clock without a zone."""
    return datetime.combine(day, time(8)) + timedelta(seconds=int(rng.integers(0, 8 * 3600)))


def _consents(rng: np.random.Generator, person: Person, as_of: date, role: Role | None) -> list[Consent]:
    """Give one person's rows of the registry, by the part the person plays."""
    granted = person.enrolled_at - timedelta(minutes=10)
    kind = "written" if rng.random() < 0.08 else "separate"
    far_end = granted + timedelta(days=3 * 365) if rng.random() < 0.3 else None
    plain = Consent(person.person_id, PURPOSE, kind, granted, None, far_end)
    after_days = int(rng.integers(5, max(6, (as_of - granted.date()).days - 2)))
    back = granted + timedelta(days=30)
    rows: dict[Role, list[Consent]] = {
        "missing": [],
        "withdrawn": [replace(plain, withdrawn_at=granted + timedelta(days=after_days))],
        "expired": [replace(plain, expires_at=granted + timedelta(days=365))],
        "future": [replace(plain, granted_at=_office_hours(rng, as_of + timedelta(days=20)))],
        "elsewhere": [replace(plain, purpose=SHOP)],
        "ward": [replace(plain, kind="guardian", by_guardian=True)],
        "regranted": [replace(plain, withdrawn_at=back - timedelta(days=10)), replace(plain, granted_at=back)],
        "both": [plain, replace(plain, purpose=SHOP, withdrawn_at=back)],
    }
    return rows.get(role, [plain]) if role else [plain]
