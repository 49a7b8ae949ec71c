"""The head-count over the evidence: enrolled people by their records, everybody else by their faces, as intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.identities import count_people, group_faces
from detectors.records import PeopleCount
from expectations.columns import CENSUS
from plugins.evidence import Fragment
from plugins.run import Run

CONFIDENCE = 0.95


@dataclass(slots=True)
class Census:
    """The rows of the census and the groups that faces fell in."""

    rows: pd.DataFrame
    identities: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Scope:
    """What one head-count speaks of."""

    kind: str
    name: str
    faces: pd.DataFrame
    subjects: pd.DataFrame


def take_census(run: Run, so_far: Fragment) -> Census:
    """Count people in all stores together, in each store and for each purpose.

    Known people count as known: whoever has a record with facial data, or a picture filed under their id. Faces filed
    under nobody add only those who may not be among them: none of them for the lower end, all their groups for the
    upper end, and for the best estimate the groups unlike every known template.
    """
    objects = run.evidence.objects(so_far)
    faces = run.evidence.faces(objects, so_far)
    subjects = run.evidence.read("subjects", so_far)
    held = [h.name for h in (*run.whole.stores, *run.whole.databases)]
    subjects = subjects[subjects["store"].isin(held)]
    faces = faces[faces["store"].isin(held)].reset_index(drop=True)
    alike = _Likeness(run, faces)
    rows = [_count(run, scope, alike) for scope in _scopes(run, faces, subjects)]
    return Census(pd.DataFrame(rows, columns=CENSUS.names), _identities(run, faces, alike))


class _Likeness:
    """Which current faces and stored templates look alike: grouped once, for all scopes.

    Attributes:
        group: (N,) int64, the group of each face; -1 where its vector has expired.
        of_templates: the groups that the templates of each database fell in.
    """

    def __init__(self, run: Run, faces: pd.DataFrame) -> None:
        found = run.vectors.read(run.encoder.key, run.dimension)
        place = {face_id: i for i, face_id in enumerate(found.face_ids.tolist())}
        row = np.array([place.get(face_id, -1) for face_id in faces["face_id"]], dtype=np.int64)
        held = row >= 0
        self._row, self._values = row, found.values
        templates = {database.name: run.templates(database) for database in run.whole.databases}
        labels = group_faces(np.concatenate([found.values[row[held]], *templates.values()]))
        self.group = np.full(len(faces), -1, dtype=np.int64)
        self.group[held] = labels[: held.sum()]
        ends = np.cumsum([int(held.sum()), *(len(t) for t in templates.values())])
        self.of_templates = {
            name: set(labels[start:end].tolist())
            for name, start, end in zip(templates, ends[:-1], ends[1:], strict=True)
        }

    def vectors(self, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give the vectors, (n, D), of faces that have one, by their position."""
        return self._values[self._row[index]]


def _scopes(run: Run, faces: pd.DataFrame, subjects: pd.DataFrame) -> list[_Scope]:
    purpose = {h.name: h.purpose for h in (*run.whole.stores, *run.whole.databases)}
    scopes = [_Scope("all", "", faces, subjects)]
    for name in purpose:
        scopes.append(_Scope("store", name, faces[faces["store"] == name], subjects[subjects["store"] == name]))
    for name in sorted(set(purpose.values())):
        inside = [store for store, its in purpose.items() if its == name]
        scopes.append(
            _Scope("purpose", name, faces[faces["store"].isin(inside)], subjects[subjects["store"].isin(inside)])
        )
    return scopes


def _count(run: Run, scope: _Scope, alike: _Likeness) -> dict[str, object]:
    with_template = set(scope.subjects.loc[scope.subjects["data_class"] == "template", "subject_ref"])
    with_image = set(scope.subjects.loc[scope.subjects["data_class"] == "image", "subject_ref"])
    with_image |= set(scope.faces["subject_ref"].dropna())
    known = with_template | with_image
    unlinked = scope.faces.index[scope.faces["subject_ref"].isna()].to_numpy()
    linked = scope.faces.index[scope.faces["subject_ref"].notna()].to_numpy()
    others, unlike = _others(unlinked, linked, alike, scope)
    expired = int((alike.group[unlinked] < 0).sum())
    low = max(len(known), others.low)
    return {
        "run_id": run.request.run_id,
        "as_of": run.request.as_of,
        "scope": scope.kind,
        "scope_name": scope.name,
        "people_low": low,
        "people_best": max(low, len(known) + unlike),
        # A face without a vector may be anybody.
        "people_high": len(known) + others.high + expired,
        "confidence": CONFIDENCE,
        "with_template": len(with_template),
        "in_any_image": len(with_image) + unlike,
        "method": f"known people by record; faces filed under nobody: {others.method}",
    }


def _others(
    unlinked: NDArray[np.int64], linked: NDArray[np.int64], alike: _Likeness, scope: _Scope
) -> tuple[PeopleCount, int]:
    """Count the people among unlinked faces, and estimate how many of them are none of the known."""
    seen = unlinked[alike.group[unlinked] >= 0]
    frames = pd.factorize(pd.MultiIndex.from_frame(scope.faces.loc[seen, ["uri", "frame_ms"]]))[0]
    others = count_people(alike.vectors(seen), confidence=CONFIDENCE, frames=frames)
    groups = set(alike.group[seen].tolist())
    known = set(alike.group[linked].tolist())
    for database in scope.subjects["store"].unique():
        known |= alike.of_templates.get(database, set())
    return others, round(others.best * len(groups - known) / len(groups)) if groups else 0


def _identities(run: Run, faces: pd.DataFrame, alike: _Likeness) -> pd.DataFrame:
    """Give each face the pseudonym of its group: keyed, and the same as long as the group's first face stays."""
    frame = pd.DataFrame({"face_id": faces["face_id"].astype(str), "group": alike.group})
    frame = frame[frame["group"] >= 0]
    first = frame.groupby("group")["face_id"].transform("min")
    frame["pseudonym"] = first.map({name: run.keyring.pseudonym("group", name) for name in first.unique()})
    return frame[["face_id", "pseudonym"]].sort_values("face_id", ignore_index=True)
