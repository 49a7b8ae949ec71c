"""Builds the report of one run from its facts, its judgement and what the run did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from expectations.decisions import SET_ASIDE
from expectations.judgement import Facts, Judgement
from expectations.policy import Policy
from expectations.undeclared import undecided_columns, undeclared_columns
from plugins.changes import Changes
from plugins.evidence import Fragment
from plugins.reports import fill
from plugins.reports.model import (
    Attestation,
    Check,
    ColumnUndecided,
    Consent,
    Controller,
    Coverage,
    Delta,
    Discovered,
    Filing,
    Footprint,
    Forecast,
    Interval,
    Night,
    OtherPolicy,
    People,
    RefusedRow,
    Report,
    Retention,
    RuleChange,
    Store,
    TableHeld,
    Videos,
)
from plugins.reports.model import Policy as PolicyShown
from plugins.run import Run

_TITLES = {
    "threshold_filing": "Filing: number of people",
    "public_place_filing": "Filing: use in a public place",
    "change_filing": "Filing: what was filed has changed",
    "end_filing": "Filing: the use has ended",
    "held_after_end": "Facial data left after the use has ended",
    "threshold_warning": "The number of people may have crossed the line",
    "line_crossed": "The number of people crosses a line",
    "no_recorded_ground": "People without a recorded ground",
    "withdrawn_still_stored": "Consent withdrawn, data still stored",
    "expired": "Consent expired",
    "other_purpose": "Consent on record for another purpose only",
    "bundled_or_unlimited": "Consent on record that can be challenged",
    "minor_without_guardian": "Children without a guardian's consent on record",
    "ambiguous": "Records that do not decide",
    "retention_overdue": "Kept beyond the retention period",
    "copy_of_overdue": "Looks like a copy of an overdue picture",
    "retention_too_short": "Deleted before a law allows",
    "retention_reason_missing": "Kept beyond the norm without a reason",
    "attestation_missing": "To be attested",
    "attestation_lapsing": "Attestations that soon lapse",
    "safeguard_missing": "Not guarded as it should be",
    "forbidden_venue": "Pictures from where no camera may be",
    "capture_time_unknown": "Pictures without a known date",
    "retention_limit_missing": "No retention period declared",
    "coverage_below_floor": "Too little was examined",
    "unlinked_faces": "Faces that belong to no record",
    "undeclared_facial_data": "Facial data in columns that nobody declared",
}
_REFUSED_LISTED = 50
_UNDECIDED_LISTED = 50
_DECIDE = {
    "threshold_filing": "File with the authority, or record why the duty does not apply.",
    "public_place_filing": "File with the authority, or record why the duty does not apply.",
    "no_recorded_ground": "Obtain consent, record another ground, or delete.",
    "withdrawn_still_stored": "Delete, or record the duty to keep.",
    "expired": "Renew the consent, or delete.",
    "other_purpose": "Obtain consent for this purpose, or stop it.",
    "bundled_or_unlimited": "Obtain a separate consent with an end and a way back, or record another ground.",
    "minor_without_guardian": "Obtain the guardian's consent, or delete.",
    "ambiguous": "Find out what holds, and correct the registries or the ids.",
    "retention_overdue": "Delete, or put under a legal hold.",
    "copy_of_overdue": "Compare the two; delete both, or call it a false positive.",
    "retention_too_short": "Find out who deleted them and why; correct the retention of the store.",
    "retention_reason_missing": "Delete, or attest why they are needed for longer (`retention_reason`).",
    "attestation_missing": "Attest it with the proof, or see to it that it becomes true.",
    "attestation_lapsing": "Renew it in time.",
    "safeguard_missing": "Have the owner of the store correct it.",
    "forbidden_venue": "Take the camera away and delete what it took, or correct the store's venue.",
    "change_filing": "File the change, or record why it is not substantive.",
    "end_filing": "De-register, and record it.",
    "held_after_end": "Delete what is left, or record the ground it is kept on.",
    "line_crossed": "Do what the rule asks for, or record why it does not apply.",
    "unlinked_faces": "Decide on what ground strangers' faces are kept, or delete them.",
    "undeclared_facial_data": "Name the column in the settings so that it is scanned, or say what else it holds.",
    "coverage_below_floor": "Have the store repaired; until then a missing finding proves nothing.",
}


@dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """What a run made of the facts: by policy (the main one first) and together.

    Attributes:
        policies: what it judged by.
        judgements: one for each.
        findings: of all of them, evidence table ``findings``.
        changes: what is different from the night before.
    """

    policies: Sequence[Policy]
    judgements: Sequence[Judgement]
    findings: pd.DataFrame
    changes: Changes


def build_report(run: Run, facts: Facts, outcome: Outcome, row: Mapping[str, Any], so_far: Fragment) -> Report:
    """Put together everything that the page and the JSON file show of one run."""
    judgement, policy = outcome.judgements[0], outcome.policies[0]
    as_of, floor = run.request.as_of, run.settings.coverage_floor
    everyone = fill.records(facts.census[facts.census["scope"] == "all"])[0]
    ages, kept = _Ages(facts, as_of, run), _retention_of_all(outcome)
    return Report(
        run=fill.run_from(row),
        controller=Controller(**run.settings.controller.model_dump(include={"name", "contact", "timezone"})),
        policy=_policy(policy),
        coverage=fill.coverage_from(row, floor),
        people=_people(everyone, facts.census, judgement, policy, run),
        findings=fill.findings_from(outcome.findings, _TITLES, _DECIDE),
        consent=_consent(run, everyone, judgement, so_far),
        footprint=_footprint(run, facts, as_of),
        filing=tuple(
            _filing(clock, one)
            for one, judged in zip(outcome.policies, outcome.judgements, strict=True)
            for clock in judged.filing
        ),
        retention=tuple(ages.retention(entry) for entry in fill.records(kept)),
        stores=tuple(_store(entry, facts, kept, run, so_far) for entry in fill.records(facts.stores)),
        quarantine=_quarantine(facts.objects),
        checks=tuple(_check(check) for check in judgement.checks),
        forecast=Forecast(**asdict(judgement.forecast)) if judgement.forecast else None,
        attestations=tuple(
            Attestation(policy=judged.rule, **asdict(asked))
            for judged in outcome.judgements
            for asked in judged.attestations
        ),
        others=tuple(map(_other, outcome.policies[1:], outcome.judgements[1:])),
        delta=_delta(outcome.changes),
        videos=_videos(facts.objects),
        unsupported=_unsupported(facts.objects),
    )


def _unsupported(objects: pd.DataFrame) -> dict[str, int]:
    """Count the objects of kinds that are not looked at, by reason."""
    reasons = objects.loc[objects["status"] == "unsupported", "reason"].fillna("unsupported").value_counts()
    return {str(reason): int(n) for reason, n in sorted(reasons.items())}


def _videos(objects: pd.DataFrame) -> Videos | None:
    watched = objects[(objects["stills"] > 0) & (objects["longest_gap_ms"] > 0)]  # an archive of pictures has no gap
    if watched.empty:
        return None
    return Videos(len(watched), int(watched["stills"].sum()), int(watched["longest_gap_ms"].max()))


def _other(policy: Policy, judged: Judgement) -> OtherPolicy:
    low, high = judged.people or (None, None)
    to_decide = int((~judged.findings["status"].isin(SET_ASIDE)).sum())
    return OtherPolicy(
        policy.name, policy.title, policy.in_force, judged.verdict, judged.threshold, low, high, to_decide
    )


def _delta(changes: Changes) -> Delta | None:
    if changes.since is None:
        return None
    before = changes.people_before
    return Delta(
        run_id=changes.since_run,
        since=changes.since,
        rules=tuple(
            RuleChange(_TITLES.get(rule.rule, rule.rule), dict(rule.new), dict(rule.gone), rule.changed)
            for rule in changes.rules
        ),
        people=Interval(*before) if before else None,
    )


def _check(check: Mapping[str, Any]) -> Check:
    detail = f"{check['evaluated']:,} checked, {check['unexpected']:,} not as the policy wants"
    return Check(check["check"], bool(check["success"]), detail)


def _policy(policy: Policy) -> PolicyShown:
    line = policy.threshold
    return PolicyShown(
        name=policy.name,
        title=policy.title,
        article=line.article if line else "",
        in_force=policy.in_force,
        status=policy.standing,
        instead=policy.instead or "",
        authority=(line.authority if line else None) or "",
        effective=policy.effective,
        source="; ".join(line.sources) if line else policy.source,
    )


def _people(
    everyone: Mapping[str, Any], census: pd.DataFrame, judgement: Judgement, policy: Policy, run: Run
) -> People:
    purposes = fill.records(census[census["scope"] == "purpose"])
    before = run.evidence.read("census")
    nights = before[(before["scope"] == "all") & (before["as_of"] < run.request.as_of)]
    nights = nights.drop_duplicates("as_of", keep="last").sort_values("as_of")
    return People(
        low=int(everyone["people_low"]),
        best=int(everyone["people_best"]),
        high=int(everyone["people_high"]),
        confidence=float(everyone["confidence"]),
        verdict=judgement.verdict,
        threshold=judgement.threshold,
        rule=judgement.rule,
        operator=policy.threshold.operator if policy.threshold else ">",
        with_template=int(everyone["with_template"]),
        in_any_image=int(everyone["in_any_image"]),
        in_any_image_low=fill.given(everyone["in_any_image_low"], int),
        in_any_image_high=fill.given(everyone["in_any_image_high"], int),
        split=fill.split_from(everyone),
        unusable=fill.given(everyone["unusable"], int),
        calibrated=fill.given(everyone["calibrated"], float),
        curve=fill.curve_from(everyone),
        notes=fill.notes_from(everyone),
        method=str(everyone["method"]),
        by_purpose={str(r["scope_name"]): fill.interval_from(r) for r in purposes},
        history=tuple(
            Night(n["as_of"], int(n["people_low"]), int(n["people_best"]), int(n["people_high"]))
            for n in fill.records(nights)
        ),
    )


def _consent(run: Run, everyone: Mapping[str, Any], judgement: Judgement, so_far: Fragment) -> Consent:
    split = fill.split_from(everyone)
    refused = _refused(run, so_far)
    return Consent(
        registries=tuple(registry.name for registry in run.whole.consents),
        purposes=fill.consent_from(judgement.consent_states),
        unlinked_faces=sum(judgement.unlinked.values()),
        unlinked_people=split.unknown if split else None,
        nothing_stored=judgement.nothing_stored,
        refused=len(refused),
        refused_listed=tuple(refused[:_REFUSED_LISTED]),
    )


def _refused(run: Run, so_far: Fragment) -> list[RefusedRow]:
    """Give the rows of registries that were set aside when they were last read."""
    notes = [commit.fragment.notes for commit in run.evidence.commits()] + [so_far.notes]
    read = [found["consent_rows_refused"] for found in notes if "consent_rows_refused" in found]
    return [RefusedRow(*row) for row in read[-1]] if read else []


def _filing(clock: Mapping[str, Any], policy: Policy) -> Filing:
    duties = {"public_place_filing": policy.public_place, "change_filing": policy.change, "end_filing": policy.end}
    duty = duties.get(clock["rule"], policy.threshold)
    return Filing(
        rule=clock["rule"],
        crossed_on=clock["crossed_on"],
        due_on=clock["due_on"],
        days_left=clock["days_left"],
        working_days_left=clock["working_days_left"],
        title=_TITLES[clock["rule"]],
        article=clock["article"],
        because=clock["why"],
        working_days=duty.working_days if duty else None,
        filed_on=clock["filed_on"],
        found_by=clock["found_by"],
        in_force=policy.in_force,
    )


def _footprint(run: Run, facts: Facts, as_of: date) -> Footprint:
    held = run.vectors.footprint()
    keep = run.settings.vectors.keep_days
    oldest = date.fromisoformat(held.oldest) if held.oldest else None
    return Footprint(
        vectors=len(facts.faces),
        vector_bytes=held.size_bytes,
        key_id=held.key_id,
        keep_days=keep,
        oldest=oldest,
        expires_on=oldest + timedelta(days=keep + 1) if oldest else None,
        evidence_bytes=run.evidence.size_bytes(),
        evidence_rows=len(facts.objects) + len(facts.faces) + len(facts.subjects) + len(facts.consents),
    )


class _Ages:
    """Ages in days of what each store holds, for the histograms."""

    def __init__(self, facts: Facts, as_of: date, run: Run) -> None:
        self._zone, self._as_of = run.settings.controller.timezone, as_of
        pictures = facts.objects[(facts.objects["status"] == "scanned") & (facts.objects["faces"] > 0)]
        self._pictures = pictures[["store", "captured_at"]].set_axis(["store", "at"], axis=1)
        since = facts.subjects["last_interaction_at"].fillna(facts.subjects["stored_at"])
        records = facts.subjects.assign(at=since).groupby(["store", "table", "subject_ref"])["at"].min()
        self._records = records.reset_index()[["store", "at"]]
        self._limits = facts.stores.set_index("store")["min_days"]

    def retention(self, entry: Mapping[str, Any]) -> Retention:
        """Fill one store's retention from its row of the judgement."""
        is_objects = entry["kind"] == "objects"
        source = self._pictures if is_objects else self._records
        at = source.loc[source["store"] == entry["store"], "at"].dropna()
        days = pd.to_datetime(at, utc=True).dt.tz_convert(self._zone).dt.tz_localize(None).dt.normalize()
        ages = (pd.Timestamp(self._as_of) - days).dt.days.value_counts()
        limit = None if pd.isna(entry["max_days"]) else int(entry["max_days"])
        return Retention(
            store=str(entry["store"]),
            max_days=limit,
            overdue=int(entry["overdue"]),
            min_days=int(self._limits[entry["store"]]),
            what="pictures with faces" if is_objects else "records",
            total=int(entry["held"]),
            undated=int(entry["undated"]),
            oldest=None if pd.isna(entry["oldest"]) else entry["oldest"],
            ages=fill.age_bins({int(age): int(n) for age, n in ages.items()}, limit),
            **{state: int(entry[state]) for state in ("too_short", "hold", "needs_reason", "unknown")},
        )


