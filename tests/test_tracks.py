"""Tracks: a face that stays before a camera is one face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.profile import shipped
from detectors.tracks import one_of_each_track
from tests.people import Labels, Vectors


def poses(count: int, apart: float) -> Vectors:
    """Unit vectors on a circle, neighbours ``apart`` (radians) from each other."""
    angles = apart * np.arange(count)
    vectors = np.zeros((count, 128), np.float32)
    vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
    return vectors


def kept(vectors: Vectors, cameras: list[int], seconds: list[float], quality: list[float] | None = None) -> Labels:
    grades = np.array(quality or [1.0] * len(vectors))
    return one_of_each_track(vectors, np.array(cameras), np.array(seconds), grades, shipped())


def test_somebody_who_turns_slowly_stays_one_though_the_ends_are_strangers() -> None:
    turning = poses(30, 0.1)
    assert float(turning[0] @ turning[15]) < 0.1
    assert kept(turning, [4] * 30, list(range(30))).tolist() == [0]


def test_of_a_track_the_best_face_is_kept() -> None:
    assert kept(poses(5, 0.1), [0] * 5, [1, 2, 3, 4, 5], [0.5, 0.6, 0.9, 0.9, 0.7]).tolist() == [2]


@pytest.mark.parametrize(
    ("cameras", "seconds"),
    [
        pytest.param([0, 1], [0.0, 1.0], id="two cameras"),
        pytest.param([-1, -1], [0.0, 1.0], id="no camera"),
        pytest.param([0, 0], [0.0, 10.1], id="too long after"),
        pytest.param([0, 0], [3.0, 3.0], id="the same moment"),
        pytest.param([0, 0], [0.0, np.nan], id="time not known"),
    ],
)
def test_faces_of_no_common_track_are_all_kept(cameras: list[int], seconds: list[float]) -> None:
    assert kept(poses(2, 0.1), cameras, seconds).tolist() == [0, 1]


def test_ten_seconds_are_still_neighbours() -> None:
    assert kept(poses(2, 0.1), [0, 0], [5.0, 15.0]).tolist() == [0]


def test_strangers_before_one_camera_are_all_kept() -> None:
    assert kept(poses(6, 0.5), [0] * 6, [0.1 * n for n in range(6)]).tolist() == list(range(6))


def test_two_who_stand_side_by_side_are_two_tracks() -> None:
    left, right = poses(10, 0.02), -poses(10, 0.02)
    both = np.stack([left, right], axis=1).reshape(-1, 128)
    assert kept(both, [0] * 20, np.repeat(np.arange(10.0), 2).tolist()).tolist() == [0, 1]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_tracks_are_those_of_a_plain_walk_through_time(total: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = poses(60, 0.15)[rng.integers(60, size=total)]
    cameras, seconds = rng.integers(-1, 3, total), rng.permutation(total) * 1.7
    track = list(range(total))
    for face in np.argsort(seconds).tolist():
        before = [
            other
            for other in range(total)
            if cameras[other] == cameras[face] >= 0 and 0 < seconds[face] - seconds[other] <= 10
        ]
        if before:
            cosines = vectors[before] @ vectors[face]
            if cosines.max() > shipped().usual.sure_cosine + 1e-6:
                track[face] = track[before[int(cosines.argmax())]]
    found = kept(vectors, cameras.tolist(), seconds.tolist())
    assert len(found) == len(set(track))
