"""Frames of a camera that looks at nothing new: how many need no look, and whether a face ever hides among them.

Noisy frames are made of still scenes, saved as JPEG; into half of them a face is pasted, small, faint, dark, or with
just the brightness of what is behind it. A face is missed when the frame is called the same and the finder would have
found the face.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from measuring import Figures, median_seconds
from numpy.typing import NDArray
from PIL import Image

from detectors.look import Looker
from detectors.pictures import pictures_folder
from detectors.stillness import glimpse, is_same

TRIALS = 4_000
EMPTY, GRAINS = 99, 8
SIZE = (640, 360)
CAMERA = (1920, 1080)
SCENES = ("coffee.png", "rocket.jpg", "chelsea.png")
# Where the face is in the sample pictures: left, top, right, bottom.
FACES = {"astronaut.png": (170, 50, 280, 185), "obama.jpg": (355, 75, 575, 365)}
SIDES_PX = (20, 24, 32, 48, 80)
NOISE, LIGHT, QUALITY = (1.0, 2.0, 4.0), (1.0, 0.5, 0.2), (50, 75, 90)
# Frames of a camera that nobody walks past, to count beside the made-up ones; a folder of one's own, if there is one.
OFFICE = Path(os.environ.get("FACEWARDEN_BENCH_OFFICE", "no such folder"))
Pixels = NDArray[np.float32]


def measure() -> Figures:
    rng = np.random.default_rng(7)
    with Looker() as looker:
        figures = _faces(rng, looker) | _empty(rng) | _cost(rng, looker)
    return figures


def _faces(rng: np.random.Generator, looker: Looker) -> Figures:
    """Paste a face into each of many frames."""
    scenes, faces = [_scene(name, SIZE) for name in SCENES], [_face(name, box) for name, box in FACES.items()]
    ended = Counter[str]()
    for _ in range(TRIALS):
        scene = scenes[rng.integers(len(scenes))] * rng.choice(LIGHT)
        noise, quality, side = rng.choice(NOISE), int(rng.choice(QUALITY)), int(rng.choice(SIDES_PX))
        shown, place = _pasted(scene, faces[rng.integers(len(faces))], side, rng)
        before, after = _shot(scene, noise, quality, rng), _shot(shown, noise, quality, rng)
        if not is_same(glimpse(before), glimpse(after)):
            ended["looked at"] += 1
            continue
        seen = [face.face.box_xywh_px for face in looker.look(after).faces]
        ended["missed" if any(_is_there(box, place) for box in seen) else "too faint to be found"] += 1
    return {
        "stillness_faces_pasted": float(TRIALS),
        "stillness_faces_missed": float(ended["missed"]),
        "stillness_faces_too_faint_for_the_finder": float(ended["too faint to be found"]),
    }


def _empty(rng: np.random.Generator) -> Figures:
    """Compare frames that show the same with each other; and each frame of a moving camera with the one before."""
    figures = Figures()
    for quality in QUALITY:
        same = 0
        for number in range(EMPTY):
            scene = _scene(SCENES[number % len(SCENES)], SIZE) * LIGHT[number % 3]
            shots = [glimpse(_shot(scene, NOISE[number % len(NOISE)], quality, rng)) for _ in range(2)]
            same += is_same(*shots)
        figures[f"stillness_empty_frames_skipped_at_quality_{quality}"] = same / EMPTY
    if OFFICE.is_dir():
        frames = [glimpse(path.read_bytes()) for path in sorted(OFFICE.glob("*.jpg"))]
        same = sum(is_same(*pair) for pair in pairwise(frames))
        figures["stillness_moving_camera_frames_skipped"] = same / max(1, len(frames) - 1)
    return figures


def _cost(rng: np.random.Generator, looker: Looker) -> Figures:
    scene = _scene(SCENES[0], CAMERA)
    data = [_shot(scene, 2.0, 85, rng) for _ in range(4)]
    first = glimpse(data[0])
    test, look = median_seconds(
        lambda: [is_same(first, glimpse(one)) for one in data],
        lambda: [looker.look(one) for one in data],
        runs=3,
    )
    return {"stillness_1080p_seconds_each": test / len(data), "stillness_1080p_of_a_full_look": test / look}


def _scene(name: str, size: tuple[int, int]) -> Pixels:
    with Image.open(pictures_folder() / name) as image:
        return np.asarray(image.convert("RGB").resize(size), np.float32)


def _face(name: str, box: tuple[int, int, int, int]) -> Image.Image:
    with Image.open(pictures_folder() / name) as image:
        return image.convert("RGB").crop(box)


def _pasted(
    scene: Pixels, face: Image.Image, side: int, rng: np.random.Generator
) -> tuple[Pixels, tuple[int, int, int]]:
    """Blend an oval face of that width into a scene, by a random strength; every other one as bright as the scene."""
    height = round(side * face.height / face.width)
    small = np.asarray(face.resize((side, height), Image.Resampling.LANCZOS), np.float32)
    left, top = int(rng.integers(0, SIZE[0] - side)), int(rng.integers(0, SIZE[1] - height))
    behind = scene[top : top + height, left : left + side]
    small = small * (max(float(behind.mean()), 12) / 110)
    if rng.integers(2):
        small = small - small.mean((0, 1)) + behind.mean((0, 1))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : side * 1j]
    strength = np.clip((1.1 - np.hypot(x, y)) * 4, 0, 1)[..., None] * 10 ** rng.uniform(-1.3, 0)
    shown = scene.copy()
    shown[top : top + height, left : left + side] = behind + (small - behind) * strength
    return shown, (left, top, side)


def _shot(scene: Pixels, noise: float, quality: int, rng: np.random.Generator) -> bytes:
    """Take a picture of a scene: noise of the sensor, more in brightness than in colour, and JPEG."""
    height, width = scene.shape[:2]
    grain = _grains(height, width)[rng.integers(GRAINS)]
    shifted = np.roll(grain, tuple(rng.integers(0, (height, width))), (0, 1))[:: rng.choice((-1, 1))]
    out = io.BytesIO()
    pixels = np.clip(scene + np.float32(noise) * shifted, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


@lru_cache(maxsize=2)
def _grains(height: int, width: int) -> list[Pixels]:
    """Make some fields of noise, which are shifted and turned for each picture."""
    rng = np.random.default_rng(3)
    gray = [rng.standard_normal((height, width, 1), np.float32) for _ in range(GRAINS)]
    return [each + rng.standard_normal((height, width, 3), np.float32) / 2 for each in gray]


def _is_there(box: NDArray[np.float32], place: tuple[int, int, int]) -> bool:
    left, top, side = place
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return bool(left - side / 2 <= x <= left + 1.5 * side and top - side / 2 <= y <= top + 2 * side)
