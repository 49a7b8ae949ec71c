"""A whole scan of camera JPEGs with one face each, to the written evidence, on one core.

The peers, on the same files and core: Pillow that only decodes them in full, and the face_recognition library's way
(dlib's HOG detector on the picture at twice its size, its default, and dlib's encoder; without the landmarks, which
take little; on one copy of each picture), without writing anything. Models are loaded before.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections import Counter
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from encode import dlib_weights
from measuring import Figures, median_seconds, one_core
from PIL import Image

from detectors.align import CROP_PX
from detectors.pictures import pictures_folder
from plugins import tasks
from plugins.glance import Glance
from plugins.request import RunRequest
from plugins.run import Run
from plugins.scan import scan_chunk, supervised
from plugins.stores.records import StoredObject
from plugins.supervise import Supervisor

SIZES = {"12mp": (4000, 3000), "1080p": (1920, 1080)}
# Pictures made, and how often each lies there: a chunk of a real night has hundreds.
MADE, COPIES = 8, 16
COUNT = MADE * COPIES
# Face widths as shares of the picture's height: from somebody in the room to a portrait.
SMALLEST, LARGEST = 0.08, 0.35
SETTINGS = """
controller: {name: Benchmark, timezone: UTC}
policy: cn-draft-2023
evidence: %(folder)s/evidence/%(run)d
reports: %(folder)s/reports
secrets: %(folder)s/secrets
vectors: {url: %(folder)s/vectors/%(run)d, keep_days: 90}
stores:
  - {name: camera, url: %(folder)s/pictures, purpose: access control}
"""


def measure() -> Figures:
    figures = Figures()
    with one_core():
        for name, size in SIZES.items():
            with tempfile.TemporaryDirectory() as folder:
                pictures = made(Path(folder) / "pictures", size)
                few = pictures[::COPIES]
                peers = [partial(_decoded, pictures)] + ([partial(_by_dlib, few)] if name == "1080p" else [])
                with supervised(Run(request_of(Path(folder), 0))) as looking:
                    taken = median_seconds(Scan(Path(folder), looking), *peers)
            figures[f"scan_{name}_seconds_each"] = taken[0] / COUNT
            figures[f"scan_{name}_over_decoding_in_full"] = taken[0] / taken[1]
            if len(taken) > 2:
                figures[f"face_recognition_{name}_over_scan"] = taken[2] / len(few) / (taken[0] / COUNT)
    return figures


def request_of(folder: Path, run: int) -> RunRequest:
    settings = folder / f"{run}.yaml"
    settings.write_text(SETTINGS % {"folder": folder, "run": run}, encoding="utf-8")
    return RunRequest(str(settings), f"run-{run}", date(2026, 10, 20))


class Scan:
    """Each call is the first night of a run of its own: nothing is known yet. The process that looks is there."""

    def __init__(self, folder: Path, looking: Supervisor[StoredObject, Glance]) -> None:
        self._folder, self._looking, self._run = folder, looking, 0

    def __call__(self) -> None:
        self._run += 1
        request = request_of(self._folder, self._run)
        plan = tasks.plan(request)
        ended = sum((scan_chunk(Run(request), chunk, self._looking) for chunk in plan.chunks), start=Counter[str]())
        if ended["scanned"] != COUNT:
            raise RuntimeError(f"scanned {dict(ended)}, wanted {COUNT}")


def made(folder: Path, size: tuple[int, int]) -> list[Path]:
    """Make noisy pictures with one face each, of several sizes and places."""
    folder.mkdir()
    random = np.random.default_rng(1)
    astronaut = Image.open(pictures_folder() / "astronaut.png").convert("RGB")
    ground = Image.open(pictures_folder() / "coffee.png").convert("RGB").resize(size)
    for number, share in enumerate(np.geomspace(SMALLEST, LARGEST, MADE)):
        picture, side = ground.copy(), min(round(share * size[1] / 0.2), size[1])
        left, top = (int(random.integers(0, length - side + 1)) for length in size)
        picture.paste(astronaut.resize((side, side), Image.Resampling.LANCZOS), (left, top))
        noise = random.normal(0, 4, (size[1], size[0], 1)) + random.normal(0, 2, (size[1], size[0], 3))
        Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)).save(
            folder / f"{number}.jpg", quality=92
        )
    for path in sorted(folder.iterdir()):
        for copy in range(1, COPIES):
            shutil.copy(path, folder / f"{path.stem}-{copy}.jpg")
    return sorted(folder.iterdir())


def _decoded(pictures: list[Path]) -> None:
    for path in pictures:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            image.load()


def _by_dlib(pictures: list[Path]) -> None:
    import dlib

    detector, encoder = dlib.get_frontal_face_detector(), dlib.face_recognition_model_v1(str(dlib_weights()))
    for path in pictures:
        image_rgb = np.asarray(Image.open(path))
        for face in detector(image_rgb, 1):
            square = Image.fromarray(image_rgb).crop((face.left(), face.top(), face.right(), face.bottom()))
            encoder.compute_face_descriptor(np.asarray(square.resize((CROP_PX, CROP_PX))))
