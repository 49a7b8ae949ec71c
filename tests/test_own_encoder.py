"""An encoder of one's own: it gets the pixels that its settings say, and what cannot be fed is refused in one line."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from detectors.encoder import ENCODER_KEY, SHIPPED, BadEncoder, EncoderSpec, FaceEncoder, vector_size
from detectors.look import Looker, detector_key
from tests.encoders import TEMPLATE, UINT8, brightness, halves, random_features, spec_of, write_echo, write_encoder

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def crops() -> Pixels:
    """Five noisy crops, each channel of another brightness."""
    rng = np.random.default_rng(3)
    return (rng.integers(0, 120, (5, 112, 112, 3)) + np.array([10, 60, 130])).astype(np.uint8)


def lengthened(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo the unit length of vectors whose last number was 1."""
    return vectors[:, :-1] / vectors[:, -1:]


# -- what it gets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels_last", [False, True], ids=["NCHW", "NHWC"])
@pytest.mark.parametrize(
    ("said", "order"),
    [
        pytest.param({}, [0, 1, 2], id="as it is"),
        pytest.param({"colours": "bgr"}, [2, 1, 0], id="BGR"),
        pytest.param({"mean": (127.5,) * 3, "scale": (1 / 127.5,) * 3}, [0, 1, 2], id="-1 to 1"),
        pytest.param(
            {"mean": (104.0, 117.0, 123.0), "scale": (0.017, 0.0175, 0.018), "colours": "bgr"},
            [2, 1, 0],
            id="a mean and a scale for each channel, in the model's order",
        ),
    ],
)
def test_pixels_enter_with_mean_scale_and_colours_as_said(
    said: dict[str, Any], order: list[int], channels_last: bool, crops: Pixels, tmp_path: Path
) -> None:
    model = write_encoder(tmp_path / "m.onnx", brightness(), channels_last=channels_last)
    encoder = FaceEncoder(spec_of(model, mirror=False, **said), threads=1)
    means = crops.astype(np.float64).mean(axis=(1, 2))[:, order]
    expected = (means - said.get("mean", 0)) * said.get("scale", 1)
    np.testing.assert_allclose(lengthened(encoder.encode(crops)), expected, rtol=1e-4, atol=1e-4)


def test_a_model_that_takes_uint8_gets_the_pixels_themselves(crops: Pixels, tmp_path: Path) -> None:
    model = write_encoder(tmp_path / "m.onnx", brightness(), pixels=UINT8, channels_last=True)
    encoder = FaceEncoder(spec_of(model, mirror=False, colours="bgr"), threads=1)
    np.testing.assert_allclose(lengthened(encoder.encode(crops)), crops.mean(axis=(1, 2))[:, ::-1], rtol=1e-4)


def test_with_mirror_a_vector_is_the_mean_of_both_sides(crops: Pixels, tmp_path: Path) -> None:
    left_dark = crops.copy()
    left_dark[:, :, :56] //= 4
    model = write_encoder(tmp_path / "m.onnx", halves())
    plain = FaceEncoder(spec_of(model, mirror=False), threads=1).encode(left_dark)
    both = FaceEncoder(spec_of(model, mirror=True), threads=1).encode(left_dark)
    assert (plain[:, 0] < 0.5 * plain[:, 1]).all()
    np.testing.assert_allclose(both[:, 0], both[:, 1], rtol=1e-5)
    mean = plain + plain[:, [1, 0, 2]]
    np.testing.assert_allclose(both, mean / np.linalg.norm(mean, axis=1, keepdims=True), rtol=1e-5)


def test_crops_have_the_size_and_template_of_the_encoder(pictures: Path, tmp_path: Path) -> None:
    model = write_encoder(tmp_path / "m.onnx", random_features())
    data = (pictures / "astronaut.png").read_bytes()
    spec = spec_of(model, mean=(127.5,) * 3, mirror=False)
    higher = replace(spec, template=tuple((x, y - 12) for x, y in TEMPLATE))
    vectors = []
    for each in (spec, spec, higher):
        with Looker(encoder=each) as looker:
            [seen] = looker.look(data).faces
            vectors.append(seen.vector)
    assert vectors[0].shape == (64,) and vectors[0].dtype == np.float32
    assert vectors[0] @ vectors[1] > 1 - 1e-6
    assert vectors[0] @ vectors[2] < 0.95, "another template shows the model another part of the face"


