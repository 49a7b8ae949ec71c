"""A million objects listed, compared with the last state and cut into chunks: seconds, and GiB at the peak.

Of a folder, of S3 (moto's server, see ``listing_server.py``) and of S3 by an inventory in CSV, ORC and Parquet, each
planned in a process of its own. All objects are known from the night before; every second one has changed since. The
peers are ``os.walk`` with a ``stat`` of each file, boto3's ``list_objects_v2`` paginator, and the inventory read into
rows by pyarrow alone: they list, and compare and cut nothing. FACEWARDEN_BENCH_OBJECTS is 1,000,000 when it is not set.
"""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from listing_server import BUCKET, CHANGED, SIZE, key_of, tag_of
from measuring import Figures

if TYPE_CHECKING:
    from plugins.run import Run

OBJECTS = int(os.environ.get("FACEWARDEN_BENCH_OBJECTS", "1000000"))
FORMS = {"csv": "CSV", "orc": "ORC", "parquet": "Parquet"}
ROWS_A_PART = 300
REPORTS = "reports"
Place = tuple[str, dict[str, Any]]
"""Folder of a settings file, and what it says of its one store."""


def measure() -> Figures:
    """Measure each way."""
    with tempfile.TemporaryDirectory() as folder:
        figures = {"listing_objects": float(OBJECTS)} | _folder(Path(folder) / "folder")
        with _server() as port:
            figures |= _s3(Path(folder) / "s3", port)
    return figures


def _folder(home: Path) -> Figures:
    make_files(home / "pictures")
    place = (str(home), {"url": "./pictures"})
    _alone(remember_files, place)
    _, _, known_bytes = _alone(known, place)
    plain, _, _ = _alone(walked, place)
    seconds, gib, _ = _alone(planned, place)
    return {
        "listing_folder_seconds": seconds,
        "listing_folder_gib": gib,
        "listing_folder_over_os_walk_and_stat": seconds / plain,
        "listing_known_bytes_each": known_bytes,
    }


def _s3(home: Path, port: str) -> Figures:
    home.mkdir()
    endpoint = f"http://127.0.0.1:{port}"
    place = (str(home), {"url": f"s3://{BUCKET}", "options": {"key": "k", "secret": "s", "endpoint_url": endpoint}})
    _alone(remember_keys, place)
    plain, _, _ = _alone(paginated, place)
    seconds, gib, chunks = _alone(planned, place)
    figures = {
        "listing_s3_seconds": seconds,
        "listing_s3_gib": gib,
        "listing_s3_over_boto3_paginator": seconds / plain,
    }
    for short, form in FORMS.items():
        manifest = _alone(reported, (place[0], place[1] | {"form": form}))[2]
        of_report = (place[0], place[1] | {"inventory": {"manifest": manifest}})
        plain, _, _ = _alone(rows_of_report, (place[0], place[1] | {"form": form}))
        seconds, gib, same = _alone(planned, of_report)
        if same != chunks:
            raise AssertionError(f"an inventory in {form} leads to other chunks than listing does")
        figures |= {
            f"listing_{short}_seconds": seconds,
            f"listing_{short}_gib": gib,
            f"listing_{short}_over_pyarrow": seconds / plain,
        }
    return figures


# -- what is measured, each in a process of its own --------------------------------------------------------------------


def planned(place: Place) -> str:
    """Plan a night; give a digest of its chunks."""
    from plugins.scan_plan import plan_scan

    plan = plan_scan(_night(place))
    [covered] = plan.coverage.values()
    if covered.problem or (covered.todo, covered.counts["unchanged"]) != (OBJECTS // 2, OBJECTS - OBJECTS // 2):
        raise AssertionError(f"planned {covered}")
    return hashlib.sha256("".join(sorted(plan.chunks)).encode()).hexdigest()


def known(place: Place) -> float:
    """Load what is known of a store; give the bytes that each object takes at the peak."""
    from plugins.known import KnownObjects

    run = _night(place)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    KnownObjects(run, "cams")
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / OBJECTS


def walked(place: Place) -> int:
    """Walk a folder the plain way, with a ``stat`` of each file."""
    names = (f"{base}/{name}" for base, _, files in os.walk(f"{place[0]}/pictures") for name in files)
    return sum(os.stat(name).st_size >= 0 for name in names)  # noqa: PTH116 - the plain way


def paginated(place: Place) -> int:
    """List a bucket with boto3."""
    pages = _client(place).get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return sum(len(page["Contents"]) for page in pages)


def rows_of_report(place: Place) -> int:
    """Read a report's file into rows with pyarrow."""
    import pyarrow as pa
    from pyarrow import csv, orc, parquet

    form = place[1]["form"]
    body = pa.BufferReader(_client(place).get_object(Bucket=REPORTS, Key=_data_key(form))["Body"].read())
    if form == "CSV":
        table = csv.read_csv(pa.CompressedInputStream(body, "gzip"), csv.ReadOptions(autogenerate_column_names=True))
    else:
        table = orc.ORCFile(body).read() if form == "ORC" else parquet.read_table(body)
    return len(table.to_pylist())


# -- making the places -------------------------------------------------------------------------------------------------


def make_files(root: Path) -> None:
    """Make empty files, a thousand a folder."""
    for number in range(OBJECTS):
        path = root / key_of(number)
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))


