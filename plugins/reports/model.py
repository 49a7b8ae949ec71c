"""Everything that one report shows, as a tree of frozen records: the page and the JSON file are drawn from it alone.

Days are calendar days in the controller's time zone; an empty day or number means "not known", never zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from detectors.records import CurvePoint

Verdict = Literal["below", "above", "undetermined"]
Operator = Literal[">", ">="]


@dataclass(frozen=True, slots=True)
class Run:
    """Which run this is, and what it was made from.

    Attributes:
        scope: what it was asked to look at; ``everything`` for a whole run, else said so on the first screen.
        settings_hash: hash of the settings file (``config_hash`` of the runs table).
        model_hashes: model name to SHA-256.
    """

    run_id: str
    as_of: date
    kind: str = "scan"
    scope: str = "everything"
    settings_hash: str = ""
    model_hashes: dict[str, str] = field(default_factory=dict)
    code_version: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Controller:
    """Who answers for the data."""

    name: str
    contact: str | None = None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy the run judged by.

    Attributes:
        article: the article that sets the threshold; empty when the policy has none.
        in_force: whether the rule binds anybody on the report's day.
        status: its legal status in words, for example "consultation draft of 8 August 2023, never adopted".
        instead: what binds instead, in one sentence, when it is not in force.
        authority: who a filing goes to.
        source: where its text can be read; shown as text, never loaded.
        checked: day the source was last read.
    """

    name: str
    title: str
    article: str
    in_force: bool
    status: str
    instead: str = ""
    authority: str = ""
    effective: date | None = None
    source: str = ""
    checked: date | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How every object that the stores listed ended; ``seen`` is the sum of the five that follow.

    Attributes:
        floor: share of the listed objects that the settings want examined, 0 to 1.
        gone: objects that left the stores since the run before; not part of ``seen``.
        excluded: objects that the settings of their store leave out; not part of ``seen``.
        same: of ``scanned``, frames that show the same as an empty one before and were not searched for faces.
    """

    seen: int
    scanned: int
    unchanged: int
    unsupported: int
    quarantined: int
    skipped: int
    gone: int = 0
    floor: float | None = None
    excluded: int = 0
    same: int = 0

    @property
    def examined(self) -> int:
        """Objects whose present content was looked at, in this run or an earlier one."""
        return self.scanned + self.unchanged

    @property
    def share(self) -> float | None:
        """Share of the listed objects that were examined; None when nothing was listed."""
        return self.examined / self.seen if self.seen else None

    @property
    def unaccounted(self) -> int:
        """Listed objects that no outcome accounts for: anything but 0 is a fault."""
        return self.seen - self.examined - self.unsupported - self.quarantined - self.skipped

    @property
    def below_floor(self) -> bool:
        """Whether less was examined than the settings want."""
        return self.floor is not None and self.share is not None and self.share < self.floor


@dataclass(frozen=True, slots=True)
class Videos:
    """How videos were looked at: how many there are, how many stills, and the longest time that nobody looked at."""

    count: int
    stills: int
    longest_gap_ms: int


@dataclass(frozen=True, slots=True)
class Interval:
    """A head-count of one store or purpose: ``low`` <= ``best`` <= ``high``."""

    low: int
    best: int
    high: int


@dataclass(frozen=True, slots=True)
class Night:
    """The head-count over all stores on an earlier day."""

    as_of: date
    low: int
    best: int
    high: int


@dataclass(frozen=True, slots=True)
class Split:
    """A head-count by how its people are known; the three add up to it.

    Attributes:
        enrolled: people with a stored template.
        linked: people without one whose pictures are filed under them.
        unknown: people of whom nothing but their face is known.
    """

    enrolled: int
    linked: int
    unknown: Interval


@dataclass(frozen=True, slots=True)
class People:
    """How many different people, and how that stands to the threshold.

    Attributes:
        low: lower end of the interval; None, like ``best`` and ``high``, when nobody was counted (no encoder).
        confidence: probability that the truth lies within, 0 to 1.
        verdict: None when the policy has no threshold or nobody was counted.
        threshold: people; None when the policy has none.
        operator: ``>`` "more than", ``>=`` "this many or more".
        rule: name of the policy or rule that sets the threshold.
        with_template: people with a stored template, by the records.
        in_any_image: people in any picture, best estimate; ``in_any_image_low`` and ``_high`` are the interval's ends.
        notes: why the interval is wide, in sentences.
        history: head-counts of earlier days, oldest first; drawn as a line together with this one.
        split: by how they are known; None of nights before it was counted, like all that follows.
        unusable: faces that cannot be told apart; they widen the interval.
        calibrated: how like the collections of the calibration this one is, 0 (not) to 1.
        curve: what plain clustering would make of the faces that are filed under nobody by match threshold, and how
            wrong it would be, by rising strictness.
    """

    low: int | None
    best: int | None
    high: int | None
    confidence: float | None
    verdict: Verdict | None
    threshold: int | None
    rule: str
    operator: Operator = ">"
    with_template: int | None = None
    in_any_image: int | None = None
    method: str = ""
    notes: tuple[str, ...] = ()
    by_purpose: dict[str, Interval] = field(default_factory=dict)
    history: tuple[Night, ...] = ()
    in_any_image_low: int | None = None
    in_any_image_high: int | None = None
    split: Split | None = None
    unusable: int | None = None
    calibrated: float | None = None
    curve: tuple[CurvePoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Filing:
    """One legal clock.

    Attributes:
        days_left: calendar days from the report's day to ``due_on``; negative when it is past.
        working_days_left: the same in working days; None when the calendar of that year is not known.
        working_days: length of the clock; None when it is counted in calendar days.
        because: what set it off, in one sentence.
        filed_on: day the officer recorded that it was filed; stops the clock.
        found_by: run that found it first; empty when it is this one.
        in_force: whether the law behind it binds anybody.
    """

    rule: str
    crossed_on: date
    due_on: date | None
    days_left: int | None
    working_days_left: int | None = None
    title: str = ""
    article: str = ""
    because: str = ""
    working_days: int | None = None
    filed_on: date | None = None
    found_by: str = ""
    in_force: bool = True


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the line will be reached, if what comes in goes on as before.

    Attributes:
        per_week_low, per_week_best, per_week_high: people a week.
        earliest: first day on which it may be; None when not within ten years.
        latest: day by which it will be; None when it may never be.
        nights: how many nights it was made from, ``since`` the first.
    """

    per_week_low: float
    per_week_best: float
    per_week_high: float
    earliest: date | None
    latest: date | None
    nights: int
    since: date


