"""Counts people: how many different faces a collection of vectors holds; and groups faces for pseudonyms.

Groups are not counted. Pictures of one person that differ much fall apart, people who look alike flow together, and
the threshold that balances the two is another one in every collection. Instead, at one threshold every face has so
many look-alikes. How often a true mate is among them and how often a stranger is, is known from labelled faces;
``lookalikes`` solves for the people from that. The interval comes from solving again with both chances moved to either
side, as far as other collections were seen to differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from detectors.dlib_weights import VECTOR_SIZE
from detectors.errors import BadVectors
from detectors.lookalikes import Labels, people_behind, threshold
from detectors.records import PeopleCount

METHOD = "look-alikes-1"
"""Changes whenever the same vectors would give another count."""

# The 90 % quantile of the cosine of two strangers where ``lookalikes`` was calibrated. Where strangers are more alike
# (the people of one town, or of origins that the encoder tells apart badly) the scale moves: the false rates measured
# among 140 people with East Asian names, among women, and among the 40 people of ORL follow by 0.45 to 0.75 of the
# move, recall by about a quarter.
_STRANGERS_Q90 = 0.8868
_FALSE_RATE_FOLLOWS, _RECALL_FOLLOWS, _LARGEST_MOVE = 0.6, 0.25, 0.06
# Faces above these cosines are one person for the purpose of measuring strangers.
_LOOSE_COSINE, _STRICT_COSINE = 0.955, 0.965
# Groups that stay below this cosine are different people: 998 of 1,000 pairs of mates are above it.
_APART_COSINE = 0.88
# Strangers needed to begin to trust that measurement, to trust it fully, and the most that are taken; and the faces for
# each of them from which on it is trusted less.
_FEW, _ENOUGH, _SAMPLE, _CROWDED = 10, 35, 2000, 20
# How far recall and false rate may be off at 95 % confidence, in cosine: fixed, and per unit of the measured move.
_RECALL_SLACK, _FALSE_RATE_SLACK = (0.004, 0.3), (0.006, 0.25)
# Standard error of ``best`` relative to it, times the root of the people; from repeated draws of 50 to 800 people.
_SAMPLING = 0.4
_Z95 = NormalDist().inv_cdf(0.975)
_BLOCK_PAIRS = 4_000_000  # similarities held at once: 16 MB

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Faces:
    """Distinct unit vectors in lexicographic order, the frame each is in if known, and the way back."""

    vectors: Vectors
    frames: Labels | None
    back: Labels


@dataclass(frozen=True, slots=True)
class _Move:
    """How much more alike strangers are than where the calibration was made, in cosine: for sure, and possibly more."""

    measured: float
    possible: float

    def recall_at(self, cosine: float, slack: float = 0.0) -> float:
        """Say at which cosine of the calibration to read the recall; a positive slack makes for fewer people."""
        return cosine - _RECALL_FOLLOWS * self.measured + slack * (_RECALL_SLACK[0] + _RECALL_SLACK[1] * self.measured)

    def false_at(self, cosine: float, slack: float = 0.0) -> float:
        """Say at which cosine of the calibration to read the false rate; a positive slack makes for fewer people."""
        reach = _FALSE_RATE_SLACK[0] + _FALSE_RATE_SLACK[1] * self.measured
        if slack < 0:
            reach += _FALSE_RATE_FOLLOWS * self.possible
        return cosine - _FALSE_RATE_FOLLOWS * self.measured + slack * reach


def count_people(
    vectors: NDArray[np.floating], *, confidence: float = 0.95, frames: NDArray[np.integer] | None = None
) -> PeopleCount:
    """Estimate how many different people a collection shows.

    Memory grows with the faces, time with their square: 20,000 take seven seconds of one core at 2.5 GHz, and 150 MB.

    Args:
        vectors: (N, 128), as ``encoder.FaceEncoder`` makes them; any order gives the same count.
        confidence: that the truth lies in the interval, in (0, 1).
        frames: (N,) a number per picture or video frame; faces in one frame are taken for different people.

    Returns:
        low, best and high; 0, 0, 0 of nothing and 1, 1, 1 of one face.

    Raises:
        BadVectors: another shape, or a vector that is not finite or has no length.
        ValueError: ``confidence`` outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; a number between 0 and 1 was expected, such as 0.95")
    faces = _distinct(vectors, frames)
    total = len(faces.vectors)
    if total <= 1:
        return PeopleCount(total, total, total, confidence, METHOD)
    return _interval(faces, confidence)


