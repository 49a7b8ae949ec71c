"""Made-up people as a calibration profile has them: strangers and mates are as much alike as it says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.lookalikes import strictness_at
from detectors.profile import Profile

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]

# A mixture of Gaussians alone has too few strangers who are very much alike. So people come in families of families,
# 4^2 to 4^9 of them, and the rarer it is to be of one family, the more its members have in common. With this part of
# what the profile alone would ask for, the rates of strangers above each strictness are its own within a quarter down
# to one in 100,000 (test_made_up_people.py).
_FAMILIES = 4 ** np.arange(2, 10)
_IN_COMMON = 0.85
# By how much a face's own share spreads the mates' cosines, in deviations of theirs; the rest comes by itself.
_OF_FACE = 0.57
_BLOCK = 8192  # faces made at once: 4 MB


def made_up(
    sizes: Sequence[int] | Labels, profile: Profile, seed: int, *, alike: float = 0.0
) -> tuple[Vectors, Labels]:
    """Draw faces of people.

    Each face alone lies as the profile's population does. The share of it that is the person's, and not the picture's,
    differs from face to face.

    Args:
        sizes: (P,) faces of each person.
        profile: whose population, strangers and mates are followed.
        seed: the same gives the same faces.
        alike: by how much of the way all faces are drawn towards the population's centres, in [0, 1).

    Returns:
        (N, D) float32 unit vectors in random order; (N,) int64 whose they are, 0 to P - 1.
    """
    population = profile.population
    rng = np.random.default_rng(seed)
    centres, factor = population.centres.astype(np.float32), population.factor.T.astype(np.float32)
    who = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    which = rng.choice(len(population.shares), len(sizes), p=population.shares)
    scale = (np.sqrt(population.sizes) * (1 - alike)).astype(np.float32)[which, None]
    people = _people(len(sizes), profile, rng)
    faces = np.empty((len(who), profile.dimension), np.float32)
    for start in range(0, len(who), _BLOCK):
        its = who[start : start + _BLOCK]
        share = _shares(len(its), profile, rng)[:, None]
        own = share * people[its] + np.sqrt(1 - share**2) * rng.standard_normal((len(its), len(factor)), np.float32)
        own = centres[which[its]] + scale[its] * (own @ factor)
        faces[start : start + _BLOCK] = own / np.linalg.norm(own, axis=1, keepdims=True)
    return faces, who


def _people(count: int, profile: Profile, rng: np.random.Generator) -> Vectors:
    """Draw people: (count, D) float32, standard normal, those of one family alike."""
    smallest = rng.integers(_FAMILIES[-1], size=count)
    people = np.zeros((count, profile.dimension), np.float32)
    before = 0.0
    for families, alike in zip(_FAMILIES, _in_common(profile), strict=True):
        there, family = np.unique(smallest * families // _FAMILIES[-1], return_inverse=True)
        drawn = np.float32(np.sqrt(alike - before)) * rng.standard_normal((len(there), profile.dimension), np.float32)
        for start in range(0, count, _BLOCK):
            people[start : start + _BLOCK] += drawn[family[start : start + _BLOCK]]
        before = float(alike)
    for start in range(0, count, _BLOCK):
        own = rng.standard_normal(people[start : start + _BLOCK].shape, np.float32)
        people[start : start + _BLOCK] += np.float32(np.sqrt(1 - before)) * own
    return people


def _in_common(profile: Profile) -> NDArray[np.float64]:
    """Give the part of their deviations that members of each kind of family share: as rare as they are alike."""
    spread = float((profile.population.factor**2).sum())
    of_picture = (1 - float(np.median(profile.mates.cosines))) / spread
    cosine = profile.usual.level + strictness_at(1 / _FAMILIES, profile) * profile.usual.deviation
    alike = _IN_COMMON * (cosine - (1 - spread)) / spread / (1 - of_picture)
    return np.maximum.accumulate(np.clip(alike, 0, 0.97))


def _shares(count: int, profile: Profile, rng: np.random.Generator) -> Vectors:
    """Draw how much of each face's deviation from its centre is its person's: (count,) float32 in [0, 1)."""
    population, cosines = profile.population, profile.mates.cosines
    centres = (population.centres**2).sum(axis=1)
    spread = population.sizes * (population.factor**2).sum()
    # The cosine of two faces that have nothing but their centre in common.
    apart = float((population.shares * centres / (centres + spread)).sum())
    middle = float(np.median(cosines))
    usual = np.sqrt((middle - apart) / (1 - apart))
    off = np.interp(rng.random(count), np.linspace(0.0025, 0.9975, len(cosines)), cosines) - middle
    shares: Vectors = np.clip(usual + _OF_FACE * off / ((1 - apart) * usual), 0, 0.999).astype(np.float32)
    return shares
