"""What the evidence says of the objects of one store that were looked at before, in the same few bytes for each.

Addresses and versions are kept as hashes (BLAKE2b), however long they are (`make bench ONLY=listing` prints what an
object takes, at the peak).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detectors.errors import Refusal
from detectors.raw import can_read_raw
from plugins.evidence import STAMP, Fragment
from plugins.run import Run
from plugins.stores.records import StoredObject

# What the store would not give tonight it may give tomorrow, and a process may have died of something else: these are
# looked at again although nothing changed.
PASSING_REASONS = {"unreadable", "vanished", "changed", "crashed", Refusal.TIMEOUT.value}
# So is what only an extra can read, once it is installed.
if can_read_raw():
    PASSING_REASONS.add(Refusal.NEEDS_RAW.value)
_COLUMNS = ["uri", "version", "detector_key", "status", "reason", "faces", "captured_at"]
_STATUSES = ("scanned", "unsupported", "quarantined", "skipped", "gone")
_ROW = np.dtype(
    [
        ("uri", np.uint64, 2),
        ("version", np.uint64),
        ("content", np.uint64),  # of the version without the mark of whose the picture is
        ("captured_at", np.int64),  # microseconds since 1970, UTC; the least number where there is none
        ("status", np.uint8),  # place in _STATUSES
        ("is_open", bool),  # to be looked at again although nothing changed
        ("is_fresh", bool),  # looked at by a run that no commit has taken in
        ("at", np.int64),  # place among all rows of the store, the oldest first
    ]
)
_NEVER = np.iinfo(np.int64).min
_MARK = re.compile(r"-[0-9a-f]{8}$")
# What a look at the same bytes would say again.
_LASTING = [_STATUSES.index(status) for status in ("scanned", "unsupported", "quarantined")]


def unmarked(version: str) -> str:
    """Take from an object's version the mark of whose it is (``filing.mark_of``)."""
    return _MARK.sub("", version)


