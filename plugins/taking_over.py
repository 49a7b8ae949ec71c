"""Takes over what is known of objects that were moved or copied: the same bytes need no second look.

Rows, faces and sealed vectors are written anew under the new address. Vectors keep the day they were made on: a move
does not prolong their life.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from expectations.columns import FACES, OBJECTS
from plugins.capturing import named_time
from plugins.evidence import Fragment, safe_name
from plugins.known import KnownObjects, unmarked
from plugins.run import Run
from plugins.settings import DatabaseSettings, StoreSettings
from plugins.stores.records import StoredObject


@dataclass(frozen=True, slots=True)
class Twin:
    """An object that is new at its address, and the place of the known one that holds the same."""

    found: StoredObject
    place: int


@dataclass(slots=True)
class Taken:
    """What came of it: the files written, by table, and the objects that have to be looked at after all."""

    files: Fragment
    left: list[StoredObject]


def take_over(run: Run, holding: StoreSettings | DatabaseSettings, known: KnownObjects, twins: Sequence[Twin]) -> Taken:
    """Write what is known of the twins' originals as the twins' own.

    Args:
        run: the run.
        holding: the store.
        known: what is known of it, after a listing.
        twins: of one store.
    """
    taken = Taken(Fragment(), [])
    writer = _Writer(run, holding)
    used: set[int] = set()
    for path, which, rows in known.origins([twin.place for twin in twins]):
        originals = run.evidence.read_rows("objects", path, rows)
        pairs = []
        for number, row in zip(which.tolist(), originals, strict=True):
            twin = twins[number]
            if not _is_same(twin.found, row):
                taken.left.append(twin.found)
                continue
            # A face keeps its id where its picture was moved; a copy's needs one of its own.
            keeps = not known.was_found(twin.place) and twin.place not in used
            used.add(twin.place)
            pairs.append(_Pair(twin.found, row, keeps))
        taken.files += writer.write(path, pairs)
    return taken


@dataclass(frozen=True, slots=True)
class _Pair:
    """A twin, the row of its original, and whether the ids of its faces stay."""

    found: StoredObject
    row: dict[str, Any]
    keeps_ids: bool


def _is_same(found: StoredObject, row: dict[str, Any]) -> bool:
    return bool(unmarked(found.version) == unmarked(row["version"]) and found.size_bytes == row["size_bytes"])


class _Writer:
    """Writes the evidence of twins, a part for each file that their originals stand in."""

    def __init__(self, run: Run, holding: StoreSettings | DatabaseSettings) -> None:
        self._run, self._holding = run, holding

    def write(self, path: str, pairs: Sequence[_Pair]) -> Fragment:
        """Write the twins of objects of one file, and their faces and vectors."""
        if not pairs:
            return Fragment()
        stem = path.rsplit("/", 1)[-1].removesuffix(".parquet")
        # By a hash of the old name, so that names do not grow with each move; vectors are looked up by this very name.
        name = safe_name(f"{self._run.request.run_id}-moved-{_digest(stem, 8)}")
        faces, ids = self._faces(path, pairs)
        if ids:
            self._run.vectors.copy(stem, name, ids)
        write, day = self._run.evidence.write_table, self._run.request.as_of
        objects = pd.DataFrame([self._row(pair) for pair in pairs], columns=OBJECTS.names)
        rows = pd.DataFrame(faces, columns=FACES.names)
        store = self._holding.name
        return Fragment(
            {
                "objects": [write("objects", objects, store, day, name)],
                "faces": [write("faces", rows, store, day, name)],
            }
        )

    def _row(self, pair: _Pair) -> dict[str, Any]:
        found, row = pair.found, dict(pair.row)
        row |= {"uri": found.uri, "version": found.version, "subject_ref": found.subject_ref}
        if row["captured_from"] != "exif":  # the time of change is that of the copy: the original's is the true one
            named = named_time(self._holding, found, self._run.settings.controller.zone)
            row |= {"captured_at": named, "captured_from": "name"} if named else {}
        return row

    def _faces(self, path: str, pairs: Sequence[_Pair]) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
        """Give the twins' faces, and to each id of an original's face those of the twins'."""
        twins: dict[str, list[_Pair]] = {}
        for pair in pairs:
            if pair.row["faces"]:
                twins.setdefault(pair.row["uri"], []).append(pair)
        made: list[dict[str, Any]] = []
        ids: dict[str, list[str]] = {}
        for face in self._originals(path) if twins else ():
            for pair in twins.get(face["uri"], ()):
                found = pair.found
                new = face["face_id"] if pair.keeps_ids else _face_id(face["face_id"], found)
                ids.setdefault(face["face_id"], []).append(new)
                own = {"face_id": new, "uri": found.uri, "version": found.version, "subject_ref": found.subject_ref}
                made.append(face | own)
        return made, ids

    def _originals(self, path: str) -> Iterator[dict[str, Any]]:
        # A part's faces lie beside its objects, under the same name.
        yield from self._run.evidence.read_rows("faces", path.replace("objects/", "faces/", 1))


def _face_id(original: str, found: StoredObject) -> str:
    place = f"{found.store}\x1f{found.uri}\x1f{found.version}\x1f{original}"
    return _digest(place, 12)


def _digest(text: str, size: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=size).hexdigest()
