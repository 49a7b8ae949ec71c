"""The policies: their numbers, their operators at the line, and what is refused."""

from __future__ import annotations

import pickle
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from expectations import errors
from expectations.law import law_page
from expectations.policy import Span, _folder, load_policy, policy_names, read_policy

DRAFT, MEASURES = load_policy("cn-draft-2023"), load_policy("cn-measures-2025")


def test_a_policy_for_each_regime_comes_with_the_package() -> None:
    assert policy_names() == [
        "ca-qc",
        "cn-draft-2023",
        "cn-export-2024",
        "cn-measures-2025",
        "cn-pipl",
        "cn-video-799",
        "custom",
        "eu-gdpr",
        "in-dpdp",
        "kr",
        "us-co",
        "us-doj-bulk",
        "us-il-bipa",
        "us-tx-cubi",
    ]


def test_the_numbers_of_the_draft_are_those_of_its_text() -> None:
    assert (DRAFT.threshold.people, DRAFT.threshold.operator, DRAFT.threshold.working_days) == (10_000, ">", 30)
    assert DRAFT.public_place is not None
    assert DRAFT.public_place.working_days == 30
    assert DRAFT.minors.under_age == 14
    assert (DRAFT.in_force, DRAFT.effective, DRAFT.legacy_due) == (False, None, None)
    assert "prefecture" in DRAFT.threshold.authority


def test_the_numbers_of_the_measures_are_those_of_their_text() -> None:
    threshold = MEASURES.threshold
    assert (threshold.people, threshold.operator, threshold.working_days) == (100_000, ">=", 30)
    assert MEASURES.public_place is None
    assert (MEASURES.in_force, MEASURES.effective, MEASURES.legacy_due) == (True, date(2025, 6, 1), date(2025, 7, 14))
    assert "provincial" in threshold.authority


@pytest.mark.parametrize(
    ("policy", "low", "high", "verdict"),
    [
        pytest.param(DRAFT, 9_999, 9_999, "below", id="draft just below"),
        pytest.param(DRAFT, 10_000, 10_000, "below", id="draft exactly at: more than is asked"),
        pytest.param(DRAFT, 10_001, 10_001, "above", id="draft just above"),
        pytest.param(DRAFT, 9_000, 10_000, "below", id="draft upper end at"),
        pytest.param(DRAFT, 10_000, 10_001, "undetermined", id="draft only upper end above"),
        pytest.param(DRAFT, 0, 0, "below", id="nobody"),
        pytest.param(MEASURES, 99_999, 99_999, "below", id="measures just below"),
        pytest.param(MEASURES, 100_000, 100_000, "above", id="measures exactly at: reaching is enough"),
        pytest.param(MEASURES, 99_999, 100_000, "undetermined", id="measures upper end at"),
        pytest.param(MEASURES, 100_000, 120_000, "above", id="measures lower end at"),
    ],
)
def test_a_head_count_is_placed_by_the_operator(policy, low: int, high: int, verdict: str) -> None:
    assert policy.threshold.verdict(low, high) == verdict


@given(st.integers(0, 200_000), st.integers(0, 5_000), st.sampled_from([DRAFT, MEASURES]))
def test_an_interval_is_undetermined_exactly_when_its_ends_disagree(low: int, width: int, policy) -> None:
    ends = {policy.threshold.verdict(n, n) for n in (low, low + width)}
    verdict = policy.threshold.verdict(low, low + width)
    assert verdict == (ends.pop() if len(ends) == 1 else "undetermined")


@pytest.mark.parametrize(("low", "high"), [(5, 4), (-1, 4)])
def test_ends_that_make_no_interval_are_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match=f"from {low} to {high}"):
        DRAFT.threshold.verdict(low, high)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        pytest.param("cn-draft-2032", "did you mean 'cn-draft-2023'", id="slip of a digit"),
        pytest.param("cn-measure", "did you mean 'cn-measures-2025'", id="half a name"),
        pytest.param("xyz", "choose one of these", id="nothing like it"),
    ],
)
def test_an_unknown_policy_is_answered_with_the_known_and_the_nearest(asked: str, hint: str) -> None:
    with pytest.raises(errors.UnknownPolicy) as caught:
        load_policy(asked)
    assert "Available: ca-qc, cn-draft-2023, " in str(caught.value)
    assert hint in str(caught.value)


