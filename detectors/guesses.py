"""How far a collection may differ from the calibration, and how much each guess is believed: the statistics' heart.

The numbers here were chosen by measurement on the half of LFW's people that the shipped profile was fitted on, and on
what was made of it (shrunk, blurred, darkened, tinted, compressed and masked faces, groups of people who look alike,
scattered and hardest pairs); docs/head-count.md shows what came out on the other half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from detectors.cohort import Scale
from detectors.profile import Floats, Profile
from detectors.sizes import Guesses, Solution

GRID = Guesses(
    mates=np.array([-5.5, -3.7, -2.75, -2.0, -1.5, -1.05, -0.74, -0.5, -0.3, -0.12, 0.09, 0.3, 0.55, 0.9, 1.5]),
    strangers=np.array([-0.6, -0.3, 0.0, 0.3, 0.6, 1.0, 1.5, 2.0, 2.7, 3.5, 4.5]),
)
"""In standard deviations of the mates' cosines, and in units of ``sizes.more_alike``."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """Normal prior of a guess, how many faces' likelihood counts, what stays unexplained (relative), and lost faces.

    A lost face is one that is like nobody, its own person's other faces included: turned away, covered, half a face.
    Nothing tells it from somebody who was seen once. ``lost`` are shares of faces that are, each as likely.
    """

    mates: tuple[float, float]
    strangers: tuple[float, float]
    faces: float
    unexplained: float
    lost: tuple[float, float, float]


# Of half of LFW's people, collections of 3 to 2,000 held the truth in 99 %, with one picture each or several.
_CALIBRATED = _Reading((0.18, 0.18), (0.1, 0.3), 100, 0.005, (0.0, 0.004, 0.012))
_OPEN = _Reading((-0.25, 1.0), (0.6, 0.9), 30, 0.12, (0.0, 0.015, 0.04))
# Relative standard error for one person, which falls with the root of the people; and one person more or less.
_SAMPLING, _ONE_PERSON = 0.15, 1.0
# How alike a few people are is a matter of luck: a standard deviation of 1 up to so many, and it falls with the people.
_FEW_PEOPLE = 25.0
# Profiles of 60, 100, 200 and 400 people of LFW's fitted half were 28, 9, 4 and 3 % off on the other half.
_FITTING = 8.0
# Never quite sure of the calibration; and from where on, and how fast, misfit and strangeness speak against it.
_DOUBT = 0.02
_MISFIT_FACES, _MISFIT_FROM, _MISFIT_SLOPE = 300, 3.5, 0.4
_STRANGE_FROM, _STRANGE_SLOPE = 1.6, 1.5
# A collection further off than that opens the open reading more, by these factors for each unit; and by how much mates
# are taken to be less alike where all faces are; and where all are more alike, how unsure it is how much more.
_WIDER, _LOOSER, _DROP, _RISE_ERROR = 0.15, 0.3, 1.5, 0.5
_NORMAL = np.linspace(-4, 4, 17)
_NORMAL_WEIGHTS = np.exp(-(_NORMAL**2) / 2) / np.exp(-(_NORMAL**2) / 2).sum()


@dataclass(frozen=True, slots=True)
class Strangeness:
    """How far a collection is off, each in what is usual for one of its size: about 1 is nothing.

    Attributes:
        level: faces are more, or less, alike to strangers than usual.
        deviation: strangers differ less, or more, in likeness than usual.
        quality: there are more poor faces than usual.
        rise: by how much faces are more alike to strangers than usual, in deviations of the mates' cosines; negative
            where they are less alike.
    """

    level: float
    deviation: float
    quality: float
    rise: float

    @property
    def total(self) -> float:
        """The first three together."""
        return math.hypot(self.level, self.deviation, self.quality)


def strangeness_of(scale: Scale, poor_share: float, profile: Profile) -> Strangeness:
    """Compare a collection with the calibration's."""
    usual = profile.usual
    few = 1 / math.sqrt(len(scale.level))
    higher = float(scale.level.mean()) - usual.level
    level = higher / (usual.level_spread * (0.25 + 1.7 * few))
    deviation = (float(scale.deviation.mean()) / usual.deviation - 1) / (0.05 + 0.74 * few)
    poor = max(poor_share - 0.05, 0.0) / (0.1 + 0.5 * few)
    return Strangeness(level, deviation, poor, higher / profile.mates.spread)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Belief:
    """What is believed of the people behind the faces.

    Attributes:
        people: (G,) possible numbers, not rounded.
        weights: (G,), summing to 1.
        best: the most sensible single number.
        calibrated: belief in the calibrated reading, in [0, 1].
        guesses: (A, B) belief in each guess.
    """

    people: Floats
    weights: Floats
    best: float
    calibrated: float
    guesses: Floats

    def quantile(self, share: float) -> float:
        """Give the number that the people do not exceed with a probability of ``share``."""
        order = np.argsort(self.people, kind="stable")
        below = np.cumsum(self.weights[order])
        return float(np.interp(share, below - self.weights[order] / 2, self.people[order]))


