"""Measures, in one run and as medians and ratios: `make bench`, or `make bench ONLY=name` for one.

Writes ``build/bench.json``: a short name to each figure. Seconds are this machine's; the ratios are what carries over.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from detectors.align import crop_faces
from detectors.decode import decode
from detectors.encoder import FaceEncoder
from detectors.finder import FaceFinder
from detectors.pictures import pictures_folder
from plugins import nightly
from plugins.demo.town import build_town
from plugins.request import RunRequest

RUNS = 5
Figures = dict[str, float]


def median_seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    work()  # warms caches and loads models
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def frames(count: int = 12) -> list[bytes]:
    """Give some 1080p camera frames of the demo's town."""
    folder = Path(tempfile.gettempdir()) / "facewarden-bench-town"
    town = build_town(folder, pictures_folder())
    found = sorted((town.folder / "stores").rglob("*.jpg"))
    return [path.read_bytes() for path in found[:: max(1, len(found) // count)][:count]]


def look() -> Figures:
    """Decoding and finding on 1080p frames; the peers are decoding alone and MediaPipe on the whole frame once."""
    data = [d for d in frames() if d[:2] == b"\xff\xd8"]
    pictures = []
    for one in data:
        try:
            pictures.append(decode(one).frames[0].image_rgb)
        except Exception:  # the town has damaged files on purpose
            continue
    with FaceFinder() as finder:
        find = median_seconds(lambda: [finder.find(p) for p in pictures]) / len(pictures)
    plain = median_seconds(lambda: whole_frame(pictures)) / len(pictures)
    read = median_seconds(lambda: [decode(d) for d in data[:4]]) / 4
    return {
        "find_1080p_seconds": find,
        "decode_1080p_seconds": read,
        "find_1080p_over_decode": find / read,
        "find_1080p_over_mediapipe_whole_frame": find / plain,
    }


def whole_frame(pictures: list[np.ndarray]) -> None:
    """Find faces as MediaPipe's own example does: the full-range model, once, on the whole frame."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    from detectors.models import FINDER_FAR, model_path

    options = vision.FaceDetectorOptions(base_options=BaseOptions(model_asset_path=str(model_path(FINDER_FAR))))
    with vision.FaceDetector.create_from_options(options) as detector:
        for picture in pictures:
            detector.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture)))


def encode() -> Figures:
    """Turning crops into vectors, mirrored crops included, in batches of 32."""
    picture = decode((pictures_folder() / "astronaut.png").read_bytes()).frames[0].image_rgb
    with FaceFinder() as finder:
        crops = np.repeat(crop_faces(picture, finder.find(picture)), 32, axis=0)
    encoder = FaceEncoder(threads=1)
    return {"encode_face_seconds_one_core": median_seconds(lambda: encoder.encode(crops)) / len(crops)}


def night() -> Figures:
    """A first night over the town and an unchanged second one, without a scheduler."""
    with tempfile.TemporaryDirectory() as folder:
        town = build_town(Path(folder) / "town", pictures_folder())
        times = []
        for run in ("first", "second"):
            start = time.perf_counter()
            request = RunRequest(str(town.settings), run, date(2026, 10, 20))
            nightly.scan(request, lambda: datetime.now(UTC), lambda n: lambda k: None)
            times.append(time.perf_counter() - start)
    return {"first_night_seconds": times[0], "second_night_seconds": times[1], "second_over_first": times[1] / times[0]}


BENCHMARKS: dict[str, Callable[[], Figures]] = {"look": look, "encode": encode, "night": night}


def main(only: list[str]) -> None:
    unknown = sorted(set(only) - set(BENCHMARKS))
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    out = Path("build/bench.json")
    figures: Figures = json.loads(out.read_text()) if out.exists() and only else {}
    for name in only or BENCHMARKS:
        for figure, value in BENCHMARKS[name]().items():
            figures[figure] = round(value, 4)
            print(f"{name:8} {figure:40} {value:10.4f}", flush=True)
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
