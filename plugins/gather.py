"""Gathers the facts of a day from the evidence, the settings and the decision log."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pandas as pd

from expectations.consent import GROUNDS
from expectations.delta import POLICY_GONE
from expectations.facts import Facts
from expectations.registration import Frozen
from plugins.decided import attested_frame, decisions_frame, open_log, registrations
from plugins.evidence import GONE_NEEDS, Fragment
from plugins.run import Run
from plugins.settings import Settings, StoreSettings

_OBJECT_COLUMNS = ["version", "reason", "subject_ref", "stills", "longest_gap_ms"]
OUTCOMES = ("scanned", "unchanged", "unsupported", "quarantined", "skipped")


def gather_facts(run: Run, so_far: Fragment, coverage: dict[str, Counter[str]]) -> Facts:
    """Gather what the judge reads: the committed evidence and, on top, what this run has made.

    The clocks that earlier nights froze are those of one policy: ``crossings_of`` gives them.
    """
    evidence = run.evidence
    held = {h.name for h in (*run.whole.stores, *run.whole.databases)}
    current, gone = evidence.objects_and_gone(so_far, [*GONE_NEEDS, *_OBJECT_COLUMNS])
    objects = _of(held, current)
    faces = evidence.faces(objects, so_far, ["face_id", "store", "uri", "subject_ref"])
    decided = open_log(run).entries()
    return Facts(
        objects=objects,
        faces=_with_matches(faces, run.settings.match_enrolled),
        subjects=_of(held, evidence.read("subjects", so_far)),
        consents=evidence.read("consents", so_far),
        census=_census(run, so_far),
        coverage=_coverage_frame(coverage),
        stores=_stores(run),
        columns=_of(held, evidence.read("columns", so_far)),
        grounds=attested_grounds(run.whole),
        history=history_of(run),
        decisions=decisions_frame(decided),
        nights=_nights(run),
        gone=_of(held, gone),
        attested=attested_frame(decided),
        safeguards=_of(held, evidence.read("safeguards", so_far)),
        ended_purposes={name: p.ended_on for name, p in run.whole.purposes.items() if p.ended_on},
        registrations=registrations(decided),
        timezone=run.settings.controller.timezone,
        coverage_floor=run.settings.coverage_floor,
    )


def _with_matches(faces: pd.DataFrame, are_asked_for: bool) -> pd.DataFrame:
    """Take a face that was matched with an enrolled person for linked to them; ``by_likeness`` says which are."""
    by_likeness = faces["subject_ref"].isna() & faces["matched_ref"].notna() & are_asked_for
    linked = faces["subject_ref"].where(~by_likeness, faces["matched_ref"])
    return faces.assign(subject_ref=linked, by_likeness=by_likeness)


def _of(stores: set[str], rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["store"].isin(stores)]


def _census(run: Run, so_far: Fragment) -> pd.DataFrame:
    """Give the rows of the newest head-count."""
    rows = run.evidence.read("census", so_far)
    return rows[rows["file"] == rows["file"].iloc[-1]] if len(rows) else rows


def _stores(run: Run) -> pd.DataFrame:
    rows = [
        {
            "store": held.name,
            "kind": "objects" if isinstance(held, StoreSettings) else "database",
            "zone": held.zone,
            "public_place": held.public_place,
            "venue": held.venue or "",
            "country": held.country or "",
            "purpose": held.purpose,
            "owner": held.owner,
            "min_days": held.retention.min_days,
            "max_days": held.retention.max_days,
        }
        for held in (*run.whole.stores, *run.whole.databases)
    ]
    return pd.DataFrame(rows)


def attested_grounds(settings: Settings) -> pd.DataFrame:
    """Give the grounds that the settings attest, as ``Facts`` has them."""
    rows = [
        {"purpose": g.purpose, "store": g.store or "", "attested_on": g.attested_on, "valid_until": g.valid_until}
        for g in settings.grounds
    ]
    return pd.DataFrame(rows, columns=list(GROUNDS))


def crossings_of(run: Run, policy: str) -> dict[str, Frozen]:
    """Give the day each clock of a policy began, and the run that found it, as earlier nights froze them."""
    start = f"{policy}/"
    notes = run.evidence.noted("clocks")
    found = {key.removeprefix(start): note for key, note in notes.items() if key.startswith(start) and note}
    return {rule: Frozen(date.fromisoformat(note["on"]), note["run_id"]) for rule, note in found.items()}


def history_of(run: Run) -> pd.DataFrame:
    """Give what was found on earlier nights: the last findings, and those that are closed.

    A finding that went because its policy was not applied was not resolved by that, and is not reopened by applying it.
    """
    last = run.evidence.read("findings", columns=["finding_id", "first_seen"])
    closed = run.evidence.read("closed", columns=["finding_id", "first_seen", "closed_on", "why"])
    closed = closed.assign(closed_on=closed["closed_on"].where(closed["why"] != POLICY_GONE))
    return pd.concat([last, closed.drop(columns="why")], ignore_index=True) if len(closed) else last


def _nights(run: Run) -> pd.DataFrame:
    """Give the head-counts of earlier days, the last of each."""
    counted = run.evidence.read("census")
    nights = counted[(counted["scope"] == "all") & (counted["as_of"] < run.request.as_of)]
    return nights.drop_duplicates("as_of", keep="last").sort_values("as_of").reset_index(drop=True)


def _coverage_frame(coverage: dict[str, Counter[str]]) -> pd.DataFrame:
    counted = [*OUTCOMES, "excluded", "same"]
    rows = [{"store": s, "seen": seen_of(c), **{o: c[o] for o in counted}} for s, c in sorted(coverage.items())]
    return pd.DataFrame(rows, columns=["store", "seen", *counted])


def seen_of(counts: Counter[str]) -> int:
    """Add up the objects that the store listed."""
    return sum(counts[outcome] for outcome in OUTCOMES)
