"""Fits a calibration profile to labelled faces, and scores it on people whom it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.calibrate import LEAST_PEOPLE, CalibrationProblem, fit_profile
from detectors.identities import count_people
from detectors.profile import Profile
from detectors.records import PeopleCount, Sightings
from plugins.labelled import LabelledFaces, Labels
from plugins.pool import Tick

# Collections that are drawn: shares of the people held out, and how many pictures of each at most (None: all).
_SHARES = (0.3, 0.6, 1.0)
_PICTURES = (1, 3, 10, None)
# Below so many people held out, the figures are luck rather than measurement.
_FEW = 30


@dataclass(frozen=True, slots=True)
class Draw:
    """A collection of known size, and what was counted.

    Attributes:
        people: how many it shows.
        most_pictures: of each person; None for all.
        faces: how many it has.
        counted: by the profile under test.
    """

    people: int
    most_pictures: int | None
    faces: int
    counted: PeopleCount

    @property
    def inside(self) -> bool:
        """Whether the truth lies in the interval."""
        return self.counted.low <= self.people <= self.counted.high

    @property
    def error(self) -> float:
        """How far the best estimate is off, as a share of the truth."""
        return abs(self.counted.best - self.people) / self.people

    @property
    def width(self) -> float:
        """How wide the interval is, as a share of the truth."""
        return (self.counted.high - self.counted.low) / self.people

    def as_dict(self) -> dict[str, object]:
        """Give it for printing."""
        counted = {name: getattr(self.counted, name) for name in ("low", "best", "high")}
        pictures = "all" if self.most_pictures is None else self.most_pictures
        return {"people": self.people, "most_pictures": pictures, "faces": self.faces, **counted, "inside": self.inside}


@dataclass(frozen=True, slots=True)
class Asked:
    """How to calibrate.

    Attributes:
        encoder: ``EncoderSpec.key`` of the faces' encoder.
        made_on: the day, for the record.
        holdout: people whose ``places`` lie below it are scored on; 0 scores on nobody.
        seed: of the draws.
        fit_all: fit again on all people in the end.
    """

    encoder: str
    made_on: date
    holdout: float = 0.5
    seed: int = 0
    fit_all: bool = False


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Calibration:
    """A profile, and how it did.

    Attributes:
        faces: what it was made of.
        profile: with the figures of ``draws`` in ``checked``.
        draws: counted with a profile of the people not held out; none when nobody was held out.
        notes: what to know of it, in words.
    """

    faces: LabelledFaces
    profile: Profile
    draws: tuple[Draw, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give it for printing: numbers, and no names."""
        faces, profile = self.faces, self.profile
        people = {"labelled": len(faces.places), "with_two_or_more": faces.with_two, "in_profile": profile.people}
        return {
            "encoder": profile.encoder,
            "faces": len(faces.vectors),
            "people": people,
            "left_out": faces.left_out,
            "suspicious_pairs": faces.suspicious_pairs,
            "draws": [draw.as_dict() for draw in self.draws],
            "checked": profile.checked,
            "notes": list(self.notes),
        }


def calibrate(
    faces: LabelledFaces,
    asked: Asked,
    say: Callable[[str], None] = lambda text: None,
    begin: Callable[[int], Tick] = lambda n: lambda k: None,
) -> Calibration:
    """Fit a profile to one part of the people and score it on the others.

    Args:
        faces: labelled.
        asked: how.
        say: is told what is being done.
        begin: told the number of draws, gives what is told of those done.

    Raises:
        CalibrationProblem: too few people with two or more faces.
    """
    held_out = (faces.places < asked.holdout)[faces.people]
    fitted, scored = faces.taken(~held_out), faces.taken(held_out)
    _require_enough(faces, fitted, asked.holdout)
    profile = _fitted(fitted, asked, f"a share of {asked.holdout:g} of the people held out", say)
    draws = tuple(_scored(scored, profile, asked.seed, begin))
    checked = _figures(draws, len(fitted.places), len(scored.places))
    if asked.fit_all and draws:
        profile = _fitted(faces, asked, "fitted again on everybody", say)
    notes = tuple(_notes(fitted, scored, faces, asked.fit_all))
    return Calibration(faces, replace(profile, checked=checked), draws, notes)


