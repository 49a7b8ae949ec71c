"""A whole night without a scheduler: what is found, what a second night costs, what a killed one loses."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from detectors.encoder import ENCODER_KEY, BadEncoder
from detectors.look import detector_key
from detectors.models import ENCODER, model_hashes
from plugins import nightly, tasks
from plugins.evidence import Evidence
from plugins.judge import RunIncomplete
from plugins.request import RunRequest
from plugins.run import Run
from plugins.scan_plan import plan_scan
from plugins.supervise import Supervisor
from tests.encoders import random_features, settings_of, write_encoder
from tests.organisation import AS_OF, Organisation

CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)


def scan(request: RunRequest) -> dict[str, Any]:
    nightly.scan(request, lambda: CLOCK, lambda n: lambda k: None)
    return json.loads(tasks.report_text(request, "json"))


def facts(organisation: Organisation) -> dict[str, pd.DataFrame]:
    """Everything that must not depend on how a night went: no run names, no file names."""
    evidence = Evidence(str(organisation.folder / "evidence"))
    objects = evidence.objects()
    return {
        "objects": objects.drop(columns="file").sort_values(["store", "uri"], ignore_index=True),
        "faces": evidence.faces(objects).drop(columns="file").sort_values("face_id", ignore_index=True),
        "findings": evidence.read("findings").drop(columns="file").sort_values("finding_id", ignore_index=True),
        "census": evidence.read("census").drop(columns=["file", "run_id"]).drop_duplicates(ignore_index=True),
    }


def assert_same(one: dict[str, pd.DataFrame], two: dict[str, pd.DataFrame]) -> None:
    for name, frame in one.items():
        pd.testing.assert_frame_equal(frame, two[name], obj=name)


@pytest.fixture
def no_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise AssertionError("a picture was opened")

    monkeypatch.setattr(Supervisor, "ready", refuse)


def test_a_night_finds_what_is_there(organisation: Organisation) -> None:
    report = scan(organisation.request())
    assert report["coverage"] == report["coverage"] | {
        "seen": 7,
        "scanned": 5,
        "unchanged": 0,
        "unsupported": 0,
        "quarantined": 2,
        "skipped": 0,
    }
    current = facts(organisation)
    by_name = {Path(uri).name: row for uri, row in current["objects"].set_index("uri").iterrows()}
    assert by_name["broken.jpg"]["reason"] == "truncated"
    assert by_name["notes.txt"]["reason"] == "not_an_image"
    assert by_name["cam1_20261016T090000.jpg"]["faces"] == 0, "a cat is nobody"
    assert by_name["a.jpg"]["faces"] == 1
    assert by_name["a.jpg"]["captured_from"] in {"exif", "metadata"}
    taken = by_name["cam1_20261001T090000.jpg"]
    assert (taken["captured_from"], taken["captured_at"]) == ("name", pd.Timestamp("2026-10-01T01:00:00Z"))
    # Four people by their records; before the cameras Collins (twice) and Obama, who are filed under nobody.
    people = report["people"]
    assert people["low"] <= 6 <= people["high"]
    assert people["verdict"] == "below"
    by_rule = report["findings"]["by_rule"]
    assert by_rule["withdrawn_still_stored"] == 1
    assert by_rule["no_recorded_ground"] == 1
    assert by_rule["minor_without_guardian"] == 1
    assert by_rule["retention_overdue"] == 2, "one picture at the gate, one person in the database"
    assert by_rule["unlinked_faces"] == 2
    split = people["split"]
    assert (split["enrolled"], split["linked"], people["with_template"]) == (4, 0, 4)
    assert split["unknown"]["low"] <= 2 <= split["unknown"]["high"]
    for end in ("low", "best", "high"):
        assert people[end] == 4 + split["unknown"][end]
    assert people["in_any_image_low"] <= 3 <= people["in_any_image_high"], "Collins, Obama and the one with a photo"
    assert report["consent"]["unlinked_people"] == split["unknown"]
    assert [c["rule"] for c in report["filing"]] == ["public_place_filing"]


def test_the_second_night_opens_no_picture_and_says_the_same(
    organisation: Organisation, request: pytest.FixtureRequest
) -> None:
    first = scan(organisation.request("night-1"))
    before = facts(organisation)
    request.getfixturevalue("no_looking")
    second = scan(organisation.request("night-2"))
    assert_same(before, facts(organisation))
    assert (second["coverage"]["scanned"], second["coverage"]["unchanged"]) == (0, 5)
    assert second["people"] | {"history": []} == first["people"] | {"history": []}


def test_only_what_changed_is_looked_at_and_what_went_leaves_the_census(organisation: Organisation) -> None:
    scan(organisation.request("night-1"))
    (organisation.folder / "stores/hall/a.jpg").unlink()
    source = organisation.folder / "stores/gate/cam1_20261001T090000.jpg"
    organisation.put("gate/cam1_20261018T090000.jpg", source.read_bytes())
    report = scan(organisation.request("night-2", AS_OF + timedelta(days=1)))
    assert (report["coverage"]["scanned"], report["coverage"]["gone"]) == (1, 1)
    current = facts(organisation)
    assert not current["objects"]["uri"].str.endswith("/a.jpg").any()
    assert not current["faces"]["uri"].str.endswith("/a.jpg").any()
    assert report["filing"] == [] or report["filing"][0]["rule"] != "threshold_filing"


def with_encoder(organisation: Organisation, **changes: object) -> None:
    """Have the organisation use an encoder of its own, of 64 numbers."""
    settings = yaml.safe_load(organisation.settings.read_text(encoding="utf-8"))
    write_encoder(organisation.folder / "own.onnx", random_features(64))
    settings["encoder"] = settings_of("own.onnx", **changes)
    organisation.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")


def looked(organisation: Organisation) -> Run:
    tasks.look(organisation.request(), list(tasks.plan(organisation.request()).chunks))
    return Run(organisation.request())


def test_an_encoder_of_ones_own_looks_and_its_vectors_are_stored(organisation: Organisation) -> None:
    with_encoder(organisation)
    run = looked(organisation)
    faces = run.evidence.read_fragment("faces", run.evidence.pending(run.folder).fragment)
    held = run.vectors.read(run.encoder.key, run.dimension)
    assert held.values.shape == (4, 64)
    assert sorted(held.face_ids) == sorted(faces["face_id"])
    assert run.vectors.read(ENCODER_KEY, 128).values.shape == (0, 128)
    objects = run.evidence.read_fragment("objects", run.evidence.pending(run.folder).fragment)
    assert set(objects["detector_key"]) == {detector_key(run.encoder)} != {detector_key()}
    assert plan_scan(Run(organisation.request()), dry=True).objects_todo == 0
    [access] = run.whole.databases
    refs, templates = run.templates(access)
    assert (refs, templates.shape) == ([], (0, 64)), "the 128 numbers in the database are of another make"


@pytest.mark.parametrize(
    "changes", [{"mirror": False}, {"scale": 0.5}, None], ids=["mirror", "scale", "the shipped one"]
)
def test_when_the_encoder_changes_every_picture_is_looked_at_again_and_old_vectors_count_no_more(
    changes: dict[str, object] | None, organisation: Organisation
) -> None:
    shipped = organisation.settings.read_text(encoding="utf-8")
    with_encoder(organisation)
    before = looked(organisation)
    if changes is None:
        organisation.settings.write_text(shipped, encoding="utf-8")
    else:
        with_encoder(organisation, **changes)
    assert len(Run(organisation.request()).vectors.read(Run(organisation.request()).encoder.key, 64)) == 0
    assert plan_scan(Run(organisation.request()), dry=True).objects_todo == 7
    after = looked(organisation)
    new, old = (run.vectors.read(run.encoder.key, run.dimension) for run in (after, before))
    assert sorted(new.face_ids) == sorted(old.face_ids)
    assert (len(new), new.values.shape[1], old.values.shape[1]) == (4, 64 if changes else 128, 64)


def test_an_encoder_that_is_not_there_stops_the_night_before_it_begins(organisation: Organisation) -> None:
    with_encoder(organisation)
    (organisation.folder / "own.onnx").unlink()
    with pytest.raises(BadEncoder, match=r"own\.onnx cannot be read"):
        tasks.plan(organisation.request())
    with_encoder(organisation, sha256="0" * 64)
    with pytest.raises(BadEncoder, match="but `sha256` says 0000000000000000"):
        tasks.plan(organisation.request())


def test_vectors_are_shredded_in_time_and_their_pictures_looked_at_again(organisation: Organisation) -> None:
    scan(organisation.request("night-1"))
    later = organisation.request("night-2", AS_OF + timedelta(days=91))
    plan = tasks.plan(later)
    assert not list((organisation.folder / "vectors" / "sealed").glob("2026-10-20*"))
    assert plan.objects_todo == 4, "the four pictures with faces; the cat had no vector"


def test_vectors_go_with_their_picture(organisation: Organisation) -> None:
    scan(organisation.request("night-1"))
    sealed = organisation.folder / "vectors" / "sealed"
    count = len(list(sealed.iterdir()))
    for path in (organisation.folder / "stores" / "hall").iterdir():
        path.unlink()
    scan(organisation.request("night-2"))
    assert len(list(sealed.iterdir())) == count - 1


def test_a_store_that_cannot_be_listed_keeps_its_people_and_shows_in_the_coverage(organisation: Organisation) -> None:
    first = scan(organisation.request("night-1"))
    (organisation.folder / "stores/hall").rename(organisation.folder / "stores/elsewhere")
    second = scan(organisation.request("night-2"))
    hall = next(s for s in second["stores"] if s["name"] == "hall")
    assert hall["problem"]
    assert hall["coverage"]["skipped"] > 0
    assert second["people"]["high"] == first["people"]["high"]
    assert "coverage_below_floor" in second["findings"]["by_rule"]


def test_a_changed_consent_list_is_judged_without_opening_a_picture(
    organisation: Organisation, request: pytest.FixtureRequest
) -> None:
    import sqlite3

    first = scan(organisation.request("night-1"))
    with sqlite3.connect(organisation.folder / "registry.db") as db:
        row = ("SECRET-ID-3", "access_control", "separate", "2026-01-01", None, None, 0)
        db.execute("insert into consents values (?, ?, ?, ?, ?, ?, ?)", row)
    request.getfixturevalue("no_looking")
    second = scan(organisation.request("night-2"))
    assert first["findings"]["by_rule"]["no_recorded_ground"] == 1
    assert "no_recorded_ground" not in second["findings"]["by_rule"]


def test_a_second_store_with_the_same_pictures_adds_nobody(organisation: Organisation) -> None:
    first = scan(organisation.request("night-1"))["people"]
    settings = yaml.safe_load(organisation.settings.read_text(encoding="utf-8"))
    settings["stores"].append({"name": "backup", "url": "./stores/backup", "purpose": "backup"})
    organisation.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
    for name in ("gate", "hall"):
        shutil.copytree(organisation.folder / "stores" / name, organisation.folder / "stores/backup" / name)
    second = scan(organisation.request("night-2"))
    assert next(s for s in second["stores"] if s["name"] == "backup")["faces"] == 3
    counted = ("low", "best", "high", "split", "with_template", "in_any_image", "in_any_image_low", "in_any_image_high")
    assert {name: second["people"][name] for name in counted} == {name: first[name] for name in counted}


def test_a_census_of_an_earlier_version_is_judged_and_reported(organisation: Organisation) -> None:
    scan(organisation.request("night-1"))
    [path] = (organisation.folder / "evidence" / "census").rglob("*.parquet")
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table.select(table.column_names[: table.column_names.index("method") + 1]), path)
    asked = organisation.request("judge-1")
    tasks.rejudge(asked, CLOCK)
    people = json.loads(tasks.report_text(asked, "json"))["people"]
    assert (people["with_template"], people["split"], people["curve"], people["notes"]) == (4, None, [], [])
    assert "People with a stored template" in tasks.report_text(asked, "html")


def test_judging_before_the_first_scan_says_what_to_do(organisation: Organisation) -> None:
    with pytest.raises(RunIncomplete, match="run `facewarden scan` first"):
        tasks.rejudge(organisation.request("judge-1"), CLOCK)


def test_a_run_names_the_encoder_that_looked_even_when_it_only_judges(organisation: Organisation) -> None:
    with_encoder(organisation)
    spec = Run(organisation.request()).encoder
    scanned = scan(organisation.request("night-1"))["run"]["model_hashes"]
    assert scanned == model_hashes() | {ENCODER: spec.sha256}
    (organisation.folder / "own.onnx").unlink()
    asked = organisation.request("judge-1")
    tasks.rejudge(asked, CLOCK)
    assert json.loads(tasks.report_text(asked, "json"))["run"]["model_hashes"] == scanned


def test_a_finding_keeps_its_id_and_its_first_day(organisation: Organisation) -> None:
    scan(organisation.request("night-1"))
    one = facts(organisation)["findings"].set_index("finding_id")
    scan(organisation.request("night-2", AS_OF + timedelta(days=1)))
    two = facts(organisation)["findings"].set_index("finding_id")
    assert set(one.index) <= set(two.index)
    assert (two.loc[one.index, "first_seen"] == AS_OF).all()
    assert (two.loc[one.index, "last_seen"] == AS_OF + timedelta(days=1)).all()


def test_rejudging_by_another_policy_opens_nothing_and_leaves_the_scan_alone(
    organisation: Organisation, request: pytest.FixtureRequest
) -> None:
    scan(organisation.request("night-1"))
    request.getfixturevalue("no_looking")
    asked = organisation.request("judge-1")
    assert tasks.rejudge(asked, CLOCK, policy="cn-measures-2025") == "below"
    report = json.loads(tasks.report_text(asked, "json"))
    assert (report["people"]["rule"], report["people"]["threshold"]) == ("cn-measures-2025", 100_000)
    assert report["filing"] == [], "the measures know no filing for public places"


def test_nothing_personal_stands_in_evidence_reports_or_file_names(organisation: Organisation) -> None:
    scan(organisation.request())
    for path in organisation.folder.rglob("*"):
        below = path.relative_to(organisation.folder)
        if below.parts[0] not in {"stores", "access.db", "registry.db"}:
            assert "SECRET-ID" not in str(below)
            if path.is_file():
                assert b"SECRET-ID" not in path.read_bytes()


def test_one_store_can_be_scanned_alone(organisation: Organisation) -> None:
    report = scan(organisation.request("one", store="hall"))
    assert report["run"]["scope"] == "hall"
    assert report["coverage"]["seen"] == 3
    assert set(facts(organisation)["objects"]["store"]) == {"hall"}


def test_a_span_takes_in_only_what_was_captured_or_changed_in_it(organisation: Organisation) -> None:
    day = date(2026, 10, 15)
    report = scan(organisation.request("span", day, since=day, until=day))
    assert report["coverage"]["seen"] == 1
    assert [Path(u).name for u in facts(organisation)["objects"]["uri"]] == ["cam1_20261015T090000.jpg"]


def test_a_dry_run_writes_nothing(organisation: Organisation) -> None:
    plan = plan_scan(Run(organisation.request()), dry=True)
    assert (plan.objects_todo, plan.bytes_todo > 10_000) == (7, True)
    assert not (organisation.folder / "evidence").exists()


KILLER = """
import os, signal, sys
from datetime import UTC, date, datetime
from pathlib import Path
from plugins import nightly
from plugins.evidence import Evidence
from plugins.request import RunRequest
settings = Path(sys.argv[1])
settings.write_text(settings.read_text().replace("workers: 1}", "workers: 1, save_seconds: 1e-9}"))
left = [int(sys.argv[2])]
real = Evidence.publish
def publish(self, relative, data):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    real(self, relative, data)
Evidence.publish = publish
request = RunRequest(sys.argv[1], "night-1", date(2026, 10, 20))
nightly.scan(request, lambda: datetime(2026, 10, 20, 18, tzinfo=UTC), lambda n: lambda k: None)
"""


@pytest.mark.parametrize("write", [2, 6, 9, 14, 22, 33])
def test_a_night_killed_at_any_write_and_run_again_gives_the_same_report(
    write: int, organisation: Organisation, tmp_path: Path
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLER, str(organisation.settings), str(write)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert Evidence(str(organisation.folder / "evidence")).commits() == []
    again = scan(organisation.request("night-1"))
    disturbed = facts(organisation)

    for name in ("evidence", "vectors", "reports"):
        (organisation.folder / name).rename(tmp_path / f"old-{name}") if (organisation.folder / name).exists() else None
    undisturbed = scan(organisation.request("night-1"))
    assert_same(facts(organisation), disturbed)
    for part in ("coverage", "people", "filing", "findings", "consent", "retention", "stores", "quarantine"):
        assert again[part] == undisturbed[part], part


def test_a_killed_worker_loses_at_most_its_part(organisation: Organisation) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLER, str(organisation.settings), "14"], check=False)
    assert killed.returncode == -signal.SIGKILL
    done = len(Evidence(str(organisation.folder / "evidence")).parts())
    assert done > 0
    assert plan_scan(Run(organisation.request("night-1")), dry=True).objects_todo == 7 - done


def test_a_run_that_is_committed_is_not_committed_again_by_a_retry(organisation: Organisation) -> None:
    scan(organisation.request())
    assert tasks.judge_and_commit(organisation.request(), CLOCK, CLOCK) == "below"
    assert len(Evidence(str(organisation.folder / "evidence")).commits()) == 1


def test_what_the_settings_leave_out_is_counted_beside_the_coverage(organisation: Organisation) -> None:
    settings = yaml.safe_load(organisation.settings.read_text())
    settings["stores"][1] |= {"exclude": ["*.txt"], "hidden": "skip", "links": "skip"}
    organisation.settings.write_text(yaml.safe_dump(settings))
    organisation.put("hall/.thumb.jpg", b"hidden")
    (organisation.folder / "stores/hall/link").symlink_to("a.jpg")
    report = scan(organisation.request())
    assert (report["coverage"]["seen"], report["coverage"]["excluded"]) == (6, 3)
    assert {store["name"]: store["coverage"]["excluded"] for store in report["stores"]}["hall"] == 3
    assert "3 further objects are left out by the settings" in tasks.report_text(organisation.request(), "html")
