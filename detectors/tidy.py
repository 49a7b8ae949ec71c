"""Tidies sightings before they are counted: usable faces only, a picture stored twice once, one face of each track."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.cohort import Vectors
from detectors.errors import BadVectors
from detectors.lookalikes import Labels
from detectors.profile import Floats, Profile
from detectors.records import Sightings
from detectors.tracks import one_of_each_track

# Faces of a lower quality cannot be told apart: 0.5 % of LFW's are below, own measurement, 2026-11.
LEAST_QUALITY = 0.45
_HASH_ROWS = 4096


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TidyFaces:
    """Usable faces, each once, in an order that depends on nothing but them.

    Attributes:
        vectors: (N, D) float32 unit vectors.
        hashes: (N,) uint64 of them, rising.
        frames: (N,) int64; -1 when not known.
        subjects: (N,) int64; -1 for faces filed under nobody.
        poor: share of them below the profile's ``poor_below``.
        unusable: faces filed under nobody that are too small or blurred.
    """

    vectors: Vectors
    hashes: NDArray[np.uint64]
    frames: Labels
    subjects: Labels
    poor: float
    unusable: int


def tidy(sightings: Sightings, profile: Profile | None) -> TidyFaces:
    """Check and tidy.

    Raises:
        BadVectors: another shape than the profile's, or a vector that is not finite or has no length.
    """
    unit = unit_vectors(sightings.vectors, profile)
    total = len(unit)
    quality = _given(sightings.quality, total, 1.0, "quality")
    filed = _given(sightings.subjects, total, -1, "subjects").astype(np.int64)
    frames = _given(sightings.frames, total, -1, "frames").astype(np.int64)
    cameras = _given(sightings.cameras, total, -1, "cameras").astype(np.int64)
    seconds = _given(sightings.seconds, total, math.nan, "seconds")
    hashes = row_hashes(unit)
    kept, subjects = _each_once(unit, hashes, (frames, cameras, seconds, filed, -quality), filed)
    usable = quality[kept] >= LEAST_QUALITY
    unusable = int((~usable & (subjects < 0)).sum())
    kept, subjects = kept[usable], subjects[usable]
    if profile is not None and sightings.cameras is not None:
        unfiled = np.where(subjects < 0, cameras[kept], -1)
        alone = one_of_each_track(unit[kept], unfiled, seconds[kept], quality[kept], profile)
        kept, subjects = kept[alone], subjects[alone]
    graded = profile is not None and sightings.quality is not None and len(kept)
    poor = float((quality[kept] < profile.usual.poor_below).mean()) if profile and graded else 0.0
    return TidyFaces(unit[kept], hashes[kept], frames[kept], subjects, poor, unusable)


def unit_vectors(vectors: NDArray[np.floating], profile: Profile | None) -> Vectors:
    """Bring vectors, (N, D), to unit length.

    Raises:
        BadVectors: another shape than the profile's, or a vector that is not finite or has no length.
    """
    wanted = f"(N, {profile.dimension})" if profile else "(N, D)"
    if vectors.ndim != 2 or (profile is not None and vectors.shape[1] != profile.dimension):
        raise BadVectors(f"vectors have shape {vectors.shape}; {wanted} was expected: encode the faces again")
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))[:, None]
    if bad := int((~(np.isfinite(lengths) & (lengths > 0))).sum()):
        raise BadVectors(f"{bad} of {len(vectors)} vectors are not finite or have no length: encode these faces again")
    unit: Vectors = (vectors / lengths.astype(vectors.dtype)).astype(np.float32)
    return unit


def _given(values: NDArray[np.generic] | None, total: int, otherwise: float, name: str) -> Floats:
    if values is None:
        return np.full(total, otherwise)
    if values.shape != (total,):
        raise BadVectors(f"{name} have shape {values.shape}; {(total,)} was expected: one for each face")
    return values.astype(np.float64)


def _each_once(
    unit: Vectors, hashes: NDArray[np.uint64], keys: tuple[NDArray[np.generic], ...], subjects: Labels
) -> tuple[Labels, Labels]:
    """Order faces by a hash of their vectors and take each vector once; filed copies speak for the others.

    Of copies that with the least ``keys`` is taken, the last key first: it must not depend on the order given.
    """
    order = np.argsort(hashes, kind="stable")
    if (np.diff(hashes[order]) == 0).any():
        order = np.lexsort((*keys, hashes))
    fresh = np.ones(len(order), np.bool_)
    for start in range(1, len(order), _HASH_ROWS):
        rows = order[start - 1 : start + _HASH_ROWS]
        fresh[start : start + _HASH_ROWS] = (unit[rows[1:]] != unit[rows[:-1]]).any(axis=1)
    filed = np.full(int(fresh.sum()), -1, np.int64)
    np.maximum.at(filed, np.cumsum(fresh) - 1, subjects[order])
    return order[fresh], filed


def row_hashes(unit: Vectors) -> NDArray[np.uint64]:
    """Hash each row: a sum of its words times odd numbers, modulo 2^64, then mixed so that all bits are even.

    (The last steps are those of SplitMix64: Steele, Lea, Flood, OOPSLA 2014.)
    """
    rng = np.random.default_rng(3)
    odd = rng.integers(0, 2**63, unit.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    hashes = np.empty(len(unit), np.uint64)
    for start in range(0, len(unit), _HASH_ROWS):
        words = np.ascontiguousarray(unit[start : start + _HASH_ROWS]).view(np.uint32).astype(np.uint64)
        words ^= words >> np.uint64(13)
        hashes[start : start + _HASH_ROWS] = (words * odd).sum(axis=1, dtype=np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
    return hashes
