"""The head-count where the calibration does not hold: pictures made worse, people who are alike, the hardest pairs.

Like ``people`` on LFW's held-out half and ORL; the interval may be wide, the truth must lie inside. Crops of 600 people
are shrunk, blurred, darkened, tinted, changed in brightness, compressed and masked, and encoded again (kept under
``build``); half masked, half not; groups of people are chosen for being alike; of people with four pictures or more
only the two least alike are taken. ``FACEWARDEN_EVAL`` as for ``people``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from measuring import Figures
from numpy.typing import NDArray
from people import CACHE, faces_of

from detectors.identities import count_people
from detectors.look import detector_key
from detectors.profile import shipped

PEOPLE, PICTURES = 300, 5  # with one picture and with several, so many each
Collection = tuple[str, NDArray[np.float32], int]


def measure() -> Figures:
    folder = os.environ.get("FACEWARDEN_EVAL")
    if not folder:
        print("  worse: skipped; set FACEWARDEN_EVAL to the folder of the evaluation pictures")
        return {}
    found: dict[str, list[tuple[bool, float]]] = {}
    for kind, vectors, people in _collections(Path(folder)):
        count = count_people(vectors, profile=shipped())
        found.setdefault(kind, []).append((count.low <= people <= count.high, (count.high - count.low) / people))
    inside = [held for rows in found.values() for held, _ in rows]
    figures: Figures = {"worse_coverage": float(np.mean(inside)), "worse_collections": float(len(inside))}
    for kind, rows in found.items():
        figures[f"worse_{kind}_coverage"] = float(np.mean([held for held, _ in rows]))
        figures[f"worse_{kind}_width"] = float(np.median([width for _, width in rows]))
    return figures


def _collections(folder: Path) -> Iterator[Collection]:
    rng = np.random.default_rng(0)
    lfw = held_out(folder)
    vectors = np.stack(lfw["vector"].to_list()).astype(np.float32)
    people = lfw["person"].to_numpy()
    spoilt = _spoilt(lfw)
    for kind in sorted(set(spoilt["kind"])):
        rows = spoilt[spoilt["kind"] == kind]
        yield from _draws(kind, np.stack(rows["vector"].to_list()), rows["person"].to_numpy(), (60, 250, 600), rng)
    plain, masked = (spoilt[spoilt["kind"] == kind].sort_values("uri") for kind in ("plain", "mask"))
    half = np.where(rng.random(len(plain)) < 0.5, plain["vector"], masked["vector"])
    yield from _draws("half_masked", np.stack(half), plain["person"].to_numpy(), (60, 250, 600), rng)
    for rows in _groups(vectors):
        yield from _draws("alike", vectors[rows], people[rows], (60, 250), rng)
    hardest = _hardest(vectors, people)
    yield from _draws("hardest_pairs", vectors[hardest], people[hardest], (60, 150), rng)
    orl = faces_of(folder / "orl")
    names = orl["uri"].str.split("/").str[-2].to_numpy()
    yield from _draws("orl", np.stack(orl["vector"].to_list()).astype(np.float32), names, (20, 40), rng)


def held_out(folder: Path) -> pd.DataFrame:
    """Give the faces of the people whom the shipped profile was not fitted on."""
    lfw = faces_of(folder / "lfw_a" / "lfw")
    lfw["person"] = lfw["uri"].str.split("/").str[-2]
    odd = lfw["person"].map(lambda name: int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 == 1)
    return lfw[odd].reset_index(drop=True)


def _draws(
    kind: str,
    vectors: NDArray[np.float32],
    people: NDArray[np.object_],
    sizes: tuple[int, ...],
    rng: np.random.Generator,
) -> Iterator[Collection]:
    names = np.unique(people.astype(str))
    for size in sizes:
        for most in (1, 2, 5):
            chosen = rng.choice(names, min(size, len(names)), replace=False)
            rows = rng.permutation(np.flatnonzero(np.isin(people.astype(str), chosen)))
            seen = pd.Series(people[rows]).groupby(people[rows]).cumcount().to_numpy()
            yield kind, vectors[rows[seen < most]], len(chosen)


def _groups(vectors: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Part the faces into eight groups of such as are alike (k-means)."""
    from scipy.cluster.vq import kmeans2

    _, which = kmeans2(vectors.astype(np.float64), 8, iter=30, minit="++", rng=np.random.default_rng(0))
    return [np.flatnonzero(which == group) for group in range(8)]


