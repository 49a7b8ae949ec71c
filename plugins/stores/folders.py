"""Walks and reads folders of this machine, mounted ones (SMB, NFS) among them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from plugins.stores.listing import Ask, Found

Links = Literal["skip", "inside", "follow"]
_REFUSED = {"skip": "left_out", "inside": "outside"}


def walk_folder(root: str, links: Links = "follow", ask: Ask = lambda: None) -> Iterator[Found]:
    """Walk a folder, hidden files included, in the order of the paths.

    A link to a file counts as the file. A link to a folder is followed when it leads out of everything walked so far
    (a camera's days on other disks); otherwise what it leads to has its own place, or it is a loop, and the link is
    given with ``skip``. So are pipes, sockets, devices, broken links, and folders that may not be listed.

    Args:
        root: the folder, or one file; itself a link if need be.
        links: ``follow`` as above; with ``inside`` a link that leads out of the root is given with ``skip``
            ``outside``, with ``skip`` every link is, as ``left_out``.
        ask: called before each folder is listed.

    Raises:
        OSError: the root itself cannot be listed.
    """
    if not stat.S_ISDIR(os.stat(root).st_mode):  # noqa: PTH116 - names may be no text that Path could print
        yield look_at_file(root)
        return
    home = os.path.realpath(root)
    walked = [Path(home)]
    ask()
    stack = [_entries(root)]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif entry.is_symlink() and not _may_follow(entry.path, home, links):
            yield Found(entry.path, skip=_REFUSED[links])
        elif not _is_folder(entry):
            yield from _look_at_entry(entry)
        elif skip := _open_folder(entry, walked, stack, ask):
            yield Found(entry.path, skip=skip)


def _open_folder(entry: os.DirEntry[str], walked: list[Path], stack: list[Iterator[os.DirEntry[str]]], ask: Ask) -> str:
    """Put a folder's entries on the stack; say why when they are not."""
    if entry.is_symlink() and not _leads_out(entry.path, walked):
        return "link"
    try:
        ask()
        stack.append(_entries(entry.path))
    except OSError:
        return "unreadable"
    return ""


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        # A folder sorts as if its name ended in a slash: then the walk's order is the order of the whole paths.
        return iter(sorted(entries, key=lambda entry: entry.name + "/" * _is_folder(entry)))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _may_follow(link: str, home: str, links: Links) -> bool:
    return links == "follow" or (links == "inside" and is_inside(link, home))


def is_inside(path: str, home: str) -> bool:
    """Say whether a path, its links resolved, lies in a folder whose own links are resolved."""
    target = os.path.realpath(path)
    return target == home or target.startswith(home.rstrip("/") + "/")


def _leads_out(link: str, walked: list[Path]) -> bool:
    target = Path(os.path.realpath(link))
    for place in walked:
        if target == place or place in target.parents or target in place.parents:
            return False
    walked.append(target)
    return True


def _look_at_entry(entry: os.DirEntry[str]) -> Iterator[Found]:
    """Give an entry that is no folder; nothing when it went away since the folder was read."""
    try:
        yield look_at_file(entry.path)
    except FileNotFoundError:
        if entry.is_symlink():
            yield Found(entry.path, skip="vanished")
    except OSError:
        yield Found(entry.path, skip="unreadable")


def look_at_file(path: str) -> Found:
    """Look at one path, links followed.

    Raises:
        OSError: it is not there, or cannot be asked.
    """
    state = os.stat(path)  # noqa: PTH116 - names may be no text
    changed = datetime.fromtimestamp(state.st_mtime, UTC)
    if not stat.S_ISREG(state.st_mode):
        return Found(path, skip="not_a_file" if stat.S_ISDIR(state.st_mode) else "special", modified_at=changed)
    return Found(path, state.st_size, f"{state.st_size}-{state.st_mtime_ns}", changed)


def read_file(path: str, start: int, limit: int, home: str | None = None) -> bytes:
    """Read a regular file, from a place on. What became a pipe since the listing neither blocks nor is read.

    Args:
        path: of the file.
        start: place of the first byte.
        limit: bytes at most.
        home: the file must lie in this folder, its links resolved; None for anywhere.

    Raises:
        OSError: it cannot be read, is no file, or (``IsADirectoryError``) became a link that leads out of ``home``.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise IsADirectoryError(errno.EISDIR, "not a regular file")
        if home is not None and not is_inside(path, home):
            raise IsADirectoryError(errno.EISDIR, "a link that leads out")
        file.seek(start)
        # Room is made for all that is asked for: so for what is there, and one byte to see that it has grown. Some
        # mounted shares say 0 of a file whose size they do not know.
        return file.read(min(limit, max(0, state.st_size - start) + 1) if state.st_size else limit)
