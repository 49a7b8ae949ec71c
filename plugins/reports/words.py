"""The sentences and number formats of the report: what a figure means, in words an officer can act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from detectors.curve import balanced
from detectors.errors import remedy_for
from detectors.records import CurvePoint
from plugins.reports.model import (
    Attestation,
    Consent,
    Coverage,
    Delta,
    Filing,
    Findings,
    Forecast,
    People,
    Report,
    Retention,
    Split,
    Videos,
)

DASH = "–"
SOON_DAYS = 5
"""A clock with this many days left or fewer is shown as pressing: a working week, own choice."""

_LIKE = 0.8
"""From here on a collection counts as like those of the calibration: ``identities`` gives no reason against it."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

STATES = {
    "consented": ("consent on record", "good"),
    "other_ground_attested": ("other ground attested", "good-2"),
    "bundled_or_unlimited": ("consent bundled or unlimited: open to challenge", "calm"),
    "expired": ("consent expired", "watch"),
    "other_purpose": ("consent to another purpose only", "rest"),
    "minor_without_guardian": ("child without a guardian's consent on record", "watch-2"),
    "withdrawn_still_stored": ("consent withdrawn, still stored", "alert"),
    "no_recorded_ground": ("no recorded ground", "alert-2"),
    "ambiguous": ("ambiguous: the records do not decide", "calm"),
}
"""State of consent to its wording and colour, in the order drawn. Other states are shown under their own names."""

OUTCOMES = {
    "scanned": ("examined in this run", "good"),
    "unchanged": ("examined before, unchanged since", "good-2"),
    "unsupported": ("of a kind that cannot be examined", "rest"),
    "quarantined": ("could not be read", "alert-2"),
    "skipped": ("left out by settings, span or limit", "watch-2"),
}
"""Outcome of a listed object to its wording and colour, in the order drawn."""

REASONS = {
    "empty": "has no bytes",
    "truncated": "ends too early",
    "not_an_image": "is called a picture, but is none",
    "too_large": "has more pixels than the settings allow",
    "unsupported": "is of a kind that cannot be examined",
    "encrypted": "is encrypted",
    "timeout": "took longer than the settings allow",
    "not_a_file": "is no file",
    "nested": "holds another archive, which stays closed",
    "more_tracks": "holds more than one track of pictures, of which one was examined",
    "needs_raw": "is a camera raw picture, and what reads them is not installed",
    "error": "made the reader fail",
    "unreadable": "the store did not hand it over",
    "vanished": "left the store while it was being read",
    "changed": "changed while it was being read",
    "crashed": "ended the process that looked at it, twice",
}
"""Reason of a quarantine to its wording; other reasons are shown under their own names."""


@dataclass(frozen=True, slots=True)
class Saying:
    """An answer: its tone (``good``, ``watch``, ``alert`` or ``calm``), its headline and one explaining sentence."""

    tone: str
    headline: str
    sentence: str


def number(value: int | None) -> str:
    """Write a number with thousands separators; an unknown one as a dash."""
    return DASH if value is None else f"{value:,}"


def several(value: int, one: str, many: str) -> str:
    """Write a number with its noun."""
    return f"{value:,} {one if value == 1 else many}"


def span(low: int | None, high: int | None) -> str:
    """Write an interval; one of a single number, or an unknown one, as that."""
    return number(low) if low == high else f"{number(low)}–{number(high)}"


def percent(share: float | None) -> str:
    """Write a share so that it reads 100 % or 0 % only when it is exactly that."""
    if share is None:
        return DASH
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    return f"{min(99.9, max(0.1, share * 100)):.1f} %"


def confidence(value: float | None) -> str:
    """Write a probability such as 0.95 as ``95 %``."""
    return DASH if value is None else f"{value * 100:g} %"


def day(value: date | None) -> str:
    """Write a day as ``3 Nov 2026``, the same in every locale."""
    return DASH if value is None else f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def moment(value: datetime | None) -> str:
    """Write a time as ``3 Nov 2026, 02:14 UTC``."""
    return DASH if value is None else f"{day(value)}, {value:%H:%M} {value.tzname() or ''}".strip()


def size(value: int) -> str:
    """Write bytes in the largest decimal unit that leaves a number of 1 or more."""
    amount = float(value)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:,.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def plain(name: str) -> str:
    """Turn a machine's name (``no_ground``) into words."""
    return name.replace("_", " ").replace("-", " ")


def sentence(text: str) -> str:
    """Begin a text with a capital and end it with a full stop; nothing stays nothing."""
    text = text.strip()
    return text and text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def limit(people: People) -> str:
    """Word the threshold with its operator."""
    if people.threshold is None:
        return "no threshold"
    counted = several(people.threshold, "person", "people")
    return f"more than {counted}" if people.operator == ">" else f"{counted} or more"


