"""Reads the curve of a head-count: what plain clustering would print by match threshold, and how wrong it would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from itertools import pairwise

from detectors.records import CurvePoint


def balanced(curve: Sequence[CurvePoint]) -> CurvePoint | None:
    """Find the threshold at which false merges and false splits are equally frequent.

    Args:
        curve: by rising strictness.

    Returns:
        The point on the straight line between the two neighbours where the rates cross; where they do not, the point at
        which they are nearest to each other; None of no curve.
    """
    for before, after in pairwise(curve):
        here, there = _lead(before), _lead(after)
        if here * there <= 0 and here != there:
            share = here / (here - there)
            between = zip(astuple(before), astuple(after), strict=True)
            return CurvePoint(*(one + share * (other - one) for one, other in between))
    return min(curve, key=lambda point: abs(_lead(point)), default=None)


def _lead(point: CurvePoint) -> float:
    return point.false_merge - point.false_split