def _hardest(vectors: NDArray[np.float32], people: NDArray[np.object_]) -> NDArray[np.int64]:
    rows = []
    for name, count in pd.Series(people).value_counts().items():
        if count >= 4:
            own = np.flatnonzero(people == name)[:40]
            rows += own[list(np.unravel_index((vectors[own] @ vectors[own].T).argmin(), (len(own),) * 2))].tolist()
    return np.array(rows)


def _spoilt(lfw: pd.DataFrame) -> pd.DataFrame:
    """Give the vectors of crops made worse, (uri, person, kind, vector), made once."""
    kept = CACHE / f"spoilt-{detector_key()}.parquet"
    if not kept.exists():
        pictures = lfw["person"].value_counts()
        rng = np.random.default_rng(5)
        chosen = [*rng.choice(sorted(pictures[pictures > 1].index), PEOPLE, replace=False),
                  *rng.choice(sorted(pictures[pictures == 1].index), PEOPLE, replace=False)]  # fmt: skip
        uris = lfw[lfw["person"].isin(chosen)].groupby("person").head(PICTURES)["uri"].tolist()
        with get_context("spawn").Pool(os.cpu_count()) as pool:
            rows = [
                row
                for part in pool.imap(_encode, [uris[at : at + 20] for at in range(0, len(uris), 20)])
                for row in part
            ]
        spoilt = pd.DataFrame(rows, columns=["uri", "kind", "vector"])
        spoilt.assign(person=spoilt["uri"].str.split("/").str[-2]).to_parquet(kept)
    return pd.read_parquet(kept)


def _encode(uris: list[str]) -> list[tuple[str, str, NDArray[np.float32]]]:
    from detectors.align import crop_faces
    from detectors.decode import decode
    from detectors.encoder import FaceEncoder
    from detectors.finder import FaceFinder

    finder, encoder = FaceFinder(), FaceEncoder(threads=1)
    rows = []
    for uri in uris:
        picture = decode(Path(uri).read_bytes()).frames[0].image_rgb
        face = max(finder.find(picture), key=lambda found: float(found.box_xywh_px[2] * found.box_xywh_px[3]))
        crops = _worse(crop_faces(picture, [face])[0], np.random.default_rng(len(rows)))
        vectors = encoder.encode(np.stack(list(crops.values())))
        rows += [(uri, kind, vector) for kind, vector in zip(crops, vectors, strict=True)]
    return rows


def _worse(crop: NDArray[np.uint8], rng: np.random.Generator) -> dict[str, NDArray[np.uint8]]:
    mask = crop.copy()
    corners = np.array([[20, 88], [75, 74], [130, 88], [128, 150], [22, 150]])
    cv2.fillPoly(mask, [corners], tuple(rng.integers(120, 230, 3).tolist()))
    pressed = cv2.imdecode(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 8])[1], cv2.IMREAD_COLOR)
    light = crop.astype(np.float64)
    return {
        "plain": crop,
        "small_24px": _shrunk(crop, 24),
        "small_40px": _shrunk(crop, 40),
        "blur": cv2.GaussianBlur(crop, (0, 0), 3),
        "mask": mask,
        "jpeg": pressed,
        "dark": (light * 0.25 + rng.normal(0, 9, crop.shape)).clip(0, 255).astype(np.uint8),
        "tint": (light * (1.1, 0.85, 0.65) + rng.uniform(-10, 10, 3)).clip(0, 255).astype(np.uint8),
        "brightness": (255 * (light / 255) ** rng.uniform(0.5, 2)).astype(np.uint8),
    }


def _shrunk(crop: NDArray[np.uint8], pixels: int) -> NDArray[np.uint8]:
    small = cv2.resize(crop, (pixels, pixels), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, crop.shape[:2], interpolation=cv2.INTER_LINEAR)
