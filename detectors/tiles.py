"""Decides which square windows of a picture are looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    side = finest(width, height)
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


def finest(width: int, height: int) -> int:
    """Give the side of the smallest windows of a picture of this size."""
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
