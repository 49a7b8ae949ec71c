"""The charts of the head-count by match threshold: what plain clustering would print, and how wrong it would be."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from detectors.curve import balanced
from detectors.records import CurvePoint
from plugins.reports import drawing as draw
from plugins.reports import words
from plugins.reports.model import Interval

_TOP, _HEIGHT, _WHOLE = 34, 120, 176
"""Pixels: where a curve begins, how high it is, how high the drawing is with its texts."""

_CUT = 3


def groups_by_threshold(curve: Sequence[CurvePoint], unknown: Interval) -> Markup:
    """Draw how many groups plain clustering would make by match threshold, and the estimate as a band across.

    Groups beyond three times the estimate's upper end are cut off, or the band could not be seen; the label says so.
    """
    groups = [point.groups for point in curve]
    end = max(unknown.high, min(max(groups), _CUT * unknown.high), 1) * 1.08
    low, best, high = (_TOP + _HEIGHT * (1 - n / end) for n in (unknown.low, unknown.best, unknown.high))
    span = words.span(unknown.low, unknown.high)
    marks = [
        draw.rect(0, high, 100, max(1.0, low - high), "wash"),
        draw.line(0, best, 100, best, "best-estimate"),
        _curve(curve, [min(value, 2 * end) / end for value in groups], "plain-line"),
        *_threshold_axis(curve),
        draw.text(0, 11, f"plain clustering: {min(groups):,.0f} to {max(groups):,.0f}", "label"),
        draw.text(0, high - 5, f"estimate: {span}", "limit-label"),
    ]
    told = "; ".join(f"{point.groups:,.0f} at {point.strictness:.1f}" for point in _some(curve))
    return draw.svg(_WHOLE, f"groups by match threshold, loose to strict: {told}; estimate: {span} people", *marks)


def errors_by_threshold(curve: Sequence[CurvePoint]) -> Markup:
    """Draw the shares of false merges and false splits by match threshold, and where they are nearest."""
    merges, splits = [point.false_merge for point in curve], [point.false_split for point in curve]
    end = max(*merges, *splits, 0.01) * 1.08
    marks = [
        _curve(curve, [share / end for share in merges], "merge-line"),
        _curve(curve, [share / end for share in splits], "split-line"),
        *_threshold_axis(curve),
        draw.text(0, 11, f"joined, but two people: {_from_to(merges)}", "label merge"),
        draw.text(100, 27, f"one person, but apart: {_from_to(splits)}", "label split"),
    ]
    if balance := balanced(curve):
        first, last = curve[0].strictness, curve[-1].strictness
        across = 100 * (balance.strictness - first) / max(last - first, 1e-9)
        marks.append(draw.dot(across, _TOP + _HEIGHT * (1 - balance.false_merge / end), "dot"))
    told = "; ".join(
        f"at {point.strictness:.1f} {words.percent(point.false_merge)} of the joined pairs are two people, "
        f"{words.percent(point.false_split)} of one person's pairs are apart"
        for point in _some(curve)
    )
    return draw.svg(_WHOLE, f"errors by match threshold, loose to strict: {told}", *marks)


def _from_to(shares: Sequence[float]) -> str:
    return f"{words.percent(shares[0])} to {words.percent(shares[-1])}"


def _curve(curve: Sequence[CurvePoint], heights: Sequence[float], kind: str) -> Markup:
    """Draw a line over the thresholds; heights are shares of the chart's, what is above 1 is cut off."""
    first, width = curve[0].strictness, max(curve[-1].strictness - curve[0].strictness, 1e-9)
    places = (
        f"{100 * (point.strictness - first) / width:.2f},{100 * (1 - height):.2f}"
        for point, height in zip(curve, heights, strict=True)
    )
    shape = Markup('<svg y="{}" width="100%" height="{}" viewBox="0 0 100 100" preserveAspectRatio="none">')
    line = Markup('<polyline points="{}" class="{}"/></svg>').format(" ".join(places), kind)
    return shape.format(_TOP, _HEIGHT) + line


def _threshold_axis(curve: Sequence[CurvePoint]) -> list[Markup]:
    base = _TOP + _HEIGHT
    return [
        draw.line(0, base, 100, base, "axis"),
        draw.text(0, base + 15, f"{curve[0].strictness:.1f}, loose", "label"),
        draw.text(50, base + 15, "match threshold", "label"),
        draw.text(100, base + 15, f"strict, {curve[-1].strictness:.1f}", "label"),
    ]


def _some(curve: Sequence[CurvePoint]) -> Sequence[CurvePoint]:
    """Pick up to a dozen points, first and last among them, to be said in words."""
    return [*curve[: -1 : max(1, len(curve) // 6)], curve[-1]]
