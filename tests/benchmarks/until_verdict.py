"""Counting until the verdict is sure, over the 13,233 labelled pictures of LFW in 200 random orders.

Needs the evaluation pictures, which are not part of this project: FACEWARDEN_EVAL names the folder that holds
``lfw_a/lfw`` and ``lfw_a/labels/identities.csv``. Their faces are found once and kept in ``build/``. Pictures without a
face are objects too. With more than 1,000 people ``above`` is right, with more than 20,000 ``below``.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import Figures
from people import all_faces_of, kept_faces

from detectors.identities import count_people
from detectors.profile import shipped
from detectors.records import PeopleCount, Sightings
from detectors.sequential import Part
from expectations.policy import Threshold, load_policy
from plugins.pool import Tick, run_jobs, worker_count
from plugins.until_verdict import Decision, Reading, decide

ORDERS = 200
LOW, HIGH = 1_000, 20_000


def measure() -> Figures:
    folder = Path(os.environ.get("FACEWARDEN_EVAL") or "/nowhere") / "lfw_a"
    if not folder.is_dir():
        print("until-verdict skipped: set FACEWARDEN_EVAL to the folder with lfw_a/lfw and its labels", file=sys.stderr)
        return {}
    images = pd.read_csv(folder / "labels" / "identities.csv", dtype=str)
    found = all_faces_of(folder / "lfw")
    if not LOW < images["identity"].nunique() <= len(found) <= HIGH:
        sys.exit(f"{kept_faces(folder / 'lfw')} does not hold the faces of the pictures in {folder}: delete it")
    return figures(images["image"].tolist(), ORDERS, kept_faces(folder / "lfw"))


def figures(images: list[str], orders: int, faces: Path) -> Figures:
    """Simulate so many orders of the pictures."""
    jobs = [(faces, tuple(images), seed) for seed in range(orders)]
    stops = list(run_jobs(stops_of, jobs, worker_count(0)))
    above, below = (list(side) for side in zip(*stops, strict=True))
    wrong = sum(verdict == "below" for verdict, _ in above) + sum(verdict == "above" for verdict, _ in below)
    return {
        "until_verdict_above_share_max": max(share for _, share in above),
        "until_verdict_above_within_a_third": sum(share <= 1 / 3 for _, share in above) / orders,
        "until_verdict_above_share_median": statistics.median(share for _, share in above),
        "until_verdict_below_share_median": statistics.median(share for _, share in below),
        "until_verdict_wrong_stops": wrong,
        "until_verdict_undetermined": sum(verdict == "undetermined" for verdict, _ in above + below),
    }


def stops_of(job: tuple[Path, tuple[str, ...], int], tick: Tick) -> tuple[tuple[str, float], tuple[str, float]]:
    """Give verdict and share read at the low and the high threshold, in one order."""
    faces, images, seed = job
    reading = reader(faces, images, seed)
    low, high = (decide(len(images), reading, more_than(people)) for people in (LOW, HIGH))
    tick(1)
    return summary(low), summary(high)


def summary(stop: Decision) -> tuple[str, float]:
    return stop.verdict, stop.share_read


def more_than(people: int) -> Threshold:
    return load_policy("cn-draft-2023").threshold.model_copy(update={"people": people})


def reader(faces: Path, images: tuple[str, ...], seed: int) -> Callable[[int], Reading]:
    """Read the pictures in the order of a seed. What both thresholds ask is counted once."""
    where, sightings = loaded(faces, images)
    order = np.random.default_rng(seed).permutation(len(images))
    sizes = np.bincount(where, minlength=len(images))

    @cache
    def count(size: int, confidence: float) -> PeopleCount:
        read = np.isin(where, order[:size])
        assert sightings.quality is not None
        part = Sightings(sightings.vectors[read], where[read], sightings.quality[read])
        return count_people(part, profile=shipped(), confidence=confidence)

    def read_up_to(size: int) -> Reading:
        return Reading(Part(len(images), sizes[order[:size]]), lambda confidence: count(size, confidence))

    return read_up_to


@lru_cache(maxsize=1)
def loaded(faces: Path, images: tuple[str, ...]) -> tuple[np.ndarray, Sightings]:
    """Load the faces: the picture that each is in, and what is counted."""
    table = pd.read_parquet(faces, columns=["uri", "quality", "vector"])
    numbers = {name: number for number, name in enumerate(images)}
    where = table["uri"].map(lambda uri: numbers["/".join(uri.rsplit("/", 3)[1:])]).to_numpy()
    return where, Sightings(np.array(table["vector"].tolist(), np.float32), quality=table["quality"].to_numpy())
