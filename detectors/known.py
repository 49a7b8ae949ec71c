"""How many of the people whose faces are filed under nobody are data subjects who are known anyway."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from detectors.comparisons import Comparison
from detectors.guesses import GRID, Belief
from detectors.lookalikes import Labels
from detectors.profile import Floats, Profile
from detectors.sizes import chances_to_find, more_alike


@dataclass(frozen=True, slots=True)
class KnownShare:
    """Share of the unfiled people who are among the known: the fewest, the most likely, the most."""

    low: float
    best: float
    high: float


def known_share(
    compared: Comparison, subjects: Labels, belief: Belief, profile: Profile, confidence: float
) -> KnownShare:
    """Tell from the unfiled faces that have a look-alike among the known.

    Of the unfiled people a share is among the known; they are recognised with a certain chance, the others mistaken
    for a known person with another. The share of those who are recognised gives the first. Each person counts once.

    Args:
        compared: who has one.
        subjects: (K,) whose the known faces are.
        belief: in how this collection differs.
        profile: of the encoder.
        confidence: of the interval.
    """
    if not len(subjects) or not len(compared.sample):
        return KnownShare(0.0, 0.0, 0.0)
    weights = 1 / (1 + compared.counts[:, -2:].min(axis=1))
    seen = float((weights * compared.known).sum() / weights.sum())
    size = float(weights.sum() ** 2 / (weights**2).sum())
    width = NormalDist().inv_cdf((1 + confidence) / 2)
    error = width * np.sqrt(max(seen * (1 - seen), 0.0) / size) + 1 / size
    found, mistaken = _chances(compared, subjects, belief, profile)
    return KnownShare(
        _share(seen - error, found[2], mistaken[2]),
        _share(seen, found[1], mistaken[1]),
        _share(seen + error, found[0], mistaken[0]),
    )


def _share(seen: float, found: float, mistaken: float) -> float:
    return float(np.clip((seen - mistaken) / max(found - mistaken, 1e-3), 0.0, 1.0))


def _chances(compared: Comparison, subjects: Labels, belief: Belief, profile: Profile) -> tuple[Floats, Floats]:
    """Give the chance to recognise a known person and to mistake a stranger for one: (3,) low, middle, high each."""
    levels = compared.known_levels
    pictures = np.bincount(np.unique(subjects, return_inverse=True)[1])
    _, by_rank, ranks = chances_to_find(compared.scale[compared.sample], levels, profile, GRID.mates)
    missed = (1 - by_rank[:, 0, :, None]) ** np.minimum(pictures, 50)
    recognised = (1 - missed.mean(axis=2)) @ ranks
    false = len(subjects) * levels.rates[0] * np.exp(GRID.strangers * more_alike(levels.rates)[0])
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
