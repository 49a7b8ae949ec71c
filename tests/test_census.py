"""The census: people on record count once by their ids, unknown faces add only who is none of them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray

from detectors.identities import Recount
from detectors.records import CurvePoint, PeopleCount, Sightings
from expectations.columns import FACES, OBJECTS
from plugins import census
from plugins.census import Census, take_census
from plugins.demo.templates import strangers
from plugins.evidence import Fragment
from plugins.registers import read_registers
from plugins.request import RunRequest
from plugins.run import Run
from plugins.vectors import FaceVectors
from tests.encoders import random_features, settings_of, write_encoder

DAY = date(2026, 10, 20)
NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
PEOPLE = strangers(400, 3)
Vector = NDArray[np.float32]

SETTINGS: dict[str, Any] = {
    "controller": {"name": "Test Town", "timezone": "UTC"},
    "policy": "cn-draft-2023",
    "stores": [
        {"name": "gate", "url": "./gate", "purpose": "access"},
        {"name": "hall", "url": "./hall", "purpose": "security"},
    ],
    "databases": [
        {
            "name": "register",
            "url": "sqlite:///./register.db",
            "purpose": "access",
            "tables": [{"table": "people", "person_id": "id", "image_blob": "photo", "template": "template"}],
        }
    ],
}


@dataclass
class Town:
    """Evidence written by hand: faces with vectors of one's choice, and a register of people."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(SETTINGS)))
    made: Fragment = field(default_factory=Fragment)

    def run(self) -> Run:
        path = self.folder / "facewarden.yaml"
        path.write_text(yaml.safe_dump(self.settings), encoding="utf-8")
        return Run(RunRequest(str(path), "night-1", DAY))

    def ref(self, person: str) -> str:
        return self.run().keyring.pseudonym("person", person)

    def enrol(self, person: str, template: bytes | None, photo: bytes | None = None) -> None:
        with closing(sqlite3.connect(self.folder / "register.db")) as db, db:
            db.execute("create table if not exists people (id text primary key, photo blob, template blob)")
            db.execute("insert into people values (?, ?, ?)", (person, photo, template))

    def picture(self, store: str, uri: str, *vectors: Vector | None, **more: Any) -> None:
        """Note one picture: a face for each vector, without one for each None; ``more`` goes into the rows."""
        run, part = self.run(), f"{len(self.made.files.get('objects', []))}-0"
        row = {"store": store, "uri": uri, "version": "1", "detector_key": "k", "frame_ms": 0, "score": 1.0}
        row |= {"status": "scanned", "size_bytes": 1, "faces": len(vectors), "quality": 0.9, **more}
        sides = more.get("sides", [50.0] * len(vectors))
        faces = [
            {**row, "face_id": f"{store}/{uri}/{n}", "box_xywh_px": [0.0, 0.0, side, side]}
            for n, side in enumerate(sides)
        ]
        write = run.evidence.write_table
        self.made += Fragment(
            {
                "objects": [write("objects", pd.DataFrame([row]).reindex(columns=OBJECTS.names), store, DAY, part)],
                "faces": [write("faces", pd.DataFrame(faces).reindex(columns=FACES.names), store, DAY, part)],
            }
        )
        held = [(face["face_id"], v) for face, v in zip(faces, vectors, strict=True) if v is not None]
        if held:
            ids, values = zip(*held, strict=True)
            run.vectors.write(part, DAY, FaceVectors(np.array(ids), np.stack(values)), run.encoder.key)

    def census(self) -> Census:
        run = self.run()
        self.enrol("nobody", None) if not (self.folder / "register.db").exists() else None
        return take_census(run, self.made + read_registers(run))

    def counted(self, scope: str = "all", name: str = "") -> dict[str, Any]:
        rows = self.census().rows
        [row] = rows[(rows["scope"] == scope) & (rows["scope_name"] == name)].to_dict("records")
        return row


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@dataclass
class Exact:
    """Counts like somebody who knows: equal vectors are one person, others another. Remembers what it was given."""

    given: list[Sightings] = field(default_factory=list)

    def __call__(self, sightings: Sightings, earlier: object, *, profile: object, confidence: float) -> Recount:
        self.given.append(sightings)
        shown = np.unique(sightings.vectors, axis=0, return_inverse=True)[1].reshape(-1)
        filed = sightings.subjects >= 0
        known, n = len(np.unique(sightings.subjects[filed])), len(set(shown[~filed]) - set(shown[filed]))
        curve = (CurvePoint(5.0, 7.123456, 0.25, 0.125), CurvePoint(6.0, 9.0, 0.0, 0.5))
        sums = known + n, known + n, known + n
        people = PeopleCount(*sums, confidence, "exact", ("as told",), known, n, n, n, 2, 0.75, 1.0, curve)
        return Recount(people, None, 0)


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> Exact:
    counter = Exact()
    monkeypatch.setattr(census, "recount_people", counter)
    return counter


