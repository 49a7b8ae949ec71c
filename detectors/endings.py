"""Tells of a picture that could not be decoded whether its end is missing, from the lengths it states itself."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from detectors.signatures import Kind

_STRIP_OFFSETS, _STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS = 273, 279, 324, 325
# Chains of pages can run in a circle; no more of them are followed.
_MOST_PAGES = 64
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}


def is_cut_short(kind: Kind, data: bytes) -> bool:
    """Tell whether a damaged picture ends before the place its own header, chunks or boxes name."""
    try:
        return kind in _CHECKS and _CHECKS[kind](data)
    except struct.error:
        return True


def _jpeg(data: bytes) -> bool:
    return not data.rstrip(b"\0\r\n").endswith(b"\xff\xd9")


def _png(data: bytes) -> bool:
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"IEND":
            return False
        at += 12 + length
    return True


def _riff(data: bytes) -> bool:
    (length,) = struct.unpack_from("<I", data, 4)
    return bool(length + 8 > len(data))


def _boxes(data: bytes) -> bool:
    """Walk the boxes of ISO media files (ISO 14496-12, 4.2); a size of 0 means up to the end of the file."""
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if length == 0:
            return False
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        if length < 8:
            return False
        at += length
    return at > len(data)


def _jpeg_2000(data: bytes) -> bool:
    if data.startswith(b"\xff\x4f"):
        return not data.endswith(b"\xff\xd9")
    return _boxes(data)


def _bitmap(data: bytes) -> bool:
    (length,) = struct.unpack_from("<I", data, 2)
    return bool(length > len(data))


def _tiff(data: bytes) -> bool:
    """Compare the ends of every page's strips or tiles with the end of the file."""
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    for _ in range(_MOST_PAGES):
        if start == 0:
            return False
        values = dict(_tiff_entries(data, order, start))
        for starts, lengths in ((_STRIP_OFFSETS, _STRIP_LENGTHS), (_TILE_OFFSETS, _TILE_LENGTHS)):
            parts = zip(values.get(starts, ()), values.get(lengths, ()), strict=False)
            if any(first + length > len(data) for first, length in parts):
                return True
        (count,) = struct.unpack_from(order + "H", data, start)
        (start,) = struct.unpack_from(order + "I", data, start + 2 + 12 * count)
    return False


def _tiff_entries(data: bytes, order: str, start: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    (count,) = struct.unpack_from(order + "H", data, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length, where = struct.unpack_from(order + "HHII", data, at)
        size = _TIFF_SIZES.get(kind, 1) * length
        values_at = where if size > 4 else at + 8
        if values_at + size > len(data):
            raise struct.error(f"tag {tag} reaches past the end")
        if kind in (3, 4):
            yield tag, struct.unpack_from(f"{order}{length}{'HI'[kind - 3]}", data, values_at)


_CHECKS: dict[Kind, Callable[[bytes], bool]] = {
    Kind.JPEG: _jpeg,
    Kind.PNG: _png,
    Kind.WEBP: _riff,
    Kind.TIFF: _tiff,
    Kind.BMP: _bitmap,
    Kind.HEIF: _boxes,
    Kind.AVIF: _boxes,
    Kind.JP2: _jpeg_2000,
}
