"""A realistic report of a made-up town, and a reader of the page as a browser sees it."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pandas as pd

from detectors.records import CurvePoint
from expectations.columns import FINDINGS
from plugins.reports import fill
from plugins.reports.model import (
    Check,
    Consent,
    Controller,
    Coverage,
    Filing,
    Footprint,
    Interval,
    Night,
    People,
    Policy,
    Report,
    Retention,
    Split,
    Store,
)
from plugins.reports.page import to_html

AS_OF = date(2026, 11, 23)
EVIL = "<script>alert('x')</script>\"&'"

TITLES = {
    "consent_missing": "People without a recorded ground",
    "consent_withdrawn": "Consent withdrawn, faces still stored",
    "retention_overdue": "Pictures kept beyond their limit",
}
DECIDE = {
    "consent_missing": "Record the consent, attest another ground, or have the data deleted.",
    "consent_withdrawn": "Have the data deleted, or record why it must stay.",
    "retention_overdue": "Have them deleted, or put them on hold with a reason.",
}


def finding_row(rule: str, number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "finding_id": f"{rule}-{number:05d}",
        "rule": rule,
        "policy": "cn-draft-2023",
        "article": "Article 5",
        "severity": "medium",
        "store": "access-control",
        "locator": "people/access_control",
        "subject_ref": f"{number:032x}"[::-1],
        "because": "A template is held for access control and the registry has no entry for this person.",
        "first_seen": date(2026, 11, 2),
        "last_seen": AS_OF,
        "since": date(2025, 3, 1 + number % 28),
        "due": None,
        "status": "open",
    }
    return {**row, **changes}


def finding_frame() -> pd.DataFrame:
    rows = [finding_row("consent_missing", n) for n in range(412)]
    withdrawn = {
        "severity": "high",
        "article": "Article 5; PIPL Article 47",
        "due": date(2026, 12, 1),
        "because": "Consent was withdrawn on 16 Nov 2026 and the template is still stored.",
    }
    rows += [finding_row("consent_withdrawn", n, **withdrawn) for n in range(9)]
    overdue = {
        "article": "PIPL Article 19",
        "store": "station-cameras",
        "subject_ref": None,
        "because": "The picture shows faces and is 47 days old; its limit is 30 days.",
        "due": date(2026, 11, 7),
    }
    rows += [
        finding_row("retention_overdue", n, locator=f"hall/east/20261007T0{n % 10}1500_cam{n:02d}.jpg", **overdue)
        for n in range(37)
    ]
    return pd.DataFrame(rows, columns=FINDINGS.names)


def run_row(**changes: Any) -> dict[str, Any]:
    row = {
        "run_id": "scan-2026-11-23-b4f1",
        "kind": "scan",
        "as_of": AS_OF,
        "scope": "everything",
        "policy": "cn-draft-2023",
        "config_hash": "6f1f0a9a3c0b7f6f",
        "model_hashes": json.dumps({"finder-full-range": "2c3728e6" * 8, "encoder": "55533b28" * 8}),
        "code_version": "0.1.0",
        "seen": 41872,
        "scanned": 1204,
        "unchanged": 39991,
        "unsupported": 412,
        "quarantined": 23,
        "skipped": 242,
        "gone": 318,
        "started_at": datetime(2026, 11, 23, 18, 0, tzinfo=UTC),
        "ended_at": datetime(2026, 11, 23, 18, 21, tzinfo=UTC),
    }
    return {**row, **changes}


CURVE = tuple(
    CurvePoint(5.7 + 0.75 * n, groups, merge, split)
    for n, (groups, merge, split) in enumerate(
        [
            (2_210, 0.122, 0.053),
            (3_460, 0.045, 0.097),
            (4_840, 0.015, 0.164),
            (7_930, 0.005, 0.245),
            (16_300, 0.0, 0.349),
        ]
    )
)


def make_split(low: int, best: int, high: int) -> Split:
    enrolled = min(3_120, low)
    linked = min(410, low - enrolled)
    return Split(enrolled, linked, Interval(*(n - enrolled - linked for n in (low, best, high))))


def make_people(low: int | None = 7_610, best: int | None = 8_140, high: int | None = 8_905, **changes: Any) -> People:
    verdict = None if low is None or high is None else "above" if low > 10_000 else "below" if high <= 10_000 else None
    nights = [
        Night(date(2026, 10, 1) + timedelta(days=n), 6_934 + 13 * n, 7_412 + 14 * n, 8_177 + 14 * n) for n in range(53)
    ]
    people = People(
        low=low,
        best=best,
        high=high,
        confidence=None if low is None else 0.95,
        verdict=verdict or ("undetermined" if low is not None else None),  # type: ignore[arg-type]
        threshold=10_000,
        operator=">",
        rule="cn-draft-2023",
        with_template=3_120,
        in_any_image=6_480,
        method="people on record by their ids; faces filed under nobody: look-alikes-2",
        notes=("412 faces were too poor to tell apart; they widen the interval.",),
        by_purpose={"public_security": Interval(4100, 4630, 5200), "access_control": Interval(3090, 3120, 3180)},
        history=tuple(nights),
        in_any_image_low=5_930,
        in_any_image_high=7_240,
        split=None if low is None or best is None or high is None else make_split(low, best, high),
        unusable=412,
        calibrated=0.93,
        curve=CURVE,
    )
    return dataclasses.replace(people, **changes)


def make_stores() -> tuple[Store, ...]:
    def cover(seen: int, missing: int) -> Coverage:
        return Coverage(seen, 0, seen - missing, missing, 0, 0, floor=0.95)

    return (
        Store("station-cameras", "bucket", cover(28_411, 120), 61_204, Interval(4100, 4630, 5200), "station-hall", True,
              "public_security", "facilities", date(2026, 9, 14), 30, 37),
        Store("library-cameras", "folder", cover(9_120, 540), 11_870, Interval(900, 1080, 1310), "library", True,
              "public_security", "culture", date(2026, 10, 25), 30, 0),
        Store("access-control", "database", cover(4_290, 17), 4_198, Interval(3090, 3120, 3180), "gates", False,
              "access_control", "security", date(2024, 2, 6), 365, 0),
        Store("event-photos", "folder", cover(51, 0), 240, Interval(80, 96, 118), None, False, "press", None,
              date(2025, 6, 1), None, 0),
    )  # fmt: skip


def make_retention() -> tuple[Retention, ...]:
    station = {d: 900 - 11 * d for d in range(31)} | {33: 12, 38: 9, 47: 16}
    library = dict.fromkeys(range(29), 290)
    access = {30 * n: 80 + 9 * (n % 5) for n in range(12)}
    event = {500: 30, 540: 21}

    def made(store: str, limit: int | None, ages: dict[int, int], **more: Any) -> Retention:
        overdue = sum(n for age, n in ages.items() if limit is not None and age > limit)
        oldest = AS_OF - timedelta(days=max(ages))
        bins = fill.age_bins(ages, limit)
        return Retention(store, limit, overdue, total=sum(ages.values()), oldest=oldest, ages=bins, **more)

    return (
        made("station-cameras", 30, station, min_days=30),
        made("library-cameras", 30, library, undated=14),
        made("access-control", 365, access, what="records"),
        made("event-photos", None, event),
    )


def make_clock(**changes: Any) -> Filing:
    clock = Filing(
        rule="public_place_filing",
        crossed_on=date(2026, 11, 2),
        due_on=date(2026, 12, 14),
        days_left=21,
        working_days_left=15,
        title="Filing: use in a public place",
        article="Article 16",
        because="Faces are held of public places: station-cameras. The oldest known is of 2 Nov 2026.",
        working_days=30,
        in_force=False,
    )
    return dataclasses.replace(clock, **changes)


def make_report(**changes: Any) -> Report:
    consent = pd.DataFrame(
        [
            ("access_control", "consented", 2690),
            ("access_control", "no_recorded_ground", 412),
            ("access_control", "withdrawn_still_stored", 9),
            ("access_control", "minor_without_guardian", 9),
            ("press", "consented", 61),
            ("press", "expired", 12),
            ("press", "no_recorded_ground", 23),
        ],
        columns=["purpose", "state", "people"],
    )
    refused = [("station-cameras", f"hall/east/broken-{n:02d}.jpg", "truncated") for n in range(18)]
    refused += [("library-cameras", f"desk/{n}.png", "not_an_image") for n in range(5)]
    report = Report(
        run=fill.run_from(run_row()),
        controller=Controller("Riverside Town Services", "dpo@example.org", "Asia/Shanghai"),
        policy=Policy(
            name="cn-draft-2023",
            title="Provisions on facial recognition, draft for comment of 8 August 2023 (China)",
            article="Article 16",
            in_force=False,
            status="A consultation draft, superseded by the Measures of 2025.",
            instead="In force instead: the Measures (Order 19), filing from 100,000 people.",
            authority="cyberspace office of the prefecture or above",
            source="cac.gov.cn/2023-08/08/c_1693064670537413.htm",
            checked=date(2026, 11, 1),
        ),
        coverage=fill.coverage_from(run_row(), floor=0.95),
        people=make_people(),
        findings=fill.findings_from(finding_frame(), TITLES, DECIDE, limit=20),
        consent=Consent(("registry",), fill.consent_from(consent), 54_310, Interval(4_080, 4_610, 5_375)),
        footprint=Footprint(
            77_512, 41_203_884, "9f1c22ab03de", 90, date(2026, 9, 1), date(2026, 11, 30), 18_220_101, 190_204
        ),
        filing=(make_clock(),),
        retention=make_retention(),
        stores=make_stores(),
        quarantine=fill.quarantine_from(refused, limit=20),
        checks=(
            Check("Every object has one outcome", True, "41,872 objects"),
            Check("No face without its object", True, "77,512 faces"),
            Check("Capture times are not in the future", False, "3 objects"),
            Check("The interval holds its best estimate", True),
        ),
    )  # fmt: skip
    return dataclasses.replace(report, **changes)


class Page(HTMLParser):
    """What a browser would make of the page: its tags with attributes, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._hidden = "", 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else f" {' '.join(data.split())}"

    @property
    def words(self) -> str:
        return " ".join(self.text.split())

    def labels(self) -> list[str]:
        return [
            attributes["aria-label"] or ""
            for tag, attributes in self.tags
            if tag == "svg" and "aria-label" in attributes
        ]


def read(report: Report) -> Page:
    return Page(to_html(report))
