"""Faces found, and found where none are, on labelled pictures; brought to 12 megapixels, against the slow path too.

The slow path decodes a large JPEG in full, the usual one at half its size first; smaller ones are alike to both.

``FACEWARDEN_EVAL`` names a folder of sets, each with pictures and either ``labels/boxes_xywh.csv`` (image, x, y, w, h
in pixels) or ``labels/face_counts.csv`` (image, faces_counted_by_eye), and of those in ``NOBODY``, that show nobody.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import Figures
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.optimize import linear_sum_assignment

from detectors import look
from detectors.boxes import overlap
from detectors.errors import Refused
from detectors.look import Looker

NOBODY = {"animals": "neg_catsdogs", "offices": "dlib_faces/examples/video_frames"}
PICTURES = {".jpg", ".jpeg", ".png"}
ENLARGED_PIXELS = 12e6
SAME_FACE = 0.4
"""Overlap (IoU) from which on a face is the one that was labelled."""

Boxes = list[NDArray[np.float64]]
Find = Callable[[Path], Boxes]


def measure() -> Figures:
    folder = os.environ.get("FACEWARDEN_EVAL")
    if not folder:
        print("  finding: skipped; set FACEWARDEN_EVAL to the folder of the evaluation pictures")
        return {}
    with Looker() as looker:
        plain, enlarged = cache(partial(_boxes, looker)), partial(_boxes, looker, enlarged=True)
        figures = _labelled(Path(folder), plain, "finding") | _nobody(Path(folder), plain)
        figures |= _labelled(Path(folder), cache(enlarged), "finding_12mp")
        with _decoded_in_full():
            return figures | _labelled(Path(folder), cache(enlarged), "finding_12mp_slow")


def _labelled(folder: Path, find: Find, name: str) -> Figures:
    found, too_many, labelled = _held_against_boxes(folder, find)
    counted, more, by_eye = _held_against_counts(folder, find)
    return {
        f"{name}_boxes": float(labelled),
        f"{name}_boxes_recall": found / labelled,
        f"{name}_boxes_too_many": float(too_many),
        f"{name}_counted_by_eye": float(by_eye),
        f"{name}_counted_recall": counted / by_eye,
        f"{name}_counted_too_many": float(more),
    }


def _nobody(folder: Path, find: Find) -> Figures:
    figures: Figures = {}
    for name, place in NOBODY.items():
        pictures = [path for path in sorted((folder / place).rglob("*")) if path.suffix.lower() in PICTURES]
        figures[f"finding_{name}"] = float(len(pictures))
        figures[f"finding_{name}_false_per_1000"] = 1000 * sum(len(find(path)) for path in pictures) / len(pictures)
    return figures


def _held_against_boxes(folder: Path, find: Find) -> tuple[int, int, int]:
    """Give the boxes that were found, the faces that are none of them, and all boxes."""
    found = too_many = boxes = 0
    for labels in sorted(folder.glob("*/labels/boxes_xywh.csv")):
        for image, rows in pd.read_csv(labels).groupby("image"):
            wanted = [_corners(*row) for row in rows[["x", "y", "w", "h"]].to_numpy(np.float64)]
            got = find(_picture(labels.parents[1], str(image)))
            shared = np.array([[overlap(one, other) for other in got] for one in wanted]).reshape(len(wanted), len(got))
            same = int((shared[linear_sum_assignment(-shared)] >= SAME_FACE).sum())
            found, too_many, boxes = found + same, too_many + len(got) - same, boxes + len(wanted)
    return found, too_many, boxes


def _held_against_counts(folder: Path, find: Find) -> tuple[int, int, int]:
    """Give how many of the faces counted by eye there are, how many more than those, and the count by eye."""
    found = more = by_eye = 0
    for labels in sorted(folder.glob("*/labels/face_counts.csv")):
        for row in pd.read_csv(labels).itertuples():
            got, wanted = len(find(_picture(labels.parents[1], str(row.image)))), int(row.faces_counted_by_eye)
            found, more, by_eye = found + min(got, wanted), more + max(0, got - wanted), by_eye + wanted
    return found, more, by_eye


def _picture(home: Path, name: str) -> Path:
    """Find a picture that labels name by the end of its path."""
    return next(path for path in _pictures(home) if f"/{path.relative_to(home)}".endswith(f"/{name}"))


@cache
def _pictures(home: Path) -> list[Path]:
    return sorted(path for path in home.rglob("*") if path.suffix.lower() in PICTURES)


def _boxes(looker: Looker, path: Path, *, enlarged: bool = False) -> Boxes:
    """Find the faces of a picture as it is, or brought to 12 megapixels and saved as a JPEG."""
    data, times = path.read_bytes(), 1.0
    if enlarged:
        picture, out = ImageOps.exif_transpose(Image.open(path)).convert("RGB"), io.BytesIO()
        times = math.sqrt(ENLARGED_PIXELS / (picture.width * picture.height))
        width, height = (round(side * times / 8) * 8 for side in picture.size)
        picture.resize((width, height), Image.Resampling.LANCZOS).save(out, "JPEG", quality=92)
        data = out.getvalue()
    try:
        return [_corners(*(seen.face.box_xywh_px / times)) for seen in looker.look(data).faces]
    except Refused:
        return []


def _corners(x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
    return np.array([x, y, x + width, y + height], np.float64)


@contextmanager
def _decoded_in_full() -> Iterator[None]:
    quick = look.shrink_for
    look.shrink_for = lambda width, height: 1
    try:
        yield
    finally:
        look.shrink_for = quick
