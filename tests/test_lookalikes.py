"""Look-alikes: counted as a plain double loop counts them, at strictnesses that the profile calibrates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import lookalikes
from detectors.cohort import Scale, scale_of
from detectors.lookalikes import Faces, Levels, Pairs, alike_pairs, levels_for, look_alikes, sampled, strictness_at
from detectors.profile import shipped
from detectors.tidy import row_hashes
from tests.people import Labels, Vectors, made_up

RATES = np.array([0.3, 0.1, 0.02, 1e-3])
LEVELS = Levels(RATES, np.array([-1.0, 1.0, 3.0, 6.0]))


def strictness(one: tuple[Vectors, Scale], other: tuple[Vectors, Scale]) -> np.ndarray:
    """(S, N): the mean of deviations above each face's own strangers, in double precision."""
    cosines = one[0].astype(np.float64) @ other[0].T
    first = (cosines - one[1].level[:, None]) / one[1].deviation[:, None]
    return (first + (cosines - other[1].level) / other[1].deviation) / 2


def faces_of(people: list[int] | Labels, seed: int, floor: float = -1.0) -> Faces:
    vectors, _ = made_up(people, shipped(), seed)
    floors = np.full(len(vectors), floor, np.float32)
    return Faces(vectors, scale_of(vectors, shipped()), floors, row_hashes(vectors))


def nothing_halved(queries: Faces) -> Labels:
    return np.zeros(len(queries), np.int64)


def plain_count(queries: Faces, faces: Faces, levels: Levels) -> Labels:
    likeness = strictness((queries.vectors, queries.scale), (faces.vectors, faces.scale))
    counts = np.zeros((len(likeness), len(levels.rates)), np.int64)
    for row in range(likeness.shape[0]):
        for other in range(likeness.shape[1]):
            counts[row] += likeness[row, other] > levels.strictness
    return counts


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_look_alikes_are_those_of_a_plain_double_loop(asked: int, total: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    faces = faces_of(rng.integers(1, 4, total), seed % 1000)
    queries = faces[rng.integers(len(faces), size=asked)]
    found = look_alikes(queries, faces, nothing_halved(queries))
    assert (found.counted(LEVELS) == plain_count(queries, faces, LEVELS)).all()


def test_tiles_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = faces_of([3] * 100, 2)
    whole = look_alikes(faces, faces, nothing_halved(faces))
    for name, size in (("_ROWS", 7), ("_COLUMNS", 11), ("_PAIRS", 13)):
        monkeypatch.setattr(lookalikes, name, size)
    again = look_alikes(faces, faces, nothing_halved(faces))
    assert pairs_of(again) == pairs_of(whole)
    counts = whole.counted(LEVELS)
    assert counts.any() and (np.diff(counts, axis=1) <= 0).all()


def pairs_of(found: Pairs) -> set[tuple[int, int, float]]:
    return set(zip(found.rows.tolist(), found.others.tolist(), found.likeness.tolist(), strict=True))


def test_each_face_has_its_own_floor() -> None:
    faces = faces_of([2] * 50, 4)
    high = replace(faces, floors=np.where(np.arange(100) < 50, 3.0, 99.0).astype(np.float32))
    found = look_alikes(faces, high, nothing_halved(faces))
    assert len(found) > 50 and found.others.max() < 50 and found.likeness.min() > 3.0


@pytest.mark.parametrize("tile", [50, 16_384])
def test_a_face_with_very_many_look_alikes_lists_some_for_all(monkeypatch: pytest.MonkeyPatch, tile: int) -> None:
    monkeypatch.setattr(lookalikes, "MOST_KEPT", 200)
    monkeypatch.setattr(lookalikes, "_COLUMNS", tile)
    faces = faces_of([600, *[1] * 200], 5)
    found = look_alikes(faces, faces, nothing_halved(faces))
    crowd, exact = found.counted(LEVELS)[:, 2], plain_count(faces, faces, LEVELS)[:, 2]
    many = exact > 400
    assert many.sum() > 400 and np.bincount(found.rows).max() <= 200
    assert np.abs(crowd[many] / exact[many] - 1).max() < 0.35
    whole = found.halvings == 0
    assert whole.sum() > 100 and (crowd[whole] == exact[whole]).all()
    assert found.halvings.max() == 2, "the same, however large the tiles are"


def test_alike_pairs_are_all_pairs_above_the_strictness_each_once() -> None:
    vectors, _ = made_up([3] * 60, shipped(), 3)
    faces = vectors, scale_of(vectors, shipped())
    part = np.sort(np.random.default_rng(0).choice(180, 150, replace=False))
    one, other = alike_pairs(part, faces, 6.0)
    alike = np.triu(strictness(faces, faces) > 6.0, 1)[np.ix_(part, part)]
    assert sorted(zip(one.tolist(), other.tolist(), strict=True)) == [
        (part[row], part[column]) for row, column in np.argwhere(alike).tolist()
    ]
    assert len(one) > 50


def test_the_strictness_of_a_calibrated_rate_is_the_profiles() -> None:
    known = shipped().strangers
    assert strictness_at(known.rates, shipped()) == pytest.approx(known.strictness)


@given(st.floats(1e-12, 0.03), st.floats(1e-12, 0.03))
def test_a_lower_rate_needs_more_strictness_even_beyond_the_calibrated_ones(one: float, other: float) -> None:
    low, high = sorted([one, other])
    asked = strictness_at(np.array([high, low]), shipped())
    assert asked[1] >= asked[0]
    if high / low > 1.01:
        assert asked[1] > asked[0]


def test_beyond_the_calibrated_rates_strictness_goes_on_as_steeply_as_before() -> None:
    straight = replace(shipped().strangers, rates=10.0 ** -np.arange(2, 8), strictness=3.0 + np.arange(6))
    profile = replace(shipped(), strangers=straight)
    assert strictness_at(np.array([1e-8, 1e-10]), profile) == pytest.approx([9, 11])


@given(st.integers(0, 10**8))
def test_levels_rise_and_hold_as_many_strangers_as_they_say(total: int) -> None:
    levels = levels_for(total, shipped(), (30.0, 1.0, 0.03))
    assert (np.diff(levels.strictness) > 0).all() and (np.diff(levels.rates) < 0).all()
    assert levels.rates.max() <= 0.02
    if total >= 1500:
        assert levels.rates * total == pytest.approx([30, 1, 0.03], rel=1e-6) or total > 3e7


def test_a_sample_is_taken_of_large_collections_only_and_hardly_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookalikes, "COMPARISONS", 2500)
    monkeypatch.setattr(lookalikes, "LEAST_SAMPLE", 50)
    hashes = np.random.default_rng(0).integers(0, 2**64, 1010, np.uint64)
    assert sampled(hashes[:50]).tolist() == list(range(50))
    sample, later = sampled(hashes[:1000]), sampled(hashes)
    assert len(np.unique(sample)) == 50 and sample.max() > 900 and (np.diff(sample) > 0).all()
    assert len(np.intersect1d(sample, later)) >= 47, "a hundredth more faces"
