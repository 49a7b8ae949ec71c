"""The demo's small town: the same every time, robustly planted, and counted right."""

from __future__ import annotations

import json
import pickle
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import plugins.demo.town as town_module
from detectors.decode import decode
from detectors.errors import Refused
from detectors.finder import FaceFinder
from expectations.calendar import add_working_days
from expectations.policy import load_policy
from plugins.demo import databases
from plugins.demo.frames import take_pictures
from plugins.demo.people import ENROLLED, ON_CAMERA, PURPOSE, SHOP, Consent, Person, make_people
from plugins.demo.placing import place_people
from plugins.demo.portraits import PORTRAITS, PictureMissing, cutouts
from plugins.demo.raycast import HEIGHT, WIDTH, project
from plugins.demo.scenes import STORES
from plugins.demo.shading import draw
from plugins.demo.shots import KEEP_DAYS, SPREAD_DAYS, TIMEZONE, Shot, plan_shots
from plugins.demo.templates import strangers
from plugins.demo.town import DEMO_DAY, STAMP, Town, build_town
from plugins.demo.truth import consent_state
from plugins.settings import load_settings
from plugins.stores.capture import captured_from_name

SHOTS = [shot for of_camera in plan_shots(DEMO_DAY, 0).values() for shot in of_camera]


