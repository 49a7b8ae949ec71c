"""The head-count of 10 thousand, 100 thousand and a million made-up faces, a tenth as many people, against peers.

Peers at 100 thousand faces: scikit-learn's DBSCAN and HDBSCAN, each stopped when it has taken twelve times as long (the
ratio is then the least it can be), and the naive exact search, all cosines block by block. Sizes up to 100 thousand are
medians of three, a million is run once. A hundredth of the faces comes a night later, when the others are known.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from crowd import Labels, Vectors, crowd
from measuring import Figures

from detectors.cohort import scale_of
from detectors.identities import recount_people
from detectors.lookalikes import alike_pairs
from detectors.profile import shipped

EACH = 10
SIZES = tuple(int(float(n)) for n in os.environ.get("FACEWARDEN_BENCH_FACES", "1e4,1e5,1e6").split(","))
PEERS_AT, PATIENCE = 100_000, 12


def measure() -> Figures:
    figures: Figures = dict(_tail())
    seconds = {}
    for total in SIZES:
        name = f"{total:.0e}".replace("e+0", "e")
        seconds[total], inside, width, memory, night = _ours(total)
        figures |= {
            f"people_{name}_seconds": seconds[total],
            f"people_{name}_inside": inside,
            f"people_{name}_width": width,
            f"people_{name}_peak_gib": memory,
            f"people_{name}_next_night_over_first": night / seconds[total],
        }
    if len(SIZES) > 1:
        first, last = SIZES[0], SIZES[-1]
        figures["people_cost_exponent"] = np.log(seconds[last] / seconds[first]) / np.log(last / first)
    if PEERS_AT in seconds:
        for peer in (naive, dbscan, hdbscan):
            figures[f"people_1e5_{peer.__name__}_over_ours"] = _patiently(peer, seconds[PEERS_AT]) / seconds[PEERS_AT]
    return figures


def _tail() -> Figures:
    """Say how often strangers of the crowd are above a strictness, over how often the profile says."""
    profile = shipped()
    faces, who = crowd(4000, 1, profile)
    scale, figures = scale_of(faces, profile), {}
    for rate in (1e-3, 1e-5):
        at = float(np.interp(-np.log(rate), -np.log(profile.strangers.rates), profile.strangers.strictness))
        pairs = len(alike_pairs(np.arange(len(who)), (faces, scale), at)[0])
        figures[f"people_crowd_rate_{rate:.0e}".replace("e-0", "e_")] = pairs / (len(who) * (len(who) - 1) / 2) / rate
    return figures


def _ours(total: int) -> tuple[float, float, float, float, float]:
    """Count in a process of its own: (median seconds, truth inside, relative width, peak GiB, seconds of a night)."""
    runs = []
    for seed in range(3 if total <= PEERS_AT else 1):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            runs.append(pool.apply(_count, (total, seed)))
    return (
        statistics.median(run[0] for run in runs),
        min(run[1] for run in runs),
        statistics.median(run[2] for run in runs),
        max(run[3] for run in runs),
        statistics.median(run[4] for run in runs),
    )


def _count(total: int, seed: int) -> tuple[float, float, float, float, float]:
    import resource

    people = total // EACH
    faces, _ = crowd(people, EACH, shipped(), seed)
    start = time.perf_counter()
    first = recount_people(faces[total // 100 :], None, profile=shipped())
    seconds = time.perf_counter() - start
    night = recount_people(faces, first.earlier, profile=shipped())
    again = time.perf_counter() - start - seconds
    count = night.people
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**30
    print(f"  {total} faces, {people} people: {count.low} .. {count.best} .. {count.high}", flush=True)
    inside = all(c.low <= people <= c.high for c in (first.people, count))
    return seconds, float(inside), (count.high - count.low) / people, peak, again


def naive(faces: Vectors) -> None:
    """Compare every face with every other, as fast as NumPy can."""
    for start in range(0, len(faces), 256):
        (faces[start : start + 256] @ faces.T > 0.94).sum(axis=1)


def dbscan(faces: Vectors) -> Labels:
    """Cluster by scikit-learn's DBSCAN at the cosine that the face_recognition library's 0.6 is nearest to."""
    from sklearn.cluster import DBSCAN

    return DBSCAN(eps=0.36, min_samples=1, algorithm="brute", n_jobs=-1).fit(faces).labels_


def hdbscan(faces: Vectors) -> Labels:
    """Cluster by scikit-learn's HDBSCAN."""
    from sklearn.cluster import HDBSCAN

    return HDBSCAN(min_cluster_size=2, n_jobs=-1, copy=False).fit(faces).labels_


def _patiently(peer: Callable[[Vectors], object], ours: float) -> float:
    """Time a peer in a process of its own, for so long at most."""
    code = f"import sys; sys.path[:0] = {sys.path!r}; import scale; scale.time_peer({peer.__name__!r})"
    limit = PATIENCE * ours + 30
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=limit, check=True)
        return float(done.stdout.split()[-1])
    except subprocess.TimeoutExpired:
        print(f"  {peer.__name__} had not ended after {limit:.0f} s", flush=True)
        return limit
    except subprocess.CalledProcessError as error:
        print(f"  {peer.__name__} failed: {error.stderr.strip().splitlines()[-1]}", flush=True)
        return float("nan")


def time_peer(name: str) -> None:
    """Run one peer on the crowd and print its seconds."""
    faces, _ = crowd(PEERS_AT // EACH, EACH, shipped(), 0)
    start = time.perf_counter()
    globals()[name](faces)
    print(time.perf_counter() - start)
