"""Turns face crops into unit vectors whose cosine says how alike two faces are: the shipped model, or one's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.dlib_weights import VECTOR_SIZE
from detectors.encoder_model import EncoderModel
from detectors.encoder_spec import ENCODER_KEY, SHIPPED, BadEncoder, EncoderSpec

__all__ = ["ENCODER_KEY", "SHIPPED", "BadEncoder", "EncoderSpec", "FaceEncoder", "vector_size"]

# Crops a batch, run once as they are and once mirrored; more gain nothing on a processor and only take memory.
_BATCH = 16


class FaceEncoder:
    """A face encoder, loaded once; one process or thread at a time.

    Args:
        spec: which; default the shipped one.
        folder: where the shipped model's file stands; default ``models_folder()``.
        threads: for one call; default all cores. Workers that run side by side take 1.

    Attributes:
        spec: which encoder this is.
        dimension: how many numbers a vector has.

    Raises:
        ModelMissing: the shipped model's file is not there.
        ModelCorrupt: its SHA-256 is not the one on record.
        BadEncoder: an encoder of one's own that is not the file it should be, or that cannot be fed or read.
    """

    def __init__(self, spec: EncoderSpec | None = None, folder: Path | None = None, threads: int | None = None) -> None:
        self.spec = spec or SHIPPED
        self._model = EncoderModel(self.spec, folder, threads)
        self.dimension = VECTOR_SIZE if self.spec.path is None else self._model.dimension()

    @property
    def key(self) -> str:
        """``EncoderSpec.key``: what vectors are stored and compared under."""
        return self.spec.key

    def encode(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode aligned faces.

        Args:
            crops: (N, S, S, 3) uint8, RGB, as ``align.crop_faces`` makes them with the spec's template and size S.

        Returns:
            (N, dimension) float32 of unit length: of the crop, or, with ``mirror``, the mean of the unit vectors of the
            crop and of its mirror image.

        Raises:
            ValueError: crops of another shape or type.
            BadEncoder: the model gave a vector that has no direction.
        """
        size = self.spec.size_px
        if crops.dtype != np.uint8 or crops.shape[1:] != (size, size, 3):
            wanted = f"(N, {size}, {size}, 3) uint8"
            raise ValueError(f"crops are {crops.shape} {crops.dtype}; {wanted} was expected: use align.crop_faces")
        vectors = np.empty((len(crops), self.dimension), np.float32)
        step = self._model.batch or _BATCH
        for start in range(0, len(crops), step):
            part = crops[start : start + step]
            unit = self._unit(self._run_both(part) if self.spec.mirror else self._model.run(part))
            vectors[start : start + step] = unit
        return vectors

    def _run_both(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Add up the unit vectors of crops and of their mirror images."""
        mirrored = crops[:, :, ::-1]
        if self._model.batch:
            return self._unit(self._model.run(crops)) + self._unit(self._model.run(mirrored))
        both = self._unit(self._model.run(np.concatenate([crops, mirrored])))
        return both[: len(crops)] + both[len(crops) :]

    def _unit(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if bad := int((~(np.isfinite(lengths) & (lengths > 0))).sum()):
            raise BadEncoder(
                f"{self.spec.name} gave {bad} of {len(vectors)} faces a vector that is not finite or has no length; "
                "check mean, scale and colours against how the model was trained"
            )
        unit: NDArray[np.float32] = vectors / lengths
        return unit


@lru_cache(maxsize=8)
def vector_size(spec: EncoderSpec) -> int:
    """Say how many numbers the vectors of an encoder have; loads an encoder of one's own, once.

    Raises:
        BadEncoder: as ``FaceEncoder``.
    """
    return VECTOR_SIZE if spec.path is None else FaceEncoder(spec, threads=1).dimension
