"""What a store knows of its faces and how it enters the head-count: frames, quality, data subjects, cameras."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.identities import count_people
from detectors.profile import shipped
from detectors.records import PeopleCount, Sightings
from plugins.adhoc import count_sources
from tests.people import Labels, Vectors, made_up


def faces_of(sizes: list[int], seed: int) -> tuple[Vectors, Labels]:
    return made_up(sizes, shipped(), seed)


def count(sightings: Sightings) -> PeopleCount:
    return count_people(sightings, profile=shipped())


def reordered(sightings: Sightings, order: NDArray[np.integer]) -> Sightings:
    given = {name: getattr(sightings, name) for name in sightings.__dataclass_fields__}
    return Sightings(**{name: None if values is None else values[order] for name, values in given.items()})


def pairs_of_one_person(alike_from: float, alike_to: float, seed: int) -> Vectors:
    """(2 x P, D): two faces each of P people, whose cosines lie within bounds."""
    faces, who = faces_of([2] * 120, seed)
    pairs = faces[np.argsort(who, kind="stable")].reshape(-1, 2, faces.shape[1])
    cosines = np.einsum("ij,ij->i", pairs[:, 0], pairs[:, 1])
    return pairs[(cosines > alike_from) & (cosines <= alike_to)].reshape(-1, faces.shape[1])


def test_two_faces_in_one_frame_are_two_people_however_alike() -> None:
    faces = pairs_of_one_person(0.93, shipped().usual.sure_cosine, seed=3)
    pairs = len(faces) // 2
    apart = count(Sightings(faces))
    together = count(Sightings(faces, frames=np.repeat(np.arange(pairs), 2)))
    assert apart.high < 1.5 * pairs
    assert together.low > 1.5 * pairs and together.high == 2 * pairs


def test_a_mirror_in_a_frame_shows_nobody_new() -> None:
    faces = pairs_of_one_person(0.97, 1, seed=4)
    frames = np.repeat(np.arange(len(faces) // 2), 2)
    assert count(Sightings(faces, frames=frames)) == count(Sightings(faces))


def test_frames_without_company_change_nothing() -> None:
    faces, _ = faces_of([2] * 40, seed=8)
    assert count(Sightings(faces, frames=np.arange(80))) == count(Sightings(faces))
    assert count(Sightings(faces, frames=np.full(80, -1))) == count(Sightings(faces))


def everything_known_of(people: int, seed: int) -> Sightings:
    """Three faces a person, with frames of two, quality, some data subjects, and cameras that saw some of it twice."""
    faces, who = faces_of([3] * people, seed)
    rng = np.random.default_rng(seed)
    total = len(faces)
    return Sightings(
        faces,
        frames=np.arange(total) // 2,
        quality=rng.choice([0.2, 0.7, 0.9], total),
        subjects=np.where((who < people // 3) & (rng.random(total) < 0.5), who, -1),
        cameras=rng.integers(-1, 2, total),
        seconds=np.where(rng.random(total) < 0.9, rng.integers(0, 60, total), np.nan),
    )


@settings(max_examples=4, deadline=None)
@given(st.integers(3, 25), st.integers(0, 99))
def test_the_order_of_what_is_known_says_nothing_even_with_copies_in_other_frames(people: int, seed: int) -> None:
    seen = everything_known_of(people, seed)
    rng = np.random.default_rng(seed)
    copied = reordered(seen, rng.choice(len(seen.vectors), len(seen.vectors) // 2, replace=False))
    copied = replace(copied, frames=rng.integers(0, people, len(copied.vectors)))
    given = {name: np.concatenate([getattr(seen, name), getattr(copied, name)]) for name in seen.__dataclass_fields__}
    both = Sightings(**given)
    assert count(reordered(both, rng.permutation(len(both.vectors)))) == count(both)


def test_a_copy_of_a_whole_store_changes_nothing() -> None:
    seen = everything_known_of(30, seed=5)
    assert seen.frames is not None
    given = {
        name: np.tile(getattr(seen, name), (2, 1)[: getattr(seen, name).ndim]) for name in seen.__dataclass_fields__
    }
    both = Sightings(**given)
    assert count(replace(both, frames=np.concatenate([seen.frames, 1000 + seen.frames]))) == count(seen)


# -- quality -----------------------------------------------------------------------------------------------------------


def test_unusable_faces_widen_the_interval_and_never_vanish() -> None:
    faces, _ = faces_of([2] * 60, seed=8)
    quality = np.where(np.arange(120) % 4, 0.9, 0.1)
    usable = count(Sightings(faces[quality > 0.5]))
    counted = count(Sightings(faces, quality=quality))
    assert counted.unusable == 30
    assert (counted.low, counted.high) == (usable.low, usable.high + 30)
    assert usable.best < counted.best < usable.best + 30
    assert any("too small or blurred" in note and "30" in note for note in counted.notes)


def test_faces_that_are_all_unusable_may_be_one_person_or_as_many() -> None:
    faces, _ = faces_of([1] * 7, seed=8)
    counted = count(Sightings(faces, quality=np.full(7, 0.1)))
    assert (counted.low, counted.high, counted.unusable) == (1, 7, 7)


def test_a_face_whose_quality_is_not_known_is_not_taken_for_usable() -> None:
    faces, _ = faces_of([1] * 4, seed=8)
    assert count(Sightings(faces, quality=np.array([0.9, 0.9, np.nan, 0.9]))).unusable == 1


def test_many_poor_faces_are_spoken_of() -> None:
    faces, _ = faces_of([1] * 60 + [2] * 60, seed=9)
    poor = count(Sightings(faces, quality=np.full(180, 0.5)))
    good = count(Sightings(faces, quality=np.full(180, 0.95)))
    assert good.calibrated > poor.calibrated and "many faces are small or blurred" in poor.notes[0]
    assert poor.high - poor.low > good.high - good.low


# -- data subjects -----------------------------------------------------------------------------------------------------


def known_and_others(known: int, pictured: int, strangers: int, seed: int) -> Sightings:
    """One template of each known person, one unfiled face of some of them, and one of each stranger."""
    faces, who = faces_of([2] * pictured + [1] * (known - pictured + strangers), seed)
    first = np.zeros(len(who), np.bool_)
    first[np.unique(who, return_index=True)[1]] = True
    return Sightings(faces, subjects=np.where(first & (who < known), who, -1))


@pytest.mark.parametrize(
    ("known", "pictured", "strangers"),
    [
        pytest.param(200, 150, 150, id="half of the unfiled faces are of known people"),
        pytest.param(50, 50, 0, id="all of them are"),
        pytest.param(50, 0, 100, id="none of them is"),
        pytest.param(3, 1, 60, id="hardly anybody is known"),
        pytest.param(400, 5, 5, id="hardly anybody is not"),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_faces_of_known_people_add_nobody(known: int, pictured: int, strangers: int, seed: int) -> None:
    counted = count(known_and_others(known, pictured, strangers, seed))
    assert counted.known == known
    assert counted.unknown_low <= strangers <= counted.unknown_high < pictured + strangers + 1
    unknown = (counted.unknown_low, counted.unknown_best, counted.unknown_high)
    assert (counted.low, counted.best, counted.high) == tuple(known + each for each in unknown)


def test_known_people_alone_are_counted_exactly() -> None:
    faces, who = faces_of([1, 4, 2, 30], seed=3)
    counted = count(Sightings(faces, subjects=who * 7))
    assert (counted.low, counted.best, counted.high, counted.known) == (4, 4, 4, 4)
    assert not counted.notes


def test_somebody_known_with_nothing_but_unusable_pictures_still_counts() -> None:
    faces, who = faces_of([1] * 5, seed=3)
    counted = count(Sightings(faces, subjects=who, quality=np.full(5, 0.1)))
    assert (counted.low, counted.high, counted.unusable) == (5, 5, 0)


def test_a_filed_copy_speaks_for_an_unfiled_one() -> None:
    faces, _ = faces_of([1] * 6, seed=3)
    subjects = np.concatenate([np.full(6, -1), np.arange(6)])
    counted = count(Sightings(np.concatenate([faces, faces]), subjects=subjects))
    assert (counted.low, counted.best, counted.high) == (6, 6, 6)


def test_known_people_are_known_without_a_calibration_too() -> None:
    counted = count_people(replace(known_and_others(10, 5, 5, seed=1)), profile=None)
    assert (counted.low, counted.high, counted.known) == (10, 20, 10)


# -- cameras -----------------------------------------------------------------------------------------------------------


def passers_by_and_a_loiterer(seed: int, every: float) -> Sightings:
    """60 passers-by, once each, and one person in 300 frames of one camera, turning slowly from pose to pose."""
    faces, who = faces_of([1] * 60 + [7], seed)
    poses = faces[who == 60].astype(np.float64)
    at = np.linspace(0, len(poses) - 1, 300)
    turning = np.stack([np.interp(at, np.arange(len(poses)), column) for column in poses.T], axis=1)
    return Sightings(
        np.concatenate([faces[who < 60], turning]),
        cameras=np.repeat([-1, 0], [60, 300]),
        seconds=np.concatenate([np.full(60, np.nan), every * np.arange(300)]),
    )


def test_a_loiterer_in_300_neighbouring_frames_is_one_person() -> None:
    seen = passers_by_and_a_loiterer(4, every=0.5)
    counted = count(seen)
    alone = count(Sightings(seen.vectors[:61]))
    assert (counted.low, counted.best, counted.high) == (alone.low, alone.best, alone.high)
    assert counted.low <= 61 <= counted.high and counted.lone_share_high > 0.9


def test_frames_far_apart_are_no_track() -> None:
    seen = passers_by_and_a_loiterer(4, every=60.0)
    assert count(seen) == count(Sightings(seen.vectors))


# -- files of faces ----------------------------------------------------------------------------------------------------


def test_in_a_file_a_quality_that_is_not_known_counts_as_if_none_was_graded(tmp_path: Path) -> None:
    faces, _ = faces_of([1] * 20 + [2] * 10, seed=8)
    graded = {"unknown": [math.nan] * 40, "missing": [None] * 40, "half": [0.9, math.nan] * 20, "none": None}
    counts = {}
    for name, quality in graded.items():
        table = pa.table({"uri": [str(n) for n in range(40)], "vector": list(faces)})
        if quality is not None:
            table = table.append_column("quality", pa.array(quality, pa.float32(), from_pandas=False))
        pq.write_table(table, tmp_path / f"{name}.parquet")
        counts[name] = count_sources([str(tmp_path / f"{name}.parquet")], workers=1).people
    assert counts["none"] == count(Sightings(faces)) and counts["none"].unusable == 0
    assert counts["unknown"] == counts["missing"] == counts["half"] == counts["none"]
