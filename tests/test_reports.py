"""What the report tells the officer: coverage first, the verdict in words, no false comfort."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest

from detectors.errors import Refusal
from detectors.records import CurvePoint
from expectations.consent import STATES
from plugins.reports import words
from plugins.reports.model import (
    Consent,
    Coverage,
    Findings,
    Policy,
    Store,
)
from tests.report_sample import (
    CURVE,
    make_clock,
    make_people,
    make_report,
    make_stores,
    read,
)


def test_the_first_screen_answers_the_four_questions_coverage_first() -> None:
    text = read(make_report()).words
    answers = [
        "What was covered? 98.4 % of 41,872 stored objects examined",
        "How many people, and how sure? 7,610–8,905 different people 95 % sure; most likely 8,140",
        "Against which rule? Provisions on facial recognition, draft for comment of 8 August 2023 (China) Not in force",
        "By when to act? 15 working days left",
        "What to decide",
    ]
    places = [text.find(answer) for answer in answers]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("low", "high", "verdict", "headline", "tone"),
    [
        pytest.param(7_610, 8_905, "below", "Below the limit", "good", id="below"),
        pytest.param(12_000, 13_000, "above", "Above the limit", "alert", id="above"),
        pytest.param(9_700, 10_420, "undetermined", "Cannot tell", "watch", id="on both sides"),
    ],
)
def test_the_verdict_is_said_in_words(low: int, high: int, verdict: Any, headline: str, tone: str) -> None:
    whole = Coverage(100, 100, 0, 0, 0, 0, floor=0.95)
    said = words.people(make_people(low, (low + high) // 2, high, verdict=verdict), whole)
    assert (said.headline, said.tone) == (headline, tone)
    assert "more than 10,000 people" in said.sentence


@pytest.mark.parametrize(
    ("coverage", "unlisted"),
    [
        pytest.param(Coverage(1000, 900, 0, 100, 0, 0, floor=0.95), 0, id="below the floor"),
        pytest.param(Coverage(1000, 1000, 0, 0, 0, 0, floor=0.95), 1, id="a store not listed"),
    ],
)
def test_too_little_coverage_takes_the_comfort_out_of_a_low_count(coverage: Coverage, unlisted: int) -> None:
    said = words.people(make_people(), coverage, unlisted)
    assert said.tone == "watch"
    assert said.headline == "Below the limit, in what was examined"


def test_a_night_that_examined_nothing_claims_nothing() -> None:
    nothing = Coverage(0, 0, 0, 0, 0, 0, floor=0.95)
    page = read(make_report(coverage=nothing, people=make_people(0, 0, 0), filing=(), findings=Findings(0, {})))
    assert "Nothing was examined" in page.words
    assert "Nothing to count" in page.words
    assert "this is no all-clear" in page.words
    assert "Below the limit" not in page.words
    assert "most likely 0" not in page.words


def test_without_findings_the_page_says_of_how_much_that_holds() -> None:
    text = read(make_report(findings=Findings(0, {}))).words
    assert "No finding in the 41,195 objects examined and in the records." in text
    assert "This says nothing of 677 objects not examined." in text


def test_without_an_encoder_no_head_count_is_shown() -> None:
    nothing = dict.fromkeys(["with_template", "in_any_image", "in_any_image_low", "in_any_image_high", "split"])
    nobody = make_people(None, None, None, **nothing, history=(), by_purpose={}, curve=())
    page = read(make_report(people=nobody))
    assert "Not counted" in page.words
    assert "People in any picture" not in page.words
    assert "most likely" not in page.words


def test_the_first_screen_says_who_the_people_are_and_counts_pictures_and_templates_apart() -> None:
    first_screen = read(make_report()).words.partition("What to decide")[0]
    for said in (
        "3,120 enrolled: a template of them is stored",
        "410 linked: pictures are filed under them",
        "4,080–5,375 unknown; most likely 4,610",
        "People in any picture 5,930–7,240",
        "People with a stored template 3,120",
    ):
        assert said in first_screen


def test_when_the_count_cannot_decide_the_first_screen_says_why() -> None:
    notes = ("the interval is wide because many faces are small or blurred", "7 faces may be anybody.")
    undecided = make_people(9_700, 10_100, 10_420, notes=notes)
    first_screen = read(make_report(people=undecided)).words.partition("What to decide")[0]
    assert "what is stored does not decide it, and no guess is made" in first_screen
    said = "The interval is wide because many faces are small or blurred. 7 faces may be anybody."
    assert f"Why it is no narrower: {said}" in first_screen
    assert "Why it is no narrower" not in read(make_report(people=make_people(notes=notes))).words


def test_the_match_threshold_is_explained_with_the_errors_on_this_very_collection() -> None:
    text = read(make_report()).words
    assert "it would make anything from 2,210 to 16,300 people" in text
    # Between the first two thresholds the straight lines cross, at 0.0781.
    assert "7.8 % of the joined pairs of faces are two people, and 7.8 % of the pairs of one person stay apart" in text
    assert "7.2 4,840 1.5 % 16.4 %" in text, "the table has the middle threshold"


@pytest.mark.parametrize("curve", [(), CURVE[:1]], ids=["none", "a single threshold"])
def test_without_a_curve_nothing_is_said_of_thresholds(curve: tuple[CurvePoint, ...]) -> None:
    assert "match threshold" not in read(make_report(people=make_people(curve=curve))).words


@pytest.mark.parametrize(
    ("calibrated", "said"),
    [
        pytest.param(0.93, "looks like the collections that the count was calibrated on", id="like"),
        pytest.param(0.4, "looks only partly like the collections of the calibration", id="partly"),
        pytest.param(0.0, "No calibration holds for what is stored; the interval is as wide as it can be", id="not"),
    ],
)
def test_the_report_says_how_far_the_calibration_holds(calibrated: float, said: str) -> None:
    text = read(make_report(people=make_people(calibrated=calibrated))).words
    assert said in text
    assert f"Calibration holds {words.percent(calibrated)}" in text
    assert "Faces too poor to tell apart 412" in text


def test_a_night_from_before_the_split_still_has_its_page() -> None:
    old = make_people(
        split=None, curve=(), unusable=None, calibrated=None, in_any_image_low=None, in_any_image_high=None, notes=()
    )
    text = read(make_report(people=old)).words
    assert "7,610–8,905 different people" in text
    assert "People in any picture about 6,480" in text
    for missing in ("Who they are", "Calibration holds", "Faces too poor", "match threshold"):
        assert missing not in text


def test_a_rule_not_in_force_is_called_so_at_the_rule_and_at_its_clock() -> None:
    text = read(make_report()).words
    assert "Not in force" in text
    assert "It binds nobody today." in text
    assert "The rule is not in force: the clock shows what it would ask, not a legal deadline." in text


def test_a_rule_in_force_is_dated_and_its_clock_is_a_deadline() -> None:
    policy = Policy("measures", "Measures (Order 19)", "Article 15", True, "", effective=date(2025, 6, 1))
    text = read(make_report(policy=policy, filing=(make_clock(in_force=True),))).words
    assert "In force since 1 Jun 2025" in text
    assert "not a legal deadline" not in text


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        pytest.param({}, "15 working days left", id="running"),
        pytest.param({"days_left": 1, "working_days_left": 1}, "1 working day left", id="last day"),
        pytest.param({"days_left": 0, "working_days_left": 0}, "Due today", id="today"),
        pytest.param({"days_left": 2, "working_days_left": 0}, "2 days left", id="holidays until then"),
        pytest.param({"days_left": 9, "working_days_left": None}, "9 days left", id="working days not known"),
        pytest.param({"days_left": -6, "working_days_left": -4}, "Overdue by 4 working days", id="past"),
        pytest.param({"due_on": None, "days_left": None}, "Due day not known", id="calendar not known"),
        pytest.param({"filed_on": date(2026, 11, 20)}, "Filed on 20 Nov 2026", id="filed"),
    ],
)
def test_the_clock_says_what_is_left(changes: dict[str, Any], headline: str) -> None:
    clock = make_clock(**changes)
    assert words.clock(clock).headline == headline
    assert headline in read(make_report(filing=(clock,))).words


def test_without_a_clock_the_page_says_why_none_runs() -> None:
    assert "No clock runs The count has not crossed the limit of this rule." in read(make_report(filing=())).words


def test_the_most_pressing_clock_comes_first_and_none_is_lost() -> None:
    clocks = [make_clock(title=f"Clock {n}", due_on=date(2026, 12, 20 - n)) for n in range(4)]
    text = read(make_report(filing=tuple(clocks))).words
    assert "Clock 3" in text.partition("2 more clocks")[0]
    assert "Clock 0" in text.partition("Clocks and policies")[2]


def test_a_run_over_a_part_says_so_before_any_figure() -> None:
    run = dataclasses.replace(make_report().run, scope="store station-cameras")
    text = read(make_report(run=run)).words
    assert text.index("This run looked at a part only: store station-cameras") < text.index("What was covered?")


def test_totals_that_do_not_add_up_are_denounced() -> None:
    off = Coverage(seen=100, scanned=50, unchanged=0, unsupported=0, quarantined=0, skipped=0)
    assert (
        "The totals do not add up: 50 of the listed objects have no outcome." in read(make_report(coverage=off)).words
    )


def test_missing_consent_is_worded_as_no_recorded_ground_and_never_as_unlawful() -> None:
    text = read(make_report()).words
    assert "412 no recorded ground" in text
    body, _, disclaimer = text.partition("It supports a decision and gives no legal advice")
    assert "unlawful" not in body.lower()
    assert "never says that holding a face is unlawful" in disclaimer


def test_unlinked_faces_stand_apart_from_the_consent_bars() -> None:
    report = make_report()
    said = "54,310 faces in pictures cannot be tied to a person on record; they show 4,080–5,375 people who are none"
    assert said in read(report).words
    people = sum(sum(purpose.states.values()) for purpose in report.consent.purposes)
    assert people == 3120 + 96


def test_without_a_registry_consent_is_called_a_gap() -> None:
    assert "No consent registry is set up" in read(make_report(consent=Consent())).words


def test_every_state_of_consent_and_every_refusal_has_its_wording() -> None:
    assert set(STATES) <= set(words.STATES)
    assert {reason.value for reason in Refusal} <= set(words.REASONS)


def test_the_rest_of_a_long_list_is_counted() -> None:
    page = read(make_report())
    assert "The 20 most pressing of 412" in page.words
    assert "392 more are counted above" in page.words
    rows = sum(tag == "td" and attributes.get("class") == "why" for tag, attributes in page.tags)
    assert rows == 20 + 20 + 9


def test_the_tool_counts_its_own_holdings() -> None:
    text = read(make_report()).words
    for said in ("77,512", "41.2 MB, sealed", "9f1c22ab03de", "No face crop is stored.", "30 Nov 2026"):
        assert said in text


def test_the_page_warns_of_biometric_vectors_and_of_weak_groups_and_is_confidential() -> None:
    text = read(make_report()).words
    assert "face vectors, and those are biometric data too" in text
    assert "Children, and some groups of people, are told apart less reliably." in text
    assert text.count("Confidential") >= 2


def test_a_store_that_could_not_be_listed_is_named_on_the_first_screen() -> None:
    stores = (*make_stores(), Store("vault", "bucket", Coverage(0, 0, 0, 0, 0, 0), 0, problem="access denied"))
    text = read(make_report(stores=stores)).words
    assert "1 store could not be listed at all" in text.partition("How many people")[0]
    assert "Not listed: access denied" in text


def test_clocks_that_bind_come_first_and_are_counted_as_their_law_counts() -> None:
    binding = make_clock(title="Binding", in_force=True, working_days=None, days_left=-59, working_days_left=-39)
    text = read(make_report(filing=(make_clock(title="Draft", due_on=date(2026, 1, 1)), binding))).words
    assert text.index("Binding") < text.index("Draft")
    assert "Overdue by 59 days" in text
    assert text.count("The rule is not in force: the clock shows") == 1
