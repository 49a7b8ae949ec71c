"""Builds ONNX graphs node by node: the same calls give the same bytes, whichever onnx release writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_OPSET, _IR_VERSION, _PRODUCER = 17, 8, "facewarden"
FLOAT32 = 1
"""ONNX's number of that type, for ``Cast``."""

Shape = list[int | str]
"""Sides of a tensor; one that is open is a name."""


class Graph:
    """Collects the nodes and weights of one graph, in order."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def add(self, kind: str, inputs: list[str], *, output: str = "", **attributes: Any) -> str:
        """Add one node.

        Args:
            kind: ONNX's name of the operator.
            inputs: names of what it takes.
            output: name of what it gives; default one of its own.
            attributes: of the operator.

        Returns:
            The name of what it gives.
        """
        from onnx import helper

        output = output or f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def weight(self, values: NDArray[Any]) -> str:
        """Add a constant; give its name."""
        from onnx import numpy_helper

        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def relu(self, x: str) -> str:
        """Add a ReLU."""
        return self.add("Relu", [x])

    def serialised(self, name: str, pixels: tuple[str, Shape], outputs: dict[str, Shape]) -> bytes:
        """Write the model down: uint8 pixels in, float32 tensors out."""
        from onnx import TensorProto, helper

        takes = helper.make_tensor_value_info(pixels[0], TensorProto.UINT8, pixels[1])
        gives = [helper.make_tensor_value_info(each, TensorProto.FLOAT, shape) for each, shape in outputs.items()]
        graph = helper.make_graph(self._nodes, name, [takes], gives, self._weights)
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, producer_name=_PRODUCER, ir_version=_IR_VERSION, opset_imports=[opset])
        written: bytes = model.SerializeToString(deterministic=True)
        return written
