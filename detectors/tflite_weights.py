"""Reads the constant tensors of a TensorFlow Lite file: dense or sparse, float16 or float32 or whole numbers.

A sparse tensor is stored as nested levels, one per dimension in traversal order: a dense level lists all its entries, a
compressed one (CSR) those that are there (``schema.fbs``, SparsityParameters).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_DTYPES: dict[int, Any] = {0: np.float32, 1: np.float16, 2: np.int32}
_DENSE = 0


def constants(model: Any) -> dict[int, NDArray[Any]]:
    """Give the constant tensors of a model's only graph by number, floats as float32.

    What becomes of a constant by filling it up or widening it (DENSIFY, DEQUANTIZE) is a constant too.
    """
    graph = model.Subgraphs(0)
    found = {}
    for number in range(graph.TensorsLength()):
        tensor = graph.Tensors(number)
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataLength():
            found[number] = _values(tensor, buffer.DataAsNumpy().view(_DTYPES[tensor.Type()]))
    for place in range(graph.OperatorsLength()):
        operator = graph.Operators(place)
        if operator.InputsLength() == 1 and operator.Inputs(0) in found:
            found[operator.Outputs(0)] = found[operator.Inputs(0)]
    return found


def _values(tensor: Any, stored: NDArray[Any]) -> NDArray[Any]:
    shape = tensor.ShapeAsNumpy()
    values = stored.reshape(shape) if tensor.Sparsity() is None else _filled(tensor.Sparsity(), stored, shape)
    return values if values.dtype == np.int32 else values.astype(np.float32)


def _filled(sparsity: Any, stored: NDArray[Any], shape: NDArray[Any]) -> NDArray[Any]:
    """Put the stored values at their places among zeros."""
    order = sparsity.TraversalOrderAsNumpy()
    if sparsity.BlockMapLength() or sorted(order) != list(range(len(shape))):
        raise ValueError("a tensor that is sparse by blocks")
    # Each entry of a level: where it is in the dimensions gone through so far.
    places = np.zeros((1, len(shape)), np.int64)
    for level, dimension in enumerate(order):
        counts, indices = _level(sparsity.DimMetadata(level), len(places))
        places = np.repeat(places, counts, axis=0)
        places[:, dimension] = indices
    values = np.zeros(shape, stored.dtype)
    values[tuple(places.T)] = stored
    return values


def _level(metadata: Any, entries: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give how many entries each entry of the level above has, and the index of each of them."""
    if metadata.Format() == _DENSE:
        size = metadata.DenseSize()
        return np.full(entries, size, np.int64), np.tile(np.arange(size, dtype=np.int64), entries)
    segments = _numbers(metadata.ArraySegmentsType(), metadata.ArraySegments())
    return np.diff(segments), _numbers(metadata.ArrayIndicesType(), metadata.ArrayIndices())


def _numbers(kind: int, union: Any) -> NDArray[np.int64]:
    import tflite

    vectors: dict[int, Any] = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}
    read = vectors[kind]()
    read.Init(union.Bytes, union.Pos)
    return np.atleast_1d(read.ValuesAsNumpy()).astype(np.int64)
