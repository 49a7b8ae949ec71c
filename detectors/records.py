"""The frozen records that the stages of seeing hand to each other."""

from __future__ import annotations

from collections.abc import Callable
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
    # How many times smaller than the stored picture, and what gives that.
    shrink: int = 1
    full: Callable[[], RGB] | None = None


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Picture:
    """A decoded picture, upright by its EXIF orientation."""

    frames: tuple[Frame, ...]
    media_type: str
    # From EXIF; without a zone when the camera wrote none, and then in the camera's own clock.
    taken_at: datetime | None = None
    # How many stills or pages the file holds; ``frames`` may be fewer.
    stills: int = 1


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


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sightings:
    """Faces to count people in: their vectors, and what a store knows of each. Biometric data.

    Attributes:
        vectors: (N, D) floating; any length but zero.
        frames: (N,) int64, a number per picture or video frame; faces in one frame are two people.
        quality: (N,) in [0, 1], as ``quality`` grades them; None counts every face as usable.
        subjects: (N,) int64, a number per data subject that a face is filed under; -1 under nobody.
        cameras: (N,) int64, a number per camera; -1 when not from a camera. Goes with ``seconds``.
        seconds: (N,) float64, when the frame was taken, on any clock; NaN when not known.
    """

    vectors: NDArray[np.floating]
    frames: NDArray[np.integer] | None = None
    quality: NDArray[np.floating] | None = None
    subjects: NDArray[np.integer] | None = None
    cameras: NDArray[np.integer] | None = None
    seconds: NDArray[np.floating] | None = None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """How many groups a plain clustering would print at one match threshold.

    Attributes:
        strictness: the threshold, in deviations above a face's own strangers (see ``cohort``).
        groups: about how many groups faces fall in there.
        false_merge: share of the joined pairs that are two people, as estimated on this collection.
        false_split: share of the pairs of one person that are not joined, likewise.
    """

    strictness: float
    groups: float
    false_merge: float
    false_split: float


@dataclass(frozen=True, slots=True)
class PeopleCount:
    """How many different people, as an interval: never one bare number.

    ``low`` <= ``best`` <= ``high``; the truth lies within with probability ``confidence``.

    Attributes:
        known: people who are filed as data subjects, within ``best``; each counts as one.
        unknown_low: fewest people among the faces that are filed under nobody and are none of the known.
        unknown_best: the most likely number of them.
        unknown_high: the most of them.
        unusable: faces too small or blurred to be told apart; they widen the interval.
        calibrated: whether the collection looks like what the calibration was made on, from 0 (no) to 1 (yes).
        lone_share_high: upper bound of the share of faces whose person has just this one face.
        curve: what plain clustering would print by threshold, and how wrong it would be.
        notes: why the interval is wide, in words for the report.
    """

    low: int
    best: int
    high: int
    confidence: float
    method: str
    notes: tuple[str, ...] = field(default=())
    known: int = 0
    unknown_low: int = 0
    unknown_best: int = 0
    unknown_high: int = 0
    unusable: int = 0
    calibrated: float = 1.0
    lone_share_high: float = 1.0
    curve: tuple[CurvePoint, ...] = field(default=())
