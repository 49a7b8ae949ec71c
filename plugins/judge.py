"""Judging: gathers the facts of a run from the evidence, has them judged, and commits the run whole."""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from detectors.models import ENCODER, model_hashes
from expectations.columns import RUNS
from expectations.data_docs import data_docs_page
from expectations.facts import of_stores
from expectations.filing import CHANGE_RULE
from expectations.findings import merged
from expectations.judgement import Facts, Judgement, judge
from expectations.policy import Policy, load_policy
from plugins.changes import Changes, night_delta
from plugins.decided import open_log
from plugins.evidence import Fragment, Pending, safe_name
from plugins.gather import OUTCOMES, crossings_of, gather_facts, seen_of
from plugins.leading import SAME_AS_BEFORE
from plugins.reporting import Outcome, build_report
from plugins.reports.jsonfile import to_json
from plugins.request import RunRequest
from plugins.run import Run, code_version


class RunIncomplete(Exception):
    """A run cannot be judged because a stage before has left nothing."""


@dataclass(frozen=True, slots=True)
class Span:
    """When a run began and ended, UTC."""

    started_at: datetime
    ended_at: datetime


def judge_run(run: Run, span: Span, policy_name: str, kind: str = "scan", data_docs: Path | None = None) -> str:
    """Judge the evidence together with what this run has made, and commit; give the verdict.

    A run that is committed already is left alone: a retry changes nothing.

    Raises:
        RunIncomplete: a scan without its plan, registers or census; a judgement before the first scan.
    """
    evidence, request = run.evidence, run.request
    pending = evidence.pending(run.folder)
    if kind == "scan" and "census" not in pending.fragment.files:
        done = [c for c in evidence.commits() if c.run_id == request.run_id]
        if not done:
            raise RunIncomplete(f"run {request.run_id} has no head-count yet; run its stages in order")
        return str(done[-1].fragment.notes["verdict"])
    if kind == "judge":
        pending = Pending(Fragment(), [])  # parts of a scan under way are for that scan to commit
    coverage = _coverage(run, pending)
    facts = gather_facts(run, pending.fragment, coverage)
    if facts.census.empty:
        raise RunIncomplete("there is no head-count to judge yet; run `facewarden scan` first")
    applied = applied_policies(run, policy_name)
    judged = [judge_one(run, facts, one, data_docs) for one in applied]
    findings = merged([judgement.findings for judgement in judged])
    row = _run_row(run, span, ", ".join(one.policy.name for one in applied), kind, coverage)
    changes = night_delta(run, findings, pending.fragment, applied, row)
    made = _written(run, findings, row, changes)
    made.notes["verdict"] = judged[0].verdict or "none"
    made.notes["coverage"] = {store: dict(counts) for store, counts in coverage.items()}
    made.notes["clocks"] = _frozen(run, judged, request)
    made.notes["log_head"] = list(open_log(run).head())
    outcome = Outcome([one.policy for one in applied], judged, findings, changes)
    report = build_report(run, facts, outcome, row, pending.fragment)
    evidence.publish(report_path(request.run_id), to_json(report).encode())
    evidence.commit(request.run_id, Pending(pending.fragment + made, pending.parts), span.ended_at)
    if kind == "scan":
        _tidy_vectors(run)
        run.comparisons.keep_own()
    return str(made.notes["verdict"])


@dataclass(frozen=True, slots=True)
class Applied:
    """A policy, and what it is applied to: all stores and purposes where nothing is said."""

    policy: Policy
    stores: tuple[str, ...] | None = None
    purposes: tuple[str, ...] | None = None


def applied_policies(run: Run, name: str) -> list[Applied]:
    """Give the policies to judge by: those of the settings, or, when another one is asked for, that one alone."""
    main = Applied(load_policy(run.whole.policy_path(name)))
    if name != run.whole.policy:
        return [main]
    further = [
        Applied(load_policy(run.whole.policy_path(one.policy)), one.stores, one.purposes) for one in run.whole.policies
    ]
    return [main, *further]


def judge_one(run: Run, facts: Facts, applied: Applied, data_docs: Path | None = None) -> Judgement:
    """Judge the facts that a policy is applied to; pages of the checks go into the folder ``data_docs``."""
    policy = applied.policy

    def keep(name: str, result: Any) -> None:
        if data_docs is not None:
            folder = data_docs / policy.name
            folder.mkdir(parents=True, exist_ok=True)
            page = folder / f"{safe_name(name)}.html"
            page.write_text(data_docs_page(result), encoding="utf-8")

    part = of_stores(facts.checked(), applied.stores, applied.purposes)
    return judge(replace(part, crossings=crossings_of(run, policy.name)), policy, run.request.as_of, keep)


