"""Scanning: which objects must be looked at, and looking at a chunk of them so that killing it loses little."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

import numpy as np
import pandas as pd

from detectors.errors import Refusal, Refused
from detectors.look import Look, Looker, SeenFace
from expectations.columns import FACES, OBJECTS
from plugins.evidence import Fragment
from plugins.run import Run
from plugins.settings import DatabaseSettings, StoreSettings
from plugins.stores.capture import captured_from_name
from plugins.stores.records import PictureStore, StoredObject, StoreProblem
from plugins.vectors import FaceVectors

log = logging.getLogger(__name__)

# A killed chunk loses at most the pictures of this many seconds; shorter parts would mean many small files.
PART_SECONDS = 20.0
_SAMPLES = 8
# What the store would not give tonight it may give tomorrow: these are looked at again although nothing changed.
PASSING_REASONS = {"unreadable", "vanished", Refusal.TIMEOUT.value}


@dataclass(slots=True)
class Coverage:
    """How the objects of one store ended, and the chunks still to look at."""

    store: str
    counts: Counter[str] = field(default_factory=Counter)
    bytes_todo: int = 0
    problem: str | None = None


@dataclass(slots=True)
class ScanPlan:
    """What a run has to do: chunk ids with their number of objects, coverage so far, a few objects of each store."""

    chunks: dict[str, int] = field(default_factory=dict)
    coverage: dict[str, Coverage] = field(default_factory=dict)
    samples: dict[str, list[StoredObject]] = field(default_factory=dict)

    @property
    def objects_todo(self) -> int:
        """Objects that must be looked at."""
        return sum(self.chunks.values())

    @property
    def bytes_todo(self) -> int:
        """Bytes that must be read for that."""
        return sum(c.bytes_todo for c in self.coverage.values())


class _Known:
    """What the evidence, and the parts that no commit has taken in, say of objects already looked at."""

    def __init__(self, run: Run) -> None:
        self._key = run.detector_key
        self._held = run.vectors.parts()
        parts = run.evidence.parts()
        objects = run.evidence.objects(sum(parts.values(), Fragment()))
        self._fresh = set(parts)
        columns = ["store", "uri", "version", "detector_key", "status", "reason", "faces", "file", "captured_at"]
        self._rows: dict[str, dict[str, Any]] = {}
        for store, rows in objects[columns].groupby("store"):
            self._rows[str(store)] = {str(row.uri): row for row in rows.itertuples()}

    def uris(self, store: str) -> set[str]:
        return set(self._rows.get(store, {}))

    def captured_at(self, found: StoredObject) -> datetime | None:
        row = self._rows.get(found.store, {}).get(found.uri)
        return None if row is None or pd.isna(row.captured_at) else row.captured_at.to_pydatetime()

    def verdict(self, found: StoredObject) -> str | None:
        """Say how an object that need not be looked at ended; None when it must be."""
        row = self._rows.get(found.store, {}).get(found.uri)
        if row is None or row.version != found.version or row.detector_key != self._key:
            return None
        if row.status == "scanned" and row.faces and row.file not in self._held:
            return None  # its vectors have expired: the census needs them, so it is looked at again
        if row.file in self._fresh:
            return str(row.status)  # looked at by a run that was cut short: this run takes it over
        if row.reason in PASSING_REASONS:
            return None
        return "unchanged" if row.status == "scanned" else str(row.status)


def plan_scan(run: Run, *, dry: bool = False) -> ScanPlan:
    """List the stores, compare with what is known, cut what is left into chunks.

    With ``dry`` nothing is written. Otherwise the chunks and a fragment with the rows of objects that are gone or
    left out are published in the run's folder.
    """
    known, plan, rows = _Known(run), ScanPlan(), []
    for holding in run.holdings:
        coverage = plan.coverage[holding.name] = Coverage(holding.name)
        try:
            todo, noted = _compare(run, holding, known, coverage)
        except StoreProblem as problem:
            log.warning("store %s could not be listed: %s", holding.name, problem.why)
            coverage.problem = problem.why
            coverage.counts = Counter(skipped=max(1, len(known.uris(holding.name))))
            continue
        rows += noted
        plan.samples[holding.name] = todo[:: max(1, len(todo) // _SAMPLES)][:_SAMPLES]
        for chunk in _chunks(todo, run.settings.scan.chunk_objects):
            name = _chunk_name(chunk, run.detector_key)
            plan.chunks[name] = len(chunk)
            if not dry:
                body = json.dumps([asdict(o) for o in chunk], default=str).encode()
                run.evidence.publish(f"{run.folder}/chunks/{name}.json", body)
    if not dry:
        _save_plan(run, plan, rows)
    return plan


def _compare(
    run: Run, holding: StoreSettings | DatabaseSettings, known: _Known, coverage: Coverage
) -> tuple[list[StoredObject], list[dict[str, Any]]]:
    """Split a store's listing into what must be looked at and rows that can be noted without opening anything."""
    todo, rows, listed = [], [], set()
    store = run.pictures(holding)
    for found in store.list():
        listed.add(found.uri)
        if not _in_span(run, holding, found, known):
            continue
        if found.skip:
            coverage.counts["skipped"] += 1
            rows.append(_row(found, run.detector_key, status="skipped", reason=found.skip))
        elif verdict := known.verdict(found):
            coverage.counts[verdict] += 1
        else:
            todo.append(found)
            coverage.bytes_todo += max(0, found.size_bytes)
    for uri in sorted(known.uris(holding.name) - listed):
        coverage.counts["gone"] += 1
        rows.append(_row(StoredObject(holding.name, uri, "", 0), run.detector_key, status="gone"))
    return todo, rows


