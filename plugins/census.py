"""The head-count over the evidence: people on record by their ids, everybody else by their faces, as intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from detectors.encoder import SHIPPED
from detectors.groups import group_faces
from detectors.identities import recount_people
from detectors.matching import NOBODY, match_enrolled
from detectors.profile import Profile
from detectors.records import CurvePoint, PeopleCount
from detectors.shots import NO_COPY, earlier_pictures, same_files
from expectations.columns import CENSUS
from expectations.undeclared import undeclared_columns
from plugins.comparisons import ComparisonStore
from plugins.evidence import Fragment
from plugins.run import Run
from plugins.seen import Seen, gather

CONFIDENCE = 0.95


@dataclass(slots=True)
class Census:
    """The rows of the census and the groups that faces fell in."""

    rows: pd.DataFrame
    identities: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Scope:
    """What one head-count speaks of: some stores, and the ids of the people whom these have on record.

    Attributes:
        nameless: templates that are filed under nobody.
        undeclared: facial columns that the settings do not name.
    """

    kind: str
    name: str
    rows: pd.DataFrame
    enrolled: set[str]
    pictured: set[str]
    nameless: int
    undeclared: int


@dataclass(frozen=True, slots=True)
class _Others:
    """The people among some faces who are none of those on record, and how they were counted."""

    low: int
    best: int
    high: int
    unusable: int
    count: PeopleCount
    notes: tuple[str, ...]


def take_census(run: Run, so_far: Fragment) -> Census:
    """Count people in all stores together, in each store and for each purpose.

    People on record count by their ids, once, wherever they are: *enrolled* who has a stored template, *linked* who has
    none but a picture filed under their id. Faces filed under nobody add the people who are none of these: *unknown*,
    an interval.
    """
    held = [h.name for h in (*run.whole.stores, *run.whole.databases)]
    objects = run.evidence.objects(so_far)
    faces = run.evidence.faces(objects, so_far)
    faces = faces[faces["store"].isin(held)].reset_index(drop=True)
    subjects = run.evidence.read("subjects", so_far)
    subjects = subjects[subjects["store"].isin(held)]
    profile = run.profile
    seen = gather(run, objects, faces, subjects)
    counter = _Counter(seen, profile, run.comparisons)
    records = _Records(faces, subjects, _nameless(run, so_far), _undeclared(run, so_far))
    rows = [_row(run, scope, counter) for scope in _scopes(run, seen, records)]
    return Census(pd.DataFrame(rows, columns=CENSUS.names), _identities(run, seen, profile))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Records:
    """What stands in the evidence beside the vectors; the last two by store."""

    faces: pd.DataFrame
    subjects: pd.DataFrame
    nameless: Mapping[str, int]
    undeclared: Mapping[str, int]


def _nameless(run: Run, so_far: Fragment) -> dict[str, int]:
    noted = run.evidence.noted("tallies", so_far)
    return {store: sum(tally["nameless"] for tally in tallies) for store, tallies in noted.items()}


def _undeclared(run: Run, so_far: Fragment) -> dict[str, int]:
    columns = undeclared_columns(run.evidence.read("columns", so_far))
    return {str(store): int(n) for store, n in columns.groupby("store").size().items()}


def _scopes(run: Run, seen: Seen, records: _Records) -> list[_Scope]:
    purposes = {h.name: h.purpose for h in (*run.whole.stores, *run.whole.databases)}
    parts = [("all", "", list(purposes))]
    parts += [("store", name, [name]) for name in purposes]
    for purpose in sorted(set(purposes.values())):
        parts.append(("purpose", purpose, [name for name, its in purposes.items() if its == purpose]))
    return [_scope(kind, name, stores, seen, records) for kind, name, stores in parts]


def _scope(kind: str, name: str, stores: list[str], seen: Seen, records: _Records) -> _Scope:
    faces, subjects = (table[table["store"].isin(stores)] for table in (records.faces, records.subjects))
    ids = {data_class: set(rows["subject_ref"]) for data_class, rows in subjects.groupby("data_class")}
    pictured = ids.get("image", set()) | set(faces["subject_ref"].dropna())
    return _Scope(
        kind,
        name,
        rows=seen.rows[seen.rows["store"].isin(stores)],
        enrolled=ids.get("template", set()),
        pictured=pictured,
        nameless=sum(records.nameless.get(store, 0) for store in stores),
        undeclared=sum(records.undeclared.get(store, 0) for store in stores),
    )


class _Counter:
    """Counts the people among some rows: the same rows once only, and what is new since the last run."""

    def __init__(self, seen: Seen, profile: Profile | None, comparisons: ComparisonStore) -> None:
        self._seen, self._profile, self._comparisons = seen, profile, comparisons
        self._done: dict[bytes, PeopleCount] = {}

    def others(self, scope: str, rows: pd.DataFrame, on_record: int, nameless: int = 0) -> _Others:
        """Count the people who are none of those on record.

        Some on record have no face in ``rows`` to compare with, because of a template of another make or a vector that
        has expired. Anybody unknown may be one of them, so the lower end leaves that many out. A face without a vector
        may be anybody, and so may one of the ``nameless`` templates that is of another make or broken: they add to the
        upper end.
        """
        comparable = rows[rows["vector"] >= 0]
        count = self._count(scope, comparable)
        bare = int(((rows["vector"] < 0) & rows["subject_ref"].isna()).sum())
        compared = int((comparable["is_template"] & comparable["subject_ref"].isna()).sum())
        opaque = max(0, nameless - compared)
        unseen = on_record - comparable["subject_ref"].nunique()
        return _Others(
            low=max(0, count.unknown_low - unseen),
            best=count.unknown_best,
            high=count.unknown_high + bare + opaque,
            unusable=count.unusable + bare + opaque,
            count=count,
            notes=count.notes + _notes(bare, unseen if count.unknown_low else 0, compared, opaque),
        )

    def _count(self, scope: str, rows: pd.DataFrame) -> PeopleCount:
        key = rows.index.to_numpy().tobytes()
        if key not in self._done:
            sightings, earlier = self._seen.sightings(rows), self._comparisons.read(scope)
            counted = recount_people(sightings, earlier, profile=self._profile, confidence=CONFIDENCE)
            if counted.earlier:
                self._comparisons.write(scope, counted.earlier)
            self._done[key] = counted.people
        return self._done[key]


def _notes(bare: int, unseen: int, compared: int, opaque: int) -> tuple[str, ...]:
    notes = []
    if bare:
        notes.append(f"faces without a vector, which has expired: {bare:,}; each may be somebody else")
    if unseen:
        notes.append(f"people on record without a face to compare with: {unseen:,}; any unknown face may be theirs")
    if compared:
        notes.append(f"templates filed under nobody: {compared:,}; their people are counted by likeness, as unknown")
    if opaque:
        notes.append(
            f"templates filed under nobody that no face can be compared with: {opaque:,}; each may be somebody"
        )
    return tuple(notes)


def _row(run: Run, scope: _Scope, counter: _Counter) -> dict[str, object]:
    on_record = len(scope.enrolled | scope.pictured)
    others = counter.others(f"{scope.kind} {scope.name}", scope.rows, on_record, scope.nameless)
    low, best, high = (on_record + n for n in (others.low, others.best, others.high))
    # Counted apart: strangers before a camera may be enrolled people, who then are in an image although no image is
    # filed under them. It is part of the whole, so it cannot exceed it.
    images = counter.others(
        f"{scope.kind} {scope.name} images", scope.rows[~scope.rows["is_template"]], len(scope.pictured)
    )
    return {
        "run_id": run.request.run_id,
        "as_of": run.request.as_of,
        "scope": scope.kind,
        "scope_name": scope.name,
        "people_low": low,
        "people_best": best,
        "people_high": high,
        "confidence": CONFIDENCE,
        "with_template": len(scope.enrolled),
        "in_any_image": min(best, len(scope.pictured) + images.best),
        "in_any_image_low": min(low, len(scope.pictured) + images.low),
        "in_any_image_high": min(high, len(scope.pictured) + images.high),
        "linked": len(scope.pictured - scope.enrolled),
        "unknown_low": others.low,
        "unknown_best": others.best,
        "unknown_high": others.high,
        **_how(others, scope.undeclared),
    }


def _how(others: _Others, undeclared: int) -> dict[str, object]:
    count, notes = others.count, list(others.notes)
    if undeclared:
        notes.append(
            f"columns with facial data that the settings do not name: {undeclared:,}; nobody in them is counted"
        )
    return {
        "unusable": others.unusable,
        "calibrated": count.calibrated,
        "method": f"people on record by their ids; faces filed under nobody: {count.method}",
        "notes": json.dumps(notes),
        "curve": json.dumps([_point(point) for point in count.curve], allow_nan=False),
    }


def _point(point: CurvePoint) -> dict[str, float]:
    # Four digits are more than an estimate has.
    return {name: float(f"{value:.4g}") for name, value in asdict(point).items()}


def _identities(run: Run, seen: Seen, profile: Profile | None) -> pd.DataFrame:
    """Give each face the pseudonym of its group: keyed, and the same as long as the group's first face stays.

    Faces with the very same vector share a ``shot`` in the same way; ``copy_of`` is the face that one looks like a copy
    of, by the measure of the shipped encoder.
    """
    held = seen.rows[seen.rows["vector"] >= 0]
    vectors = seen.vectors[held["vector"].to_numpy()]
    groups = group_faces(vectors, profile=profile)
    frame = held[["face_id"]].assign(group=groups, matched_ref=_matched(run, seen, held, profile))
    frame["shots"] = same_files(vectors)
    frame["copy_of"] = None
    if run.encoder.sha256 == SHIPPED.sha256:
        original = earlier_pictures(vectors, groups, held["seconds"].to_numpy(float))
        names = pd.Series(held["face_id"].to_numpy(object)[original], index=frame.index)
        frame["copy_of"] = names.mask(original == NO_COPY)
    frame = frame[~held["is_template"]]
    frame["face_id"] = frame["face_id"].astype(str)
    frame["pseudonym"] = _keyed(run, frame, "group")
    several = frame["shots"].duplicated(keep=False)
    frame["shot"] = _keyed(run, frame[several], "shots").reindex(frame.index)
    return frame[["face_id", "pseudonym", "matched_ref", "shot", "copy_of"]].sort_values("face_id", ignore_index=True)


def _keyed(run: Run, frame: pd.DataFrame, group: str) -> pd.Series:
    """Give each group of faces a keyed hash of its first face."""
    first = frame.groupby(group)["face_id"].transform("min")
    keyed: pd.Series = first.map({name: run.keyring.pseudonym(group, name) for name in first.unique()})
    return keyed


def _matched(run: Run, seen: Seen, held: pd.DataFrame, profile: Profile | None) -> pd.Series:
    """Give the enrolled person whom each face that is filed under nobody was matched with; none without the switch."""
    matched = pd.Series(None, index=held.index, dtype=object)
    if not run.settings.match_enrolled or profile is None:
        return matched
    filed = held["subject_ref"].notna()
    faces = held[~held["is_template"] & ~filed & (held["quality"] >= profile.usual.poor_below)]
    templates = held[held["is_template"] & filed]
    codes, refs = pd.factorize(templates["subject_ref"])
    vectors = (seen.vectors[rows["vector"].to_numpy()] for rows in (faces, templates))
    people = match_enrolled(next(vectors), faces["frame"].to_numpy(), next(vectors), codes, profile=profile)
    found = people != NOBODY
    matched[faces.index[found]] = np.asarray(refs, dtype=object)[people[found]]
    return matched
