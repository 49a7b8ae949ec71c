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
from detectors.encoder import SHIPPED, EncoderSpec, FaceEncoder
from detectors.finder import FINDER_KEY, FaceFinder

if TYPE_CHECKING:
    from detectors.records import Face


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SeenFace:
    """A face, the time of the frame it is in, and its unit vector, (D,) float32: biometric data."""

    frame_ms: int
    face: Face
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Look:
    """What one picture holds."""

    media_type: str
    taken_at: datetime | None
    faces: tuple[SeenFace, ...]


def detector_key(encoder: EncoderSpec | None = None) -> str:
    """Hash everything that decides what a look finds: finder settings, encoder and alignment, model files."""
    return hashlib.blake2b(f"{FINDER_KEY}|{(encoder or SHIPPED).key}".encode(), digest_size=8).hexdigest()


class Looker:
    """Finder and encoder, loaded once.

    Args:
        models: folder of the model files; default ``models_folder()``.
        limits: what decoding may take.
        threads: for encoding.
        encoder: which encoder; default the shipped one.

    Raises:
        ModelMissing: the model files are not installed.
        ModelCorrupt: a model file is not the one on record.
        BadEncoder: an encoder of one's own cannot be used.
    """

    def __init__(
        self,
        models: Path | None = None,
        limits: DecodeLimits | None = None,
        threads: int = 1,
        encoder: EncoderSpec | None = None,
    ) -> None:
        self._limits = limits or DecodeLimits()
        self._encoder = FaceEncoder(encoder, models, threads)
        self._finder = FaceFinder(models)

    def look(self, data: bytes) -> Look:
        """Decode a picture, find its faces, encode them.

        Raises:
            Refused: the bytes cannot be looked at, and why.
            BadEncoder: an encoder of one's own gave a vector that has no direction.
        """
        picture, wanted = decode(data, self._limits), self._encoder.spec
        seen: list[SeenFace] = []
        for frame in picture.frames:
            faces = self._finder.find(frame.image_rgb)
            if faces:
                vectors = self._encoder.encode(crop_faces(frame.image_rgb, faces, wanted.template, wanted.size_px))
                seen += [SeenFace(frame.frame_ms, face, vector) for face, vector in zip(faces, vectors, strict=True)]
        return Look(picture.media_type, picture.taken_at, tuple(seen))

    def __enter__(self) -> Looker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._finder.__exit__(kind, error, at)
