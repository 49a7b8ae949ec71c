"""Scanning a part: by days, prefix, store and camera; and again what was known, where it is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from plugins import tasks
from plugins.nightly import outlook, scan
from plugins.request import RunRequest
from plugins.run import Run
from plugins.selection import Selection
from plugins.settings import Settings
from plugins.stores.records import StoredObject
from tests.organisation import Organisation, jpeg, make_organisation

CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)


def night(request: RunRequest) -> dict[str, Any]:
    scan(request, lambda: CLOCK, lambda total: lambda n: None)
    report: dict[str, Any] = json.loads(Run(request).evidence.read_bytes(f"reports/{request.run_id}.json"))
    return report


def todo(request: RunRequest) -> set[str]:
    """Name the objects that a run would look at."""
    plan = tasks.plan(request)
    run = Run(request)
    listed = [json.loads(run.evidence.read_bytes(f"{run.folder}/chunks/{name}.json")) for name in plan.chunks]
    return {found["uri"].rsplit("/", 1)[-1] for chunk in listed for found in chunk}


SETTINGS = {
    "controller": {"name": "Test", "timezone": "UTC"},
    "policy": "cn-draft-2023",
    "stores": [
        {"name": "folder", "url": "/archive/cameras/", "purpose": "security"},
        {"name": "bucket", "url": "s3://archive/cameras", "purpose": "security"},
    ],
    "databases": [
        {
            "name": "hr",
            "url": "sqlite:///a.db",
            "purpose": "security",
            "tables": [{"table": "staff", "image_blob": "photo", "person_id": "id"}],
        }
    ],
}


@pytest.mark.parametrize(
    ("store", "uri", "part", "taken"),
    [
        pytest.param("folder", "/archive/cameras/2026/10/a.jpg", {"prefix": "2026/10/"}, True, id="folder"),
        pytest.param("folder", "/archive/cameras/2026/10/a.jpg", {"prefix": "/2026/1"}, True, id="begins so"),
        pytest.param("folder", "/archive/cameras/2026/10/a.jpg", {"prefix": "10/"}, False, id="not from the root"),
        pytest.param("folder", "/archive/cameras/2026/10/a.jpg", {"prefix": "archive"}, False, id="the root itself"),
        pytest.param("bucket", "s3://archive/cameras/gate/a.jpg", {"prefix": "gate/"}, True, id="bucket"),
        pytest.param("bucket", "s3://archive/cameras/gate/a.jpg", {"camera": "gate"}, True, id="camera"),
        pytest.param("bucket", "s3://archive/cameras/gate/2026/a.jpg", {"camera": "gate"}, True, id="below it"),
        pytest.param("bucket", "s3://archive/cameras/f2/gate/a.jpg", {"camera": "f2/gate/"}, True, id="two folders"),
        pytest.param("bucket", "s3://archive/cameras/gate-2/a.jpg", {"camera": "gate"}, False, id="another camera"),
        pytest.param("bucket", "s3://archive/cameras/gate", {"camera": "gate"}, False, id="a file of that name"),
        pytest.param("folder", "/archive/cameras/x/a.jpg", {"camera": "cameras"}, False, id="above the root"),
        pytest.param("folder", "/archive/cameras/gate/10/a", {"camera": "gate", "prefix": "x"}, False, id="both"),
        pytest.param("hr", "row:hr/staff/photo/token", {"prefix": "staff"}, True, id="table"),
        pytest.param("hr", "row:hr/staff/photo/token", {"prefix": "guests"}, False, id="another table"),
        pytest.param("hr", "row:hr/staff/photo/token", {"camera": "staff"}, False, id="a table is no camera"),
        pytest.param("hr", "row:hr/staff/photo/token", {}, True, id="all"),
    ],
)
def test_a_part_is_told_by_prefix_and_camera(store: str, uri: str, part: dict[str, str], taken: bool) -> None:
    settings = Settings.model_validate(SETTINGS)
    holding = next(h for h in (*settings.stores, *settings.databases) if h.name == store)
    request = RunRequest("x.yaml", "r", date(2026, 10, 20), **part)
    assert Selection(request, settings, holding).takes(StoredObject(store, uri, "1", 1)) is taken


def test_a_camera_and_a_prefix_narrow_a_scan_and_the_report_says_so(organisation: Organisation) -> None:
    folder = organisation.folder / "stores" / "hall"
    organisation.put("hall/door-7/2026/b.jpg", (folder / "a.jpg").read_bytes())
    assert todo(organisation.request("camera", camera="door-7")) == {"b.jpg"}
    assert todo(organisation.request("prefix", prefix="cam1_20261015")) == {"cam1_20261015T090000.jpg"}
    assert todo(organisation.request("both", camera="door-7", store="gate")) == set()
    assert organisation.request("both", camera="door-7", store="gate").scope == "gate, camera door-7"


def test_what_is_known_is_looked_at_again_only_when_asked(organisation: Organisation) -> None:
    first = night(organisation.request("first"))
    assert todo(organisation.request("again")) == set()
    assert todo(organisation.request("failed", reprocess="failed")) == {"broken.jpg", "notes.txt"}
    day = date(2026, 10, 15)
    span = organisation.request("span", reprocess="completed", since=day, until=day)
    assert todo(span) == {"cam1_20261015T090000.jpg"}
    assert outlook(organisation.request("dry", reprocess="completed")).as_dict()["objects"] == 7
    second = night(organisation.request("second", reprocess="completed"))
    assert second["coverage"]["scanned"] == first["coverage"]["scanned"] == 5
    for part in ("people", "consent", "retention"):
        assert second[part] == first[part], part
    assert len(Run(span).evidence.objects()) == 7


def test_looking_again_goes_on_where_it_was_cut_short(organisation: Organisation) -> None:
    night(organisation.request("first"))
    again = organisation.request("again", reprocess="completed")
    tasks.look(again, list(tasks.plan(again).chunks)[:1])
    left = todo(replace(again, run_id="goes-on"))
    assert 0 < len(left) < 7
    assert len(Run(again).evidence.read("objects")) == 7, "the evidence of the first night stands untouched"


SCAN = """
import sys
from datetime import UTC, date, datetime
from plugins import nightly
from plugins.request import RunRequest
settings, name, since, until = sys.argv[1:]
since, until = date.fromisoformat(since), date.fromisoformat(until)
request = RunRequest(settings, name, until, since=since, until=until)
nightly.scan(request, lambda: datetime.now(UTC), lambda n: lambda k: None)
"""


def facts(organisation: Organisation) -> dict[str, Any]:
    """Give what a whole scan, after which nothing is left to do, says; and whether every face has its vector."""
    report = night(organisation.request("whole"))
    run = Run(organisation.request())
    current = run.evidence.objects()
    faces = run.evidence.faces(current)
    sealed = run.vectors.read(run.encoder.key, run.dimension)
    names = current["uri"].map(lambda uri: "row" if uri.startswith("row:") else uri.rsplit("/", 1)[-1])
    return {
        "objects": sorted(zip(names, current["status"], current["faces"], strict=True)),
        "faces": len(faces),
        "sealed": set(faces["face_id"]) <= set(sealed.face_ids.tolist()),
        "left over": sorted(run.evidence.parts()),
        "people": {part: report["people"][part] for part in ("low", "best", "high", "verdict")},
        **{part: report[part] for part in ("consent", "retention")},
    }


def test_backfills_over_spans_that_overlap_do_not_step_on_each_other(
    organisation: Organisation, pictures: Path, tmp_path: Path
) -> None:
    alone = make_organisation(tmp_path / "alone", pictures)
    for made in (organisation, alone):
        settings = made.settings.read_text(encoding="utf-8")
        made.settings.write_text(settings.replace("workers: 1}", "workers: 1, save_seconds: 0.05}"), encoding="utf-8")
        for day in range(1, 17):
            made.put(f"gate/cam2_202610{day:02}T100000.jpg", jpeg(Image.open(pictures / "astronaut.png"), 70 + day))
    running = [
        subprocess.Popen([sys.executable, "-c", SCAN, str(organisation.settings), f"backfill-{n}", since, "2026-10-16"])
        for n, since in enumerate(("2026-10-01", "2026-10-01", "2026-10-08"))
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert {c.run_id for c in Run(organisation.request()).evidence.commits()} == {f"backfill-{n}" for n in range(3)}
    side_by_side = facts(organisation)
    assert side_by_side["sealed"]
    assert side_by_side == facts(alone)


def test_a_day_is_looked_at_again_only_when_another_run_of_it_was_committed(organisation: Organisation) -> None:
    first = organisation.request("face_census-backfill__t__2026-10-20__a")
    assert tasks.done_again(first, "__2026-10-20__").reprocess == "none"
    night(first)
    assert tasks.done_again(first, "__2026-10-20__").reprocess == "none", "it is the same run, tried again"
    second = replace(first, run_id="face_census-backfill__t__2026-10-20__b")
    assert tasks.done_again(second, "__2026-10-20__").reprocess == "completed"
    assert tasks.done_again(second, "__2026-10-21__").reprocess == "none"
