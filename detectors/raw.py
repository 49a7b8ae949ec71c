"""Develops camera raw pictures with LibRaw, where the optional package rawpy is installed."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from typing import Any

import numpy as np

from detectors.errors import Refusal, Refused
from detectors.records import RGB, Frame, Picture

# How LibRaw's errors are called, and what they mean here; what is not listed is damage.
_MEANINGS = {
    "LibRawFileUnsupportedError": Refusal.UNSUPPORTED,
    "LibRawNotImplementedError": Refusal.UNSUPPORTED,
    "NotSupportedError": Refusal.UNSUPPORTED,
    "LibRawIOError": Refusal.TRUNCATED,
    "LibRawInputClosedError": Refusal.TRUNCATED,
    "LibRawTooBigError": Refusal.TOO_LARGE,
    "LibRawUnsufficientMemoryError": Refusal.TOO_LARGE,
    "LibRawMemPoolOverflowError": Refusal.TOO_LARGE,
}


def can_read_raw() -> bool:
    """Say whether rawpy is installed."""
    return find_spec("rawpy") is not None


def develop(
    data: bytes, media_type: str, check: Callable[[int, int], object], times: Callable[[int, int], int]
) -> Picture:
    """Develop a raw picture, upright; never its embedded preview.

    Args:
        data: the whole file.
        media_type: what to call it.
        check: is told width and height before pixels are read; raises when there are too many.
        times: says by how many times a picture of that width and height may be smaller; half is what raw can do.

    Raises:
        Refused: it is damaged, or of a camera that LibRaw does not know.
    """
    import rawpy

    try:
        with rawpy.RawPy() as raw:
            raw.open_buffer(io.BytesIO(data))
            sizes = raw.sizes
            check(sizes.raw_width, sizes.raw_height)
            raw.unpack()
            half = times(sizes.width, sizes.height) > 1 and not sizes.width % 2 and not sizes.height % 2
            image_rgb = _developed(raw, half)
            taken_at = _taken_at(raw)
    except (rawpy.LibRawError, rawpy.NotSupportedError) as problem:
        name = type(problem).__name__
        raise Refused(_MEANINGS.get(name, Refusal.NOT_AN_IMAGE), f"{media_type}: {name}") from None
    if not half:
        return Picture((Frame(image_rgb),), media_type, taken_at)

    def full() -> RGB:
        return develop(data, media_type, check, lambda width, height: 1).frames[0].image_rgb

    return Picture((Frame(image_rgb, 0, 2, full),), media_type, taken_at)


def _developed(raw: Any, half: bool) -> RGB:
    import rawpy

    # Two by two sensors make a pixel at half size; at full size the plainest way to fill in colours is enough.
    plain = rawpy.DemosaicAlgorithm.LINEAR
    return np.asarray(raw.postprocess(half_size=half, use_camera_wb=True, demosaic_algorithm=plain), np.uint8)


def _taken_at(raw: Any) -> datetime | None:
    """Give the camera's own clock, without a zone: LibRaw reads it as if it were this machine's."""
    stamp = raw.other.timestamp
    try:
        at = stamp if isinstance(stamp, datetime) else datetime.fromtimestamp(stamp)  # noqa: DTZ006
    except (OverflowError, OSError, ValueError, TypeError):
        return None
    return at.replace(tzinfo=None) if at.year > 1970 else None
