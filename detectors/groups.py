"""Groups faces that are very likely of one person, for pseudonyms. The groups are not a head-count."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from detectors.cohort import Vectors, scale_of
from detectors.lookalikes import Labels, alike_pairs, strictness_at
from detectors.profile import Profile
from detectors.tidy import row_hashes, unit_vectors

# Strangers that a face is linked with, on average: groups would rather fall apart than flow together. Of pairs put
# together 98.7 % or more were of one person, among 100 to 2,880 people of LFW's held-out half; 80 % or more of
# all pairs of one person were put together (own measurement, 2026-11).
_STRANGERS = 0.003
# From so many faces on only those are compared that lie near the same landmarks: pairs alike enough to be linked do.
_EXACT = 20_000
_LANDMARKS_PER_ROOT, _NEAR = 4, 3
_SEED = 13


def group_faces(vectors: NDArray[np.floating], *, profile: Profile | None) -> Labels:
    """Group faces.

    Args:
        vectors: (N, D).
        profile: calibration of their encoder; None when it has none: then only copies fall together.

    Returns:
        (N,) int64, 0 to groups - 1. Which faces share a label depends on the set of vectors only, not on their order.

    Raises:
        BadVectors: another shape than the profile's, or a vector that is not finite or has no length.
    """
    unit = unit_vectors(vectors, profile)
    if not len(unit):
        return np.zeros(0, np.int64)
    _, first, back = np.unique(row_hashes(unit), return_index=True, return_inverse=True)
    distinct = unit[first]
    labels = np.arange(len(distinct)) if profile is None else _linked(distinct, profile)
    return labels[back.reshape(-1)].astype(np.int64)


def _linked(distinct: Vectors, profile: Profile) -> Labels:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    total = len(distinct)
    strictness = float(strictness_at(np.array([min(_STRANGERS / total, 0.005)]), profile)[0])
    scale = scale_of(distinct, profile)
    pairs = [alike_pairs(part, (distinct, scale), strictness) for part in _neighbourhoods(distinct)]
    one, other = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    links = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(total, total))
    labels: Labels = connected_components(links, directed=False)[1].astype(np.int64)
    return labels


def _neighbourhoods(distinct: Vectors) -> Iterator[Labels]:
    """Yield sets of faces that are worth comparing: all, or those near one landmark."""
    total = len(distinct)
    if total <= _EXACT:
        yield np.arange(total)
        return
    count = int(_LANDMARKS_PER_ROOT * total**0.5)
    landmarks = distinct[np.random.default_rng(_SEED).choice(total, count, replace=False)]
    near = np.empty((total, _NEAR), np.int32)
    for start in range(0, total, 2000):
        cosines = distinct[start : start + 2000] @ landmarks.T
        near[start : start + 2000] = np.argpartition(cosines, -_NEAR, axis=1)[:, -_NEAR:]
    faces = np.argsort(near.ravel(), kind="stable") // _NEAR
    for part in np.split(faces, np.cumsum(np.bincount(near.ravel(), minlength=count))[:-1]):
        if len(part) > 1:
            yield part.astype(np.int64)
