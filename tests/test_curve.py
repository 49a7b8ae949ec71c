"""The threshold at which false merges and false splits balance."""

from __future__ import annotations

from detectors.curve import balanced
from detectors.records import CurvePoint


def test_the_balance_lies_where_the_straight_lines_between_the_points_cross() -> None:
    curve = [CurvePoint(1, 10, 0.9, 0.0), CurvePoint(2, 20, 0.4, 0.1), CurvePoint(3, 40, 0.1, 0.4)]
    point = balanced(curve)
    assert point is not None
    assert round(point.strictness, 6) == 2.5
    assert round(point.false_merge, 6) == round(point.false_split, 6) == 0.25
    assert round(point.groups, 6) == 30


def test_errors_that_never_cross_are_taken_where_they_are_nearest() -> None:
    curve = [CurvePoint(1, 10, 0.01, 0.03), CurvePoint(2, 20, 0.0, 0.2)]
    assert balanced(curve) == curve[0]


def test_of_no_curve_there_is_no_balance() -> None:
    assert balanced(()) is None
