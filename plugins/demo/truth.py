"""Counts what was planted, from the planted records alone: short and plain code that shares nothing with the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from plugins.demo.people import PURPOSE, RETENTION_DAYS, Consent, Person
from plugins.demo.shots import KEEP_DAYS, Shot

GROWN_UP_YEARS = 14
"""Below this age a guardian consents (2023 draft, Art. 13)."""

FILING_PEOPLE, FILING_WORKING_DAYS = 10_000, 30
"""More than so many people are to be filed within so many working days (2023 draft, Art. 16)."""


@dataclass(frozen=True, slots=True)
class Planted:
    """What a correct scan of the town finds.

    Attributes:
        objects: files by store, readable or not.
        faces: faces planted, by store.
        frames_with_faces: pictures with at least one planted face, by store.
        retention_overdue: pictures with a face older than their store keeps them, by store.
        overdue_people: people in the database unseen for longer than it keeps them.
        quarantined: files that are no readable pictures.
        unsupported: files of a kind that is not looked at.
        consent: people by the state of their consent to ``access_control``.
        enrolled: people in the database.
        on_camera: different people before the cameras, all of them enrolled.
        people: different people in all.
        database_photos: enrolment photos in the database.
        crossing_day: day on which more than 10,000 people were held for the first time, ISO.
        filing_due: by when to file, ISO.
    """

    objects: dict[str, int]
    faces: dict[str, int]
    frames_with_faces: dict[str, int]
    retention_overdue: dict[str, int]
    overdue_people: int
    quarantined: int
    unsupported: int
    consent: dict[str, int]
    enrolled: int
    on_camera: int
    people: int
    database_photos: int
    crossing_day: str
    filing_due: str

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values for JSON."""
        return asdict(self)


def consent_state(person: Person, rows: Iterable[Consent], as_of: date) -> str:
    """Say in which state one person's consent to access control is, from that person's rows alone."""
    valid_elsewhere = withdrawn = expired = refused_for_age = False
    child = _age(person.born_on, as_of) < GROWN_UP_YEARS
    for row in sorted(rows, key=lambda row: row.granted_at):
        if row.granted_at.date() > as_of:
            continue
        is_withdrawn = row.withdrawn_at is not None and row.withdrawn_at.date() <= as_of
        is_expired = row.expires_at is not None and row.expires_at.date() < as_of
        if row.purpose != PURPOSE:
            valid_elsewhere |= not (is_withdrawn or is_expired)
        elif is_withdrawn:
            withdrawn = True
        elif is_expired:
            expired = True
        elif child and not row.by_guardian:
            refused_for_age = True
        else:
            return "consented"
    in_order = {
        "minor_without_guardian": refused_for_age,
        "expired": expired,
        "withdrawn_still_stored": withdrawn,
        "other_purpose": valid_elsewhere,
    }
    return next((state for state, holds in in_order.items() if holds), "no_recorded_ground")


def count_consents(people: list[Person], consents: list[Consent], as_of: date) -> dict[str, int]:
    """Count people by state."""
    rows: dict[str, list[Consent]] = {person.person_id: [] for person in people}
    for row in consents:
        if row.person_id in rows:
            rows[row.person_id].append(row)
    return dict(sorted(Counter(consent_state(p, rows[p.person_id], as_of) for p in people).items()))


def count_overdue_people(people: list[Person], as_of: date) -> int:
    """Count people not seen for longer than the database keeps them."""
    return sum((as_of - person.last_seen_at.date()).days > RETENTION_DAYS for person in people)


def count_overdue_pictures(shots: Iterable[Shot], as_of: date) -> dict[str, int]:
    """Count pictures with faces that are older than their store keeps them, by store."""
    late = Counter(s.store for s in shots if s.people and (as_of - s.taken_at.date()).days > KEEP_DAYS[s.store])
    return {store: late[store] for store in KEEP_DAYS}


def crossing_day(people: list[Person]) -> date:
    """Find the day on which the number of people held first exceeded the limit of the law."""
    return sorted(person.enrolled_at.date() for person in people)[FILING_PEOPLE]


def filing_due(crossed_on: date) -> date:
    """Count working days by the official Chinese calendar; the day of the crossing itself does not count."""
    from chinese_calendar import is_workday

    day, left = crossed_on, FILING_WORKING_DAYS
    while left:
        day += timedelta(days=1)
        left -= is_workday(day)
    return day


def _age(born_on: date, day: date) -> int:
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))
