"""Planning a scan: which objects must be looked at, cut into chunks; what is gone or left out is noted unopened."""

from __future__ import annotations

import hashlib
import json
import logging
import operator
from dataclasses import dataclass, field, fields

from plugins.comparing import Budget, Comparison, Coverage
from plugins.evidence import Fragment
from plugins.run import Run
from plugins.stores.records import StoredObject
from plugins.workload import cut

log = logging.getLogger(__name__)

_SAMPLES = 8
_FIELDS = tuple(f.name for f in fields(StoredObject))
_values = operator.attrgetter(*_FIELDS)


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
        store_seconds: the work expected in each store.
    """

    chunks: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    coverage: dict[str, Coverage] = field(default_factory=dict)
    samples: dict[str, list[StoredObject]] = field(default_factory=dict)
    store_seconds: dict[str, float] = field(default_factory=dict)

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
    plan, made, budget = ScanPlan(), Fragment(), Budget(run.request.max_bytes)
    # What is looked at again is other work than what was done before under the same name.
    key = run.detector_key if run.request.reprocess == "none" else f"{run.detector_key} {run.request.run_id}"
    for holding in run.holdings:
        comparison = Comparison(run, holding, dry, budget)
        samples = _Samples()
        for chunk, seconds in cut(comparison.todo(), scan.chunk_objects, scan.task_seconds):
            name = _chunk_name(chunk, key)
            plan.chunks[name], plan.seconds[name] = len(chunk), seconds
            plan.store_seconds[holding.name] = plan.store_seconds.get(holding.name, 0.0) + seconds
            for found in chunk:
                samples.add(found)
            if not dry:
                run.evidence.publish(f"{run.folder}/chunks/{name}.json", _as_json(chunk))
        plan.coverage[holding.name] = comparison.coverage
        plan.samples[holding.name] = samples.chosen()
        made += comparison.moved + Fragment({"objects": comparison.noted.close()})
    if not dry:
        notes = {
            "coverage": {c.store: dict(c.counts) for c in plan.coverage.values()},
            "problems": {c.store: c.problem for c in plan.coverage.values() if c.problem},
            "chunks": sorted(plan.chunks),
            "planned": {c.store: c.todo for c in plan.coverage.values()},
        }
        run.evidence.save_fragment(f"{run.folder}/plan.json", Fragment(made.files, notes))
    return plan


def _chunk_name(chunk: list[StoredObject], detector_key: str) -> str:
    """Name a chunk by its content, so that the same work has the same name in every try."""
    text = "\n".join([chunk[0].store, detector_key, *(f"{o.uri}\t{o.version}" for o in chunk)])
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _as_json(chunk: list[StoredObject]) -> bytes:
    return json.dumps([dict(zip(_FIELDS, _values(found), strict=True)) for found in chunk], default=str).encode()
