"""Looks at many windows of a picture at once: MediaPipe's far model, rebuilt so that it takes them in batches.

The windows are as large as the model was made for: seen in more surroundings than that it is less sure of small faces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.blazeface import FAR_WINDOW_PX, Sighting
from detectors.models import FINDER_WIDE, model_path
from detectors.pyramid import Pyramid
from detectors.records import RGB
from detectors.tflite_onnx import BOXES_NAME, INPUT_NAME, SCORES_NAME
from detectors.tiles import Window

WINDOW_PX = FAR_WINDOW_PX // 2
# Log odds (a score of 0.15) from which an answer is worth a second look.
CANDIDATE_LOG_ODDS = -1.73
# The model's answers lie 4 pixels apart; one counts when it is the surest among its neighbours, one to each side.
CELL_PX, NEIGHBOURHOOD = 4, 3
# More at once gain nothing, and their layers leave the processor's cache.
AT_ONCE = 4

Values = NDArray[np.float32]


class Screen:
    """The model, loaded once. Not for several threads at a time.

    Args:
        folder: of the model files; default as in ``models.models_folder``.

    Raises:
        ModelMissing: the model file is not installed.
        ModelCorrupt: it is not the one on record.
    """

    def __init__(self, folder: Path | None = None) -> None:
        path = model_path(FINDER_WIDE, folder)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def look(self, picture: Pyramid, windows: Sequence[Window]) -> list[Sighting]:
        """Report where in some windows of a picture faces may be; one in two windows is reported twice."""
        seen: list[Sighting] = []
        for start in range(0, len(windows), AT_ONCE):
            some = windows[start : start + AT_ONCE]
            cuts = np.stack([_halved(picture.cut(w.left, w.top, w.side, FAR_WINDOW_PX)) for w in some])
            for window, scores, places in zip(some, *self._run(cuts), strict=True):
                seen += _sightings(window, scores, places)
        return seen

    def _run(self, cuts: NDArray[np.uint8]) -> tuple[Values, Values]:
        """Give the log odds of each cell, (N, rows, columns), and its places, (N, rows, columns, 8, 2), in pixels."""
        fed: Values = cuts.astype(np.float32) / np.float32(127.5) - np.float32(1)
        outputs: list[Any] = self._session.run([SCORES_NAME, BOXES_NAME], {INPUT_NAME: fed})
        cells = (len(cuts), *(side // CELL_PX for side in cuts.shape[1:3]))
        return outputs[0].reshape(cells), outputs[1].reshape(*cells, 8, 2)


def _halved(cut: RGB) -> RGB:
    import cv2

    return np.asarray(cv2.resize(cut, (WINDOW_PX, WINDOW_PX), interpolation=cv2.INTER_AREA), np.uint8)


def _sightings(window: Window, scores: Values, places: Values) -> Iterator[Sighting]:
    import cv2

    surest = cv2.dilate(scores, np.ones((NEIGHBOURHOOD, NEIGHBOURHOOD), np.uint8))
    scale, corner = window.side / WINDOW_PX, np.array([window.left, window.top])
    for row, column in np.argwhere((scores > CANDIDATE_LOG_ODDS) & (scores >= surest)):
        # Centre, size and six keypoints, places from the middle of the cell on.
        middle = np.array([column + 0.5, row + 0.5]) * CELL_PX
        centre, size, *points = places[row, column].astype(np.float64)
        corners = np.concatenate([centre + middle - size / 2, centre + middle + size / 2])
        score = float(1 / (1 + np.exp(-scores[row, column], dtype=np.float64)))
        keypoints = (np.array(points) + middle) * scale + corner
        yield Sighting(corners * scale + np.tile(corner, 2), keypoints, score, far=True)
