"""Looks at one stored picture: bytes in, faces and their vectors out. Models load once for many pictures."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from detectors.align import crop_faces
from detectors.archives import Unpacked, members
from detectors.decode import DecodeLimits, decode
from detectors.encoder import SHIPPED, EncoderSpec, FaceEncoder
from detectors.errors import Refusal, Refused
from detectors.finder import FINDER_KEY, FaceFinder, shrink_for
from detectors.further import Further
from detectors.pyramid import Pyramid
from detectors.quality import ENOUGH, eye_distance
from detectors.records import Frame
from detectors.signatures import HEAD_BYTES, Chest, Film, recognise
from detectors.video import Video, Watched

if TYPE_CHECKING:
    from detectors.records import Face


# Goes up when other stills of a video, or other members of an archive, are looked at.
_VIDEO_KEY = "video-3 archives-3 animations-2"


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

    def look(self, data: bytes | BinaryIO) -> Look:
        """Decode a picture, stills of a video, or the pictures of an archive; find their faces, encode them.

        Args:
            data: the whole file, or the file itself, open and seekable: of a video or an archive no more is read than
                is looked at, and no more is held than one piece. It is not closed.

        Raises:
            Refused: the bytes cannot be looked at, and why.
            BadEncoder: an encoder of one's own gave a vector that has no direction.
        """
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        kind = recognise(file.read(HEAD_BYTES))
        file.seek(0)
        if isinstance(kind, Film):
            return self._watch(file, kind)
        if isinstance(kind, Chest):
            return self._look_into(file, kind)
        return self._look_at(file.read())

    def _look_at(self, data: bytes) -> Look:
        picture = decode(data, self._limits, shrink_for)
        if picture.stills == 1:
            return Look(picture.media_type, picture.taken_at, tuple(self._seen(picture.frames)))
        further = Further(data, picture, self._limits, self._every_seconds)
        seen = tuple(self._seen(chain(picture.frames, further.stills())))
        return Look(picture.media_type, picture.taken_at, seen, further.watched)

    def _watch(self, file: BinaryIO, kind: Film) -> Look:
        video = Video(file, kind, self._limits, self._every_seconds)
        taken_at, seen = video.taken_at, tuple(self._seen(video.stills()))
        return Look(str(kind), taken_at, seen, video.watched)

    def _look_into(self, file: BinaryIO, kind: Chest) -> Look:
        """Look at each picture of an archive, and at the stills of videos in it; they count one a millisecond in all.

        What is no picture counts for nothing; what is one and cannot be read is the archive's refusal.
        """
        unpacked, seen, stills = Unpacked(), list[SeenFace](), 0
        for content in members(file, kind, unpacked):
            self._beat()
            for frame in self._of_member(content, unpacked):
                seen += self._seen([replace(frame, frame_ms=stills)])
                stills += 1
        if not stills and unpacked.refusal:
            raise Refused(unpacked.refusal, f"{kind}: no picture of it could be read")
        return Look(str(kind), None, tuple(seen), Watched(stills, unpacked.longest_gap_ms, unpacked.refusal))

    def _of_member(self, content: bytes, unpacked: Unpacked) -> Iterator[Frame]:
        """Give the stills of one member of an archive; an archive in an archive stays closed, and is said."""
        kind = recognise(content)
        try:
            if isinstance(kind, Chest):
                raise Refused(Refusal.NESTED)
            if isinstance(kind, Film):
                video = Video(io.BytesIO(content), kind, self._limits, self._every_seconds)
                yield from video.stills()
                unpacked.longest_gap_ms = max(unpacked.longest_gap_ms, video.watched.longest_gap_ms)
                if refusal := video.watched.refusal:
                    raise Refused(refusal)
            else:
                picture = decode(content, self._limits, shrink_for)
                further = Further(content, picture, self._limits, self._every_seconds)
                yield from chain(picture.frames, further.stills())
                if refusal := further.watched.refusal:
                    raise Refused(refusal)
        except Refused as refused:
            if refused.reason not in (Refusal.UNSUPPORTED, Refusal.NOT_AN_IMAGE, Refusal.EMPTY):
                unpacked.leave_out(refused.reason)

    def _seen(self, frames: Iterable[Frame]) -> Iterator[SeenFace]:
        wanted = self._encoder.spec
        eyes_px = (wanted.template[1][0] - wanted.template[0][0]) * ENOUGH
        for frame in frames:
            self._beat()
            picture = Pyramid(frame.image_rgb, frame.shrink, frame.sharper)
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
