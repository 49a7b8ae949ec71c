"""The whole nightly scan without a scheduler: the stages of the DAG, looking spread over processes that may die."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from plugins import tasks
from plugins.pool import Tick, worker_count
from plugins.request import RunRequest
from plugins.run import Run
from plugins.scan import supervised
from plugins.scan_plan import ScanPlan, plan_scan
from plugins.workload import expected_seconds


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
    tasks.look(request, list(plan.chunks), tick, workers)
    tasks.registers(request)
    tasks.identities(request)
    return tasks.judge_and_commit(request, started, clock())


def outlook(request: RunRequest) -> Outlook:
    """Say what a scan would do; looks at a few of the objects to tell the time, keeps nothing.

    What is expected of a store by kinds and sizes is taken as many times as its sample took what was expected of it: a
    few films among many pictures count for what they are.
    """
    run = Run(request)
    plan = plan_scan(run, dry=True)
    samples = {store: chosen for store, chosen in plan.samples.items() if chosen}
    if not samples:
        return Outlook(plan, None if plan.objects_todo else 0.0, 0)
    seconds = 0.0
    with supervised(run) as looking:
        looking.ready()
        for store, chosen in samples.items():
            start = time.perf_counter()
            for _ in looking.through(chosen):
                pass
            factor = (time.perf_counter() - start) / sum(map(expected_seconds, chosen))
            seconds += factor * plan.store_seconds[store]
    workers = worker_count(run.settings.scan.workers)
    return Outlook(plan, seconds / workers / 60, sum(map(len, samples.values())))