@dataclass(frozen=True, slots=True)
class Attestation:
    """One thing that somebody has to attest; ``state`` is attested, lapsing, lapsed or missing."""

    policy: str
    name: str
    store: str
    article: str
    asks: str
    state: str
    attested_on: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class OtherPolicy:
    """What a further policy makes of the same facts; numbers are None where it draws no line or nobody was counted."""

    name: str
    title: str
    in_force: bool
    verdict: Verdict | None
    threshold: int | None
    low: int | None
    high: int | None
    findings: int


@dataclass(frozen=True, slots=True)
class RuleChange:
    """How the findings of one rule changed since an earlier night: by reason those that came and went."""

    title: str
    new: dict[str, int]
    gone: dict[str, int]
    changed: int


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed since the last judgement of an earlier day; ``people`` is its head-count."""

    run_id: str
    since: date
    rules: tuple[RuleChange, ...] = ()
    people: Interval | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to decide, as listed.

    Attributes:
        subject: pseudonym of the person it is about, shortened; None when it is about no single person.
    """

    finding_id: str
    store: str
    because: str
    locator: str | None = None
    subject: str | None = None
    severity: str = "medium"
    first_seen: date | None = None
    since: date | None = None
    due: date | None = None
    status: str = "open"


@dataclass(frozen=True, slots=True)
class RuleFindings:
    """All findings of one rule: counted in full, listed up to a limit.

    Attributes:
        decide: what the officer has to decide, in one sentence.
        severity: the gravest among its findings: high, medium or low.
        oldest: since when the oldest state it speaks of holds.
        next_due: the earliest day by which to act.
        listed: the most pressing ones.
    """

    rule: str
    title: str
    count: int
    severity: str
    article: str = ""
    decide: str = ""
    oldest: date | None = None
    next_due: date | None = None
    listed: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What to decide; ``by_rule`` counts per rule's short name, ``rules`` are the gravest first.

    ``decided`` counts by status those that somebody has decided about; false positives, legal holds and accepted ones
    are in no other number.
    """

    total: int
    by_rule: dict[str, int]
    rules: tuple[RuleFindings, ...] = ()
    decided: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PurposeConsent:
    """How many people stand in which state of consent for one purpose (states: see ``words.STATES``)."""

    purpose: str
    states: dict[str, int]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of a consent registry that was set aside; row 0 is the registry as a whole."""

    registry: str
    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Consent:
    """What the registries say of the people on record, and what they cannot be asked about.

    Attributes:
        registries: names of the registries that were read; none when none is set up.
        nothing_stored: by purpose, people with a consent in force of whom nothing is stored for it.
        refused: how many rows of the registries were set aside.
        refused_listed: the first of them.
        unlinked_faces: faces in pictures that no record ties to a person: no registry can speak of them.
        unlinked_people: how many people those faces show who are none of those on record, when counted.
    """

    registries: tuple[str, ...] = ()
    purposes: tuple[PurposeConsent, ...] = ()
    unlinked_faces: int = 0
    unlinked_people: Interval | None = None
    nothing_stored: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    refused_listed: tuple[RefusedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class AgeBin:
    """Things of an age from ``from_days`` up to but not including ``to_days`` (None: and older)."""

    from_days: int
    to_days: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How old the facial data of one store is against its limit.

    Attributes:
        what: what is counted: ``pictures with faces`` or ``records``.
        max_days: None when the settings name no limit, which is a gap to close.
        undated: things whose age is not known; they are in no bin.
        too_short: pictures that were deleted before a law allows.
        hold: things over their limit that a law or a decision keeps.
        needs_reason: things beyond a norm, for which no reason is attested.
        unknown: things of which nothing can be said: without a day or without a limit.
        ages: see ``fill.age_bins``.
    """

    store: str
    max_days: int | None
    overdue: int
    min_days: int = 0
    what: str = "pictures with faces"
    total: int = 0
    undated: int = 0
    oldest: date | None = None
    ages: tuple[AgeBin, ...] = ()
    too_short: int = 0
    hold: int = 0
    needs_reason: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class TableHeld:
    """What one table of a database holds, as the database counts it.

    Attributes:
        people: different ids of people; None when the table has none, like ``template_people``.
        pictures: rows that hold or name a picture.
        template_people: different ids among the rows with a template.
        nameless: templates that are filed under nobody.
        encoder: the make of the templates; None without templates. Those of another make than ``own`` are never
            compared with faces: their people count by their ids.
    """

    table: str
    rows: int
    people: int | None
    pictures: int
    templates: int
    template_people: int | None
    nameless: int
    encoder: str | None


@dataclass(frozen=True, slots=True)
class ColumnUndecided:
    """A column of which discovery is not sure what it holds."""

    place: str
    holds: str
    confidence: float
    because: str


@dataclass(frozen=True, slots=True)
class Discovered:
    """What discovery read of one database.

    Attributes:
        columns: how many there are.
        declared: facial columns that the settings name.
        undeclared: facial columns that they do not name; each is a finding.
        undecided: columns for a person to decide on, in full; ``listed`` are the first of them.
        problems: what could not be read, a line each.
    """

    columns: int
    declared: int
    undeclared: int
    undecided: int
    listed: tuple[ColumnUndecided, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Store:
    """One store or database.

    Attributes:
        kind: folder, bucket, database, ...
        problem: why it could not be listed, in one line without a credential; empty when it could.
        tables: of a database, what its tables hold.
        discovered: of a database, what its columns hold; None when nobody looked.
    """

    name: str
    kind: str
    coverage: Coverage
    faces: int
    people: Interval | None = None
    zone: str | None = None
    public_place: bool = False
    purpose: str | None = None
    owner: str | None = None
    oldest: date | None = None
    max_days: int | None = None
    overdue: int = 0
    problem: str = ""
    tables: tuple[TableHeld, ...] = ()
    discovered: Discovered | None = None


@dataclass(frozen=True, slots=True)
class QuarantinedObject:
    """One object that could not be read."""

    store: str
    uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What could not be read: counted in full, listed up to a limit."""

    total: int
    reasons: dict[str, int]
    listed: tuple[QuarantinedObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Footprint:
    """What this tool itself holds of people's faces.

    Attributes:
        vectors: face vectors held; None when not counted.
        key_id: public id of the key they are sealed with.
        expires_on: day by which the oldest is removed.
    """

    vectors: int | None
    vector_bytes: int
    key_id: str
    keep_days: int
    oldest: date | None = None
    expires_on: date | None = None
    evidence_bytes: int = 0
    evidence_rows: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the evidence itself, as the data-quality suite ran it; ``passed`` is None when it did not run."""

    name: str
    passed: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the report of one run shows."""

    run: Run
    controller: Controller
    policy: Policy
    coverage: Coverage
    people: People
    findings: Findings
    consent: Consent
    footprint: Footprint
    filing: tuple[Filing, ...] = ()
    retention: tuple[Retention, ...] = ()
    stores: tuple[Store, ...] = ()
    quarantine: Quarantine = field(default_factory=lambda: Quarantine(0, {}))
    checks: tuple[Check, ...] = ()
    forecast: Forecast | None = None
    attestations: tuple[Attestation, ...] = ()
    others: tuple[OtherPolicy, ...] = ()
    delta: Delta | None = None
    videos: Videos | None = None
    unsupported: dict[str, int] = field(default_factory=dict)
