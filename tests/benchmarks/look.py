"""Decoding and finding on 1080p frames; the peers are decoding alone and MediaPipe on the whole frame once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from measuring import Figures, median_seconds

from detectors.decode import decode
from detectors.errors import Refused
from detectors.finder import FaceFinder
from detectors.models import FINDER_FAR, model_path
from detectors.pictures import pictures_folder
from plugins.demo.town import build_town


def measure() -> Figures:
    data = [d for d in frames() if d[:2] == b"\xff\xd8"]
    pictures = []
    for one in data:
        try:
            pictures.append(decode(one).frames[0].image_rgb)
        except Refused:  # the town has damaged files on purpose
            continue
    with FaceFinder() as finder:
        find, plain = median_seconds(
            lambda: [finder.find(picture) for picture in pictures], lambda: whole_frame(pictures)
        )
    [read] = median_seconds(lambda: [decode(d) for d in data[:4]])
    return {
        "find_1080p_seconds": find / len(pictures),
        "decode_1080p_seconds": read / 4,
        "find_1080p_over_decode": find / len(pictures) / (read / 4),
        "find_1080p_over_mediapipe_whole_frame": find / plain,
    }


def frames(count: int = 12) -> list[bytes]:
    """Give some 1080p camera frames of the demo's town."""
    folder = Path(tempfile.gettempdir()) / "facewarden-bench-town"
    town = build_town(folder, pictures_folder())
    found = sorted((town.folder / "stores").rglob("*.jpg"))
    return [path.read_bytes() for path in found[:: max(1, len(found) // count)][:count]]


def whole_frame(pictures: list[np.ndarray]) -> None:
    """Find faces as MediaPipe's own example does: the full-range model, once, on the whole frame."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceDetectorOptions(base_options=BaseOptions(model_asset_path=str(model_path(FINDER_FAR))))
    with vision.FaceDetector.create_from_options(options) as detector:
        for picture in pictures:
            detector.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture)))
