"""The charts of the page: inline SVG whose places are percentages, so that text keeps its size at every width.

Colours are classes of the page's style sheet. Each chart carries its content as a label in words; texts are escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from markupsafe import Markup

from plugins.reports import drawing as draw
from plugins.reports import words
from plugins.reports.model import AgeBin, Filing, Night, People, Retention

_NARROWEST = 0.4
"""Percent: a mark narrower than this could not be seen; what it stands for is still counted beside the chart."""


class Part(NamedTuple):
    """One segment of a stacked bar."""

    tone: str
    size: int
    label: str


def stacked_bar(parts: Sequence[Part], label: str, height_px: int = 26) -> Markup:
    """Draw parts of a whole side by side, in the order given; parts of size zero are left out."""
    shown = [part for part in parts if part.size > 0]
    total = sum(part.size for part in shown)
    if not total:
        return draw.svg(height_px, f"{label}: nothing", draw.rect(0, 0, 100, height_px, "empty"))
    wide = [max(_NARROWEST, 100 * part.size / total) for part in shown]
    scale = 100 / sum(wide)
    marks, left = [], 0.0
    for part, width in zip(shown, wide, strict=True):
        marks.append(draw.rect(left, 0, width * scale, height_px, f"fill-{part.tone} seam"))
        left += width * scale
    told = "; ".join(f"{part.label} {part.size:,}" for part in shown)
    return draw.svg(height_px, f"{label}: {told}", *marks)


def interval_line(people: People) -> Markup:
    """Draw the head-count's interval as a band on a line from zero, with the threshold marked."""
    low, best, high = people.low or 0, people.best or 0, people.high or 0
    end, ticks = _axis(max(high, people.threshold or 0, 1))
    band = max(_NARROWEST, 100 * (high - low) / end)
    marks = [draw.line(0, 66, 100, 66, "axis")]
    marks += [draw.tick(100 * tick / end, 66, words.number(tick)) for tick in ticks]
    marks += [
        draw.rect(100 * low / end, 36, band, 22, "band"),
        draw.line(100 * best / end, 32, 100 * best / end, 62, "best"),
    ]
    label = f"{low:,} to {high:,} people, best estimate {best:,}"
    if people.threshold is not None:
        at = 100 * people.threshold / end
        marks += [draw.line(at, 20, at, 72, "limit"), draw.text(at, 13, f"limit: {words.limit(people)}", "limit-label")]
        label += f"; the limit is {words.limit(people)}"
    return draw.svg(90, label, *marks)


def time_line(filing: Filing, as_of: date) -> Markup:
    """Draw a filing clock from the crossing to the due day, with the report's day on it."""
    if filing.due_on is None:
        return Markup("")
    first = min(filing.crossed_on, as_of)
    days = max(1, (max(filing.due_on, as_of) - first).days)
    crossed, due, now = (3 + 94 * (day - first).days / days for day in (filing.crossed_on, filing.due_on, as_of))
    marks = [draw.rect(crossed, 36, max(due - crossed, _NARROWEST), 8, "track")]
    marks.append(draw.rect(crossed, 36, max(0, min(now, due) - crossed), 8, "elapsed"))
    if now > due:
        marks.append(draw.rect(due, 36, now - due, 8, "fill-alert"))
    marks += [draw.dot(crossed, 40, "dot"), draw.dot(due, 40, "dot due"), draw.line(now, 24, now, 52, "now")]
    due_row = 64 if due - crossed > 50 else 80
    marks += [
        draw.text(now, 16, f"report day {words.day(as_of)}", "now-label"),
        draw.text(crossed, 64, f"crossed {words.day(filing.crossed_on)}", "label"),
        draw.text(due, due_row, f"due {words.day(filing.due_on)}", "label strong"),
    ]
    label = f"crossed on {filing.crossed_on}, due on {filing.due_on}, report day {as_of}"
    return draw.svg(due_row + 8, label, *marks)