def remember_files(place: Place) -> int:
    """Write the evidence of a night that saw all files, half of them in another version."""
    root = Path(place[0]) / "pictures"

    def rows() -> Iterator[tuple[str, str]]:
        for number in range(OBJECTS):
            path = str(root / key_of(number))
            yield path, f"0-{Path(path).stat().st_mtime_ns}"

    return _remember(place, rows())


def remember_keys(place: Place) -> int:
    """Write the evidence of a night that saw all keys, half of them in another version."""
    return _remember(place, ((f"s3://{BUCKET}/{key_of(number)}", tag_of(number)) for number in range(OBJECTS)))


def _remember(place: Place, rows: Iterator[tuple[str, str]]) -> int:
    import pandas as pd

    from expectations.columns import OBJECTS as TABLE
    from plugins.evidence import Fragment, Pending
    from plugins.noting import object_row
    from plugins.stores.records import StoredObject

    run, files, part = _night(place, "before"), list[str](), []
    for number, (uri, version) in enumerate(rows, 1):
        found = StoredObject("cams", uri, "another" if number % 2 == 0 else version, SIZE)
        part.append(object_row(found, run.detector_key, status="scanned"))
        if len(part) == ROWS_A_PART or number == OBJECTS:
            frame = pd.DataFrame(part, columns=TABLE.names)
            files.append(run.evidence.write_table("objects", frame, "cams", run.request.as_of, f"part-{len(files)}"))
            part = []
    run.evidence.commit("before", Pending(Fragment({"objects": files}), []), datetime(2026, 10, 2, tzinfo=UTC))
    return len(files)


def reported(place: Place) -> str:
    """Put an inventory of the bucket onto the server; give its manifest's address."""
    import pyarrow as pa

    from tests.inventories import SCHEMA, Report

    client = _client(place)
    client.create_bucket(Bucket=REPORTS)
    numbers = range(OBJECTS)
    changed = datetime.fromisoformat(CHANGED).replace(tzinfo=None)
    columns = {
        "bucket": pa.array([BUCKET] * OBJECTS),
        "key": pa.array([key_of(n) for n in numbers]),
        "size": pa.array([SIZE] * OBJECTS, pa.int64()),
        "last_modified_date": pa.array([changed] * OBJECTS, pa.timestamp("ms")),
        "e_tag": pa.array([tag_of(n) for n in numbers]),
    }
    table = pa.table(columns, schema=pa.schema([SCHEMA.field(name) for name in columns]))
    form = place[1]["form"]
    report = Report(lambda key, data: client.put_object(Bucket=REPORTS, Key=key, Body=data), BUCKET, REPORTS, form)
    return report.write(form, [table])


def _data_key(form: str) -> str:
    return f"{form}/data/0.{ {'CSV': 'csv.gz', 'ORC': 'orc', 'Parquet': 'parquet'}[form] }"


def _client(place: Place) -> Any:
    import boto3

    names = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=place[1]["options"]["endpoint_url"], **names)


def _night(place: Place, name: str = "tonight") -> Run:
    from plugins.request import RunRequest
    from plugins.run import Run

    settings = {
        "controller": {"name": "Bench", "timezone": "UTC"},
        "policy": "cn-draft-2023",
        "stores": [{"name": "cams", "purpose": "gate"} | {k: v for k, v in place[1].items() if k != "form"}],
    }
    path = Path(place[0]) / "facewarden.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Run(RunRequest(str(path), name, date(2026, 10, 2)))


@contextmanager
def _server() -> Iterator[str]:
    here = Path(__file__).with_name("listing_server.py")
    with subprocess.Popen([sys.executable, str(here), str(OBJECTS)], stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().strip() if server.stdout else ""
        finally:
            server.kill()


def _alone(work: Callable[[Place], Any], place: Place) -> tuple[float, float, Any]:
    """Give seconds, peak of the memory in GiB, and what came of it, in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measured, work, place).result()


def _measured(work: Callable[[Place], Any], place: Place) -> tuple[float, float, Any]:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    start = time.perf_counter()
    found = work(place)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, found