def coverage(cover: Coverage) -> Saying:
    """Say what was examined, before anything else is claimed."""
    if not cover.seen:
        return Saying("watch", "Nothing was examined", "The stores listed no object, so this report can claim nothing.")
    headline = f"{percent(cover.share)} of {several(cover.seen, 'stored object', 'stored objects')} examined"
    missing = cover.seen - cover.examined
    if cover.below_floor:
        return Saying("alert", headline, f"Below the floor of {percent(cover.floor)}: no all-clear can be given.")
    if missing:
        them = several(missing, "object was", "objects were")
        return Saying("calm", headline, f"{them} not examined; what they show is in no figure here.")
    return Saying("good", headline, "Every object that the stores listed was examined.")


def people(count: People, cover: Coverage, unlisted: int = 0) -> Saying:
    """Say how the head-count stands to the threshold; ``unlisted`` stores gave no listing and so were not covered."""
    if count.low is None or count.high is None:
        return Saying(
            "watch", "Not counted", "No encoder is set up: faces were found, but people cannot be told apart."
        )
    if count.threshold is None or count.verdict is None:
        return Saying("calm", "No threshold", "This policy sets no head-count; the number is given for the record.")
    if not cover.examined and not count.high:
        return Saying("watch", "Nothing to count", "No object was examined, so this 0 says nothing of what is stored.")
    said = {"below": _below, "above": _above, "undetermined": _undetermined}[count.verdict](count)
    if count.verdict == "below" and (cover.below_floor or unlisted):
        rest = "Too little was examined to rely on it: the rest could add people."
        return Saying("watch", "Below the limit, in what was examined", f"{said.sentence} {rest}")
    if cover.seen > cover.examined:
        return Saying(said.tone, said.headline, f"{said.sentence} Objects not examined could add people.")
    return said


def _below(count: People) -> Saying:
    return Saying("good", "Below the limit", f"Even the upper end, {number(count.high)}, stays below {_line(count)}.")


def _above(count: People) -> Saying:
    return Saying("alert", "Above the limit", f"Even the lower end, {number(count.low)}, meets {_line(count)}.")


def _undetermined(count: People) -> Saying:
    said = (
        f"The interval lies on both sides of {_line(count)}: what is stored does not decide it, and no guess is made. "
        "Take the upper end as an early warning and act on it."
    )
    return Saying("watch", "Cannot tell", said)


def _line(count: People) -> str:
    return f"the limit ({limit(count)})"


def split(parts: Split) -> list[tuple[str, int, str, str]]:
    """Give the parts of a head-count: colour, size to draw, how many in words, and what they are."""
    unknown = parts.unknown
    others = f"unknown; most likely {number(unknown.best)}" if unknown.low != unknown.high else "unknown"
    return [
        ("good", parts.enrolled, number(parts.enrolled), "enrolled: a template of them is stored"),
        ("good-2", parts.linked, number(parts.linked), "linked: pictures are filed under them"),
        ("watch-2", unknown.best, span(unknown.low, unknown.high), others),
    ]


def in_images(count: People) -> str:
    """Write how many people are in any picture: an interval, or of older nights the best estimate alone."""
    if count.in_any_image_low is None:
        return f"about {number(count.in_any_image)}"
    return span(count.in_any_image_low, count.in_any_image_high)


def likeness(calibrated: float) -> str:
    """Say how far the calibration holds for what was counted."""
    if calibrated >= _LIKE:
        return "What is stored looks like the collections that the count was calibrated on."
    if calibrated > 0:
        return "What is stored looks only partly like the collections of the calibration; the interval is wider for it."
    return "No calibration holds for what is stored; the interval is as wide as it can be."


def thresholds(curve: Sequence[CurvePoint]) -> str:
    """Explain the charts of counts and errors by match threshold."""
    groups = [round(point.groups) for point in curve]
    said = (
        "A plain clustering joins all faces that are more alike than a threshold and calls each group a person. Of the "
        f"faces that are filed under nobody here it would make anything from {number(min(groups))} to "
        f"{number(max(groups))} people. The estimate of the unknown, drawn as a band, rests on no single threshold: it "
        "works out both kinds of error and allows for them."
    )
    if balance := balanced(curve):
        said += (
            f" Where the two errors are nearest to each other, {percent(balance.false_merge)} of the joined pairs of "
            f"faces are two people, and {percent(balance.false_split)} of the pairs of one person stay apart, as "
            "estimated from these very faces."
        )
    return said


def clock(filing: Filing) -> Saying:
    """Say how much of a legal clock is left."""
    if filing.filed_on is not None:
        return Saying("good", f"Filed on {day(filing.filed_on)}", filing.because)
    if filing.due_on is None or filing.days_left is None:
        return Saying("watch", "Due day not known", filing.because)
    if filing.days_left == 0:
        return Saying("alert", "Due today", filing.because)
    left, unit = filing.days_left, "day"
    # A law that counts days is answered in days; 0 working days can be several days of holidays.
    if filing.working_days and filing.working_days_left:
        left, unit = filing.working_days_left, "working day"
    counted = several(abs(left), unit, f"{unit}s")
    if left < 0:
        return Saying("alert", f"Overdue by {counted}", filing.because)
    return Saying("alert" if left <= SOON_DAYS else "watch", f"{counted} left", filing.because)


