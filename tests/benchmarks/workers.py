"""Two Celery workers against one, each pinned to a core of its own; and what Airflow costs beside the work.

The same pictures are scanned from nothing, in turns; PostgreSQL and Redis of this machine serve Airflow. What is
compared is the time from the start of the first task that looks to the end of the last. Airflow itself runs on the
same cores beside them, so on two cores the ratio is the least that two machines would give.
FACEWARDEN_BENCH_PICTURES, _RUNS and _TASK_SECONDS size it; the last only how the scan is cut here.

``workers_overhead_share`` is what Airflow adds to a scan of 20 minutes: between the end of one task and the start of
the next on a worker, at the start of each task (the look at a single picture, nearly all of it loading), as often as
such a scan of two workers is cut into tasks; and once between the stages.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from measuring import Figures
from PIL import Image

from detectors.pictures import pictures_folder
from plugins.settings import ScanSettings
from plugins.stores.records import StoredObject
from plugins.workload import evenly, expected_seconds

sys.path.append(str(Path(__file__).resolve().parents[2]))
from tests.airflow_cluster import Cluster, running_cluster
from tests.organisation import jpeg

PICTURES = int(os.environ.get("FACEWARDEN_BENCH_PICTURES", "1500"))
TASK_SECONDS = float(os.environ.get("FACEWARDEN_BENCH_TASK_SECONDS", str(ScanSettings().task_seconds)))
RUNS = int(os.environ.get("FACEWARDEN_BENCH_RUNS", "3"))
SCAN_SECONDS = 20 * 60.0
STAGES = ("plan", "look", "identities", "judge", "report")
Tasks = list[dict[str, Any]]
SETTINGS = """
controller: {name: Benchmark, timezone: UTC}
policy: cn-draft-2023
scan: {task_seconds: %s}
evidence: ./evidence
secrets: ./secrets
vectors: {url: ./vectors}
reports: ./reports
stores:
  - {name: camera, url: ./pictures, purpose: access control, same_frames: look}
"""


def measure() -> Figures:
    cores = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make(folder)
        with running_cluster(folder / "airflow", folder / "facewarden.yaml") as cluster:
            for worker, core in zip(("w1", "w2"), cores, strict=True):
                cluster.start(worker, core)
            starts = [_duration(_looks(_scanned(cluster, folder, f"s{n}", prefix="00000"))[0]) for n in range(RUNS)]
            runs: dict[int, list[Tasks]] = {1: [], 2: []}
            for number in range(RUNS):
                for workers in (2, 1):
                    cluster.employ("w2", yes=workers == 2)
                    runs[workers].append(_scanned(cluster, folder, f"run-{number}-{workers}"))
                    looks = _looks(runs[workers][-1])
                    kept = _bytes(folder / "evidence", folder / "vectors") / PICTURES
                    print(f"  {workers} workers: {_span(looks):.0f} s in {len(looks)} tasks", flush=True)
        sizes = [path.stat().st_size for path in (folder / "pictures").iterdir()]
    return _figures(runs, statistics.median(starts), sizes) | {"workers_kept_bytes_a_picture": kept}


def _figures(runs: dict[int, list[Tasks]], start: float, sizes: Sequence[int]) -> Figures:
    one, two = (statistics.median(_span(_looks(tasks)) for tasks in runs[workers]) for workers in (1, 2))
    every = [*runs[1], *runs[2]]
    between = statistics.median(gap for tasks in every for gap in _gaps(_looks(tasks)))
    stages = statistics.median(_between_stages(tasks) for tasks in every)
    look = statistics.median(sum(_duration(task) - start for task in _looks(tasks)) for tasks in runs[1]) / PICTURES
    tasks = _tasks_of_a_scan(look, sizes)
    share = (tasks / 2 * (start + between) + stages) / SCAN_SECONDS
    return {
        "workers_one_seconds": one,
        "workers_one_over_two": one / two,
        "workers_seconds_a_picture": two * 2 / PICTURES,
        "workers_look_seconds_a_picture": look,
        "workers_tasks_of_a_scan": tasks,
        "workers_task_start_seconds": start,
        "workers_between_tasks_seconds": between,
        "workers_between_stages_seconds": stages,
        "workers_overhead_share": share,
    }


def _tasks_of_a_scan(look: float, sizes: Sequence[int]) -> int:
    """Say into how many tasks the usual settings cut a scan that keeps two cores busy, at so many seconds a look."""
    expected = statistics.mean(expected_seconds(StoredObject("camera", ".jpg", "", size)) for size in sizes)
    chunk = 2 * SCAN_SECONDS / 100  # of the work; expected are other seconds than it takes
    chunks = {str(number): chunk * expected / look for number in range(100)}
    return len(evenly(chunks, ScanSettings().task_seconds, 1024))


def _make(folder: Path) -> None:
    (folder / "facewarden.yaml").write_text(SETTINGS % TASK_SECONDS, encoding="utf-8")
    (folder / "pictures").mkdir()
    seen = Image.open(pictures_folder() / "astronaut.png").convert("RGB")
    for number in range(PICTURES):
        side = 400 + number % 112
        data = jpeg(seen.crop((0, 0, side, side)).resize((1920, 1080)), 80 + number // 112)
        (folder / "pictures" / f"{number:05}.jpg").write_bytes(data)


def _scanned(cluster: Cluster, folder: Path, run_id: str, **part: str) -> Tasks:
    """Scan everything, or a part, from nothing; give the tasks of the run."""
    for name in ("evidence", "vectors"):
        shutil.rmtree(folder / name, ignore_errors=True)
    cluster.airflow.trigger("face_census", run_id, {"as_of": "2026-10-20", **part})
    if cluster.airflow.wait("face_census", run_id, 3600) != "success":
        raise RuntimeError(f"the run {run_id} failed")
    path = f"/dags/face_census/dagRuns/{run_id}/taskInstances?limit=1000"
    tasks: Tasks = cluster.airflow.call("GET", path)["task_instances"]
    return tasks


def _bytes(*folders: Path) -> int:
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


def _looks(tasks: Tasks) -> Tasks:
    return [task for task in tasks if task["task_id"] == "look"]


def _span(tasks: Tasks) -> float:
    """Give the seconds from the start of the first task to the end of the last."""
    return max(map(_end, tasks)) - min(map(_start, tasks))


def _gaps(tasks: Tasks) -> list[float]:
    """Give the seconds between the end of each task and the start of the next one on the same worker."""
    found = []
    for worker in {task["hostname"] for task in tasks}:
        own = sorted((task for task in tasks if task["hostname"] == worker), key=_start)
        found += [_start(after) - _end(before) for before, after in pairwise(own)]
    return found


def _between_stages(tasks: Tasks) -> float:
    """Give the seconds in which nothing but Airflow is at work: before the first stage and from each to the next."""
    of = {stage: [t for t in tasks if t["task_id"] == stage] for stage in STAGES}
    asked = datetime.fromisoformat(of["plan"][0]["queued_when"]).timestamp()
    waits = [min(map(_start, of[after])) - max(map(_end, of[before])) for before, after in pairwise(STAGES)]
    return min(map(_start, of["plan"])) - asked + sum(max(0.0, wait) for wait in waits)


def _start(task: dict[str, Any]) -> float:
    return datetime.fromisoformat(task["start_date"]).timestamp()


def _end(task: dict[str, Any]) -> float:
    return datetime.fromisoformat(task["end_date"]).timestamp()


def _duration(task: dict[str, Any]) -> float:
    return _end(task) - _start(task)
