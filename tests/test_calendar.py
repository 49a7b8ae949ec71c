"""Working-day deadlines, held against the official dates and against a second way of counting."""

from __future__ import annotations

from datetime import date, timedelta

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.calendar import add_working_days, is_working_day, known_years, working_days_between
from expectations.errors import CalendarUnknown


def _span(first: str, last: str) -> set[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return {start + timedelta(days=n) for n in range((end - start).days + 1)}


# The State Council's arrangement for 2025 (notice of 12 November 2024), typed in by hand: days off, weekends at work.
OFF_2025 = {date(2025, 1, 1)}.union(
    _span("2025-01-28", "2025-02-04"),
    _span("2025-04-04", "2025-04-06"),
    _span("2025-05-01", "2025-05-05"),
    _span("2025-05-31", "2025-06-02"),
    _span("2025-10-01", "2025-10-08"),
)
AT_WORK_2025 = {date.fromisoformat(d) for d in ("2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11")}
YEAR_2025 = _span("2025-01-01", "2025-12-31")
days_2025 = st.dates(date(2025, 1, 1), date(2025, 12, 31))
known_days = st.dates(date(2004, 1, 1), date(2026, 6, 30))


def test_thirty_working_days_from_the_first_of_june_2025_end_on_the_day_in_the_notice() -> None:
    assert add_working_days(date(2025, 6, 1), 30) == date(2025, 7, 14)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        pytest.param("2025-06-01", 1, "2025-06-03", id="the holiday after the start is no working day"),
        pytest.param("2025-01-24", 1, "2025-01-26", id="a Sunday at work counts"),
        pytest.param("2025-01-26", 2, "2025-02-05", id="Spring Festival is jumped over"),
        pytest.param("2025-03-03", 0, "2025-03-03", id="no days"),
        pytest.param("2025-03-03", 1, "2025-03-04", id="the start itself is not counted"),
        pytest.param("2024-12-31", 1, "2025-01-02", id="over New Year"),
    ],
)
def test_deadlines_follow_the_chinese_calendar(start: str, days: int, end: str) -> None:
    assert add_working_days(date.fromisoformat(start), days) == date.fromisoformat(end)


def test_every_day_of_2025_is_what_the_official_arrangement_says() -> None:
    wrong = [
        day
        for day in sorted(YEAR_2025)
        if is_working_day(day) != (day in AT_WORK_2025 or (day.weekday() < 5 and day not in OFF_2025))
    ]
    assert wrong == []


@settings(max_examples=60, deadline=None)
@given(known_days, st.integers(1, 60))
def test_a_deadline_is_the_nth_working_day_that_the_calendar_lists_after_the_start(start: date, days: int) -> None:
    listed = chinese_calendar.get_workdays(start + timedelta(days=1), start + timedelta(days=180))
    assert add_working_days(start, days) == listed[days - 1]


@settings(max_examples=60, deadline=None)
@given(days_2025, days_2025)
def test_days_between_are_those_of_the_official_arrangement(start: date, end: date) -> None:
    low, high = min(start, end), max(start, end)
    inside = {day for day in YEAR_2025 if low < day <= high}
    worked = {day for day in inside if day.weekday() < 5} - OFF_2025 | (inside & AT_WORK_2025)
    assert working_days_between(start, end) == (len(worked) if end >= start else -len(worked))


@settings(max_examples=60, deadline=None)
@given(known_days, st.integers(0, 60))
def test_between_undoes_add(start: date, days: int) -> None:
    assert working_days_between(start, add_working_days(start, days)) == days


@pytest.mark.parametrize(
    ("start", "country", "year"),
    [
        pytest.param(date(known_years()[1], 12, 20), "CN", known_years()[1] + 1, id="runs over the last known year"),
        pytest.param(date(1999, 5, 1), "CN", 1999, id="before the first known year"),
        pytest.param(date(2025, 5, 1), "FR", 2025, id="another country"),
    ],
)
def test_what_the_calendar_does_not_know_is_never_guessed(start: date, country: str, year: int) -> None:
    with pytest.raises(CalendarUnknown) as caught:
        add_working_days(start, 30, country)
    assert (caught.value.year, caught.value.country) == (year, country)


def test_negative_days_are_refused() -> None:
    with pytest.raises(ValueError, match="days=-1"):
        add_working_days(date(2025, 6, 1), -1)
