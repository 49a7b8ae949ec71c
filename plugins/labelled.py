"""Faces whose people are known: one for each picture that shows one person clearly, and whose label can be believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.errors import BadVectors
from detectors.tidy import unit_vectors
from plugins.adhoc import BadSource, as_matrix

NEARLY_IDENTICAL = 0.985
"""Cosine above which two faces under two labels are taken for one person filed twice: with the shipped encoder one
pair of strangers in 70 million is above 0.98 (own measurement on LFW, 2026-11), and better ones part them further."""

# From this share of the largest face's side on, the second largest may be the one whom the label means.
_ABOUT_EQUAL = 0.7
_BLOCK_PAIRS = 4_000_000  # cosines held at once: 16 MB

Labels = NDArray[np.int64]
Vectors = NDArray[np.float32]


@dataclass(slots=True)
class LabelledRows:
    """What was read, before it is tidied.

    Attributes:
        kind: how the faces were labelled, in words.
        faces: rows with ``uri``, ``frame_ms``, ``quality``, ``vector`` and, when known, ``box_xywh_px``.
        pictures: ``uri``, and ``place`` of whom it shows (see ``LabelledFaces.places``); a picture may stand twice.
        left_out: pictures that were left out so far, by reason.
        graded: whether the quality means something.
    """

    kind: str
    faces: pd.DataFrame
    pictures: pd.DataFrame
    left_out: Counter[str]
    graded: bool = True


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class LabelledFaces:
    """Faces, each once, and whose they are, as numbers; in an order that depends on nothing but them. Biometric data.

    Attributes:
        vectors: (N, D) float32 unit vectors.
        people: (N,) int64, 0 to P - 1.
        quality: (N,) in [0, 1]; None when not graded.
        places: (P,) rising: where a keyed hash puts each person in [0, 1).
        kind: how they were labelled, in words.
        left_out: pictures that were left out, by reason.
        suspicious_pairs: how many pairs of faces under two labels were nearly identical; they are left out.
    """

    vectors: Vectors
    people: Labels
    quality: NDArray[np.float64] | None
    places: NDArray[np.float64]
    kind: str
    left_out: dict[str, int]
    suspicious_pairs: int

    @property
    def with_two(self) -> int:
        """How many people have two or more faces."""
        return int((np.bincount(self.people) >= 2).sum())

    def taken(self, faces: NDArray[np.bool_]) -> LabelledFaces:
        """Keep some faces, ``faces`` being (N,) bool, and the people who are left."""
        held, people = np.unique(self.people[faces], return_inverse=True)
        quality = None if self.quality is None else self.quality[faces]
        return replace(
            self, vectors=self.vectors[faces], people=people.astype(np.int64), quality=quality, places=self.places[held]
        )


def tidied(read: LabelledRows, source: str) -> LabelledFaces:
    """Keep the faces whose label can be believed; say what was left out.

    Args:
        read: what was read.
        source: where from, for messages.

    Raises:
        BadSource: vectors of different lengths, or such that cannot be compared.
    """
    left_out = read.left_out.copy()
    rows = read.pictures.drop_duplicates().merge(_one_for_each_picture(read.faces, left_out), on="uri")
    try:
        unit = unit_vectors(as_matrix(rows), None) if len(rows) else np.empty((0, 1), np.float32)
    except BadVectors as error:
        raise BadSource(f"{source}: {error}") from error
    first = _told_apart(unit, rows["place"].to_numpy(), left_out)
    places, people = np.unique(rows["place"].to_numpy(np.float64)[first], return_inverse=True)
    quality = rows["quality"].to_numpy(np.float64)[first] if read.graded else None
    faces = LabelledFaces(unit[first], people.astype(np.int64), quality, places, read.kind, {}, 0)
    suspicious, pairs = _nearly_identical(faces)
    left_out["nearly_identical_under_two_labels"] = int(suspicious.sum())
    said = {reason: n for reason, n in sorted(left_out.items()) if n}
    return replace(faces.taken(~suspicious), left_out=said, suspicious_pairs=pairs)


def _one_for_each_picture(faces: pd.DataFrame, left_out: Counter[str]) -> pd.DataFrame:
    """Take the largest face of each picture's first frame, unless another is about as large."""
    faces = faces[faces["frame_ms"] == faces.groupby("uri")["frame_ms"].transform("min")]
    boxes = faces["box_xywh_px"] if "box_xywh_px" in faces else [(0.0, 0.0, 1.0, 1.0)] * len(faces)
    faces = faces.assign(side=[max(box[2], box[3]) for box in boxes]).sort_values("side", ascending=False)
    rank = faces.groupby("uri").cumcount()
    second = faces[rank == 1].set_index("uri")["side"]
    largest = faces[rank == 0]
    several = (largest["uri"].map(second).astype(np.float64) >= _ABOUT_EQUAL * largest["side"]).to_numpy()
    left_out["several_faces"] += int(several.sum())
    return largest.loc[~several, ["uri", "quality", "vector"]]


def _told_apart(unit: Vectors, places: NDArray[np.float64], left_out: Counter[str]) -> Labels:
    """Choose the rows to keep, in the order of their vectors: copies once, and not at all if under two labels."""
    _, first, which = np.unique(unit, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    lowest, highest = np.full(len(first), np.inf), np.full(len(first), -np.inf)
    np.minimum.at(lowest, which, places)
    np.maximum.at(highest, which, places)
    doubtful = lowest != highest
    left_out["same_picture_under_two_labels"] += int(doubtful[which].sum())
    left_out["copies_under_one_label"] += int((~doubtful[which]).sum() - (~doubtful).sum())
    kept: Labels = first[~doubtful].astype(np.int64)
    return kept


def _nearly_identical(faces: LabelledFaces) -> tuple[NDArray[np.bool_], int]:
    """Mark the faces, (N,), that are nearly identical with one under another label; count such pairs."""
    total, pairs = len(faces.people), 0
    marked = np.zeros(total, np.bool_)
    rows = max(1, _BLOCK_PAIRS // max(total, 1))
    for start in range(0, total, rows):
        alike = faces.vectors[start : start + rows] @ faces.vectors[start:].T > NEARLY_IDENTICAL
        one, other = np.nonzero(alike)
        one, other = one + start, other + start
        differ = (one < other) & (faces.people[one] != faces.people[other])
        pairs += int(differ.sum())
        marked[one[differ]] = marked[other[differ]] = True
    return marked, pairs