def _retention_of_all(outcome: Outcome) -> pd.DataFrame:
    """Give each store's retention: what any policy finds overdue, and of other states the most that one finds."""
    table = outcome.judgements[0].retention.set_index("store")
    for judged in outcome.judgements[1:]:
        other = judged.retention.set_index("store")
        for state in ("too_short", "hold", "needs_reason"):
            table[state] = table[state].combine(other[state].reindex(table.index).fillna(0), max).astype("int64")
    late = outcome.findings[outcome.findings["rule"] == "retention_overdue"]
    by_store = late[late["status"] != "legal_hold"].groupby("store").size()
    return table.assign(overdue=by_store.reindex(table.index).fillna(0).astype("int64")).reset_index()


def _store(entry: Mapping[str, Any], facts: Facts, retention: pd.DataFrame, run: Run, so_far: Fragment) -> Store:
    name = str(entry["store"])
    counted = facts.census[(facts.census["scope"] == "store") & (facts.census["scope_name"] == name)]
    covered = fill.records(facts.coverage[facts.coverage["store"] == name])
    kept = fill.records(retention[retention["store"] == name])[0]
    notes = so_far.notes
    return Store(
        name=name,
        kind="database" if entry["kind"] == "database" else "pictures",
        coverage=fill.coverage_from(covered[0], facts.coverage_floor) if covered else Coverage(0, 0, 0, 0, 0, 0),
        faces=int((facts.faces["store"] == name).sum()),
        people=_interval(counted),
        zone=_text(entry["zone"]),
        public_place=bool(entry["public_place"]),
        purpose=entry["purpose"],
        owner=_text(entry["owner"]),
        oldest=None if pd.isna(kept["oldest"]) else kept["oldest"],
        max_days=None if pd.isna(entry["max_days"]) else int(entry["max_days"]),
        overdue=int(kept["overdue"]),
        problem=str({**notes.get("problems", {}), **notes.get("register_problems", {})}.get(name, "")),
        tables=tuple(TableHeld(**tally) for tally in run.evidence.noted("tallies", so_far).get(name, ())),
        discovered=_discovered(name, facts.columns, run.evidence.noted("discovery_problems", so_far).get(name, ())),
    )


def _discovered(store: str, columns: pd.DataFrame, problems: Sequence[str]) -> Discovered | None:
    of_store = columns[columns["store"] == store] if len(columns) else columns
    if of_store.empty and not problems:
        return None
    undecided = fill.records(undecided_columns(of_store).sort_values(["facial", "confidence"], ascending=False))
    return Discovered(
        columns=len(of_store),
        declared=int(of_store["declared"].sum()),
        undeclared=len(undeclared_columns(of_store)),
        undecided=len(undecided),
        listed=tuple(
            ColumnUndecided(f"{c['table']}.{c['column']}", c["holds"], float(c["confidence"]), c["because"])
            for c in undecided[:_UNDECIDED_LISTED]
        ),
        problems=tuple(problems),
    )


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _interval(rows: pd.DataFrame) -> Interval | None:
    return fill.interval_from(fill.records(rows)[0]) if len(rows) else None


def _quarantine(objects: pd.DataFrame) -> Any:
    aside = objects[objects["status"] == "quarantined"]
    return fill.quarantine_from(zip(aside["store"], aside["uri"], aside["reason"].fillna("error"), strict=True))
