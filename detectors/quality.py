"""Says how usable a face is for telling people apart, from its size, its sharpness and how far it is turned away."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.records import RGB

# Distance between the eyes in the crop that the encoder is given: a face with less is blown up.
FULL_EYE_DISTANCE_PX = 56.0
# A face that is seen with this share of that is not decoded anew for more: the faces of LFW, which the shipped profile
# was measured on, have 45 pixels between the eyes in the median.
ENOUGH = 0.75
# Nose tip's way off the middle between the eyes, along the eye line, in eye distances: 0 from the front, 0.1 in the
# median of 200 LFW faces; at 0.5 it stands before one eye.
PROFILE_OFFSET = 0.5
# Share of a face's contrast that lies in its finest detail (see ``sharpness_of``) from which it counts as sharp: the
# median of 200 LFW faces, own measurement, 2026-11.
FULL_SHARPNESS = 0.10
# Below that a face is blurred beyond recognition, as anonymisers do: two such faces had 0.020 and 0.024, the least of
# 600 others 0.043. A sharp face gets there by a blur of a twelfth of its eye distance.
LEAST_SHARPNESS = 0.03


def eye_distance(keypoints_xy: NDArray[np.floating]) -> float:
    """Give the distance between the eyes of (6, 2) keypoints, in their unit."""
    return float(np.hypot(*(keypoints_xy[1] - keypoints_xy[0])))


def quality_of(keypoints_xy: NDArray[np.float64], sharpness: float, shrink: int = 1) -> float:
    """Grade one face.

    ``quality`` = cube root of (size x sharpness x frontality), each in [0, 1]:
    size = eye distance / 56 px; sharpness = fine detail / 0.10; frontality = exp(-(nose offset / 0.5)^2).

    Args:
        keypoints_xy: (6, 2) pixels of the picture; right eye, left eye, nose tip, mouth, ears.
        sharpness: its ``sharpness_of``.
        shrink: how many times smaller than stored the picture is: the size is that of the stored picture.

    Returns:
        0 (of no use) to 1.
    """
    right, left, nose = keypoints_xy[0], keypoints_xy[1], keypoints_xy[2]
    eye_line = left - right
    distance = float(np.hypot(*eye_line))
    if distance < 1:
        return 0.0
    size = min(distance * shrink / FULL_EYE_DISTANCE_PX, 1.0)
    offset = abs(float((nose - (right + left) / 2) @ eye_line)) / distance**2
    frontality = math.exp(-((offset / PROFILE_OFFSET) ** 2))
    return float(np.cbrt(size * min(sharpness / FULL_SHARPNESS, 1.0) * frontality))


def sharpness_of(image_rgb: RGB, keypoints_xy: NDArray[np.float64]) -> float:
    """Compare the detail that a light blur takes away from a face with all the contrast there is.

    Taken around eyes and mouth at the encoder's scale or, for smaller faces, at their own.

    Args:
        image_rgb: (H, W, 3) uint8, the picture.
        keypoints_xy: (6, 2) pixels of it, as of ``quality_of``.

    Returns:
        In [0, 1]; 1 for a face too small to be blurred. Below ``LEAST_SHARPNESS`` nobody could be recognised.
    """
    import cv2

    distance = eye_distance(keypoints_xy)
    if distance < 1:
        return 1.0
    centre = keypoints_xy[:4].mean(axis=0)
    top_left = np.floor(np.maximum(centre - distance, 0)).astype(int)
    bottom_right = np.ceil(np.maximum(centre + distance, 0)).astype(int)
    part = image_rgb[top_left[1] : bottom_right[1], top_left[0] : bottom_right[0]]
    if min(part.shape[:2]) < 4:
        return 0.0
    shrink = min(1.0, FULL_EYE_DISTANCE_PX / distance)
    size = max(4, round(part.shape[1] * shrink)), max(4, round(part.shape[0] * shrink))
    gray = cv2.cvtColor(cv2.resize(part, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.float64)
    fine = gray - cv2.GaussianBlur(gray, (0, 0), 1.0)
    contrast = float(gray.std())
    return float(fine.std()) / contrast if contrast > 0 else 0.0
