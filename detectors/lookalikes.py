"""Finds every face's look-alikes: the raw observation behind the head-count.

Of a large collection a sample of faces is compared with all faces. The sample's error is known and small, and time
grows with the faces, not with their square. A face belongs to the sample by a hash of its own: a hundredth more faces
change a hundredth of the sample.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.cohort import Scale, Vectors
from detectors.profile import Floats, Profile

Labels = NDArray[np.int64]
Hashes = NDArray[np.uint64]

# Strangers that a face has above each strictness, on average; the first tells people with very many faces.
_STRANGERS = (30.0, 3.0, 1.0, 0.3, 0.1, 0.03)
_LARGEST_RATE, _LEAST_RATE = 0.02, 1e-9
# So many comparisons are made, if they do not compare all with all, for a sample of so many faces at least.
COMPARISONS, LEAST_SAMPLE = 300_000_000, 2000
# Of a face with more look-alikes than that, every second, fourth, ... is kept and speaks for the others.
MOST_KEPT = 2048
_ROWS, _COLUMNS = 256, 8192  # one tile of comparisons: 8 MB
_PAIRS = 50_000  # single pairs compared at once: 2 x 25 MB of vectors
# The fast product of two matrices rounds differently in other shapes; pairs so near the floor are compared again.
_ROUNDING = np.float32(1e-3)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Levels:
    """Strictnesses, rising, and the calibrated share of strangers above each: (L,) float64."""

    rates: Floats
    strictness: Floats


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Faces:
    """Faces to look among. Biometric data.

    Attributes:
        vectors: (N, D) float32 unit vectors.
        scale: of each.
        floors: (N,) float32, the strictness above which each is a look-alike of another face.
        hashes: (N,) uint64, evenly spread, of each face's vector.
    """

    vectors: Vectors
    scale: Scale
    floors: Vectors
    hashes: Hashes

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, index: Labels) -> Faces:
        return Faces(self.vectors[index], self.scale[index], self.floors[index], self.hashes[index])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pairs:
    """Look-alikes: (P,) ``rows`` of S faces asked about, (P,) ``others`` that are like them, and how much.

    Attributes:
        rows: int64, places in the list of faces asked about.
        others: int64, places among all faces.
        likeness: float32, strictnesses.
        halvings: (S,) int64; of a row's look-alikes one in 2^halvings is listed.
    """

    rows: Labels
    others: Labels
    likeness: Vectors
    halvings: Labels

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Pairs:
        return Pairs(self.rows[chosen], self.others[chosen], self.likeness[chosen], self.halvings)

    def counted(self, levels: Levels) -> Labels:
        """Count each row's look-alikes above each strictness: (S, L) int64."""
        rows, width = len(self.halvings), len(levels.strictness)
        above = np.searchsorted(levels.strictness.astype(np.float32), self.likeness)
        place = self.rows * (width + 1) + above
        counts = np.bincount(place, np.exp2(self.halvings[self.rows]), rows * (width + 1)).astype(np.int64)
        return counts.reshape(rows, width + 1)[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]


def levels_for(
    total: int, profile: Profile, strangers: tuple[float, ...] = _STRANGERS, largest: float = _LARGEST_RATE
) -> Levels:
    """Choose strictnesses at which a face among ``total`` has so many look-alikes that are strangers."""
    rates = np.unique(np.clip(np.array(strangers) / max(total, 1), _LEAST_RATE, largest))[::-1]
    return Levels(rates, strictness_at(rates, profile))


def strictness_at(rates: Floats, profile: Profile) -> Floats:
    """Give the strictness of some false rates; beyond the calibrated ones on the line through its last half."""
    known, at = -np.log(profile.strangers.rates), profile.strangers.strictness
    wanted = -np.log(rates)
    half = len(known) // 2
    slope = (at[-1] - at[-half]) / (known[-1] - known[-half])
    return np.where(wanted > known[-1], at[-1] + slope * (wanted - known[-1]), np.interp(wanted, known, at))