class KnownObjects:
    """The known objects of one store, each as it was last seen; ``find`` marks those that are there still."""

    def __init__(self, run: Run, store: str) -> None:
        parts = run.evidence.parts()
        self._evidence = run.evidence
        self._paths = run.evidence.paths("objects", store, sum(parts.values(), Fragment()))
        self._starts = [0]
        self._rows = _newest(np.concatenate([np.empty(0, _ROW), *self._read(run, set(parts))]))
        self._first = np.ascontiguousarray(self._rows["uri"][:, 0])
        self._seen = np.zeros(len(self._rows), dtype=bool)
        self._committed = {
            path: commit.committed_at
            for commit in reversed(run.evidence.commits())
            for path in commit.fragment.files.get("objects", [])
        }

    def _read(self, run: Run, fresh: set[str]) -> Iterator[NDArray[Any]]:
        held = run.vectors.parts()
        for path in self._paths:
            stem = path.rsplit("/", 1)[-1].removesuffix(".parquet")
            table = run.evidence.arrow("objects", path, _COLUMNS)
            yield _rows(table, self._starts[-1], run.detector_key, stem in held, stem in fresh)
            self._starts.append(self._starts[-1] + len(table))

    def find(self, found: StoredObject) -> Known | None:
        """Give what is known of a listed object and mark it as there; None when nothing is."""
        at = self._index(found.uri)
        if at is None:
            return None
        self._seen[at] = True
        return Known(self._rows[at])

    def _index(self, uri: str) -> int | None:
        first, second = _hashes(uri)
        at = int(np.searchsorted(self._first, np.uint64(first)))
        while at < len(self._rows) and self._first[at] == first:
            if self._rows["uri"][at, 1] == second:
                return at
            at += 1
        return None

    def twin(self, found: StoredObject) -> int | None:
        """Give the place of a known object that holds the same as one that is new at its address; None without one.

        The same is what was stored at the address that it was moved from and has its version, or, where versions are
        digests of the content, what has its version anywhere in the store. ``origins`` gives what to make sure by.
        """
        if found.sidecar:
            return None  # whose it is stands in a file that has to be read
        content = np.uint64(_hashes(unmarked(found.version))[0])
        if found.moved_from:
            at = self._index(found.moved_from)
            return at if at is not None and self._rows["content"][at] == content and self._is_lasting(at) else None
        if not found.by_content:
            return None
        first = int(np.searchsorted(self._by_content[0], content))
        for at in self._by_content[1][first : first + 1]:
            if self._rows["content"][at] == content:
                return int(at)
        return None

    @cached_property
    def _by_content(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """The contents that a look at would say the same of again, sorted, and the places of their objects."""
        rows = self._rows
        lasting = np.flatnonzero(np.isin(rows["status"], _LASTING) & ~rows["is_open"] & ~rows["is_fresh"])
        order = lasting[np.argsort(self._rows["content"][lasting], kind="stable")]
        return np.ascontiguousarray(self._rows["content"][order]), order

    def _is_lasting(self, at: int) -> bool:
        row = self._rows[at]
        return bool(row["status"] in _LASTING and not row["is_open"] and not row["is_fresh"])

    def was_found(self, at: int) -> bool:
        """Say whether the object at this place is there still."""
        return bool(self._seen[at])

    def origins(self, places: Sequence[int] | NDArray[Any]) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
        """Give the files that hold the rows of some places: path, which of the places, and their rows in the file."""
        among = self._rows["at"][np.asarray(places, np.int64)]
        order = np.argsort(among)
        bounds = np.searchsorted(among[order], self._starts)
        for path, start, first, end in zip(self._paths, self._starts[:-1], bounds[:-1], bounds[1:], strict=True):
            if first < end:
                yield path, order[first:end], among[order[first:end]] - start

    def take_all_for_found(self) -> None:
        """Take nothing for gone: the listing broke off."""
        self._seen[:] = True

    def missing(self) -> int:
        """Count the known objects that were not found."""
        return int((~self._seen).sum())

    def gone(self, listed_at: datetime | None = None) -> Iterator[Sequence[str]]:
        """Give the addresses of the known objects that were not found, in batches.

        Args:
            listed_at: when the listing was made, where that was before it was read: what a run has committed since
                may have been stored since, and its absence says nothing.
        """
        stamp = listed_at.strftime(STAMP) if listed_at else None
        for path, _, inside in self.origins(np.flatnonzero(~self._seen)):
            if stamp is None or self._committed.get(path, stamp) < stamp:
                yield self._evidence.arrow("objects", path, ["uri"])["uri"].take(pa.array(inside)).to_pylist()


class Known:
    """What is known of one object."""

    def __init__(self, row: Any) -> None:
        self._row = row

    @cached_property
    def status(self) -> str:
        """How it ended."""
        return _STATUSES[self._row["status"]]

    @property
    def is_fresh(self) -> bool:
        """Whether a run that no commit has taken in looked at it."""
        return bool(self._row["is_fresh"])

    @property
    def captured_at(self) -> datetime | None:
        """When it was taken, UTC."""
        at = int(self._row["captured_at"])
        return None if at == _NEVER else datetime.fromtimestamp(at / 1e6, UTC)

    def verdict(self, version: str) -> str | None:
        """Say how an object of this version that need not be looked at ended; None when it must be."""
        if self._row["version"] != _hashes(version)[0] or (self._row["is_open"] and not self._row["is_fresh"]):
            return None
        if self._row["is_fresh"]:
            return self.status  # looked at by a run that was cut short: this run takes it over
        return "unchanged" if self.status == "scanned" else self.status


def _rows(table: pa.Table, start: int, detector_key: str, held: bool, fresh: bool) -> NDArray[Any]:
    """Make rows of one file's objects; ``held``: the vectors of its faces are there."""
    rows = np.zeros(len(table), _ROW)
    rows["uri"] = np.array([_hashes(uri) for uri in table["uri"].to_pylist()], np.uint64).reshape(-1, 2)
    versions = table["version"].to_pylist()
    rows["version"] = [_hashes(version)[0] for version in versions]
    rows["content"] = [_hashes(unmarked(version))[0] for version in versions]
    times = table["captured_at"].combine_chunks().cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    rows["captured_at"] = times.fill_null(_NEVER).to_numpy(zero_copy_only=False)
    status = np.array(table["status"].to_pylist(), dtype=np.str_)
    rows["status"] = [_STATUSES.index(word) for word in status]
    other = np.array([key != detector_key for key in table["detector_key"].to_pylist()], dtype=bool)
    reasons = np.array([reason in PASSING_REASONS for reason in table["reason"].to_pylist()], dtype=bool)
    # Where the vectors of its faces have expired, an object is looked at again: the census needs them.
    expired = (status == "scanned") & (table["faces"].to_numpy() > 0) & (not held)
    rows["is_open"] = other | expired | (reasons & (not fresh))
    rows["is_fresh"] = fresh & ~(other | expired)
    rows["at"] = start + np.arange(len(table))
    return rows


def _newest(rows: NDArray[Any]) -> NDArray[Any]:
    """Keep the last row of each object, without those that are gone, in the order of their hashes."""
    order = np.lexsort((rows["at"], rows["uri"][:, 1], rows["uri"][:, 0]))
    same = (rows["uri"][order[1:]] == rows["uri"][order[:-1]]).all(axis=1)
    last = order[np.append(~same, True)] if len(order) else order
    kept: NDArray[Any] = rows[last[rows["status"][last] != _STATUSES.index("gone")]]
    return kept


def _hashes(text: str) -> tuple[int, int]:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")
