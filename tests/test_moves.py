"""Objects that were moved, copied or deleted: nothing is opened twice, and nobody is counted who left."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from detectors.look import Looker
from plugins import nightly, tasks
from plugins.evidence import Evidence
from plugins.keys import Keyring
from plugins.request import RunRequest
from plugins.vectors import VectorStore
from tests.buckets import BUCKET, options_of
from tests.organisation import AS_OF, Organisation, jpeg, make_organisation, shrunk

pytest_plugins = ("tests.databases", "tests.s3")

CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)


def scan(request: RunRequest, clock: datetime = CLOCK) -> dict[str, Any]:
    nightly.scan(request, lambda: clock, lambda n: lambda k: None)
    return json.loads(tasks.report_text(request, "json"))


def said(organisation: Organisation, **stores: dict[str, Any]) -> None:
    """Change what the settings say of some stores."""
    settings = yaml.safe_load(organisation.settings.read_text())
    for store in settings["stores"]:
        store |= stores.get(store["name"], {})
    organisation.settings.write_text(yaml.safe_dump(settings))


def current(organisation: Organisation) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The objects and their faces, by the ends of their addresses."""
    evidence = Evidence(str(organisation.folder / "evidence"))
    objects = evidence.objects()
    faces = evidence.faces(objects)
    objects, faces = (frame.assign(name=frame["uri"].str.extract("([^/]*)$")[0]) for frame in (objects, faces))
    return objects, faces