@pytest.mark.parametrize("batch", [1, 4])
def test_a_model_with_a_fixed_batch_gives_what_a_free_one_gives(batch: int, crops: Pixels, tmp_path: Path) -> None:
    free = spec_of(write_encoder(tmp_path / "free.onnx", random_features()))
    fixed = spec_of(write_encoder(tmp_path / "fixed.onnx", random_features(), batch=batch))
    one, two = FaceEncoder(free, threads=1).encode(crops), FaceEncoder(fixed, threads=1).encode(crops)
    assert one.shape == two.shape == (5, 64)
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_vectors_have_unit_length_and_no_crops_give_none_of_the_same_dimension(crops: Pixels, tmp_path: Path) -> None:
    spec = spec_of(write_encoder(tmp_path / "m.onnx", random_features(48)))
    encoder = FaceEncoder(spec, threads=1)
    assert encoder.dimension == vector_size(spec) == 48
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(crops), axis=1), 1, atol=1e-6)
    assert encoder.encode(crops[:0]).shape == (0, 48)
    with pytest.raises(ValueError, match=r"\(N, 112, 112, 3\) uint8 was expected"):
        encoder.encode(np.zeros((1, 150, 150, 3), np.uint8))


# -- what is refused ---------------------------------------------------------------------------------------------------


def refusal(spec: EncoderSpec) -> str:
    with pytest.raises(BadEncoder) as caught:
        FaceEncoder(spec, threads=1)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500
    assert str(pickle.loads(pickle.dumps(caught.value))) == text
    return text


@pytest.mark.parametrize(
    ("shapes", "pixels", "says"),
    [
        pytest.param([["N", 3, 96, 96]], TensorProto.FLOAT, "takes pixels0 float (N, 3, 96, 96); one input", id="size"),
        pytest.param([["N", 1, 112, 112]], TensorProto.FLOAT, "(N, 3, 112, 112) or (N, 112, 112, 3)", id="grey"),
        pytest.param([[3, 112, 112]], TensorProto.FLOAT, "takes pixels0 float (3, 112, 112)", id="not 4-D"),
        pytest.param([["N", "C", "H", "W"]], TensorProto.FLOAT, "float (N, N, N, N)", id="channels anywhere"),
        pytest.param([["N", 3, 112, 112]], TensorProto.INT64, "int64 (N, 3, 112, 112)", id="whole numbers"),
        pytest.param([["N", 3, 112, 112], ["N", 9]], TensorProto.FLOAT, "pixels1 float (N, 9)", id="two inputs"),
        pytest.param([["N", 3, 112, 112]], TensorProto.FLOAT, "has shape (2, 3, 112, 112) for 2 crops", id="no vector"),
    ],
)
def test_a_model_that_cannot_be_fed_or_read_is_refused(
    shapes: list[list[int | str]], pixels: int, says: str, tmp_path: Path
) -> None:
    assert says in refusal(spec_of(write_echo(tmp_path / "m.onnx", *shapes, pixels=pixels)))


def test_sides_that_a_file_leaves_open_are_taken_at_their_word(crops: Pixels, tmp_path: Path) -> None:
    model = write_encoder(tmp_path / "m.onnx", brightness())
    open_sides = onnx.load(model)
    for side in open_sides.graph.input[0].type.tensor_type.shape.dim[2:]:
        side.dim_param = "side"
    onnx.save(open_sides, model)
    assert FaceEncoder(spec_of(model), threads=1).encode(crops).shape == (5, 4)


def test_of_several_outputs_one_must_be_named(crops: Pixels, tmp_path: Path) -> None:
    path = write_encoder(tmp_path / "m.onnx", random_features())
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, None))
    onnx.save(model, path)
    assert "several outputs and none is named; set `output` to one of vectors, flat" in refusal(spec_of(path))
    assert "no output 'fc1'; set `output` to one of vectors, flat" in refusal(spec_of(path, output="fc1"))
    assert FaceEncoder(spec_of(path, output="vectors"), threads=1).encode(crops).shape == (5, 64)
    assert FaceEncoder(spec_of(path, output="flat"), threads=1).encode(crops).shape == (5, 192)


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x08\x12\x03"], ids=["empty", "text", "cut off"])
def test_a_file_that_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    assert "m.onnx is no model that onnxruntime can run" in refusal(spec_of(tmp_path / "m.onnx"))


def test_a_model_with_weights_in_another_file_is_refused_even_where_that_file_is_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_encoder(tmp_path / "m.onnx", random_features(), outside="m.data")
    assert (tmp_path / "m.data").stat().st_size > 10_000
    monkeypatch.chdir(tmp_path)
    assert "export it as one ONNX file with its weights inside" in refusal(spec_of(path))


