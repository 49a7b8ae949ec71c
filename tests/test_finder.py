"""Faces of known size and place, pasted into made-up scenes, are found; where there are none, none are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from detectors import boxes, finder, gate, proposals, pyramid
from detectors.errors import ModelMissing
from detectors.finder import FINDER_KEY, FaceFinder
from detectors.models import models_folder
from detectors.pictures import pictures_folder
from detectors.proposals import Proposer
from detectors.pyramid import Pyramid
from detectors.quality import quality_of, sharpness_of
from detectors.records import RGB, Face

WIDTH, HEIGHT = 1920, 1080
# Read off the astronaut's 512x512 photograph by eye: hairline to chin, cheek to cheek, and the points in the face.
FACE_XYWH = np.array([180.0, 77.0, 90.0, 101.0])
KEYPOINTS = {"right eye": (202, 101), "left eye": (246, 104), "nose": (223, 127), "mouth": (224, 146)}


def picture(name: str) -> RGB:
    path = pictures_folder() / name
    if not path.is_file():
        pytest.fail(f"{path} is not there: run `facewarden models install --samples` (`make test` does)")
    return np.array(Image.open(path).convert("RGB"), np.uint8)


@pytest.fixture(scope="session")
def astronaut() -> RGB:
    return picture("astronaut.png")


@pytest.fixture(scope="session")
def found_by() -> Iterator[FaceFinder]:
    if not (models_folder() / "face_detection_short_range.tflite").is_file():
        pytest.fail(f"no models in {models_folder()}: run `facewarden models install` (`make test` does)")
    with FaceFinder() as one:
        yield one


def texture(seed: int, width: int = WIDTH, height: int = HEIGHT) -> RGB:
    """Blotches of many sizes, like walls, foliage and crowds out of focus."""
    rng = np.random.default_rng(seed)
    scene = np.full((height, width, 3), 120.0)
    for size, strength in ((8, 10), (30, 20), (120, 40), (400, 50)):
        blotches = rng.normal(0, strength, (height // size + 2, width // size + 2, 3))
        scene += cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(scene, 0, 255), np.uint8)


def paste(ground: RGB, portrait: RGB, face_px: float, centre: tuple[float, float]) -> NDArray[np.float64]:
    """Put the portrait into a scene with a face of that width at that place; give the face's box."""
    scale = face_px / FACE_XYWH[2]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=how)
    middle = (FACE_XYWH[:2] + FACE_XYWH[2:] / 2) * scale
    left, top = np.round(np.array(centre) - middle).astype(int)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + small.shape[1], ground.shape[1]), min(top + small.shape[0], ground.shape[0])
    ground[y0:y1, x0:x1] = small[y0 - top : y1 - top, x0 - left : x1 - left]
    box: NDArray[np.float64] = np.array([left, top, 0, 0]) + FACE_XYWH * scale
    return box


