"""The scale on which two faces are compared: how alike each is to strangers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.cohort import joined, scale_of
from detectors.profile import shipped
from tests.people import made_up


def test_people_as_calibrated_come_out_as_usual() -> None:
    faces, _ = made_up([1] * 1000, shipped(), 1)
    scale, usual = scale_of(faces, shipped()), shipped().usual
    assert scale.level.mean() == pytest.approx(usual.level, abs=usual.level_spread / 3)
    assert scale.level.std() == pytest.approx(usual.level_spread, rel=0.25)
    assert scale.deviation.mean() == pytest.approx(usual.deviation, rel=0.1)


def test_mates_are_no_strangers() -> None:
    """Forty pictures of a person hardly move their scale: sure mates are left out of the cohort, the rest is few."""
    faces, who = made_up([1] * 300 + [40], shipped(), 2)
    order = np.argsort(who, kind="stable")
    once = scale_of(faces[order[:301]], shipped())
    often = scale_of(faces[order], shipped())
    assert abs(float(often.level[300] - once.level[300])) < shipped().usual.level_spread / 3


def test_faces_alike_to_everybody_have_a_higher_level() -> None:
    usual, _ = made_up([1] * 200, shipped(), 3)
    alike, _ = made_up([1] * 200, shipped(), 3, alike=0.3)
    assert (scale_of(alike, shipped()).level > scale_of(usual, shipped()).level).mean() > 0.95


@pytest.mark.parametrize("total", [1, 2, 3])
def test_a_handful_of_faces_has_a_scale_too(total: int) -> None:
    faces, _ = made_up([1] * total, shipped(), 4)
    scale = scale_of(faces, shipped())
    assert scale.level.shape == scale.deviation.shape == (total,)
    assert np.isfinite(scale.level).all() and (scale.deviation > 0).all()


def test_of_no_faces_there_is_no_scale() -> None:
    assert scale_of(np.zeros((0, 128), np.float32), shipped()).level.shape == (0,)


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=15))
def test_components_are_those_of_flooding(total: int, links: list[tuple[int, int]]) -> None:
    alike = np.eye(total, dtype=np.bool_)
    for one, other in links:
        alike[one % total, other % total] = alike[other % total, one % total] = True
    reached = np.linalg.matrix_power(alike.astype(np.int64), total) > 0
    labels = joined(alike)
    assert ((labels[:, None] == labels) == reached).all()