def believe(fine: Solution, whole: Solution, strange: Strangeness, faces: int, errors: tuple[float, ...]) -> Belief:
    """Weigh the guesses.

    Args:
        fine: the people at the stricter levels: these are believed.
        whole: the likelihood at all levels: it tells the guesses apart.
        strange: see ``strangeness_of``.
        faces: there are.
        errors: relative standard errors of the people from elsewhere.
    """
    likely = whole.likelihood - whole.likelihood.max()
    doubt = _doubt(likely, strange, faces)
    beyond = max(strange.total - _STRANGE_FROM, 0.0)
    roughly = _weights(likely, _CALIBRATED, min(faces, _CALIBRATED.faces))
    luck = min(1.0, _FEW_PEOPLE / math.exp(float((roughly * np.log(np.maximum(fine.people, 1.0))).sum())))
    trusting = _weights(likely, _with_luck(_CALIBRATED, luck), min(faces, _CALIBRATED.faces))
    opened = _weights(likely, _with_luck(_opened(strange), luck), min(faces, _OPEN.faces / (1 + _LOOSER * beyond)))
    trusted, possible = _without_lost(fine, faces, _CALIBRATED), _without_lost(fine, faces, _OPEN)
    centre, other = float((trusting * trusted.mean(axis=0)).sum()), float((opened * possible.mean(axis=0)).sum())
    few = _SAMPLING / math.exp(centre / 2), _ONE_PERSON / math.exp(centre)
    error = math.hypot(_CALIBRATED.unexplained, *few, *errors)
    values = [
        trusted[..., None] + error * _NORMAL,
        possible[..., None] + math.hypot(error, _OPEN.unexplained) * _NORMAL,
    ]
    beliefs = [(1 - doubt) * trusting / len(trusted), doubt * opened / len(possible)]
    weights = [np.broadcast_to(b[..., None] * _NORMAL_WEIGHTS, v.shape) for b, v in zip(beliefs, values, strict=True)]
    return Belief(
        people=np.exp(np.stack(values).ravel()),
        weights=np.stack(weights).ravel(),
        best=math.exp(centre + doubt / 2 * (other - centre)),
        calibrated=(1 - doubt) / (1 - _DOUBT),
        guesses=(1 - doubt) * trusting + doubt * opened,
    )


def fitting_error(profile: Profile) -> float:
    """Give the relative standard error of the people that comes from whom the profile was fitted on."""
    return _FITTING / profile.people


def _without_lost(fine: Solution, faces: int, reading: _Reading) -> Floats:
    """Take the lost faces of people who have others off the people: (3, A, B) logarithms.

    The fewer mates are found, the more of the faces that find none are a guess.
    """
    missed = (1 - np.median(fine.recall, axis=1)) ** 3
    shares = np.array(reading.lost)[:, None] + np.linspace(0, 1, len(reading.lost))[:, None] * missed
    lost = shares[..., None] * faces * (1 - fine.lone)
    people: Floats = np.log(np.maximum(np.maximum(fine.people - lost, fine.people / 4), 1.0))
    return people


def _opened(strange: Strangeness) -> _Reading:
    """Open the open reading further for a strange collection.

    Where all faces are less alike, mates must be so too; where all are more alike, strangers are.
    """
    wider = 1 + _WIDER * max(strange.total - _STRANGE_FROM, 0.0)
    drop, rise = max(-strange.rise, 0.0), max(strange.rise, 0.0)
    mates = (_OPEN.mates[0] - _DROP * drop, _OPEN.mates[1] * wider + drop / 2)
    strangers = (_OPEN.strangers[0] + rise, math.hypot(_OPEN.strangers[1], _RISE_ERROR * rise))
    return replace(_OPEN, mates=mates, strangers=strangers)


def _with_luck(reading: _Reading, luck: float) -> _Reading:
    """Be less sure of how alike the strangers are."""
    return replace(reading, strangers=(reading.strangers[0], math.hypot(reading.strangers[1], luck)))


def _doubt(likely: Floats, strange: Strangeness, faces: int) -> float:
    """Say how little the calibration is believed, from 0.02 to 1."""
    mates, strangers = np.meshgrid(GRID.mates, GRID.strangers, indexing="ij")
    near = (np.abs(mates - 0.09) < 0.25) & (np.abs(strangers) < 0.35)
    misfit = -float(likely[near].max()) * min(faces, _MISFIT_FACES)
    against = _MISFIT_SLOPE * max(misfit - _MISFIT_FROM, 0) + _STRANGE_SLOPE * max(strange.total - _STRANGE_FROM, 0)
    return 1 - (1 - _DOUBT) * math.exp(-against)


def _weights(likely: Floats, reading: _Reading, faces: float) -> Floats:
    """Give prior times tempered likelihood on the grid: levels depend on each other, and so do faces of one person."""
    mates = (GRID.mates[:, None] - reading.mates[0]) / reading.mates[1]
    strangers = (GRID.strangers - reading.strangers[0]) / reading.strangers[1]
    cells = np.gradient(GRID.mates)[:, None] * np.gradient(GRID.strangers)
    weights = cells * np.exp(-(mates**2) / 2 - strangers**2 / 2 + faces * likely)
    believed: Floats = weights / weights.sum()
    return believed
