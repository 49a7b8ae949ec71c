"""`facewarden judge` on a million faces and a million subjects, the first time and the day after: seconds and memory.

The evidence is made up: a million pictures with a face each in two stores, a third of them overdue; a million people in
a database, a tenth without consent. Nothing is opened: there are no pictures and no database.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.benchmarks.measuring import Figures

MANY = int(os.environ.get("FACEWARDEN_BENCH_FACES", "1000000"))
AS_OF = date(2026, 10, 20)
SETTINGS = """
controller: {name: Town, timezone: Asia/Shanghai}
policy: cn-draft-2023
stores:
  - {name: gate, url: ./gate, purpose: access, retention: {max_days: 30}}
  - {name: hall, url: ./hall, purpose: security, public_place: true, retention: {max_days: 60}}
databases:
  - name: people
    url: sqlite:///./people.db
    purpose: access
    retention: {max_days: 365}
    tables: [{table: people, template: template}]
"""


def measure() -> Figures:
    """Make the evidence, judge twice, give wall-clock seconds and peak memory of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "facewarden.yaml").write_text(SETTINGS, encoding="utf-8")
        _fill(home)
        first, memory, found = _judge(home, AS_OF)
        again = [_judge(home, AS_OF + timedelta(days=n)) for n in (1, 2, 3)]
    return {
        "judge_faces": float(MANY),
        "judge_findings": float(found),
        "judge_seconds": first,
        "judge_peak_gib": memory,
        "judge_next_day_seconds": statistics.median(seconds for seconds, _, _ in again),
        "judge_next_day_peak_gib": max(peak for _, peak, _ in again),
    }


def _judge(home: Path, day: date) -> tuple[float, float, int]:
    code = (
        "import resource, sys; from plugins.cli import cli; "
        "cli(sys.argv[1:], standalone_mode=False); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    arguments = ["judge", "-c", str(home / "facewarden.yaml"), "--as-of", day.isoformat(), "--format", "json"]
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    kib = int(done.stderr.strip().splitlines()[-1])
    return seconds, kib / 2**20, json.loads(done.stdout)["findings"]["total"]


def _fill(home: Path) -> None:
    from expectations.columns import CENSUS, OBJECTS
    from plugins.evidence import Evidence, Fragment, Pending

    rng, evidence = np.random.default_rng(0), Evidence(str(home / "evidence"))
    midnight = datetime.combine(AS_OF, datetime.min.time(), UTC)
    files: dict[str, list[str]] = {}

    def write(name: str, rows: pd.DataFrame, store: str) -> None:
        files.setdefault(name, []).append(evidence.write_table(name, rows, store, AS_OF, "made-up"))

    for number, store in enumerate(("gate", "hall")):
        n = MANY // 2
        numbers = np.arange(n) + number * n
        uris = pd.Series(numbers).map("2026/cam/{:08d}.jpg".format)
        captured = midnight - pd.to_timedelta(rng.integers(1, 45 * (number + 1), n), unit="D")
        common = {"store": store, "uri": uris, "version": "1"}
        seen = {"media_type": "image/jpeg", "captured_from": "name", "captured_at": captured, "status": "scanned"}
        row = dict.fromkeys(OBJECTS.names) | common | seen | {"size_bytes": 9, "faces": 1, "detector_key": "key"}
        write("objects", pd.DataFrame(row), store)
        ids = pd.Series(numbers).map("{:032x}".format)
        box = pa.array([[0.0, 0.0, 9.0, 9.0]] * n, pa.list_(pa.float32(), 4))
        faces = {"face_id": ids, **common, "frame_ms": 0, "score": 0.9, "quality": 0.9, "pseudonym": None}
        frame = pd.DataFrame({**faces, "subject_ref": None}).assign(box_xywh_px=box.to_pylist())
        write("faces", frame, store)
    refs = pd.Series(np.arange(MANY)).map("{:032x}".format)
    stored = midnight - pd.to_timedelta(rng.integers(10, 700, MANY), unit="D")
    people = {"store": "people", "table": "people", "subject_ref": refs, "data_class": "template", "purpose": "access"}
    times = {"stored_at": stored, "last_interaction_at": None, "minor": False, "born_on": None}
    write("subjects", pd.DataFrame({**people, **times}), "people")
    given = rng.random(MANY) < 0.9
    blank = dict.fromkeys(("withdrawn_at", "expires_at", "bundled", "unlimited", "notice_version", "evidence_link"))
    consents = {"subject_ref": refs, "purpose": "access", "kind": "separate", "granted_at": stored, "guardian": False}
    write("consents", pd.DataFrame({**consents, **blank, "registry": "r"})[given], "all")
    counted = {"run_id": "made-up", "as_of": AS_OF, "scope": "all", "scope_name": "", "method": "made up"}
    numbers_ = {name: MANY for name in ("people_low", "people_best", "people_high", "with_template", "in_any_image")}
    row = dict.fromkeys(CENSUS.names) | counted | numbers_ | {"confidence": 0.95}
    write("census", pd.DataFrame([row]), "all")
    runs = {"run_id": "made-up", "kind": "scan", "as_of": AS_OF, "scope": "everything", "policy": "cn-draft-2023"}
    texts = {"config_hash": "", "model_hashes": "{}", "code_version": "0"}
    sums = dict.fromkeys(("scanned", "unchanged", "unsupported", "quarantined", "skipped", "gone"), 0) | {"seen": MANY}
    write("runs", pd.DataFrame([{**runs, **texts, **sums, "started_at": midnight, "ended_at": midnight}]), "all")
    coverage = {store: {"scanned": MANY // 2} for store in ("gate", "hall")}
    notes = {"coverage": coverage, "as_of": AS_OF.isoformat(), "verdict": "above"}
    evidence.commit("made-up", Pending(Fragment(files, notes), []), midnight)
