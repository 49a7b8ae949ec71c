"""Walks folders, buckets and whatever fsspec knows: every object once, in the order of its path, opening none."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# What file systems call the time of the last change, and what changes when the content does.
_TIME_KEYS = ("mtime", "LastModified", "last_modified", "modified", "updated", "timeModified", "created")
_VERSION_KEYS = ("ETag", "etag", "generation", "md5Hash")


@dataclass(frozen=True, slots=True)
class Found:
    """One object as a walk met it; ``path`` is what its file system reads it by."""

    path: str
    size: int = -1
    version: str = ""
    modified_at: datetime | None = None
    skip: str | None = None


def find_one(fs: Any, path: str) -> Found:
    """Look at one path without walking; ``fs`` is None for this machine's folders.

    Raises:
        OSError: the file system cannot be asked.
    """
    try:
        return _look_at_file(path) if fs is None else _of_listed(fs.info(path))
    except (FileNotFoundError, NotADirectoryError):
        return Found(path, skip="vanished")


def is_as_listed(fs: Any, path: str, version: str, data: bytes) -> bool:
    """Say whether what was just read is what was listed; ``version`` may have a mark of its own at its end.

    Raises:
        OSError: the file system cannot be asked.
    """
    listed = (version, version.rpartition("-")[0])
    # S3 names most objects by this digest: then nobody has to be asked.
    if not version or hashlib.md5(data, usedforsecurity=False).hexdigest() in listed:
        return True
    return find_one(fs, path).version in listed


# -- folders on this machine -------------------------------------------------------------------------------------------


def walk_folder(root: str) -> Iterator[Found]:
    """Walk a folder, hidden files included.

    A link to a file counts as the file. A link to a folder is followed when it leads out of everything walked so far
    (a camera's days on other disks); otherwise what it leads to has its own place, or it is a loop, and the link is
    given with ``skip``. So are pipes, sockets, devices, broken links, and folders that may not be listed.

    Raises:
        OSError: the root itself cannot be listed.
    """
    if not stat.S_ISDIR(os.stat(root).st_mode):  # noqa: PTH116 - names may be no text that Path could print
        yield _look_at_file(root)
        return
    walked = [Path(os.path.realpath(root))]
    stack = [_entries(root)]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif not _is_folder(entry):
            if found := _look_at_entry(entry):
                yield found
        elif entry.is_symlink() and not _leads_out(entry.path, walked):
            yield Found(entry.path, skip="link")
        else:
            try:
                stack.append(_entries(entry.path))
            except OSError:
                yield Found(entry.path, skip="unreadable")


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        # A folder sorts as if its name ended in a slash: then the walk's order is the order of the whole paths.
        return iter(sorted(entries, key=lambda entry: entry.name + "/" * _is_folder(entry)))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _leads_out(link: str, walked: list[Path]) -> bool:
    target = Path(os.path.realpath(link))
    for place in walked:
        if target == place or place in target.parents or target in place.parents:
            return False
    walked.append(target)
    return True


def _look_at_entry(entry: os.DirEntry[str]) -> Found | None:
    """Give an entry that is no folder; None when it went away since the folder was read."""
    try:
        return _look_at_file(entry.path)
    except FileNotFoundError:
        return Found(entry.path, skip="vanished") if entry.is_symlink() else None
    except OSError:
        return Found(entry.path, skip="unreadable")


def _look_at_file(path: str) -> Found:
    state = os.stat(path)  # noqa: PTH116 - as above
    changed = datetime.fromtimestamp(state.st_mtime, UTC)
    if not stat.S_ISREG(state.st_mode):
        return Found(path, skip="not_a_file" if stat.S_ISDIR(state.st_mode) else "special", modified_at=changed)
    return Found(path, state.st_size, f"{state.st_size}-{state.st_mtime_ns}", changed)


# -- buckets -----------------------------------------------------------------------------------------------------------


def walk_bucket(fs: Any, root: str) -> Iterator[Found]:
    """Walk an S3 bucket page by page, in the order in which S3 lists (that of the keys).

    The flat listing, and not a walk over "folders", because keys need not look like paths: ``a//b`` and ``a/`` exist.

    Raises:
        OSError: the bucket cannot be listed.
    """
    bucket, _, prefix = root.partition("/")
    prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
    empty, token = True, dict[str, str]()
    while True:
        page = fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, **token)
        for item in page.get("Contents", ()):
            empty = False
            if not _is_folder_marker(item):
                yield _of_info(f"{bucket}/{item['Key']}", item["Size"], item)
        if not page.get("IsTruncated"):
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    if empty and prefix:
        info = fs.info(root)  # one object, not a prefix; raises FileNotFoundError when it is neither
        yield _of_info(root, info["size"], info)


def _is_folder_marker(item: dict[str, Any]) -> bool:
    return bool(item["Key"].endswith("/") and item["Size"] == 0)


# -- everything else that fsspec opens ---------------------------------------------------------------------------------


def walk_any(fs: Any, root: str) -> Iterator[Found]:
    """Walk any fsspec file system folder by folder.

    Raises:
        OSError: a folder cannot be listed.
    """
    if fs.isfile(root):
        yield _of_listed(fs.info(root))
        return
    stack = [_listed(fs, root)]
    while stack:
        info = next(stack[-1], None)
        if info is None:
            stack.pop()
        elif info["type"] == "directory":
            stack.append(_listed(fs, info["name"]))
        else:
            yield _of_listed(info)


def _listed(fs: Any, folder: str) -> Iterator[dict[str, Any]]:
    itself = folder.rstrip("/")
    infos: Iterable[dict[str, Any]] = fs.ls(folder, detail=True)
    kept = [info for info in infos if info["name"].rstrip("/") != itself]
    return iter(sorted(kept, key=lambda info: info["name"].rstrip("/") + "/" * (info["type"] == "directory")))


def _of_listed(info: dict[str, Any]) -> Found:
    if info["type"] != "file":
        return Found(info["name"], skip={"link": "link", "directory": "not_a_file"}.get(info["type"], "special"))
    return _of_info(info["name"], info["size"], info)


def _of_info(path: str, size: int | None, info: dict[str, Any]) -> Found:
    """Take size, version and time of change out of what a file system tells of an object."""
    size = -1 if size is None else int(size)
    changed = _time_of(next((info[key] for key in _TIME_KEYS if info.get(key) is not None), None))
    tag = next((str(info[key]).strip('"') for key in _VERSION_KEYS if info.get(key)), "")
    nanoseconds = round(changed.timestamp() * 1e6) * 1000 if changed else 0
    return Found(path, size, tag or f"{size}-{nanoseconds}", changed)


def _time_of(value: Any) -> datetime | None:
    """Read a time as file systems give it: a datetime, seconds since 1970, or ISO 8601; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None