def test_a_file_that_is_not_there_or_has_changed_is_refused(tmp_path: Path) -> None:
    path = write_encoder(tmp_path / "m.onnx", random_features())
    spec = spec_of(path)
    write_encoder(path, random_features(seed=6))
    assert "has SHA-256" in refusal(spec) and spec.sha256[:16] in refusal(spec)
    path.unlink()
    assert "m.onnx cannot be read (No such file or directory)" in refusal(spec)


def test_a_model_that_joins_a_batch_is_refused(tmp_path: Path) -> None:
    path = write_encoder(tmp_path / "m.onnx", random_features(), joins_batch=True)
    assert "export the model with a free batch size" in refusal(spec_of(path))


def test_mean_and_scale_of_a_model_that_normalises_by_itself_are_refused(tmp_path: Path) -> None:
    path = write_encoder(tmp_path / "m.onnx", brightness(), pixels=UINT8)
    assert "set mean to 0 and scale to 1" in refusal(spec_of(path, scale=(0.5, 0.5, 0.5)))


def test_a_vector_without_direction_is_an_error_and_not_a_face_like_any_other(crops: Pixels, tmp_path: Path) -> None:
    map_ = replace(brightness(), bias=np.zeros(4, np.float32))
    encoder = FaceEncoder(spec_of(write_encoder(tmp_path / "m.onnx", map_), mirror=False), threads=1)
    crops = crops.copy()
    crops[1] = 0
    with pytest.raises(BadEncoder, match=r"gave 1 of 5 faces a vector that is not finite or has no length"):
        encoder.encode(crops)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param(
            {"template": ((70, 50), (30, 50), (50, 70), (50, 90))}, "the person's right eye", id="eyes swapped"
        ),
        pytest.param({"template": ((30, 50), (70, 50), (50, 30), (50, 10))}, "upright", id="upside down"),
        pytest.param({"template": ((30, 50), (70, 50), (50, 70), (50, 190))}, "112 pixels", id="outside the crop"),
        pytest.param({"size_px": 8}, "size_px is 8; 16 to 1024 pixels", id="tiny"),
        pytest.param({"scale": (1.0, 0.0, 1.0)}, "scale not 0", id="scale 0"),
        pytest.param({"mean": (float("nan"), 0.0, 0.0)}, "finite", id="no number"),
        pytest.param({"licence": " "}, "licence is empty", id="no licence"),
    ],
)
def test_a_description_that_no_crop_could_be_made_by_is_refused(changes: dict[str, Any], says: str) -> None:
    given = {"path": Path("m.onnx"), "sha256": "0" * 64, "licence": "MIT", "size_px": 112, "template": TEMPLATE}
    with pytest.raises(ValueError, match=says):
        EncoderSpec(**{**given, **changes})


# -- its key -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param({"sha256": "1" * 64}, False, id="weights"),
        pytest.param({"size_px": 128}, False, id="size"),
        pytest.param({"mean": (127.5, 127.5, 127.5)}, False, id="mean"),
        pytest.param({"scale": (2.0, 1.0, 1.0)}, False, id="scale"),
        pytest.param({"colours": "bgr"}, False, id="colours"),
        pytest.param({"template": (*TEMPLATE[:3], (56.1, 92.4))}, False, id="template"),
        pytest.param({"output": "other"}, False, id="output"),
        pytest.param({"mirror": False}, False, id="mirror"),
        pytest.param({"path": Path("elsewhere.onnx")}, True, id="place"),
        pytest.param({"licence": "Apache-2.0"}, True, id="licence"),
        pytest.param({"profile": Path("profile.json")}, True, id="profile"),
        pytest.param({"mean": (0, 0, 0)}, True, id="the same number otherwise written"),
    ],
)
def test_the_key_changes_exactly_when_a_face_would_get_another_vector(change: dict[str, Any], same: bool) -> None:
    spec = EncoderSpec(Path("m.onnx"), "0" * 64, "MIT", 112, TEMPLATE)
    changed = replace(spec, **change)
    assert (changed.key == spec.key) is same
    assert (detector_key(changed) == detector_key(spec)) is same


def test_what_the_shipped_encoder_has_made_stays_its_own() -> None:
    assert SHIPPED.key == ENCODER_KEY == "dlib-resnet-d12222bc006c-4kp-1-mirror"
    assert detector_key() == detector_key(SHIPPED)
    assert FaceEncoder(threads=1).key == ENCODER_KEY
    assert replace(SHIPPED, mirror=False).key != ENCODER_KEY
