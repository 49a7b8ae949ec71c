"""Compares one store's listing with what is known of it: what is new, changed, moved, gone or left out.

Listings go by in a stream: a million objects are compared in the memory of what is known of them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from plugins.capturing import named_time
from plugins.evidence import Fragment
from plugins.known import Known, KnownObjects
from plugins.noting import Noted
from plugins.run import Run
from plugins.selection import Selection
from plugins.settings import DatabaseSettings, StoreSettings
from plugins.stores.addresses import unspelt
from plugins.stores.records import PictureStore, StoredObject, StoreProblem
from plugins.taking_over import Twin, take_over

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Coverage:
    """How the objects of one store ended, and what is still to be read.

    Attributes:
        counts: of objects, by how they ended.
        todo: objects to be looked at.
        bytes_todo: of them.
        left: objects beyond the budget.
        problem: why it could not be listed to its end.
    """

    store: str
    counts: Counter[str] = field(default_factory=Counter)
    todo: int = 0
    bytes_todo: int = 0
    left: int = 0
    problem: str | None = None


@dataclass(slots=True)
class Budget:
    """So many bytes may be planned for in all; None for any number."""

    whole: int | None
    taken: int = 0
    _is_spent: bool = False

    def takes(self, size_bytes: int) -> bool:
        """Say whether an object still fits in, and take it off; after the first that does not, none does.

        What alone is more than the whole is passed over: else no run would ever come to what lies behind it.
        """
        if self.whole is None:
            return True
        size = max(0, size_bytes)
        self._is_spent |= size <= self.whole < self.taken + size
        if self._is_spent or size > self.whole:
            return False
        self.taken += size
        return True


class Comparison:
    """One store's listing beside what is known of it."""

    def __init__(self, run: Run, holding: StoreSettings | DatabaseSettings, dry: bool, budget: Budget) -> None:
        self._run, self._holding, self._budget = run, holding, budget
        self._selection = Selection(run.request, run.settings, holding)
        self.coverage = Coverage(holding.name)
        self.noted = Noted(run, holding.name, dry)
        self.moved = Fragment()
        self._dry = dry

    def todo(self) -> Iterator[StoredObject]:
        """Give the objects that must be looked at; count and note the others."""
        known, twins = KnownObjects(self._run, self._holding.name), list[Twin]()
        counts, store = self.coverage.counts, self._run.pictures(self._holding)
        try:
            for found in store.list():
                before = known.find(found)
                if not self._in_span(found, before.captured_at if before else None):
                    continue
                if not self._is_new(found, before):
                    continue
                # What is to be looked at again is its own twin.
                place = None if before and self._selection.repeats(before) else known.twin(found)
                if place is not None:
                    twins.append(Twin(found, place))
                elif self._is_taken_on(found):
                    yield found
        except StoreProblem as problem:
            log.warning("store %s could not be listed to its end: %s", self._holding.name, problem.why)
            self.coverage.problem = problem.why
            counts["skipped"] += max(1, known.missing())
            known.take_all_for_found()
        counts["excluded"] += store.excluded
        yield from self._not_taken_over(known, twins)
        self._note_gone(known, store)

    def _not_taken_over(self, known: KnownObjects, twins: list[Twin]) -> Iterator[StoredObject]:
        """Take over what is known of moved and copied objects; give those of which it cannot be."""
        if self._dry or not twins:
            self.coverage.counts["unchanged"] += len(twins)
            return
        taken = take_over(self._run, self._holding, known, twins)
        self.moved += taken.files
        self.coverage.counts["unchanged"] += len(twins) - len(taken.left)
        yield from filter(self._is_taken_on, taken.left)

    def _note_gone(self, known: KnownObjects, store: PictureStore) -> None:
        gone, closed = 0, {unspelt(uri).rstrip("/") for uri in store.closed}
        for missing in known.gone(store.listed_at):
            uris = [uri for uri in missing if not _is_below(uri, closed)]
            gone += len(uris)
            for uri in uris:
                self.noted.add(StoredObject(self._holding.name, uri, "", 0), status="gone")
        self.coverage.counts["gone"] += gone
        # Younger than the inventory, or in a folder that is closed: nobody knows whether they are there still.
        self.coverage.counts["skipped"] += known.missing() - gone

    def _is_new(self, found: StoredObject, before: Known | None) -> bool:
        """Say whether an object is not known as it is; count and note it otherwise."""
        if found.skip:
            self.coverage.counts["skipped"] += 1
            self.noted.add(found, status="skipped", reason=found.skip)
            return False
        verdict = before.verdict(found.version) if before else None
        if before and verdict and not self._selection.repeats(before):
            self.coverage.counts[verdict] += 1
            return False
        return True

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


def _is_below(uri: str, folders: set[str]) -> bool:
    """Say whether an address lies below one of some folders."""
    path = unspelt(uri)
    while folders and "/" in path:
        path = path.rpartition("/")[0]
        if path in folders:
            return True
    return False
