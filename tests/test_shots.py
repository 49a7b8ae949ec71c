"""Copies among faces: the same file again, smaller and cropped ones, and what is none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors.look import Looker
from detectors.shots import NEARLY, NO_COPY, earlier_pictures, same_files


@pytest.fixture(scope="module")
def vectors(pictures: Path) -> dict[str, np.ndarray]:
    def saved(image: Image.Image, quality: int = 90) -> bytes:
        out = io.BytesIO()
        image.convert("RGB").save(out, "JPEG", quality=quality)
        return out.getvalue()

    whole, other = Image.open(pictures / "astronaut.png"), Image.open(pictures / "obama.jpg")
    other.thumbnail((600, 600))
    files = {
        "whole": saved(whole),
        "again": saved(whole),
        "smaller": saved(whole.resize((460, 460))),
        "crop": saved(whole.crop((120, 0, 340, 220))),
        "worse": saved(whole, 40),
        "other": saved(other),
    }
    with Looker() as looker:
        return {name: looker.look(data).faces[0].vector for name, data in files.items()}


def test_copies_crops_and_thumbnails_point_to_the_earliest_picture(vectors: dict[str, np.ndarray]) -> None:
    names = ["other", "smaller", "whole", "crop", "worse"]
    stacked = np.stack([vectors[name] for name in names])
    found = earlier_pictures(stacked, np.zeros(5, np.int64), np.array([0.0, 50, 10, np.nan, 30]))
    assert found.tolist() == [NO_COPY, 2, NO_COPY, 2, 2]


def test_faces_of_other_groups_are_never_compared(vectors: dict[str, np.ndarray]) -> None:
    stacked = np.stack([vectors["whole"], vectors["smaller"]])
    assert earlier_pictures(stacked, np.array([0, 1]), np.array([1.0, 2.0])).tolist() == [NO_COPY, NO_COPY]


def test_a_copy_of_a_copy_is_none_for_that_alone() -> None:
    step = np.arccos(NEARLY + 0.002)
    chain = np.stack([[np.cos(n * step), np.sin(n * step)] for n in range(3)])
    assert earlier_pictures(chain, np.zeros(3, np.int64), np.arange(3.0)).tolist() == [NO_COPY, 0, 1]


def test_the_same_file_gives_the_same_number_and_nothing_else_does(vectors: dict[str, np.ndarray]) -> None:
    numbers = same_files(np.stack([vectors[name] for name in ("whole", "again", "worse", "other")]))
    assert numbers[0] == numbers[1]
    assert len(set(numbers.tolist())) == 3
    assert same_files(np.zeros((0, 128))).tolist() == []