def group_faces(vectors: NDArray[np.floating]) -> Labels:
    """Group faces that are very likely of one person, for pseudonyms. The groups are not a head-count.

    Args:
        vectors: (N, 128), as ``encoder.FaceEncoder`` makes them.

    Returns:
        (N,) int64, 0 to groups - 1. A face's label depends on the set of vectors only, not on their order.

    Raises:
        BadVectors: another shape, or a vector that is not finite or has no length.
    """
    faces = _distinct(vectors, None)
    if not len(faces.vectors):
        return np.zeros(0, np.int64)
    move = _measured_move(faces)
    cosine = threshold(len(faces.vectors), 0.01) + _FALSE_RATE_FOLLOWS * move.measured
    labels = np.unique(_components(faces, cosine), return_inverse=True)[1]
    return labels[faces.back].astype(np.int64)


def _distinct(vectors: NDArray[np.floating], frames: NDArray[np.integer] | None) -> _Faces:
    """Check vectors and bring them into an order of their own, each once: a picture stored twice shows nobody new."""
    if vectors.ndim != 2 or vectors.shape[1] != VECTOR_SIZE:
        raise BadVectors(f"vectors have shape {vectors.shape}; (N, {VECTOR_SIZE}) was expected: encode the faces again")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if bad := int((~(np.isfinite(lengths) & (lengths > 0))).sum()):
        raise BadVectors(f"{bad} of {len(vectors)} vectors are not finite or have no length: encode these faces again")
    unit, back = np.unique((vectors / lengths).astype(np.float32), axis=0, return_inverse=True)
    back = back.reshape(-1).astype(np.int64)
    if frames is None:
        return _Faces(unit, None, back)
    if frames.shape != back.shape:
        raise BadVectors(f"frames have shape {frames.shape}; {back.shape} was expected: one number a face")
    first = np.full(len(unit), np.iinfo(np.int64).max)
    np.minimum.at(first, back, frames.astype(np.int64))
    return _Faces(unit, first, back)


def _interval(faces: _Faces, confidence: float) -> PeopleCount:
    total = len(faces.vectors)
    slack = NormalDist().inv_cdf((1 + confidence) / 2) / _Z95
    move = _measured_move(faces)
    cosine, degrees = _look_alikes(faces, move)
    low, best, high = (
        people_behind(degrees, move.recall_at(cosine, side), move.false_at(cosine, side))
        for side in (slack, 0.0, -slack)
    )
    sampling = slack * _Z95 * _SAMPLING / math.sqrt(max(best, 1.0))
    apart = _surely_apart(faces)
    middle = min(max(round(best), apart), total)
    return PeopleCount(
        low=max(apart, min(middle, math.floor(min(low, best) * (1 - sampling)))),
        best=middle,
        high=min(total, max(middle, math.ceil(max(high, best) * (1 + sampling)))),
        confidence=confidence,
        method=METHOD,
        notes=_notes(move),
    )


def _notes(move: _Move) -> tuple[str, ...]:
    if move.measured + move.possible < 0.02:
        return ()
    return ("strangers here look more alike than those the count was calibrated on: the interval is wide",)


def _surely_apart(faces: _Faces) -> int:
    """Count groups at a threshold that hardly ever splits a person; of use in small collections only."""
    if len(faces.vectors) > 500:
        return 1
    return len(np.unique(_components(faces, _APART_COSINE)))


