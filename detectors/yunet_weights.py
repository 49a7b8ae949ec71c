"""Rebuilds YuNet, a small face detector for whole pictures, as an ONNX graph from its authors' library.

libfacedetection (Shiqi Yu and others; 3-clause BSD) carries its float32 weights as named symbols of its shared object:
each convolution as ``NAME_weight`` and ``NAME_bias``. The network is the one of W. Wu, H. Peng, S. Yu: "YuNet: a tiny
millisecond-level face detector", Machine Intelligence Research 20 (2023), in its small form of 53 thousand weights:
pairs of a 1x1 and a 3x3 depthwise convolution, and heads at a pixel for every 8, 16 and 32 of the picture. The heads
for keypoints are left out.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from detectors.errors import DetectorError
from detectors.onnx_graph import FLOAT32, Graph

INPUT_NAME = "picture"
STRIDES = (8, 16, 32)
"""Pixels of the picture for each place of an output, both ways."""
SCORES_NAME, BOXES_NAME = "scores", "boxes"
"""Names of the outputs, each followed by its stride."""

_FIRST_PLANES, _PATCH_PX = 16, 3
# The first layer's rows are filled up with zeros, to whole registers.
_PATCH_STORED = 32

Weights = dict[str, NDArray[np.float32]]


class BadWeights(DetectorError):
    """The bytes are not libfacedetection's shared object."""


def to_onnx(data: bytes) -> bytes:
    """Turn the shared object's bytes into an ONNX model; the same bytes in give the same bytes out.

    The model takes ``picture`` (1, 3, H, W) uint8, planes of red, green and blue, both sides multiples of 32. For each
    stride s it gives
    ``scores{s}`` (1, 1, H/s, W/s) float32 in [0, 1] and ``boxes{s}`` (1, 4, H/s, W/s) float32: centre from the place's
    left upper corner on and log sides, all in strides.

    Raises:
        BadWeights: the symbols are not the ones expected.
    """
    try:
        return _Network(_symbols(data)).build()
    except (KeyError, ValueError) as error:
        raise BadWeights(f"no or another tensor {error}; use libfacedetection.so of the release on record") from error


def _symbols(data: bytes) -> Weights:
    """Read the weights by their names."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        elf = ELFFile(io.BytesIO(data))
        stored = elf.get_section_by_name(".data")
        shift = stored["sh_offset"] - stored["sh_addr"]
        return {
            symbol.name: np.frombuffer(data, "<f4", symbol["st_size"] // 4, symbol["st_value"] + shift)
            for symbol in elf.get_section_by_name(".dynsym").iter_symbols()
            if symbol.name.endswith(("_weight", "_bias"))
        }
    except (ELFError, TypeError, ValueError) as error:
        raise BadWeights("no shared object with named weights; use libfacedetection.so as released") from error


class _Network(Graph):
    """Lays out YuNet as an ONNX graph."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._weights_of = weights

    def build(self) -> bytes:
        """Lay out the whole network and serialise it."""
        x = self._pool(self._pair(self._first(), "backbone__model0_dp"))
        x = self._pool(self._stage(self._stage(x, 1), 2))
        fine = self._stage(x, 3)
        middle = self._stage(self._pool(fine), 4)
        coarse = self._pair(self._stage(self._pool(middle), 5), "neck__lateral_convs__2")
        middle = self._pair(self._joined(coarse, middle), "neck__lateral_convs__1")
        fine = self._pair(self._joined(middle, fine), "neck__lateral_convs__0")
        gives: dict[str, list[int | str]] = {}
        for level, (x, stride) in enumerate(zip((fine, middle, coarse), STRIDES, strict=True)):
            face, place = (self.add("Sigmoid", [self._head(x, level, what)]) for what in ("cls", "obj"))
            scores, boxes = f"{SCORES_NAME}{stride}", f"{BOXES_NAME}{stride}"
            self.add("Sqrt", [self.add("Mul", [face, place])], output=scores)
            self._head(x, level, "bbox", output=boxes)
            gives |= {scores: [1, 1, f"high{stride}", f"wide{stride}"], boxes: [1, 4, f"high{stride}", f"wide{stride}"]}
        return self.serialised("yunet_small", (INPUT_NAME, [1, 3, "high", "wide"]), gives)

    def _first(self) -> str:
        """Add the first convolution; its patches are stored row by row, each pixel as blue, green, red."""
        kernel, bias = self._tensors("backbone__model0_pw")
        size = _PATCH_PX
        patches = kernel.reshape(_FIRST_PLANES, _PATCH_STORED)[:, : size * size * 3].reshape(-1, size, size, 3)
        inputs = [
            self.add("Cast", [INPUT_NAME], to=FLOAT32),
            self.weight(patches[..., ::-1].transpose(0, 3, 1, 2)),
            self.weight(bias),
        ]
        return self.relu(self.add("Conv", inputs, strides=[2, 2], pads=[1] * 4))

    def _stage(self, x: str, number: int) -> str:
        name = f"backbone__model{number}"
        return self._pair(self._pair(x, f"{name}_dp1"), f"{name}_dp2")

    def _pair(self, x: str, name: str) -> str:
        return self.relu(self._linear_pair(x, name))

    def _head(self, x: str, level: int, what: str, *, output: str = "") -> str:
        return self._linear_pair(x, f"bbox_head__multi_level_{what}__{level}", output=output)

    def _linear_pair(self, x: str, name: str, *, output: str = "") -> str:
        """Add a convolution over planes, then one over places, which is stored place by place."""
        kernel, bias = self._tensors(f"{name}_pw")
        across = self.add("Conv", [x, self.weight(kernel.reshape(len(bias), -1, 1, 1)), self.weight(bias)])
        kernel, bias = self._tensors(f"{name}_dw")
        planes = len(bias)
        along = kernel.reshape(_PATCH_PX, _PATCH_PX, 1, planes).transpose(3, 2, 0, 1)
        inputs = [across, self.weight(along), self.weight(bias)]
        return self.add("Conv", inputs, output=output, pads=[1] * 4, group=planes)

    def _pool(self, x: str) -> str:
        return self.add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])

    def _joined(self, coarse: str, fine: str) -> str:
        """Blow the coarser planes up to twice their size and add the finer ones."""
        sizes = self.weight(np.array([1, 1, 2, 2], np.float32))
        doubled = self.add(
            "Resize",
            [coarse, "", sizes],
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        return self.add("Add", [doubled, fine])

    def _tensors(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self._weights_of[f"{name}_weight"], self._weights_of[f"{name}_bias"]