def _fitted(faces: LabelledFaces, asked: Asked, which: str, say: Callable[[str], None]) -> Profile:
    say(f"fitting a profile to {len(faces.vectors):,} faces of {len(faces.places):,} people")
    origin = f"{faces.kind}, {which}"
    its = faces.vectors, faces.people, faces.quality
    return fit_profile(*its, encoder=asked.encoder, made_on=asked.made_on, origin=origin)


def _require_enough(faces: LabelledFaces, fitted: LabelledFaces, holdout: float) -> None:
    if fitted.with_two >= LEAST_PEOPLE:
        return
    if faces.with_two < LEAST_PEOPLE:
        raise CalibrationProblem(
            f"{faces.with_two} people have two or more usable pictures, {LEAST_PEOPLE} are needed (a few hundred are "
            "better): add more; until then the head-count stays wide"
        )
    raise CalibrationProblem(
        f"{fitted.with_two} of the {faces.with_two} people with two or more usable pictures are left to fit on, "
        f"{LEAST_PEOPLE} are needed: hold out fewer than --holdout {holdout:g} (0: nobody) or add more people; until "
        "then the head-count stays wide"
    )


# -- scoring -----------------------------------------------------------------------------------------------------------


def _scored(faces: LabelledFaces, profile: Profile, seed: int, begin: Callable[[int], Tick]) -> Iterator[Draw]:
    rng = np.random.default_rng(seed)
    plans = list(_plans(faces))
    tick = begin(len(plans))
    for people, most in plans:
        chosen = _drawn(faces.people, people, most, rng)
        quality = None if faces.quality is None else faces.quality[chosen]
        counted = count_people(Sightings(faces.vectors[chosen], quality=quality), profile=profile)
        yield Draw(people, most, len(chosen), counted)
        tick(1)


def _plans(faces: LabelledFaces) -> Iterator[tuple[int, int | None]]:
    """Give numbers of people and pictures of each at most; not twice what nobody has more pictures for."""
    if not len(faces.places):
        return
    most = int(np.bincount(faces.people).max())
    for people in dict.fromkeys(max(1, round(share * len(faces.places))) for share in _SHARES):
        for pictures in _PICTURES:
            if pictures is None or pictures < most:
                yield people, pictures


def _drawn(people: Labels, count: int, most: int | None, rng: np.random.Generator) -> Labels:
    """Draw some people, and of each so many faces at most: positions, (n,) int64, rising."""
    order = rng.permutation(len(people))
    order = order[np.isin(people[order], rng.choice(people.max() + 1, count, replace=False))]
    order = order[np.argsort(people[order], kind="stable")]
    rank = np.arange(len(order)) - np.searchsorted(people[order], people[order])
    return np.sort(order if most is None else order[rank < most])


def _figures(draws: tuple[Draw, ...], fitted: int, scored: int) -> dict[str, float]:
    if not draws:
        return {}
    return {
        "people_fitted": float(fitted),
        "people_scored": float(scored),
        "draws": float(len(draws)),
        "coverage": _share(np.array([draw.inside for draw in draws]).mean()),
        "median_error": _share(np.median([draw.error for draw in draws])),
        "median_width": _share(np.median([draw.width for draw in draws])),
    }


def _share(value: float | NDArray[np.float64]) -> float:
    return round(float(value), 4)


def _notes(fitted: LabelledFaces, scored: LabelledFaces, faces: LabelledFaces, fit_all: bool) -> Iterator[str]:
    if faces.suspicious_pairs:
        yield (
            f"{faces.suspicious_pairs:,} pairs of faces under two labels are nearly identical and were left out: check "
            "whether one person is filed twice"
        )
    part, rest, everybody = (f"{len(each.places):,}" for each in (fitted, scored, faces))
    if not len(scored.places):
        yield f"the profile was fitted on all {everybody} people and scored on nobody: how well it does is not known"
        return
    yield f"people scored are never people fitted on: {rest} were scored, {part} others fitted on"
    if fit_all:
        yield f"the profile written was fitted again on all {everybody} people; the figures are those of the one before"
    else:
        yield f"the profile written was fitted on the {part} people only; --fit-all fits it again on all {everybody}"
    if len(scored.places) < _FEW:
        yield f"only {rest} people were held out: the figures are mostly luck"
