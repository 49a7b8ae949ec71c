"""From look-alikes to people: how many faces each person has, for every guess of how this collection differs.

A face has look-alikes of two kinds: mates that were found, and strangers. For a person of k faces the first follow a
binomial distribution whose chance differs from face to face, the second a negative binomial distribution. The shares
of faces that belong to people of 1, 2, 3, ... faces are solved for by maximum likelihood (non-parametric mixture, by
expectation and maximisation, over all levels together); each face then counts as one over the size of its person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.cohort import Scale
from detectors.likelihoods import EDGES, RANK_WEIGHTS, RANKS, tabulate
from detectors.lookalikes import Labels, Levels
from detectors.profile import Floats, Profile

_SIZE_STEP, _EXACT_SIZES = 1.35, 10
_NODES, _ROUNDS = 15, 200
# How strangers' rate changes with strictness where people are more alike than usual: first principal component of the
# logarithm of that change over 30 groups of look-alike people of LFW (97 % of the variance), own measurement, 2026-11.
_ALIKE_AT, _ALIKE_SLOPE, _ALIKE_FROM = 0.25, 0.15, 3.5
# By how much mates are more alike in a collection whose people are: 0.25 to 0.43 in the same groups.
_MATES_FOLLOW = 0.3
# Of the error of a sample in the people, what solving multiplies that of a mean by: 0.3 to 1.3 over samples
# of 2,000 and 4,000 of 20,000 made-up faces, of one, ten, or one and forty faces a person (own measurement, 2026-11).
_SAMPLING = 1.5
# Chance that another picture of a stranger is above a strictness when one is: 0.43 at 3, 0.2 at 7 (same source).
_CLUMPING = (0.55, 0.05)


@dataclass(frozen=True, slots=True)
class Guesses:
    """Ways in which a collection may differ from the calibration: the grid that is solved over.

    Attributes:
        mates: (A,) shifts of the mates' cosines, in their standard deviations; positive: easier to find.
        strangers: (B,) how much more alike people are than usual; 0 is as calibrated, 1 as a group picked for that.
    """

    mates: Floats
    strangers: Floats


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Solution:
    """For every guess: (A, B) float64, or with a further axis.

    Attributes:
        people: people behind all faces.
        likelihood: mean log-likelihood of a face, summed over levels.
        lone: share of faces that are their person's only one.
        recall: (A, L) share of mates found at each level.
        false: (B, L) strangers above each level, for each face.
    """

    people: Floats
    likelihood: Floats
    lone: Floats
    recall: Floats
    false: Floats


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Observed:
    """What is seen: ``counts`` (S, L) of sampled faces among ``total``, their scale, and each face's weight.

    A person seen hundreds of times must not speak for all: ``weights`` (S,) in (0, 1] are ``cap`` over the person's
    size for people who surely have more faces than ``cap``.
    """

    total: int
    counts: Labels
    levels: Levels
    scale: Scale
    weights: Floats
    cap: float

    def only(self, kept: slice) -> Observed:
        """Keep some of the levels."""
        levels = Levels(self.levels.rates[kept], self.levels.strictness[kept])
        return Observed(self.total, self.counts[:, kept], levels, self.scale, self.weights, self.cap)


def more_alike(rates: Floats) -> Floats:
    """Give the logarithm of the factor on some false rates where people are one unit more alike than usual."""
    return _ALIKE_AT + _ALIKE_SLOPE * (-np.log(rates) - _ALIKE_FROM)


def solve(seen: Observed, profile: Profile, guesses: Guesses, strictest: int) -> tuple[Solution, Solution]:
    """Solve for the people under every guess: at all levels together, and at the ``strictest`` few alone."""
    sizes = _sizes(seen.total)
    recall, chances, _ = chances_to_find(seen.scale, seen.levels, profile, guesses.mates)
    false = seen.total * seen.levels.rates * np.exp(guesses.strangers[:, None] * more_alike(seen.levels.rates))
    histogram = np.stack([
        np.bincount(np.searchsorted(EDGES, column, side="right") - 1, seen.weights, len(EDGES))
        for column in seen.counts.T
    ]) / seen.weights.sum()  # fmt: skip
    used = np.flatnonzero(histogram.sum(axis=0))
    tables = tabulate(chances, false, _evenness(seen, profile, false), sizes, used)

    def at(levels: slice) -> Solution:
        shares, likelihood = _shares(histogram[levels, used], tables[:, :, levels])
        # Back from the weighted faces to all of them.
        faces = seen.total * float(seen.weights.mean()) * shares / np.minimum(1.0, seen.cap / sizes)
        return Solution(
            people=(faces / sizes).sum(axis=-1),
            likelihood=likelihood,
            lone=faces[..., 0] / faces.sum(axis=-1),
            recall=recall[:, levels],
            false=false[:, levels],
        )

    return at(slice(None)), at(slice(-strictest, None))


def _sizes(total: int) -> Labels:
    """List sizes of people: 1 to 10, then in steps of a third up to all faces."""
    steps = 12 * _SIZE_STEP ** np.arange(60)
    return np.concatenate([np.arange(1, _EXACT_SIZES + 1), np.unique(steps[steps < total].astype(np.int64))])


def chances_to_find(scale: Scale, levels: Levels, profile: Profile, shifts: Floats) -> tuple[Floats, Floats, Floats]:
    """Give the chance to find a mate.

    Args:
        scale: of S faces.
        levels: where it is looked for.
        profile: of the encoder.
        shifts: (A,) as ``Guesses.mates``.

    Returns:
        (A, L) the mean over faces; (A, L, ranks) that of worse and better faces; (ranks,) their weights.
    """
    cosines, share = profile.mates.cosines, profile.mates.face_share
    ranks = np.linspace(0.0025, 0.9975, len(cosines))
    middle = float(np.median(cosines))
    of_face = np.sqrt(share) * (np.interp((np.arange(_NODES) + 0.5) / _NODES, ranks, cosines) - middle)
    of_pair = middle + np.sqrt(1 - share) * (cosines - middle)
    mean_level = float(scale.level.mean())
    base = profile.mates.follows * (scale.level - mean_level)
    base = base + _MATES_FOLLOW * max(mean_level - profile.usual.level, 0.0)
    mean = np.empty((len(shifts), len(levels.rates)))
    by_rank = np.empty((*mean.shape, len(RANKS)))
    for level, strictness in enumerate(levels.strictness):
        needed = np.quantile(scale.level + strictness * scale.deviation - base, (np.arange(_NODES) + 0.5) / _NODES)
        for guess, shift in enumerate(shifts * profile.mates.spread):
            found = 1 - np.interp(needed[:, None] - of_face - shift, of_pair, ranks, left=0.0, right=1.0)
            mean[guess, level] = found.mean()
            by_rank[guess, level] = np.clip(np.quantile(found, RANKS), 1e-6, 1 - 1e-6)
    return mean, by_rank, RANK_WEIGHTS


def _evenness(seen: Observed, profile: Profile, false: Floats) -> Floats:
    """Give the shape of the strangers' distribution, (B, L): less even where people have several pictures."""
    strictness = seen.levels.strictness
    even = np.exp(np.interp(strictness, profile.strangers.at, np.log(profile.strangers.evenness)))
    others = float(np.clip(np.minimum(seen.counts[:, -1], 10).mean() / 0.7 - 0.03, 0, 3))
    clump = np.clip(_CLUMPING[0] - _CLUMPING[1] * strictness, 0.15, 0.45) * others
    return np.maximum(1 / (1 / even + clump / false), 0.03)


