"""Kill -9 of schedulers and workers of a real Airflow, at random moments: each run ends, and says what a calm one says.

CeleryExecutor on PostgreSQL and Redis, as in ``tests/backends/test_celery.py``, whose organisation, cluster and facts
these are. In each run the scheduler or one of the two workers is killed with all its children, at a moment of the time
that a calm run takes, and started again; no task that looks is begun a third time.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from detectors.pictures import pictures_folder
from plugins import nightly
from plugins.request import RunRequest
from tests.airflow_cluster import Cluster, running_cluster
from tests.backends import test_celery as celery
from tests.organisation import AS_OF, Organisation

KILLS = int(os.environ.get("FACEWARDEN_TORTURE_CLUSTER_KILLS", "10"))
PARTS = ("scheduler", *celery.WORKERS)


def torture() -> dict[str, float]:
    """Kill once in each of so many runs, and hold what they say against a scan without a scheduler."""
    with tempfile.TemporaryDirectory() as folder:
        organisation = celery.make_full(Path(folder), pictures_folder())
        celery.use_evidence(organisation, "alone")
        request = RunRequest(str(organisation.settings), "alone", AS_OF)
        nightly.scan(request, lambda: datetime.now(UTC), lambda n: lambda k: None)
        truth = celery.facts(organisation, "alone")
        with running_cluster(organisation.folder / "airflow", organisation.settings) as cluster:
            for worker in celery.WORKERS:
                cluster.start(worker)
            started = time.monotonic()
            _begin(cluster, organisation, "calm")
            _check(cluster, organisation, "calm", truth)
            seconds = time.monotonic() - started
            kills = Counter[str]()
            random = np.random.default_rng(0)
            for number in range(KILLS):
                name, part = f"run-{number}", PARTS[number % len(PARTS)]
                _begin(cluster, organisation, name)
                time.sleep(random.uniform(0, seconds))
                kills[part] += not _is_over(cluster, name)
                cluster.kill(part)
                cluster.start(part)
                _check(cluster, organisation, name, truth)
                print(f"{number + 1} of {KILLS}: {part} killed, all the same", flush=True)
    return {
        "cluster_kills_of_schedulers": float(kills["scheduler"]),
        "cluster_kills_of_workers": float(sum(kills[worker] for worker in celery.WORKERS)),
        "cluster_calm_seconds": seconds,
    }


def _begin(cluster: Cluster, organisation: Organisation, name: str) -> None:
    celery.use_evidence(organisation, name)
    cluster.airflow.trigger("face_census", name, {"as_of": str(AS_OF)})


def _is_over(cluster: Cluster, name: str) -> bool:
    state = cluster.airflow.call("GET", f"/dags/face_census/dagRuns/{name}")["state"]
    return state not in {"queued", "running"}


def _check(cluster: Cluster, organisation: Organisation, name: str, truth: dict[str, object]) -> None:
    """Wait for a run, and hold it against the truth.

    Raises:
        AssertionError: it failed, says something else, or began a task a third time.
    """
    ended = cluster.airflow.wait("face_census", name, 600)
    if ended != "success":
        raise AssertionError(f"{name} ended as {ended}")
    if max(tries for _, tries in celery.looks(cluster, name).values()) > 2:
        raise AssertionError(f"{name}: a task was begun a third time")
    found = celery.facts(organisation, name)
    if different := [part for part in truth if truth[part] != found[part]]:
        raise AssertionError(f"{name}: {', '.join(different)} differ from a calm scan")
