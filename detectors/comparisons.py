"""Compares the faces of a collection, and only what is new when it was compared before.

What one night found is kept for the next: every face's scale, and the look-alikes of the sampled faces. The next night
compares new faces with the sample, and faces new in the sample with all. The cohort and the strictnesses stay those of
the first night, the *basis*, until a quarter of the faces has come or gone since; then everything is compared anew.
With the same basis it makes no difference in how many nights the faces came.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.cohort import Cohort, Scale, Vectors, cohort_of, scale_against
from detectors.lookalikes import Faces, Hashes, Labels, Levels, Pairs, levels_for, look_alikes, sampled, thinned
from detectors.profile import Floats, Profile
from detectors.tidy import TidyFaces

# Part of the faces, filed or not, that may come and go before there is a new basis.
_STALE = 0.25
# Strangers that a face has among all faces of known people at the strictness where it is looked for among them.
_FALSE = (0.03,)
_LARGEST_KNOWN_RATE = 0.005


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Earlier:
    """What is kept of a comparison for the next one. No vector, but it says which faces are alike: biometric data.

    Attributes:
        made_with: method and profile; another's is of no use.
        hashes: (N,) uint64 of the faces, rising.
        filed: (N,) bool, faces of known people.
        scale: of each face.
        cohort: (C,) uint64, hashes of the basis' cohort; ``shares`` as in ``Cohort``.
        totals: (2,) int64, faces of nobody and of known people in the basis.
        changed: (2,) int64, how many of either came or went since.
        pairs: look-alikes of the sample, ``others`` as places in ``hashes``.
        sample: (S,) int64, places in ``hashes``.
    """

    made_with: str
    hashes: Hashes
    filed: NDArray[np.bool_]
    scale: Scale
    cohort: Hashes
    shares: Floats
    totals: Labels
    changed: Labels
    pairs: Pairs
    sample: Labels


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """What the head-count is made of.

    Attributes:
        scale: of all faces.
        nobody: (U,) int64, places of the faces that are filed under nobody.
        sample: (S,) int64, places of those that were asked about.
        levels: where look-alikes are counted.
        counts: (S, L) int64, look-alikes of each among ``nobody``.
        known_levels: one strictness at which they are looked for among the known.
        known: (S,) bool, who has a look-alike there.
        compared: pairs of faces that were compared for it; with the cohort, too.
        earlier: for the next time.
    """

    scale: Scale
    nobody: Labels
    sample: Labels
    levels: Levels
    counts: Labels
    known_levels: Levels
    known: NDArray[np.bool_]
    compared: int
    earlier: Earlier


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Basis:
    """What stays the same while faces come and go: whom to compare with, and for how many faces."""

    people: Vectors
    cohort: Hashes
    shares: Floats
    totals: Labels
    changed: Labels


def compare(faces: TidyFaces, profile: Profile, made_with: str, earlier: Earlier | None = None) -> Comparison:
    """Compare.

    Args:
        faces: some of them filed under nobody.
        profile: of their encoder.
        made_with: see ``Earlier``.
        earlier: of the same collection.
    """
    filed = faces.subjects >= 0
    if earlier is not None and earlier.made_with != made_with:
        earlier = None
    before = _places(faces.hashes, filed, earlier)
    basis = _still(faces, filed, before, earlier) if earlier else None
    if basis is None:
        before, earlier = np.full(len(filed), -1), None
        basis = _made(faces, filed, profile)
    scale = _scale(faces.vectors, before, earlier, basis, profile)
    levels = levels_for(int(basis.totals[0]), profile)
    known = levels_for(int(basis.totals[1]), profile, _FALSE, _LARGEST_KNOWN_RATE)
    floors = np.where(filed, known.strictness[0], levels.strictness[0]).astype(np.float32)
    everybody = Faces(faces.vectors, scale, floors, faces.hashes)
    nobody = np.flatnonzero(~filed)
    sample = nobody[sampled(faces.hashes[nobody])]
    pairs, compared = _look(everybody, sample, before, earlier)
    kept = Earlier(
        made_with, faces.hashes, filed, scale, basis.cohort, basis.shares, basis.totals, basis.changed, pairs, sample
    )
    others = pairs[_are_others(pairs, sample, faces, profile)]
    return Comparison(
        scale=scale,
        nobody=nobody,
        sample=sample,
        levels=levels,
        counts=others[~filed[others.others]].counted(levels),
        known_levels=known,
        known=others[filed[others.others]].counted(known)[:, 0] > 0,
        compared=compared + int((before < 0).sum()) * len(basis.people),
        earlier=kept,
    )


def _places(hashes: Hashes, filed: NDArray[np.bool_], earlier: Earlier | None) -> Labels:
    """Say where each face was before: (N,) int64; -1 where it is new, or is filed now and was not, or the reverse."""
    if earlier is None or not len(earlier.hashes):
        return np.full(len(hashes), -1)
    place = np.minimum(np.searchsorted(earlier.hashes, hashes), len(earlier.hashes) - 1)
    same = (earlier.hashes[place] == hashes) & (earlier.filed[place] == filed)
    return np.where(same, place, -1)


def _made(faces: TidyFaces, filed: NDArray[np.bool_], profile: Profile) -> _Basis:
    cohort: Cohort = cohort_of(faces.vectors, profile)
    totals = np.bincount(filed, minlength=2).astype(np.int64)
    return _Basis(faces.vectors[cohort.rows], faces.hashes[cohort.rows], cohort.shares, totals, np.zeros(2, np.int64))


def _still(faces: TidyFaces, filed: NDArray[np.bool_], before: Labels, earlier: Earlier) -> _Basis | None:
    """Give the basis as it was, without those of its cohort who have gone; None when it is stale."""
    came = np.bincount(filed[before < 0], minlength=2)
    stayed = np.bincount(filed[before >= 0], minlength=2)
    went = np.bincount(earlier.filed, minlength=2) - stayed
    changed = earlier.changed + came + went
    if (changed > _STALE * earlier.totals).any():
        return None
    people = faces.vectors[np.isin(faces.hashes, earlier.cohort)]
    return _Basis(people, earlier.cohort, earlier.shares, earlier.totals, changed)


def _scale(vectors: Vectors, before: Labels, earlier: Earlier | None, basis: _Basis, profile: Profile) -> Scale:
    fresh = np.flatnonzero(before < 0)
    found = scale_against(vectors[fresh] if earlier else vectors, basis.people, basis.shares, profile)
    if earlier is None:
        return found
    scale = earlier.scale[np.maximum(before, 0)]
    scale.level[fresh], scale.deviation[fresh] = found.level, found.deviation
    return scale


def _look(faces: Faces, sample: Labels, before: Labels, earlier: Earlier | None) -> tuple[Pairs, int]:
    """Find the look-alikes of the sample, those known from before without comparing; and say how many were compared."""
    asked = faces[sample]
    if earlier is None:
        return look_alikes(asked, faces, np.zeros(len(sample), np.int64)), len(sample) * len(faces)
    old = _renumbered(earlier, sample, before)
    newly = np.flatnonzero(~np.isin(before[sample], earlier.sample))
    stayed, fresh = np.setdiff1d(np.arange(len(sample)), newly), np.flatnonzero(before < 0)
    one = look_alikes(asked[newly], faces, np.zeros(len(newly), np.int64))
    other = look_alikes(asked[stayed], faces[fresh], old.halvings[stayed])
    halvings = old.halvings.copy()
    halvings[newly], halvings[stayed] = one.halvings, other.halvings
    whole = Pairs(
        np.concatenate([old.rows, newly[one.rows], stayed[other.rows]]),
        np.concatenate([old.others, one.others, fresh[other.others]]),
        np.concatenate([old.likeness, one.likeness, other.likeness]),
        halvings,
    )
    return thinned(whole, faces.hashes), len(newly) * len(faces) + len(stayed) * len(fresh)


def _renumbered(earlier: Earlier, sample: Labels, before: Labels) -> Pairs:
    """Give the earlier pairs of whom are still there, in the places of now."""
    now = np.full(len(earlier.hashes), -1)
    now[before[before >= 0]] = np.flatnonzero(before >= 0)
    row_of = np.full(len(before), -1)
    row_of[sample] = np.arange(len(sample))
    stood = now[earlier.sample]
    rows = np.where(stood >= 0, row_of[stood], -1)
    halvings = np.zeros(len(sample), np.int64)
    halvings[rows[rows >= 0]] = earlier.pairs.halvings[rows >= 0]
    pairs = earlier.pairs
    row, other = rows[pairs.rows], now[pairs.others]
    stay = (row >= 0) & (other >= 0)
    return Pairs(row[stay], other[stay], pairs.likeness[stay], halvings)


def _are_others(pairs: Pairs, sample: Labels, faces: TidyFaces, profile: Profile) -> NDArray[np.bool_]:
    """Say which pairs count: not a face and itself, nor two faces of one frame.

    Two faces in one frame are two people, unless they are so alike that it must be a mirror or a poster.
    """
    one = sample[pairs.rows]
    count: NDArray[np.bool_] = one != pairs.others
    together = np.flatnonzero(count & (faces.frames[one] >= 0) & (faces.frames[one] == faces.frames[pairs.others]))
    cosines = np.einsum("ij,ij->i", faces.vectors[one[together]], faces.vectors[pairs.others[together]])
    count[together] = cosines > profile.usual.sure_cosine
    return count
