"""What a night's head-counts keep: read back whole, sealed, of the last committed run only, gone with its faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detectors.comparisons import Comparison, Earlier, compare
from detectors.profile import shipped
from detectors.records import Sightings
from detectors.tidy import tidy
from plugins.comparisons import ComparisonStore
from plugins.keys import KeyProblem, Keyring
from tests.people import made_up

VECTORS, _ = made_up([2] * 100, shipped(), 6)


def compared(stop: int, earlier: Earlier | None = None) -> Comparison:
    faces = tidy(Sightings(VECTORS[:stop], subjects=np.where(np.arange(stop) % 5, -1, np.arange(stop))), shipped())
    return compare(faces, shipped(), "a method", earlier)


def nights(folder: Path, run_id: str, *committed: str) -> ComparisonStore:
    return ComparisonStore(str(folder / "vectors"), Keyring.open(folder), run_id, list(committed))


def test_the_next_night_goes_on_from_what_the_last_one_kept(tmp_path: Path) -> None:
    first = compared(190).earlier
    nights(tmp_path, "one").write("all", first)
    read = nights(tmp_path, "two", "one").read("all")
    assert read is not None and read.made_with == "a method"
    straight, stored = compared(200, first), compared(200, read)
    assert stored.compared == straight.compared < compared(200).compared / 4
    assert (stored.counts == straight.counts).all() and (stored.known == straight.known).all()
    assert (stored.scale.level == straight.scale.level).all()


def test_only_committed_runs_count_and_the_newest_that_kept_something(tmp_path: Path) -> None:
    for run_id, stop in (("one", 150), ("two", 160), ("killed", 170)):
        nights(tmp_path, run_id).write("all", compared(stop).earlier)
    for committed, faces in ((("two", "one"), 160), (("judged", "one"), 150), (("gone",), None), ((), None)):
        read = nights(tmp_path, "three", *committed).read("all")
        assert (None if read is None else len(read.hashes)) == faces
    assert nights(tmp_path, "three", "two").read("store gate") is None, "a scope of its own"
    again = nights(tmp_path, "two", "two", "one").read("all")
    assert again is not None and len(again.hashes) == 150, "a run that is begun again starts where it started"


def test_after_the_commit_only_the_runs_own_is_left(tmp_path: Path) -> None:
    for run_id in ("one", "killed", "two"):
        nights(tmp_path, run_id).write("all", compared(100).earlier)
    nights(tmp_path, "two", "two", "one").keep_own()
    assert [path.name for path in (tmp_path / "vectors" / "compared").iterdir()] == ["two"]


def test_it_is_sealed(tmp_path: Path) -> None:
    nights(tmp_path, "one").write("all", compared(100).earlier)
    [path] = (tmp_path / "vectors" / "compared" / "one").iterdir()
    assert b"hashes" not in path.read_bytes()
    stranger = Keyring.open(tmp_path / "another")
    with pytest.raises(KeyProblem):
        ComparisonStore(str(tmp_path / "vectors"), stranger, "two", ["one"]).read("all")
