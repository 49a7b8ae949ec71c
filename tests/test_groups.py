"""Groups of faces for pseudonyms: of one person nearly always, the same in any order, and no head-count."""

import numpy as np
import pytest

from detectors import groups
from detectors.groups import group_faces
from detectors.identities import count_people
from detectors.profile import shipped
from tests.people import made_up


def pairs(labels: np.ndarray) -> int:
    counts = np.unique(labels, return_counts=True, axis=0)[1]
    return int((counts * (counts - 1) // 2).sum())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_faces_put_together_are_of_one_person(seed: int) -> None:
    faces, people = made_up([1] * 150 + [3] * 60 + [12] * 10, shipped(), seed)
    labels = group_faces(faces, profile=shipped())
    together = pairs(np.stack([labels, people], axis=1))
    assert together / pairs(labels) >= 0.95
    assert together / pairs(people) >= 0.6


def test_the_same_faces_fall_together_in_any_order() -> None:
    faces, _ = made_up([4] * 60, shipped(), 5)
    order = np.random.default_rng(0).permutation(len(faces))
    one, other = group_faces(faces, profile=shipped()), group_faces(faces[order], profile=shipped())
    assert np.array_equal(one[order][:, None] == one[order], other[:, None] == other)
    assert set(one) == set(range(one.max() + 1))


def test_faces_near_the_same_landmarks_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, people = made_up([5] * 300, shipped(), 6)
    monkeypatch.setattr(groups, "_EXACT", 500)
    labels = group_faces(faces, profile=shipped())
    together = pairs(np.stack([labels, people], axis=1))
    assert together / pairs(labels) >= 0.95
    assert together / pairs(people) >= 0.5


def test_without_a_calibration_only_copies_fall_together() -> None:
    faces, _ = made_up([2] * 20, shipped(), 7)
    labels = group_faces(np.concatenate([faces, faces[:3]]), profile=None)
    assert len(set(labels)) == len(faces)
    assert labels[-3:].tolist() == labels[:3].tolist()


def test_no_faces_make_no_groups() -> None:
    assert group_faces(np.zeros((0, 128)), profile=shipped()).tolist() == []


def test_the_head_count_is_not_the_number_of_groups() -> None:
    faces, people = made_up([10] * 60, shipped(), 8)
    counted = count_people(faces, profile=shipped())
    assert counted.low <= len(set(people)) <= counted.high
    assert len(set(group_faces(faces, profile=shipped()))) > len(set(people))
