"""Draws a report as one self-contained HTML page: no script, no font, no picture from anywhere else."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from plugins.reports import charts, curve_charts, words
from plugins.reports.charts import Part
from plugins.reports.model import Filing, Night, PurposeConsent, Report, Retention, Split

SECTIONS = (
    ("decide", "What to decide"),
    ("changed", "What changed"),
    ("clocks", "Clocks and policies"),
    ("attested", "Attestations"),
    ("consent", "Consent"),
    ("retention", "Retention"),
    ("stores", "Stores"),
    ("quarantine", "Not readable"),
    ("own", "What this tool holds"),
    ("counted", "How it was counted"),
    ("check", "How to check"),
)

_SEVERITY_TONES = {"high": "alert", "medium": "watch"}


def to_html(report: Report) -> str:
    """Give the page; every text of the report is escaped."""
    page: str = _template().render(
        r=report, **_coverage(report), **_consent(report), **_clocks(report), **_rest(report)
    )
    # File names may carry bytes that are no text; such halves of characters cannot be written as UTF-8.
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


@cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(w=words, c=charts, curves=curve_charts, sections=SECTIONS, severity_tone=_severity_tone)
    return environment.get_template("page.html.j2")


def _coverage(report: Report) -> dict[str, Any]:
    parts = [Part(tone, getattr(report.coverage, outcome), label) for outcome, (label, tone) in words.OUTCOMES.items()]
    bar = charts.stacked_bar(parts, f"{report.coverage.seen:,} stored objects", height_px=22)
    unlisted = sum(bool(store.problem) for store in report.stores)
    return {"coverage_parts": parts, "coverage_bar": bar, "unlisted": unlisted}


def _consent(report: Report) -> dict[str, Any]:
    bars = [_purpose(purpose) for purpose in report.consent.purposes]
    return {"consent_bars": bars}


def _purpose(purpose: PurposeConsent) -> dict[str, Any]:
    known = [state for state in words.STATES if state in purpose.states]
    ordered = known + sorted(state for state in purpose.states if state not in words.STATES)
    parts = [_state_part(state, purpose.states[state]) for state in ordered if purpose.states[state]]
    bar = charts.stacked_bar(parts, words.plain(purpose.purpose), height_px=18)
    return {"name": purpose.purpose, "total": sum(part.size for part in parts), "parts": parts, "bar": bar}


def _state_part(state: str, people: int) -> Part:
    label, tone = words.state_of(state)
    return Part(tone, people, label)


def _clocks(report: Report) -> dict[str, Any]:
    dues = [rule.next_due for rule in report.findings.rules if rule.next_due is not None]
    first_due = words.first_due(min(dues, default=None), report.run.as_of)
    return {"clocks": sorted(report.filing, key=_urgency), "first_due": first_due}


def _urgency(filing: Filing) -> tuple[bool, bool, bool, str]:
    return filing.filed_on is not None, not filing.in_force, filing.due_on is None, str(filing.due_on)


def _rest(report: Report) -> dict[str, Any]:
    count = report.people
    counted = count.best is not None and bool(report.coverage.examined or count.high)
    return {
        "counted": counted,
        "retentions": sorted(report.retention, key=_overdue_first),
        "overdue": sum(one.overdue for one in report.retention),
        "people_line": charts.interval_line(count) if counted else Markup(""),
        **_split(count.split if counted else None),
        "trend": charts.history(_nights(report), count.threshold) if len(_nights(report)) > 1 and counted else None,
    }


def _split(split: Split | None) -> dict[str, Any]:
    parts = words.split(split) if split else []
    bar = charts.stacked_bar([Part(tone, size, label) for tone, size, _, label in parts], "people", height_px=14)
    return {"split_parts": parts, "split_bar": bar}


def _nights(report: Report) -> list[Night]:
    """Give the head-counts of earlier days and, last, this one."""
    count, day = report.people, report.run.as_of
    earlier = [night for night in count.history if night.as_of < day]
    return [*earlier, Night(day, count.low or 0, count.best or 0, count.high or 0)]


def _overdue_first(one: Retention) -> tuple[int, str]:
    return -one.overdue, one.store


def _severity_tone(severity: str) -> str:
    return _SEVERITY_TONES.get(severity, "soft")