def window(**more: object) -> dict:
    base = {"name": "cams", "article": "Art. 1", "says": "So.", "status": "own", "article_status": "own", "sources": []}
    return {**base, "data": ["image"], **more}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"surprise": 1}, "surprise", id="unknown key"),
        pytest.param({"source": ""}, "source", id="no source of the law"),
        pytest.param({"facial_data": None}, "facial_data", id="nothing said of what counts"),
        pytest.param(
            {"minors": {**DRAFT.minors.model_dump(), "sources": ()}}, "minors: has no source", id="no source of a rule"
        ),
        pytest.param(
            {"minors": {**DRAFT.minors.model_dump(), "status": "unverified"}}, "switched_off", id="unverified"
        ),
        pytest.param(
            {"windows": [window(at_least={"days": 9}, at_most={"days": 8})]},
            "at_least 9 days is above at_most",
            id="min above max",
        ),
        pytest.param({"windows": [window(at_most={"days": -1})]}, "windows.0.at_most.days", id="negative days"),
        pytest.param({"windows": [window(at_most={"days": 1, "years": 1})]}, "exactly one of days", id="two units"),
        pytest.param({"windows": [window()]}, "sets no time", id="window without time"),
        pytest.param(
            {
                "windows": [
                    window(at_most={"days": 8}, until="2026-05-01"),
                    window(at_most={"days": 9}, since="2026-05-01"),
                ]
            },
            "'cams' stands twice for overlapping dates",
            id="overlapping dates",
        ),
        pytest.param(
            {"windows": [window(at_most={"days": 8}, since="2026-05-02", until="2026-05-01")]},
            "before it begins",
            id="ends before it begins",
        ),
        pytest.param(
            {"effective": "2025-01-02", "until": "2025-01-01"}, "until 2025-01-01 is before", id="law's dates"
        ),
        pytest.param({"threshold": {**DRAFT.threshold.model_dump(), "days": 30}}, "give one of them", id="two clocks"),
        pytest.param(
            {"threshold": {**DRAFT.threshold.model_dump(), "operator": "=>"}}, "threshold.operator", id="operator"
        ),
        pytest.param({"threshold": {**DRAFT.threshold.model_dump(), "people": 0}}, "threshold.people", id="no people"),
    ],
)
def test_a_policy_file_that_is_off_is_refused_with_the_place(change: dict, told: str) -> None:
    text = yaml.safe_dump(yaml.safe_load(_folder().joinpath("cn-draft-2023.yaml").read_text()) | _plain(change))
    with pytest.raises(errors.BadPolicy, match=told):
        read_policy("mine", text)


def test_a_policy_file_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(errors.BadPolicy, match="mine cannot be used: it is not YAML"):
        read_policy("mine", "a: [")


def test_policies_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        DRAFT.threshold.people = 1


@pytest.mark.parametrize("name", policy_names())
def test_every_rule_of_law_cites_an_article_and_a_source_and_was_read_somewhere(name: str) -> None:
    for place, rule in load_policy(name).rules().items():
        assert rule.article, place
        assert rule.status in ("verified", "secondary") or (rule.status == "own" and name == "custom"), place
        assert rule.sources or rule.status == "own", place


def test_what_was_seen_in_no_text_is_off_and_says_why() -> None:
    off = [rule for name in policy_names() for rule in load_policy(name).switched_off]
    assert {rule.status for rule in off} == {"unverified", "verified", "secondary"}
    assert all(rule.why_off and rule.number for rule in off)


def test_the_page_about_the_law_is_printed_from_the_files() -> None:
    page = (Path(__file__).parent.parent / "docs" / "law.md").read_text(encoding="utf-8")
    assert page == law_page(), "run: python -m expectations.law > docs/law.md"


def test_a_policy_of_your_own_is_read_from_its_file(tmp_path: Path) -> None:
    mine = tmp_path / "ours.yaml"
    mine.write_text(_folder().joinpath("custom.yaml").read_text().replace("people: 5000", "people: 77"))
    policy = load_policy(str(mine))
    assert policy.threshold is not None
    assert policy.threshold.text == "77 people or more"
    with pytest.raises(errors.BadPolicy, match="its file cannot be read"):
        load_policy(str(tmp_path / "missing.yaml"))


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(1, 40))
def test_spans_of_years_and_months_end_on_the_same_day_or_the_last_of_a_shorter_month(day: date, years: int) -> None:
    for span, months in ((Span(years=years), 12 * years), (Span(months=years), years)):
        ends = span.after_day(day)
        year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
        last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
        assert ends == date(year, month + 1, min(day.day, last))


@pytest.mark.parametrize(
    "error",
    [
        errors.UnknownPolicy("a", ["b", "c"]),
        errors.BadPolicy("a", "b"),
        errors.CalendarUnknown("CN", 2027, 2004, 2026),
        errors.BadFacts("objects", "it lacks uri"),
        errors.GateBroken("consent", "0 of 1"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling_with_their_facts(error: errors.ExpectationsError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)
    assert "\n" not in str(error)


def _plain(values: dict) -> dict:
    """Make what pydantic dumps fit for YAML."""
    return {k: _plain(v) if isinstance(v, dict) else list(v) if isinstance(v, tuple) else v for k, v in values.items()}
