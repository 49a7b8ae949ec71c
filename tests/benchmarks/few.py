"""The head-count of few people, and of people who are all alike: 8 to 400 of LFW's held-out half.

People are drawn at random, from families of such as are alike (k-means of 8, 25 and 80), and as somebody's nearest
look-alikes, with at most 1, 3 or 10 pictures each. ``FACEWARDEN_EVAL`` as for ``people``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measuring import Figures
from numpy.typing import NDArray
from people import count_of
from worse import held_out

SIZES, PICTURES, DRAWS = (8, 14, 25, 50, 100, 200, 400), (1, 3, 10), 4
FAMILIES = (8, 25, 80)


def measure() -> Figures:
    folder = os.environ.get("FACEWARDEN_EVAL")
    if not folder:
        print("  few: skipped; set FACEWARDEN_EVAL to the folder of the evaluation pictures")
        return {}
    faces = held_out(Path(folder))
    rng = np.random.default_rng(0)
    names, first = np.unique(faces["person"].to_numpy(str), return_index=True)
    one_each = np.stack(faces["vector"].iloc[first].to_list())
    found: dict[str, list[tuple[bool, float]]] = {}
    for kind, size, people in _groups(one_each, rng):
        for most in PICTURES:
            chosen = faces[faces["person"].isin(names[people])]
            some = chosen.sample(frac=1, random_state=int(rng.integers(2**31))).groupby("person").head(most)
            count = count_of(some)
            row = count.low <= len(people) <= count.high, (count.high - count.low) / len(people)
            for group in (kind, f"of_{size}"):
                found.setdefault(group, []).append(row)
    figures: Figures = {"few_collections": float(sum(len(rows) for kind, rows in found.items() if "of_" in kind))}
    for kind, rows in found.items():
        figures[f"few_{kind}_coverage"] = float(np.mean([held for held, _ in rows]))
        figures[f"few_{kind}_width"] = float(np.median([width for _, width in rows]))
    return figures


def _groups(people: NDArray[np.floating], rng: np.random.Generator) -> Iterator[tuple[str, int, NDArray[np.int64]]]:
    from scipy.cluster.vq import kmeans2

    families = [
        kmeans2(people.astype(float), k, iter=30, minit="++", rng=np.random.default_rng(k))[1] for k in FAMILIES
    ]
    for size in SIZES:
        for _ in range(DRAWS):
            yield "random", size, rng.choice(len(people), size, replace=False)
            nearest = np.argsort(-people @ people[rng.integers(len(people))])
            yield "look_alikes", size, nearest[:size]
            for which in families:
                members = [family for family in range(which.max() + 1) if (which == family).sum() >= size]
                if members:
                    yield "family", size, rng.choice(np.flatnonzero(which == rng.choice(members)), size, replace=False)