def worsen(image: RGB, how: str) -> RGB:
    rng = np.random.default_rng(3)
    if how == "noise":
        return np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype(np.uint8)
    if how == "blur":
        return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.2), np.uint8)
    if how == "low light":
        return np.clip(image * 0.2 + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
    return image


def share(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Intersection over union of two (left, top, width, height) boxes."""
    ends = [np.concatenate([box[:2], box[:2] + box[2:]]) for box in (one, other)]
    return boxes.overlap(ends[0], ends[1])


def assert_only(faces: list[Face], *wanted: NDArray[np.float64]) -> None:
    assert len(faces) == len(wanted)
    for box in wanted:
        assert max(share(face.box_xywh_px.astype(float), box) for face in faces) >= 0.4


def test_the_astronaut_is_found_with_eyes_nose_and_mouth_where_they_are(found_by: FaceFinder, astronaut: RGB) -> None:
    (face,) = found_by.find(astronaut)
    assert share(face.box_xywh_px.astype(float), FACE_XYWH) > 0.6
    for point, wanted in zip(face.keypoints_xy_px[:4], KEYPOINTS.values(), strict=True):
        assert np.hypot(*(point - wanted)) < 8
    assert face.box_xywh_px.dtype == face.keypoints_xy_px.dtype == np.float32
    assert 0.8 < face.score <= 1
    assert 0.6 < face.quality <= 1


@pytest.mark.parametrize("face_px", [24, 32, 48, 96, 300, 900])
def test_a_face_of_any_size_is_found_in_a_full_hd_frame(found_by: FaceFinder, astronaut: RGB, face_px: int) -> None:
    frame = texture(1)
    box = paste(frame, astronaut, face_px, (1300, 540))
    faces = found_by.find(frame)
    assert_only(faces, np.concatenate([box[:2], np.minimum(box[2:], (WIDTH, HEIGHT) - box[:2])]))


@pytest.mark.parametrize("place", [(60, 60), (402, 371), (960, 540), (1870, 700), (700, 1040)], ids=str)
def test_a_small_face_is_found_wherever_the_windows_meet(
    found_by: FaceFinder, astronaut: RGB, place: tuple[int, int]
) -> None:
    frame = texture(2)
    box = paste(frame, astronaut, 40, place)
    assert_only(found_by.find(frame), box)


@pytest.mark.parametrize("how", ["noise", "blur", "low light"])
@pytest.mark.parametrize("face_px", [32, 48, 200])
def test_a_face_is_found_in_a_bad_picture(found_by: FaceFinder, astronaut: RGB, face_px: int, how: str) -> None:
    frame = texture(4)
    box = paste(frame, astronaut, face_px, (800, 500))
    assert_only(found_by.find(worsen(frame, how)), box)


@pytest.mark.parametrize(
    ("across", "down"),
    [
        pytest.param(0.2 * 160, 240, id="a third missing at the left"),
        pytest.param(640 - 0.2 * 160, 240, id="a third missing at the right"),
        pytest.param(320, 0.42 * 160, id="the forehead missing"),
        pytest.param(320, 480 - 0.2 * 160, id="chin and mouth missing"),
    ],
)
def test_a_face_cut_off_by_the_border_is_found_and_its_box_ends_there(
    found_by: FaceFinder, astronaut: RGB, across: float, down: float
) -> None:
    frame = texture(5, 640, 480)
    paste(frame, astronaut, 160, (across, down))
    (face,) = found_by.find(frame)
    left, top, wide, high = face.box_xywh_px
    assert left >= 0 and top >= 0 and left + wide <= 640 and top + high <= 480
    assert min(left, top, 640 - left - wide, 480 - top - high) < 1


@pytest.mark.parametrize("quarters", [1, 2, 3], ids=["90", "180", "270"])
@pytest.mark.parametrize("framing", ["portrait", "frame"])
def test_a_turned_picture_is_found_out_and_its_faces_lie_where_they_are_in_it(
    found_by: FaceFinder, astronaut: RGB, quarters: int, framing: str
) -> None:
    upright = astronaut.copy() if framing == "portrait" else texture(6)
    box = FACE_XYWH if framing == "portrait" else paste(upright, astronaut, 260, (1000, 500))
    height, width = upright.shape[:2]
    turned = np.ascontiguousarray(np.rot90(upright, quarters))
    (face,) = found_by.find(turned)
    # The other way round than the finder reckons: the corners of the known box, turned along with the picture.
    spot = np.zeros((height, width), bool)
    spot[int(box[1]) : int(box[1] + box[3]), int(box[0]) : int(box[0] + box[2])] = True
    rows, columns = np.nonzero(np.rot90(spot, quarters))
    wanted = np.array([columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1], float)
    assert share(face.box_xywh_px.astype(float), wanted) > 0.6
    right_eye, left_eye, _, mouth = face.keypoints_xy_px[:4]
    eyes_to_mouth = mouth - (right_eye + left_eye) / 2
    down = {1: (1, 0), 2: (0, -1), 3: (-1, 0)}[quarters]
    assert eyes_to_mouth @ np.array(down) > 0.8 * np.hypot(*eyes_to_mouth)


@pytest.mark.parametrize("margin", [0.0, -0.08], ids=["filling the frame", "larger than the frame"])
def test_a_face_that_fills_the_picture_is_found(found_by: FaceFinder, astronaut: RGB, margin: float) -> None:
    left, top, width, height = FACE_XYWH
    x, y = round(left - margin * width), round(top - margin * height)
    tight = astronaut[y : round(top + height * (1 + margin)), x : round(left + width * (1 + margin))]
    for size in (100, 700):
        enlarged = cv2.resize(np.ascontiguousarray(tight), (size, size), interpolation=cv2.INTER_CUBIC)
        assert len(found_by.find(np.asarray(enlarged, np.uint8))) == 1


@pytest.mark.parametrize("name", ["obama.jpg", "obama2.jpg", "biden.jpg", "obama_partial_face.jpg"])
def test_portraits_hold_one_face(found_by: FaceFinder, name: str) -> None:
    assert len(found_by.find(picture(name))) == 1


def test_a_face_blurred_beyond_recognition_counts_as_none(found_by: FaceFinder, astronaut: RGB) -> None:
    x, y, width, height = FACE_XYWH.astype(int)
    hidden = astronaut.copy()
    part = (slice(y - 40, y + height + 10), slice(x - 30, x + width + 30))
    hidden[part] = cv2.GaussianBlur(astronaut, (0, 0), 8)[part]
    assert found_by.find(hidden) == []


def test_a_group_is_found_in_whole_and_gray(found_by: FaceFinder, astronaut: RGB) -> None:
    frame = texture(8)
    places = [(300, 300), (800, 350), (1300, 300), (500, 800), (1500, 820)]
    wanted = [paste(frame, astronaut, size, place) for size, place in zip((50, 70, 60, 110, 90), places, strict=True)]
    gray = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert_only(found_by.find(np.asarray(gray, np.uint8)), *wanted)


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg"])
def test_a_cat_a_cup_and_a_rocket_have_no_face(found_by: FaceFinder, name: str) -> None:
    whole = picture(name)
    for scale in (1.0, 0.4):
        small = cv2.resize(whole, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        assert found_by.find(np.asarray(small, np.uint8)) == []


@pytest.mark.parametrize("kind", ["texture", "noise", "black", "white", "stripes"])
def test_nothing_is_found_where_there_is_nothing(found_by: FaceFinder, kind: str) -> None:
    rng = np.random.default_rng(9)
    scene = {
        "texture": texture(10, 1280, 720),
        "noise": rng.integers(0, 256, (720, 1280, 3), np.uint8),
        "black": np.zeros((720, 1280, 3), np.uint8),
        "white": np.full((720, 1280, 3), 255, np.uint8),
        "stripes": np.tile((np.arange(1280) // 7 % 2 * 255).astype(np.uint8)[None, :, None], (720, 1, 3)),
    }[kind]
    assert found_by.find(scene) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (15, 900), (16, 16), (3, 3000), (40, 2500), (2500, 40)], ids=str)
def test_odd_shapes_are_looked_at_without_an_error(found_by: FaceFinder, shape: tuple[int, int]) -> None:
    assert found_by.find(np.full((*shape, 3), 90, np.uint8)) == []


def test_the_same_picture_gives_the_same_faces(found_by: FaceFinder, astronaut: RGB) -> None:
    one, other = (found_by.find(astronaut)[0] for _ in range(2))
    with FaceFinder() as another:
        third = another.find(astronaut)[0]
    for again in (other, third):
        assert np.array_equal(one.box_xywh_px, again.box_xywh_px)
        assert np.array_equal(one.keypoints_xy_px, again.keypoints_xy_px)
        assert (one.score, one.quality) == (again.score, again.quality)


def test_the_picture_is_not_written_to(found_by: FaceFinder, astronaut: RGB) -> None:
    kept = astronaut.copy()
    kept.flags.writeable = False
    found_by.find(kept)
    assert np.array_equal(kept, astronaut)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 4), np.uint8), np.zeros((10, 10, 3), np.float32)],
    ids=["gray", "with alpha", "float"],
)
def test_anything_but_eight_bit_rgb_is_refused(found_by: FaceFinder, wrong: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"wanted \(H, W, 3\) uint8"):
        found_by.find(wrong)


def test_without_models_the_finder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="facewarden models install"):
        FaceFinder(tmp_path)


def test_loading_finding_and_closing_write_nothing_to_standard_error() -> None:
    script = (
        "import numpy as np; from detectors.finder import FaceFinder; "
        "finder = FaceFinder(); finder.find(np.zeros((300, 300, 3), np.uint8))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert (ran.stdout, ran.stderr) == ("", "")


def _graded(image_rgb: RGB, points: NDArray[np.float64]) -> float:
    return quality_of(points, sharpness_of(image_rgb, points))


class TestQuality:
    def test_it_falls_with_size(self, astronaut: RGB) -> None:
        points = np.array([*KEYPOINTS.values(), (0, 0), (0, 0)], np.float64)
        grades = []
        for scale in (1.0, 0.5, 0.25, 0.12):
            small = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            grades.append(_graded(np.asarray(small, np.uint8), points * scale))
        assert grades == sorted(grades, reverse=True)
        assert grades[0] > 1.3 * grades[-1]

    def test_it_falls_with_blur(self, astronaut: RGB) -> None:
        points = np.array([*KEYPOINTS.values(), (0, 0), (0, 0)], np.float64)
        blurred = [np.asarray(cv2.GaussianBlur(astronaut, (0, 0), sigma), np.uint8) for sigma in (0.5, 2, 5)]
        grades = [_graded(image, points) for image in (astronaut, *blurred)]
        assert grades == sorted(grades, reverse=True)
        assert grades[-1] < 0.7 * grades[0]

    def test_it_falls_as_the_face_turns_away(self, astronaut: RGB) -> None:
        grades = []
        for turn in (0, 8, 16, 30):
            points = np.array([*KEYPOINTS.values(), (0, 0), (0, 0)], np.float64)
            points[2, 0] += turn
            grades.append(_graded(astronaut, points))
        assert grades == sorted(grades, reverse=True)

    @pytest.mark.parametrize("where", [(0, 0), (-500, 20), (5000, 5000)], ids=["together", "outside", "far outside"])
    def test_impossible_keypoints_grade_as_nothing(self, astronaut: RGB, where: tuple[int, int]) -> None:
        points = np.array([where, where, where, where, where, where], np.float64)
        points[1, 0] += 0 if where == (0, 0) else 30
        assert _graded(astronaut, points) == 0


@pytest.fixture(scope="session")
def proposer() -> Proposer:
    return Proposer()


class TestProposals:
    @pytest.mark.parametrize("face_px", [20, 24, 40, 110, 300, 900])
    def test_a_face_of_any_size_is_proposed_wherever_it_is(
        self, proposer: Proposer, astronaut: RGB, face_px: int
    ) -> None:
        ground, places = texture(21), np.random.default_rng(face_px).uniform(0.1, 0.9, (12, 2))
        for across, down in places:
            frame = ground.copy()
            middle = np.clip((across * WIDTH, down * HEIGHT), face_px / 2, (WIDTH - face_px / 2, HEIGHT - face_px / 2))
            box = paste(frame, astronaut, face_px, (float(middle[0]), float(middle[1])))
            proposed = proposer.propose(Pyramid(frame))
            assert max(share(np.r_[each.box[:2], each.box[2:] - each.box[:2]], box) for each in proposed) > 0.5

    def test_where_there_is_nothing_next_to_nothing_is_proposed(self, proposer: Proposer) -> None:
        assert [len(proposer.propose(Pyramid(texture(seed)))) for seed in range(30, 34)] <= [5] * 4
        assert proposer.propose(Pyramid(np.full((480, 640, 3), 90, np.uint8))) == []

    def test_a_picture_is_never_blown_up_and_a_large_one_costs_no_more(self) -> None:
        assert (proposals.scale_for(250, 250), proposals.rough_scale_for(200, 200)) == (1, 1)
        for size in ((1920, 1080), (4000, 3000), (20_000, 700)):
            seen = Pyramid(np.zeros((size[1] // 4, size[0] // 4, 3), np.uint8), 4).scaled(proposals.scale_for(*size))
            assert seen.shape[0] * seen.shape[1] == pytest.approx(proposals.MOST_PIXELS, rel=0.01)
            planes = proposals.planes_of(seen)
            assert planes.shape[2] % 32 == planes.shape[3] % 32 == 0


class TestWindows:
    @pytest.mark.parametrize("quarters", [0, 1, 2, 3])
    def test_points_of_a_turned_picture_come_back_to_where_they_were(self, quarters: int) -> None:
        scene = np.zeros((7, 11), int)
        scene[2, 8] = 1
        ((row, column),) = np.argwhere(np.rot90(scene, quarters))
        back = pyramid.turned_back(np.array([column + 0.5, row + 0.5]), quarters, 11, 7)
        assert back.tolist() == [8.5, 2.5]

    def test_a_window_beyond_the_border_is_grey_there_and_true_elsewhere(self) -> None:
        scene = texture(11, 300, 200)
        cut = Pyramid(scene).cut(-50, -20, 128, 128)
        assert np.array_equal(cut[20:, 50:], scene[:108, :78])
        assert (cut[:20] == pyramid.OUTSIDE).all()
        assert (cut[:, :50] == pyramid.OUTSIDE).all()

    def test_a_large_window_is_shrunk_to_what_the_model_sees_without_moving(self) -> None:
        scene = np.zeros((1501, 2001, 3), np.uint8)
        scene[1000:1100, 1500:1600] = 255
        cut = Pyramid(scene).cut(0, -251, 2001, 384)[:, :, 0].astype(float)
        cut = np.maximum(cut - pyramid.OUTSIDE, 0)
        rows, columns = np.indices(cut.shape)
        scale = 2001 / 384
        assert (columns * cut).sum() / cut.sum() == pytest.approx(1550 / scale - 0.5, abs=0.6)
        assert (rows * cut).sum() / cut.sum() == pytest.approx(1301 / scale - 0.5, abs=0.6)


def test_the_key_changes_with_any_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {FINDER_KEY}
    for module, name in (
        (gate, "FIRST_LOOK"),
        (proposals, "MOST_PIXELS"),
        (boxes, "SAME_OVERLAP"),
        (finder, "VERSION"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name) + 1)
        keys.add(finder._key())
    assert len(keys) == 5
    assert all(len(key) == 12 for key in keys)
