"""The stages of a nightly scan, each a plain function of a small request: the DAG and the command line call the same.

``plan`` -> ``look`` (for every chunk) and ``registers`` -> ``identities`` -> ``judge_and_commit`` -> ``write_report``
-> ``check_failures``.
What passes between them is names and counts; everything else goes through the evidence.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from plugins import failures
from plugins.census import take_census
from plugins.evidence import Fragment
from plugins.judge import Span, judge_run
from plugins.pool import run_supervised
from plugins.publishing import publish_report, render_report
from plugins.registers import read_registers
from plugins.request import RunRequest
from plugins.run import Run
from plugins.scan import scan_chunk, supervised
from plugins.scan_plan import ScanPlan, plan_scan
from plugins.workload import evenly

log = logging.getLogger(__name__)


def plan(request: RunRequest) -> ScanPlan:
    """Shred expired vectors, list the stores, publish the chunks that must be looked at."""
    run = Run(request)
    shredded = run.vectors.shred_expired(request.as_of, run.settings.vectors.keep_days)
    made = plan_scan(run)
    log.info("%d objects to look at in %d chunks, %d expired vector files shredded",
             made.objects_todo, len(made.chunks), shredded)  # fmt: skip
    return made


def look(request: RunRequest, chunks: Sequence[str], tick: Callable[[int], None] = lambda n: None,
         workers: int = 1) -> Counter[str]:  # fmt: skip
    """Look at the objects of some chunks, each in one of so many processes; what an earlier try published stands.

    Raises:
        ProcessProblem: a process that looks at objects cannot be started.
    """
    run = Run(request)
    supervisors = [supervised(run) for _ in range(max(1, min(workers, len(chunks))))]
    ended = Counter[str]()
    for of_chunk in run_supervised(lambda one, chunk: scan_chunk(run, chunk, one, tick), chunks, supervisors):
        ended += of_chunk
    log.info("looked at %d objects: %s", ended.total(), dict(ended))
    return ended


def registers(request: RunRequest) -> None:
    """Read person records and consents."""
    read_registers(Run(request))


def identities(request: RunRequest) -> None:
    """Count people and group like faces; publish both in the run's folder."""
    run = Run(request)
    census = take_census(run, run.evidence.pending(run.folder).fragment)
    write = run.evidence.write_table
    files = {
        "census": [write("census", census.rows, "all", request.as_of, request.run_id)],
        "identities": [write("identities", census.identities, "all", request.as_of, request.run_id)],
    }
    run.evidence.save_fragment(f"{run.folder}/census.json", Fragment(files))


def judge_and_commit(request: RunRequest, started_at: datetime, ended_at: datetime) -> str:
    """Judge what a scan found on top of what is known, and commit it all at once; give the verdict.

    Raises:
        RunIncomplete: a stage before has not left its work.
    """
    run = Run(request)
    return judge_run(run, Span(started_at, ended_at), run.settings.policy)


def rejudge(request: RunRequest, at: datetime, policy: str | None = None, data_docs: Path | None = None) -> str:
    """Judge the evidence as it stands, opening no image; commit the findings; give the verdict."""
    run = Run(request)
    return judge_run(run, Span(at, at), policy or run.settings.policy, kind="judge", data_docs=data_docs)


def write_report(request: RunRequest) -> dict[str, str]:
    """Write page and JSON of a committed run into the reports folder; give their places by kind."""
    return publish_report(Run(request))


def check_failures(request: RunRequest) -> None:
    """Fail when too many of the objects that a committed run looked at could not be read.

    Raises:
        TooManyFailed: more than the settings allow.
    """
    failures.check_failures(Run(request))


def report_text(request: RunRequest, form: str) -> str:
    """Give the report of a run (of the newest by day when the request names none) as html, json or csv.

    Raises:
        NoSuchRun: there is no committed run of that name.
    """
    return render_report(Run(request), form)


def done_again(request: RunRequest, day: str) -> RunRequest:
    """Let the run of a day that another run has committed already look at its whole span again.

    Args:
        request: of a backfilled day.
        day: what the ids of all runs of this day have in common.
    """
    others = (commit.run_id for commit in Run(request).evidence.commits() if commit.run_id != request.run_id)
    return replace(request, reprocess="completed") if any(day in run_id for run_id in others) else request


def batches(request: RunRequest, plan: ScanPlan, limit: int) -> list[list[str]]:
    """Spread chunks over mapped tasks of about the same work, at most ``limit`` of them."""
    return evenly(plan.seconds, Run(request).settings.scan.task_seconds, limit)
