"""The head-count: intervals that hold the truth on made-up people whose likeness follows the calibration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.errors import BadVectors
from detectors.identities import METHOD, count_people, group_faces
from detectors.lookalikes import people_behind, threshold

Vectors = NDArray[np.float32]


def made_up_faces(sizes: list[int], seed: int, alike: float = 0.0) -> tuple[Vectors, NDArray[np.int64]]:
    """Draw unit vectors whose cosines spread as this encoder's do: strangers about 0.84, mates about 0.96.

    One direction is common to all; people differ in 23 directions; pictures of one person differ in all 128.
    """
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(len(sizes)), sizes)
    people = np.zeros((len(sizes), 128))
    people[:, 0] = 1
    people[:, 1:24] = rng.normal(0, (0.4 - alike) / np.sqrt(23), (len(sizes), 23))
    sharpness = rng.gamma(9, 1 / 9, (len(who), 1))
    faces = people[who] + rng.normal(0, 0.2 / np.sqrt(128), (len(who), 128)) * sharpness
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    order = rng.permutation(len(who))
    return faces[order].astype(np.float32), who[order]


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([1] * 40, id="40 people, each once"),
        pytest.param([5] * 8, id="8 people, 5 pictures each"),
        pytest.param([1] * 300, id="300 people, each once"),
        pytest.param([2] * 150, id="150 people, twice"),
        pytest.param([10] * 60, id="60 people, 10 pictures each"),
        pytest.param([1] * 200 + [2] * 60 + [5] * 30 + [60] * 3, id="293 people, most of them once"),
        pytest.param([400, 3, 1], id="one person nearly always"),
        pytest.param([1] * 1500 + [3] * 300, id="1,800 people"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_truth_lies_in_the_interval(sizes: list[int], seed: int) -> None:
    faces, _ = made_up_faces(sizes, seed)
    count = count_people(faces)
    assert 1 <= count.low <= count.best <= count.high <= len(faces)
    assert count.low <= len(sizes) <= count.high
    assert (count.confidence, count.method) == (0.95, METHOD)


def test_people_who_look_more_alike_widen_the_interval_and_are_spoken_of() -> None:
    usual, _ = made_up_faces([1] * 100 + [3] * 50, seed=3)
    alike, _ = made_up_faces([1] * 100 + [3] * 50, seed=3, alike=0.12)
    narrow, wide = count_people(usual), count_people(alike)
    assert not narrow.notes and "look more alike" in wide.notes[0]
    assert wide.low <= 150 <= wide.high
    assert wide.high - wide.low > narrow.high - narrow.low


def test_more_confidence_means_a_wider_interval() -> None:
    faces, _ = made_up_faces([2] * 100, seed=4)
    widths = [count.high - count.low for count in (count_people(faces, confidence=c) for c in (0.5, 0.9, 0.99))]
    assert widths == sorted(widths) and widths[0] < widths[-1]


def test_the_count_and_the_groups_do_not_depend_on_the_order() -> None:
    faces, _ = made_up_faces([3] * 70, seed=5)
    order = np.random.default_rng(0).permutation(len(faces))
    assert count_people(faces) == count_people(faces[order])
    assert (group_faces(faces)[order] == group_faces(faces[order])).all()


@pytest.mark.parametrize(
    ("faces", "people"),
    [
        pytest.param(np.zeros((0, 128), np.float32), 0, id="nobody"),
        pytest.param(made_up_faces([1], seed=1)[0], 1, id="one face"),
        pytest.param(np.repeat(made_up_faces([1], seed=1)[0], 9, axis=0), 1, id="one picture stored nine times"),
    ],
)
def test_what_is_certain_has_no_interval(faces: Vectors, people: int) -> None:
    count = count_people(faces)
    assert (count.low, count.best, count.high) == (people, people, people)


def test_copies_of_pictures_change_nothing() -> None:
    faces, _ = made_up_faces([2] * 50, seed=6)
    assert count_people(faces) == count_people(np.concatenate([faces, faces[::-1], faces[:7]]))


def test_faces_in_one_frame_are_different_people() -> None:
    faces, _ = made_up_faces([30], seed=7)
    apart = count_people(faces)
    together = count_people(faces, frames=np.zeros(30, np.int64))
    assert apart.high < 15
    assert together.best == together.high == 30


def test_frames_without_company_change_nothing() -> None:
    faces, _ = made_up_faces([2] * 40, seed=8)
    assert count_people(faces, frames=np.arange(80)) == count_people(faces)


def test_the_length_of_a_vector_says_nothing() -> None:
    faces, _ = made_up_faces([2] * 40, seed=9)
    scaled = count_people(faces.astype(np.float64) * np.linspace(0.1, 9, 80)[:, None])
    assert scaled.best == pytest.approx(count_people(faces).best, abs=1)


def test_groups_hold_one_person_each_and_find_most_mates() -> None:
    faces, who = made_up_faces([4] * 100, seed=10)
    labels = group_faces(faces)
    assert labels.dtype == np.int64 and set(labels) == set(range(labels.max() + 1))
    same_label, same_person = labels[:, None] == labels, who[:, None] == who
    np.fill_diagonal(same_label, False)
    np.fill_diagonal(same_person, False)
    right = (same_label & same_person).sum()
    assert right / same_label.sum() > 0.9
    assert right / same_person.sum() > 0.7


def test_no_faces_have_no_groups() -> None:
    assert group_faces(np.zeros((0, 128), np.float32)).shape == (0,)


def spoiled(row: int, value: float) -> Vectors:
    faces, _ = made_up_faces([2] * 3, seed=11)
    faces[row] = value
    return faces


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        pytest.param(spoiled(2, np.nan), "1 of 6 vectors", id="not a number"),
        pytest.param(spoiled(0, np.inf), "1 of 6 vectors", id="infinite"),
        pytest.param(spoiled(5, 0), "1 of 6 vectors", id="no length"),
        pytest.param(np.ones((4, 512), np.float32), r"\(4, 512\)", id="another encoder"),
        pytest.param(np.ones(128, np.float32), r"\(128,\)", id="a single vector"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(faces: Vectors, message: str) -> None:
    for ask in (count_people, group_faces):
        with pytest.raises(BadVectors, match=message) as caught:
            ask(faces)
        assert "\n" not in str(caught.value)


def test_frames_of_another_number_are_refused() -> None:
    faces, _ = made_up_faces([2] * 3, seed=11)
    with pytest.raises(BadVectors, match="one number a face"):
        count_people(faces, frames=np.arange(5))


@pytest.mark.parametrize("confidence", [0.0, 1.0, -2.0, float("nan")])
def test_an_impossible_confidence_is_refused(confidence: float) -> None:
    faces, _ = made_up_faces([2] * 3, seed=11)
    with pytest.raises(ValueError, match="between 0 and 1"):
        count_people(faces, confidence=confidence)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.integers(0, 999), st.floats(0.5, 0.99))
def test_an_interval_is_always_in_order(sizes: list[int], seed: int, confidence: float) -> None:
    faces, _ = made_up_faces(sizes, seed)
    count = count_people(faces, confidence=confidence)
    assert 1 <= count.low <= count.best <= count.high <= len(faces)


@pytest.mark.parametrize(
    ("size", "people"),
    [pytest.param(1, 2000, id="alone"), pytest.param(2, 1000, id="pairs"), pytest.param(8, 250, id="eight each")],
)
def test_the_arithmetic_recovers_people_from_look_alikes(size: int, people: int) -> None:
    """Degrees drawn from the model itself: recall 0.841 with concentration 3, no strangers to speak of."""
    rng = np.random.default_rng(12)
    faces = size * people
    recall = rng.beta(0.841 * 3, 0.159 * 3, faces)
    degrees = rng.binomial(size - 1, recall)
    assert people_behind(degrees, recall_at=0.94, false_at=0.98) == pytest.approx(people, rel=0.06)


def test_the_threshold_rises_with_the_collection() -> None:
    found = [threshold(total, 0.1) for total in (10, 100, 1_000, 10_000, 100_000)]
    assert found == sorted(found) and found[0] >= 0.91 and found[-1] <= 0.97
