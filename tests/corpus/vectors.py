"""Cells that hold vectors: unit length, as embeddings have it, in the encodings that databases have been seen with."""

from __future__ import annotations

import io
import json
import pickle
import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tests.corpus.drawing import Draw, Maker


def _unit(draw: Draw, size: str) -> NDArray[np.float64]:
    values = draw.chance.standard_normal(int(size))
    return values / np.linalg.norm(values)


def _listed(draw: Draw, size: str) -> list[float]:
    return [round(float(value), 7) for value in _unit(draw, size)]


def _bytes(kind: str) -> Callable[[Draw, str], bytes]:
    return lambda draw, size: _unit(draw, size).astype(kind).tobytes()


def _npy(draw: Draw, size: str) -> bytes:
    out = io.BytesIO()
    np.save(out, _unit(draw, size))
    return out.getvalue()


def _arcsoft(draw: Draw) -> bytes:
    """Give 1,032 bytes: a header of eight, then 256 float32."""
    return struct.pack("<ff", 1000.0, 1.0) + _bytes("<f4")(draw, "256")


def _terminal(draw: Draw) -> bytes:
    """Give a terminal's own record: a magic word, a length, then bytes only the maker can read."""
    body = draw.chance.bytes(draw.whole(900, 1100))
    return b"ZKF\x3a" + struct.pack("<H", len(body)) + body


def _faiss(draw: Draw, size: str, count: str) -> bytes:
    """Give a flat index: its name, size and count, then the vectors themselves."""
    vectors = b"".join(_bytes("<f4")(draw, size) for _ in range(int(count)))
    return b"IxF2" + struct.pack("<iqqqBi", int(size), int(count), 1 << 20, 1 << 20, 1, 1) + vectors


def _readings(draw: Draw, size: str) -> list[float]:
    return [round(float(value), 2) for value in 20 + np.cumsum(draw.chance.standard_normal(int(size)))]


MAKERS: dict[str, Maker] = {
    "vector": _listed,
    "list": lambda draw, size: json.dumps(_listed(draw, size)),
    "nested": lambda draw, size: json.dumps([_listed(draw, size)]),
    "comma": lambda draw, size: ",".join(str(value) for value in _listed(draw, size)),
    "spaced": lambda draw, size: "[" + " ".join(str(value) for value in _listed(draw, size)) + "]",
    "vectordict": lambda draw, size: {"embeddings": [{"embedding": _listed(draw, size)}], "calculator": "Facenet2018"},
    "vectordictkeys": lambda draw, size: {str(place): value for place, value in enumerate(_listed(draw, size))},
    "f4le": _bytes("<f4"),
    "f4be": _bytes(">f4"),
    "f8le": _bytes("<f8"),
    "f8be": _bytes(">f8"),
    "npy": _npy,
    "pickle": lambda draw, size: pickle.dumps(_unit(draw, size)),
    "arcsoft": _arcsoft,
    "zkface": _terminal,
    "faiss": _faiss,
    "sensor": _readings,
    "sensorf4": lambda draw, size: np.abs(draw.chance.standard_normal(int(size)) * 40).astype("<f4").tobytes(),
    "ecg": lambda draw, size: (np.sin(np.arange(int(size)) / 9) * draw.whole(400, 900)).astype("<i2").tobytes(),
    "ints": lambda draw, size: [draw.whole(0, 4095) for _ in range(int(size))],
}
