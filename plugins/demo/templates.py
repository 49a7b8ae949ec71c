"""Draws face templates of people who do not exist, as unlike each other as the encoder finds real strangers to be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Measured 2026-11 with detectors/encoder.py on one picture each of 3,000 people of LFW (statistics over all of them; no
# picture and nobody's vector is in here). The cosine of two strangers was 0.843 in the mean with a spread of 0.035; one
# pair in ten thousand was above 0.944. Vectors drawn below have 0.843 and 0.036, and 0.935.
MEAN_LENGTH = 0.918
"""Length of the mean of unit vectors: its square is the mean cosine of strangers."""

DIRECTIONS, FALL_OFF = 75, 0.7
"""In so many directions faces differ; the variance along the k-th falls as k to the power of minus ``FALL_OFF``."""

MEAN_DIRECTION = (
    "-7 6 4 -2 -8 -2 -1 -9 10 -6 14 -4 -19 -4 -2 10 -11 -9 -9 -7 1 3 3 1 -10 -22 -5 -7 4 -6 1 4 -16 -4 2 "
    "6 -4 -6 16 1 -13 2 5 18 15 -1 1 -5 9 -19 3 11 9 6 5 -10 2 11 -14 6 6 -7 -3 -3 12 7 -7 -11 13 -12 -4 "
    "6 -7 -12 -21 3 29 10 -13 1 -7 -2 2 3 -5 -4 -7 2 15 -2 -2 17 2 -1 2 3 -9 -2 -8 -2 3 -9 1 8 -14 13 -2 "
    "-2 0 -1 -5 1 12 -19 16 13 -1 10 4 5 -1 -1 -11 -9 2 -1 2 4"
)
"""Where the mean points, in hundredths."""


def strangers(count: int, seed: int) -> NDArray[np.float32]:
    """Draw ``count`` unit vectors, (count, 128) little-endian float32, the same for the same seed."""
    rng = np.random.default_rng((seed, 600))
    mean = np.array([int(part) for part in MEAN_DIRECTION.split()], np.float64)
    mean /= np.linalg.norm(mean)
    axes, _ = np.linalg.qr(np.column_stack([mean, rng.normal(size=(mean.size, DIRECTIONS))]))
    variances = np.arange(1, DIRECTIONS + 1) ** -FALL_OFF
    variances *= (1 - MEAN_LENGTH**2) / variances.sum()
    drawn = rng.normal(size=(count, DIRECTIONS)) * np.sqrt(variances)
    # The first axis is the mean's own, whichever way round the decomposition turned it.
    vectors = MEAN_LENGTH * mean + drawn @ axes[:, 1:].T
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("<f4")
    return unit