def _look_alikes(faces: _Faces, move: _Move) -> tuple[float, Labels]:
    """Choose the threshold and count every face's look-alikes there.

    The more faces a person has, the less a stranger among the look-alikes matters and the more a missed mate does.
    """
    total, faces_each = len(faces.vectors), 1.0
    cosine, degrees = 0.0, np.zeros(0, np.int64)
    for _ in range(3):
        strangers = min(0.05 * faces_each**1.25, max(1.0, 0.02 * faces_each))
        cosine = min(threshold(total, strangers) + _FALSE_RATE_FOLLOWS * move.measured, 0.975)
        degrees = _degrees(faces, cosine)
        faces_each = total / max(people_behind(degrees, move.recall_at(cosine), move.false_at(cosine)), 1.0)
    return cosine, degrees


def _measured_move(faces: _Faces) -> _Move:
    """Compare the strangers of this collection with those of the calibration.

    One face stands for each group of sure mates. Where a few people are much photographed, their odd pictures stand
    apart at a strict threshold and pass for strangers; where people look alike, a loose one joins strangers. The loose
    measure is believed if enough faces are left and these are no small part of all; what the strict one finds beyond
    it counts as possible.
    """
    count, loose = _strangers_alike(faces, _LOOSE_COSINE)
    trust = float(np.clip((count - _FEW) / (_ENOUGH - _FEW), 0.0, 1.0))
    trust *= float(np.clip(2 - len(faces.vectors) / max(count, 1) / _CROWDED, 0.0, 1.0))
    measured = trust * loose
    return _Move(measured, max(_strangers_alike(faces, _STRICT_COSINE)[1] - measured, 0.0))


def _strangers_alike(faces: _Faces, sure: float) -> tuple[int, float]:
    """Give the groups of faces above a cosine, and how far their 90 % quantile lies above the calibration's."""
    strangers = faces.vectors[np.unique(_components(faces, sure))]
    if len(strangers) < 2:
        return len(strangers), 0.0
    some = strangers[np.linspace(0, len(strangers) - 1, min(len(strangers), _SAMPLE)).astype(int)]
    pairs = (some @ some.T)[np.triu_indices(len(some), 1)]
    return len(strangers), float(np.clip(np.quantile(pairs, 0.9) - _STRANGERS_Q90, 0.0, _LARGEST_MOVE))


def _blocks(faces: _Faces) -> Iterator[tuple[int, Vectors]]:
    """Yield (first row, cosines of some rows with all faces from that row on): every pair once, above the diagonal.

    A face with itself, with those before it, and with the others of its frame has -1.
    """
    total = len(faces.vectors)
    rows = max(1, min(total, _BLOCK_PAIRS // total))
    below = np.tri(rows, dtype=bool)
    for start in range(0, total, rows):
        cosines = faces.vectors[start : start + rows] @ faces.vectors[start:].T
        size = len(cosines)
        cosines[:, :size][below[:size, :size]] = -1
        if faces.frames is not None:
            np.copyto(cosines, -1, where=faces.frames[start : start + size, None] == faces.frames[start:])
        yield start, cosines


def _degrees(faces: _Faces, cosine: float) -> Labels:
    degrees = np.zeros(len(faces.vectors), np.int64)
    for start, block in _blocks(faces):
        alike = block > cosine
        degrees[start : start + len(block)] += np.count_nonzero(alike, axis=1)
        degrees[start:] += np.count_nonzero(alike, axis=0)
    return degrees


def _components(faces: _Faces, cosine: float) -> Labels:
    """Label connected components by their first face, joining the edges block by block."""
    labels = np.arange(len(faces.vectors))
    for start, block in _blocks(faces):
        place = np.flatnonzero(block > cosine)
        one, other = start + place // block.shape[1], start + place % block.shape[1]
        while (differ := labels[one] != labels[other]).any():
            one, other = one[differ], other[differ]
            a, b = labels[one], labels[other]
            np.minimum.at(labels, np.maximum(a, b), np.minimum(a, b))
            while (labels != labels[labels]).any():
                labels = labels[labels]
    return labels
