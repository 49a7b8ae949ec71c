"""Rebuilds a face detector of MediaPipe (a TensorFlow Lite file) as an ONNX graph that takes pictures of any size.

The file is a FlatBuffer (``schema.fbs`` of TensorFlow Lite): tensors, the buffers of those that are constant, and
operators in forward order. Weights are float16, some of them sparse; here they become dense float32. The layers are
convolutions from end to end, and nothing in them depends on the picture's size but the last reshaping.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import DetectorError
from detectors.tflite_weights import constants

INPUT_NAME, SCORES_NAME, BOXES_NAME = "pixels", "scores", "boxes"
# Fixed so that the same weights give the same bytes whichever onnx release writes them.
_OPSET, _IR_VERSION, _PRODUCER = 17, 8, "facewarden"
_TO_PLANES, _FROM_PLANES = (0, 3, 1, 2), (0, 2, 3, 1)
_RELU, _RELU6, _PADDED_VALID = 1, 3, 1


class NotAFinder(DetectorError):
    """The bytes are not a face detector of MediaPipe, or one with layers that are not known here."""


def to_onnx(data: bytes) -> bytes:
    """Turn the file's bytes into an ONNX model; the same bytes in give the same bytes out.

    The model takes ``pixels`` (N, H, W, 3) float32, RGB from -1 to 1, both sides multiples of its coarsest step (32),
    and gives ``scores`` (N, cells, 1), log odds, and ``boxes`` (N, cells, 16): centre, size and six keypoints in
    pixels, places from the cell's middle on. Cells go from left to right, then down.

    Raises:
        NotAFinder: not such a file.
    """
    import struct

    import tflite

    try:
        model = tflite.Model.GetRootAsModel(data, 0)
        return _Graph(model).serialized()
    except (struct.error, IndexError, KeyError, AttributeError, TypeError, ValueError) as problem:
        raise NotAFinder(f"no detector that can be rebuilt ({type(problem).__name__})") from None


class _Graph:
    """The ONNX graph under construction."""

    def __init__(self, model: Any) -> None:
        import tflite

        self._model, self._graph = model, model.Subgraphs(0)
        self._names = {v: k for k, v in vars(tflite.BuiltinOperator).items() if not k.startswith("_")}
        self._constants = constants(model)
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._pads: dict[int, tuple[NDArray[Any], int]] = {}

    def serialized(self) -> bytes:
        """Go through the operators and write the model down."""
        from onnx import TensorProto, helper

        self._node("Transpose", [INPUT_NAME], f"t{self._graph.Inputs(0)}", perm=_TO_PLANES)
        for place in range(self._graph.OperatorsLength()):
            self._add(self._graph.Operators(place))
        for place in range(self._graph.OutputsLength()):
            number = self._graph.Outputs(place)
            values = int(self._graph.Tensors(number).ShapeAsNumpy()[-1])
            self._node("Identity", [f"t{number}"], {1: SCORES_NAME, 16: BOXES_NAME}[values])
        outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in (SCORES_NAME, BOXES_NAME)]
        picture = helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["count", "height", "width", 3])
        # Paddings that became part of their convolution are left out.
        wanted = {SCORES_NAME, BOXES_NAME} | {name for node in self._nodes for name in node.input}
        nodes = [node for node in self._nodes if node.output[0] in wanted]
        wanted = {name for node in nodes for name in node.input}
        weights = [weight for weight in self._weights if weight.name in wanted]
        graph = helper.make_graph(nodes, "finder", [picture], outputs, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name=_PRODUCER)
        model.ir_version = _IR_VERSION
        return bytes(model.SerializeToString(deterministic=True))

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def _weight(self, values: NDArray[Any] | np.generic) -> str:
        from onnx import numpy_helper

        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _add(self, operator: Any) -> None:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        kind = self._names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        made: dict[str, Callable[[Any, list[int], int], None]] = {
            "PAD": self._pad,
            "CONV_2D": self._convolution,
            "DEPTHWISE_CONV_2D": self._convolution,
            "ADD": self._sum,
            "RESIZE_BILINEAR": self._resize,
            "DEPTH_TO_SPACE": self._depth_to_space,
            "RESHAPE": self._cells,
        }
        if kind in ("DEQUANTIZE", "DENSIFY"):
            return  # of constants only: done where they were read
        if kind not in made:
            raise NotAFinder(f"a layer {kind}, which is not known here")
        inputs = [operator.Inputs(place) for place in range(operator.InputsLength())]
        made[kind](operator, inputs, operator.Outputs(0))

    def _pad(self, operator: Any, inputs: list[int], output: int) -> None:
        pads = self._constants[inputs[1]]
        self._pads[output] = (pads, inputs[0])
        turned = pads[list(_TO_PLANES)]
        self._node("Pad", [f"t{inputs[0]}", self._weight(turned.T.astype(np.int64).ravel())], f"t{output}")

    def _convolution(self, operator: Any, inputs: list[int], output: int) -> None:
        import tflite

        kernel, bias = self._constants[inputs[1]], self._constants[inputs[2]]
        depthwise = operator.BuiltinOptionsType() == tflite.BuiltinOptions.DepthwiseConv2DOptions
        options = _options(operator, tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions)
        kernel = kernel.transpose((3, 0, 1, 2) if depthwise else _TO_PLANES)
        source, pads = f"t{inputs[0]}", [0, 0, 0, 0]
        if inputs[0] in self._pads:
            sides, before = self._pads[inputs[0]]
            source, pads = f"t{before}", [int(n) for n in (*sides[1:3, 0], *sides[1:3, 1])]
        elif options.Padding() != _PADDED_VALID and kernel.shape[2:] != (1, 1):
            raise NotAFinder("a convolution that pads by itself, by the picture's size")
        strides = [options.StrideH(), options.StrideW()]
        groups = len(kernel) if depthwise else 1
        fed = [source, self._weight(kernel), self._weight(bias)]
        named = self._activated(options.FusedActivationFunction(), output)
        self._node("Conv", fed, named, strides=strides, pads=pads, group=groups, kernel_shape=list(kernel.shape[2:]))
        self._activate(options.FusedActivationFunction(), output)

    def _sum(self, operator: Any, inputs: list[int], output: int) -> None:
        import tflite

        function = _options(operator, tflite.AddOptions).FusedActivationFunction()
        self._node("Add", [f"t{number}" for number in inputs], self._activated(function, output))
        self._activate(function, output)

    def _activated(self, function: int, output: int) -> str:
        return f"t{output}_plain" if function else f"t{output}"

    def _activate(self, function: int, output: int) -> None:
        if function == _RELU:
            self._node("Relu", [f"t{output}_plain"], f"t{output}")
        elif function == _RELU6:
            bounds = [self._weight(np.float32(bound)) for bound in (0, 6)]
            self._node("Clip", [f"t{output}_plain", *bounds], f"t{output}")
        elif function:
            raise NotAFinder(f"an activation {function}, which is not known here")

    def _resize(self, operator: Any, inputs: list[int], output: int) -> None:
        import tflite

        options = _options(operator, tflite.ResizeBilinearOptions)
        if not options.HalfPixelCenters() or options.AlignCorners():
            raise NotAFinder("a resizing by other pixel centres than halves")
        before, after = (self._graph.Tensors(number).ShapeAsNumpy()[1:3] for number in (inputs[0], output))
        scales = self._weight(np.array([1, 1, *(after / before)], np.float32))
        how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        self._node("Resize", [f"t{inputs[0]}", "", scales], f"t{output}", **how)

    def _depth_to_space(self, operator: Any, inputs: list[int], output: int) -> None:
        import tflite

        block = _options(operator, tflite.DepthToSpaceOptions).BlockSize()
        self._node("DepthToSpace", [f"t{inputs[0]}"], f"t{output}", blocksize=block, mode="DCR")

    def _cells(self, operator: Any, inputs: list[int], output: int) -> None:
        values = int(self._graph.Tensors(output).ShapeAsNumpy()[-1])
        self._node("Transpose", [f"t{inputs[0]}"], f"t{output}_rows", perm=_FROM_PLANES)
        shape = self._weight(np.array([0, -1, values], np.int64))
        self._node("Reshape", [f"t{output}_rows", shape], f"t{output}")


def _options(operator: Any, kind: Any) -> Any:
    given, read = operator.BuiltinOptions(), kind()
    read.Init(given.Bytes, given.Pos)
    return read
