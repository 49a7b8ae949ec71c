"""Tidying before the count: each vector once, usable, one of each track; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.errors import BadVectors
from detectors.identities import count_people
from detectors.profile import shipped
from detectors.records import Sightings
from detectors.tidy import LEAST_QUALITY, TidyFaces, row_hashes, tidy, unit_vectors
from tests.people import Vectors, made_up


def axes(count: int) -> Vectors:
    """``count`` faces that have nothing in common."""
    return np.eye(128, dtype=np.float32)[:count]


def plain(faces: TidyFaces) -> tuple[object, ...]:
    return tuple(
        value.tolist() if isinstance(value, np.ndarray) else value
        for value in map(faces.__getattribute__, faces.__slots__)
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_order_in_which_faces_come_says_nothing(distinct: int, total: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = {
        "vectors": axes(distinct)[rng.integers(distinct, size=total)],
        "frames": rng.integers(-1, 4, total),
        "quality": rng.choice([0.1, 0.5, 0.9, np.nan], total),
        "subjects": rng.integers(-1, 3, total),
        "cameras": rng.integers(-1, 2, total),
        "seconds": rng.choice([0.0, 3.0, 50.0, np.nan], total),
    }
    order = rng.permutation(total)
    faces = tidy(Sightings(**known), shipped())
    again = tidy(Sightings(**{name: values[order] for name, values in known.items()}), shipped())
    assert plain(faces) == plain(again)
    assert len(faces.vectors) == len(np.unique(faces.vectors, axis=0)) <= distinct


def test_of_copies_the_best_is_taken_and_a_filed_one_speaks_for_all() -> None:
    vectors = axes(3)[[0, 0, 0, 1, 1, 2]]
    quality = np.array([0.2, 0.9, 0.5, 0.1, 0.2, 0.1])
    subjects = np.array([-1, -1, 7, -1, 4, -1])
    faces = tidy(Sightings(vectors, quality=quality, subjects=subjects, frames=np.arange(6)), shipped())
    assert (faces.subjects.tolist(), faces.frames.tolist()) == ([7], [1])
    assert faces.unusable == 1  # the third; the second is filed, and whose it is is known anyway


def test_a_face_is_usable_from_the_least_quality_on() -> None:
    quality = np.array([LEAST_QUALITY, np.nextafter(LEAST_QUALITY, 0), 1.0])
    faces = tidy(Sightings(axes(3), quality=quality), shipped())
    assert len(faces.vectors) == 2 and faces.unusable == 1


def test_the_share_of_poor_faces_is_told_when_they_are_graded() -> None:
    poor_below = shipped().usual.poor_below
    quality = np.array([poor_below - 0.01, poor_below, 0.99, 0.99])
    assert tidy(Sightings(axes(4), quality=quality), shipped()).poor == 0.25
    assert tidy(Sightings(axes(4)), shipped()).poor == 0


def test_faces_that_are_filed_are_in_no_track() -> None:
    vectors = np.concatenate([axes(1) + 1e-3 * axes(9)[[n]] for n in range(1, 9)])
    known = {"cameras": np.zeros(8, np.int64), "seconds": np.arange(8.0)}
    assert len(tidy(Sightings(vectors, **known), shipped()).vectors) == 1
    filed = tidy(Sightings(vectors, subjects=np.array([3, 3, 3, 3, -1, -1, -1, -1]), **known), shipped())
    assert sorted(filed.subjects.tolist()) == [-1, 3, 3, 3, 3]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_vectors_of_any_kind_come_to_unit_length(dtype: type[np.floating]) -> None:
    vectors = np.array([[3, 4], [0, -0.5], [600, 0]], dtype)
    unit = unit_vectors(vectors, None)
    assert unit.dtype == np.float32
    assert unit == pytest.approx(np.array([[0.6, 0.8], [0, -1], [1, 0]]), abs=1e-3)


def test_row_hashes_tell_rows_apart_and_give_equal_rows_the_same() -> None:
    faces, _ = made_up([1] * 2000, shipped(), 1)
    hashes = row_hashes(np.concatenate([faces, faces[::-1]]))
    assert len(np.unique(hashes)) == 2000
    assert (hashes[:2000] == hashes[2000:][::-1]).all()


# -- what cannot be counted --------------------------------------------------------------------------------------------


def spoiled(row: int, value: float) -> Vectors:
    faces, _ = made_up([2] * 3, shipped(), 11)
    faces[row] = value
    return faces


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        pytest.param(spoiled(2, np.nan), "1 of 6 vectors are not finite or have no length: encode", id="not a number"),
        pytest.param(spoiled(0, np.inf), "1 of 6 vectors are not finite or have no length: encode", id="infinite"),
        pytest.param(spoiled(5, 0), "1 of 6 vectors are not finite or have no length: encode", id="no length"),
        pytest.param(
            np.ones((4, 512), np.float32), r"have shape \(4, 512\); \(N, 128\) was expected", id="another encoder"
        ),
        pytest.param(np.ones(128, np.float32), r"have shape \(128,\); \(N, 128\) was expected", id="a single vector"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused_in_one_line(faces: Vectors, message: str) -> None:
    with pytest.raises(BadVectors, match=message) as caught:
        count_people(faces, profile=shipped())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["frames", "quality", "subjects", "cameras", "seconds"])
@pytest.mark.parametrize("calibrated", [True, False])
def test_what_is_known_of_another_number_of_faces_is_refused(name: str, calibrated: bool) -> None:
    faces, _ = made_up([2] * 3, shipped(), 11)
    message = rf"^{name} have shape \(5,\); \(6,\) was expected: one for each face$"
    with pytest.raises(BadVectors, match=message):
        count_people(Sightings(faces, **{name: np.zeros(5, np.int64)}), profile=shipped() if calibrated else None)
