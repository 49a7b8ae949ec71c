"""Windows of keeping by property: zones, leap days, clock changes, month ends, the boundary of a day; copies; holds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.facts import Facts
from expectations.policy import Policy, Span, load_policy
from expectations.retention import kept_too_short, retention_clocks, retention_findings

GDPR, DRAFT, VIDEO, BIPA = (load_policy(name) for name in ("eu-gdpr", "cn-draft-2023", "cn-video-799", "us-il-bipa"))
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/Chicago", "Pacific/Apia", "Asia/Kathmandu", "America/St_Johns"]
DAYS = st.dates(date(2019, 1, 1), date(2027, 12, 31))
BEFORE = st.integers(0, 60 * 60 * 24 * 900)


def stores(**changes: object) -> pd.DataFrame:
    base = {"store": "cam", "kind": "objects", "public_place": False, "purpose": "door", "min_days": 0, "max_days": 30}
    return pd.DataFrame([{**base, **changes}])


def facts(taken: list[datetime | None], zone: str = "UTC", faces: pd.DataFrame | None = None, **more: object) -> Facts:
    objects = pd.DataFrame(
        {
            "store": "cam",
            "uri": [f"{n}.jpg" for n in range(len(taken))],
            "captured_at": pd.to_datetime(pd.Series(taken, dtype=object), utc=True),
            "status": "scanned",
            "faces": 1,
            "subject_ref": None,
        }
    )
    empty = dict.fromkeys(("subjects", "consents", "census", "coverage"), pd.DataFrame())
    seen = pd.DataFrame() if faces is None else faces
    return Facts(**{**empty, "stores": stores(), "objects": objects, "faces": seen, "timezone": zone, **more}).checked()


def state(known: Facts, policy: Policy, day: date) -> str:
    return str(retention_clocks(known, policy, day)["state"].iloc[0])


@settings(max_examples=150, deadline=None)
@given(DAYS, BEFORE, st.sampled_from(ZONES), st.integers(0, 400))
def test_a_picture_is_overdue_from_the_day_after_its_last_whatever_the_clock_does(
    day: date, seconds: int, zone: str, max_days: int
) -> None:
    taken = datetime.combine(day, time(12), UTC) - timedelta(seconds=seconds)
    local = taken.astimezone(ZoneInfo(zone)).date()  # the day on the wall where it was taken
    known = facts([taken], zone, stores=stores(max_days=max_days))
    assert state(known, DRAFT, day) == ("overdue" if day > local + timedelta(days=max_days) else "ok")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.integers(2020, 2027), st.integers(1, 12), st.integers(-1, 1))
def test_a_second_before_midnight_and_midnight_are_two_days(zone: str, year: int, month: int, fold: int) -> None:
    midnight = datetime(year, month, 15 + fold, tzinfo=ZoneInfo(zone))
    last = midnight.date() - timedelta(days=1)
    before, after = (facts([midnight.astimezone(UTC) + timedelta(seconds=s)], zone) for s in (-1, 0))
    assert state(before, DRAFT, last + timedelta(days=31)) == "overdue"
    assert state(after, DRAFT, last + timedelta(days=31)) == "ok"


@settings(max_examples=100, deadline=None)
@given(DAYS, st.integers(1, 5))
def test_three_years_end_on_the_same_day_and_those_of_a_leap_day_on_the_last_of_february(day: date, years: int) -> None:
    ends = Span(years=years).after_day(day)
    if (day.month, day.day) == (2, 29):
        leap = (day.year + years) % 4 == 0
        assert ends == date(day.year + years, 2, 29 if leap else 28)
    else:
        assert ends == day.replace(year=day.year + years)


@pytest.mark.parametrize(
    ("start", "ends"),
    [(date(2025, 1, 31), date(2025, 2, 28)), (date(2024, 1, 31), date(2024, 2, 29)),
     (date(2025, 3, 31), date(2025, 4, 30)),
     (date(2025, 12, 31), date(2026, 1, 31)), (date(2026, 2, 28), date(2026, 3, 28))],
)  # fmt: skip
def test_a_month_ends_where_the_next_one_does(start: date, ends: date) -> None:
    assert Span(months=1).after_day(start) == ends


@settings(max_examples=80, deadline=None)
@given(DAYS, st.integers(0, 60), st.integers(0, 60))
def test_what_a_law_wants_kept_is_held_and_never_overdue(day: date, age: int, max_days: int) -> None:
    taken = datetime.combine(day - timedelta(days=age), time(9), UTC)
    known = facts([taken], stores=stores(max_days=max_days, public_place=True))
    day = max(day, date(2025, 4, 1))
    age = (day - (known.objects["captured_at"].iloc[0]).date()).days
    expected = "ok" if age <= max_days else "hold" if age <= 30 else "overdue"
    assert state(known, VIDEO, day) == expected


@settings(max_examples=80, deadline=None)
@given(DAYS, st.integers(0, 60), st.integers(0, 60), st.integers(0, 40))
def test_what_leaves_before_its_shortest_time_is_told(day: date, age: int, gone_days_ago: int, declared: int) -> None:
    taken = day - timedelta(days=age + gone_days_ago)
    row = {"store": "cam", "uri": "a", "captured_at": datetime.combine(taken, time(9), UTC)}
    gone = pd.DataFrame([{**row, "gone_on": day - timedelta(days=gone_days_ago)}])
    known = facts([], gone=gone, stores=stores(min_days=declared))
    assert len(kept_too_short(known, DRAFT, day)) == int(age <= declared and declared > 0)
    assert len(kept_too_short(known, DRAFT, day - timedelta(days=gone_days_ago + 1))) == 0, "not known the day before"


def test_without_a_day_or_a_limit_it_is_unknown_and_said() -> None:
    day = date(2026, 5, 4)
    undated, unlimited = facts([None]), facts([datetime(2020, 1, 1, tzinfo=UTC)], stores=stores(max_days=None))
    for known, rule in ((undated, "capture_time_unknown"), (unlimited, "retention_limit_missing")):
        clocks = retention_clocks(known, DRAFT, day)
        assert clocks["state"].tolist() == ["unknown"]
        found = retention_findings(clocks, kept_too_short(known, DRAFT, day), known.faces, DRAFT, day)
        assert found["rule"].tolist() == [rule]


def test_a_reason_that_is_attested_for_the_store_is_enough_until_its_day() -> None:
    day = date(2026, 5, 4)
    row = {"policy": "", "name": "retention_reason", "store": "cam", "attested_on": day, "valid_until": day}
    known = facts([datetime(2026, 4, 20, tzinfo=UTC)], attested=pd.DataFrame([row]))
    assert state(known, GDPR, day) == "ok"
    assert state(known, GDPR, day + timedelta(days=1)) == "needs_reason"
    clocks = retention_clocks(known, GDPR, day + timedelta(days=1))
    found = retention_findings(clocks, known.gone.assign(until=None, article=None), known.faces, GDPR, day)
    assert found["rule"].tolist() == ["retention_reason_missing"]
    assert "the oldest since 2026-04-24: 1" in found["because"].iloc[0]


def test_a_copy_of_a_file_is_overdue_with_it_and_what_looks_like_one_is_a_finding_to_look_at() -> None:
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    faces = pd.DataFrame(
        {
            "face_id": ["f0", "f1", "f2", "f3"],
            "store": "cam",
            "uri": ["0.jpg", "1.jpg", "2.jpg", "3.jpg"],
            "subject_ref": None,
            "shot": ["s", "s", None, None],
            "copy_of": [None, "f0", "f0", "f2"],
        }
    )
    known, day = facts([old, new, new, new], faces=faces), date(2026, 5, 4)
    clocks = retention_clocks(known, DRAFT, day)
    assert clocks["state"].tolist() == ["overdue", "overdue", "ok", "ok"]
    found = retention_findings(clocks, kept_too_short(known, DRAFT, day), known.faces, DRAFT, day)
    assert list(zip(found["rule"], found["locator"], strict=True)) == [
        ("retention_overdue", "0.jpg"),
        ("retention_overdue", "1.jpg"),
        ("copy_of_overdue", "2.jpg"),
    ]
    assert "0.jpg of cam, which is overdue" in found["because"].iloc[2]
