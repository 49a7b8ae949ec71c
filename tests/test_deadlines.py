"""Due days of filing, change and end, against the regulator's example and a calendar typed in by hand."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from expectations.deadlines import KINDS, deadline_of
from expectations.errors import CalendarUnknown, NoClock
from expectations.policy import load_policy
from plugins.cli import cli, main
from tests.test_calendar import AT_WORK_2025, OFF_2025

MEASURES, DRAFT = load_policy("cn-measures-2025"), load_policy("cn-draft-2023")


def by_hand(start: date, days: int) -> date:
    """Count on the State Council's arrangement for 2025."""
    day = start
    while days:
        day += timedelta(days=1)
        days -= day in AT_WORK_2025 or (day not in OFF_2025 and day.weekday() < 5)
    return day


def test_the_regulators_own_example() -> None:
    found = deadline_of(MEASURES, "filing", date(2025, 6, 1))
    assert found.due_on == date(2025, 7, 14)
    assert (found.skipped[0], found.made_up) == ((date(2025, 6, 2), "Dragon Boat Festival"), ())
    assert len(found.skipped) == (found.due_on - found.from_day).days - 30


@given(st.dates(date(2025, 6, 1), date(2025, 11, 1)), st.sampled_from(KINDS))
def test_every_day_of_2025_as_counted_by_hand(start: date, kind: str) -> None:
    found = deadline_of(MEASURES, kind, start)  # type: ignore[arg-type]
    assert found.due_on == by_hand(start, 30)
    between = {start + timedelta(days=n) for n in range(1, (found.due_on - start).days + 1)}
    assert len(between) - len(found.skipped) == 30
    assert set(found.made_up) == between & AT_WORK_2025


def test_who_had_reached_the_number_before_the_rule_filed_by_the_day_set_for_all() -> None:
    found = deadline_of(MEASURES, "filing", date(2024, 3, 1))
    assert (found.due_on, found.working_days, found.skipped) == (date(2025, 7, 14), 0, ())
    assert "before 2025-06-01" in found.note
    assert deadline_of(MEASURES, "change", date(2025, 5, 6)).due_on == by_hand(date(2025, 5, 6), 30)


def test_a_golden_week_is_skipped_and_its_working_weekends_count() -> None:
    found = deadline_of(MEASURES, "end", date(2025, 9, 25))
    assert found.made_up == (date(2025, 9, 28), date(2025, 10, 11))
    assert {date(2025, 10, n) for n in range(1, 9)} <= {day for day, _ in found.skipped}


def test_a_clock_that_was_read_in_no_text_is_not_counted() -> None:
    with pytest.raises(NoClock, match="no clock of kind 'change' that was read in a text; it has: filing"):
        deadline_of(DRAFT, "change", date(2025, 6, 1))
    assert "not in force" in deadline_of(DRAFT, "filing", date(2025, 6, 1)).note


def test_a_year_that_the_calendar_does_not_know_is_an_error() -> None:
    with pytest.raises(CalendarUnknown):
        deadline_of(MEASURES, "filing", date(2099, 1, 1))


def test_the_command_prints_the_day_and_the_days_skipped() -> None:
    words = ["deadline", "--policy", "cn-measures-2025", "--from", "2025-06-01"]
    text = CliRunner().invoke(cli, words)
    assert text.exit_code == 0
    assert text.output.splitlines()[0] == "due: 2025-07-14"
    assert "2025-06-02  Dragon Boat Festival" in text.output
    assert "2025-06-07 to 2025-06-08  weekend" in text.output
    assert text.output.count("weekend") == 6
    found = json.loads(CliRunner().invoke(cli, [*words, "--format", "json"]).output)
    assert (found["due_on"], found["working_days"]) == ("2025-07-14", 30)
    assert found["skipped"][0] == {"day": "2025-06-02", "because": "Dragon Boat Festival"}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        pytest.param(["--policy", "cn-measures", "--from", "2025-06-01"], 2, "cn-measures-2025", id="policy"),
        pytest.param(["--policy", "cn-draft-2023", "--from", "2025-06-01", "--kind", "end"], 2, "'end'", id="kind"),
        pytest.param(["--policy", "cn-measures-2025", "--from", "2098-06-01"], 1, "2098", id="year"),
    ],
)
def test_what_cannot_be_counted_is_one_line(
    words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(lambda: cli(["deadline", *words], standalone_mode=False))
    said = capsys.readouterr().err
    assert ended.value.code == code
    assert says in said
    assert said.count("\n") == 1
