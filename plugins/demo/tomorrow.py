"""Lets a day pass in the town: pictures are deleted, consents withdrawn, and the officer decides; each is counted."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta

from plugins.decided import open_log
from plugins.decision_log import Entry
from plugins.demo.people import PURPOSE, Consent, Person, make_people
from plugins.demo.shots import KEEP_DAYS
from plugins.demo.town import Town
from plugins.demo.truth import Planted, consent_state, count_consents, count_overdue_people
from plugins.request import RunRequest
from plugins.run import Run

MARK = "tomorrow.json"
OVERDUE_STORE, CAMERA_STORE = "office-lobby", "station-cameras"
DELETED_OVERDUE, DELETED_YOUNG, WITHDRAWN = 5, 2, 3
ATTESTED = ("impact_assessment", "device_test")
OFFICER = "data protection officer"


@dataclass(frozen=True, slots=True)
class Tomorrow:
    """What happened in the town since its day.

    Attributes:
        deleted_overdue: overdue pictures that were deleted.
        deleted_young: pictures that were deleted although a law wants them kept for longer.
        withdrawn: people who withdrew their consent.
        attested: what was attested.
        held: overdue pictures under a legal hold.
    """

    deleted_overdue: int
    deleted_young: int
    withdrawn: int
    attested: int
    held: int


def has_passed(town: Town) -> bool:
    """Say whether the day has passed already."""
    return (town.folder / MARK).is_file()


def pass_a_day(town: Town) -> tuple[Town, Tomorrow]:
    """Let the day pass unless it has; give the town of the next day, and what happened."""
    day = town.as_of + timedelta(days=1)
    planned = _plan(town, day)
    if not has_passed(town):
        _decide(town)
        _withdraw(town, planned.withdrawn, day)
        for path in (*planned.overdue, *planned.young):
            (town.folder / path).unlink(missing_ok=True)
        (town.folder / MARK).write_text(json.dumps(asdict(planned)), encoding="utf-8")
    happened = Tomorrow(len(planned.overdue), len(planned.young), len(planned.withdrawn), len(ATTESTED), 1)
    return replace(town, as_of=day, planted=_planted(town, planned, day)), happened


@dataclass(frozen=True, slots=True)
class _Plan:
    overdue: list[str]
    young: list[str]
    withdrawn: list[str]


def _plan(town: Town, day: date) -> _Plan:
    frames = json.loads((town.folder / "planted.json").read_text(encoding="utf-8"))["frames"]
    faces = sorted(frame["path"] for frame in frames if frame["faces"])
    taken = {frame["path"]: datetime.fromisoformat(frame["taken_at"]).date() for frame in frames}
    age = {path: (day - taken[path]).days for path in faces}
    office = [p for p in faces if f"/{OVERDUE_STORE}/" in p and age[p] > KEEP_DAYS[OVERDUE_STORE] + 1]
    young = [p for p in faces if f"/{CAMERA_STORE}/" in p and age[p] < 20]
    people, consents = make_people(town.as_of, 0)
    return _Plan(office[:DELETED_OVERDUE], young[:DELETED_YOUNG], _content(people, consents, day)[:WITHDRAWN])


def _content(people: list[Person], consents: list[Consent], day: date) -> list[str]:
    """Give the people with one plain consent in force, in order."""
    rows: dict[str, list[Consent]] = {}
    for row in consents:
        rows.setdefault(row.person_id, []).append(row)
    return [
        p.person_id
        for p in people[:50]
        if len(own := rows.get(p.person_id, [])) == 1 and consent_state(p, own, day) == "consented"
    ]


def _withdraw(town: Town, people: list[str], day: date) -> None:
    with closing(sqlite3.connect(town.folder / "registry.db")) as registry, registry:
        at = f"{day.isoformat()} 09:00:00"
        for person in people:
            registry.execute(
                "UPDATE consents SET withdrawn_at = ? WHERE person_id = ? AND purpose = ?", (at, person, PURPOSE)
            )


def _decide(town: Town) -> None:
    """Attest two things, and put the longest overdue picture of the station under a legal hold."""
    run = Run(RunRequest(str(town.settings), "decide", town.as_of))
    log, now = open_log(run), datetime.now(UTC)
    for name in ATTESTED:
        log.append(Entry("attestation", name, OFFICER, town.as_of, now, evidence_link="dms://privacy/2026/17"))
    found = run.evidence.read("findings")
    late = found[(found["rule"] == "retention_overdue") & (found["store"] == CAMERA_STORE)].sort_values("since")
    oldest = (str(late["finding_id"].iloc[0]),)
    log.append(
        Entry("decision", "legal_hold", OFFICER, town.as_of, now, findings=oldest, note="asked for by the police")
    )


def _planted(town: Town, plan: _Plan, day: date) -> Planted:
    before = town.planted
    people, consents = make_people(town.as_of, 0)
    at = datetime.combine(day, datetime.min.time())
    withdrawn = set(plan.withdrawn)
    now = [replace(c, withdrawn_at=at) if c.person_id in withdrawn and c.purpose == PURPOSE else c for c in consents]
    gone = {OVERDUE_STORE: len(plan.overdue), CAMERA_STORE: len(plan.young)}
    overdue = dict(before.retention_overdue)
    overdue[OVERDUE_STORE] -= len(plan.overdue)
    overdue[CAMERA_STORE] -= 1  # under a legal hold
    return replace(
        before,
        objects={store: n - gone.get(store, 0) for store, n in before.objects.items()},
        retention_overdue=overdue,
        consent=count_consents(people, now, day),
        overdue_people=count_overdue_people(people, day),
    )
