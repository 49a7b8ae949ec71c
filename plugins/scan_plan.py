"""Planning a scan: which objects must be looked at, cut into chunks; what is gone or left out is noted unopened.

Listings go by in a stream: a million objects are compared in the memory of what is known of them.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from expectations.columns import OBJECTS
from plugins.evidence import Fragment
from plugins.known import Known, KnownObjects
from plugins.run import Run
from plugins.selection import Selection
from plugins.settings import DatabaseSettings, StoreSettings
from plugins.stores.capture import captured_from_name
from plugins.stores.records import StoredObject, StoreProblem
from plugins.workload import cut

log = logging.getLogger(__name__)

_SAMPLES = 8
_ROWS_A_FILE = 50_000


@dataclass(slots=True)
class Coverage:
    """How the objects of one store ended, and what is still to be read; ``left`` are those beyond the budget."""

    store: str
    counts: Counter[str] = field(default_factory=Counter)
    todo: int = 0
    bytes_todo: int = 0
    left: int = 0
    problem: str | None = None


class _Samples:
    """Keeps some of a stream's objects, evenly spread over all of it."""

    def __init__(self) -> None:
        self._kept: list[StoredObject] = []
        self._seen, self._every = 0, 1

    def add(self, found: StoredObject) -> None:
        if self._seen % self._every == 0:
            self._kept.append(found)
        self._seen += 1
        if len(self._kept) == 2 * _SAMPLES:
            self._kept, self._every = self._kept[::2], self._every * 2

    def chosen(self) -> list[StoredObject]:
        return self._kept[:: max(1, len(self._kept) // _SAMPLES)][:_SAMPLES]


@dataclass(slots=True)
class ScanPlan:
    """What a run has to do.

    Attributes:
        chunks: chunk ids with their number of objects.
        seconds: the work expected in each chunk.
        coverage: of each store, so far.
        samples: a few objects of each store.
    """

    chunks: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
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


def plan_scan(run: Run, *, dry: bool = False) -> ScanPlan:
    """List the stores, compare with what is known, cut what is left into chunks.

    A store that cannot be listed to its end is said to have a problem: what was listed of it is looked at, and of
    what was not nothing is taken for gone.

    With ``dry`` nothing is written. Otherwise the chunks and a fragment with the rows of objects that are gone or
    left out are published in the run's folder.
    """
    scan = run.settings.scan
    plan, files, budget = ScanPlan(), list[str](), _Budget(run.request.max_bytes)
    # What is looked at again is other work than what was done before under the same name.
    key = run.detector_key if run.request.reprocess == "none" else f"{run.detector_key} {run.request.run_id}"
    for holding in run.holdings:
        comparison = _Comparison(run, holding, dry, budget)
        samples = _Samples()
        for chunk, seconds in cut(comparison.todo(), scan.chunk_objects, scan.task_seconds):
            name = _chunk_name(chunk, key)
            plan.chunks[name], plan.seconds[name] = len(chunk), seconds
            for found in chunk:
                samples.add(found)
            if not dry:
                body = json.dumps([asdict(o) for o in chunk], default=str).encode()
                run.evidence.publish(f"{run.folder}/chunks/{name}.json", body)
        plan.coverage[holding.name] = comparison.coverage
        plan.samples[holding.name] = samples.chosen()
        files += comparison.noted.close()
    if not dry:
        notes = {
            "coverage": {c.store: dict(c.counts) for c in plan.coverage.values()},
            "problems": {c.store: c.problem for c in plan.coverage.values() if c.problem},
            "chunks": sorted(plan.chunks),
            "planned": {c.store: c.todo for c in plan.coverage.values()},
        }
        run.evidence.save_fragment(f"{run.folder}/plan.json", Fragment({"objects": files}, notes))
    return plan


@dataclass(slots=True)
class _Budget:
    """So many bytes may still be planned for; None for any number."""

    left: int | None

    def takes(self, size_bytes: int) -> bool:
        """Say whether an object still fits in, and take it off; after the first that does not, none does."""
        if self.left is None:
            return True
        self.left = self.left - max(0, size_bytes) if self.left >= max(0, size_bytes) else -1
        return self.left >= 0


class _Comparison:
    """One store's listing beside what is known of it."""

    def __init__(self, run: Run, holding: StoreSettings | DatabaseSettings, dry: bool, budget: _Budget) -> None:
        self._run, self._holding, self._budget = run, holding, budget
        self._selection = Selection(run.request, run.settings, holding)
        self.coverage = Coverage(holding.name)
        self.noted = _Noted(run, holding.name, dry)

    def todo(self) -> Iterator[StoredObject]:
        """Give the objects that must be looked at; count and note the others."""
        known = KnownObjects(self._run, self._holding.name)
        counts = self.coverage.counts
        try:
            for found in self._run.pictures(self._holding).list():
                before = known.find(found)
                if self._in_span(found, before.captured_at if before else None) and self._is_todo(found, before):
                    yield found
        except StoreProblem as problem:
            log.warning("store %s could not be listed to its end: %s", self._holding.name, problem.why)
            self.coverage.problem = problem.why
            counts["skipped"] += max(1, known.missing())
            return
        for uris in known.gone():
            counts["gone"] += len(uris)
            for uri in uris:
                self.noted.add(StoredObject(self._holding.name, uri, "", 0), status="gone")

    def _is_todo(self, found: StoredObject, before: Known | None) -> bool:
        """Say whether an object must be looked at; count and note it when not."""
        if found.skip:
            self.coverage.counts["skipped"] += 1
            self.noted.add(found, status="skipped", reason=found.skip)
            return False
        verdict = before.verdict(found.version) if before else None
        if before and verdict and not self._selection.repeats(before):
            self.coverage.counts[verdict] += 1
            return False
        return self._is_taken_on(found)

    def _is_taken_on(self, found: StoredObject) -> bool:
        """Take an object on if the budget allows it; else leave it without a note: it stays new to the next run."""
        if self._budget.takes(found.size_bytes):
            self.coverage.bytes_todo += max(0, found.size_bytes)
            self.coverage.todo += 1
            return True
        self.coverage.counts["skipped"] += 1
        self.coverage.left += 1
        return False

    def _in_span(self, found: StoredObject, captured_at: datetime | None) -> bool:
        """Say whether an object is in the part of the store, and of the days, that the run is asked for."""
        if not self._selection.takes(found):
            return False
        since, until = self._run.request.since, self._run.request.until
        if since is None or until is None:
            return True
        zone = self._run.settings.controller.zone
        times = [captured_at or named_time(self._holding, found, zone) or found.row_at, found.modified_at]
        return any(t is not None and since <= t.astimezone(zone).date() <= until for t in times)


class _Noted:
    """Writes rows of one store's objects that were not opened, some thousands at a time."""

    def __init__(self, run: Run, store: str, dry: bool) -> None:
        self._run, self._store, self._dry = run, store, dry
        self._rows: list[dict[str, Any]] = []
        self._files: list[str] = []

    def add(self, found: StoredObject, *, status: str, reason: str | None = None) -> None:
        if not self._dry:
            gone_on = self._run.request.as_of if status == "gone" else None
            self._rows.append(object_row(found, self._run.detector_key, status=status, reason=reason, gone_on=gone_on))
        if len(self._rows) == _ROWS_A_FILE:
            self._write()

    def close(self) -> list[str]:
        """Write the rest; give the paths of all files."""
        if self._rows:
            self._write()
        return self._files

    def _write(self) -> None:
        frame = pd.DataFrame(self._rows, columns=OBJECTS.names)
        name = f"{self._run.request.run_id}-noted" + (f"-{len(self._files)}" if self._files else "")
        day = self._run.request.as_of
        self._files.append(self._run.evidence.write_table("objects", frame, self._store, day, name))
        self._rows = []


def _chunk_name(chunk: list[StoredObject], detector_key: str) -> str:
    """Name a chunk by its content, so that the same work has the same name in every try."""
    text = "\n".join([chunk[0].store, detector_key, *(f"{o.uri}\t{o.version}" for o in chunk)])
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def named_time(holding: StoreSettings | DatabaseSettings, found: StoredObject, zone: tzinfo) -> datetime | None:
    """Read when a picture was taken from its name, where the settings say how; None where they do not."""
    if not isinstance(holding, StoreSettings) or not holding.captured_pattern:
        return None
    return captured_from_name(found.uri, holding.captured_pattern, holding.clock or zone)


def object_row(found: StoredObject, detector_key: str, *, status: str, **more: Any) -> dict[str, Any]:
    """Give the row of one object for the evidence; what is not given is none."""
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
