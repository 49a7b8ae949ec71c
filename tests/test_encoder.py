"""Vectors of faces: of unit length, alike for one person, apart for two."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.align import crop_faces
from detectors.encoder import ENCODER_KEY, FaceEncoder
from detectors.errors import ModelMissing
from detectors.models import ENCODER, install, model_hashes, models_folder
from detectors.pictures import PICTURES, install_pictures, pictures_folder
from detectors.records import Face

# Right eye, left eye, nose tip and mouth as MediaPipe's short-range model sees them, so that this test needs no finder.
KEYPOINTS = {
    "astronaut": [(201, 105), (246, 109), (220, 127), (220, 149)],
    "biden": [(535, 334), (669, 364), (592, 442), (573, 498)],
    "obama": [(441, 224), (559, 222), (510, 288), (509, 344)],
    "obama2": [(259, 377), (388, 387), (298, 455), (299, 519)],
    "obama3": [(737, 382), (855, 396), (821, 462), (802, 532)],
}


@pytest.fixture(scope="module")
def encoder() -> FaceEncoder:
    install(models_folder(), say=lambda _: None)
    return FaceEncoder(threads=1)


@pytest.fixture(scope="module")
def crops() -> dict[str, NDArray[np.uint8]]:
    from PIL import Image

    install_pictures(pictures_folder(), say=lambda _: None)
    cut = {}
    for picture in PICTURES:
        if picture.name in KEYPOINTS:
            image = np.asarray(Image.open(pictures_folder() / picture.file).convert("RGB"))
            points = np.array(KEYPOINTS[picture.name] + KEYPOINTS[picture.name][:2], np.float32)
            cut[picture.name] = crop_faces(image, [Face(np.zeros(4, np.float32), points, 1.0, 1.0)])[0]
    return cut


def test_one_person_is_more_alike_than_two(encoder: FaceEncoder, crops: dict[str, NDArray[np.uint8]]) -> None:
    person = {picture.name: picture.person for picture in PICTURES}
    vectors = dict(zip(crops, encoder.encode(np.stack(list(crops.values()))), strict=True))
    cosine = {(a, b): float(vectors[a] @ vectors[b]) for a, b in combinations(crops, 2)}
    same = [value for (a, b), value in cosine.items() if person[a] == person[b]]
    different = [value for (a, b), value in cosine.items() if person[a] != person[b]]
    assert len(same) == 3 and len(different) == 7
    assert min(same) > 0.93 and max(different) < 0.88


def test_vectors_have_unit_length_and_do_not_depend_on_their_batch(
    encoder: FaceEncoder, crops: dict[str, NDArray[np.uint8]]
) -> None:
    some = np.stack(list(crops.values()))
    many = encoder.encode(np.concatenate([some] * 8))
    assert many.dtype == np.float32 and many.shape == (8 * len(some), 128)
    assert np.allclose(np.linalg.norm(many, axis=1), 1, atol=1e-6)
    assert np.abs(many[-len(some) :] - encoder.encode(some)).max() < 1e-6
    assert np.abs(encoder.encode(some[1:2]) - many[1]).max() < 1e-6


def test_a_face_and_its_mirror_image_have_one_vector(encoder: FaceEncoder, crops: dict[str, NDArray[np.uint8]]) -> None:
    some = np.stack(list(crops.values()))
    assert np.abs(encoder.encode(some) - encoder.encode(some[:, :, ::-1])).max() < 1e-6


def test_no_crops_give_no_vectors(encoder: FaceEncoder) -> None:
    assert encoder.encode(np.zeros((0, 150, 150, 3), np.uint8)).shape == (0, 128)


@pytest.mark.parametrize(
    "crops",
    [
        pytest.param(np.zeros((1, 112, 112, 3), np.uint8), id="another size"),
        pytest.param(np.zeros((150, 150, 3), np.uint8), id="not a batch"),
        pytest.param(np.zeros((1, 150, 150, 3), np.float32), id="another type"),
    ],
)
def test_other_crops_are_refused(encoder: FaceEncoder, crops: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"use align\.crop_faces"):
        encoder.encode(crops)


def test_without_its_model_there_is_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        FaceEncoder(folder=tmp_path)


def test_the_key_names_the_weights() -> None:
    assert model_hashes()[ENCODER][:12] in ENCODER_KEY
