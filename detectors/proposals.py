"""Says where in a whole picture faces may be: one pass of a small network over it, one over a smaller copy."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.boxes import Box, Candidate
from detectors.models import FINDER_PROPOSALS, model_path
from detectors.pyramid import Pyramid
from detectors.records import RGB
from detectors.yunet_weights import BOXES_NAME, INPUT_NAME, SCORES_NAME, STRIDES

# Pixels of the picture that the network sees, at 30 ns each: a 1080p frame at half its size, a larger picture smaller
# still. It finds faces from 8 to 10 of these pixels on.
MOST_PIXELS = 518_400
# Of the smaller copy, for larger faces: the network was trained on faces of up to 300 pixels.
ROUGH_PIXELS = 57_600
# A second pass that is larger than this share of the first would see the same again.
WORTH_A_PASS = 0.7
# Least score of a proposal.
LEAST_SCORE = 0.1
# From here on it is sure enough for a face that the near model does not know.
SURE = 0.5
# Proposals of one pass that overlap so much are of one face.
OVERLAP_OF_ONE_FACE = 0.3
# From the network's boxes, hairline to chin, to MediaPipe's squares, which the second looks are made for: medians of
# 487 faces of seven collections. Down in heights, side in widths.
DOWN, SIDE = 0.06, 1.11
# Log sides, in strides, beyond which a box is nonsense.
MOST_LOG_SIDE = 8.0


class Proposer:
    """The network, loaded once. Not for several threads at a time.

    Raises:
        ModelMissing: the model file is not installed.
        ModelCorrupt: the model file is not the one on record.
    """

    def __init__(self, folder: Path | None = None) -> None:
        path = model_path(FINDER_PROPOSALS, folder)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._outputs = [f"{name}{stride}" for stride in STRIDES for name in (SCORES_NAME, BOXES_NAME)]

    def propose(self, picture: Pyramid) -> list[Candidate]:
        """List places that may be faces, in pixels of the picture; one face may be proposed twice."""
        scale = scale_for(picture.width, picture.height)
        rough_is_new = rough_scale_for(picture.width, picture.height) < scale * WORTH_A_PASS
        rough = self.propose_roughly(picture) if rough_is_new else []
        return self._seen(picture.scaled(scale), scale) + rough

    def propose_roughly(self, picture: Pyramid) -> list[Candidate]:
        """List what the pass over the smaller copy alone proposes."""
        scale = rough_scale_for(picture.width, picture.height)
        return self._seen(picture.scaled(scale), scale)

    def _seen(self, image_rgb: RGB, scale: float) -> list[Candidate]:
        import cv2

        outputs = self._session.run(self._outputs, {INPUT_NAME: planes_of(image_rgb)})
        levels = zip(STRIDES, outputs[::2], outputs[1::2], strict=True)
        found = np.concatenate([read_places(scores[0, 0], boxes[0], stride) for stride, scores, boxes in levels])
        if not len(found):
            return []
        kept = cv2.dnn.NMSBoxes(found[:, 1:].tolist(), found[:, 0].tolist(), LEAST_SCORE, OVERLAP_OF_ONE_FACE)
        return [
            Candidate(_square(found[at, 1:]) / scale, float(found[at, 0]), bool(found[at, 0] >= SURE))
            for at in np.ravel(kept)
        ]


def scale_for(width: int, height: int) -> float:
    """Say at how many times its size a picture is seen in the first pass: 1 for the small ones."""
    return _scale(MOST_PIXELS, width, height)


def rough_scale_for(width: int, height: int) -> float:
    """Say at how many times its size a picture is seen in the second pass."""
    return _scale(ROUGH_PIXELS, width, height)


def _scale(most_pixels: int, width: int, height: int) -> float:
    return min(1.0, math.sqrt(most_pixels / (width * height)))


def planes_of(image_rgb: RGB) -> NDArray[np.uint8]:
    """Lay a picture out as the network takes it: (1, 3, H, W), in whole places of its coarsest output.

    What is added is black, as in training.
    """
    import cv2

    height, width = image_rgb.shape[:2]
    planes = np.zeros((1, 3, *(side + -side % STRIDES[-1] for side in (height, width))), np.uint8)
    for plane, channel in zip(planes[0], cv2.split(image_rgb), strict=True):
        plane[:height, :width] = channel
    return planes


def read_places(scores: NDArray[np.float32], boxes: NDArray[np.float32], stride: int) -> NDArray[np.float64]:
    """Give the places of one output that are sure enough: (n, 5) score, left, top, width, height in pixels."""
    rows, columns = np.nonzero(scores >= LEAST_SCORE)
    across, down, wide, high = boxes[:, rows, columns].astype(np.float64)
    sides = np.exp(np.minimum([wide, high], MOST_LOG_SIDE)) * stride
    centres = np.array([columns + across, rows + down]) * stride
    return np.column_stack([scores[rows, columns], (centres - sides / 2).T, sides.T])


def _square(found: NDArray[np.float64]) -> Box:
    left, top, width, height = found
    centre, half = np.array([left + width / 2, top + (0.5 + DOWN) * height]), width * SIDE / 2
    return np.concatenate([centre - half, centre + half])
