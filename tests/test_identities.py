"""The head-count: intervals that hold the truth on made-up people whose likeness follows the calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import lookalikes
from detectors.identities import METHOD, count_people
from detectors.profile import shipped
from detectors.records import PeopleCount
from tests.people import Vectors, made_up


def faces_of(sizes: list[int], seed: int) -> Vectors:
    return made_up(sizes, shipped(), seed)[0]


def count(faces: Vectors, confidence: float = 0.95) -> PeopleCount:
    return count_people(faces, profile=shipped(), confidence=confidence)


def width(counted: PeopleCount) -> int:
    return counted.high - counted.low


@pytest.mark.parametrize(
    ("sizes", "widest"),
    [
        pytest.param([1, 1], 1, id="2 people"),
        pytest.param([1] * 5, 3, id="5 people, each once"),
        pytest.param([5] * 8, 8, id="8 people, 5 pictures each"),
        pytest.param([1] * 40, 12, id="40 people, each once"),
        pytest.param([1] * 300, 90, id="300 people, each once"),
        pytest.param([2] * 150, 60, id="150 people, twice"),
        pytest.param([10] * 60, 70, id="60 people, 10 pictures each"),
        pytest.param([1] * 200 + [2] * 60 + [5] * 30 + [60] * 3, 180, id="293 people, most of them once"),
        pytest.param([400, 3, 1], 9, id="one person nearly always"),
        pytest.param([1] * 1500 + [3] * 300, 900, id="1,800 people"),
        pytest.param([1] * 3000, 900, id="3,000 people, each once"),
    ],
)
def test_the_truth_lies_in_the_interval(sizes: list[int], widest: int) -> None:
    counted = count(faces_of(sizes, seed=1))
    assert counted.low <= len(sizes) <= counted.high
    assert 1 <= counted.low <= counted.best <= counted.high
    assert width(counted) <= widest
    assert (counted.confidence, counted.method) == (0.95, METHOD)


def test_of_many_small_collections_nearly_all_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(2026)
    held, widths = [], []
    for seed in range(40):
        people = round(float(np.exp(rng.uniform(np.log(3), np.log(60)))))
        kinds = [
            np.ones(people, np.int64),
            np.full(people, rng.integers(2, 7)),
            rng.geometric(0.4, people),
            np.minimum(rng.zipf(1.8, people), 40),
        ]
        counted = count(made_up(kinds[seed % 4], shipped(), seed)[0])
        held.append(counted.low <= people <= counted.high)
        widths.append(width(counted) / people)
    assert np.mean(held) >= 0.93
    assert np.median(widths) < 0.6


def test_the_sample_of_a_large_collection_says_what_all_of_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [1] * 500 + [3] * 300
    faces = faces_of(sizes, seed=9)
    full = count(faces)
    monkeypatch.setattr(lookalikes, "COMPARISONS", 90_000)
    monkeypatch.setattr(lookalikes, "LEAST_SAMPLE", 300)
    sampled = count(faces)
    assert sampled != full
    assert sampled.low <= len(sizes) <= sampled.high
    assert sampled.best == pytest.approx(full.best, rel=0.15)
    assert sampled.low <= full.high and full.low <= sampled.high


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.integers(0, 999), st.floats(0.5, 0.999))
def test_an_interval_is_in_order_and_the_order_of_faces_says_nothing(
    sizes: list[int], seed: int, confidence: float
) -> None:
    faces = faces_of(sizes, seed)
    counted = count(faces, confidence)
    assert 1 <= counted.low <= counted.best <= counted.high <= len(faces)
    shares = [counted.calibrated, counted.lone_share_high]
    shares += [share for point in counted.curve for share in (point.false_merge, point.false_split)]
    assert all(0 <= share <= 1 for share in shares)
    assert count(np.random.default_rng(seed).permutation(faces), confidence) == counted


def test_adding_an_already_known_store_changes_nothing() -> None:
    faces = faces_of([2] * 50, seed=6)
    assert count(np.concatenate([faces, faces[::-1], faces[:7]])) == count(faces)


def test_the_length_of_a_vector_says_nothing() -> None:
    faces = faces_of([2] * 40, seed=9)
    scaled = count(faces.astype(np.float64) * np.linspace(0.1, 9, 80)[:, None])
    assert scaled.best == pytest.approx(count(faces).best, abs=1)


def test_more_confidence_means_a_wider_interval() -> None:
    faces = faces_of([2] * 40, seed=4)
    counts = [count(faces, confidence) for confidence in (0.5, 0.9, 0.99, 0.9999)]
    widths = [width(counted) for counted in counts]
    assert widths == sorted(widths) and widths[0] < widths[-1]
    assert len({counted.best for counted in counts}) == 1


@pytest.mark.parametrize("alike", [0.1, 0.15, 0.2])
def test_people_who_look_more_alike_widen_the_interval_and_are_spoken_of(alike: float) -> None:
    sizes = [1] * 100 + [3] * 50
    counted = count(made_up(sizes, shipped(), 3, alike=alike)[0])
    assert counted.calibrated < 0.2 and "faces look more alike" in counted.notes[0]
    assert counted.low <= 150 <= counted.high
    assert width(counted) > 50


def test_people_as_they_were_calibrated_on_are_counted_closely_and_need_no_words() -> None:
    counted = count(faces_of([1] * 100 + [3] * 50, seed=3))
    assert counted.calibrated > 0.8 and not counted.notes
    assert width(counted) < 30


def test_without_a_calibration_everybody_may_be_somebody_else() -> None:
    counted = count_people(faces_of([2] * 30, seed=8), profile=None)
    assert (counted.low, counted.high, counted.calibrated) == (1, 60, 0.0)
    assert "facewarden calibrate" in counted.notes[0]


def test_another_encoder_is_counted_without_a_calibration_by_copies_only() -> None:
    faces = np.random.default_rng(0).normal(size=(20, 512))
    counted = count_people(np.concatenate([faces, faces]), profile=None)
    assert (counted.low, counted.high) == (1, 20)


@pytest.mark.parametrize(
    ("faces", "people"),
    [
        pytest.param(np.zeros((0, 128), np.float32), 0, id="nobody"),
        pytest.param(faces_of([1], seed=1), 1, id="one face"),
        pytest.param(np.repeat(faces_of([1], seed=1), 9, axis=0), 1, id="one picture stored nine times"),
        pytest.param(np.ones((9, 128)), 1, id="nine vectors that say nothing"),
    ],
)
@pytest.mark.parametrize("calibrated", [True, False])
def test_what_is_certain_has_no_interval(faces: Vectors, people: int, calibrated: bool) -> None:
    counted = count_people(faces, profile=shipped() if calibrated else None)
    assert (counted.low, counted.best, counted.high) == (people, people, people)
    assert not any("interval is wide" in note for note in counted.notes)


def test_nearly_nobody_is_alone_where_everybody_came_twice() -> None:
    assert count(faces_of([1] * 60, seed=5)).lone_share_high > 0.9
    assert count(faces_of([2] * 60, seed=5)).lone_share_high < 0.3


def test_stricter_thresholds_split_more_and_merge_less() -> None:
    curve = count(faces_of([4] * 100, seed=7)).curve
    for name, sign in (("strictness", 1), ("groups", 1), ("false_split", 1), ("false_merge", -1)):
        steps = np.diff([getattr(point, name) for point in curve])
        assert (sign * steps >= 0).all() and steps.any(), name
    assert curve[0].groups < 100 < curve[-1].groups


def test_a_profile_that_finds_fewer_mates_counts_fewer_people() -> None:
    """The same faces under a profile whose mates are less alike: more of them must be of one person."""
    faces = faces_of([3] * 60, seed=12)
    mates = replace(shipped().mates, cosines=shipped().mates.cosines - 0.02)
    counted = count_people(faces, profile=replace(shipped(), mates=mates))
    assert counted.best < count(faces).best


@pytest.mark.parametrize("confidence", [0.0, 1.0, -2.0, float("nan")])
def test_an_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        count(faces_of([2] * 3, seed=11), confidence)
