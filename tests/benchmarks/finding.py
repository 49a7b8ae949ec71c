"""Faces found, and found where none are, on labelled pictures; against the slow path, that decodes each in full.

``FACEWARDEN_EVAL`` names a folder of sets, each with pictures and either ``labels/boxes_xywh.csv`` (image, x, y, w, h
in pixels) or ``labels/face_counts.csv`` (image, faces_counted_by_eye), and of those in ``NOBODY``, that show nobody.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from measuring import Figures
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from detectors import look
from detectors.boxes import overlap
from detectors.errors import Refused
from detectors.look import Looker

NOBODY = {"animals": "neg_catsdogs", "offices": "dlib_faces/examples/video_frames"}
PICTURES = {".jpg", ".jpeg", ".png"}
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
        figures = _figures(Path(folder), cache(lambda path: _boxes(looker, path)))
        with _decoded_in_full():
            slow = _figures(Path(folder), cache(lambda path: _boxes(looker, path)))
    return figures | {name.replace("finding_", "finding_slow_", 1): value for name, value in slow.items()}


def _figures(folder: Path, find: Find) -> Figures:
    found, too_many, labelled = _held_against_boxes(folder, find)
    counted, more, by_eye = _held_against_counts(folder, find)
    figures = {
        "finding_boxes": labelled,
        "finding_boxes_recall": found / labelled,
        "finding_boxes_too_many": too_many,
        "finding_counted_by_eye": by_eye,
        "finding_counted_recall": counted / by_eye,
        "finding_counted_too_many": more,
    }
    for name, place in NOBODY.items():
        pictures = [path for path in sorted((folder / place).rglob("*")) if path.suffix.lower() in PICTURES]
        figures[f"finding_{name}"] = len(pictures)
        figures[f"finding_{name}_false_per_1000"] = 1000 * sum(len(find(path)) for path in pictures) / len(pictures)
    return {name: float(value) for name, value in figures.items()}


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


def _boxes(looker: Looker, path: Path) -> Boxes:
    try:
        return [_corners(*seen.face.box_xywh_px) for seen in looker.look(path.read_bytes()).faces]
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
