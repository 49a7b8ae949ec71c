"""The policies: their numbers, their operators at the line, and what is refused."""

from __future__ import annotations

import pickle
from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from expectations import errors
from expectations.policy import _folder, load_policy, policy_names, read_policy

DRAFT, MEASURES = load_policy("cn-draft-2023"), load_policy("cn-measures-2025")


def test_both_chinese_policies_come_with_the_package() -> None:
    assert policy_names() == ["cn-draft-2023", "cn-measures-2025"]


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
    assert "Available: cn-draft-2023, cn-measures-2025" in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"surprise": 1}, "surprise", id="unknown key"),
        pytest.param({"minors": None}, "minors", id="rule left out"),
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


@pytest.mark.parametrize("policy", [DRAFT, MEASURES], ids=lambda policy: policy.name)
def test_every_rule_of_law_cites_an_article_and_a_source(policy) -> None:
    for name in ("threshold", "public_place", "consent", "minors", "withdrawal", "retention"):
        rule = getattr(policy, name)
        if rule is not None:
            assert rule.sources, f"{name} has no source"
            assert rule.status in ("verified", "secondary", "memory")
    assert policy.coverage.article == "facewarden: coverage floor"
    assert policy.coverage.status == "own"


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
