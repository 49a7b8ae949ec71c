"""The DAG files parse fast, open nothing, and import nothing heavy; their requests say what they should."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from plugins.schedule import EVIDENCE_ASSET, BadRequest, asked_day, map_limit, planned_request, request_for

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ["mediapipe", "onnxruntime", "onnx", "great_expectations", "faiss", "sklearn", "cv2", "pandas"]

PARSE = """
import json, runpy, socket, sys, time
import airflow.sdk  # what Airflow has loaded anyway
loaded = set(sys.modules)
def refuse(*a, **k):
    raise AssertionError("a connection was opened")
socket.socket.connect = refuse
start = time.perf_counter()
for path in sys.argv[1:]:
    runpy.run_path(path)
print(json.dumps({"seconds": time.perf_counter() - start, "modules": sorted(set(sys.modules) - loaded)}))
"""


@pytest.fixture(scope="module")
def parsed() -> dict[str, Any]:
    files = [str(p) for p in sorted((ROOT / "dags").glob("*.py")) if p.name != "__init__.py"]
    assert len(files) == 2
    done = subprocess.run([sys.executable, "-c", PARSE, *files], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_parsing_the_dag_folder_takes_under_two_seconds(parsed: dict[str, Any]) -> None:
    assert parsed["seconds"] < 2.0


@pytest.mark.parametrize("package", HEAVY)
def test_parsing_the_dag_folder_imports_nothing_heavy(package: str, parsed: dict[str, Any]) -> None:
    assert not [m for m in parsed["modules"] if m == package or m.startswith(f"{package}.")]


def context(conf: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    params = dict.fromkeys(("as_of", "camera", "prefix", "reprocess", "since", "store", "until"))
    run = SimpleNamespace(
        run_id="r1",
        run_type=more.pop("run_type", "manual"),
        partition_key=more.get("partition_key"),
        run_after=datetime(2026, 11, 23, 18, tzinfo=UTC),
        conf=conf or {},
        start_date=datetime(2026, 11, 23, 18, tzinfo=UTC),
        clear_number=more.pop("clear_number", 0),
    )
    dag = SimpleNamespace(dag_id="face_census", params=params)
    return {"dag_run": run, "params": params | (conf or {}), "dag": dag, **more}


def test_a_scheduled_night_looks_at_everything_as_of_its_partition() -> None:
    asked = request_for(context(run_type="scheduled", partition_key="2026-10-20"))
    assert (asked.as_of, asked.since, asked.until, asked.store) == (date(2026, 10, 20), None, None, None)


def test_a_backfilled_day_looks_at_that_day_only() -> None:
    asked = request_for(context(run_type="backfill", partition_key="2026-10-20"))
    assert asked.as_of == asked.since == asked.until == date(2026, 10, 20)


def test_a_triggered_run_without_interval_or_parameters_speaks_of_its_day_and_looks_at_everything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "facewarden.yaml"
    settings.write_text("controller: {timezone: Asia/Shanghai}")
    monkeypatch.setenv("FACEWARDEN_SETTINGS", str(settings))
    asked = request_for(context())
    assert (asked.as_of, asked.since, asked.until) == (date(2026, 11, 24), None, None), "in Shanghai it is tomorrow"


def test_a_triggered_run_does_as_its_parameters_say() -> None:
    asked = request_for(context({"as_of": "2026-01-02", "store": "gate", "since": "2026-01-01", "until": "2026-01-02"}))
    assert (asked.as_of, asked.store, asked.since, asked.until) == (
        date(2026, 1, 2),
        "gate",
        date(2026, 1, 1),
        date(2026, 1, 2),
    )


def test_a_part_is_asked_for_by_prefix_camera_and_what_to_do_again() -> None:
    asked = request_for(context({"prefix": "2026/", "camera": "gate", "reprocess": "failed"}))
    assert (asked.prefix, asked.camera, asked.reprocess) == ("2026/", "gate", "failed")
    assert request_for(context()).reprocess == "none"


def test_a_run_that_was_cleared_is_another_run_and_one_that_is_tried_again_is_not() -> None:
    assert request_for(context()).run_id == "face_census-r1"
    assert request_for(context(clear_number=2)).run_id == "face_census-r1-again2"


@pytest.mark.parametrize(
    ("run_type", "conf", "day"),
    [
        pytest.param("backfill", {}, "__2026-10-20__", id="a backfill"),
        pytest.param("backfill", {"reprocess": "none"}, None, id="told what to do"),
        pytest.param("scheduled", {}, None, id="a night"),
    ],
)
def test_only_a_backfill_may_ask_for_a_day_again(run_type: str, conf: dict[str, Any], day: str | None) -> None:
    assert asked_day(context(conf, run_type=run_type, partition_key="2026-10-20")) == day


def test_the_other_tasks_do_what_the_first_one_planned() -> None:
    planned = request_for(context({"camera": "gate"}))
    left = {"request": planned.to_json()}
    pull = SimpleNamespace(xcom_pull=lambda task_ids, key: left.get(key) if task_ids == "plan" else None)
    assert planned_request({"ti": pull}) == planned
    left.clear()
    with pytest.raises(BadRequest, match="has left no request; clear it"):
        planned_request({"ti": pull})


def test_the_limit_of_mapped_tasks_is_airflows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert map_limit() == 1024
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "7")
    assert map_limit() == 7


def test_a_run_started_by_new_evidence_speaks_of_the_day_of_that_evidence() -> None:
    events = {EVIDENCE_ASSET: [SimpleNamespace(extra={"as_of": day}) for day in ("2026-10-19", "2026-10-20")]}
    assert request_for(context(run_type="asset_triggered", triggering_asset_events=events)).as_of == date(2026, 10, 20)


@pytest.mark.parametrize(
    ("conf", "says"),
    [
        pytest.param({"bogus": 1}, "unknown parameters: bogus; allowed are as_of, camera, prefix,", id="unknown"),
        pytest.param({"since": "2026-01-01"}, "since and until go together", id="half a span"),
        pytest.param({"since": "2026-01-02", "until": "2026-01-01"}, "is after until", id="turned round"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(conf: dict[str, Any], says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        request_for(context(conf))