def compare_policies(run: Run, names: Sequence[str]) -> list[Judgement]:
    """Judge the evidence as it stands by several policies, each alone; nothing is committed.

    Raises:
        RunIncomplete: nothing was scanned yet.
    """
    facts = gather_facts(run, Fragment(), _coverage(run, Pending(Fragment(), [])))
    if facts.census.empty:
        raise RunIncomplete("there is no head-count to judge yet; run `facewarden scan` first")
    return [judge_one(run, facts, Applied(load_policy(run.whole.policy_path(name)))) for name in names]


def _frozen(run: Run, judged: Sequence[Judgement], request: RunRequest) -> dict[str, Any]:
    """Give the clocks that run, each with the run that found it; a change that is no more is taken back."""
    notes: dict[str, Any] = {}
    for judgement in judged:
        before = crossings_of(run, judgement.rule)
        running = {clock["rule"]: clock for clock in judgement.filing}
        for rule, clock in running.items():
            notes[f"{judgement.rule}/{rule}"] = {
                "on": clock["crossed_on"].isoformat(),
                "run_id": clock["found_by"] or request.run_id,
            }
        change = before.get(CHANGE_RULE)
        if change and CHANGE_RULE not in running and change.on <= request.as_of:
            notes[f"{judgement.rule}/{CHANGE_RULE}"] = None
    return notes


def _tidy_vectors(run: Run) -> None:
    """Remove the vectors of parts that hold no current object.

    A run beside this one may have sealed vectors that nothing names yet: then only of those that a commit names.
    """
    evidence = run.evidence
    current = set(evidence.objects()["file"])
    if set(evidence.names("pending")) <= {"parts"}:
        run.vectors.keep_only(current | set(evidence.parts()))
        return
    paths = {path for commit in evidence.commits() for path in commit.fragment.files.get("objects", [])}
    run.vectors.remove({posixpath.basename(path).removesuffix(".parquet") for path in paths} - current)


def report_path(run_id: str) -> str:
    """Where the report's data of a run lies under the evidence URL."""
    return f"reports/{safe_name(run_id)}.json"


def _coverage(run: Run, pending: Pending) -> dict[str, Counter[str]]:
    """Count how the objects of each store ended: by the plan, and by the parts looked at since.

    A run that only judges has no plan: what each store's last scan covered stands.
    """
    notes = pending.fragment.notes
    if "coverage" not in notes:
        return {store: Counter(ended) for store, ended in run.evidence.noted("coverage").items()}
    counts = {store: Counter[str](ended) for store, ended in notes["coverage"].items()}
    looked = looked_at(run, pending, set(notes["chunks"]))
    for (store, status), rows in looked.groupby(["store", "status"]):
        counts[str(store)][str(status)] += len(rows)
        counts[str(store)]["same"] += int((rows["reason"] == SAME_AS_BEFORE).sum())
    # What was planned and not looked at, because the time was over, is left out like anything else.
    for store, planned in notes.get("planned", {}).items():
        counts[store]["skipped"] += planned - int((looked["store"] == store).sum())
    return counts


def looked_at(run: Run, pending: Pending, chunks: set[str]) -> pd.DataFrame:
    """Give the objects of this run's chunks; a run beside this one may have committed some of their parts."""
    fragments = [*(commit.fragment for commit in run.evidence.commits()), pending.fragment]
    paths = dict.fromkeys(path for fragment in fragments for path in fragment.files.get("objects", []))
    own = [path for path in paths if posixpath.basename(path).split("-", 1)[0] in chunks]
    objects = run.evidence.read_fragment("objects", Fragment({"objects": own}), ["store", "uri", "status", "reason"])
    return objects.drop_duplicates(["store", "uri"], keep="last")


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
        "excluded": total["excluded"],
        "same": total["same"],
        "started_at": span.started_at,
        "ended_at": span.ended_at,
    }


def _model_hashes(run: Run, kind: str) -> str:
    """Say which models looked: this scan's or, of a run that only judges, the last scan's."""
    if kind == "scan":
        return json.dumps(model_hashes() | {ENCODER: run.encoder.sha256}, sort_keys=True)
    runs = run.evidence.read("runs")
    return str(runs.loc[runs["kind"] == "scan", "model_hashes"].iloc[-1])


def _written(run: Run, findings: pd.DataFrame, row: dict[str, Any], changes: Changes) -> Fragment:
    write, request = run.evidence.write_table, run.request
    files = {
        "findings": [write("findings", findings, "all", request.as_of, request.run_id)],
        "runs": [write("runs", pd.DataFrame([row], columns=RUNS.names), "all", request.as_of, request.run_id)],
    }
    if len(changes.closed):
        files["closed"] = [write("closed", changes.closed, "all", request.as_of, request.run_id)]
    return Fragment(files, {"as_of": request.as_of.isoformat(), "inputs": asdict(changes.inputs)})
