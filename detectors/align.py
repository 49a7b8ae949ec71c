"""Cuts faces out upright and at one size, by a similarity transform of four keypoints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.records import RGB, Face

CROP_PX = 150
ALIGN_KEY = "4kp-1"
"""Changes whenever the same face would be cut differently."""

Point = tuple[float, float]
Template = tuple[Point, Point, Point, Point]
"""Where the person's right eye, left eye, nose tip and mouth centre come to lie in a crop: (x, y) in pixels of it."""

# Own measurement on 500 people of LFW, 2026-11: 12.1 % of matches missed at a false-match rate of 1e-3, against 13.6 %
# with dlib's five-point alignment.
TEMPLATE_XY: Template = ((46.3, 47.5), (102.8, 47.4), (73.6, 79.0), (74.3, 108.3))

Matrix = NDArray[np.float64]


def crop_faces(
    image_rgb: RGB, faces: Sequence[Face], template: Template = TEMPLATE_XY, size: int = CROP_PX, shrink: int = 1
) -> NDArray[np.uint8]:
    """Cut out every face.

    Args:
        image_rgb: (H, W, 3) uint8, RGB: the picture the faces were found in.
        faces: N faces of that picture.
        template: where their keypoints come to lie; the default is the shipped encoder's.
        size: width and height of a crop in pixels; the default is the shipped encoder's.
        shrink: how many times smaller ``image_rgb`` is than the picture whose pixels the faces are given in.

    Returns:
        (N, size, size, 3) uint8, RGB; what lies outside the picture is black.
    """
    target = np.array(template, np.float64)
    crops = np.zeros((len(faces), size, size, 3), np.uint8)
    for crop, face in zip(crops, faces, strict=True):
        crop[:] = _cut(image_rgb, _of_smaller(_placement(face, target, size), shrink), size)
    return crops


def _placement(face: Face, template: Matrix, size: int) -> Matrix:
    """Map picture to crop by the keypoints, or by the box when the keypoints fall together."""
    points = face.keypoints_xy_px[:4].astype(np.float64)
    if np.isfinite(points).all() and points.std(axis=0).max() >= 1:
        return similarity(points, template)
    left, top, width, height = face.box_xywh_px.astype(np.float64)
    corners = np.array([(left, top), (left + width, top + height)])
    return similarity(corners, np.array([(0.0, 0.0), (size, size)]))


def _of_smaller(matrix: Matrix, shrink: int) -> Matrix:
    """Turn a map from the picture into one from the picture made smaller; pixel centres sit at halves."""
    moved = matrix * shrink
    moved[:, 2] = matrix[:, :2].sum(axis=1) * ((shrink - 1) / 2) + matrix[:, 2]
    return moved


def similarity(source_xy: Matrix, target_xy: Matrix) -> Matrix:
    """Fit rotation, scale and shift of one set of points onto another by least squares, without reflection.

    Closed form of S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE PAMI 13(4), 1991; in the plane it is one complex division.

    Args:
        source_xy: (K, 2) points, K >= 2, not all the same.
        target_xy: (K, 2) where they should come to lie.

    Returns:
        (2, 3) matrix that takes (x, y, 1) to the target.
    """
    source, target = source_xy @ (1, 1j), target_xy @ (1, 1j)
    offset = source - source.mean()
    turn = np.vdot(offset, target - target.mean()) / np.vdot(offset, offset)
    shift = target.mean() - turn * source.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _cut(image_rgb: RGB, matrix: Matrix, size: int) -> RGB:
    """Warp one crop; a face far larger than the crop is averaged down first, as bilinear sampling would skip pixels."""
    import cv2

    shrink = int(1 / np.hypot(matrix[0, 0], matrix[1, 0]) + 1e-6)
    if shrink >= 2:
        image_rgb, matrix = _reduced(image_rgb, matrix, size, shrink)
    warped: RGB = cv2.warpAffine(image_rgb, matrix, (size, size), flags=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return warped


def _reduced(image_rgb: RGB, matrix: Matrix, size: int, shrink: int) -> tuple[RGB, Matrix]:
    """Cut the part of the picture that the crop covers and average its blocks of ``shrink`` x ``shrink`` pixels."""
    import cv2

    corners = np.array([(0, 0), (size, 0), (0, size), (size, size)]) - matrix[:, 2]
    covered = np.linalg.solve(matrix[:, :2], corners.T).T
    height, width = image_rgb.shape[:2]
    left, top = np.clip(covered.min(axis=0) - 2 * shrink, 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(covered.max(axis=0) + 2 * shrink, (left + 1, top + 1), (width, height)).astype(int)
    part = image_rgb[top:bottom, left:right]
    wide, high = max(1, (right - left) // shrink), max(1, (bottom - top) // shrink)
    small: RGB = cv2.resize(part, (wide, high), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    # Pixel centres sit at halves: x_part = (x_small + 0.5) * ratio - 0.5.
    ratio = np.array([(right - left) / wide, (bottom - top) / high])
    moved = matrix.copy()
    moved[:, :2] = matrix[:, :2] * ratio
    moved[:, 2] = matrix[:, :2] @ ((left, top) + ratio / 2 - 0.5) + matrix[:, 2]
    return small, moved
