"""Cells that hold or name pictures. The pictures are drawn: an ellipse on a ground, nobody's face."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from tests.corpus.drawing import Draw, Maker

_SIDE_PX = 32


def _picture(draw: Draw, side_px: int = _SIDE_PX) -> Image.Image:
    ground, skin = (tuple(int(v) for v in draw.chance.integers(30, 240, 3)) for _ in range(2))
    picture = Image.new("RGB", (side_px, side_px + 8), ground)
    ImageDraw.Draw(picture).ellipse((6, 4, side_px - 6, side_px + 2), fill=skin)
    return picture


def _encoded(form: str) -> Callable[[Draw], bytes]:
    def make(draw: Draw) -> bytes:
        out = io.BytesIO()
        _picture(draw).save(out, form)
        return out.getvalue()

    return make


def _pixels(draw: Draw, side: str) -> np.ndarray:
    picture = _picture(draw, 32).resize((int(side), int(side)))
    return np.asarray(picture, np.float32) / 255


def _iso_19794_5(draw: Draw) -> bytes:
    """Give a face image record: ISO/IEC 19794-5:2005, clause 5 (header, face information, image information)."""
    jpeg = _encoded("JPEG")(draw)
    information = struct.pack(">HBBB3sH3s3s", 0, 1, 1, 1, b"\0\0\0", 0, b"\0\0\0", b"\0\0\0")
    image = struct.pack(">BBHHBBHH", 1, 0, _SIDE_PX, _SIDE_PX + 8, 1, 2, 0, 0)
    block = struct.pack(">I", 4 + len(information) + len(image) + len(jpeg)) + information + image + jpeg
    return b"FAC\0" + b"010\0" + struct.pack(">IH", 14 + len(block), 1) + block


def _iso_39794_5(draw: Draw) -> bytes:
    """Give the outline of a face image data block: ISO/IEC 39794-5, tag APPLICATION 5, version, representations."""
    version = b"\xa0\x07\x80\x01\x03\x81\x02\x07\xe3"
    return _tagged(b"\x65", version + _tagged(b"\xa1", _tagged(b"\x30", _tagged(b"\x81", _encoded("JPEG")(draw)))))


def _tagged(tag: bytes, body: bytes) -> bytes:
    return tag + b"\x82" + struct.pack(">H", len(body)) + body


def _file(draw: Draw, ending: str) -> str:
    return f"{draw.of(('IMG', 'DSC', 'snap', 'p'))}_{draw.whole(1, 99999):05d}.{ending}"


def _day(draw: Draw) -> str:
    return f"{draw.whole(2021, 2025)}/{draw.whole(1, 12):02d}"


MAKERS: dict[str, Maker] = {
    "jpeg": _encoded("JPEG"),
    "png": _encoded("PNG"),
    "webp": _encoded("WEBP"),
    "gif": _encoded("GIF"),
    "bmp": _encoded("BMP"),
    "pixels": lambda draw, side: _pixels(draw, side).tobytes(),
    "pixeljson": lambda draw, side: _pixels(draw, side).round(4).astype(float).tolist(),
    "iso": _iso_19794_5,
    "iso39794": _iso_39794_5,
    "filename": _file,
    "path": lambda draw, ending: f"/srv/media/{_day(draw)}/{_file(draw, ending)}",
    "relpath": lambda draw, ending: f"media/{_day(draw)}/{_file(draw, ending)}",
    "winpath": lambda draw, ending: f"D:\\kaoqin\\{_day(draw)[:4]}\\{_file(draw, ending)}",
    "url": lambda draw, ending: f"https://files.example.org/{_day(draw)}/{_file(draw, ending)}",
    "s3": lambda draw, ending: f"s3://captures/{_day(draw)}/{_file(draw, ending)}",
    "complexref": lambda draw: f"{_file(draw, 'jpg')}|complex_obs/{_file(draw, 'jpg')}",
}