def interval(row: dict[str, Any], name: str) -> tuple[int, int, int]:
    ends = {"images": ("in_any_image_low", "in_any_image", "in_any_image_high")}
    low, best, high = (int(row[key]) for key in ends.get(name, [f"{name}_{end}" for end in ("low", "best", "high")]))
    return low, best, high


def three_known_and_two_strangers(town: Town) -> None:
    """Ann, Bob and Cid are enrolled, Dan has a picture only; Ann and two strangers walk past, one of them twice."""
    for place, person in enumerate(("ann", "bob", "cid")):
        town.enrol(person, PEOPLE[place].tobytes(), b"photo" if person == "bob" else None)
    town.picture("register", "row:register/people/photo/1", PEOPLE[1], subject_ref=town.ref("bob"))
    town.picture("gate", "/gate/dan.jpg", PEOPLE[3], subject_ref=town.ref("dan"))
    town.picture("gate", "/gate/1.jpg", PEOPLE[0], PEOPLE[4])
    town.picture("hall", "/hall/1.jpg", PEOPLE[4], PEOPLE[5])


def test_people_are_enrolled_linked_or_unknown_and_the_three_add_up(town: Town, exact: Exact) -> None:
    three_known_and_two_strangers(town)
    rows = town.census().rows.to_dict("records")
    for row in rows:
        on_record = row["with_template"] + row["linked"]
        assert interval(row, "people") == tuple(on_record + n for n in interval(row, "unknown")), row["scope_name"]
    split = {(r["scope"], r["scope_name"]): (r["with_template"], r["linked"], r["unknown_best"]) for r in rows}
    assert split == {
        ("all", ""): (3, 1, 2),
        ("store", "gate"): (0, 1, 2),
        ("store", "hall"): (0, 0, 2),
        ("store", "register"): (3, 0, 0),
        ("purpose", "access"): (3, 1, 1),
        ("purpose", "security"): (0, 0, 2),
    }


def test_whoever_a_camera_saw_is_in_an_image_though_no_image_is_filed_under_them(town: Town, exact: Exact) -> None:
    three_known_and_two_strangers(town)
    row = town.counted()
    assert row["with_template"] == 3
    assert interval(row, "images") == (5, 5, 5), "Ann, Bob, Dan and two strangers; Cid is only enrolled"


def test_the_row_says_how_it_was_counted_and_how_wrong_thresholds_would_be(town: Town, exact: Exact) -> None:
    town.picture("gate", "/gate/1.jpg", PEOPLE[0])
    row = town.counted()
    assert (row["confidence"], row["unusable"], row["calibrated"]) == (0.95, 2, 0.75)
    assert json.loads(row["notes"]) == ["as told"]
    assert json.loads(row["curve"])[0] == {
        "strictness": 5.0, "groups": 7.123, "false_merge": 0.25, "false_split": 0.125
    }  # fmt: skip
    assert "exact" in row["method"]


def test_a_face_whose_vector_expired_may_be_anybody(town: Town, exact: Exact) -> None:
    town.picture("gate", "/gate/1.jpg", PEOPLE[0], None, None)
    town.picture("gate", "/gate/dan.jpg", None, subject_ref=town.ref("dan"))
    row = town.counted()
    assert interval(row, "people") == (1, 2, 4), "the stranger may be Dan, whose face is gone; two more may be anybody"
    assert row["unusable"] == 2 + 2
    assert "faces without a vector, which has expired: 2" in row["notes"]


def test_people_on_record_without_a_face_to_compare_may_be_among_the_unknown(town: Town, exact: Exact) -> None:
    for person in ("ann", "bob", "cid"):
        town.enrol(person, PEOPLE[0][:64].tobytes())  # of an encoder that makes 64 numbers
    town.picture("gate", "/gate/1.jpg", *PEOPLE[10:15])
    row = town.counted()
    assert (row["with_template"], interval(row, "unknown")) == (3, (2, 5, 5))
    assert interval(row, "images") == (5, 5, 5)
    assert "people on record without a face to compare with: 3" in row["notes"]


def test_of_several_faces_filed_under_one_person_the_largest_is_theirs(town: Town, exact: Exact) -> None:
    town.picture("gate", "/gate/dan.jpg", *PEOPLE[:3], sides=[20.0, 90.0, 30.0], subject_ref=town.ref("dan"))
    town.picture("gate", "/gate/2.jpg", PEOPLE[1])
    assert interval(town.counted(), "people") == (3, 3, 3)
    faces = exact.given[0]
    assert (faces.subjects >= 0).tolist() == [False, True, False, False]


