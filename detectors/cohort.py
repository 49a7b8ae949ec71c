"""How alike a face is to strangers: the scale on which two faces are compared.

A cosine means different things for different faces: a blurred face, or one of a group that the encoder tells apart
badly, is like everybody. So every face is compared with a cohort of other people first, and a pair's likeness is given
in deviations above what is usual for the two: their *strictness*. (Score normalisation of speaker recognition:
R. Auckenthaler, M. Carey, H. Lloyd-Thomas, "Score normalization for text-independent speaker verification systems",
Digital Signal Processing 10, 2000; here with the upper part of the cohort only, as in its adaptive forms.)

The false rate at a given strictness is nearly the same in every collection: among 50 to 2,700 people of LFW the
strictness of a rate of 0.1 % was 5.3 to 5.6, and in groups of people who look alike the rate rises 1.2 to 4 times,
against 11 to 111 times at a fixed cosine (own measurement, 2026-11).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.profile import Profile

# Part of a face's strangers, by rank of likeness, that sets its scale: below the top, where its mates may be.
_BAND = (0.80, 0.97)
# Faces of the collection in the cohort at most, and made-up people beside them: alone, 50 strangers give a face's
# deviation with an error of a third.
_COHORT, _MADE_UP = 1000, 100
_SEED = 7
_BLOCK = 4_000_000  # cosines that a thread holds at once: 16 MB

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scale:
    """Of each face: (N,) float32 level and deviation of its strangers' cosines."""

    level: NDArray[np.float32]
    deviation: NDArray[np.float32]

    def __getitem__(self, index: NDArray[np.int64]) -> Scale:
        return Scale(self.level[index], self.deviation[index])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cohort:
    """Whom faces are compared with.

    Attributes:
        rows: (C,) int64, places of faces of the collection.
        shares: how the made-up people beside them spread over the profile's population.
    """

    rows: NDArray[np.int64]
    shares: NDArray[np.float64]


def scale_of(vectors: Vectors, profile: Profile) -> Scale:
    """Compare every face with a cohort of its own collection.

    Args:
        vectors: (N, D) float32 unit vectors, distinct, in an order of their own.
        profile: of their encoder.
    """
    cohort = cohort_of(vectors, profile)
    return scale_against(vectors, vectors[cohort.rows], cohort.shares, profile)


def cohort_of(vectors: Vectors, profile: Profile) -> Cohort:
    """Choose a cohort: up to 1,000 of the faces, one for each sure group, and 100 made-up people; see ``scale_of``."""
    sample = np.sort(np.random.default_rng(_SEED).permutation(len(vectors))[:_COHORT])
    chosen = vectors[sample]
    alone = np.unique(joined(chosen @ chosen.T > profile.usual.sure_cosine), return_index=True)[1]
    return Cohort(sample[alone], profile.population.shares_of(chosen[alone]))


def scale_against(vectors: Vectors, people: Vectors, shares: NDArray[np.float64], profile: Profile) -> Scale:
    """Compare every face with a cohort.

    Args:
        vectors: (N, D) float32 unit vectors.
        people: (C, D) float32 unit vectors of the cohort.
        shares: see ``Cohort``.
        profile: of their encoder.
    """
    made_up = profile.population.draw(_MADE_UP, np.random.default_rng(_SEED), shares)
    cohort = np.concatenate([people, made_up])
    scale = Scale(np.empty(len(vectors), np.float32), np.empty(len(vectors), np.float32))
    rows = max(1, _BLOCK // len(cohort))

    def fill(start: int) -> None:
        block = slice(start, start + rows)
        cosines = vectors[block] @ cohort.T
        # A face itself, and its sure mates, are no strangers.
        theirs = cosines[:, : len(people)]
        np.copyto(theirs, -1, where=theirs > profile.usual.sure_cosine)
        scale.level[block], scale.deviation[block] = _band(cosines)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(fill, range(0, len(vectors), rows)))
    return scale


def _band(cosines: Vectors) -> tuple[Vectors, Vectors]:
    count = cosines.shape[1]
    low, high = int(_BAND[0] * count), int(_BAND[1] * count)
    cosines.partition(low, axis=1)
    upper = np.ascontiguousarray(cosines[:, low:])
    upper.partition(high - 1 - low, axis=1)
    band = upper[:, : high - low]
    return band.mean(axis=1), band.std(axis=1)


def joined(alike: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Label the connected components of a symmetric (N, N) relation: (N,) int64 from 0."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    labels: NDArray[np.int64] = connected_components(csr_array(alike), directed=False)[1].astype(np.int64)
    return labels