def age_histogram(retention: Retention) -> Markup:
    """Draw how old the things of one store are, those past the limit set off from the others."""
    bins, base = retention.ages, 78
    if not bins:
        return Markup("")
    width, tallest = 100 / len(bins), max(1, *(one.count for one in bins))
    marks = []
    for place, one in enumerate(bins):
        tone = "fill-alert" if _past(one, retention.max_days) else "fill-calm"
        height = max(3, 58 * one.count / tallest) if one.count else 0
        marks.append(draw.rect(place * width + 0.4, base - height, width - 0.8, height, tone))
    marks += [draw.line(0, base, 100, base, "axis"), draw.text(0, base + 14, "new", "label")]
    marks += _limit_mark(retention, width, base)
    label = f"age of {words.plain(retention.what)} in {retention.store}: {_told(bins)}"
    return draw.svg(98, label, *marks)


def history(nights: Sequence[Night], threshold: int | None) -> Markup:
    """Draw earlier head-counts as a band over time; the shape alone stretches, its labels do not."""
    end = 1.12 * max(1, threshold or 0, *(night.high for night in nights))
    first, days = nights[0].as_of, max(1, (nights[-1].as_of - nights[0].as_of).days)
    across = [(100 * (night.as_of - first).days / days, night) for night in nights]
    upper = [f"{x:.2f},{100 - 100 * night.high / end:.2f}" for x, night in across]
    lower = [f"{x:.2f},{100 - 100 * night.low / end:.2f}" for x, night in reversed(across)]
    middle = [f"{x:.2f},{100 - 100 * night.best / end:.2f}" for x, night in across]
    shape = Markup('<svg y="20" width="100%" height="90" viewBox="0 0 100 100" preserveAspectRatio="none">')
    shape += Markup('<polygon points="{}" class="band"/>').format(" ".join(upper + lower))
    shape += Markup('<polyline points="{}" class="best-line"/></svg>').format(" ".join(middle))
    marks = [shape, draw.line(0, 110, 100, 110, "axis")]
    if threshold is not None:
        at = 20 + 90 * (1 - threshold / end)
        marks += [draw.line(0, at, 100, at, "limit thin"), draw.text(0, at - 5, f"limit {threshold:,}", "limit-label")]
    for x, night in (across[0], across[-1]):
        marks.append(draw.text(x, 125, f"{words.day(night.as_of)}: {night.best:,}", "label"))
    told = f"from {nights[0].best:,} on {first} to {nights[-1].best:,} on {nights[-1].as_of}"
    return draw.svg(130, f"people on {len(nights)} days: {told}", *marks)


def _limit_mark(retention: Retention, width: float, base: int) -> list[Markup]:
    if retention.max_days is None:
        return [draw.text(100, base + 14, f"{retention.ages[-1].from_days:,} days and older", "label")]
    at = width * sum(not _past(one, retention.max_days) for one in retention.ages)
    marks = [
        draw.line(at, 12, at, base + 5, "limit thin"),
        draw.text(at, 9, f"limit {retention.max_days:,} days", "limit-label"),
    ]
    if retention.ages[-1].from_days > retention.max_days + 1:
        marks.append(draw.text(100, base + 14, f"{retention.ages[-1].from_days:,} days and older", "label"))
    return marks


def _past(one: AgeBin, max_days: int | None) -> bool:
    return max_days is not None and one.from_days > max_days


def _told(bins: Sequence[AgeBin]) -> str:
    spans = ((f"{b.from_days}-{b.to_days - 1}" if b.to_days else f"{b.from_days} and more", b.count) for b in bins)
    return "; ".join(f"{span} days: {count:,}" for span, count in spans if count)


def _axis(highest: int) -> tuple[float, list[int]]:
    """Give the end of an axis from zero, a little past ``highest``, and its round ticks."""
    rough = max(1.0, highest * 1.08 / 4)
    power = 10 ** math.floor(math.log10(rough))
    step = next(int(power * factor) for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough and power * factor >= 1)
    step = max(1, step)
    end = step * math.ceil(highest * 1.04 / step)
    return float(end), list(range(0, end + 1, step))
