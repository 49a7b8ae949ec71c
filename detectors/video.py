"""Picks stills out of a video, one after the other: memory stays flat on hours of it.

Where key frames come often enough only they are decoded; elsewhere every frame is, and one is taken at each step of
time and where the scene changes. How far apart the stills are at most is said, because between two of them nobody
looked.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.deadline import run_within
from detectors.decode import DecodeLimits
from detectors.errors import Refusal, Refused
from detectors.records import Frame
from detectors.signatures import Film

SCENE_CHANGE = 0.12
"""Mean difference of two small gray stills, of 1, from which on the scene has changed; own choice."""

SCENE_SECONDS = 0.2
"""Stills are never closer than this, however much changes."""

# Containers round their length up, and sound may go on after the last frame.
_TAIL_SECONDS = 1.0
_SMALL = (64, 36)
_NO_PICTURES = "it has no pictures"


@dataclass(frozen=True, slots=True)
class Watched:
    """How much of a video was looked at.

    Attributes:
        stills: how many were taken.
        longest_gap_ms: longest time between two of them, or between one and an end of the video.
        refusal: why the rest could not be read; None when all could.
    """

    stills: int
    longest_gap_ms: int
    refusal: Refusal | None


class Video:
    """A video in memory, opened.

    Args:
        data: the whole file.
        kind: what it is by its first bytes.
        limits: what decoding may take; ``max_seconds`` is for one still.
        every_seconds: a still is taken at least so often, as far as there are frames.

    Raises:
        Refused: it cannot be opened, has no pictures, or they are too large.
    """

    def __init__(self, data: bytes, kind: Film, limits: DecodeLimits, every_seconds: float) -> None:
        import av

        self._av, self._limits, self._every = av, limits, every_seconds
        try:
            self._container: Any = av.open(io.BytesIO(data), metadata_errors="ignore")
        except (av.FFmpegError, ValueError, MemoryError) as problem:
            raise _refused(problem, kind) from None
        streams = [s for s in self._container.streams.video if s.codec_context is not None]
        if not streams:
            self._container.close()
            raise Refused(Refusal.UNSUPPORTED, f"{kind}: {_NO_PICTURES}")
        self._stream, self._kind = streams[0], kind
        self._check(self._stream.width or 0, self._stream.height or 0)
        self._taken: list[float] = []
        self._refusal: Refusal | None = None

    @property
    def taken_at(self) -> datetime | None:
        """When it began, UTC, as its container says."""
        said = self._container.metadata.get("creation_time", "")
        try:
            at = datetime.fromisoformat(said)
        except ValueError:
            return None
        # 1904 and 1970 are what cameras without a clock write.
        return at.astimezone(UTC) if at.tzinfo and at.year > 1970 else None

    def stills(self) -> Iterator[Frame]:
        """Give the stills, upright, with their times from the beginning; what cannot be decoded ends them.

        Raises:
            Refused: not a single one could be read.
        """
        try:
            stills = self._stills()
            while (still := run_within(self._limits.max_seconds, lambda: next(stills, None))) is not None:
                yield still
        except TimeoutError:
            self._refusal = Refusal.TIMEOUT
        except Refused as refused:
            self._refusal = refused.reason
        except MemoryError:
            self._refusal = Refusal.TOO_LARGE
        except (self._av.FFmpegError, ValueError) as problem:
            self._refusal = _refused(problem, self._kind).reason
        finally:
            length = self._length()
            self._container.close()
        if not self._taken:
            raise Refused(self._refusal or Refusal.TRUNCATED, f"{self._kind}: no still of it could be read")
        if self._refusal is None and length - self._taken[-1] > self._every + _TAIL_SECONDS:
            self._refusal = Refusal.TRUNCATED  # it says that it is longer
        self._edges = [0.0, *self._taken, max(length, self._taken[-1])]

    @property
    def watched(self) -> Watched:
        """How much was looked at; known once ``stills`` has come to its end."""
        gaps = np.diff(self._edges)
        return Watched(len(self._taken), round(1000 * float(gaps.max())), self._refusal)

    def _stills(self) -> Iterator[Frame]:
        chosen = self._chosen_keys()
        rate = self._stream.average_rate
        step = 1 / float(rate) if rate else 0.0
        before: NDArray[np.float32] | None = None
        began: float | None = None
        for frame in self._key_frames(chosen) if chosen else self._container.decode(self._stream):
            self._check(frame.width, frame.height)
            began = frame.time or 0.0 if began is None else began
            at = max(0.0, (frame.time or 0.0) - began)
            since = at - self._taken[-1] if self._taken else np.inf
            # The next frame would be too late.
            due = bool(chosen) or since + step > self._every + 1e-3
            if not due and since < SCENE_SECONDS:
                continue
            small = _small(frame)
            if due or before is None or float(np.abs(small - before).mean()) > SCENE_CHANGE:
                before = small
                self._taken.append(at)
                yield Frame(_upright(frame), round(1000 * at))

    def _chosen_keys(self) -> set[int]:
        """Choose key frames, by their time stamps, as few as keep the step of time; none where they are too rare."""
        base = float(self._stream.time_base or 1)
        keys = sorted(p.pts for p in self._container.demux(self._stream) if p.is_keyframe and p.pts is not None)
        self._container.seek(0)
        if len(keys) < 2 or float(np.diff(keys).max()) * base > self._every + 1e-3:
            return set()
        chosen = [keys[0]]
        for here, following in zip(keys[1:], [*keys[2:], None], strict=True):
            if following is None or (following - chosen[-1]) * base > self._every + 1e-3:
                chosen.append(here)
        return set(chosen)

    def _key_frames(self, chosen: set[int]) -> Iterator[Any]:
        """Decode the chosen packets and no other; the empty packet at the end makes the decoder give what it holds."""
        for packet in self._container.demux(self._stream):
            if not packet.size or packet.pts in chosen:
                yield from packet.decode()

    def _length(self) -> float:
        try:
            seconds = self._container.duration
        except (self._av.FFmpegError, ValueError):
            return 0.0
        return seconds / 1_000_000 if seconds else 0.0

    def _check(self, width: int, height: int) -> None:
        if width * height > self._limits.max_pixels:
            said = f"{width}x{height} pixels, allowed are {self._limits.max_pixels}; raise scan.max_pixels"
            raise Refused(Refusal.TOO_LARGE, said)


def _upright(frame: Any) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    # The rotation is that of the picture, counter-clockwise, as it is to be shown.
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _small(frame: Any) -> NDArray[np.float32]:
    small: NDArray[np.uint8] = frame.reformat(width=_SMALL[0], height=_SMALL[1], format="gray").to_ndarray()
    return small.astype(np.float32) / np.float32(255)


def _refused(problem: BaseException, kind: Film) -> Refused:
    name = type(problem).__name__
    if isinstance(problem, MemoryError):
        return Refused(Refusal.TOO_LARGE, f"{kind} asked for more memory than there is")
    if "DecoderNotFound" in name or "PatchWelcome" in name:
        return Refused(Refusal.UNSUPPORTED, f"{kind} of a codec that is not read")
    return Refused(Refusal.TRUNCATED, f"{kind} that is damaged or whose end is missing")
