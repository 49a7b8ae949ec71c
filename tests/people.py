"""Made-up people as a calibration profile has them: strangers and mates are as much alike as it says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.profile import Profile

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]

# Without relatives strangers would be too seldom very much alike. So many families, and so much in common in each, give
# 0.85 to 1.13 times the shipped profile's rates from 3 % to 2 in a million, over 2,500 people.
_FAMILIES, _IN_COMMON = 60, 0.4
# By how much a face's own share spreads the mates' cosines, in deviations of theirs; the rest comes by itself. Chosen
# so that the quantiles agree with the shipped profile's.
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
        profile: whose population and mates are followed.
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
    people = _people(len(sizes), len(factor), rng)
    faces = np.empty((len(who), len(factor)), np.float32)
    for start in range(0, len(who), _BLOCK):
        its = who[start : start + _BLOCK]
        share = _shares(len(its), profile, rng)[:, None]
        own = share * people[its] + np.sqrt(1 - share**2) * rng.standard_normal((len(its), len(factor)), np.float32)
        own = centres[which[its]] + scale[its] * (own @ factor)
        faces[start : start + _BLOCK] = own / np.sqrt(np.einsum("ij,ij->i", own, own))[:, None]
    return faces, who


def _people(count: int, size: int, rng: np.random.Generator) -> Vectors:
    """Draw people: (count, size) float32, standard normal, those of one family alike."""
    people = rng.standard_normal((count, size), np.float32)
    families = np.float32(_IN_COMMON**0.5) * rng.standard_normal((_FAMILIES, size), np.float32)
    people *= np.float32((1 - _IN_COMMON) ** 0.5)
    for start in range(0, count, _BLOCK):
        part = people[start : start + _BLOCK]
        part += families[rng.integers(_FAMILIES, size=len(part))]
    return people


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
