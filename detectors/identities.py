"""Counts people: how many different ones a collection of faces shows, as an interval.

Groups are not counted: pictures of one person that differ much fall apart, people who look alike flow together, and
the threshold that balances the two is another one in every collection. Instead every face's look-alikes are counted at
several strictnesses (``lookalikes``), and the people behind them are solved for (``sizes``) under many guesses of how
this collection differs from the calibration. docs/head-count.md explains the method and how it was measured.

Two readings of the guesses are mixed. The *calibrated* one trusts the profile; the *open* one hardly does. How well the
collection fits the profile decides between them: the further off, the wider the interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.comparisons import Comparison, Earlier, compare
from detectors.guesses import GRID, Belief, Strangeness, believe, fitting_error, strangeness_of
from detectors.known import KnownShare, known_share
from detectors.profile import Profile
from detectors.records import CurvePoint, PeopleCount, Sightings
from detectors.sizes import Observed, Solution, concentrated, sampling_error, solve
from detectors.tidy import TidyFaces, tidy

METHOD = "look-alikes-5"
"""Changes whenever the same faces would give another count."""

# Of every thousand pictures one may be a copy of another that is filed under a second name; LFW has four such pairs.
_COPIES = 1000
# The strictest levels are solved for the number; the looser ones, where strangers prevail, tell the guesses apart.
_FINE_LEVELS = 3


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Recount:
    """A head-count, and what makes the next one of the same collection cheap.

    Attributes:
        people: the count.
        earlier: to be handed to the next one; None when there was nothing to compare.
        compared: how many pairs of faces were compared for it.
    """

    people: PeopleCount
    earlier: Earlier | None
    compared: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Nobodys:
    """The faces that are filed under nobody: what was observed of them, and what is believed."""

    total: int
    observed: Observed
    whole: Solution
    belief: Belief
    strange: Strangeness
    known: KnownShare
    lone: tuple[float, float]


def count_people(
    sightings: Sightings | NDArray[np.floating], *, profile: Profile | None, confidence: float = 0.95
) -> PeopleCount:
    """Estimate how many different people a collection shows.

    Time grows with the faces: of more than 17,320 a sample is compared with all.

    Args:
        sightings: the faces; a bare (N, D) array are vectors of which nothing more is known.
        profile: calibration of their encoder; None when it has none: then the interval is as wide as it can be.
        confidence: that the truth lies in the interval, in (0, 1).

    Raises:
        BadVectors: another shape than the profile's, or a vector that is not finite or has no length.
        ValueError: ``confidence`` outside (0, 1).
    """
    return recount_people(sightings, None, profile=profile, confidence=confidence).people


def recount_people(
    sightings: Sightings | NDArray[np.floating],
    earlier: Earlier | None,
    *,
    profile: Profile | None,
    confidence: float = 0.95,
) -> Recount:
    """Count again what was counted before: only new faces are compared; see ``comparisons``.

    Args:
        sightings: all faces, as ``count_people`` takes them.
        earlier: what the last count of this collection gave; one made by another method or profile is left alone.
        profile: see ``count_people``.
        confidence: see ``count_people``.

    Raises:
        BadVectors: see ``count_people``.
        ValueError: ``confidence`` outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; a number between 0 and 1 was expected, such as 0.95")
    if not isinstance(sightings, Sightings):
        sightings = Sightings(sightings)
    known = len(np.unique(sightings.subjects[sightings.subjects >= 0])) if sightings.subjects is not None else 0
    faces = tidy(sightings, profile)
    total = int((faces.subjects < 0).sum())
    if profile is None:
        return Recount(_uncalibrated(total, known, faces.unusable, confidence), None, 0)
    if not total:
        return Recount(_counted(known, (0, 0, 0), faces.unusable, 0.0 if known else 1.0, confidence), None, 0)
    compared = compare(faces, profile, f"{METHOD} {profile.digest}", earlier)
    unseen = known - len(np.unique(faces.subjects[faces.subjects >= 0]))
    nobodys = _look(faces, compared, profile, confidence)
    people = _estimated(nobodys, known, unseen, faces.unusable, confidence)
    return Recount(people, compared.earlier, compared.compared)


def _look(faces: TidyFaces, compared: Comparison, profile: Profile, confidence: float) -> _Nobodys:
    """Solve and weigh."""
    total = len(compared.nobody)
    seen = _observed(compared, profile)
    whole, fine = solve(seen, profile, GRID, _FINE_LEVELS)
    strange = strangeness_of(compared.scale[compared.nobody], faces.poor, profile)
    belief = believe(fine, whole, strange, total, (sampling_error(seen), fitting_error(profile)))
    known = known_share(compared, faces.subjects[faces.subjects >= 0], belief, profile, confidence)
    lone = float((fine.lone * belief.guesses).sum())
    high = fine.lone[belief.guesses > (1 - confidence) / 20].max(initial=lone)
    return _Nobodys(total, seen, whole, belief, strange, known, (lone, float(high)))


