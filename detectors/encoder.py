"""Turns face crops into unit vectors whose cosine says how alike two faces are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.align import ALIGN_KEY, CROP_PX
from detectors.dlib_weights import INPUT_NAME, OUTPUT_NAME, VECTOR_SIZE
from detectors.models import ENCODER, model_hashes, model_path

ENCODER_KEY = f"dlib-resnet-{model_hashes()[ENCODER][:12]}-{ALIGN_KEY}-mirror"
"""Changes whenever the same face would get another vector; vectors of different keys cannot be compared."""

# Crops a batch, run once as they are and once mirrored; more gain nothing on a processor and only take memory.
_BATCH = 16


class FaceEncoder:
    """The face encoder, loaded once; one process or thread at a time.

    Args:
        folder: where the model file stands; default ``models_folder()``.
        threads: for one call; default all cores. Workers that run side by side take 1.

    Raises:
        ModelMissing: the model file is not there.
        ModelCorrupt: its SHA-256 is not the one on record.
    """

    def __init__(self, folder: Path | None = None, threads: int | None = None) -> None:
        path = model_path(ENCODER, folder)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def encode(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode aligned faces.

        Args:
            crops: (N, 150, 150, 3) uint8, RGB, as ``align.crop_faces`` makes them.

        Returns:
            (N, 128) float32 of unit length: the mean of the unit vectors of the crop and of its mirror image. Against
            the plain vector this takes the missed matches among 500 LFW people from 12.1 % to 8.2 % at a false-match
            rate of 1e-3 (own measurement, 2026-11).

        Raises:
            ValueError: crops of another shape or type.
        """
        if crops.dtype != np.uint8 or crops.shape[1:] != (CROP_PX, CROP_PX, 3):
            wanted = f"(N, {CROP_PX}, {CROP_PX}, 3) uint8"
            raise ValueError(f"crops are {crops.shape} {crops.dtype}; {wanted} was expected: use align.crop_faces")
        vectors = np.empty((len(crops), VECTOR_SIZE), np.float32)
        for start in range(0, len(crops), _BATCH):
            part = crops[start : start + _BATCH]
            plain, mirrored = self._run(part), self._run(part[:, :, ::-1])
            vectors[start : start + _BATCH] = _unit(_unit(plain) + _unit(mirrored))
        return vectors

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        outputs: list[NDArray[np.float32]] = self._session.run([OUTPUT_NAME], {INPUT_NAME: np.ascontiguousarray(crops)})
        return outputs[0]


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit
