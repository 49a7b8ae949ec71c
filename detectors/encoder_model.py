"""Opens the ONNX file of a face encoder, finds out how it takes its pixels, and refuses what cannot be fed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detectors.encoder_spec import BadEncoder, EncoderSpec
from detectors.models import ENCODER, model_path

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_PIXEL_TYPES: dict[str, type[np.generic]] = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}


@dataclass(frozen=True, slots=True)
class _Input:
    """How a model takes its pixels: ``batch`` is the only number of crops it takes, None when it takes any."""

    name: str
    dtype: type[np.generic]
    channels_first: bool
    batch: int | None

    def fed(self, crops: NDArray[np.uint8], spec: EncoderSpec) -> NDArray[Any]:
        pixels: NDArray[Any] = crops if spec.colours == "rgb" else crops[..., ::-1]
        if self.dtype is np.float32:
            pixels = (pixels - np.array(spec.mean, np.float32)) * np.array(spec.scale, np.float32)
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2) if self.channels_first else pixels)


class EncoderModel:
    """The network of an encoder: crops in, vectors of any length out.

    Args:
        spec: which encoder.
        folder: where the shipped model's file stands; default ``models_folder()``.
        threads: for one call; None is all cores.

    Attributes:
        batch: the only number of crops that it takes at once; None when it takes any.

    Raises:
        ModelMissing, ModelCorrupt: the shipped model's file is not there, or not the one on record.
        BadEncoder: the file is not the one that the spec means, or no model that can be fed with crops.
    """

    def __init__(self, spec: EncoderSpec, folder: Path | None, threads: int | None) -> None:
        self._spec = spec
        self._session = _session(spec, folder, threads)
        self._input = _input_of(self._session, spec)
        self._output = _output_of(self._session, spec)
        self.batch = self._input.batch

    def run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give what the network says of (n, S, S, 3) uint8 RGB crops, n at most ``batch``: (n, D) float32."""
        count = len(crops)
        if self.batch:
            crops = np.pad(crops, ((0, self.batch - count), (0, 0), (0, 0), (0, 0)))
        fed = {self._input.name: self._input.fed(crops, self._spec)}
        outputs: list[NDArray[Any]] = self._session.run([self._output], fed)
        return outputs[0][:count].astype(np.float32, copy=False)

    def dimension(self) -> int:
        """Run grey crops through: the shapes that a file declares are often open, and sometimes wrong.

        Raises:
            BadEncoder: it fails, or does not give one vector for each crop.
        """
        count, size, name = self.batch or 2, self._spec.size_px, self._spec.name
        try:
            vectors = self.run(np.full((count, size, size, 3), 128, np.uint8))
        except Exception as error:  # onnxruntime's errors have no base class of their own
            raise BadEncoder(f"{name} fails on {count} crops: {_reason(error)}") from None
        if vectors.ndim != 2 or len(vectors) != count:
            raise BadEncoder(
                f"output {self._output!r} of {name} has shape {vectors.shape} for {count} crops; ({count}, D) was "
                "expected: name another `output`, or export the model with a free batch size"
            )
        return int(vectors.shape[1])


def _session(spec: EncoderSpec, folder: Path | None, threads: int | None) -> InferenceSession:
    model = str(model_path(ENCODER, folder)) if spec.path is None else _vouched_bytes(spec.path, spec.sha256)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised
    # Weights outside the file would not be in its hash: they are looked for where nothing can be.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise BadEncoder(
            f"{spec.name} is no model that onnxruntime can run: {_reason(error)}; export it as one ONNX file with its "
            "weights inside"
        ) from None


def _vouched_bytes(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadEncoder(f"encoder {path} cannot be read ({error.strerror}); correct `file`") from None
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise BadEncoder(
            f"{path.name} has SHA-256 {found[:16]}…, expected was {sha256[:16]}…; it was refused: put the right file "
            "there or correct `sha256`"
        )
    return data


def _input_of(session: InferenceSession, spec: EncoderSpec) -> _Input:
    """Find out how a model takes its pixels."""
    size, given = spec.size_px, session.get_inputs()
    wanted = f"one input of float32 or uint8, (N, 3, {size}, {size}) or (N, {size}, {size}, 3), was expected"
    came = ", ".join(f"{i.name} {i.type.removeprefix('tensor').strip('()')} {_spelt(i.shape)}" for i in given)
    refusal = BadEncoder(f"{spec.name} takes {came or 'nothing'}; {wanted}: correct `size_px`, or export it anew")
    if len(given) != 1 or len(given[0].shape) != 4 or given[0].type not in _PIXEL_TYPES:
        raise refusal
    batch, *rest = given[0].shape
    sides = {True: (rest[0], rest[1:]), False: (rest[2], rest[:2])}
    fits = [first for first, (channels, side) in sides.items() if channels == 3 and all(_may_be(s, size) for s in side)]
    if not fits:
        raise refusal
    dtype = _PIXEL_TYPES[given[0].type]
    if dtype is np.uint8 and (set(spec.mean), set(spec.scale)) != ({0}, {1}):
        raise BadEncoder(f"{spec.name} takes uint8 and so normalises by itself; set mean to 0 and scale to 1")
    return _Input(given[0].name, dtype, fits[0], batch if isinstance(batch, int) else None)


def _may_be(declared: int | str | None, size: int) -> bool:
    """Compare with a declared side; one that is open is a name, or nothing."""
    return declared == size or not isinstance(declared, int)


def _spelt(shape: list[int | str | None]) -> str:
    return f"({', '.join(str(side) if isinstance(side, int) else 'N' for side in shape)})"


def _output_of(session: InferenceSession, spec: EncoderSpec) -> str:
    names = [str(output.name) for output in session.get_outputs()]
    wanted = spec.output or (names[0] if len(names) == 1 else "")
    if wanted not in names:
        came = f"no output {wanted!r}" if wanted else "several outputs and none is named"
        raise BadEncoder(f"{spec.name} has {came}; set `output` to one of {', '.join(names)}")
    return wanted


def _reason(error: Exception) -> str:
    """Give the first line of onnxruntime's text without the codes in front of it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rpartition(" : ")[2][:200].rstrip(".;: ")
