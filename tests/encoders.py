"""Small face encoders as ONNX files: linear maps of how bright the cells of a crop are, so that tests can foretell."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from detectors.align import Template
from detectors.encoder import EncoderSpec

# Where InsightFace's alignment puts eyes, nose and (the middle of) the mouth in a crop of 112 pixels.
TEMPLATE: Template = ((38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (56.1, 92.3))
FLOAT, UINT8 = TensorProto.FLOAT, TensorProto.UINT8


def spec_of(path: Path, **changes: Any) -> EncoderSpec:
    """Describe a model by its file, with InsightFace's crop unless told otherwise."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return EncoderSpec(
        **{"path": path, "sha256": sha256, "licence": "MIT", "size_px": 112, "template": TEMPLATE, **changes}
    )


@dataclass(frozen=True)
class Linear:
    """vector = weights @ cells + bias; the cells of a (rows, columns) grid, channel by channel."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    grid: tuple[int, int] = (1, 1)


def brightness() -> Linear:
    """Give three numbers as the channels' means, and a 1 that tells how long the vector was before it became a unit."""
    return Linear(np.eye(4, 3, dtype=np.float32), np.array([0, 0, 0, 1], np.float32))


def halves() -> Linear:
    """Give two numbers as the first channel's means in the left and in the right half, and a 1."""
    return Linear(
        np.vstack([np.eye(2, 6), np.zeros((1, 6))]).astype(np.float32), np.array([0, 0, 1], np.float32), (1, 2)
    )


def random_features(dimension: int = 64, seed: int = 5) -> Linear:
    """Give random projections of 8 by 8 cells: no good encoder, but one that tells pictures apart."""
    rng = np.random.default_rng(seed)
    return Linear(rng.normal(size=(dimension, 192)).astype(np.float32), np.zeros(dimension, np.float32), (8, 8))


def write_encoder(
    path: Path,
    map_: Linear,
    *,
    size: int = 112,
    channels_last: bool = False,
    pixels: int = FLOAT,
    batch: int | str = "N",
    joins_batch: bool = False,
    outside: str = "",
) -> Path:
    """Write a model; ``joins_batch`` makes one vector of all crops, ``outside`` names a file for the weights."""
    shape = [batch, size, size, 3] if channels_last else [batch, 3, size, size]
    rows, columns = map_.grid
    cell = [size // rows, size // columns]
    nodes = [
        helper.make_node("Cast", ["pixels"], ["cast"], to=FLOAT),
        helper.make_node("Transpose", ["cast"], ["planes"], perm=[0, 3, 1, 2] if channels_last else [0, 1, 2, 3]),
        helper.make_node("AveragePool", ["planes"], ["cells"], kernel_shape=cell, strides=cell),
        helper.make_node("Flatten", ["cells"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["each"], transB=1),
        helper.make_node("Flatten", ["each"], ["vectors"], axis=0 if joins_batch else 1),
    ]
    constants = [numpy_helper.from_array(map_.weights, "weights"), numpy_helper.from_array(map_.bias, "bias")]
    inputs = [helper.make_tensor_value_info("pixels", pixels, shape)]
    outputs = [helper.make_tensor_value_info("vectors", FLOAT, None)]
    return _save(path, helper.make_graph(nodes, "encoder", inputs, outputs, constants), outside)


def write_echo(path: Path, *shapes: list[int | str], pixels: int = FLOAT) -> Path:
    """Write a model with an input of each shape, and each of them as an output: no encoder."""
    names = [f"pixels{i}" for i in range(len(shapes))]
    nodes = [helper.make_node("Identity", [name], [f"echo_of_{name}"]) for name in names]
    inputs = [helper.make_tensor_value_info(name, pixels, shape) for name, shape in zip(names, shapes, strict=True)]
    outputs = [helper.make_tensor_value_info(f"echo_of_{name}", pixels, None) for name in names]
    return _save(path, helper.make_graph(nodes, "echo", inputs, outputs))


def write_settings(path: Path, model: Path, **changes: Any) -> Path:
    """Write the file that ``--encoder`` takes."""
    path.write_text(yaml.safe_dump(settings_of(model, **changes)), encoding="utf-8")
    return path


def settings_of(model: Path | str, **changes: Any) -> dict[str, Any]:
    """Give the keys of the settings' ``encoder`` for a model that takes BGR from -1 to 1."""
    crop = {"size_px": 112, "template": [list(point) for point in TEMPLATE]}
    pixels = {"mean": 127.5, "scale": 1 / 127.5, "colours": "bgr"}
    return {"file": str(model), "licence": "MIT", **crop, **pixels, **changes}


def _save(path: Path, graph: onnx.GraphProto, outside: str = "") -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if outside:
        onnx.save(model, path, save_as_external_data=True, location=outside, size_threshold=0)
    else:
        onnx.save(model, path)
    return path
