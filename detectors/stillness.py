"""Tells whether a frame shows the same as an earlier one of its camera in which no face was: it need not be searched.

Both are compared as the means of blocks of 8 x 8 pixels, in brightness and colour, which a JPEG decoder gives for a
fraction of the price of the picture. A face of 20 pixels covers some of these blocks wholly. Nothing may have changed
anywhere by more than the noise of the two frames, and noise is believed only up to a point: when in doubt, or when the
light has changed, the answer is no, and the frame is looked at.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.decode import quiet
from detectors.exif import taken_at

BLOCK_PX = 8
SMALLEST_PX = 64
"""A frame with a shorter side has too few blocks to tell noise from change by."""

DEVIATIONS = 6.0
"""A block that changed by more deviations of the noise shows something new."""

# For a block, and for the mean of 2 x 2 blocks, in brightness and in colour: levels, of 255, up to which a change is
# rounding, and from which on it is a change whatever the noise.
ROUNDING = ((2.1, 1.1), (4.0, 2.0))
CHANGE = ((4.5, 2.5), (6.0, 3.5))
# What has changed in less than this share of the blocks, at either end, does not count as noise.
_APART = 0.01
LIGHT_LEVELS = 1.0
"""When half of the blocks became brighter or darker by more, the light has changed."""

_JPEG = b"\xff\xd8\xff"
_Blocks = NDArray[np.float32]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Blocks:
    """A frame as the means of its blocks.

    Attributes:
        size_wh_px: of the frame.
        means: (h, w, 3) float32: brightness and two colours (YCbCr), 0-255.
    """

    size_wh_px: tuple[int, int]
    means: NDArray[np.float32]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Glimpse:
    """What a quick look at a JPEG tells: its blocks, and when it was taken, as ``Picture`` has it."""

    blocks: Blocks
    taken_at: datetime | None


def glimpse(data: bytes) -> Glimpse | None:
    """Read the means of a JPEG's blocks; None for anything else, and for what cannot be read."""
    if data[: len(_JPEG)] != _JPEG:
        return None
    try:
        with quiet(), Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            size = image.size
            image.draft("YCbCr", (size[0] // BLOCK_PX, size[1] // BLOCK_PX))
            if image.mode not in ("YCbCr", "L") or (size[0] + BLOCK_PX - 1) // BLOCK_PX != image.size[0]:
                return None
            blocks = _blocks(size, np.asarray(image.convert("YCbCr")))
            return Glimpse(blocks, taken_at(image)) if blocks else None
    except Exception:
        # The boundary for damaged bytes: Pillow raises nearly anything, and looking at the picture will say what it is.
        return None


def _blocks(size: tuple[int, int], means: NDArray[np.uint8]) -> Blocks | None:
    return Blocks(size, means.astype(np.float32)) if min(size) >= SMALLEST_PX else None


def is_same(before: Glimpse | None, after: Glimpse | None) -> bool:
    """Say whether no face can have come into a frame since an earlier one that was looked at and held none.

    Args:
        before: that earlier frame of the same camera. It has to be one that was looked at, so that slow changes add up.
        after: the later one, read the same way.
    """
    if before is None or after is None:
        return False
    empty, frame = before.blocks, after.blocks
    if empty.size_wh_px != frame.size_wh_px or empty.means.shape != frame.means.shape:
        return False
    change = frame.means - empty.means
    if abs(float(np.median(change[..., 0]))) > LIGHT_LEVELS:
        return False
    pooled = (change[1:, 1:] + change[:-1, 1:] + change[1:, :-1] + change[:-1, :-1]) / 4
    return all(
        _is_noise(layer[..., channel], ROUNDING[channel > 0][coarse], CHANGE[channel > 0][coarse])
        for coarse, layer in enumerate((change, pooled))
        for channel in range(3)
    )


def _is_noise(change: _Blocks, rounding: float, most: float) -> bool:
    low, high = np.quantile(change, (_APART, 1 - _APART))
    deviation = float(change[(change >= low) & (change <= high)].std())
    return float(np.abs(change).max()) <= min(max(DEVIATIONS * deviation, rounding), most)
