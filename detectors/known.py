"""How many of the people whose faces are filed under nobody are data subjects who are known anyway."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from detectors.cohort import Scale, Vectors
from detectors.guesses import GRID, Belief
from detectors.lookalikes import Labels, Levels, look_alikes, strictness_at
from detectors.profile import Floats, Profile
from detectors.sizes import chances_to_find, more_alike

# Strangers that a face has among all known faces at the strictness where it is looked for among them, on average.
_FALSE = 0.03
_LARGEST_RATE = 0.005


@dataclass(frozen=True, slots=True)
class KnownShare:
    """Share of the unfiled people who are among the known: the fewest, the most likely, the most."""

    low: float
    best: float
    high: float


def known_share(
    unfiled: tuple[Vectors, Scale, Floats],
    filed: tuple[Vectors, Scale, Labels],
    belief: Belief,
    profile: Profile,
    confidence: float,
) -> KnownShare:
    """Look for unfiled faces among the filed ones.

    Of the unfiled people a share is among the known; they are recognised with a certain chance, the others mistaken
    for a known person with another. The share of those who are recognised gives the first. Each person counts once.

    Args:
        unfiled: (S, D) sampled faces, their scale, and (S,) how many look-alikes each has among its own kind.
        filed: (K, D) faces, their scale, and (K,) whose they are.
        belief: in how this collection differs.
        profile: of the encoder.
        confidence: of the interval.
    """
    if not len(filed[0]) or not len(unfiled[0]):
        return KnownShare(0.0, 0.0, 0.0)
    rates = np.array([min(_FALSE / len(filed[0]), _LARGEST_RATE)])
    levels = Levels(rates, strictness_at(rates, profile))
    nothing = np.zeros(0, np.int64), np.zeros(0, np.int64)
    hit = look_alikes(unfiled[:2], filed[:2], levels, nothing)[:, 0] > 0
    weights = 1 / (1 + unfiled[2])
    seen = float((weights * hit).sum() / weights.sum())
    size = float(weights.sum() ** 2 / (weights**2).sum())
    width = NormalDist().inv_cdf((1 + confidence) / 2)
    error = width * np.sqrt(max(seen * (1 - seen), 0.0) / size) + 1 / size
    found, mistaken = _chances(unfiled[1], filed[2], levels, belief, profile, len(filed[0]))
    return KnownShare(
        _share(seen - error, found[2], mistaken[2]),
        _share(seen, found[1], mistaken[1]),
        _share(seen + error, found[0], mistaken[0]),
    )


def _share(seen: float, found: float, mistaken: float) -> float:
    return float(np.clip((seen - mistaken) / max(found - mistaken, 1e-3), 0.0, 1.0))


def _chances(
    scale: Scale, subjects: Labels, levels: Levels, belief: Belief, profile: Profile, faces: int
) -> tuple[Floats, Floats]:
    """Give the chance to recognise a known person and to mistake a stranger for one: (3,) low, middle, high each."""
    pictures = np.bincount(np.unique(subjects, return_inverse=True)[1])
    _, by_rank, ranks = chances_to_find(scale, levels, profile, GRID.mates)
    missed = (1 - by_rank[:, 0, :, None]) ** np.minimum(pictures, 50)
    recognised = (1 - missed.mean(axis=2)) @ ranks
    false = faces * levels.rates[0] * np.exp(GRID.strangers * more_alike(levels.rates)[0])
    return (
        _spread(recognised, belief.guesses.sum(axis=1)),
        _spread(1 - np.exp(-false), belief.guesses.sum(axis=0)),
    )


def _spread(values: Floats, weights: Floats) -> Floats:
    """Give mean and mean ± two standard deviations, within [0, 1]."""
    mean = float(values @ weights)
    off = 2 * np.sqrt(float((values - mean) ** 2 @ weights))
    spread: Floats = np.clip(np.array([mean - off, mean, mean + off]), 0.0, 1.0)
    return spread
