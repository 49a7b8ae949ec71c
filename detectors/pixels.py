"""Brings every pixel mode that Pillow knows to 8-bit RGB."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.records import RGB

# Cut-out portraits carry light or dark hair: on mid grey either keeps an outline, on white or black one of them drowns.
BACKGROUND_RGB = (128, 128, 128)
# Bit depths of sensors and scanners. A 12-bit picture in a 16-bit file would be nearly black at full scale.
_DEPTHS = (8, 10, 12, 14, 16)
# Pillow cuts pictures into pieces of 16 MiB unless told otherwise; in one piece they can be copied at once. Never more
# is taken than a picture needs.
Image.core.set_block_size(1 << 30)  # type: ignore[attr-defined]


def to_rgb(image: Image.Image) -> RGB:
    """Turn a loaded picture of any mode into RGB.

    Transparency is laid on mid grey; 16-bit and integer values are scaled by the smallest usual bit depth that holds
    them; floats are taken as 0-1 or 0-255 when they fit and else stretched; Lab goes through LittleCMS; CMYK is
    inverted by Pillow already where Adobe wrote it inverted.

    Returns:
        (H, W, 3) uint8, contiguous.
    """
    if image.mode == "RGB":
        return _packed(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return np.array(_flattened(image))
    convert = _BY_MODE.get(image.mode)
    return convert(image) if convert is not None else np.array(image.convert("RGB"))


def _packed(image: Image.Image) -> RGB:
    """Copy a picture once: Pillow keeps four bytes for each pixel."""
    import cv2
    import pyarrow

    try:
        four = pyarrow.array(image).flatten().to_numpy()
    except ValueError:  # it lies in several pieces of memory
        return np.asarray(image)
    return np.asarray(cv2.cvtColor(four.reshape(image.height, image.width, 4), cv2.COLOR_RGBA2RGB), np.uint8)


def _flattened(image: Image.Image) -> Image.Image:
    """Lay a picture with transparency on mid grey."""
    if image.mode in ("I;16", "I", "F"):
        # One grey value declared transparent: what is there is still looked at.
        return Image.fromarray(_BY_MODE[image.mode](image))
    straight = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)).convert("RGBA")
    ground = Image.new("RGB", image.size, BACKGROUND_RGB)
    ground.paste(straight, mask=straight.getchannel("A"))
    return ground


def _three(gray: NDArray[np.uint8]) -> RGB:
    return np.repeat(gray[:, :, None], 3, axis=2)


def _from_integers(image: Image.Image) -> RGB:
    values = np.asarray(image).astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= 1 << _DEPTHS[-1]:
        return _three(_stretched(values.astype(np.float64)))
    depth = next(bits for bits in _DEPTHS if high < 1 << bits)
    top = (1 << depth) - 1
    return _three(((values * 255 + top // 2) // top).astype(np.uint8))


def _from_floats(image: Image.Image) -> RGB:
    values = np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return _three(np.rint(values * 255).astype(np.uint8))
    if low >= 0 and high <= 255:
        return _three(np.rint(values).astype(np.uint8))
    return _three(_stretched(values))


def _stretched(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.full(values.shape, BACKGROUND_RGB[0], np.uint8)
    # Halved first: the distance between the two ends of float64 does not fit into one.
    share = (values / 2 - low / 2) / (high / 2 - low / 2)
    return np.rint(share * 255).astype(np.uint8)


def _from_lab(image: Image.Image) -> RGB:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("LittleCMS gave no picture")
    return np.array(converted)


_BY_MODE: dict[str, Callable[[Image.Image], RGB]] = {
    "I;16": _from_integers,
    "I;16L": _from_integers,
    "I;16B": _from_integers,
    "I;16N": _from_integers,
    "I": _from_integers,
    "F": _from_floats,
    "LAB": _from_lab,
}
