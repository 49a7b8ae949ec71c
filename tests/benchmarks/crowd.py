"""Makes faces of a crowd whose likeness follows a calibration profile, into its far tail.

A mixture of Gaussians alone has too few look-alikes: of a million pairs hardly any. So people come in families of
families, each four times as many and more alike than the one before; how alike is set so that the rate of strangers
above each strictness is the profile's, within a third down to one in a million (`make bench ONLY=scale` prints it).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.lookalikes import strictness_at
from detectors.profile import Profile

_LEVELS = np.arange(2, 10)  # 4^2 to 4^9 families
_CLOSENESS = 0.85
_OF_FACE = 0.57
_BLOCK = 50_000

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]


def crowd(people: int, each: int, profile: Profile, seed: int = 0) -> tuple[Vectors, Labels]:
    """Draw ``each`` faces of every person: (N, D) float32 unit vectors in random order, (N,) whose they are."""
    rng = np.random.default_rng(seed)
    population = profile.population
    which = rng.choice(len(population.shares), people, p=population.shares)
    scale = np.sqrt(population.sizes).astype(np.float32)[which, None]
    factor = population.factor.T.astype(np.float32)
    persons = scale * (_relatives(people, profile, rng) @ factor)
    centres = population.centres.astype(np.float32)
    who = rng.permutation(np.repeat(np.arange(people), each))
    faces = np.empty((len(who), profile.dimension), np.float32)
    for start in range(0, len(who), _BLOCK):
        its = who[start : start + _BLOCK]
        share = _shares(len(its), profile, rng)[:, None]
        part = rng.standard_normal((len(its), profile.dimension), np.float32) @ factor
        part *= scale[its] * np.sqrt(1 - share**2)
        part += persons[its] * share + centres[which[its]]
        faces[start : start + _BLOCK] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return faces, who


def _relatives(people: int, profile: Profile, rng: np.random.Generator) -> Vectors:
    """Draw standard normal vectors, (people, D), that agree in part within each family."""
    family = rng.integers(0, 4 ** _LEVELS[-1], people)
    drawn, before = np.zeros((people, profile.dimension), np.float32), 0.0
    for level, close in zip(_LEVELS.tolist(), _closeness(profile), strict=True):
        shared = rng.standard_normal((4**level, profile.dimension), np.float32)
        drawn += np.float32(np.sqrt(close - before)) * shared[family // 4 ** (int(_LEVELS[-1]) - level)]
        before = close
    return drawn + np.float32(np.sqrt(1 - before)) * rng.standard_normal(drawn.shape, np.float32)


def _closeness(profile: Profile) -> NDArray[np.float64]:
    """Give the part of their deviation that members of a family share: their likeness is as rare as they are."""
    spread = float((profile.population.factor**2).sum())
    of_picture = (1 - float(np.median(profile.mates.cosines))) / spread
    cosine = profile.usual.level + strictness_at(4.0**-_LEVELS, profile) * profile.usual.deviation
    close = (cosine - (1 - spread)) / spread / (1 - of_picture) * _CLOSENESS
    return np.maximum.accumulate(np.clip(close, 0, 0.97))


def _shares(count: int, profile: Profile, rng: np.random.Generator) -> Vectors:
    """Draw how much of each face's deviation is its person's, so that mates' cosines spread as the profile's do."""
    population, cosines = profile.population, profile.mates.cosines
    centres = (population.centres**2).sum(axis=1)
    spread = population.sizes * (population.factor**2).sum()
    apart = float((population.shares * centres / (centres + spread)).sum())
    middle = float(np.median(cosines))
    usual = np.sqrt((middle - apart) / (1 - apart))
    off = np.interp(rng.random(count), np.linspace(0.0025, 0.9975, len(cosines)), cosines) - middle
    return np.clip(usual + _OF_FACE * off / ((1 - apart) * usual), 0, 0.999).astype(np.float32)
