"""Looks at one stored picture: bytes in, faces and their vectors out. Models load once for many pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.align import crop_faces
from detectors.decode import DecodeLimits, decode
from detectors.dlib_weights import VECTOR_SIZE
from detectors.encoder import ENCODER_KEY, FaceEncoder
from detectors.finder import FINDER_KEY, FaceFinder

if TYPE_CHECKING:
    from detectors.records import Face

VECTOR_DIM = VECTOR_SIZE
"""Length of a face vector."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SeenFace:
    """A face, the time of the frame it is in, and its unit vector, (128,) float32: biometric data."""

    frame_ms: int
    face: Face
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Look:
    """What one picture holds."""

    media_type: str
    taken_at: datetime | None
    faces: tuple[SeenFace, ...]


def detector_key() -> str:
    """Hash everything that decides what a look finds: finder settings, encoder and alignment, model files."""
    return hashlib.blake2b(f"{FINDER_KEY}|{ENCODER_KEY}".encode(), digest_size=8).hexdigest()


class Looker:
    """Finder and encoder, loaded once.

    Raises:
        ModelMissing: the model files are not installed.
        ModelCorrupt: a model file is not the one on record.
    """

    def __init__(self, models: Path | None = None, limits: DecodeLimits | None = None, threads: int = 1) -> None:
        self._limits = limits or DecodeLimits()
        self._finder = FaceFinder(models)
        self._encoder = FaceEncoder(models, threads=threads)

    def look(self, data: bytes) -> Look:
        """Decode a picture, find its faces, encode them.

        Raises:
            Refused: the bytes cannot be looked at, and why.
        """
        picture = decode(data, self._limits)
        seen: list[SeenFace] = []
        for frame in picture.frames:
            faces = self._finder.find(frame.image_rgb)
            if faces:
                vectors = self._encoder.encode(crop_faces(frame.image_rgb, faces))
                seen += [SeenFace(frame.frame_ms, face, vector) for face, vector in zip(faces, vectors, strict=True)]
        return Look(picture.media_type, picture.taken_at, tuple(seen))

    def __enter__(self) -> Looker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._finder.__exit__(kind, error, at)