@pytest.fixture(scope="module")
def town(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Town:
    return build_town(tmp_path_factory.mktemp("town"), pictures)


@pytest.fixture(scope="module")
def frames(town: Town) -> list[dict[str, object]]:
    truth = json.loads((town.folder / "planted.json").read_text())
    found: list[dict[str, object]] = truth["frames"]
    return found


@pytest.fixture
def hamlet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cameras with two pictures each instead of seven with three hundred."""
    few = {name: shots[:2] for name, shots in plan_shots(DEMO_DAY, 0).items() if name in ("cam2", "turnstile")}
    monkeypatch.setattr(town_module, "plan_shots", lambda as_of, seed: few)
    monkeypatch.setattr(town_module, "worker_count", lambda asked: 1)
    monkeypatch.setattr(databases, "_templates_of", lambda photos: [None] * len(photos))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_what_is_planted_is_what_the_demo_promises(town: Town) -> None:
    planted = town.planted
    assert planted.objects == {"station-cameras": 152, "office-lobby": 90, "gym-entrance": 61}
    assert planted.frames_with_faces == {"station-cameras": 100, "office-lobby": 60, "gym-entrance": 40}
    assert planted.retention_overdue == {"station-cameras": 66, "office-lobby": 21, "gym-entrance": 0}
    assert planted.consent == {
        "consented": 11_746,
        "expired": 52,
        "minor_without_guardian": 9,
        "no_recorded_ground": 141,
        "other_purpose": 15,
        "withdrawn_still_stored": 37,
    }
    assert (planted.overdue_people, planted.quarantined, planted.unsupported) == (214, 2, 1)
    assert (planted.enrolled, planted.on_camera, planted.people, planted.database_photos) == (12_000, 3, 12_000, 3)
    assert (planted.crossing_day, planted.filing_due) == ("2026-09-21", "2026-11-09")


def test_the_settings_name_every_store_and_a_known_policy(town: Town) -> None:
    settings = load_settings(town.settings)
    assert {s.name: s.retention.max_days for s in settings.stores} == KEEP_DAYS
    assert [d.name for d in settings.databases] == [town.database]
    assert settings.databases[0].purpose == town.purpose
    assert load_policy(settings.policy).threshold.people == 10_000
    assert all(Path(settings.resolved(s.url or "")).is_dir() for s in settings.stores)


def test_every_file_of_the_stores_is_accounted_for(town: Town) -> None:
    on_disk = {s: sum(p.is_file() for p in (town.folder / "stores" / s).rglob("*")) for s in KEEP_DAYS}
    assert on_disk == town.planted.objects


def test_the_filing_still_runs_on_the_day_of_the_demo(town: Town) -> None:
    crossed = date.fromisoformat(town.planted.crossing_day)
    due = date.fromisoformat(town.planted.filing_due)
    assert due == add_working_days(crossed, 30, "CN")
    assert crossed < town.as_of < due


def test_the_ten_thousand_and_first_person_came_on_the_crossing_day(town: Town) -> None:
    with sqlite3.connect(town.folder / "access.db") as database:
        before, upto = (
            database.execute("SELECT count(*) FROM people WHERE date(enrolled_at) < ?", (day,)).fetchone()[0]
            for day in (town.planted.crossing_day, date.fromisoformat(town.planted.crossing_day) + timedelta(days=1))
        )
    assert before == 10_000 < upto


def test_the_database_holds_unit_templates_and_three_photos(town: Town) -> None:
    with sqlite3.connect(town.folder / "access.db") as database:
        rows = database.execute("SELECT person_id, template, photo FROM people").fetchall()
    assert len(rows) == ENROLLED
    assert {row[0] for row in rows if row[2]} == set(ON_CAMERA)
    vectors = np.array([np.frombuffer(row[1], "<f4") for row in rows])
    assert vectors.shape == (ENROLLED, 128)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_the_photo_of_a_person_gives_the_template_that_is_stored_with_it(town: Town) -> None:
    from detectors.look import Looker

    with sqlite3.connect(town.folder / "access.db") as database:
        rows = database.execute("SELECT template, photo FROM people WHERE photo IS NOT NULL").fetchall()
    with Looker() as looker:
        for template, photo in rows:
            (face,) = looker.look(photo).faces
            assert face.vector @ np.frombuffer(template, "<f4") > 0.999


def test_the_finder_finds_every_planted_face_and_no_other(town: Town, frames: list[dict[str, object]]) -> None:
    # One picture in ten, of every camera; all of them were looked at when the scenes were made (297 of 297 found).
    with FaceFinder() as finder:
        for frame in frames[::10]:
            (still,) = decode((town.folder / str(frame["path"])).read_bytes()).frames
            found = sorted(tuple(face.box_xywh_px) for face in finder.find(still.image_rgb))
            wanted = sorted(tuple(face["box_xywh_px"]) for face in frame["faces"])  # type: ignore[attr-defined]
            assert len(found) == len(wanted), frame["path"]
            for (x, y, w, h), (px, py, pw, ph) in zip(found, wanted, strict=True):
                assert abs(x + w / 2 - px - pw / 2) < pw / 3
                assert abs(y + h / 2 - py - ph / 2) < ph / 3


def test_every_face_is_whole_and_free_and_every_picture_has_the_faces_it_was_planned_with(
    frames: list[dict[str, object]],
) -> None:
    widths = []
    for frame in frames:
        boxes = [face["box_xywh_px"] for face in frame["faces"]]  # type: ignore[attr-defined]
        assert all(x > 0 and y > 0 and x + w < WIDTH and y + h < HEIGHT for x, y, w, h in boxes)
        widths += [w for _, _, w, _ in boxes]
    assert [bool(frame["faces"]) for frame in frames] == [shot.people > 0 for shot in SHOTS]
    assert 34 <= min(widths) < 42
    assert 300 < max(widths) <= 420


@pytest.mark.parametrize("store", KEEP_DAYS)
def test_the_time_of_a_picture_is_where_its_store_keeps_it(
    town: Town, frames: list[dict[str, object]], store: str
) -> None:
    for frame in (f for f in frames if f"/{store}/" in str(f["path"])):
        path, wanted = town.folder / str(frame["path"]), datetime.fromisoformat(str(frame["taken_at"]))
        taken = decode(path.read_bytes()).taken_at if store == "office-lobby" else None
        if store == "station-cameras":
            taken = captured_from_name(path.name, "%Y%m%dT%H%M%S", TIMEZONE)
        elif store == "gym-entrance":
            assert not Image.open(path).getexif()
            taken = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        assert taken == wanted


def test_one_picture_lies_on_its_side_and_decodes_upright(town: Town) -> None:
    lying = [shot for shot in SHOTS if shot.rotated]
    assert len(lying) == 1
    path = town.folder / lying[0].path
    with Image.open(path) as stored:
        assert stored.size == (HEIGHT, WIDTH)
    assert decode(path.read_bytes()).frames[0].image_rgb.shape == (HEIGHT, WIDTH, 3)


def test_the_spoilt_files_are_refused_for_the_reason_planted(town: Town) -> None:
    truth = json.loads((town.folder / "planted.json").read_text())
    reasons = []
    for path in (*truth["quarantined"], *truth["unsupported"]):
        with pytest.raises(Refused) as refused:
            decode((town.folder / path).read_bytes())
        reasons.append(str(refused.value.reason))
    assert reasons == ["truncated", "not_an_image", "unsupported"]


def test_no_picture_is_so_close_to_its_limit_that_an_hour_would_decide() -> None:
    for shot in SHOTS:
        age = (DEMO_DAY - shot.taken_at.date()).days
        assert 1 <= age < SPREAD_DAYS
        assert abs(age - KEEP_DAYS[shot.store]) > 1


def test_a_third_of_each_cameras_pictures_is_empty() -> None:
    for of_camera in plan_shots(DEMO_DAY, 3).values():
        assert abs(sum(shot.people == 0 for shot in of_camera) / len(of_camera) - 1 / 3) < 0.02


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(pictures: Path, tmp_path: Path) -> None:
    shots = plan_shots(DEMO_DAY, 0)["lifts"][:3]
    assert shots == plan_shots(DEMO_DAY, 0)["lifts"][:3] != plan_shots(DEMO_DAY, 1)["lifts"][:3]
    for name in ("one", "two"):
        take_pictures("lifts", shots, pictures, tmp_path / name, lambda count: None)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert make_people(DEMO_DAY, 0) == make_people(DEMO_DAY, 0) != make_people(DEMO_DAY, 1)
    assert (strangers(50, 0) == strangers(50, 0)).all()


@pytest.mark.usefixtures("hamlet")
def test_a_finished_town_is_taken_as_it_stands(pictures: Path, tmp_path: Path) -> None:
    first = build_town(tmp_path, pictures)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    told: list[tuple[int, int]] = []
    assert build_town(tmp_path, pictures, progress=lambda done, total: told.append((done, total))) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert told == []


@pytest.mark.usefixtures("hamlet")
def test_a_town_half_built_is_built_anew_and_other_files_stay(pictures: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    build_town(tmp_path, pictures)
    whole = files_of(tmp_path)
    (tmp_path / STAMP).unlink()
    (tmp_path / "stores" / "left-over.jpg").write_bytes(b"half")
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "kept").write_bytes(b"of an earlier night")
    build_town(tmp_path, pictures, progress=lambda done, total: told.append((done, total)))
    assert files_of(tmp_path) == whole | {"evidence/kept": b"of an earlier night"}
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_missing_portrait_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        PictureMissing, match=r"astronaut\.png .* is missing; run `facewarden models install --samples`"
    ):
        cutouts(tmp_path)
    Image.new("RGB", (20, 10)).save(tmp_path / "astronaut.png")
    with pytest.raises(PictureMissing, match="has 20x10 pixels") as raised:
        cutouts(tmp_path)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_outlines_enclose_the_faces_they_belong_to(pictures: Path) -> None:
    for portrait, cutout in zip(PORTRAITS, cutouts(pictures), strict=True):
        x, y, w, h = (round(v) for v in cutout.face_xywh_px)
        alpha = np.asarray(cutout.sizes[0].getchannel("A"))
        assert (alpha[y + h // 4 : y + 4 * h // 5, x + w // 3 : x + 2 * w // 3] > 128).all(), portrait.file
        assert 0.2 < (alpha > 128).mean() < 0.8, portrait.file


@pytest.mark.parametrize("camera", [c for cameras in STORES.values() for c in cameras], ids=lambda c: c.name)
def test_people_stand_whole_headed_before_every_camera(pictures: Path, camera: object) -> None:
    view = draw(camera.room, camera.lens)  # type: ignore[attr-defined]
    assert view.depth_m.shape == (HEIGHT, WIDTH)
    for seed in range(5):
        people = place_people(np.random.default_rng(seed), camera, view.depth_m, cutouts(pictures), 2)  # type: ignore[arg-type]
        assert len({p.cutout.person for p in people}) == len(people) >= 1
        assert [p.away_m for p in people] == sorted((p.away_m for p in people), reverse=True)
        for person in people:
            x, y, w, h = person.box_xywh_px
            assert (view.depth_m[y : y + h, x : x + w] > person.away_m).all()


def test_a_point_straight_ahead_is_in_the_middle_of_the_picture() -> None:
    lens = STORES["station-cameras"][0].lens
    down, right = np.radians(lens.down_deg), np.radians(lens.right_deg)
    ahead = (5 * np.cos(down) * np.sin(right), lens.height_m - 5 * np.sin(down), 5 * np.cos(down) * np.cos(right))
    assert project(lens, ahead) == pytest.approx((WIDTH / 2, HEIGHT / 2), abs=1e-3)


def test_strangers_are_as_alike_as_the_encoder_finds_strangers() -> None:
    vectors = strangers(2000, 0)
    cosines = (vectors @ vectors.T)[np.triu_indices(2000, 1)]
    assert cosines.mean() == pytest.approx(0.843, abs=0.005)
    assert cosines.std() == pytest.approx(0.035, abs=0.003)


GROWN_UP, CHILD = date(1980, 5, 1), date(2018, 5, 1)
DAY = datetime(2026, 3, 1, 9)  # noqa: DTZ001 - the town's clocks carry no zone


def consent(purpose: str = PURPOSE, **more: object) -> Consent:
    return Consent("P1", purpose, "separate", **{"granted_at": DAY, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("born_on", "rows", "state"),
    [
        pytest.param(GROWN_UP, [consent()], "consented", id="plain"),
        pytest.param(GROWN_UP, [], "no_recorded_ground", id="none"),
        pytest.param(GROWN_UP, [consent(granted_at=datetime(2026, 11, 1))], "no_recorded_ground", id="in the future"),  # noqa: DTZ001
        pytest.param(GROWN_UP, [consent(withdrawn_at=DAY)], "withdrawn_still_stored", id="withdrawn"),
        pytest.param(
            GROWN_UP,
            [consent(granted_at=DAY - timedelta(9), withdrawn_at=DAY), consent()],
            "consented",
            id="given again",
        ),
        pytest.param(GROWN_UP, [consent(expires_at=DAY + timedelta(30))], "expired", id="expired"),
        pytest.param(GROWN_UP, [consent(SHOP)], "other_purpose", id="for another purpose"),
        pytest.param(GROWN_UP, [consent(SHOP, withdrawn_at=DAY)], "no_recorded_ground", id="other purpose, withdrawn"),
        pytest.param(CHILD, [consent()], "minor_without_guardian", id="child alone"),
        pytest.param(CHILD, [consent(by_guardian=True)], "consented", id="child with guardian"),
    ],
)
def test_the_truth_about_a_consent_is_read_from_its_rows(born_on: date, rows: list[Consent], state: str) -> None:
    assert consent_state(Person("P1", born_on, DAY, DAY), rows, DEMO_DAY) == state


def test_shots_can_travel_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(SHOTS[0])) == SHOTS[0]
    assert isinstance(SHOTS[0], Shot)
