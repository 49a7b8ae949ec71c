"""How likely each number of look-alikes is for a face whose person has k faces, under every guess.

Mates that are found follow a binomial distribution whose chance differs from face to face, strangers a negative
binomial one. Only numbers that were seen are tabulated, and mates beyond the largest of them are left out.
"""

from __future__ import annotations

import numpy as np

from detectors.lookalikes import Labels
from detectors.profile import Floats

# Numbers of look-alikes that are told apart: one by one, then in steps of about a third.
EDGES = np.concatenate([np.arange(21), np.unique(np.geomspace(22, 1e7, 46).astype(np.int64))])
# Ranks of faces, by how well they are recognised, at which the chance to find a mate is taken; dense among the worst.
RANKS = np.array([0.0015, 0.006, 0.015, 0.035, 0.07, 0.14, 0.25, 0.4, 0.6, 0.8, 0.95])
RANK_WEIGHTS = np.diff(np.concatenate([[0], (RANKS[1:] + RANKS[:-1]) / 2, [1]]))
# Up to so many other faces mates are counted exactly; of more, as a Poisson or, from 8 expected on, a normal variable.
_EXACT_MATES, _POISSON_MATES, _NORMAL_FROM = 60, 40, 8
_POINTS = np.linspace(-2.4, 2.4, 9)
_POINT_WEIGHTS = np.exp(-(_POINTS**2) / 2) / np.exp(-(_POINTS**2) / 2).sum()
_LEAST = 1e-9


def tabulate(chances: Floats, false: Floats, evenness: Floats, sizes: Labels, seen: Labels) -> Floats:
    """Tabulate the chance of every number of look-alikes: (A, B, L, K, E) float64.

    Args:
        chances: (A, L, ranks) to find a mate, of faces at ``RANKS``.
        false: (B, L) strangers on average.
        evenness: (B, L) shape of the strangers' negative binomial distribution.
        sizes: (K,) faces of a person.
        seen: (E,) places in ``EDGES`` of the numbers wanted.
    """
    low, high = EDGES[seen], np.append(EDGES, 10**9)[seen + 1]
    guesses, levels = chances.shape[:2]
    tables = np.empty((guesses, len(false), levels, len(sizes), len(seen)))
    for level in range(levels):
        mates, numbers = _mates(chances[:, level], sizes, int(high.max()) if len(high) else 0)
        for other, (mean, even) in enumerate(zip(false[:, level], evenness[:, level], strict=True)):
            below = _cumulated(mean, even)
            top = len(below) - 1
            strangers = below[np.clip(high - numbers[:, None], 0, top)] - below[np.clip(low - numbers[:, None], 0, top)]
            tables[:, other, level] = (mates @ strangers).reshape(guesses, len(sizes), len(seen))
    return np.maximum(tables, _LEAST)


def _mates(chances: Floats, sizes: Labels, most: int) -> tuple[Floats, Labels]:
    """Give the chance of each number of mates found, below ``most``, for every guess and size: sparse (A x K, U).

    Returns:
        The chances, and the (U,) numbers that they are of.
    """
    from scipy.sparse import csr_array

    parts = [_of_size(chances, int(size) - 1) for size in sizes]
    guess = np.arange(len(chances)) * len(sizes)
    rows = np.concatenate([np.broadcast_to((guess + k)[:, None], n.shape).ravel() for k, (n, _) in enumerate(parts)])
    numbers = np.concatenate([n.ravel() for n, _ in parts])
    weights = np.concatenate([w.ravel() for _, w in parts])
    few = (numbers < most) & (weights > 0)
    kept, columns = np.unique(numbers[few], return_inverse=True)
    shape = (len(chances) * len(sizes), len(kept))
    return csr_array((weights[few], (rows[few], columns)), shape=shape), kept


def _of_size(chances: Floats, others: int) -> tuple[Labels, Floats]:
    """Give numbers of mates found among ``others``, and their chances: two of (A, numbers), mixed over the ranks."""
    from scipy.special import gammaln, xlog1py, xlogy

    if others <= _EXACT_MATES:
        numbers = np.arange(others + 1)
        ways = gammaln(others + 1) - gammaln(numbers + 1) - gammaln(others - numbers + 1)
        one = chances[..., None]
        found = np.exp(ways + xlogy(numbers, one) + xlog1py(others - numbers, -one))
        return np.broadcast_to(numbers, (len(chances), others + 1)), RANK_WEIGHTS @ found
    mean = others * chances[..., None]
    few = np.arange(_POISSON_MATES + 1)
    least = np.minimum(mean, _NORMAL_FROM)
    rare = np.exp(xlogy(few, least) - least - gammaln(few + 1))
    rare = np.where(mean < _NORMAL_FROM, rare / rare.sum(axis=-1, keepdims=True), 0.0)
    many = np.clip(np.round(mean + _POINTS * np.sqrt(mean * (1 - chances[..., None]))), 0, others).astype(np.int64)
    common = np.where(mean < _NORMAL_FROM, 0.0, RANK_WEIGHTS[:, None] * _POINT_WEIGHTS)
    numbers = np.concatenate([np.broadcast_to(few, (len(chances), len(few))), many.reshape(len(chances), -1)], axis=1)
    return numbers, np.concatenate([RANK_WEIGHTS @ rare, common.reshape(len(chances), -1)], axis=1)


def _cumulated(mean: float, even: float) -> Floats:
    """Cumulate the negative binomial distribution: entry n is the chance of fewer than n strangers."""
    from scipy.special import betainc

    top = int(min(5000, 12 * mean + 60))
    below = np.concatenate([[0.0], betainc(even, np.arange(1, top + 1), even / (even + mean))])
    cumulated: Floats = below / below[-1]
    return cumulated
