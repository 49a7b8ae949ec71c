"""Working-day deadlines: counted on a calendar that is known, refused on one that is not.

China's calendar moves weekends: a public holiday is paid for with working Saturdays or Sundays that the State Council
announces late in the year before. The package chinesecalendar carries those announcements (2004 to 2026 in 1.11).
An announcement has now and then still moved a day of the last week before its year; a deadline that falls there is
worth a second look once the next year's is out.
"""

from __future__ import annotations

from datetime import date, timedelta

from expectations.errors import CalendarUnknown

COUNTRIES = ("CN",)


def add_working_days(start: date, days: int, country: str = "CN") -> date:
    """Give the day on which the ``days``-th working day after ``start`` falls; ``start`` itself is not counted.

    Check value: 30 working days from 1 June 2025 end on 14 July 2025, the day in the CAC notice of 28 May 2025.

    Raises:
        ValueError: ``days`` is negative.
        CalendarUnknown: the count reaches a year or country whose working days are not known.
    """
    if days < 0:
        raise ValueError(f"days={days} cannot be counted; give 0 or more")
    day = start
    while days:
        day += timedelta(days=1)
        days -= is_working_day(day, country)
    return day


def working_days_between(start: date, end: date, country: str = "CN") -> int:
    """Count the working days after ``start`` up to and with ``end``; negative when ``end`` is before ``start``.

    Raises:
        CalendarUnknown: the span reaches a year or country whose working days are not known.
    """
    if end < start:
        return -working_days_between(end, start, country)
    return sum(is_working_day(start + timedelta(days=n), country) for n in range(1, (end - start).days + 1))


def is_working_day(day: date, country: str = "CN") -> bool:
    """Say whether people work on that day.

    Raises:
        CalendarUnknown: the working days of that year or country are not known.
    """
    from chinese_calendar import is_workday

    first, last = known_years()
    if country not in COUNTRIES or not first <= day.year <= last:
        raise CalendarUnknown(country, day.year, first, last)
    return bool(is_workday(day))


def day_off(day: date, country: str = "CN") -> str:
    """Say why people do not work on that day; empty when they do.

    Raises:
        CalendarUnknown: the working days of that year or country are not known.
    """
    from chinese_calendar import get_holiday_detail

    if is_working_day(day, country):
        return ""
    return get_holiday_detail(day)[1] or "weekend"


def known_years() -> tuple[int, int]:
    """Give the first and the last year whose working days are known."""
    from chinese_calendar.constants import holidays

    return min(holidays).year, max(holidays).year