def _shares(histogram: Floats, tables: Floats) -> tuple[Floats, Floats]:
    """Find the shares of sizes, (A, B, K), that make the histogram most likely, and that likelihood, (A, B)."""
    levels = len(histogram)
    # The chance of what was seen at all levels, one guess after the other: (A x B, K, L x E).
    flat = np.moveaxis(tables, 2, 3).reshape(-1, tables.shape[3], histogram.size)
    turned = np.ascontiguousarray(flat.transpose(0, 2, 1))
    seen = histogram.ravel()[:, None]
    shares = np.full((len(flat), flat.shape[1], 1), 1 / flat.shape[1])
    for _ in range(_ROUNDS):
        shares *= flat @ (seen / (turned @ shares)) / levels
        shares /= shares.sum(axis=1, keepdims=True)
    likelihood = (np.log(turned @ shares) * seen).sum(axis=(1, 2))
    return shares.reshape(*tables.shape[:2], -1), likelihood.reshape(tables.shape[:2])


def sampling_error(seen: Observed) -> float:
    """Give the relative standard error of the people that comes from comparing a sample of the faces only.

    A face counts as one over the size of its person, which is nearly one over the look-alikes and itself: the error is
    about that of the mean of these. ``_SAMPLING`` is what solving for the sizes adds.
    """
    parts = seen.weights / (1 + seen.counts[:, -2:].min(axis=1))
    unseen = 1 - len(parts) / seen.total
    return float(_SAMPLING * parts.std() / parts.mean() * np.sqrt(unseen / len(parts)))


def concentrated(counts: Labels, total: int, levels: Levels, profile: Profile) -> tuple[Floats, float]:
    """Weigh faces of people with very many faces down; see ``Observed``.

    Args:
        counts: (S,) look-alikes at the loosest level, where nearly all mates are found.
        total: faces there are.
        levels: the first is the loosest.
        profile: of their encoder.

    Returns:
        (S,) weights and the size above which they are less than one.
    """
    rate, strictness = float(levels.rates[0]), float(levels.strictness[0])
    false = total * rate
    even = float(np.exp(np.interp(strictness, profile.strangers.at, np.log(profile.strangers.evenness))))
    cap = max(25.0, 6 * float(np.sqrt(false + false**2 / even)))
    found = float((profile.mates.cosines > profile.usual.level + strictness * profile.usual.deviation).mean())
    faces_each = 1 + np.maximum(counts - false, 0) / max(found, 0.3)
    return np.minimum(1.0, cap / faces_each), cap
