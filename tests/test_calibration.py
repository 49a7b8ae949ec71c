"""Calibration: labelled pictures become a profile of numbers that head-counts use, and no name gets anywhere."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from detectors.calibrate import LEAST_PEOPLE, CalibrationProblem
from detectors.encoder import SHIPPED
from detectors.identities import Recount, recount_people
from detectors.profile import BadProfile, Profile, load_profile, shipped
from plugins import calibration, census, nightly
from plugins.adhoc import BadSource, Found
from plugins.calibration import Asked, calibrate
from plugins.cli import cli, main
from plugins.label_sources import read_labelled
from plugins.labelled import NEARLY_IDENTICAL, LabelledFaces
from plugins.run import Run
from plugins.settings import load_settings
from tests.buckets import BUCKET, SECRET
from tests.encoders import random_features, write_encoder, write_settings
from tests.organisation import Organisation, jpeg

pytest_plugins = ("tests.s3",)

Vectors = NDArray[np.float32]
Answer = tuple[int, str, str]
DAY = date(2026, 11, 23)
SIZES = [1] * 70 + [2] * 90 + [4] * 40 + [9] * 10


def made_up_faces(sizes: list[int], seed: int) -> tuple[Vectors, list[int]]:
    """Draw unit vectors whose cosines spread as the shipped encoder's do: strangers about 0.84, mates about 0.96."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(len(sizes)), sizes)
    people = np.zeros((len(sizes), 128))
    people[:, 0] = 1
    people[:, 1:24] = rng.normal(0, 0.4 / np.sqrt(23), (len(sizes), 23))
    faces = people[who] + rng.normal(0, 0.2 / np.sqrt(128), (len(who), 128)) * rng.gamma(9, 1 / 9, (len(who), 1))
    return (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32), who.tolist()


class Labelled:
    """A faces Parquet and its table of labels, to be changed row by row before they are written."""

    def __init__(self, folder: Path, sizes: list[int] = SIZES, seed: int = 1) -> None:
        self.faces, self.labels, self.profile = folder / "faces.parquet", folder / "who.csv", folder / "own.json"
        vectors, who = made_up_faces(sizes, seed)
        self.rows = [self.row(f"/pl4ce/{n}/portrait_{n}.jpg", vector) for n, vector in enumerate(vectors)]
        self.named = [(f"{n}/portrait_{n}.jpg", f"Pl4nted Name-{person}") for n, person in enumerate(who)]

    @staticmethod
    def row(uri: str, vector: Vectors, side: float = 90, number: int = 0) -> dict[str, Any]:
        box = [10.0, 10.0, side, side * 0.9]
        return {
            "uri": uri, "face_no": number, "box_xywh_px": box, "score": 0.9,
            "quality": 0.6 + 0.3 * abs(float(vector[30])), "frame_ms": 0, "vector": vector,
        }  # fmt: skip

    def write(self) -> Labelled:
        table = Found(SHIPPED, self.rows).table(unsafe_include_vectors=True)
        pq.write_table(table, self.faces)
        pd.DataFrame(self.named, columns=["image", "person"]).to_csv(self.labels, index=False)
        return self

    def read(self, seed: int = 0) -> LabelledFaces:
        self.write()
        return read_labelled(str(self.faces), str(self.labels), SHIPPED, seed=seed)


