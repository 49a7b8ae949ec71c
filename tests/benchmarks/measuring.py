"""What the benchmarks share: medians, measured side by side when they are to be compared."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

RUNS = 5
Figures = dict[str, float]
Work = Callable[[], object]


def median_seconds(*works: Work, runs: int = RUNS) -> list[float]:
    """Give the median of each work. They take turns, so that what else the machine does meets all of them alike."""
    for work in works:
        work()  # warms caches and loads models
    times: list[list[float]] = [[] for _ in works]
    for _ in range(runs):
        for work, taken in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core where the system can do so (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
