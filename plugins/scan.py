"""Looking at a chunk of objects so that killing it loses little."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from detectors.look import Look, SeenFace
from expectations.columns import FACES
from plugins.capturing import named_time
from plugins.evidence import Fragment
from plugins.glance import Glance, Glancer, limits_of
from plugins.leading import Empty, led
from plugins.noting import object_row
from plugins.run import Run
from plugins.settings import DatabaseSettings, StoreSettings
from plugins.stores.records import StoredObject
from plugins.supervise import Lost, Supervisor
from plugins.vectors import FaceVectors

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Part:
    """Rows that will be published together, and the key of the detectors that looked."""

    detector_key: str
    save_seconds: float
    objects: list[dict[str, Any]] = field(default_factory=list)
    faces: list[dict[str, Any]] = field(default_factory=list)
    vectors: list[Any] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self.started > self.save_seconds


def supervised(run: Run) -> Supervisor[StoredObject, Glance]:
    """Make what looks at the objects of this run, in a process that may die."""
    return Supervisor(partial(Glancer, run.request, run.encoder), limits_of(run.settings.scan))


def scan_chunk(
    run: Run, chunk: str, looking: Supervisor[StoredObject, Glance], tick: Callable[[int], None] = lambda n: None
) -> Counter[str]:
    """Look at the objects of one chunk that no part holds yet; publish parts as it goes.

    Args:
        run: the run.
        chunk: name of the chunk, from the plan.
        looking: of ``supervised``; one serves as many chunks as wanted.
        tick: called with the number of objects done since the last call.

    Returns:
        How many objects ended in which status.
    """
    try:
        listed = json.loads(run.evidence.read_bytes(f"{run.folder}/chunks/{chunk}.json"))
    except FileNotFoundError:
        return Counter()  # a retry after the run was committed: its work is in the evidence already
    objects = [_stored(o) for o in listed]
    taken = run.evidence.parts(chunk)
    rows = run.evidence.read_fragment("objects", sum(taken.values(), Fragment()))
    done = set(rows["uri"])
    empty = Empty(rows.loc[(rows["status"] == "scanned") & (rows["faces"] == 0), "uri"])
    holding = next(h for h in run.holdings if h.name == objects[0].store)
    # Grouped before what is done is left out: the leaders are the same when a run goes on.
    grouped = led(objects) if isinstance(holding, StoreSettings) and holding.same_frames == "skip" else objects
    todo = [found for found in grouped if found.uri not in done]
    tick(len(objects) - len(todo))
    clock = _Clock(holding, run.settings.controller.zone)
    save_seconds = run.settings.scan.save_seconds
    ended, number, part = Counter[str](), len(taken), _Part(run.detector_key, save_seconds)
    for found, outcome in looking.through(todo, empty.told):
        glance = Glance(found, "quarantined", outcome.reason) if isinstance(outcome, Lost) else outcome
        _note(glance, part, clock)
        empty.note(found.uri, empty=glance.is_empty)
        ended[glance.status] += 1
        if part.is_due:
            _publish(run, f"{chunk}-{number}", part)
            number, part = number + 1, _Part(run.detector_key, save_seconds)
        tick(1)
    if part.objects:
        _publish(run, f"{chunk}-{number}", part)
    if ended.total() < len(todo):
        log.warning("the time is over: what is left of chunk %s is for the next run", chunk)
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
        if named := named_time(self.holding, found, self.zone):
            return named, "name"
        if found.row_at:
            return found.row_at, "row"
        return found.modified_at, "metadata" if found.modified_at else None


def _note(glance: Glance, part: _Part, clock: _Clock) -> None:
    """Add to a part what came of looking at an object."""
    found, look = glance.found, glance.look
    captured_at, captured_from = clock.captured(found, look)
    faces = look.faces if look else ()
    row = object_row(found, part.detector_key, status=glance.status, reason=glance.reason, faces=len(faces))
    row["media_type"] = look.media_type if look else None
    if look and look.watched:
        row |= {"stills": look.watched.stills, "longest_gap_ms": look.watched.longest_gap_ms}
    part.objects.append(row | {"captured_at": captured_at, "captured_from": captured_from})
    for seen in faces:
        part.faces.append(face_row(found, seen))
        part.vectors.append(seen.vector)


def face_row(found: StoredObject, seen: SeenFace) -> dict[str, Any]:
    """Make a row of the table ``faces``, all but what is linked later."""
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
    """Seal the vectors, write the rows, and only then name them in a fragment: the part exists from that moment.

    Its name is its own: another run over the same objects, or a later one, writes over nothing.
    """
    name = f"{name}-{secrets.token_hex(4)}"
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
