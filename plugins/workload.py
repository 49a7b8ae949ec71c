"""How much work objects are expected to be, before they are opened; cuts them into chunks, and chunks into tasks.

The expectation decides only where work is cut: where it is wrong by a factor, tasks are longer or shorter by it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from plugins.stores.records import StoredObject

# Of one core: a picture costs a look and its decoding, a video its stills. Between what two machines took, of which one
# was two and a half times as fast as the other (`make bench ONLY=whole,film`).
SECONDS_A_PICTURE = 0.045
SECONDS_A_MB = 0.017
SECONDS_A_MB_OF_VIDEO = 0.5
_VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".wmv", ".flv")
# Small scans are cut small, so that every worker has something to do: into so many tasks, unless they would be shorter
# than this share of a task; and a chunk is at most this share of the work before it: a stream does not say its length.
_TASKS, _SHORTEST = 8, 1 / 30
_FIRST, _SHARE = 1 / 60, 0.05


def expected_seconds(found: StoredObject) -> float:
    """Say how long a core is expected to look at an object."""
    megabytes = max(0, found.size_bytes) / 1e6
    if found.uri.lower().endswith(_VIDEOS):
        return SECONDS_A_PICTURE + SECONDS_A_MB_OF_VIDEO * megabytes
    return SECONDS_A_PICTURE + SECONDS_A_MB * megabytes


def cut(
    objects: Iterable[StoredObject], most_objects: int, most_seconds: float
) -> Iterator[tuple[list[StoredObject], float]]:
    """Cut objects into chunks of about the same work, at most so much in each; give each with its expected seconds.

    The first chunks are small and the next ones grow with what has come before.
    """
    chunk: list[StoredObject] = []
    seconds = before = 0.0
    for found in objects:
        chunk.append(found)
        seconds += expected_seconds(found)
        enough = min(most_seconds, max(_FIRST * most_seconds, _SHARE * before))
        if len(chunk) >= most_objects or seconds >= enough:
            yield chunk, seconds
            before += seconds
            chunk, seconds = [], 0.0
    if chunk:
        yield chunk, seconds


def evenly(seconds: Mapping[str, float], task_seconds: float, limit: int) -> list[list[str]]:
    """Group chunks, in their order, into at most ``limit`` tasks of the same work, about ``task_seconds`` each.

    Args:
        seconds: chunks and their expected seconds.
        task_seconds: as the settings have it; tasks are shorter where there are few, longer where they were too many.
        limit: how many tasks one task may be mapped to.
    """
    total = sum(seconds.values())
    wanted = max(math.ceil(total / task_seconds), min(_TASKS, math.ceil(total / (task_seconds * _SHORTEST))))
    tasks = max(1, min(limit, wanted))
    groups: list[list[str]] = [[] for _ in range(tasks)]
    before = 0.0
    for name, more in seconds.items():
        groups[min(tasks - 1, int((before + more / 2) * tasks / total))].append(name)
        before += more
    return [group for group in groups if group]
