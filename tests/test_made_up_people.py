"""The made-up people that head-counts are tested on: as much alike as the calibration profile says."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.cohort import scale_of
from detectors.profile import shipped
from tests.people import made_up


def test_strangers_are_above_each_strictness_as_often_as_the_profile_says() -> None:
    known, above = shipped().strangers, []
    for seed in range(4):
        faces, _ = made_up([1] * 1200, shipped(), seed)
        scale = scale_of(faces, shipped())
        one, other = np.triu_indices(len(faces), 1)
        cosines = (faces @ faces.T)[one, other]
        strictness = (cosines - scale.level[one]) / scale.deviation[one]
        strictness += (cosines - scale.level[other]) / scale.deviation[other]
        above.append([(strictness / 2 > at).mean() for at in known.strictness])
    often = known.rates > 1e-5
    factors = np.mean(above, axis=0)[often] / known.rates[often]
    assert factors.min() > 0.67 and factors.max() < 1.5, factors.round(2)


def test_mates_cosines_spread_as_the_profile_says() -> None:
    faces, who = made_up([2] * 3000, shipped(), 1)
    pairs = faces[np.argsort(who, kind="stable")].reshape(-1, 2, faces.shape[1])
    cosines = np.einsum("ij,ij->i", pairs[:, 0], pairs[:, 1])
    ranks = np.linspace(0.05, 0.95, 7)
    known = np.interp(ranks, np.linspace(0.0025, 0.9975, 200), shipped().mates.cosines)
    assert np.quantile(cosines, ranks) == pytest.approx(known, abs=0.003)


def test_the_same_seed_gives_the_same_faces_and_another_seed_others() -> None:
    sizes = [3, 1, 2]
    (faces, who), (again, _), (others, _) = (made_up(sizes, shipped(), seed) for seed in (5, 5, 6))
    assert (faces == again).all() and not (faces == others).any()
    assert np.bincount(who).tolist() == sizes
    assert np.linalg.norm(faces, axis=1) == pytest.approx(np.ones(6), abs=1e-6)
