"""Picks stills out of a video, one after the other: memory stays flat on hours of it.

Where key frames come often enough only they are decoded; elsewhere every frame is. Of what is decoded a still is taken
at each step of time and where the scene changes. How far apart the stills are at most is said, because between two of
them nobody looked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from detectors.deadline import run_within
from detectors.decode import DecodeLimits
from detectors.errors import Refusal, Refused
from detectors.packets import SparseDecoder
from detectors.records import Frame
from detectors.signatures import Film

SCENE_CHANGE = 0.12
"""Mean difference of two small gray stills, of 1, from which on the scene has changed; own choice."""

SCENE_SECONDS = 0.2
"""Stills are never closer than this, however much changes."""

# Containers round their length up, and sound may go on after the last frame.
_TAIL_SECONDS = 1.0
# Times that jump further ahead than a recording lasts, or beyond what a column of milliseconds holds, are damage.
_JUMP_SECONDS = 24 * 3600.0
_MOST_MS = 2**31 - 1
_SMALL = (64, 36)
_NO_PICTURES = "it has no pictures"
_END = object()
_Small = NDArray[np.float32]


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
    """A video, opened.

    Args:
        file: the file, open and seekable; it is read as far as the stills are asked for, and not closed.
        kind: what it is by its first bytes.
        limits: what decoding may take; ``max_seconds`` is for one step.
        every_seconds: a still is taken at least so often, as far as there are frames.

    Raises:
        Refused: it cannot be opened, has no pictures, or they are too large.
    """

    def __init__(self, file: BinaryIO, kind: Film, limits: DecodeLimits, every_seconds: float) -> None:
        import av
        from av.stream import Disposition

        self._av, self._limits, self._every = av, limits, every_seconds
        try:
            self._container: Any = av.open(file, metadata_errors="ignore")
        except (av.FFmpegError, ValueError, MemoryError) as problem:
            raise _refused(problem, kind) from None
        every = list(self._container.streams.video)
        # A picture of its cover is a track too; of an unknown codec there is no context.
        tracks = [s for s in every if not s.disposition & Disposition.attached_pic] or every
        readable = [s for s in tracks if s.codec_context is not None]
        if not readable:
            self._container.close()
            raise Refused(Refusal.UNSUPPORTED, f"{kind}: {_NO_PICTURES}")
        self._stream, self._kind, self._has_more = readable[0], kind, len(tracks) > 1
        self._check(self._stream.width or 0, self._stream.height or 0)
        self._decoder = SparseDecoder(self._container, self._stream, every_seconds, SCENE_SECONDS)
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
        """Give the stills, upright, with their times from the beginning; what cannot be decoded is passed over.

        Raises:
            Refused: not a single one could be read.
        """
        try:
            steps = self._steps()
            while (step := run_within(self._limits.max_seconds, lambda: next(steps, _END))) is not _END:
                if isinstance(step, Frame):
                    yield step
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
        self._close(length)

    @property
    def watched(self) -> Watched:
        """How much was looked at; known once ``stills`` has come to its end."""
        gaps = np.diff(self._edges)
        return Watched(len(self._taken), min(round(1000 * float(gaps.max())), _MOST_MS), self._refusal)

    def _close(self, length: float) -> None:
        if not self._taken:
            raise Refused(self._refusal or Refusal.TRUNCATED, f"{self._kind}: no still of it could be read")
        is_longer = length - self._taken[-1] > self._every + _TAIL_SECONDS  # than what there was to read
        if self._refusal is None and (is_longer or self._decoder.is_damaged):
            self._refusal = Refusal.TRUNCATED
        if self._has_more:
            self._refusal = self._refusal or Refusal.MORE_TRACKS
        self._edges = [0.0, *self._taken, max(length, self._taken[-1])]

    def _steps(self) -> Iterator[Frame | None]:
        """Go on frame by frame, so that time is taken of each: give it when it is a still, None when not."""
        clock, waiting, before = _Clock(self._stream), None, None
        for frame in self._decoder.frames():
            if frame is None:
                yield None
                continue
            self._check(frame.width, frame.height)
            at = clock.read(frame)
            if waiting is not None:
                small = self._chosen(*waiting, at, before)
                before = before if small is None else small
                yield None if small is None else self._still(*waiting)
            waiting = frame, at
        if waiting is not None:
            yield self._still(*waiting)

    def _chosen(self, frame: Any, at: float, next_at: float, before: _Small | None) -> _Small | None:
        """Choose a frame when the next would be too late, or the scene has changed: give it small; None when not."""
        is_due = not self._taken or next_at - self._taken[-1] > self._every + 1e-3
        if not is_due and at - self._taken[-1] < SCENE_SECONDS - 1e-3:
            return None
        small = _small(frame)
        has_changed = before is None or float(np.abs(small - before).mean()) > SCENE_CHANGE
        return small if is_due or has_changed else None

    def _still(self, frame: Any, at: float) -> Frame:
        self._taken.append(at)
        return Frame(_upright(frame), round(1000 * at))

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


class _Clock:
    """Reads the times of frames, from the first on; they never run back, though the stamps of joined recordings do."""

    def __init__(self, stream: Any) -> None:
        self._step = 1 / float(stream.average_rate) if stream.average_rate else 0.04
        self._base = float(stream.time_base or 1)
        self._shift, self._last = 0.0, -1.0

    def read(self, frame: Any) -> float:
        # Of the frames that a decoder gives at its end PyAV does not know the time base.
        said = None if frame.pts is None else frame.pts * self._base
        if self._last < 0:
            self._shift, self._last = -(said or 0.0), 0.0
            return 0.0
        at = self._last + self._step if said is None else said + self._shift
        if not self._last <= at < self._last + _JUMP_SECONDS:
            self._shift += self._last + self._step - at
            at = self._last + self._step
        self._last = min(at, _MOST_MS / 1000)
        return self._last


def _upright(frame: Any) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    # The rotation is that of the picture, counter-clockwise, as it is to be shown.
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _small(frame: Any) -> _Small:
    small: NDArray[np.uint8] = frame.reformat(width=_SMALL[0], height=_SMALL[1], format="gray").to_ndarray()
    return small.astype(np.float32) / np.float32(255)


def _refused(problem: BaseException, kind: Film) -> Refused:
    name = type(problem).__name__
    if isinstance(problem, MemoryError):
        return Refused(Refusal.TOO_LARGE, f"{kind} asked for more memory than there is")
    if "DecoderNotFound" in name or "PatchWelcome" in name:
        return Refused(Refusal.UNSUPPORTED, f"{kind} of a codec that is not read")
    return Refused(Refusal.TRUNCATED, f"{kind} that is damaged or whose end is missing")
