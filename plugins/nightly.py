"""The whole nightly scan without a scheduler: the same stages as the DAG, the looking spread over worker processes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from detectors.decode import DecodeLimits
from detectors.errors import Refused
from detectors.look import Looker
from plugins import tasks
from plugins.pool import Tick, run_jobs, worker_count
from plugins.request import RunRequest
from plugins.run import Run
from plugins.scan_plan import ScanPlan, plan_scan
from plugins.stores.records import StoreProblem


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a scan would do: objects, bytes, and minutes as measured on a few of them (None when there is nothing)."""

    plan: ScanPlan
    minutes: float | None
    sampled: int

    def as_dict(self) -> dict[str, object]:
        """Give it for printing."""
        counts = {c.store: dict(c.counts) for c in self.plan.coverage.values()}
        return {
            "objects": self.plan.objects_todo,
            "bytes": self.plan.bytes_todo,
            "expected_minutes": None if self.minutes is None else round(self.minutes, 3),
            "measured_on": self.sampled,
            "need_no_look": counts,
            "left_by_the_budget": sum(c.left for c in self.plan.coverage.values()),
            "problems": {c.store: c.problem for c in self.plan.coverage.values() if c.problem},
        }


def scan(request: RunRequest, clock: Callable[[], datetime], begin: Callable[[int], Tick]) -> str:
    """Run all stages; give the verdict.

    Args:
        request: what to do.
        clock: tells the time, in UTC.
        begin: called once with the number of objects to look at; gives what is called with each number done.
    """
    started = clock()
    plan = tasks.plan(request)
    workers = worker_count(Run(request).settings.scan.workers)
    tick = begin(plan.objects_todo)
    jobs = [(request.to_json(), chunk) for chunk in plan.chunks]
    for _ in run_jobs(_look, jobs, min(workers, max(1, len(jobs))), tick):
        pass
    tasks.registers(request)
    tasks.identities(request)
    return tasks.judge_and_commit(request, started, clock())


def _look(job: tuple[str, str], tick: Tick) -> None:
    text, chunk = job
    tasks.look(RunRequest.from_json(text), [chunk], tick)


def outlook(request: RunRequest) -> Outlook:
    """Say what a scan would do; looks at a few of the objects to tell the time, keeps nothing."""
    run = Run(request)
    plan = plan_scan(run, dry=True)
    seconds = _seconds_each(run, plan)
    if not seconds:
        return Outlook(plan, None if plan.objects_todo else 0.0, 0)
    each = statistics.fmean(seconds)
    workers = worker_count(run.settings.scan.workers)
    return Outlook(plan, each * plan.objects_todo / workers / 60, len(seconds))


def _seconds_each(run: Run, plan: ScanPlan) -> list[float]:
    limits = DecodeLimits(max_pixels=run.settings.scan.max_pixels, max_seconds=run.settings.scan.max_seconds)
    seconds = []
    with Looker(limits=limits, encoder=run.encoder, every_seconds=run.settings.scan.still_seconds) as looker:
        for holding in run.holdings:
            store = run.pictures(holding)
            for found in plan.samples.get(holding.name, []):
                start = time.perf_counter()
                try:
                    looker.look(store.read(found))
                except (Refused, StoreProblem):
                    continue
                finally:
                    seconds.append(time.perf_counter() - start)
    return seconds
