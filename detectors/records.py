"""The frozen records that the stages of seeing hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
"""(H, W, 3) uint8, 0-255, channels in RGB order."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Frame:
    """One still of a picture (most pictures have one; an animation has several)."""

    image_rgb: RGB
    frame_ms: int = 0


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Picture:
    """A decoded picture, upright by its EXIF orientation."""

    frames: tuple[Frame, ...]
    media_type: str
    # From EXIF; without a zone when the camera wrote none, and then in the camera's own clock.
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Face:
    """One face in one frame.

    Attributes:
        box_xywh_px: (4,) float32: left, top, width, height in pixels of the upright picture, clipped to it.
        keypoints_xy_px: (6, 2) float32, MediaPipe's order: right eye, left eye, nose tip, mouth, right ear, left ear
            (right and left of the person).
        score: detector score in [0, 1].
        quality: how usable the face is for telling people apart, in [0, 1] (see finder).
    """

    box_xywh_px: NDArray[np.float32]
    keypoints_xy_px: NDArray[np.float32]
    score: float
    quality: float


@dataclass(frozen=True, slots=True)
class PeopleCount:
    """How many different people, as an interval: never one bare number.

    ``low`` <= ``best`` <= ``high``; the truth lies within with probability ``confidence``.
    """

    low: int
    best: int
    high: int
    confidence: float
    method: str
    notes: tuple[str, ...] = field(default=())
