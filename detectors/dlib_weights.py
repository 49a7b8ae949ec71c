"""Rebuilds dlib's face recognition network (``dlib_face_recognition_resnet_model_v1.dat``) as an ONNX graph.

The file is plain: a header, then the layers in forward order, each as its length-prefixed name (``con_4``, ``affine_``,
``fc_2``), a tensor version, four sizes and little-endian float32 values. The network is the one of dlib's example
``dnn_face_recognition_ex.cpp`` (Boost Software License; the weights are CC0): 29 convolutions in residual blocks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.errors import DetectorError
from detectors.onnx_graph import FLOAT32, Graph

CROP_PX = 150
VECTOR_SIZE = 128
INPUT_NAME = "crops"
OUTPUT_NAME = "vectors"

# dlib's input_rgb_image: the channel means are taken off, the rest is divided by 256.
_CHANNEL_MEANS = (122.782, 117.001, 104.298)
_SCALE = 1 / 256
# (channels, halves its input) of the 14 residual blocks after the first convolution, in forward order.
_BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), (64, False), (64, False), (64, False)],
    *[(128, True), (128, False), (128, False)],
    *[(256, True), (256, False), (256, False)],
    (256, True),
)
_LAYER_NAME = re.compile(rb"\x01(?:\x05con_4|\x07affine_|\x04fc_2)")

Weights = NDArray[np.float32]


class BadWeights(DetectorError):
    """The bytes are not dlib's face recognition network."""


@dataclass(frozen=True, slots=True, eq=False)
class _Convolution:
    """A convolution with the affine layer behind it folded in: kernel (out, in, height, width), bias (out,)."""

    kernel: Weights
    bias: Weights


def to_onnx(data: bytes) -> bytes:
    """Turn the file's bytes into an ONNX model; the same bytes in give the same bytes out.

    The model takes ``crops`` (N, 150, 150, 3) uint8 RGB and gives ``vectors`` (N, 128) float32, not yet of unit length.

    Raises:
        BadWeights: the layers are not the ones expected.
    """
    tensors = list(_tensors(data))
    wanted = 2 * (1 + 2 * len(_BLOCKS)) + 1
    if len(tensors) != wanted:
        raise BadWeights(f"found {len(tensors)} layers with weights, {wanted} were expected; use dlib's unchanged file")
    try:
        convolutions = [_folded(tensors[2 * i], tensors[2 * i + 1], *shape) for i, shape in enumerate(_shapes())]
        last = tensors[-1].reshape(_BLOCKS[-1][0], VECTOR_SIZE)
    except ValueError as error:
        raise BadWeights("a layer has not the size expected; use dlib's unchanged file") from error
    return _Network().build(convolutions, last)


def _tensors(data: bytes) -> Iterator[Weights]:
    """Yield the weights of each layer that has any, flat, in forward order."""
    position = 0
    # A name among the weights of a layer would be chance: each search starts behind the layer before.
    while found := _LAYER_NAME.search(data, position):
        position = found.end()
        header = []
        # The last layer says its outputs and inputs before its tensor.
        for _ in range(7 if found[0].endswith(b"fc_2") else 5):
            number, position = _integer(data, position)
            header.append(number)
        count = math.prod(header[-4:])
        if position + 4 * count > len(data):
            raise BadWeights("the file ends inside a layer; fetch it again")
        yield np.frombuffer(data, "<f4", count, position)
        position += 4 * count


def _integer(data: bytes, position: int) -> tuple[int, int]:
    """Read dlib's packed integer: a byte with the length, then that many bytes, little-endian."""
    end = position + 1 + (data[position] & 0x0F if position < len(data) else 0)
    if end > len(data):
        raise BadWeights("the file ends inside a layer; fetch it again")
    return int.from_bytes(data[position + 1 : end], "little"), end


