"""Jobs in worker processes: in order, with progress, and no worker outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plugins.pool import Tick, run_jobs, worker_count


def square(number: int, tick: Tick) -> int:
    tick(1)
    return number * number


def fail(number: int, tick: Tick) -> int:
    raise ValueError(f"job {number}")


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_jobs_and_every_tick_arrives(workers: int) -> None:
    ticks: list[int] = []
    assert list(run_jobs(square, range(20), workers, ticks.append)) == [n * n for n in range(20)]
    assert sum(ticks) == 20


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_job_reaches_the_caller(workers: int) -> None:
    with pytest.raises(ValueError, match="job 0"):
        list(run_jobs(fail, range(3), workers))


def test_zero_workers_means_all_cores_this_process_may_use() -> None:
    assert worker_count(3) == 3
    assert 1 <= worker_count(0) <= (os.cpu_count() or 1)


PARENT = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from plugins.pool import run_jobs
from tests.test_pool import sleep_long
if __name__ == "__main__":
    list(run_jobs(sleep_long, [sys.argv[1]] * 2, 2))
"""


def sleep_long(folder: str, tick: Tick) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script, started = tmp_path / "parent.py", tmp_path / "started"
    script.write_text(PARENT)
    started.mkdir()
    root = str(Path(__file__).resolve().parent.parent)
    parent = subprocess.Popen([sys.executable, str(script), str(started), root])
    deadline = time.monotonic() + 60
    while len(list(started.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    workers = [int(p.name) for p in started.iterdir()]
    assert len(workers) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in workers if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
