"""Asks for one object by its path: where it is, and whether what was read is still what was listed."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from plugins.stores.folders import look_at_file
from plugins.stores.listing import Found, of_listed


def find_one(fs: Any, path: str) -> Found:
    """Look at one path without walking; ``fs`` is None for this machine's folders.

    Raises:
        OSError: the file system cannot be asked.
    """
    try:
        return look_at_file(path) if fs is None else of_listed(fs.info(path))
    except (FileNotFoundError, NotADirectoryError):
        return Found(path, skip="vanished")


def is_as_listed(fs: Any, path: str, version: str, data: bytes) -> bool:
    """Say whether what was just read is what was listed; ``version`` may have a mark of its own at its end.

    Raises:
        OSError: the file system cannot be asked.
    """
    listed = (version, version.rpartition("-")[0])
    return not version or (fs is not None and _is_named_by(data, listed)) or find_one(fs, path).version in listed


def _is_named_by(data: bytes, listed: tuple[str, ...]) -> bool:
    """Say whether its version is its digest, as with S3 mostly, with Google in base 64: then nobody has to be asked."""
    digest = hashlib.md5(data, usedforsecurity=False)
    return digest.hexdigest() in listed or base64.b64encode(digest.digest()).decode() in listed
