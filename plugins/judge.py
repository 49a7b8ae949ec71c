"""Judging: gathers the facts of a run from the evidence, has them judged, and commits the run whole."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from detectors.models import ENCODER, model_hashes
from expectations.columns import RUNS
from expectations.consent import GROUNDS
from expectations.judgement import Facts, Judgement, judge
from expectations.policy import Policy, load_policy
from plugins.evidence import Fragment, Pending, safe_name
from plugins.reporting import build_report
from plugins.reports.jsonfile import to_json
from plugins.run import Run, code_version
from plugins.settings import Settings, StoreSettings

OUTCOMES = ("scanned", "unchanged", "unsupported", "quarantined", "skipped")
_FILING_RULES = ("threshold_filing", "public_place_filing")


class RunIncomplete(Exception):
    """A run cannot be judged because a stage before has left nothing."""


@dataclass(frozen=True, slots=True)
class Span:
    """When a run began and ended, UTC."""

    started_at: datetime
    ended_at: datetime


def judge_run(run: Run, span: Span, policy_name: str, kind: str = "scan") -> str:
    """Judge the evidence together with what this run has made, and commit; give the verdict.

    A run that is committed already is left alone: a retry changes nothing.

    Raises:
        RunIncomplete: a scan without its plan, registers or census; a judgement before the first scan.
    """
    policy, evidence, request = load_policy(policy_name), run.evidence, run.request
    pending = evidence.pending(run.folder)
    if kind == "scan" and "census" not in pending.fragment.files:
        done = [c for c in evidence.commits() if c.run_id == request.run_id]
        if not done:
            raise RunIncomplete(f"run {request.run_id} has no head-count yet; run its stages in order")
        return str(done[-1].fragment.notes["verdict"])
    if kind == "judge":
        pending = Pending(Fragment(), [])  # parts of a scan under way are for that scan to commit
    coverage = _coverage(run, pending)
    facts = gather_facts(run, pending.fragment, policy, coverage)
    if facts.census.empty:
        raise RunIncomplete("there is no head-count to judge yet; run `facewarden scan` first")
    judgement = judge(facts, policy, request.as_of)
    row = _run_row(run, span, policy.name, kind, coverage)
    made = _findings(run, judgement, row)
    made.notes["coverage"] = {store: dict(counts) for store, counts in coverage.items()}
    report = build_report(run, facts, judgement, policy, row, pending.fragment)
    evidence.publish(report_path(request.run_id), to_json(report).encode())
    evidence.commit(request.run_id, Pending(pending.fragment + made, pending.parts), span.ended_at)
    if kind == "scan":
        run.vectors.keep_only(set(evidence.objects()["file"]) | set(evidence.parts()))
        run.comparisons.keep_own()
    return judgement.verdict


def report_path(run_id: str) -> str:
    """Where the report's data of a run lies under the evidence URL."""
    return f"reports/{safe_name(run_id)}.json"


def gather_facts(run: Run, so_far: Fragment, policy: Policy, coverage: dict[str, Counter[str]]) -> Facts:
    """Gather what the judge reads: the committed evidence and, on top, what this run has made."""
    evidence = run.evidence
    held = {h.name for h in (*run.whole.stores, *run.whole.databases)}
    objects = _of(held, evidence.objects(so_far))
    history = evidence.read("findings")
    return Facts(
        objects=objects,
        faces=_with_matches(evidence.faces(objects, so_far), run.settings.match_enrolled),
        subjects=_of(held, evidence.read("subjects", so_far)),
        consents=evidence.read("consents", so_far),
        census=_census(run, so_far),
        coverage=_coverage_frame(coverage),
        stores=_stores(run),
        columns=_of(held, evidence.read("columns", so_far)),
        grounds=attested_grounds(run.whole),
        history=history,
        crossings=_crossings(history, policy),
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


def _crossings(history: pd.DataFrame, policy: Policy) -> dict[str, date]:
    """Give the day each filing duty began, as an earlier night froze it."""
    frozen = history[(history["policy"] == policy.name) & history["rule"].isin(_FILING_RULES)].dropna(subset=["since"])
    return {str(rule): min(rows["since"]) for rule, rows in frozen.groupby("rule")}


def _coverage(run: Run, pending: Pending) -> dict[str, Counter[str]]:
    """Count how the objects of each store ended: by the plan, and by the parts looked at since.

    A run that only judges has no plan: what each store's last scan covered stands.
    """
    notes = pending.fragment.notes
    if "coverage" not in notes:
        return {store: Counter(ended) for store, ended in run.evidence.noted("coverage").items()}
    counts = {store: Counter[str](ended) for store, ended in notes["coverage"].items()}
    chunks = set(notes["chunks"])
    objects = run.evidence.read_fragment("objects", pending.fragment)
    looked = objects[objects["file"].str.rsplit("-", n=1).str[0].isin(chunks)]
    for (store, status), rows in looked.groupby(["store", "status"]):
        counts[str(store)][str(status)] += len(rows)
    return counts


def _coverage_frame(coverage: dict[str, Counter[str]]) -> pd.DataFrame:
    rows = [{"store": s, "seen": seen_of(c), **{o: c[o] for o in OUTCOMES}} for s, c in sorted(coverage.items())]
    return pd.DataFrame(rows, columns=["store", "seen", *OUTCOMES])


def seen_of(counts: Counter[str]) -> int:
    """Add up the objects that the store listed."""
    return sum(counts[outcome] for outcome in OUTCOMES)


def _run_row(run: Run, span: Span, policy: str, kind: str, coverage: dict[str, Counter[str]]) -> dict[str, Any]:
    total = sum(coverage.values(), Counter[str]())
    return {
        "run_id": run.request.run_id,
        "kind": kind,
        "as_of": run.request.as_of,
        "scope": run.request.scope,
        "policy": policy,
        "config_hash": run.settings.digest(),
        "model_hashes": _model_hashes(run, kind),
        "code_version": code_version(),
        "seen": seen_of(total),
        **{outcome: total[outcome] for outcome in OUTCOMES},
        "gone": total["gone"],
        "started_at": span.started_at,
        "ended_at": span.ended_at,
    }


def _model_hashes(run: Run, kind: str) -> str:
    """Say which models looked: this scan's or, of a run that only judges, the last scan's."""
    if kind == "scan":
        return json.dumps(model_hashes() | {ENCODER: run.encoder.sha256}, sort_keys=True)
    runs = run.evidence.read("runs")
    return str(runs.loc[runs["kind"] == "scan", "model_hashes"].iloc[-1])


def _findings(run: Run, judgement: Judgement, row: dict[str, Any]) -> Fragment:
    write, request = run.evidence.write_table, run.request
    files = {
        "findings": [write("findings", judgement.findings, "all", request.as_of, request.run_id)],
        "runs": [write("runs", pd.DataFrame([row], columns=RUNS.names), "all", request.as_of, request.run_id)],
    }
    return Fragment(files, {"verdict": judgement.verdict, "as_of": request.as_of.isoformat()})