def sampled(hashes: Hashes) -> Labels:
    """Choose the faces to compare with all others, by their least hashes: (S,) int64, rising; all of up to 17,320."""
    total = len(hashes)
    size = max(LEAST_SAMPLE, COMPARISONS // max(total, 1))
    if total <= size:
        return np.arange(total)
    return np.sort(np.argpartition(hashes, size)[:size]).astype(np.int64)


def look_alikes(queries: Faces, faces: Faces, halvings: Labels) -> Pairs:
    """Find the look-alikes of some faces among others, themselves included where they are.

    Args:
        queries: S faces; their floors do not matter.
        faces: N faces.
        halvings: (S,) of each query's look-alikes only one in 2^halvings is wanted, fewer where there are too many.
    """
    starts = range(0, len(queries), _ROWS)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        parts = list(pool.map(lambda start: _block(queries, start, faces, halvings), starts))
    nothing = np.zeros(0, np.int64)
    return Pairs(
        np.concatenate([nothing, *(start + part.rows for start, part in zip(starts, parts, strict=True))]),
        np.concatenate([nothing, *(part.others for part in parts)]),
        np.concatenate([np.zeros(0, np.float32), *(part.likeness for part in parts)]),
        np.concatenate([nothing, *(part.halvings for part in parts)]),
    )


def thinned(pairs: Pairs, hashes: Hashes) -> Pairs:
    """Halve the lists that are too long, by the hashes of those listed: whatever is listed when, the rest is the same.

    Args:
        pairs: the lists.
        hashes: (N,) of the faces that ``pairs.others`` are places of.
    """
    halvings = pairs.halvings.copy()
    while True:
        every = (np.uint64(1) << halvings.astype(np.uint64)) - np.uint64(1)
        pairs = pairs[hashes[pairs.others] & every[pairs.rows] == 0]
        long = np.bincount(pairs.rows, minlength=len(halvings)) > MOST_KEPT
        if not long.any():
            return Pairs(pairs.rows, pairs.others, pairs.likeness, halvings)
        halvings += long


def _block(queries: Faces, start: int, faces: Faces, halvings: Labels) -> Pairs:
    """Look for a few faces, tile by tile, so that the tile stays in the processor's cache."""
    rows = np.arange(start, min(start + _ROWS, len(queries)))
    asked = queries[rows]
    found = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32), halvings[rows])
    for row, other in _candidates(asked, faces):
        if not len(row):
            continue
        unknown = np.zeros(len(row), np.float32)
        fresh = thinned(Pairs(row, other, unknown, found.halvings), faces.hashes)
        likeness = _likeness(asked, faces, fresh)
        fresh = Pairs(fresh.rows, fresh.others, likeness, fresh.halvings)[likeness > faces.floors[fresh.others]]
        found = thinned(_joined(found, fresh), faces.hashes)
    return found


def _joined(one: Pairs, other: Pairs) -> Pairs:
    return Pairs(
        np.concatenate([one.rows, other.rows]),
        np.concatenate([one.others, other.others]),
        np.concatenate([one.likeness, other.likeness]),
        other.halvings,
    )


def _candidates(asked: Faces, faces: Faces) -> Iterator[tuple[Labels, Labels]]:
    """Yield, tile by tile, the pairs that are above the floor or about there."""
    one, at = _weights(asked.scale)
    for start in range(0, len(faces), _COLUMNS):
        tile = slice(start, start + _COLUMNS)
        other, level = _weights(Scale(faces.scale.level[tile], faces.scale.deviation[tile]))
        likeness = asked.vectors @ faces.vectors[tile].T
        likeness *= one[:, None] + other
        likeness -= at[:, None] + (level + faces.floors[tile])
        place = np.flatnonzero(likeness > -_ROUNDING)
        row, column = np.divmod(place, likeness.shape[1])
        yield row, start + column


def _weights(scale: Scale) -> tuple[Vectors, Vectors]:
    """Split a pair's strictness, the mean of (cosine - level) / deviation of the two, into what each face adds."""
    weight = np.float32(0.5) / scale.deviation
    return weight, weight * scale.level


def _likeness(asked: Faces, faces: Faces, pairs: Pairs) -> Vectors:
    likeness = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), _PAIRS):
        rows, others = (list_[start : start + _PAIRS] for list_ in (pairs.rows, pairs.others))
        (one, at), (other, level) = _weights(asked.scale[rows]), _weights(faces.scale[others])
        cosines = np.einsum("ij,ij->i", asked.vectors[rows], faces.vectors[others])
        likeness[start : start + _PAIRS] = cosines * (one + other) - (at + level)
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
