"""Pictures of N rows of PostgreSQL listed, compared with the last state, planned: seconds, and memory that stays flat.

N is FACEWARDEN_BENCH_ROWS, 1,000,000 when it is not set; a quarter of that is measured beside it. The server is that of
the tests (FACEWARDEN_TEST_POSTGRES). The peer is the same content fetched the usual way, ``SELECT`` and ``fetchall``,
and made into a digest by row, at a quarter of N, since it takes the whole table into memory.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from hashlib import md5
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
import yaml
from measuring import Figures, filled_schema

if TYPE_CHECKING:
    from plugins.run import Run

ROWS = int(os.environ.get("FACEWARDEN_BENCH_ROWS", "1000000"))
BLOB_BYTES = 2_048
Measured = tuple[float, float, int]
"""Seconds, peak of the process's memory in MiB, pictures."""

# Random bytes, which the server cannot pack: 64 digests of 32 bytes each.
FILL = """
CREATE TABLE people (person_id text PRIMARY KEY, photo bytea);
INSERT INTO people
SELECT 'P' || lpad(n::text, 9, '0'), decode(repeat(md5(n::text) || md5(n::text || 'x'), {repeats}), 'hex')
FROM generate_series(1, {n}) n;
ANALYZE people;
"""


def measure() -> Figures:
    """Fill two schemas of the test server, measure, drop them."""
    quarter, _, quarter_again, naive = _with_rows(ROWS // 4, planned, committed, planned_again, fetched)
    whole, _, again = _with_rows(ROWS, planned, committed, planned_again)
    return {
        "tables_rows": float(ROWS),
        "tables_planned_seconds": whole[0],
        "tables_planned_again_seconds": again[0],
        "tables_peak_mib": whole[1],
        "tables_peak_over_that_of_a_quarter": whole[1] / quarter[1],
        "tables_again_peak_mib": again[1],
        "tables_again_peak_over_that_of_a_quarter": again[1] / quarter_again[1],
        "tables_fetchall_seconds_for_a_quarter_over_ours": naive[0] / quarter[0],
        "tables_fetchall_memory_for_a_quarter_over_ours": naive[1] / quarter[1],
    }


def _with_rows(rows: int, *works: Callable[[str, str], int]) -> list[Measured]:
    filled = FILL.format(n=rows, repeats=BLOB_BYTES // 32)
    with filled_schema(filled) as (url, _), tempfile.TemporaryDirectory() as folder:
        found = [_alone(work, url, folder) for work in works]
    if wrong := [n for _, _, n in found if n != rows]:
        raise AssertionError(f"{wrong} pictures were found of {rows}")
    return found


def planned(url: str, folder: str) -> int:
    """Plan a first night: every picture is listed with a digest and put into a chunk."""
    from plugins.scan_plan import plan_scan

    plan = plan_scan(_night(url, folder, "first"))
    return plan.objects_todo


def committed(url: str, folder: str) -> int:
    """Commit the first night as if every picture had been looked at and shown nobody."""
    import pandas as pd

    from expectations.columns import OBJECTS
    from plugins.evidence import Fragment, Pending
    from plugins.noting import object_row
    from plugins.stores.records import StoredObject

    run, files, rows = _night(url, folder, "first"), list[str](), 0
    plan = run.evidence.load_fragment(f"{run.folder}/plan.json")
    for number, chunk in enumerate(plan.notes["chunks"]):
        listed = json.loads(run.evidence.read_bytes(f"{run.folder}/chunks/{chunk}.json"))
        frame = pd.DataFrame([object_row(StoredObject(**o), run.detector_key, status="scanned") for o in listed])
        write = run.evidence.write_table
        files.append(write("objects", frame[OBJECTS.names], "access", run.request.as_of, f"{number}-0"))
        rows += len(frame)
    run.evidence.commit("first", Pending(Fragment({"objects": files}), []), datetime.now(UTC))
    return rows


def planned_again(url: str, folder: str) -> int:
    """Plan the night after one that looked at everything: every picture is listed and found to be known."""
    from plugins.scan_plan import plan_scan

    plan = plan_scan(_night(url, folder, "second"))
    return sum(covered.counts["unchanged"] for covered in plan.coverage.values())


def fetched(url: str, folder: str) -> int:
    """Fetch everything in one go, and make a digest of each picture."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT person_id, photo FROM people ORDER BY person_id")).fetchall()
    return len({person: md5(photo, usedforsecurity=False).digest() for person, photo in rows})


def _night(url: str, folder: str, name: str) -> Run:
    from plugins.request import RunRequest
    from plugins.run import Run

    settings = {
        "controller": {"name": "Bench", "timezone": "UTC"},
        "policy": "cn-draft-2023",
        "scan": {"chunk_objects": 10_000},
        "databases": [
            {"name": "access", "url": url, "purpose": "gate", "tables": [{"table": "people", "image_blob": "photo"}]}
        ],
    }
    path = Path(folder) / "facewarden.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Run(RunRequest(str(path), name, date(2026, 3, 15)))


def _alone(work: Callable[[str, str], int], url: str, folder: str) -> Measured:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measured, work, url, folder).result()


def _measured(work: Callable[[str, str], int], url: str, folder: str) -> Measured:
    start = time.perf_counter()
    found = work(url, folder)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, found