def _observed(compared: Comparison, profile: Profile) -> Observed:
    total, levels = len(compared.nobody), compared.levels
    weights, cap = concentrated(compared.counts[:, 0], total, levels, profile)
    seen = Observed(total, compared.counts, levels, compared.scale[compared.sample], weights, cap)
    return seen.only(slice(min(1, len(levels.rates) - 1), None))


def _estimated(nobodys: _Nobodys, known: int, unseen: int, unusable: int, confidence: float) -> PeopleCount:
    """Put the interval together: people filed as data subjects, and those among the others who are none of them.

    Of the known, ``unseen`` have no usable face to be recognised by: they may all be among the others.
    """
    belief, among = nobodys.belief, nobodys.known
    tail = (1 - confidence) / 2
    most = nobodys.total + nobodys.total // _COPIES
    low, best, high = (
        float(np.clip(people, 1, most)) for people in (belief.quantile(tail), belief.best, belief.quantile(1 - tail))
    )
    unknown = (
        max(0, math.floor(low * (1 - among.high)) - unseen),
        round(best * (1 - among.best)),
        math.ceil(high * (1 - among.low)),
    )
    counted = _counted(known, unknown, unusable, nobodys.lone[0], confidence)
    return replace(
        counted,
        notes=counted.notes + (_notes(nobodys.strange, belief) if unknown[0] < unknown[2] else ()),
        calibrated=round(belief.calibrated, 3),
        lone_share_high=min(1.0, nobodys.lone[1]),
        curve=_curve(nobodys),
    )


def _counted(known: int, unknown: tuple[int, int, int], unusable: int, lone: float, confidence: float) -> PeopleCount:
    """Add up; an unusable face may be anybody, and most likely is somebody new as often as a further face would be."""
    low, best, high = unknown[0], unknown[1] + round(unusable * lone), unknown[2] + unusable
    best = min(max(best, low), high)
    nobody_at_all = known + high == 0
    low = max(low, 0 if known or nobody_at_all else 1)
    best, high = max(best, low), max(high, low)
    blurred = f"faces too small or blurred to be told apart: {unusable:,}; each may be anybody"
    return PeopleCount(
        low=known + low,
        best=known + best,
        high=known + high,
        confidence=confidence,
        method=METHOD,
        notes=(blurred,) if unusable else (),
        known=known,
        unknown_low=low,
        unknown_best=best,
        unknown_high=high,
        unusable=unusable,
    )


def _uncalibrated(total: int, known: int, unusable: int, confidence: float) -> PeopleCount:
    """Say all that can be said without a calibration: one person at least, and no more than faces."""
    some = 1 if total and not known else 0
    counted = _counted(known, (some, max(some, total), total), unusable, 1.0, confidence)
    note = (
        "there is no calibration for this encoder (`facewarden calibrate` makes one): every face may be somebody else"
    )
    return replace(counted, notes=(*counted.notes, note), calibrated=0.0)


def _curve(nobodys: _Nobodys) -> tuple[CurvePoint, ...]:
    """Say at each level how many groups faces would fall in, and how wrong that would be."""
    seen, solution, guesses = nobodys.observed, nobodys.whole, nobodys.belief.guesses
    recall = guesses.sum(axis=1) @ solution.recall
    false = guesses.sum(axis=0) @ solution.false
    alike = seen.counts.mean(axis=0)
    groups = nobodys.total * (1 / (1 + seen.counts)).mean(axis=0)
    merged = np.minimum(false / np.maximum(alike, 1e-9), 1.0)
    return tuple(
        CurvePoint(float(at), float(count), float(merge), float(1 - found))
        for at, count, merge, found in zip(seen.levels.strictness, groups, merged, recall, strict=True)
    )


def _notes(strange: Strangeness, belief: Belief) -> tuple[str, ...]:
    """Say why the interval is wide."""
    if belief.calibrated > 0.8:
        return ()
    reasons = [
        (strange.level, "faces look more alike than those the count was calibrated on"),
        (-strange.level, "faces look less alike than those the count was calibrated on"),
        (abs(strange.deviation), "people look alike in another way than those the count was calibrated on"),
        (strange.quality, "many faces are small or blurred"),
    ]
    said = [text for size, text in reasons if size > 1.3]
    said = said or ["the likeness of faces does not spread as it does where the count was calibrated"]
    return (f"the interval is wide because {' and '.join(said)}",)
