"""dlib's file rebuilt as ONNX, held against the network written down a second time in plain numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from detectors.dlib_weights import BadWeights, to_onnx

Planes = NDArray[np.float64]
Layer = tuple[bytes, NDArray[np.float32]]

# dlib's definition read from the picture's side; "-" halves the size.
BLOCKS = ["32", "32", "32", "64-", "64", "64", "64", "128-", "128", "128", "256-", "256", "256", "256-"]


def made_up_layers(seed: int) -> list[Layer]:
    rng = np.random.default_rng(seed)

    def pair(out: int, into: int, size: int) -> list[Layer]:
        kernel = rng.standard_normal(out * into * size * size, np.float32) * (2 / (into * size * size)) ** 0.5
        affine = np.concatenate([rng.uniform(0.5, 1.5, out), rng.normal(0, 0.2, out)])
        filters = np.concatenate([kernel, rng.normal(0, 0.2, out)])
        return [(b"con_4", filters.astype(np.float32)), (b"affine_", affine.astype(np.float32))]

    layers, before = pair(32, 3, 7), 32
    for block in BLOCKS:
        channels = int(block.rstrip("-"))
        layers += pair(channels, before, 3) + pair(channels, channels, 3)
        before = channels
    return [*layers, (b"fc_2", rng.standard_normal(256 * 128, np.float32))]


def packed(number: int) -> bytes:
    body = number.to_bytes(max(1, (number.bit_length() + 7) // 8), "little")
    return bytes([len(body)]) + body


def dlib_file(layers: list[Layer]) -> bytes:
    out = b"\x01\x01\x01\rloss_metric_2"
    for name, values in layers:
        out += b"\x01" + bytes([len(name)]) + name
        sizes = (len(values), 1, 1, 1)
        if name == b"fc_2":
            sizes = (256, 128, 1, 1)
            out += packed(128) + packed(256)
        out += packed(2) + b"".join(packed(size) for size in sizes)
        out += values.astype("<f4").tobytes() + b"\x01\x05relu_110\x01\x02"
    return out


def convolved(x: Planes, layer: tuple[Layer, Layer], size: int, stride: int, padding: int) -> Planes:
    filters, affine = layer[0][1].astype(float), layer[1][1].astype(float)
    out = len(affine) // 2
    kernel = filters[:-out].reshape(out, len(x), size, size)
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    y = np.tensordot(kernel, windows, axes=((1, 2, 3), (0, 3, 4))) + filters[-out:, None, None]
    result: Planes = y * affine[:out, None, None] + affine[out:, None, None]
    return result


def added(x: Planes, y: Planes) -> Planes:
    """dlib's add_prev: the result is as large as the larger in each dimension, the rest counts as zero."""
    total = np.zeros(np.maximum(x.shape, y.shape))
    for part in (x, y):
        total[: part.shape[0], : part.shape[1], : part.shape[2]] += part
    return total


def forward(layers: list[Layer], crop: NDArray[np.uint8]) -> NDArray[np.float64]:
    pairs = iter(list(zip(layers[:-1:2], layers[1:-1:2], strict=True)))
    x = (crop.astype(float) - (122.782, 117.001, 104.298)).transpose(2, 0, 1) / 256
    x = np.maximum(convolved(x, next(pairs), 7, 2, 0), 0)
    x = sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(3, 4))
    for block in BLOCKS:
        halves = block.endswith("-")
        y = np.maximum(convolved(x, next(pairs), 3, 2 if halves else 1, 0 if halves else 1), 0)
        y = convolved(y, next(pairs), 3, 1, 1)
        if halves:
            x = sliding_window_view(x, (2, 2), axis=(1, 2))[:, ::2, ::2].mean(axis=(3, 4))
        x = np.maximum(added(x, y), 0)
    vector: NDArray[np.float64] = x.mean(axis=(1, 2)) @ layers[-1][1].astype(float).reshape(256, 128)
    return vector


def test_the_graph_computes_what_the_network_computes() -> None:
    import onnxruntime

    layers = made_up_layers(seed=5)
    crops = np.random.default_rng(6).integers(0, 256, (2, 150, 150, 3)).astype(np.uint8)
    session = onnxruntime.InferenceSession(to_onnx(dlib_file(layers)), providers=["CPUExecutionProvider"])
    (vectors,) = session.run(["vectors"], {"crops": crops})
    wanted = np.stack([forward(layers, crop) for crop in crops])
    assert np.abs(vectors - wanted).max() < 1e-4 * np.abs(wanted).max()


def test_the_same_weights_give_the_same_bytes_and_others_do_not() -> None:
    first = dlib_file(made_up_layers(seed=1))
    assert to_onnx(first) == to_onnx(first)
    assert to_onnx(first) != to_onnx(dlib_file(made_up_layers(seed=2)))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda layers: b"", "found 0 layers", id="empty"),
        pytest.param(lambda layers: dlib_file(layers)[:-200], "ends inside a layer", id="cut short"),
        pytest.param(lambda layers: dlib_file(layers) + b"\x01\x04fc_2", "ends inside a layer", id="cut in a header"),
        pytest.param(lambda layers: dlib_file(layers[:-1]), "found 58 layers", id="a layer less"),
        pytest.param(
            lambda layers: dlib_file([layers[2], *layers[1:]]), "not the size expected", id="a layer of another size"
        ),
    ],
)
def test_other_bytes_are_refused(spoil: Callable[[list[Layer]], bytes], message: str) -> None:
    with pytest.raises(BadWeights, match=message):
        to_onnx(spoil(made_up_layers(seed=3)))
