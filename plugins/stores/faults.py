"""Puts what drivers raise into words without a path (folders are named after people) or a credential."""

from __future__ import annotations

import errno
import os

from plugins.stores.credentials import scrub
from plugins.stores.records import StoreProblem

_LASTING = {errno.EINVAL, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError"}


def listing_problem(name: str, error: Exception) -> StoreProblem:
    """Say why a store cannot be listed."""
    return StoreProblem(name, say(error), retry=_may_pass(error))


def reading_problem(name: str, error: Exception) -> StoreProblem:
    """Say why one object of a store cannot be read."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return StoreProblem(name, "an object is gone since it was listed", kind="vanished")
    if isinstance(error, IsADirectoryError):
        return StoreProblem(name, "what was listed as an object is not a file", kind="not_a_file")
    if isinstance(error, PermissionError):
        return StoreProblem(name, "no permission to read an object; grant reading to the scanner's user")
    return StoreProblem(name, f"an object cannot be read ({type(error).__name__})", retry=_may_pass(error))


def _may_pass(error: Exception) -> bool:
    if isinstance(error, FileNotFoundError | PermissionError | ImportError | ValueError):
        return False
    lasting = isinstance(error, OSError) and error.errno in _LASTING
    return not lasting and type(error).__name__ not in _NO_CREDENTIALS


def say(error: Exception) -> str:
    """Say in words why a place cannot be listed or a file of it opened."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "there is nothing at its url; correct the url, or mount or create the place"
    if isinstance(error, PermissionError):
        return "no permission to list it; grant listing to the scanner's user"
    if isinstance(error, OSError) and error.errno:
        return f"cannot be listed: {os.strerror(error.errno)}"
    text = " ".join(scrub(error).split())
    return f"cannot be listed: {type(error).__name__}: {text[:200]}"
