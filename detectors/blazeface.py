"""Runs MediaPipe's two face detectors on square windows of a picture."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.boxes import Box
from detectors.models import FINDER_FAR, FINDER_NEAR, model_path
from detectors.pyramid import Pyramid
from detectors.records import RGB

# Windows are handed over at twice the size the models work at (128 and 192): MediaPipe halves them smoothly, and its
# boxes, which come in whole pixels, are that much finer.
NEAR_WINDOW_PX, FAR_WINDOW_PX = 256, 384
# Answers less sure than this are not even reported: each costs 0.1 ms on the way into Python.
LEAST_SCORE = 0.12
# MediaPipe's own merging of overlapping answers within one window.
OVERLAP_OF_ONE_FACE = 0.3


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sighting:
    """One answer of one model.

    Attributes:
        box: (4,) left, top, right, bottom in pixels of the picture.
        keypoints: (6, 2) in MediaPipe's order, in pixels of the picture.
        score: of the model, in (0, 1).
        far: which model gave it.
    """

    box: Box
    keypoints: NDArray[np.float64]
    score: float
    far: bool


class Net:
    """One detector, loaded once. Not for several threads at a time.

    Raises:
        ModelMissing: the model file is not installed.
        ModelCorrupt: the model file is not the one on record.
    """

    def __init__(self, folder: Path | None, *, far: bool) -> None:
        self.far = far
        self._window_px = FAR_WINDOW_PX if far else NEAR_WINDOW_PX
        self.model_px = self._window_px // 2
        path = model_path(FINDER_FAR if far else FINDER_NEAR, folder)
        with _silent():
            self._detector = _load(path)
            self._detect(np.zeros((self._window_px, self._window_px, 3), np.uint8))
        # Runs before the interpreter takes MediaPipe apart, which a mere __del__ would be too late for.
        self._finalizer = weakref.finalize(self, _close, self._detector)

    def close(self) -> None:
        """Free the model; closing twice does nothing."""
        self._finalizer()

    def look(self, pyramid: Pyramid, left: float, top: float, side: float) -> list[Sighting]:
        """Look at one window of a picture and report in pixels of the picture."""
        there = round(side / pyramid.shrink)
        # A window with fewer pixels than the model has gains nothing from being blown up to twice the model.
        window_px = min(self._window_px, max(self.model_px, there))
        scale = side / window_px
        corner = np.array([left, top])
        found = []
        for answer in self._detect(pyramid.cut(left, top, side, window_px)):
            at = answer.bounding_box
            box = np.array([at.origin_x, at.origin_y, at.origin_x + at.width, at.origin_y + at.height], np.float64)
            points = np.array([(point.x, point.y) for point in answer.keypoints], np.float64) * window_px
            score = float(answer.categories[0].score)
            found.append(Sighting(box * scale + np.tile(corner, 2), points * scale + corner, score, self.far))
        return found

    def _detect(self, window_rgb: RGB) -> list[Any]:
        from mediapipe.tasks.python.vision.core.image import Image, ImageFormat

        return list(self._detector.detect(Image(ImageFormat.SRGB, np.ascontiguousarray(window_rgb))).detections)


def _load(path: Path) -> Any:
    with _spared():
        from mediapipe.tasks.python.core.base_options import BaseOptions
        from mediapipe.tasks.python.vision.face_detector import FaceDetector, FaceDetectorOptions

    options = FaceDetectorOptions(
        base_options=BaseOptions(model_asset_path=str(path)),
        min_detection_confidence=LEAST_SCORE,
        min_suppression_threshold=OVERLAP_OF_ONE_FACE,
    )
    return FaceDetector.create_from_options(options)


# Libraries that MediaPipe's package loads for its microphone and its drawings: more than half of the time it takes, in
# every process that looks.
_UNUSED = ("sounddevice", "matplotlib", "matplotlib.pyplot")


@contextmanager
def _spared() -> Iterator[None]:
    """Have MediaPipe loaded without them; what else wants them gets them afterwards."""
    stand_ins = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update({name: ModuleType(name) for name in stand_ins})
    try:
        yield
    finally:
        for name in stand_ins:
            del sys.modules[name]


def _close(detector: Any) -> None:
    with _silent():
        try:
            detector.close()
        except RuntimeError:
            # The interpreter is ending and MediaPipe's own thread, which would free the model, has gone. So does the
            # process: all that is left to do is to keep the detector's destructor from trying once more.
            detector._handle = None


_one_at_a_time = threading.Lock()


@contextmanager
def _silent() -> Iterator[None]:
    """Send standard error away while a model loads or goes: MediaPipe writes pages there, whatever the log level."""
    for name, level in (("GLOG_minloglevel", "2"), ("TF_CPP_MIN_LOG_LEVEL", "2")):
        os.environ.setdefault(name, level)
    with _one_at_a_time:
        sys.stderr.flush()
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
