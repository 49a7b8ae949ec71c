"""The command line as scripts and people call it: what it prints where, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from detectors.encoder import ENCODER_KEY
from plugins.encoder_settings import read_encoder
from tests.encoders import random_features, write_encoder, write_settings
from tests.films import film
from tests.organisation import Organisation, jpeg

COMMAND = str(Path(sys.executable).parent / "facewarden")


def call(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, check=False, cwd=cwd, env=env)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    folder = tmp_path_factory.mktemp("album")
    for name in ("astronaut.png", "obama.jpg", "biden.jpg", "chelsea.png"):
        image = Image.open(pictures / name)
        image.thumbnail((700, 700))
        (folder / f"{Path(name).stem}.jpg").write_bytes(jpeg(image))
    (folder / "broken.jpg").write_bytes((folder / "obama.jpg").read_bytes()[:3000])
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def found(album: Path) -> Path:
    out = album.parent / "faces.parquet"
    done = call("faces", album, "--out", out, "--unsafe-include-vectors", "--workers", "2")
    assert done.returncode == 0, done.stderr
    return out


def test_faces_writes_a_row_per_face_and_says_on_stderr_what_it_could_not_look_at(album: Path) -> None:
    out = album.parent / "plain.parquet"
    done = call("faces", album, "--out", out)
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 not an image" in done.stderr and "1 truncated" in done.stderr
    table = pq.read_table(out)
    assert table.column_names == ["uri", "face_no", "box_xywh_px", "score", "quality", "frame_ms"]
    names = sorted(Path(u).name for u in table["uri"].to_pylist())
    assert names == ["astronaut.jpg", "biden.jpg", "obama.jpg"], "one face each, none on the cat"
    for left, top, width, height in table["box_xywh_px"].to_pylist():
        assert min(left, top) >= 0 and width > 20 and height > 20


def test_vectors_are_written_only_when_asked_for_by_their_ugly_name(found: Path) -> None:
    vectors = np.array(pq.read_table(found)["vector"].to_pylist())
    assert vectors.shape == (3, 128)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_the_number_of_workers_changes_nothing(album: Path, found: Path) -> None:
    out = album.parent / "one-worker.parquet"
    assert call("faces", album, "--out", out, "--unsafe-include-vectors", "--workers", "1").returncode == 0
    assert pq.read_table(out).equals(pq.read_table(found))


@pytest.mark.parametrize("source", ["folder", "parquet", "list", "file url"])
def test_count_prints_one_json_object_with_an_interval_and_a_verdict(source: str, album: Path, found: Path) -> None:
    listed = album.parent / "sources.txt"
    listed.write_text(f"{album}\n\n")
    argument = {"folder": album, "parquet": found, "list": f"@{listed}", "file url": f"file://{album}"}[source]
    done = call("count", argument, "--format", "json")
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    assert (counted["images"], counted["faces"]) == ((4, 3) if source != "parquet" else (3, 3))
    people = counted["people"]
    assert people["low"] <= 3 <= people["high"]
    assert people["low"] <= people["best"] <= people["high"]
    assert people["confidence"] == 0.95
    assert (counted["rule"], counted["threshold"], counted["verdict"]) == ("cn-draft-2023", 10_000, "below")
    assert counted["unusable"] == 0
    assert all(0 <= counted[share] <= 1 for share in ("calibrated", "false_merge", "false_split"))


def test_count_of_nothing_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("x")
    counted = json.loads(call("count", tmp_path, "--format", "json").stdout)
    assert counted["people"] == counted["people"] | {"low": 0, "best": 0, "high": 0}
    assert counted["false_merge"] is counted["false_split"] is None, "there is nothing to measure errors on"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["count", "/no/such/folder"], "there is nothing at its url", id="no folder"),
        pytest.param(["count", "@/no/such/list"], "the list /no/such/list cannot be read", id="no list"),
        pytest.param(["count", ".", "--policy", "cn-draft-2032"], "cn-draft-2023", id="misspelt policy"),
        pytest.param(["scan", "-c", "nope.yaml"], "facewarden.example.yaml", id="no settings"),
        pytest.param(["scan", "--as-of", "20.10.2026"], "YYYY-MM-DD", id="no day"),
        pytest.param(["scna"], "scan", id="misspelt command"),
        pytest.param(["faces", "."], "--out", id="missing option"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_to_do(words: list[str], says: str, tmp_path: Path) -> None:
    done = call(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def faces_file(path: Path, **columns: list[object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        pytest.param({"uri": ["a"]}, "--unsafe-include-vectors", id="without vectors"),
        pytest.param({"uri": ["a", "b"], "vector": [[1.0] * 128, [1.0] * 64]}, "two encoders are mixed", id="mixed"),
        pytest.param(
            {"uri": ["a"], "vector": [[1.0] * 64]}, "--encoder FILE.yaml", id="64 numbers of nobody knows what"
        ),
        pytest.param({"uri": ["a"], "vector": [[float("nan")] * 128]}, "not finite", id="not a number"),
        pytest.param({"uri": ["a"], "vector": [[0.0] * 128]}, "no length", id="zero"),
    ],
)
def test_bad_vectors_are_refused_in_one_line(columns: dict[str, list[object]], says: str, tmp_path: Path) -> None:
    done = call("count", faces_file(tmp_path / "faces.parquet", **columns))
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def own(album: Path) -> Path:
    """The settings file of an encoder of 64 numbers, its model named relative to it."""
    folder = album.parent / "own"
    folder.mkdir()
    write_encoder(folder / "own.onnx", random_features(64))
    return write_settings(folder / "own.yaml", Path("own.onnx"))


@pytest.fixture(scope="module")
def found_by_own(album: Path, own: Path) -> Path:
    out = album.parent / "own.parquet"
    done = call("faces", album, "--out", out, "--unsafe-include-vectors", "--encoder", own)
    assert done.returncode == 0, done.stderr
    return out


def test_faces_are_encoded_by_an_encoder_of_ones_own_and_the_file_says_by_which(
    found: Path, found_by_own: Path, own: Path, album: Path
) -> None:
    shipped, table = pq.read_table(found), pq.read_table(found_by_own)
    assert np.array(table["vector"].to_pylist()).shape == (3, 64)
    assert table.drop(["vector"]).equals(shipped.drop(["vector"])), "the same faces"
    assert shipped.schema.metadata[b"facewarden.encoder"].decode() == ENCODER_KEY
    key = read_encoder(own).key
    assert table.schema.metadata[b"facewarden.encoder"].decode() == key
    out = album.parent / "own-plain.parquet"
    assert call("faces", album, "--out", out, "--encoder", own).returncode == 0
    assert pq.read_schema(out).metadata[b"facewarden.encoder"].decode() == key


@pytest.mark.parametrize(
    "asked", ["both files", "the other's file", "the shipped one's file", "a file that says nothing"]
)
def test_vectors_of_two_encoders_are_never_counted_together(
    asked: str, found: Path, found_by_own: Path, own: Path, tmp_path: Path
) -> None:
    silent = faces_file(tmp_path / "silent.parquet", uri=["a"], vector=[[1.0] * 128])
    words = {
        "both files": [found, found_by_own],
        "the other's file": [found_by_own],
        "the shipped one's file": [found, "--encoder", own],
        "a file that says nothing": [silent, "--encoder", own],
    }[asked]
    done = call("count", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "two encoders are mixed" in done.stderr and "--encoder" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_vectors_of_the_shipped_length_that_say_nothing_are_taken_for_the_shipped_ones(
    found: Path, tmp_path: Path
) -> None:
    silent = tmp_path / "silent.parquet"
    pq.write_table(pq.read_table(found).replace_schema_metadata(None), silent)
    assert json.loads(call("count", silent, "--format", "json").stdout)["faces"] == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"file": "none.onnx"}, "none.onnx cannot be read (No such file or directory)", id="no model"),
        pytest.param({"file": "own.yaml"}, "own.yaml is no model that onnxruntime can run", id="not ONNX"),
        pytest.param({"sha256": "0" * 64}, "but `sha256` says 0000000000000000…; it was refused", id="wrong hash"),
        pytest.param({"size_px": 128}, "own.onnx takes pixels float (N, 3, 112, 112); one input of", id="wrong size"),
        pytest.param({"template": [[0, 0]] * 4}, "bad.yaml: the file: template is no upright face", id="template"),
        pytest.param({"licens": "x"}, "bad.yaml: licens: unknown key; did you mean `licence`? (line 4)", id="key"),
        pytest.param(None, "bad.yaml: is empty; it must hold keys such as `file:` and `licence:`", id="empty"),
    ],
)
def test_an_encoder_that_cannot_be_used_ends_with_2_and_one_line(
    change: dict[str, object] | None, says: str, own: Path, album: Path
) -> None:
    bad = own.parent / "bad.yaml"
    write_settings(bad, Path("own.onnx"), **(change or {}))
    if change is None:
        bad.write_text("")
    out = album.parent / "never.parquet"
    done = call("faces", album, "--out", out, "--encoder", bad)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not out.exists()


def test_a_scan_its_dry_run_a_judgement_and_the_reports(organisation: Organisation) -> None:
    common = ["-c", str(organisation.settings), "--format", "json"]
    dry = json.loads(call("scan", *common, "--dry-run").stdout)
    assert dry["objects"] == 7
    assert dry["bytes"] > 10_000
    assert 0 < dry["expected_minutes"] < 5
    assert not (organisation.folder / "evidence").exists()

    done = call("scan", *common, "--as-of", "2026-10-20")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["coverage"]["seen"] == 7
    assert Path(printed["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")

    judged = json.loads(call("judge", *common, "--as-of", "2026-10-20", "--policy", "cn-measures-2025").stdout)
    assert judged["people"]["threshold"] == 100_000

    page = call("report", "-c", organisation.settings).stdout
    assert page.startswith("<!doctype html>")
    data = json.loads(call("report", "-c", organisation.settings, "--format", "json").stdout)
    table = organisation.folder / "findings.csv"
    assert call("report", "-c", organisation.settings, "--format", "csv", "-o", table).returncode == 0
    assert len(pd.read_csv(table)) == data["findings"]["total"]


def test_coverage_below_the_floor_ends_with_3(organisation: Organisation) -> None:
    text = organisation.settings.read_text(encoding="utf-8").replace("coverage_floor: 0.3", "coverage_floor: 0.99")
    organisation.settings.write_text(text, encoding="utf-8")
    done = call("scan", "-c", organisation.settings, "--as-of", "2026-10-20")
    assert done.returncode == 3
    assert "coverage_below_floor" in done.stdout


def test_an_unknown_run_is_said_with_the_ones_there_are(organisation: Organisation) -> None:
    done = call("report", "no-such-run", "-c", organisation.settings)
    assert done.returncode == 2
    assert "run `facewarden scan` first" in done.stderr


@pytest.mark.parametrize(("allowed", "code"), [("0.25", 1), ("1", 0)])
def test_a_folder_of_broken_files_ends_as_allowed_and_every_file_has_a_status(
    organisation: Organisation, pictures: Path, allowed: str, code: int
) -> None:
    whole = jpeg(Image.open(pictures / "astronaut.png"))
    rng = np.random.default_rng(3)
    names = set()
    for number in range(40):
        damaged = bytearray(whole[: int(rng.integers(0, len(whole)))] if number % 2 else whole)
        for place in rng.integers(0, max(1, len(damaged)), 20):
            if damaged:
                damaged[int(place)] = int(rng.integers(256))
        name = f"damaged_{number}.{['jpg', 'png', 'tif', 'heic'][number % 4]}"
        organisation.put(f"gate/{name}", bytes(damaged))
        names.add(name)
    settings = organisation.settings.read_text(encoding="utf-8").replace("coverage_floor: 0.3", "coverage_floor: 0")
    settings = settings.replace("workers: 1", f"workers: 1, max_failed_share: {allowed}")
    organisation.settings.write_text(settings, encoding="utf-8")
    done = call("scan", "-c", organisation.settings, "--as-of", "2026-10-20", "--format", "json")
    assert done.returncode == code, done.stderr
    assert ("could not be read" in done.stderr) == (code == 1)
    covered = json.loads(call("report", "-c", organisation.settings, "--format", "json").stdout)["coverage"]
    assert covered["seen"] == 47
    assert covered["seen"] == sum(covered[k] for k in ("scanned", "unchanged", "unsupported", "quarantined", "skipped"))
    from plugins.evidence import Evidence

    objects = Evidence(str(organisation.folder / "evidence")).objects()
    assert names <= {Path(u).name for u in objects["uri"]}
    assert objects.loc[objects["status"] != "scanned", "reason"].notna().all()


def test_models_are_listed_with_origin_licence_and_hash_and_verified() -> None:
    listed = json.loads(call("models", "list", "--format", "json").stdout)["models"]
    assert len(listed) == 4
    assert all(len(m["sha256"]) == 64 and m["licence"] and m["origin"] for m in listed)
    assert call("models", "verify").returncode == 0


def test_help_starts_fast_because_it_loads_nothing_heavy() -> None:
    script = "import sys, plugins.cli; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    for heavy in ("pandas", "numpy", "mediapipe", "onnxruntime", "great_expectations", "airflow", "sqlalchemy"):
        assert f"'{heavy}'" not in loaded


def test_of_videos_it_is_said_how_much_was_looked_at_and_what_was_not(pictures: Path, tmp_path: Path) -> None:
    face = np.asarray(Image.open(pictures / "astronaut.png").convert("RGB").resize((256, 256)))
    whole = film([face] * 40, "matroska")
    (tmp_path / "whole.mkv").write_bytes(whole)
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    done = call("count", tmp_path, "--format", "json")
    said = json.loads(done.stdout)
    assert said["videos"]["count"] == said["images"] == 2
    assert 5 <= said["videos"]["stills"] == said["faces"] <= 8
    assert said["videos"]["longest_gap_ms"] >= 1_000
    assert (said["partly_looked_at"], said["not_looked_at"]) == ({"truncated": 1}, {})
    assert (said["people"]["low"], said["people"]["best"]) == (1, 1)
    done = call("faces", tmp_path, "--out", tmp_path / "f.parquet")
    assert "looked at in part only: 1 truncated" in done.stderr
