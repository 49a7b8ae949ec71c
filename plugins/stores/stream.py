"""Reads a large stored object piece by piece, as a file: films and archives of any size pass through little memory."""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from detectors.signatures import Chest, Film, recognise

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STREAM_BYTES = 32 * 2**20
"""Larger films and archives are read piece by piece; all else is read whole, in one go."""

# One request for each piece. Four of them are kept, because sound and pictures of a film may lie far apart.
PIECE_BYTES = 4 * 2**20
_KEPT = 4


class Pieces(io.RawIOBase):
    """A file whose pieces are fetched when they are read.

    Args:
        fetch: gives the bytes from a place up to another, all of them; raises what is to end the reading.
        size: of the whole, in bytes.
        check: raises when it is another object than at first.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, check: Callable[[], None]) -> None:
        super().__init__()
        self._fetch, self._size, self._at, self.check = fetch, size, 0, check
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that any place of it can be read."""
        return True

    def tell(self) -> int:
        """Give the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, from the beginning, from here or from the end."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a place before the beginning of the file")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer, as far as the file goes."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and self._at < self._size:
            number, within = divmod(self._at, PIECE_BYTES)
            part = self._piece(number)[within : within + len(view) - filled]
            view[filled : filled + len(part)] = part
            filled += len(part)
            self._at += len(part)
        return filled

    def _piece(self, number: int) -> bytes:
        if number not in self._kept:
            start = number * PIECE_BYTES
            self._kept[number] = self._fetch(start, min(start + PIECE_BYTES, self._size))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(number)
        return self._kept[number]


def is_streamed(head: bytes) -> bool:
    """Say of the first bytes of an object whether it is of a kind that is read piece by piece."""
    return isinstance(recognise(head), Film | Chest)