@pytest.fixture
def no_looking(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pictures that are opened from the moment on when the list is cleared: a picture that is opened is noted."""
    opened: list[int] = []
    real = Looker.look

    def noted(self: Looker, data: bytes) -> Any:
        opened.append(len(data))
        return real(self, data)

    monkeypatch.setattr(Looker, "look", noted)
    return opened


def people(report: dict[str, Any]) -> tuple[int, int, int]:
    return report["people"]["low"], report["people"]["best"], report["people"]["high"]


@dataclass(frozen=True)
class Night:
    """An organisation after its first night, which is made once: its folder is put back for each test."""

    organisation: Organisation
    kept: Path
    report: dict[str, Any]

    @classmethod
    def of(cls, organisation: Organisation) -> Night:
        report = scan(organisation.request("night-1"))
        kept = organisation.folder.with_name("kept")
        shutil.copytree(organisation.folder, kept)
        return cls(organisation, kept, report)

    def again(self) -> Organisation:
        shutil.rmtree(self.organisation.folder)
        shutil.copytree(self.kept, self.organisation.folder)
        return self.organisation


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Night:
    return Night.of(make_organisation(tmp_path_factory.mktemp("folders") / "org", pictures))


@pytest.fixture
def organisation(night: Night) -> Organisation:
    return night.again()


@pytest.fixture
def first(night: Night) -> dict[str, Any]:
    return night.report


# -- folders: where the settings say so --------------------------------------------------------------------------------


def test_a_folder_that_is_said_to_be_moved_is_not_looked_at_again(organisation, first, no_looking):
    objects, faces = current(organisation)
    (organisation.folder / "stores/gate").rename(organisation.folder / "stores/portal")
    said(organisation, gate={"url": "./stores/portal", "moved": [{"old": "./stores/gate"}]})
    no_looking.clear()
    second = scan(organisation.request("night-2"))
    assert no_looking == []
    assert people(second) == people(first)
    assert (second["coverage"]["unchanged"], second["coverage"]["gone"]) == (5, 3)
    moved, moved_faces = current(organisation)
    assert moved["uri"].str.contains("/portal/").sum() == 3
    assert not moved["uri"].str.contains("/gate/").any()
    same = ["name", "size_bytes", "captured_at", "captured_from", "status", "faces"]
    by_name = {"by": ["store", "name"], "ignore_index": True}
    pd.testing.assert_frame_equal(moved.sort_values(**by_name)[same], objects.sort_values(**by_name)[same])
    of_person = ["face_id", "pseudonym", "quality"]
    by_face = {"by": "face_id", "ignore_index": True}
    pd.testing.assert_frame_equal(
        moved_faces.sort_values(**by_face)[of_person], faces.sort_values(**by_face)[of_person]
    )


def test_of_a_moved_folder_what_changed_is_looked_at(organisation):
    (organisation.folder / "stores/gate").rename(organisation.folder / "stores/portal")
    os.utime(organisation.folder / "stores/portal/cam1_20261001T090000.jpg", (1e9, 1e9))
    said(organisation, gate={"url": "./stores/portal", "moved": [{"old": "./stores/gate"}]})
    assert tasks.plan(organisation.request("night-2")).objects_todo == 1
    said(organisation, gate={"moved": []})
    assert tasks.plan(organisation.request("night-3")).objects_todo == 3, "without a word nothing is taken for moved"


def test_moved_vectors_die_when_they_would_have_died(organisation):
    (organisation.folder / "stores/gate").rename(organisation.folder / "stores/portal")
    said(organisation, gate={"url": "./stores/portal", "moved": [{"old": "./stores/gate"}]})
    scan(organisation.request("night-2", as_of=AS_OF + timedelta(days=30)))
    keyring = Keyring.open(organisation.folder / "secrets")
    held = VectorStore(str(organisation.folder / "vectors"), keyring)
    assert held.footprint().oldest == AS_OF.isoformat()
    held.shred_expired(AS_OF + timedelta(days=91), 90)
    assert held.footprint().files == 0


def test_a_deleted_picture_leaves_evidence_and_head_count(organisation, first):
    for name in ("gate/cam1_20261001T090000.jpg", "gate/cam1_20261015T090000.jpg"):
        (organisation.folder / "stores" / name).unlink()
    second = scan(organisation.request("night-2"))
    assert second["coverage"]["gone"] == 2
    objects, faces = current(organisation)
    assert not objects["name"].str.startswith("cam1_2026100").any()
    assert set(faces["name"]) & {"cam1_20261001T090000.jpg", "cam1_20261015T090000.jpg"} == set()
    assert second["people"]["split"]["unknown"]["best"] == first["people"]["split"]["unknown"]["best"] - 1
    assert second["people"]["in_any_image_high"] < first["people"]["in_any_image_high"]


# -- buckets: by the content -------------------------------------------------------------------------------------------


def fill(s3: Any, pictures: Path) -> None:
    from PIL import Image

    for name in ("astronaut.png", "obama.jpg", "chelsea.png"):
        s3.put_object(Bucket=BUCKET, Key=f"old/{name}.jpg", Body=jpeg(shrunk(Image.open(pictures / name))))


@pytest.fixture(scope="module")
def bucket_night() -> dict[str, Night]:
    return {}


@pytest.fixture
def bucket(s3: Any, s3_server: str, pictures: Path, bucket_night: dict[str, Night], tmp_path_factory: Any) -> Any:
    """The store ``gate`` is a bucket; its pictures lie in ``old/``; the first night is over."""
    fill(s3, pictures)
    if not bucket_night:
        made = make_organisation(tmp_path_factory.mktemp("buckets") / "org", pictures)
        said(made, gate={"url": f"s3://{BUCKET}", "options": options_of(s3_server)})
        bucket_night["first"] = Night.of(made)
    return s3


@pytest.fixture
def in_bucket(bucket: Any, bucket_night: dict[str, Night]) -> Night:
    bucket_night["first"].again()
    return bucket_night["first"]


def copied(s3: Any, old: str, new: str, *, keep: bool = False) -> None:
    for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=old)["Contents"]:
        source = {"Bucket": BUCKET, "Key": item["Key"]}
        s3.copy_object(Bucket=BUCKET, Key=item["Key"].replace(old, new, 1), CopySource=source)
        if not keep:
            s3.delete_object(**source)


def keys(frame: pd.DataFrame) -> list[str]:
    of_gate = frame[frame["store"] == "gate"]
    return sorted(of_gate["uri"].str.removeprefix(f"s3://{BUCKET}/"))


@pytest.mark.backend
def test_objects_of_a_bucket_move_without_being_opened(bucket, in_bucket, no_looking):
    organisation, first = in_bucket.organisation, in_bucket.report
    _, faces = current(organisation)
    copied(bucket, "old/", "archive/2025/")
    no_looking.clear()
    second = scan(organisation.request("night-2"))
    assert no_looking == []
    assert people(second) == people(first)
    objects, moved = current(organisation)
    assert keys(objects) == [f"archive/2025/{name}.jpg" for name in ("astronaut.png", "chelsea.png", "obama.jpg")]
    assert sorted(moved["face_id"]) == sorted(faces["face_id"])
    assert second["coverage"]["gone"] == 3


@pytest.mark.backend
def test_a_copy_is_not_opened_and_has_faces_of_its_own(bucket, in_bucket, no_looking):
    organisation, first = in_bucket.organisation, in_bucket.report
    copied(bucket, "old/", "copy/", keep=True)
    copied(bucket, "old/", "copy-2/", keep=True)
    no_looking.clear()
    second = scan(organisation.request("manual__2026-10-20T18:00:00+00:00"))
    assert no_looking == []
    objects, faces = current(organisation)
    assert len(keys(objects)) == 9
    assert faces["face_id"].is_unique
    of_gate = faces[faces["store"] == "gate"]
    assert of_gate.groupby("name")["uri"].nunique().tolist() == [3, 3]
    assert second["people"]["split"]["unknown"]["low"] <= first["people"]["split"]["unknown"]["high"]
    for prefix in ("old/", "copy/"):
        for item in bucket.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]:
            bucket.delete_object(Bucket=BUCKET, Key=item["Key"])
    third = scan(organisation.request("night-3"))
    assert no_looking == []
    assert third["people"]["split"] == first["people"]["split"], "the copies' vectors outlive the originals"


@pytest.mark.backend
def test_from_listing_to_inventory_and_back_nothing_is_looked_at(bucket, in_bucket):
    organisation = in_bucket.organisation
    said(organisation, gate={"inventory": {"manifest": reported(bucket, "ORC", hours=0)}})
    by_inventory = tasks.plan(organisation.request("night-2"))
    said(organisation, gate={"inventory": None})
    for plan in (by_inventory, tasks.plan(organisation.request("night-3"))):
        assert (plan.objects_todo, plan.coverage["gate"].counts["unchanged"]) == (0, 3)
        assert plan.coverage["gate"].counts["gone"] == 0


@pytest.mark.backend
@pytest.mark.parametrize(
    ("hours", "gone"), [pytest.param(-1, 0, id="older than the run"), pytest.param(+1, 1, id="younger than the run")]
)
def test_what_an_older_inventory_does_not_have_is_not_taken_for_gone(bucket, in_bucket, hours, gone):
    organisation = in_bucket.organisation
    manifest = reported(bucket, "CSV", hours=hours, without=1)
    said(organisation, gate={"inventory": {"manifest": manifest, "max_age_days": 999}})
    counts = tasks.plan(organisation.request("night-2")).coverage["gate"].counts
    assert (counts["unchanged"], counts["gone"], counts["skipped"]) == (2, gone, 1 - gone)


def reported(s3: Any, form: str, hours: int, without: int = 0) -> str:
    """Put an inventory onto the server, begun so many hours after the first night; give its manifest's address."""
    from tests.inventories import Report, table_of

    rows = s3.list_objects_v2(Bucket=BUCKET)["Contents"][without:]
    s3.create_bucket(Bucket="reports")
    report = Report(lambda key, data: s3.put_object(Bucket="reports", Key=key, Body=data), BUCKET, "reports", "inv")
    report.made_at = CLOCK + timedelta(hours=hours) if hours else datetime.now(UTC)
    return report.write(form, [table_of(rows)])