def answer(*words: str | Path) -> Answer:
    """Call a command as ``main`` does; give its exit code, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(lambda: cli([str(word) for word in words], prog_name="facewarden"))
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    """210 people; the first two, who have one picture each, look nearly identical."""
    made = Labelled(tmp_path_factory.mktemp("labelled"))
    one, other = made.rows[0], made.rows[1]
    other["vector"] = one["vector"] + np.float32(0.005) * np.roll(other["vector"], 1)
    cosine = one["vector"] @ other["vector"] / np.linalg.norm(other["vector"])
    assert NEARLY_IDENTICAL < cosine < 1 - 1e-6
    return made.write()


@pytest.fixture(scope="module")
def made(labelled: Labelled) -> Answer:
    """What ``calibrate`` answers."""
    words = "--labels", labelled.labels, "--out", labelled.profile, "--format", "json"
    return answer("-v", "calibrate", labelled.faces, *words)


@pytest.fixture(scope="module")
def own_profile(labelled: Labelled, made: Answer) -> Path:
    assert made[0] == 0, made[2]
    return labelled.profile


@pytest.fixture(scope="module")
def other_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    write_encoder(folder / "other.onnx", random_features(64))
    return write_settings(folder / "other.yaml", Path("other.onnx"))


# -- the profile -------------------------------------------------------------------------------------------------------


def test_calibrate_prints_one_json_object_and_writes_a_profile(made: Answer, own_profile: Path) -> None:
    printed, profile = json.loads(made[1]), load_profile(own_profile)
    assert profile.encoder == printed["encoder"] == SHIPPED.key
    assert printed["people"] == {"labelled": 208, "with_two_or_more": 140, "in_profile": profile.people}
    assert printed["faces"] == sum(SIZES) - 2
    assert printed["checked"] == profile.checked
    assert profile.checked["people_fitted"] == profile.people
    assert profile.people + profile.checked["people_scored"] == 208
    assert any("fitted on the" in note and "people only" in note for note in printed["notes"])


def test_count_uses_a_profile_of_ones_own(own_profile: Path, tmp_path: Path) -> None:
    collection = Labelled(tmp_path, [3] * 60, seed=9).write()
    ways = [answer("count", collection.faces, "--format", "json", *more) for more in ([], ["--profile", own_profile])]
    shipped_count, own_count = (json.loads(printed)["people"] for _, printed, _ in ways)
    assert own_count["low"] <= 60 <= own_count["high"]
    assert own_count != shipped_count


def test_the_figures_are_those_of_the_draws(made: Answer, own_profile: Path) -> None:
    checked, draws = load_profile(own_profile).checked, json.loads(made[1])["draws"]
    scored = int(checked["people_scored"])
    expected = [(round(share * scored), most) for share in (0.3, 0.6, 1) for most in (1, 3, "all")]
    assert [(draw["people"], draw["most_pictures"]) for draw in draws] == expected, "nobody has more than nine pictures"
    for draw in draws:
        assert draw["faces"] == draw["people"] if draw["most_pictures"] == 1 else draw["faces"] > draw["people"]
        assert draw["inside"] is (draw["low"] <= draw["people"] <= draw["high"])
    off = [abs(draw["best"] - draw["people"]) / draw["people"] for draw in draws]
    wide = [(draw["high"] - draw["low"]) / draw["people"] for draw in draws]
    assert checked["draws"] == 9
    assert checked["coverage"] == pytest.approx(np.mean([draw["inside"] for draw in draws]), abs=1e-4)
    assert checked["median_error"] == pytest.approx(np.median(off), abs=1e-4)
    assert checked["median_width"] == pytest.approx(np.median(wide), abs=1e-4)
    assert checked["coverage"] >= 0.75 and checked["median_error"] < 0.2


def test_nearly_identical_faces_under_two_labels_are_counted_said_and_left_out(made: Answer) -> None:
    printed = json.loads(made[1])
    assert printed["left_out"] == {"nearly_identical_under_two_labels": 2}
    assert printed["suspicious_pairs"] == 1
    assert any(note.startswith("1 pairs of faces under two labels are nearly") for note in printed["notes"])


def test_no_label_and_no_path_gets_into_the_profile_or_what_is_printed(made: Answer, own_profile: Path) -> None:
    profile = own_profile.read_text(encoding="utf-8")
    printed = made[1].replace(str(own_profile), "")
    for text in (profile, printed, made[2]):
        assert text and not re.search(r"pl4nted|pl4ce|portrait", text, re.IGNORECASE)
    texts = {key: value for key, value in json.loads(profile).items() if isinstance(value, str)}
    assert texts.keys() == {"encoder", "origin", "made_on"}
    assert texts["origin"] == "faces with labels, a share of 0.5 of the people held out"


def test_the_same_faces_in_another_order_give_the_same_profile(
    labelled: Labelled, own_profile: Path, tmp_path: Path
) -> None:
    shuffled = Labelled(tmp_path)
    rng = np.random.default_rng(4)
    shuffled.rows = [labelled.rows[n] for n in rng.permutation(len(labelled.rows))]
    shuffled.named = [labelled.named[n] for n in rng.permutation(len(labelled.named))]
    day = load_profile(own_profile).made_on
    calibrate(shuffled.read(), Asked(SHIPPED.key, day)).profile.save(shuffled.profile)
    assert shuffled.profile.read_bytes() == own_profile.read_bytes()


# -- who is fitted on, who is scored on --------------------------------------------------------------------------------


def test_nobody_is_both_fitted_and_scored_on_until_all_are_fitted_again(
    labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = labelled.read()
    person = {v.tobytes(): int(p) for v, p in zip(faces.vectors, faces.people, strict=True)}
    fitted: list[set[int]] = []
    scored: set[int] = set()
    fit, count = calibration.fit_profile, calibration.count_people

    def fitting(vectors: Vectors, *more: Any, **named: Any) -> Any:
        fitted.append({person[v.tobytes()] for v in vectors})
        return fit(vectors, *more, **named)

    def counting(sightings: Any, **named: Any) -> Any:
        scored.update(person[v.tobytes()] for v in sightings.vectors)
        return count(sightings, **named)

    monkeypatch.setattr(calibration, "fit_profile", fitting)
    monkeypatch.setattr(calibration, "count_people", counting)
    done = calibrate(faces, Asked(SHIPPED.key, DAY, holdout=0.2, fit_all=True))
    part, everybody = fitted
    assert not part & scored
    assert part | scored == everybody == set(range(208))
    assert len(scored) == pytest.approx(208 * 0.2, abs=20)
    assert done.profile.people == 208 and done.profile.checked["people_fitted"] == len(part)
    assert any("fitted again on all 208 people" in note for note in done.notes)


def test_who_is_held_out_depends_on_the_label_and_the_seed_alone(labelled: Labelled, tmp_path: Path) -> None:
    some = Labelled(tmp_path)
    some.named = some.named[100:]
    everybody, fewer, other_seed = labelled.read(), some.read(), labelled.read(seed=1)
    assert len(fewer.places) < 208 and set(fewer.places) < set(everybody.places)
    assert not set(other_seed.places) & set(everybody.places)


def test_with_nobody_or_few_held_out_little_is_claimed(tmp_path: Path) -> None:
    faces = Labelled(tmp_path, [2] * 70).read()
    none, few = (calibrate(faces, Asked(SHIPPED.key, DAY, holdout)) for holdout in (0, 0.1))
    assert (none.draws, none.profile.checked, none.profile.people) == ((), {}, 70)
    said = "the profile was fitted on all 70 people and scored on nobody: how well it does is not known"
    assert none.notes == (said,)
    assert 0 < few.profile.checked["people_scored"] < 30
    assert any("mostly luck" in note for note in few.notes)


# -- too little --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "holdout", "says"),
    [
        pytest.param([2] * 49 + [1] * 90, 0.0, "49 people have two or more usable pictures, 50 are needed", id="few"),
        pytest.param([2] * 60, 0.5, "of the 60 people with two or more usable pictures are left to fit on", id="half"),
        pytest.param([], 0.5, "0 people have two or more", id="nobody"),
    ],
)
def test_too_few_people_are_told_in_one_line_with_how_many_are_needed(
    sizes: list[int], holdout: float, says: str, tmp_path: Path
) -> None:
    few = Labelled(tmp_path, sizes).write()
    words = "--labels", few.labels, "--out", few.profile, "--holdout", str(holdout)
    code, printed, said = answer("calibrate", few.faces, *words)
    last = said.strip().splitlines()[-1]
    assert (code, printed, few.profile.exists()) == (2, "", False)
    assert last.startswith("facewarden: ") and says in last and "the head-count stays wide" in last


def test_exactly_enough_people_are_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enough = Labelled(tmp_path, [2] * LEAST_PEOPLE).read()
    monkeypatch.setattr(calibration, "fit_profile", lambda *faces, **named: shipped())
    assert calibrate(enough, Asked(SHIPPED.key, DAY, holdout=0)).profile.people == shipped().people
    with pytest.raises(CalibrationProblem, match=f"^{LEAST_PEOPLE - 1} people"):
        calibrate(enough.taken(enough.people > 0), Asked(SHIPPED.key, DAY, holdout=0))


# -- which faces count -------------------------------------------------------------------------------------------------


def test_of_several_faces_the_largest_counts_unless_another_is_about_as_large(tmp_path: Path) -> None:
    few = Labelled(tmp_path, [1] * 6)
    vectors = [row["vector"] for row in made_rows(few)]
    few.rows = [
        few.row("a/0/portrait_0.jpg", vectors[0], side=60, number=0),
        few.row("a/0/portrait_0.jpg", vectors[1], side=100, number=1),
        few.row("a/1/portrait_1.jpg", vectors[2], side=70, number=0),
        few.row("a/1/portrait_1.jpg", vectors[3], side=100, number=1),
        few.row("a/2/portrait_2.jpg", vectors[4]) | {"frame_ms": 0},
        few.row("a/2/portrait_2.jpg", vectors[5]) | {"frame_ms": 40},
    ]
    read = few.read()
    assert {v.tobytes() for v in read.vectors} == {vectors[1].tobytes(), vectors[4].tobytes()}
    assert read.left_out == {"several_faces": 1, "label_without_a_face": 3}


def made_rows(few: Labelled) -> list[dict[str, Any]]:
    """Give the rows with vectors of exactly unit length, so that reading leaves them as they are."""
    faces = few.read()
    return [few.row("x", vector) for vector in faces.vectors]


def test_a_picture_under_two_labels_is_left_out_of_both_and_copies_under_one_count_once(tmp_path: Path) -> None:
    few = Labelled(tmp_path, [2] * 4)
    few.rows[2]["vector"] = few.rows[0]["vector"]  # persons 0 and 1
    few.rows[5]["vector"] = few.rows[4]["vector"]  # both of person 2
    read = few.read()
    assert read.left_out == {"same_picture_under_two_labels": 2, "copies_under_one_label": 1}
    assert sorted(np.bincount(read.people)) == [1, 1, 1, 2]


def test_one_picture_listed_under_two_people_is_left_out(tmp_path: Path) -> None:
    few = Labelled(tmp_path, [2] * 3)
    few.named.append((few.named[0][0], few.named[5][1]))
    read = few.read()
    assert read.left_out == {"same_picture_under_two_labels": 2}
    assert len(read.vectors) == 5


def test_vectors_without_direction_are_refused(tmp_path: Path) -> None:
    few = Labelled(tmp_path, [2] * 3)
    few.rows[1]["vector"] = np.zeros(128, np.float32)
    with pytest.raises(BadSource, match=r"faces\.parquet: 1 of 6 vectors are not finite or have no length"):
        few.read()


# -- labels beside a faces Parquet -------------------------------------------------------------------------------------


def test_a_label_goes_to_the_uri_that_ends_in_its_image_and_never_to_two(tmp_path: Path) -> None:
    few = Labelled(tmp_path, [1] * 5)
    for row, uri in zip(
        few.rows, ["s3://b/x/1.jpg", "s3://b/y/1.jpg", "s3://b/z/2.jpg", "s3://b/z/92.jpg", "/e/3.jpg"], strict=True
    ):
        row["uri"] = uri
    few.named = [
        ("1.jpg", "somebody"),  # two pictures end so
        ("./z/2.jpg", "her"),
        ("2.jpg", "him"),  # z/2.jpg is the longer ending; 92.jpg is another picture
        ("/e/3.jpg", "her"),
    ]
    read = few.read()
    assert read.left_out == {"label_fits_several_pictures": 2, "no_label": 1, "label_without_a_face": 1}
    assert (len(read.vectors), len(read.places)) == (2, 1)


def test_quality_that_was_never_graded_is_not_taken_for_perfect(labelled: Labelled, tmp_path: Path) -> None:
    bare = tmp_path / "bare.parquet"
    pq.write_table(pq.read_table(labelled.faces).drop(["quality", "box_xywh_px", "frame_ms"]), bare)
    read = read_labelled(str(bare), str(labelled.labels), SHIPPED)
    assert read.quality is None and len(read.vectors) == sum(SIZES) - 2
    graded = labelled.read().quality
    assert graded is not None and 0.6 <= graded.min() < graded.max() < 0.9


@pytest.mark.parametrize(
    ("source", "labels", "says"),
    [
        pytest.param("faces.parquet", None, "faces.parquet has no column `image`", id="no labels"),
        pytest.param("who.csv", "who.csv", "goes with a faces Parquet only", id="labels with a table"),
        pytest.param("who.csv", None, "", id="pictures that are not there"),
        pytest.param("none.csv", None, "there is nothing at its url", id="no table"),
        pytest.param("none", None, "there is nothing at its url", id="no folder"),
        pytest.param("headless.csv", None, "headless.csv has no column `image`", id="no header"),
        pytest.param("latin.csv", None, "save it as CSV UTF-8", id="not UTF-8"),
        pytest.param("empty.csv", None, "cannot be read as a table", id="empty"),
        pytest.param("ragged.csv", None, "cannot be read as a table", id="ragged"),
        pytest.param("text.parquet", None, "cannot be read as a table", id="no Parquet"),
        pytest.param("images.csv", None, "has no column `person` or `identity`", id="no people"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line_without_a_name(
    source: str, labels: str | None, says: str, labelled: Labelled, tmp_path: Path
) -> None:
    shutil.copy(labelled.faces, tmp_path)
    few = Labelled(tmp_path, [1] * 3).write()
    shutil.copy(labelled.faces, few.faces)
    (tmp_path / "headless.csv").write_text("a.jpg,Pl4nted\nb.jpg,Pl4nted\n")
    (tmp_path / "latin.csv").write_bytes("image,person\na.jpg,Pl4nted Müller\n".encode("latin-1"))
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "ragged.csv").write_text("image,person\na.jpg,Pl4nted\nb.jpg,Pl4nted,Pl4nted,Pl4nted\n")
    (tmp_path / "text.parquet").write_text("Pl4nted")
    (tmp_path / "images.csv").write_text("image,Pl4nted\na.jpg,Pl4nted\n")
    words = ["--labels", tmp_path / labels] if labels else []
    code, printed, said = answer("calibrate", tmp_path / source, *words, "--out", tmp_path / "never.json")
    assert (code, printed) == (2, "") and "Pl4nted" not in said
    lines = said.strip().splitlines()
    if says:
        assert len(lines) == 1 and says in lines[0]
    else:
        assert "3 unreadable" in lines[0] or "unreadable 3" in lines[0]
        assert "0 people have two or more usable pictures" in lines[-1]


# -- folders and tables of pictures ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portraits(pictures: Path) -> dict[str, bytes]:
    """Small pictures of one person each, one of two people of about the same size, and one of nobody."""
    found = {}
    for name in ("obama", "obama2", "biden", "astronaut", "chelsea"):
        [path] = pictures.glob(f"{name}.*")
        found[name] = Image.open(path).convert("RGB")
        found[name].thumbnail((400, 400))
    both = Image.new("RGB", (800, 400))
    both.paste(found["obama"].resize((400, 400)), (0, 0))
    both.paste(found["biden"].resize((400, 400)), (400, 0))
    return {name: jpeg(image) for name, image in {**found, "both": both}.items()}


FILED = {
    "Pl4nted One/a.jpg": "obama",
    "Pl4nted One/2024/b.jpg": "obama2",
    "Pl4nted One/group.jpg": "both",
    "Pl4nted Two/a.jpg": "biden",
    "Pl4nted Two/cat.jpg": "chelsea",
    "Pl4nted Three\u3000(x)/a.jpg": "astronaut",
}
LEFT_OUT = {"several_faces": 1, "no_face": 1}


@pytest.fixture(scope="module")
def filed(portraits: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("filed") / "people"
    for path, name in FILED.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(portraits[name])
    (root / "stray.jpg").write_bytes(portraits["biden"])
    (root / "Pl4nted Two" / "notes.txt").write_text("no picture")
    return root


@pytest.fixture(scope="module")
def from_folder(filed: Path) -> LabelledFaces:
    return read_labelled(str(filed), None, SHIPPED)


def test_a_folder_per_person_is_read_one_clear_face_a_picture(from_folder: LabelledFaces) -> None:
    assert sorted(np.bincount(from_folder.people)) == [1, 1, 2]
    assert from_folder.left_out == LEFT_OUT | {"in_no_folder_of_a_person": 1, "not_an_image": 1}
    [pair] = [from_folder.vectors[from_folder.people == p] for p in range(3) if (from_folder.people == p).sum() == 2]
    assert pair[0] @ pair[1] > 0.93, "two pictures of one person, one of them in a folder below"
    assert from_folder.quality is not None and (from_folder.quality > 0.3).all()


def test_a_folder_in_a_bucket_gives_the_same(
    filed: Path, from_folder: LabelledFaces, s3: Any, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in filed.rglob("*"):
        if path.is_file():
            s3.put_object(Bucket=BUCKET, Key=f"people/{path.relative_to(filed)}", Body=path.read_bytes())
    for name, value in (("ACCESS_KEY_ID", "clerk"), ("SECRET_ACCESS_KEY", SECRET), ("ENDPOINT_URL", s3_server)):
        monkeypatch.setenv(f"AWS_{name}", value)
    read = read_labelled(f"s3://{BUCKET}/people", None, SHIPPED)
    np.testing.assert_array_equal(read.vectors, from_folder.vectors)
    np.testing.assert_array_equal(read.people, from_folder.people)
    assert read.left_out == from_folder.left_out


def write_table(kind: str, filed: Path) -> Path:
    """Write an enrolment table that says what the folders say; one picture by its absolute path, one by a URL."""
    images = list(FILED)
    people = [path.split("/")[0] for path in images]
    images = [str(filed / images[0]), f"file://{filed / images[1]}", *(f"people/{path}" for path in images[2:])]
    table = filed.parent / f"enrolled_{kind}"
    if kind == "semicolons.csv":
        rows = [f"{person};{image}" for person, image in zip(people, images, strict=True)]
        table.write_text("\n".join([" Person ;IMAGE", *rows, ";people/x.jpg", ""]), encoding="utf-8-sig")
        return table
    frame = pd.DataFrame({"image": [*images, None], "identity": [*people, "x"], "enrolled_on": "2026-01-01"})
    frame.to_parquet(table) if kind.endswith("parquet") else frame.to_csv(table, index=False)
    return table


@pytest.mark.parametrize("kind", ["commas.csv", "semicolons.csv", "table.parquet"])
def test_a_table_says_what_folders_say(kind: str, filed: Path, from_folder: LabelledFaces) -> None:
    read = read_labelled(str(write_table(kind, filed)), None, SHIPPED)
    np.testing.assert_array_equal(read.vectors, from_folder.vectors)
    np.testing.assert_array_equal(read.people, from_folder.people)
    assert read.left_out == LEFT_OUT | {"no_image_or_person": 1}


def test_pictures_that_are_too_few_end_in_one_clear_line_without_a_name(filed: Path, tmp_path: Path) -> None:
    code, printed, said = answer("calibrate", filed, "--out", tmp_path / "never.json", "--workers", "1")
    lines = said.strip().splitlines()
    assert (code, printed) == (2, "") and "Pl4nted" not in said
    assert lines[-2] == (
        "4 faces of 3 people; left out: in_no_folder_of_a_person 1, no_face 1, not_an_image 1, several_faces 1"
    )
    assert "facewarden: 1 people have two or more usable pictures, 50 are needed" in lines[-1]


# -- where a profile is used -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "cannot be read", id="no file"),
        pytest.param(lambda whole: "", "not a calibration profile, or damaged", id="empty"),
        pytest.param(lambda whole: whole[: len(whole) // 2], "not a calibration profile, or damaged", id="cut off"),
        pytest.param(lambda whole: '{"format":1}', "not a calibration profile, or damaged", id="nothing in it"),
        pytest.param(lambda whole: "[1, 2]", "not a calibration profile, or damaged", id="other JSON"),
        pytest.param(
            lambda whole: whole.replace('"format":1', '"format":99'), "has format 99, 1 was expected", id="version"
        ),
        pytest.param(
            lambda whole: whole.replace(SHIPPED.key, "onnx-0123456789ab-0"),
            f"was made with the encoder onnx-0123456789ab-0, in use is {SHIPPED.key}; calibrate anew",
            id="another encoder",
        ),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused_in_one_line(
    content: Callable[[str], str] | None, says: str, own_profile: Path, labelled: Labelled,
    tmp_path: Path,
) -> None:  # fmt: skip
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_text(content(own_profile.read_text(encoding="utf-8")), encoding="utf-8")
    code, printed, said = answer("count", labelled.faces, "--profile", bad)
    assert (code, printed) == (2, "")
    [line] = said.strip().splitlines()
    assert "bad.json" in line and says in line and "calibrate" in line


def test_a_profile_of_the_shipped_encoder_is_refused_beside_one_of_ones_own(
    own_profile: Path, other_encoder: Path, filed: Path
) -> None:
    code, printed, said = answer("count", filed, "--encoder", other_encoder, "--profile", own_profile)
    assert (code, printed) == (2, "")
    assert f"made with the encoder {SHIPPED.key}, in use is onnx-" in said and len(said.strip().splitlines()) == 1


def test_faces_of_another_encoder_are_not_calibrated_with(
    labelled: Labelled, other_encoder: Path, tmp_path: Path
) -> None:
    words = ["calibrate", labelled.faces, "--labels", labelled.labels, "--encoder", other_encoder]
    code, _, said = answer(*words, "--out", tmp_path / "never.json")
    assert code == 2 and "two encoders are mixed" in said and len(said.strip().splitlines()) == 1


def calibrated_by(organisation: Organisation, path: str) -> None:
    content = yaml.safe_load(organisation.settings.read_text(encoding="utf-8"))
    organisation.settings.write_text(yaml.safe_dump({**content, "calibration": path}), encoding="utf-8")


def test_the_settings_name_the_profile_that_a_run_counts_by(organisation: Organisation, own_profile: Path) -> None:
    before = Run(organisation.request())
    assert before.profile is shipped()
    shutil.copy(own_profile, organisation.settings.parent / "own.json")
    calibrated_by(organisation, "./own.json")
    run = Run(organisation.request())
    assert run.profile is not None and run.profile.people == load_profile(own_profile).people
    assert run.encoder.key == SHIPPED.key and run.detector_key == before.detector_key, "no picture is looked at again"
    assert load_settings(organisation.settings).digest() != before.settings.digest()


def test_the_census_of_a_night_counts_by_the_settings_profile(
    organisation: Organisation, own_profile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []

    def counting(*faces: Any, profile: Profile, **more: Any) -> Recount:
        used.append(profile.people)
        return recount_people(*faces, profile=profile, **more)

    monkeypatch.setattr(census, "recount_people", counting)
    calibrated_by(organisation, str(own_profile))
    nightly.scan(organisation.request(), lambda: datetime(2026, 10, 20, 18, tzinfo=UTC), lambda n: lambda k: None)
    assert set(used) == {load_profile(own_profile).people}


def test_a_scan_with_a_profile_of_another_encoder_ends_before_a_picture_is_opened(
    organisation: Organisation, own_profile: Path
) -> None:
    other = replace(load_profile(own_profile), encoder="onnx-0123456789ab-0")
    other.save(organisation.settings.parent / "other.json")
    calibrated_by(organisation, "other.json")
    with pytest.raises(BadProfile):
        _ = Run(organisation.request()).encoder
    code, printed, said = answer("scan", "-c", organisation.settings, "--as-of", "2026-10-20")
    assert (code, printed) == (2, "")
    assert "other.json was made with the encoder onnx-0123456789ab-0" in said and len(said.strip().splitlines()) == 1
    assert not list(organisation.folder.glob("evidence/**/*.parquet"))
