"""A crowd for the benchmarks: made-up people, as tests/people.py draws them, each with as many faces."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from detectors.profile import Profile

# The benchmarks are started by their file, from where the tests are no package.
sys.path.append(str(Path(__file__).resolve().parents[2]))
from tests.people import Labels, Vectors, made_up

__all__ = ["Labels", "Vectors", "crowd"]


def crowd(people: int, each: int, profile: Profile, seed: int = 0) -> tuple[Vectors, Labels]:
    """Draw ``each`` faces of every person: (N, D) float32 unit vectors in random order, (N,) whose they are."""
    return made_up(np.full(people, each), profile, seed)