def _shapes() -> Iterator[tuple[int, int, int]]:
    """Yield (out channels, in channels, kernel size) of every convolution in forward order."""
    yield 32, 3, 7
    before = 32
    for channels, _ in _BLOCKS:
        yield channels, before, 3
        yield channels, channels, 3
        before = channels


def _folded(filters: Weights, affine: Weights, out: int, into: int, size: int) -> _Convolution:
    """Fold ``gamma * x + beta`` into the convolution before it, in float64."""
    kernel = filters[:-out].reshape(out, into, size, size).astype(np.float64)
    gamma, beta = affine.reshape(2, out).astype(np.float64)
    bias = filters[-out:].astype(np.float64) * gamma + beta
    return _Convolution((kernel * gamma[:, None, None, None]).astype(np.float32), bias.astype(np.float32))


class _Network(Graph):
    """Lays out dlib's network as an ONNX graph."""

    def build(self, convolutions: list[_Convolution], last: Weights) -> bytes:
        """Lay out the whole network and serialise it."""
        layers = iter(convolutions)
        x = self.relu(self._convolve(self._prepared(), next(layers), stride=2, padding=0))
        x = self.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2])
        before, side = 32, 35  # planes, and pixels a side, after the pooling: 150 -> 72 -> 35
        for channels, halves in _BLOCKS:
            pair = next(layers), next(layers)
            if halves:
                x, side = self._halving_block(x, pair, channels - before, side)
            else:
                x = self._block(x, pair)
            before = channels
        x = self.add("Flatten", [self.add("GlobalAveragePool", [x])])
        self.add("MatMul", [x, self.weight(last)], output=OUTPUT_NAME)
        return self.serialised(
            "dlib_resnet_v1",
            (INPUT_NAME, ["faces", CROP_PX, CROP_PX, 3]),
            {OUTPUT_NAME: ["faces", VECTOR_SIZE]},
        )

    def _prepared(self) -> str:
        """Turn uint8 pixels into the network's scaled planes."""
        means = self.weight(np.array(_CHANNEL_MEANS, np.float32))
        scale = self.weight(np.array(_SCALE, np.float32))
        x = self.add("Sub", [self.add("Cast", [INPUT_NAME], to=FLOAT32), means])
        return self.add("Transpose", [self.add("Mul", [x, scale])], perm=[0, 3, 1, 2])

    def _block(self, x: str, pair: tuple[_Convolution, _Convolution]) -> str:
        """Add a residual block that keeps its size."""
        y = self.relu(self._convolve(x, pair[0], stride=1, padding=1))
        return self.relu(self.add("Add", [x, self._convolve(y, pair[1], stride=1, padding=1)]))

    def _halving_block(self, x: str, pair: tuple[_Convolution, _Convolution], wider: int, side: int) -> tuple[str, int]:
        """Add a residual block that halves its size; its shortcut is pooled, and the smaller summand padded with zeros.

        An unpadded 3x3 convolution of stride 2 takes 35, 17, 8, 4 pixels to 17, 8, 3, 1, the pooling to 17, 8, 4, 2.
        """
        y = self.relu(self._convolve(x, pair[0], stride=2, padding=0))
        y = self._convolve(y, pair[1], stride=1, padding=1)
        x = self.add("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
        convolved, pooled = (side - 3) // 2 + 1, side // 2
        x, y = self._padded(x, wider, 0), self._padded(y, 0, pooled - convolved)
        return self.relu(self.add("Add", [x, y])), pooled

    def _padded(self, x: str, channels: int, side: int) -> str:
        if not channels and not side:
            return x
        return self.add("Pad", [x, self.weight(np.array([0, 0, 0, 0, 0, channels, side, side], np.int64))])

    def _convolve(self, x: str, layer: _Convolution, *, stride: int, padding: int) -> str:
        inputs = [x, self.weight(layer.kernel), self.weight(layer.bias)]
        return self.add("Conv", inputs, strides=[stride] * 2, pads=[padding] * 4)