def no_clock(count: People) -> Saying:
    """Say why no legal clock runs."""
    reasons = {
        "below": "The count has not crossed the limit of this rule.",
        "undetermined": "The interval touches the limit, but no crossing is on record yet.",
        "above": "The count is above the limit, but no crossing day is on record, so no due day can be given.",
    }
    return Saying("calm", "No clock runs", reasons.get(count.verdict or "", "This policy sets no head-count to cross."))


def first_due(due: date | None, as_of: date) -> Saying | None:
    """Say when the most pressing finding is due, or was."""
    if due is None:
        return None
    if due < as_of:
        return Saying("alert", "", f"The most pressing finding was due on {day(due)}.")
    return Saying("soft", "", f"The most pressing finding is due on {day(due)}.")


def findings(found: Findings, cover: Coverage, unlisted: int = 0) -> str:
    """Say how many findings there are, and of how much."""
    base = f"in the {several(cover.examined, 'object', 'objects')} examined and in the records"
    if found.total:
        return f"{several(found.total, 'matter needs', 'matters need')} a decision, found {base}."
    if not cover.examined:
        return "No finding, but no object was examined either: this is no all-clear."
    rest = cover.seen - cover.examined
    left = [several(rest, "object", "objects") + " not examined"] if rest else []
    left += [several(unlisted, "store", "stores") + " that could not be listed"] if unlisted else []
    return f"No finding {base}." + (f" This says nothing of {' or of '.join(left)}." if left else "")


def consent(state: Consent) -> str:
    """Say what the consent section rests on."""
    if not state.registries:
        return "No consent registry is set up, so nothing can be said about consent. This is a gap, not an all-clear."
    return (
        f"Read from {several(len(state.registries), 'registry', 'registries')}. A person without an entry has "
        "no recorded ground: the law knows other grounds than consent, and you may attest one."
    )


def state_of(name: str) -> tuple[str, str]:
    """Word and colour of a state of consent."""
    return STATES.get(name, (plain(name), "rest"))


def reason_of(name: str) -> str:
    """Word a quarantine's reason."""
    return REASONS.get(name, plain(name))


def whole_run(report: Report) -> bool:
    """Whether the run looked at everything, rather than at a store or a span of days."""
    return report.run.scope in ("", "everything", "all")


def decided(by_status: dict[str, int]) -> str:
    """Word how many findings somebody has decided about."""
    return ", ".join(f"{number(n)} {plain(status)}" for status, n in sorted(by_status.items()))


def videos(watched: Videos) -> str:
    """Say how much of the videos was looked at."""
    those = several(watched.count, "video, animation or archive of them", "videos, animations and archives of them")
    stills = several(watched.stills, "still", "stills")
    gap = f"{watched.longest_gap_ms / 1000:.1f} s"
    return f"Of {those} {stills} were looked at; up to {gap} between two of them nobody looked."


def delta(change: Delta, count: People) -> str:
    """Say what this night is compared with, and how the number of people has moved."""
    said = f"Compared with {day(change.since)} (run {change.run_id}). "
    if not change.rules:
        said += "The findings are the same. "
    if change.people is None or count.low is None or count.high is None:
        return said
    before, now = span(change.people.low, change.people.high), span(count.low, count.high)
    apart = count.low > change.people.high or count.high < change.people.low
    moved = "the two intervals do not touch" if apart else "the intervals overlap: they do not show that it moved"
    return f"{said}People: {before} then, {now} now; {moved}."


def counted(reasons: dict[str, int]) -> str:
    """Word counts by reason, the largest first."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {number(n)}" for name, n in ordered) or DASH


def forecast(seen: Forecast, count: People) -> str:
    """Say when the line will be reached, with its uncertainty."""
    rate = f"{number(round(seen.per_week_low))} to {number(round(seen.per_week_high))}"
    said = f"By the {seen.nights} nights since {day(seen.since)}, {rate} people come in a week. "
    if seen.earliest is None:
        return f"{said}At that rate {limit(count)} is not reached within ten years."
    latest = f"by {day(seen.latest)}" if seen.latest else "perhaps never"
    return f"{said}If that goes on, {limit(count)} is reached on {day(seen.earliest)} at the earliest, {latest}."


def attested(asked: Sequence[Attestation]) -> str:
    """Say how many attestations are missing."""
    missing = sum(one.state in ("missing", "lapsed") for one in asked)
    if not missing:
        return "Everything that no scan can see is attested."
    return f"What no scan can see: {number(missing)} of {number(len(asked))} are missing; each is a finding."


def windows(retention: Retention) -> list[str]:
    """Say what else is to be said of a store's retention windows."""
    texts = {
        "hold": "over the limit but held",
        "needs_reason": "beyond the norm without a reason",
        "too_short": "deleted too early",
    }
    return [f"{number(getattr(retention, name))} {text}" for name, text in texts.items() if getattr(retention, name)]


def unsupported(reasons: Mapping[str, int]) -> str:
    """Say what would have to be installed so that more could be examined; nothing where nothing helps."""
    helped = [(remedy, n) for reason, n in reasons.items() if (remedy := remedy_for(reason))]
    return " ".join(
        f"{several(n, 'object', 'objects')} could be examined in the next run after `{remedy}`." for remedy, n in helped
    )
