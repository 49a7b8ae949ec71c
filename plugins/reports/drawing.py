"""Marks of the page's charts: places across are percent of the width, places down are pixels; texts are escaped."""

from __future__ import annotations

from markupsafe import Markup


def _anchor(x: float) -> str:
    return "start" if x < 22 else "end" if x > 78 else "middle"


def svg(height_px: int, label: str, *marks: Markup) -> Markup:
    """Wrap marks into a drawing as wide as its place; the label says in words what it shows."""
    opening = Markup('<svg class="chart" role="img" width="100%" height="{}" aria-label="{}">').format(height_px, label)
    return opening + Markup("").join(marks) + Markup("</svg>")


def rect(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    """Draw a box."""
    shape = Markup('<rect x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}" class="{}"/>')
    return shape.format(x, y, width, height, kind)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """Draw a straight line."""
    shape = Markup('<line x1="{:.2f}%" y1="{:.1f}" x2="{:.2f}%" y2="{:.1f}" class="{}"/>')
    return shape.format(x1, y1, x2, y2, kind)


def dot(x: float, y: float, kind: str) -> Markup:
    """Draw a dot."""
    return Markup('<circle cx="{:.2f}%" cy="{:.1f}" r="6" class="{}"/>').format(x, y, kind)


def text(x: float, y: float, said: str, kind: str) -> Markup:
    """Write a text, kept inside the drawing at its sides."""
    shape = Markup('<text x="{:.2f}%" y="{:.1f}" text-anchor="{}" class="{}">{}</text>')
    return shape.format(x, y, _anchor(x), kind, said)


def tick(x: float, y: float, said: str) -> Markup:
    """Draw a tick of an axis, with its text."""
    return line(x, y, x, y + 4, "axis") + text(x, y + 18, said, "label")
