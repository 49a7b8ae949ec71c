"""Whom pictures are filed under: by a list of all of them, by a file beside each, by their path."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from plugins import nightly, tasks
from plugins.keys import Keyring
from plugins.settings import StoreSettings
from plugins.stores.objects import ObjectStore
from plugins.stores.records import StoreProblem
from tests.organisation import Organisation

KEYS = Keyring(bytes(range(32)))
CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)
Write = Callable[[Path, list[dict[str, str]]], None]


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a picture")


def store_of(folder: Path, **more: Any) -> ObjectStore:
    given = {"name": "s", "url": str(folder / "store"), "purpose": "p", **more}
    return ObjectStore(StoreSettings(**given), folder, KEYS)


def filed(store: ObjectStore) -> dict[str, str | None]:
    return {Path(found.uri).name: store.filed(found).subject_ref for found in store.list()}


def ref(person: str) -> str:
    return KEYS.pseudonym("person", person)


def as_csv(path: Path, rows: list[dict[str, str]]) -> None:
    pd.DataFrame(rows).to_csv(path, index=False)


def as_lines(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")


def as_parquet(path: Path, rows: list[dict[str, str]]) -> None:
    pd.DataFrame(rows).to_parquet(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        pytest.param("people.csv", as_csv, id="csv"),
        pytest.param("people.jsonl", as_lines, id="json lines"),
        pytest.param("people.parquet", as_parquet, id="parquet"),
    ],
)
def test_a_manifest_says_whose_pictures_are(tmp_path: Path, name: str, write: Write) -> None:
    put(tmp_path, "a.jpg", "sub/b.jpg", "c.jpg", "d.jpg")
    rows = [("a.jpg", "007"), ("./sub/b.jpg", " 8 "), ("c.jpg", ""), ("not/there.jpg", "9")]
    write(tmp_path / name, [{"file": file, "person_id": person} for file, person in rows])
    store = store_of(tmp_path, subject_manifest={"path": name})
    assert filed(store) == {"a.jpg": ref("007"), "b.jpg": ref("8"), "c.jpg": None, "d.jpg": None}


def test_a_file_under_two_people_is_filed_under_nobody(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    rows = [{"img": "a.jpg", "who": "1"}, {"img": "a.jpg", "who": "2"}, {"img": "b.jpg", "who": "3"}] * 2
    as_csv(tmp_path / "m.csv", rows)
    store = store_of(tmp_path, subject_manifest={"path": "m.csv", "file": "img", "subject": "who"})
    assert filed(store) == {"a.jpg": None, "b.jpg": ref("3")}


def test_a_manifest_in_the_store_is_no_picture(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    as_csv(tmp_path / "store" / "m.csv", [{"file": "a.jpg", "person_id": "1"}])
    store = store_of(tmp_path, subject_manifest={"path": "store/m.csv"})
    assert filed(store) == {"a.jpg": ref("1")}
    assert store.excluded == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"file,persn_id\na.jpg,SECRET-1\n", "no column `person_id`.*`persn_id`", id="column"),
        pytest.param(b"\xff\xfe\x00SECRET-1\x00", "cannot be read as CSV", id="bytes"),
        pytest.param(None, "cannot be read as CSV.*FileNotFoundError", id="missing"),
    ],
)
def test_a_manifest_that_cannot_be_used_ends_the_store_in_one_line(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    put(tmp_path, "a.jpg")
    if content is not None:
        (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(StoreProblem, match=says) as caught:
        list(store_of(tmp_path, subject_manifest={"path": "m.csv"}).list())
    assert "SECRET" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sidecar_says_whose_picture_it_lies_beside(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.png", "c.jpg", "d.jpg", "e.jpg")
    beside = {
        "a.jpg.json": {"person": {"id": "1"}},
        "a.json": {"person": {"id": "other"}},
        "b.json": {"person": {"id": 2}},
        "c.json": {"person": "nobody said"},
    }
    for name, content in beside.items():
        (tmp_path / "store" / name).write_text(json.dumps(content))
    (tmp_path / "store" / "d.json").write_text("{ no json")
    store = store_of(tmp_path, subject_sidecar={"field": "person.id"})
    assert filed(store) == {"a.jpg": ref("1"), "b.png": ref("2"), "c.jpg": None, "d.jpg": None, "e.jpg": None}
    assert store.excluded == 5, "sidecars are no pictures"


def test_a_changed_sidecar_and_a_new_one_make_another_version(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    sidecar = tmp_path / "store" / "a.json"
    sidecar.write_text('{"id": "1"}')

    def versions() -> dict[str, str]:
        return {Path(o.uri).name: o.version for o in store_of(tmp_path, subject_sidecar={"field": "id"}).list()}

    before = versions()
    sidecar.write_text('{"id": "22"}')
    (tmp_path / "store" / "b.json").write_text('{"id": "1"}')
    after = versions()
    assert {name for name in before if before[name] != after[name]} == {"a.jpg", "b.jpg"}


@pytest.mark.parametrize("way", ["subject_sidecar", "subject_manifest"])
def test_only_one_way_of_filing_can_be_given(way: str) -> None:
    given = {"subject_sidecar": {"field": "id"}, "subject_manifest": {"path": "m.csv"}}[way]
    with pytest.raises(ValueError, match=f"has subject_pattern and {way}; one of them"):
        StoreSettings(name="s", url="x", purpose="p", subject_pattern="(?P<subject>x)", **{way: given})


def test_a_picture_filed_under_somebody_else_is_looked_at_again(organisation: Organisation) -> None:
    settings = yaml.safe_load(organisation.settings.read_text())
    settings["stores"][0]["subject_manifest"] = {"path": "gate.csv"}
    settings["stores"][1]["subject_sidecar"] = {"field": "id"}
    organisation.settings.write_text(yaml.safe_dump(settings))
    pictures = ["cam1_20261001T090000.jpg", "cam1_20261015T090000.jpg"]

    def night(name: str, *people: str) -> dict[str, Any]:
        as_csv(organisation.folder / "gate.csv", [{"file": f, "person_id": p} for f, p in zip(pictures, people)])  # noqa: B905
        request = organisation.request(name)
        nightly.scan(request, lambda: CLOCK, lambda n: lambda k: None)
        report: dict[str, Any] = json.loads(tasks.report_text(request, "json"))
        return report

    organisation.put("hall/a.json", b'{"id": "V1"}')
    first = night("night-1", "V7", "V7")
    assert first["people"]["split"]["linked"] == 2, "V7 and V1"
    second = night("night-2", "V7", "V8")
    assert second["coverage"]["scanned"] == 1
    assert second["people"]["split"]["linked"] == 3
    shutil.rmtree(organisation.folder / "stores" / "hall")
    organisation.put("hall/b.jpg", b"no picture")
    third = night("night-3", "V7")
    assert third["people"]["split"]["linked"] == 1
