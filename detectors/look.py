"""Looks at one stored picture: bytes in, faces and their vectors out. Models load once for many pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.align import crop_faces
from detectors.archives import Unpacked, members
from detectors.decode import DecodeLimits, decode
from detectors.encoder import SHIPPED, EncoderSpec, FaceEncoder
from detectors.errors import Refusal, Refused
from detectors.finder import FINDER_KEY, FaceFinder, shrink_for
from detectors.pyramid import Pyramid
from detectors.quality import eye_distance
from detectors.records import Frame
from detectors.signatures import Chest, Film, recognise
from detectors.video import Video, Watched

if TYPE_CHECKING:
    from detectors.records import Face


# Goes up when other stills of a video, or other members of an archive, are looked at.
_VIDEO_KEY = "video-1 archives-1"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SeenFace:
    """A face, the time of the frame it is in, and its unit vector, (D,) float32: biometric data."""

    frame_ms: int
    face: Face
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Look:
    """What one picture or video holds; ``watched`` says how much of a video was looked at."""

    media_type: str
    taken_at: datetime | None
    faces: tuple[SeenFace, ...]
    watched: Watched | None = None


def detector_key(encoder: EncoderSpec | None = None) -> str:
    """Hash everything that decides what a look finds: finder settings, encoder and alignment, model files."""
    what = f"{FINDER_KEY}|{_VIDEO_KEY}|{(encoder or SHIPPED).key}"
    return hashlib.blake2b(what.encode(), digest_size=8).hexdigest()


class Looker:
    """Finder and encoder, loaded once.

    Args:
        models: folder of the model files; default ``models_folder()``.
        limits: what decoding may take.
        threads: for encoding.
        encoder: which encoder; default the shipped one.
        every_seconds: of a video a still is looked at at least so often.
        beat: called before each frame, and each member of an archive: a sign that nothing hangs.

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
        every_seconds: float = 1.0,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._beat = beat
        self._every_seconds = every_seconds
        self._limits = limits or DecodeLimits()
        self._encoder = FaceEncoder(encoder, models, threads)
        self._finder = FaceFinder(models)

    def look(self, data: bytes) -> Look:
        """Decode a picture, stills of a video, or the pictures of an archive; find their faces, encode them.

        Raises:
            Refused: the bytes cannot be looked at, and why.
            BadEncoder: an encoder of one's own gave a vector that has no direction.
        """
        kind = recognise(data)
        if isinstance(kind, Film):
            video = Video(data, kind, self._limits, self._every_seconds)
            taken_at, seen = video.taken_at, tuple(self._seen(video.stills()))
            return Look(str(kind), taken_at, seen, video.watched)
        if isinstance(kind, Chest):
            return self._look_into(data, kind)
        picture = decode(data, self._limits, shrink_for)
        return Look(picture.media_type, picture.taken_at, tuple(self._seen(picture.frames)))

    def _look_into(self, data: bytes, kind: Chest) -> Look:
        """Look at each picture of an archive; its frames count one a millisecond over all of them.

        What is no picture counts for nothing; what is one and cannot be read is the archive's refusal.
        """
        unpacked, seen, stills = Unpacked(), list[SeenFace](), 0
        for content in members(data, kind, unpacked):
            self._beat()
            try:
                frames = decode(content, self._limits, shrink_for).frames
            except Refused as refused:
                if refused.reason not in (Refusal.UNSUPPORTED, Refusal.NOT_AN_IMAGE, Refusal.EMPTY):
                    unpacked.leave_out(refused.reason)
                continue
            numbered = [replace(frame, frame_ms=stills + number) for number, frame in enumerate(frames)]
            seen += self._seen(numbered)
            stills += len(numbered)
        if not stills and unpacked.refusal:
            raise Refused(unpacked.refusal, f"{kind}: no picture of it could be read")
        return Look(str(kind), None, tuple(seen), Watched(stills, 0, unpacked.refusal))

    def _seen(self, frames: Iterable[Frame]) -> Iterator[SeenFace]:
        wanted = self._encoder.spec
        eyes_px = wanted.template[1][0] - wanted.template[0][0]
        for frame in frames:
            self._beat()
            picture = Pyramid(frame.image_rgb, frame.shrink, frame.full)
            faces = self._finder.find_in(picture)
            if faces:
                smallest = min(eye_distance(face.keypoints_xy_px) for face in faces)
                image_rgb, shrink = picture.sharp(smallest, eyes_px)
                crops = crop_faces(image_rgb, faces, wanted.template, wanted.size_px, shrink)
                vectors = self._encoder.encode(crops)
                for face, vector in zip(faces, vectors, strict=True):
                    yield SeenFace(frame.frame_ms, face, vector)

    def __enter__(self) -> Looker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._finder.__exit__(kind, error, at)
