"""What a generator of cells draws from: a seeded source of chance, the row's number, and whether it fills a key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Cell = object
Maker = Callable[..., Cell]


@dataclass(frozen=True, slots=True)
class Draw:
    """One row's turn."""

    chance: np.random.Generator
    number: int  # of the row, from 1
    unique: bool  # the column is a key

    def of(self, choices: Sequence[str]) -> str:
        return choices[int(self.chance.integers(len(choices)))]

    def whole(self, low: int, high: int) -> int:
        return int(self.chance.integers(low, high + 1))

    def text(self, alphabet: str, length: int) -> str:
        return "".join(self.of(alphabet) for _ in range(length))


def chance(*names: str) -> np.random.Generator:
    """Give the source of chance of these names: the same on every machine."""
    return np.random.default_rng(list(hashlib.sha256("\0".join(names).encode()).digest()))