def test_the_count_is_told_what_a_camera_store_knows(town: Town, exact: Exact) -> None:
    town.enrol("ann", PEOPLE[0].tobytes(), b"photo")
    clock = {"captured_at": NOON, "captured_from": "exif"}
    town.picture("gate", "/gate/cam1/a.gif", PEOPLE[1], PEOPLE[2], quality=0.5, frame_ms=1500, **clock)
    town.picture("gate", "/gate/cam1/b.jpg", PEOPLE[3], captured_at=NOON, captured_from="name")
    town.picture("gate", "/gate/cam2/c.jpg", PEOPLE[4], captured_at=NOON, captured_from="metadata")
    town.picture("hall", "/gate/cam1/b.jpg", PEOPLE[5])
    town.picture("register", "row:register/people/photo/1", PEOPLE[0], subject_ref=town.ref("ann"), **clock)
    town.census()
    given = exact.given[0]
    a1, a2, b, c, hall, row, template = range(7)
    assert given.frames[a1] == given.frames[a2]
    assert len(set(given.frames.tolist())) == 6
    np.testing.assert_allclose(given.quality, [0.5, 0.5, 0.9, 0.9, 0.9, 0.9, 1.0], atol=1e-6)
    assert given.cameras[a1] == given.cameras[a2] == given.cameras[b] >= 0
    assert len({int(given.cameras[n]) for n in (b, c, hall)} - {-1}) == 3, "folders and stores are cameras apart"
    assert given.cameras[row] == given.cameras[template] == -1, "a database is no camera"
    noon = NOON.timestamp()
    np.testing.assert_allclose(given.seconds[[a1, a2, b]], [noon + 1.5, noon + 1.5, noon])
    assert np.isnan(given.seconds[[c, hall, template]]).all(), "a file's date is not the camera's clock"
    assert given.subjects[row] == given.subjects[template] >= 0
    assert (given.subjects[:hall] == -1).all()


def test_a_video_and_a_sequence_of_stills_are_cameras_of_their_own(town: Town, exact: Exact) -> None:
    known = {"captured_at": NOON, "captured_from": "metadata"}
    town.picture("gate", "/gate/a.mp4", PEOPLE[0], frame_ms=2_500, media_type="video/mp4", **known)
    town.picture("gate", "/gate/b.mp4", PEOPLE[1], frame_ms=500, media_type="video/mp4", **known)
    town.picture("gate", "/gate/frame_0007.jpg", PEOPLE[2], **known)
    town.picture("gate", "/gate/frame_0008.jpg", PEOPLE[3], **known)
    town.picture("hall", "/gate/frame_0008.jpg", PEOPLE[4], **known)
    town.picture("gate", "/gate/frame_0009.jpg", PEOPLE[5], captured_at=NOON, captured_from="exif")
    town.picture("gate", "/gate/other.jpg", PEOPLE[6], **known)
    town.census()
    given = exact.given[0]
    a, b, seventh, eighth, hall, timed, other = given.cameras.tolist()
    assert seventh == eighth
    assert len({a, b, seventh, hall, timed}) == 5
    assert min(a, b, seventh, hall, timed) >= 0
    np.testing.assert_allclose(given.seconds[:6], [2.5, 0.5, 7, 8, 8, NOON.timestamp()])
    assert np.isnan(given.seconds[6]), other


def test_scopes_with_the_same_faces_are_counted_once(town: Town, exact: Exact) -> None:
    town.picture("hall", "/hall/1.jpg", PEOPLE[0])
    town.picture("gate", "/gate/1.jpg", PEOPLE[1])
    assert len(town.census().rows) == 1 + 3 + 2
    asked = sorted(len(sightings.vectors) for sightings in exact.given)
    assert asked == [0, 1, 1, 2], "the empty register, the hall, the gate, and both"


def test_a_template_that_came_after_the_records_were_read_waits_for_the_next_night(town: Town, exact: Exact) -> None:
    town.enrol("ann", PEOPLE[0].tobytes())
    run = town.run()
    registers = read_registers(run)
    town.enrol("late", PEOPLE[1].tobytes())
    rows = take_census(run, registers).rows
    assert rows["people_high"].max() == 1
    assert max(len(sightings.vectors) for sightings in exact.given) == 1


def test_the_same_pictures_in_a_second_store_add_nobody(town: Town) -> None:
    for n in range(60):
        town.picture("gate", f"/gate/{n}.jpg", PEOPLE[n], subject_ref=town.ref(f"p{n}") if n < 20 else None)
    for n in range(10):
        town.enrol(f"p{n}", PEOPLE[n].tobytes())
    before = town.counted()
    for n in range(60):
        town.picture("hall", f"/hall/{n}.jpg", PEOPLE[n])
    after = town.counted()
    for name in ("people", "unknown", "images"):
        assert interval(after, name) == interval(before, name), name
    low, _, high = interval(after, "people")
    assert low <= 60 <= high
    assert high < 120
    assert (after["with_template"], after["linked"]) == (10, 10)


