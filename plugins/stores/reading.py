"""Reads objects of one store, whole or in pieces, at its pace; tries again where that may help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from plugins.stores.faults import reading_problem
from plugins.stores.folders import read_file
from plugins.stores.pace import Pace
from plugins.stores.records import MAX_BYTES, StoreProblem
from plugins.stores.retry import attempt


class Reader:
    """Reads what lies in one place.

    Args:
        name: the store's, for messages.
        fs: the file system; None for a folder of this machine.
        home: the folder that links may not lead out of; None where they may.
        pace: how fast it may be asked.
        pause: sleeps between tries.
    """

    def __init__(self, name: str, fs: Any, home: str | None, pace: Pace, pause: Callable[[float], object]) -> None:
        self._name, self._fs, self._home, self._pace, self._pause = name, fs, home, pace, pause
        self._problem = partial(reading_problem, name)

    def whole(self, path: str, limit: int) -> bytes:
        """Read an object from its beginning, so many bytes at most.

        Raises:
            StoreProblem: it cannot be read.
        """
        return attempt(lambda: self._whole(path, limit), self._problem, self._pause)

    def piece(self, path: str, start: int, end: int) -> bytes:
        """Read the bytes from a place up to another, all of them.

        Raises:
            StoreProblem: they cannot be read, or (``changed``) there are fewer.
        """
        found = attempt(lambda: self._range(path, start, end), self._problem, self._pause)
        if len(found) < end - start:
            raise StoreProblem(self._name, "an object has become smaller since it was listed", kind="changed")
        return found

    def said(self, path: str) -> bytes:
        """Read a file that says something of the store.

        Raises:
            StoreProblem: it cannot be read.
        """

        def problem(error: Exception) -> StoreProblem:
            if isinstance(error, FileNotFoundError | PermissionError):
                return StoreProblem(self._name, "a file of the inventory is not there, or may not be read")
            return self._problem(error)

        return attempt(lambda: self._whole(path, MAX_BYTES), problem, self._pause)

    def _whole(self, path: str, limit: int) -> bytes:
        try:
            return self._range(path, 0, limit)
        except Exception:
            # S3 and others refuse any range of an empty object, each in its own words.
            if self._fs is not None and self._fs.info(path)["size"] == 0:
                return b""
            raise

    def _range(self, path: str, start: int, end: int) -> bytes:
        self._pace.request()
        if self._fs is None:
            data = read_file(path, start, end - start, self._home)
        else:
            data = bytes(self._fs.cat_file(path, start=start, end=end))
        self._pace.took(len(data))
        return data
