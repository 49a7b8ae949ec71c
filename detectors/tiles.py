"""Decides which square windows of a picture are looked at, and cuts them out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.records import RGB

# The far model sees 192 pixels and finds faces from 12 of them on (90 % of 146 faces of group photographs that were
# shrunk to 24 pixels; 14 pixels: 93 %, 10: 83 %). Own measurement, 2026-11. A window of 320 is for faces of 20 pixels.
FINEST_PX = 320
# Windows of the finest grid, at 6 ms each: what a 1080p frame may cost. A larger picture gets larger windows, and the
# smallest face found grows with it: from about 1/80 of the long side on.
MOST_WINDOWS = 18
# Faces up to this share of a window lie whole in at least one of them.
OVERLAP = 0.15
# From grid to grid: a face that is too large for the overlap of one is large enough for the next.
COARSER = 2.7
# Around the whole picture: faces that fill it are found when they are smaller than what the model sees.
PADDED = 1.6
# The near model joins on windows of at most this many per grid: with more, the far model finds all it would add.
NEAR_UP_TO = 3
# What lies outside the picture. Of faces cut off by 40 % at a border 21 of 24 are found against mid grey, 13 against
# black, 14 against the border drawn out.
OUTSIDE = 128
# Levels of a picture that are smaller than this are not made.
SMALLEST_LEVEL_PX = 256
# Turned pictures are looked at whole only; in small ones the near model sees all that the far one would.
FAR_TURNED_FROM = 640


@dataclass(frozen=True, slots=True)
class Window:
    """A square part of a picture; it may reach beyond the borders, where it is grey."""

    left: int
    top: int
    side: int
    near: bool
    far: bool


def plan(width: int, height: int) -> list[Window]:
    """List the windows for a picture of this size, coarse to fine: always the same for the same size."""
    longest = max(width, height)
    windows = [_around(width, height, PADDED, far=False), _around(width, height, 1.0, far=True)]
    side = _finest(width, height)
    while side < longest * 0.85:
        corners = list(_grid(width, height, side))
        windows += [Window(x, y, side, near=len(corners) <= NEAR_UP_TO, far=True) for x, y in corners]
        side = int(side * COARSER)
    return windows


def coarse_plan(width: int, height: int) -> list[Window]:
    """List the windows for a look at a turned picture: only the whole of it."""
    far = max(width, height) >= FAR_TURNED_FROM
    return [_around(width, height, PADDED, far=False), _around(width, height, 1.0, far=far)]


def _around(width: int, height: int, times: float, *, far: bool) -> Window:
    side = math.ceil(max(width, height) * times)
    return Window((width - side) // 2, (height - side) // 2, side, near=True, far=far)


def _finest(width: int, height: int) -> int:
    side = FINEST_PX
    while len(list(_grid(width, height, side))) > MOST_WINDOWS:
        side += max(1, side // 20)
    return side


def _grid(width: int, height: int, side: int) -> Iterator[tuple[int, int]]:
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield left, top


def _starts(length: int, side: int) -> list[int]:
    """Spread windows evenly over a length; a window longer than that is centred."""
    if length <= side:
        return [(length - side) // 2]
    overlap = int(side * OVERLAP)
    count = math.ceil((length - overlap) / (side - overlap))
    return [round(number * (length - side) / (count - 1)) for number in range(count)]


class Pyramid:
    """A picture at its own size and at halves of it: a window is taken from the level that is just large enough."""

    def __init__(self, image_rgb: RGB) -> None:
        import cv2

        self.levels: list[RGB] = [image_rgb]
        while max(self.levels[-1].shape[:2]) >= 2 * SMALLEST_LEVEL_PX and min(self.levels[-1].shape[:2]) >= 2:
            height, width = (length // 2 for length in self.levels[-1].shape[:2])
            # Even sizes only, so that every level is half the last one to the pixel.
            even = self.levels[-1][: height * 2, : width * 2]
            self.levels.append(np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8))

    def cut(self, left: float, top: float, side: float, out_px: int) -> RGB:
        """Cut a square and bring it to ``out_px`` pixels.

        Args:
            left: of the square, in pixels of the picture; may lie outside.
            top: likewise.
            side: of the square.
            out_px: side of the result.

        Returns:
            (out_px, out_px, 3) uint8; what lies outside the picture is mid grey.
        """
        import cv2

        level = min(max(0, math.floor(math.log2(max(side, 1) / out_px))), len(self.levels) - 1)
        left, top, side = (length / 2**level for length in (left, top, side))
        square = _padded(self.levels[level], round(left), round(top), max(1, round(side)))
        # Less than one more halving is left to do here: plain interpolation is good enough for it and ten times faster.
        return np.asarray(cv2.resize(square, (out_px, out_px), interpolation=cv2.INTER_LINEAR), np.uint8)


def _padded(picture: RGB, left: int, top: int, side: int) -> RGB:
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if (x1 - x0, y1 - y0) == (side, side):
        return np.ascontiguousarray(picture[y0:y1, x0:x1])
    square = np.full((side, side, 3), OUTSIDE, np.uint8)
    if x1 > x0 and y1 > y0:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = picture[y0:y1, x0:x1]
    return square


def turned_back(points_xy: NDArray[np.float64], quarters: int, width: int, height: int) -> NDArray[np.float64]:
    """Bring points of ``numpy.rot90(picture, quarters)`` back to the picture.

    Args:
        points_xy: (..., 2) pixels in the turned picture.
        quarters: counter-clockwise quarter turns that were made.
        width: of the picture before it was turned.
        height: likewise.
    """
    x, y = points_xy[..., 0], points_xy[..., 1]
    back = {0: (x, y), 1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters % 4]
    return np.stack(back, axis=-1)
