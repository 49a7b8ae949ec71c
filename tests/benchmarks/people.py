"""The head-count on real people whom it was not fitted on: LFW's held-out half, and ORL, from the evaluation pictures.

Needs the folder of the evaluation pictures (``FACEWARDEN_EVAL``); their faces are found once and kept under ``build``.
The shipped profile was fitted on the people whose name's SHA-256 is even; those with an odd one are counted here, in
collections of 50 to all of them with at most 1, 3, 10 and all pictures a person.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import Figures
from numpy.typing import NDArray

from detectors.identities import count_people
from detectors.look import detector_key
from detectors.profile import shipped
from detectors.records import PeopleCount, Sightings

SIZES, PICTURES, DRAWS = (50, 200, 800, 2000), (1, 3, 10, 10**9, 1, 3), 2
CACHE = Path("build/eval")


def measure() -> Figures:
    folder = os.environ.get("FACEWARDEN_EVAL")
    if not folder:
        print("  people: skipped; set FACEWARDEN_EVAL to the folder of the evaluation pictures")
        return {}
    portraits = Path(folder) / "lfw_a" / "lfw"
    lfw = faces_of(portraits)
    finding = {
        "lfw_portraits": float(sum(path.is_file() for path in portraits.rglob("*"))),
        "lfw_with_a_face": float(len(lfw)),
        "lfw_further_faces": float(len(all_faces_of(portraits)) - len(lfw)),
    }
    lfw["person"] = lfw["uri"].str.split("/").str[-2]
    held_out = lfw["person"].map(lambda name: int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 == 1)
    figures = _scores("lfw", lfw[held_out].reset_index(drop=True))
    orl = faces_of(Path(folder) / "orl")
    orl["person"] = orl["uri"].str.split("/").str[-2]
    count = count_of(orl)
    return {
        **finding,
        **figures,
        "orl_inside": float(count.low <= 40 <= count.high),
        "orl_width": (count.high - count.low) / 40,
    }


def faces_of(folder: Path) -> pd.DataFrame:
    """Give the largest face of every picture."""
    faces = all_faces_of(folder)
    boxes = np.array(faces["box_xywh_px"].tolist())
    largest = faces.assign(area=boxes[:, 2] * boxes[:, 3]).sort_values("area").drop_duplicates("uri", keep="last")
    return largest.sort_values("uri", ignore_index=True)


def all_faces_of(folder: Path) -> pd.DataFrame:
    """Give the faces of every picture, found once by this finder and encoder."""
    from plugins.adhoc import find_faces

    kept = kept_faces(folder)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        rows = find_faces([str(folder)], os.cpu_count() or 1).rows
        pd.DataFrame(rows).to_parquet(kept)
    return pd.read_parquet(kept)


def kept_faces(folder: Path) -> Path:
    """Say where the faces of a folder's pictures are kept: another finder or encoder finds others."""
    return CACHE / f"{folder.name}-{detector_key()}.parquet"


def count_of(faces: pd.DataFrame) -> PeopleCount:
    """Count the people of some faces."""
    vectors: NDArray[np.float32] = np.stack(faces["vector"].to_list()).astype(np.float32)
    return count_people(Sightings(vectors, quality=faces["quality"].to_numpy()), profile=shipped())


def _scores(name: str, faces: pd.DataFrame) -> Figures:
    errors, inside, widths = [], [], []
    rng = np.random.default_rng(0)
    people = faces["person"].unique()
    for size in (*SIZES, len(people)):
        for most in PICTURES * DRAWS if size < len(people) else (1,):
            chosen = faces[faces["person"].isin(rng.choice(people, size, replace=False))]
            some = chosen.sample(frac=1, random_state=int(rng.integers(2**31))).groupby("person").head(most)
            count = count_of(some)
            errors.append(abs(count.best - size) / size)
            inside.append(count.low <= size <= count.high)
            widths.append((count.high - count.low) / size)
    return {
        f"{name}_error_median": float(np.median(errors)),
        f"{name}_error_p90": float(np.quantile(errors, 0.9)),
        f"{name}_coverage": float(np.mean(inside)),
        f"{name}_width_median": float(np.median(widths)),
    }