def _in_span(run: Run, holding: StoreSettings | DatabaseSettings, found: StoredObject, known: _Known) -> bool:
    """Say whether an object was captured or changed in the days the run is asked for."""
    since, until = run.request.since, run.request.until
    if since is None or until is None:
        return True
    zone = run.settings.controller.zone
    named = _named_time(holding, found, zone)
    times = [known.captured_at(found) or named or found.row_at, found.modified_at]
    return any(t is not None and since <= t.astimezone(zone).date() <= until for t in times)


def _save_plan(run: Run, plan: ScanPlan, rows: list[dict[str, Any]]) -> None:
    files = []
    frame = pd.DataFrame(rows, columns=OBJECTS.names)
    for store, part in frame.groupby("store"):
        name = f"{run.request.run_id}-noted"
        files.append(run.evidence.write_table("objects", part, str(store), run.request.as_of, name))
    notes = {
        "coverage": {c.store: dict(c.counts) for c in plan.coverage.values()},
        "problems": {c.store: c.problem for c in plan.coverage.values() if c.problem},
        "chunks": sorted(plan.chunks),
    }
    run.evidence.save_fragment(f"{run.folder}/plan.json", Fragment({"objects": files}, notes))


def _chunks(objects: list[StoredObject], size: int) -> Iterator[list[StoredObject]]:
    for start in range(0, len(objects), size):
        yield objects[start : start + size]


def _chunk_name(chunk: list[StoredObject], detector_key: str) -> str:
    """Name a chunk by its content, so that the same work has the same name in every try."""
    text = "\n".join([chunk[0].store, detector_key, *(f"{o.uri}\t{o.version}" for o in chunk)])
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


# -- looking ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Part:
    """Rows that will be published together, and the key of the detectors that looked."""

    detector_key: str
    objects: list[dict[str, Any]] = field(default_factory=list)
    faces: list[dict[str, Any]] = field(default_factory=list)
    vectors: list[Any] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self.started > PART_SECONDS


def scan_chunk(run: Run, chunk: str, looker: Looker, tick: Callable[[int], None] = lambda n: None) -> Counter[str]:
    """Look at the objects of one chunk that no part holds yet; publish parts as it goes.

    Args:
        run: the run.
        chunk: name of the chunk, from the plan.
        looker: the loaded detectors; one serves as many chunks as wanted.
        tick: called with the number of objects done since the last call.

    Returns:
        How many objects ended in which status.
    """
    try:
        listed = json.loads(run.evidence.read_bytes(f"{run.folder}/chunks/{chunk}.json"))
    except FileNotFoundError:
        return Counter()  # a retry after the run was committed: its work is in the evidence already
    objects = [_stored(o) for o in listed]
    holding = next(h for h in run.holdings if h.name == objects[0].store)
    store = run.pictures(holding)
    taken = {name: part for name, part in run.evidence.parts().items() if name.startswith(chunk)}
    done = set(run.evidence.read_fragment("objects", sum(taken.values(), Fragment()))["uri"])
    ended, number, part = Counter[str](), len(taken), _Part(run.detector_key)
    for found in objects:
        if found.uri in done:
            tick(1)
            continue
        ended[_look_at(found, store, looker, part, _Clock(holding, run.settings.controller.zone))] += 1
        if part.is_due:
            _publish(run, f"{chunk}-{number}", part)
            number, part = number + 1, _Part(run.detector_key)
        tick(1)
    if part.objects:
        _publish(run, f"{chunk}-{number}", part)
    return ended


