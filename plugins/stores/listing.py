"""Walks buckets and whatever fsspec knows: every object once, opening none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

# What file systems call the time of the last change, and what changes when the content does: first what is made from
# the content alone, so that it stays when an object is copied (Google's ``etag`` is another for each writing).
_TIME_KEYS = ("mtime", "LastModified", "last_modified", "modified", "updated", "timeModified", "created")
_VERSION_KEYS = ("ETag", "md5Hash", "etag", "generation")
# S3 makes an ETag so: the MD5 of the content, or of the MD5s of its parts and their number.
_MD5_TAG = re.compile(r"[0-9a-f]{32}(-\d{1,5})?")
Ask = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Found:
    """One object as a walk met it.

    Attributes:
        path: what its file system reads it by.
        size: in bytes; -1 when nobody knows it.
        version: changes whenever the content may have changed.
        modified_at: UTC.
        skip: why it cannot be opened, as ``StoredObject`` has it.
        by_content: the version is a digest of the content: another object of this version and size holds the same.
    """

    path: str
    size: int = -1
    version: str = ""
    modified_at: datetime | None = None
    skip: str | None = None
    by_content: bool = False


# -- buckets -----------------------------------------------------------------------------------------------------------


def walk_bucket(fs: Any, root: str, ask: Ask = lambda: None) -> Iterator[Found]:
    """Walk an S3 bucket page by page, in the order in which S3 lists (that of the keys).

    The flat listing, and not a walk over "folders", because keys need not look like paths: ``a//b`` and ``a/`` exist.

    Raises:
        OSError: the bucket cannot be listed.
    """
    bucket, _, prefix = root.partition("/")
    prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
    empty = True
    for page in _pages(fs, bucket, prefix, ask):
        for item in page.get("Contents", ()):
            empty = False
            if not is_folder_marker(item["Key"], item["Size"]):
                yield of_s3(f"{bucket}/{item['Key']}", item["Size"], item)
    if empty and prefix:
        info = fs.info(root)  # one object, not a prefix; raises FileNotFoundError when it is neither
        yield of_s3(root, info["size"], info)


def of_s3(path: str, size: int, info: dict[str, Any]) -> Found:
    """Make an object of what an S3 server says; only there an ETag like an MD5 is one."""
    found = of_info(path, size, info)
    return replace(found, by_content=True) if _MD5_TAG.fullmatch(found.version) else found


def _pages(fs: Any, bucket: str, prefix: str, ask: Ask) -> Iterator[dict[str, Any]]:
    """Give the pages of a listing; while one is worked on, the next is asked for already."""

    def asked(token: dict[str, str]) -> Any:
        ask()
        call = fs._call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, **token)
        return asyncio.run_coroutine_threadsafe(call, fs.loop)

    coming = asked({})
    while coming is not None:
        page = coming.result()
        more = page.get("IsTruncated")
        coming = asked({"ContinuationToken": page["NextContinuationToken"]}) if more else None
        yield page


def is_folder_marker(key: str, size: int) -> bool:
    """Say whether an object only stands for a folder, as consoles of object stores make them."""
    return size == 0 and key.endswith("/")


# -- everything else that fsspec opens ---------------------------------------------------------------------------------


def walk_any(fs: Any, root: str, ask: Ask = lambda: None) -> Iterator[Found]:
    """Walk any fsspec file system folder by folder, in the order of the paths.

    A folder that may not be listed is given with ``skip``, and one that went away meanwhile not at all.

    Raises:
        OSError: the root, or for another reason a folder, cannot be listed.
    """
    ask()
    if fs.isfile(root):
        yield of_listed(fs.info(root))
        return
    stack = [_listed(fs, root, ask)]
    while stack:
        info = next(stack[-1], None)
        if info is None:
            stack.pop()
        elif info["type"] == "directory":
            try:
                stack.append(_listed(fs, info["name"], ask))
            except PermissionError:
                yield Found(info["name"], skip="unreadable")
            except FileNotFoundError:
                continue
        else:
            yield of_listed(info)


def _listed(fs: Any, folder: str, ask: Ask) -> Iterator[dict[str, Any]]:
    ask()
    itself = folder.rstrip("/")
    infos: Iterable[dict[str, Any]] = fs.ls(folder, detail=True)
    kept = [info for info in infos if info["name"].rstrip("/") != itself]
    return iter(sorted(kept, key=lambda info: info["name"].rstrip("/") + "/" * (info["type"] == "directory")))


def of_listed(info: dict[str, Any]) -> Found:
    """Make an object of what a file system lists."""
    if info["type"] != "file":
        return Found(info["name"], skip={"link": "link", "directory": "not_a_file"}.get(info["type"], "special"))
    return of_info(info["name"], info["size"], info)


def of_info(path: str, size: int | None, info: dict[str, Any]) -> Found:
    """Take size, version and time of change out of what a file system tells of an object."""
    size = -1 if size is None else int(size)
    changed = _time_of(next((info[key] for key in _TIME_KEYS if info.get(key) is not None), None))
    tag = next((str(info[key]).strip('"') for key in _VERSION_KEYS if info.get(key)), "")
    if tag:
        return Found(path, size, tag, changed, by_content=tag == info.get("md5Hash"))
    nanoseconds = round(changed.timestamp() * 1e6) * 1000 if changed else 0
    return Found(path, size, f"{size}-{nanoseconds}", changed)


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
