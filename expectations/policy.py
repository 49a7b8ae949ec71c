"""Policies: the numbers, articles and sources of one law, read from ``policies/*.yaml`` and frozen.

A lawyer reads and corrects the files; this module only says what may stand in them. What was seen in no text stands
under ``switched_off`` and decides nothing.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import combinations
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from expectations.errors import BadPolicy, UnknownPolicy
from expectations.venues import Venue

Status = Literal["verified", "secondary", "unverified", "own"]
"""How a statement was read: in an official text, in secondary sources, in none; ``own`` is this tool's own rule."""

LegalStatus = Literal["in_force", "draft", "superseded"]
Operator = Literal[">", ">="]
Verdict = Literal["below", "above", "undetermined"]
DataClass = Literal["image", "template"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Span(_Part):
    """A length of time in exactly one unit; calendar months and years end on the last day of a shorter month."""

    days: int | None = Field(default=None, ge=0)
    months: int | None = Field(default=None, ge=1)
    years: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if len(given := [n for n in ("days", "months", "years") if getattr(self, n) is not None]) != 1:
            raise ValueError(f"has {' and '.join(given) or 'no unit'}; give exactly one of days, months, years")
        return self

    def after(self, days: pd.Series) -> pd.Series:
        """Give the last day of the span that begins on each day (``datetime64``, missing ones stay missing)."""
        later: pd.Series = days + pd.DateOffset(days=self.days or 0, months=self.months or 0, years=self.years or 0)
        return later

    def after_day(self, day: date) -> date:
        """Give the last day of the span that begins on a day."""
        later: date = self.after(pd.Series(np.array([day], "datetime64[D]"))).iloc[0].date()
        return later

    @property
    def longest_days(self) -> int:
        """How many days the span has at most: to put spans in order."""
        return (self.days or 0) + 31 * (self.months or 0) + 366 * (self.years or 0)

    @property
    def text(self) -> str:
        """The span in words."""
        unit = next(n for n in ("days", "months", "years") if getattr(self, n) is not None)
        number = getattr(self, unit)
        return f"{number} {unit if number != 1 else unit[:-1]}"


class Rule(_Part):
    """One demand of the law, with where it stands and how that was read; ``since`` and ``until`` bound its validity."""

    article: str = Field(min_length=1)
    says: str = Field(min_length=1)
    status: Status
    article_status: Status
    sources: tuple[str, ...]
    since: date | None = None
    until: date | None = None

    @model_validator(mode="after")
    def _is_founded(self) -> Self:
        if not self.sources and self.status in ("verified", "secondary"):
            raise ValueError("has no source; name where it was read under `sources`")
        if self.since and self.until and self.until < self.since:
            raise ValueError(f"ends on {self.until}, before it begins on {self.since}; correct them")
        return self

    def holds_on(self, day: date) -> bool:
        """Say whether the rule is valid on a day."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


class Consent(Rule):
    """Whose ground is consent; ``kinds`` are the kinds of consent in the registry that count.

    ``before_storage``: a consent counts only for what was stored on its day or later.
    """

    kinds: tuple[str, ...] = Field(min_length=1)
    before_storage: bool = False


class Challenge(Rule):
    """Which consents are on record and yet can be challenged: of these kinds, or marked as bundled or unlimited."""

    kinds: tuple[str, ...]


class Minors(Rule):
    """Below which age, in full years, a guardian has to consent."""

    under_age: int = Field(gt=0, le=21)


class Filing(Rule):
    """A duty to file with an authority within so many working days, or calendar days."""

    _days_needed: ClassVar[bool] = True

    working_days: int | None = Field(default=None, gt=0)
    days: int | None = Field(default=None, gt=0)
    authority: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_clock(self) -> Self:
        if self.working_days and self.days:
            raise ValueError("has working_days and days; give one of them")
        if self._days_needed and not (self.working_days or self.days):
            raise ValueError("has no working_days and no days; give one of them")
        return self

    @property
    def has_clock(self) -> bool:
        """Whether something is due."""
        return bool(self.working_days or self.days)

    @property
    def span_text(self) -> str:
        """The time to file in words."""
        return f"{self.working_days} working days" if self.working_days else f"{self.days} days"


class Threshold(Filing):
    """A head-count from which on something is due: a filing, or (without days) another duty that ``says`` names.

    ``counted``: everybody ``stored`` on the day, everybody stored ``abroad`` (in stores outside the policy's country),
    or the ``peak_12_months``.
    """

    _days_needed: ClassVar[bool] = False

    people: int = Field(gt=0)
    operator: Operator
    counted: Literal["stored", "abroad", "peak_12_months"] = "stored"

    @property
    def first_crossing(self) -> int:
        """The smallest head-count that crosses: one more than ``people`` for ``>``, ``people`` itself for ``>=``."""
        return self.people + 1 if self.operator == ">" else self.people

    @property
    def text(self) -> str:
        """The line in words."""
        return f"more than {self.people:,} people" if self.operator == ">" else f"{self.people:,} people or more"

    def crossed_by(self, people: int) -> bool:
        """Say whether a head-count satisfies the operator."""
        return people >= self.first_crossing

    def verdict(self, low: int, high: int) -> Verdict:
        """Place an interval: ``above`` only if its low end crosses, ``below`` only if its high end does not.

        Raises:
            ValueError: the ends are negative or in the wrong order.
        """
        if not 0 <= low <= high:
            raise ValueError(f"a head-count from {low} to {high} is no interval; give 0 <= low <= high")
        if self.crossed_by(low):
            return "above"
        return "undetermined" if self.crossed_by(high) else "below"


class Line(Threshold):
    """Another head-count beside the threshold; ``name`` tells it from others."""

    name: str = Field(pattern=r"^[a-z][a-z_]*$")


class _Placed(Rule):
    """A rule for some places only: public ones, or stores of some venues or countries; all when nothing is said."""

    public_place: bool = False
    venues: tuple[Venue, ...] = ()
    countries: tuple[str, ...] = ()

    def applies_to(self, *, public_place: bool, venue: str, country: str) -> bool:
        """Say whether a store of this kind is meant."""
        placed = self.public_place or self.venues
        here = (self.public_place and public_place) or venue in self.venues
        return (here or not placed) and (not self.countries or country in self.countries)


class Window(_Placed):
    """How long data must be kept and may be kept.

    Attributes:
        name: short name; several windows of one name follow each other in time.
        data: classes of data.
        purposes: for which purposes; empty for all.
        counted_from: ``captured`` is also the day a record was stored.
        at_least: the shortest time; what left earlier was kept too short.
        at_most: the longest time; what is still there afterwards is overdue.
        reason_after: from when on keeping it needs a written reason.
        unless_declared: only where the store declares no longest time of its own.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    data: tuple[DataClass, ...] = Field(min_length=1)
    purposes: tuple[str, ...] = ()
    counted_from: Literal["captured", "last_interaction"] = "captured"
    at_least: Span | None = None
    at_most: Span | None = None
    reason_after: Span | None = None
    unless_declared: bool = False

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        if not (self.at_least or self.at_most or self.reason_after):
            raise ValueError("sets no time; give at_least, at_most or reason_after")
        if self.at_least and self.at_most and self.at_least.longest_days > self.at_most.longest_days:
            raise ValueError(f"at_least {self.at_least.text} is above at_most {self.at_most.text}; correct them")
        return self


class PurposeEnd(Rule):
    """How long data may be kept after its purpose has ended."""

    within: Span


class Attestation(_Placed):
    """What data cannot show: somebody answerable says so, until when, with a link to the proof.

    Attributes:
        name: short name.
        asks: what is to be attested, as a sentence.
        per: one for the whole controller, or one for each store that is meant.
        valid: longest time an attestation counts; missing when the law sets none.
        from_people: only from this head-count on.
    """

    name: str = Field(pattern=r"^[a-z][a-z_]*$")
    asks: str = Field(min_length=1)
    per: Literal["controller", "store"]
    valid: Span | None = None
    from_people: int | None = Field(default=None, gt=0)


class ForbiddenVenues(Rule):
    """Venues in which no camera may be."""

    venues: tuple[Venue, ...] = Field(min_length=1)


class FacialData(Rule):
    """What counts as facial data: which classes, and what else to know."""

    counts: tuple[DataClass, ...]
    note: str = ""


class SwitchedOff(Rule):
    """A rule that decides nothing: seen in no text, or not for everybody. To use it, put it in its place in a copy."""

    rule: str = Field(min_length=1)
    number: str = Field(min_length=1)
    why_off: str = Field(min_length=1)


class Policy(_Part):
    """One law: its rules, its standing in a sentence, whether it is in force, and what binds instead when it is not."""

    name: str = Field(min_length=1)
    title: str = Field(min_length=1)
    short: str = Field(min_length=1)
    country: str = Field(pattern="^[A-Z]{2}$")
    legal_status: LegalStatus
    reading: Status
    source: str = Field(min_length=1)
    standing: str = Field(min_length=1)
    instead: str | None = None
    effective: date | None = None
    until: date | None = None
    legacy_due: date | None = None
    facial_data: FacialData
    threshold: Threshold | None = None
    lines: tuple[Line, ...] = ()
    public_place: Filing | None = None
    change: Filing | None = None
    end: Filing | None = None
    consent: Consent | None = None
    challenge: Challenge | None = None
    minors: Minors | None = None
    withdrawal: Rule | None = None
    retention: Rule | None = None
    purpose_end: PurposeEnd | None = None
    windows: tuple[Window, ...] = ()
    forbidden_venues: ForbiddenVenues | None = None
    safeguards: Rule | None = None
    attestations: tuple[Attestation, ...] = ()
    switched_off: tuple[SwitchedOff, ...] = ()

    @property
    def in_force(self) -> bool:
        """Whether it binds anybody."""
        return self.legal_status == "in_force"

    def in_force_on(self, day: date) -> bool:
        """Say whether it binds anybody on a day."""
        began = self.effective is None or self.effective <= day
        return self.in_force and began and (self.until is None or day <= self.until)

    def rules(self) -> dict[str, Rule]:
        """Give every rule that decides something, by its place in the file."""
        found: dict[str, Rule] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Rule):
                found[name] = value
            elif isinstance(value, tuple) and name != "switched_off":
                found |= {f"{name}.{rule.name}" + (f".{rule.since}" if rule.since else ""): rule for rule in value}
        return found

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.effective and self.until and self.until < self.effective:
            raise ValueError(f"until {self.until} is before effective {self.effective}; correct them")
        for place, rule in self.rules().items():
            if rule.status == "unverified":
                raise ValueError(f"{place} is unverified; move it to switched_off, or name the text it was read in")
        for kind in ("windows", "lines", "attestations"):
            for one, other in combinations(getattr(self, kind), 2):
                if one.name == other.name and _overlap(one, other):
                    raise ValueError(
                        f"{kind} {one.name!r} stands twice for overlapping dates; end the first one before"
                    )
        if (self.change or self.end) and not (self.threshold or self.public_place):
            raise ValueError(
                "has a change or an end to file, and nothing that is filed; give threshold or public_place"
            )
        return self


def _overlap(one: Rule, other: Rule) -> bool:
    first, last = date.min, date.max
    return (one.since or first) <= (other.until or last) and (other.since or first) <= (one.until or last)


def policy_names() -> list[str]:
    """List the names of the policies that came with this package, in order."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _folder().iterdir() if entry.name.endswith(".yaml"))


def is_policy_file(name: str) -> bool:
    """Say whether a policy is named by its file rather than by its name."""
    return name.endswith((".yaml", ".yml"))


@cache
def load_policy(name: str) -> Policy:
    """Read one policy: of this package by its name, or one of your own by the path of its file.

    Raises:
        UnknownPolicy: there is none of that name; says which there are and which is nearest.
        BadPolicy: its file cannot be read, lacks something, or holds something unknown.
    """
    if is_policy_file(name):
        path = Path(name)
        try:
            return read_policy(path.name, path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise BadPolicy(path.name, f"its file cannot be read ({type(error).__name__})") from None
    if name not in policy_names():
        raise UnknownPolicy(name, policy_names())
    policy = read_policy(name, _folder().joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    if policy.name != name:
        raise BadPolicy(name, f"its name is {policy.name!r}, its file says {name!r}")
    return policy


def read_policy(name: str, text: str) -> Policy:
    """Read a policy from YAML; ``name`` stands in the error.

    Raises:
        BadPolicy: the text is not YAML, lacks something, or holds something unknown.
    """
    try:
        return Policy.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise BadPolicy(name, "it is not YAML") from error
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc'])) or 'the file'}: {_plain(e['msg'])}" for e in error.errors())
        raise BadPolicy(name, "; ".join(problems)) from error


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")


def _folder() -> Traversable:
    # Beside this module both in a checkout and when installed; the files are package data.
    return files("expectations").joinpath("policies")
