"""Counts every face's look-alikes at several strictnesses: the raw observation behind the head-count.

Of a large collection a sample of faces is compared with all faces. The sample's error is known and small, and time
grows with the faces, not with their square.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.cohort import Scale, Vectors
from detectors.profile import Floats, Profile

Labels = NDArray[np.int64]

# Strangers that a face has above each strictness, on average; the first tells people with very many faces.
_STRANGERS = (30.0, 3.0, 1.0, 0.3, 0.1, 0.03)
_LARGEST_RATE, _LEAST_RATE = 0.02, 1e-9
SAMPLE = 20_000
_SEED = 11
_ROWS, _COLUMNS = 64, 16_384  # one tile of comparisons: 4 MB
PAIRS = 50_000  # single pairs compared at once: 2 x 25 MB of vectors


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Levels:
    """Strictnesses, rising, and the calibrated share of strangers above each: (L,) float64."""

    rates: Floats
    strictness: Floats


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LookAlikes:
    """Look-alikes of sampled faces.

    Attributes:
        sample: (S,) int64, which faces.
        counts: (S, L) int64, look-alikes of each above each strictness.
    """

    sample: Labels
    counts: Labels


def levels_for(total: int, profile: Profile, strangers: tuple[float, ...] = _STRANGERS) -> Levels:
    """Choose strictnesses at which a face among ``total`` has so many look-alikes that are strangers."""
    rates = np.unique(np.clip(np.array(strangers) / max(total, 1), _LEAST_RATE, _LARGEST_RATE))[::-1]
    return Levels(rates, strictness_at(rates, profile))


def strictness_at(rates: Floats, profile: Profile) -> Floats:
    """Give the strictness of some false rates; beyond the calibrated ones on the line through its last half."""
    known, at = -np.log(profile.strangers.rates), profile.strangers.strictness
    wanted = -np.log(rates)
    half = len(known) // 2
    slope = (at[-1] - at[-half]) / (known[-1] - known[-half])
    return np.where(wanted > known[-1], at[-1] + slope * (wanted - known[-1]), np.interp(wanted, known, at))


def sampled(total: int) -> Labels:
    """Choose the faces to compare with all others: (S,) int64, rising; all of them up to ``SAMPLE``."""
    if total <= SAMPLE:
        return np.arange(total)
    return np.sort(np.random.default_rng(_SEED).choice(total, SAMPLE, replace=False))


def look_alikes(
    queries: tuple[Vectors, Scale], faces: tuple[Vectors, Scale], levels: Levels, same: tuple[Labels, Labels]
) -> Labels:
    """Count the look-alikes of some faces among others.

    Args:
        queries: (S, D) unit vectors and their scale.
        faces: (N, D) unit vectors and their scale.
        levels: where to count.
        same: (P,) rows of ``queries`` and (P,) rows of ``faces`` that are not to be counted: a face itself, and the
            others of its frame.

    Returns:
        (S, L) int64.
    """
    starts = range(0, len(queries[0]), _ROWS)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        parts = pool.map(lambda start: _block(_part(queries, start), faces, levels), starts)
        counts = np.concatenate([np.zeros((0, len(levels.rates)), np.int64), *parts])
    for start in range(0, len(same[0]), PAIRS):
        rows, others = (pairs[start : start + PAIRS] for pairs in same)
        likeness = _pairs(queries, faces, rows, others)
        for level, strictness in enumerate(levels.strictness.astype(np.float32)):
            np.subtract.at(counts[:, level], rows[likeness > strictness], 1)
    return counts


def _part(queries: tuple[Vectors, Scale], start: int) -> tuple[Vectors, Scale]:
    rows = np.arange(start, min(start + _ROWS, len(queries[0])))
    return queries[0][rows], queries[1][rows]


def _block(queries: tuple[Vectors, Scale], faces: tuple[Vectors, Scale], levels: Levels) -> Labels:
    """Count for a few rows, tile by tile, so that the tile stays in the processor's cache."""
    rows, width = len(queries[0]), len(levels.strictness)
    strictness = levels.strictness.astype(np.float32)
    counts = np.zeros(rows * (width + 1), np.int64)
    one, at = _weights(queries[1])
    for start in range(0, len(faces[0]), _COLUMNS):
        stop = start + _COLUMNS
        other, level = _weights(Scale(faces[1].level[start:stop], faces[1].deviation[start:stop]))
        likeness = queries[0] @ faces[0][start:stop].T
        likeness *= one[:, None] + other
        likeness -= at[:, None] + level
        place = np.flatnonzero(likeness > strictness[0])
        above = np.searchsorted(strictness, likeness.ravel()[place])
        counts += np.bincount(place // likeness.shape[1] * (width + 1) + above, minlength=len(counts))
    reached = counts.reshape(rows, width + 1)[:, ::-1].cumsum(axis=1)[:, ::-1]
    return reached[:, 1:]


def _weights(scale: Scale) -> tuple[Vectors, Vectors]:
    """Split a pair's strictness, the mean of (cosine - level) / deviation of the two, into what each face adds."""
    weight = np.float32(0.5) / scale.deviation
    return weight, weight * scale.level


def _pairs(queries: tuple[Vectors, Scale], faces: tuple[Vectors, Scale], rows: Labels, others: Labels) -> Vectors:
    (one, at), (other, level) = _weights(queries[1][rows]), _weights(faces[1][others])
    cosines = np.einsum("ij,ij->i", queries[0][rows], faces[0][others])
    likeness: Vectors = cosines * (one + other) - (at + level)
    return likeness


def alike_pairs(part: Labels, faces: tuple[Vectors, Scale], strictness: float) -> tuple[Labels, Labels]:
    """Find the pairs among some faces, by their positions in all, that are above a strictness.

    Returns:
        (P,) int64 one, (P,) int64 other.
    """
    vectors, scale = faces[0][part], faces[1][part]
    weight, at = _weights(scale)
    ones, others = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(part), _ROWS):
        rows = slice(start, start + _ROWS)
        likeness = vectors[rows] @ vectors[start:].T
        likeness *= weight[rows, None] + weight[start:]
        likeness -= at[rows, None] + at[start:]
        one, other = np.nonzero(likeness > strictness)
        above = other > one
        ones.append(part[start + one[above]])
        others.append(part[start + other[above]])
    return np.concatenate(ones), np.concatenate(others)