@dataclass(frozen=True, slots=True)
class _Clock:
    """Tells when a picture was taken, and what said so."""

    holding: StoreSettings | DatabaseSettings
    zone: tzinfo

    def captured(self, found: StoredObject, look: Look | None) -> tuple[datetime | None, str | None]:
        """Ask the EXIF, the file's name, the row, the store, in this order: the nearest to the shutter first."""
        taken = look.taken_at if look else None
        if taken is not None:
            zone: tzinfo = self.zone
            if isinstance(self.holding, StoreSettings):
                zone = self.holding.clock or zone
            return (taken if taken.tzinfo else taken.replace(tzinfo=zone)).astimezone(UTC), "exif"
        if named := _named_time(self.holding, found, self.zone):
            return named, "name"
        if found.row_at:
            return found.row_at, "row"
        return found.modified_at, "metadata" if found.modified_at else None


def _named_time(holding: StoreSettings | DatabaseSettings, found: StoredObject, zone: tzinfo) -> datetime | None:
    if not isinstance(holding, StoreSettings) or not holding.captured_pattern:
        return None
    return captured_from_name(found.uri, holding.captured_pattern, holding.clock or zone)


def _look_at(found: StoredObject, store: PictureStore, looker: Looker, part: _Part, clock: _Clock) -> str:
    """Look at one object and note what came of it; give its status. Whatever happens, the chunk goes on."""
    look, status, reason = None, "scanned", None
    try:
        look = looker.look(store.read(found))
    except StoreProblem as problem:
        status, reason = "quarantined", problem.kind
    except Refused as refused:
        status = "unsupported" if refused.reason is Refusal.UNSUPPORTED else "quarantined"
        reason = refused.reason.value
    except MemoryError:
        status, reason = "quarantined", Refusal.TOO_LARGE.value
    except Exception as error:  # one bad file never stops a night: the boundary of one object
        log.warning("an object of store %s was put aside: %s", found.store, type(error).__name__)
        status, reason = "quarantined", "error"
    captured_at, captured_from = clock.captured(found, look)
    faces = look.faces if look else ()
    row = _row(found, part.detector_key, status=status, reason=reason, faces=len(faces))
    row["media_type"] = look.media_type if look else None
    part.objects.append(row | {"captured_at": captured_at, "captured_from": captured_from})
    for seen in faces:
        part.faces.append(_face_row(found, seen))
        part.vectors.append(seen.vector)
    return status


def _row(found: StoredObject, detector_key: str, *, status: str, **more: Any) -> dict[str, Any]:
    given = {
        "store": found.store,
        "uri": found.uri,
        "version": found.version,
        "size_bytes": found.size_bytes,
        "subject_ref": found.subject_ref,
        "status": status,
        "faces": 0,
        "detector_key": detector_key,
    }
    return dict.fromkeys(OBJECTS.names) | given | more


def _face_row(found: StoredObject, seen: SeenFace) -> dict[str, Any]:
    box = [round(float(v), 1) for v in seen.face.box_xywh_px]
    place = f"{found.store}\x1f{found.uri}\x1f{found.version}\x1f{seen.frame_ms}\x1f{box}"
    return dict.fromkeys(FACES.names) | {
        "face_id": hashlib.blake2b(place.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest(),
        "store": found.store,
        "uri": found.uri,
        "version": found.version,
        "frame_ms": seen.frame_ms,
        "box_xywh_px": box,
        "score": seen.face.score,
        "quality": seen.face.quality,
        "subject_ref": found.subject_ref,
    }


def _publish(run: Run, name: str, part: _Part) -> None:
    """Seal the vectors, write the rows, and only then name them in a fragment: the part exists from that moment."""
    day, store = run.request.as_of, part.objects[0]["store"]
    if part.faces:
        ids = np.array([f["face_id"] for f in part.faces], dtype=np.str_)
        vectors = FaceVectors(ids, np.asarray(part.vectors, dtype=np.float32))
        run.vectors.write(name, day, vectors, run.encoder.key)
    write = run.evidence.write_table
    files = {
        "objects": [write("objects", pd.DataFrame(part.objects), store, day, name)],
        "faces": [write("faces", pd.DataFrame(part.faces, columns=FACES.names), store, day, name)],
    }
    run.evidence.save_fragment(f"pending/parts/{name}.json", Fragment(files))


def _stored(read: dict[str, Any]) -> StoredObject:
    times = {k: datetime.fromisoformat(read[k]) for k in ("modified_at", "row_at") if read[k]}
    return StoredObject(**{**read, **times})
