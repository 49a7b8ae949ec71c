"""What the benchmarks share: medians, measured side by side when they are to be compared."""

from __future__ import annotations

import os
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

RUNS = 5
SERVER = os.environ.get("FACEWARDEN_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
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
def filled_schema(statements: str) -> Iterator[tuple[str, sa.Engine]]:
    """Make a schema of the tests' PostgreSQL server by some statements, each ended by a semicolon; drop it at the end.

    Yields:
        Its URL as settings have it, and an engine on it.
    """
    schema = f"facewarden_{uuid.uuid4().hex[:12]}"
    url = f"{SERVER}?options=-csearch_path%3D{schema}"
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
            for statement in statements.replace("%", "%%").split(";")[:-1]:
                connection.exec_driver_sql(statement)
        yield url, engine
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        engine.dispose()


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