def test_strangers_are_not_taken_for_the_enrolled_and_the_enrolled_are_recognised(town: Town) -> None:
    for n in range(200):
        town.enrol(f"p{n}", PEOPLE[n].tobytes())
    town.picture("hall", "/hall/known.jpg", *PEOPLE[:40])
    known = town.counted()
    assert known["unknown_low"] == 0
    assert known["people_high"] <= 210
    town.picture("hall", "/hall/strangers.jpg", *PEOPLE[300:340])
    low, _, high = interval(town.counted(), "people")
    assert low <= 240 <= high
    assert low > 210


def test_without_a_calibration_every_face_may_be_somebody_else(town: Town) -> None:
    write_encoder(town.folder / "own.onnx", random_features(64))
    town.settings["encoder"] = settings_of("own.onnx")
    faces = np.random.default_rng(1).normal(size=(30, 64)).astype(np.float32)
    town.picture("gate", "/gate/1.jpg", *faces)
    row = town.counted()
    assert (row["people_low"], row["people_high"], row["calibrated"]) == (1, 30, 0.0)
    assert "calibration" in row["notes"]


def test_of_nothing_the_census_is_nobody(town: Town) -> None:
    row = town.counted()
    assert interval(row, "people") == interval(row, "images") == (0, 0, 0)
    assert json.loads(row["curve"]) == []


def test_each_face_has_the_pseudonym_of_its_group_and_templates_have_none(town: Town) -> None:
    town.enrol("ann", PEOPLE[0].tobytes())
    town.picture("gate", "/gate/1.jpg", PEOPLE[0], PEOPLE[1], None)
    town.picture("hall", "/hall/1.jpg", PEOPLE[1])
    names = town.census().identities.set_index("face_id")["pseudonym"]
    assert sorted(names.index) == ["gate//gate/1.jpg/0", "gate//gate/1.jpg/1", "hall//hall/1.jpg/0"]
    assert names["gate//gate/1.jpg/1"] == names["hall//hall/1.jpg/0"] != names["gate//gate/1.jpg/0"]


def nameless_templates(town: Town, encoder: str, *templates: bytes) -> None:
    """A second table whose templates are filed under nobody."""
    town.enrol("ann", PEOPLE[0].tobytes())
    with closing(sqlite3.connect(town.folder / "register.db")) as db, db:
        db.execute("create table face_probes (n integer primary key, person_id text, template blob)")
        db.executemany("insert into face_probes (template) values (?)", [(template,) for template in templates])
    table = {"table": "face_probes", "key": "n", "template": "template", "template_encoder": encoder}
    town.settings["databases"][0]["tables"].append(table)


def test_templates_filed_under_nobody_are_compared_and_their_people_counted(town: Town, exact: Exact) -> None:
    nameless_templates(town, "own", PEOPLE[0].tobytes(), PEOPLE[1].tobytes(), PEOPLE[2].tobytes())
    town.picture("gate", "/gate/1.jpg", PEOPLE[1])
    row = town.counted()
    assert (row["with_template"], interval(row, "people")) == (1, (3, 3, 3)), "Ann, who walked past, and one more"
    assert "templates filed under nobody: 3" in row["notes"]
    assert interval(row, "images") == (1, 1, 1), "a template is no image"


def test_templates_of_nobody_that_cannot_be_compared_may_each_be_somebody(town: Town, exact: Exact) -> None:
    nameless_templates(town, "acme-v2", b"opaque", b"opaque too")
    town.picture("gate", "/gate/1.jpg", PEOPLE[1])
    row = town.counted()
    assert interval(row, "people") == (2, 2, 4)
    assert "that no face can be compared with: 2" in row["notes"]


def test_broken_templates_of_nobody_are_not_forgotten(town: Town, exact: Exact) -> None:
    nameless_templates(town, "own", PEOPLE[1].tobytes(), b"cut off")
    assert interval(town.counted(), "people") == (2, 2, 3)


def test_facial_columns_that_nobody_declared_are_said_beside_the_number(town: Town, exact: Exact) -> None:
    nameless_templates(town, "own", *(PEOPLE[n].tobytes() for n in range(10)))
    del town.settings["databases"][0]["tables"][1]
    row = town.counted()
    assert interval(row, "people") == (1, 1, 1)
    assert "columns with facial data that the settings do not name: 1" in row["notes"]
