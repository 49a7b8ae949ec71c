"""Compares face boxes and brings together the candidates that are of one face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = NDArray[np.float64]
"""(4,) float64: left, top, right, bottom in pixels of the picture."""

# Two candidates are of one face from this overlap on (intersection over union), or when the smaller lies in the larger
# to this share and is not very much smaller: the near model draws coarse boxes around small faces.
SAME_OVERLAP, SAME_INSIDE, SAME_LEAST = 0.35, 0.8, 0.2


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Candidate:
    """A place that may be a face.

    Attributes:
        box: (4,) left, top, right, bottom in pixels of the picture.
        score: of the model that proposed it, in (0, 1).
        sure: whether that model is sure, and knows faces that others do not.
    """

    box: Box
    score: float
    sure: bool = False


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    shared = _shared(one, other)
    union = area(one) + area(other) - shared
    return shared / union if union > 0 else 0.0


def area(box: Box) -> float:
    """Area of a box in square pixels; a box turned inside out has none."""
    return float(max(box[2] - box[0], 0) * max(box[3] - box[1], 0))


def is_same_face(one: Box, other: Box) -> bool:
    """Tell whether two boxes are of one face."""
    if (share := overlap(one, other)) >= SAME_OVERLAP:
        return True
    smaller = min(area(one), area(other))
    return share >= SAME_LEAST and smaller > 0 and _shared(one, other) / smaller >= SAME_INSIDE


def group(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Gather candidates by face; the best of each comes first, and the best faces come first."""
    groups: list[list[Candidate]] = []
    for candidate in sorted(candidates, key=_rank):
        home = next((members for members in groups if is_same_face(candidate.box, members[0].box)), None)
        if home is None:
            groups.append([candidate])
        else:
            home.append(candidate)
    return groups


def _rank(candidate: Candidate) -> tuple[float, ...]:
    return (-candidate.score, *candidate.box.tolist())


def _shared(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return float(max(width, 0.0) * max(height, 0.0))


def clipped(box: Box, width: int, height: int) -> Box:
    """Keep the part of a box that lies in the picture."""
    return np.clip(box, 0, np.array([width, height, width, height], np.float64))
