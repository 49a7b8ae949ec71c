"""Frames that show nothing new: noise is not news, and whatever may be a face is."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors.stillness import Glimpse, glimpse, is_same

SIZE = (640, 360)


@pytest.fixture(scope="module")
def scene(pictures: Path) -> np.ndarray:
    return np.asarray(Image.open(pictures / "coffee.png").convert("RGB").resize(SIZE), np.float32) * np.float32(0.5)


@pytest.fixture(scope="module")
def face(pictures: Path) -> Image.Image:
    return Image.open(pictures / "astronaut.png").convert("RGB").crop((170, 50, 280, 185))


def shot(scene: np.ndarray, seed: int, noise: float = 3.0, quality: int = 85, mode: str = "RGB") -> bytes:
    rng, out = np.random.default_rng(seed), io.BytesIO()
    noisy = np.clip(scene + rng.normal(0, noise, (*scene.shape[:2], 1)), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).convert(mode).save(out, "JPEG", quality=quality)
    return out.getvalue()


def read(data: bytes) -> Glimpse:
    found = glimpse(data)
    assert found is not None
    return found


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("noise", [1.0, 2.0, 3.0])
def test_a_scene_without_anything_new_is_the_same_all_night(scene: np.ndarray, noise: float, mode: str) -> None:
    first = read(shot(scene, 0, noise, mode=mode))
    same = [is_same(first, read(shot(scene, seed, noise, mode=mode))) for seed in range(1, 21)]
    assert sum(same) >= 19, same


@pytest.mark.parametrize("side", [20, 32, 80])
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_face_is_something_new_however_small_and_faint(
    scene: np.ndarray, face: Image.Image, side: int, strength: float
) -> None:
    first, small = read(shot(scene, 0)), np.asarray(face.resize((side, side * 5 // 4)), np.float32) * np.float32(0.5)
    rng = np.random.default_rng(side)
    for seed in range(1, 11):
        left, top = int(rng.integers(0, SIZE[0] - side)), int(rng.integers(0, SIZE[1] - side * 5 // 4))
        shown = scene.copy()
        behind = shown[top : top + side * 5 // 4, left : left + side]
        behind[...] = behind + (small - behind) * strength
        assert not is_same(first, read(shot(shown, seed))), (left, top)


def test_another_light_another_size_and_what_cannot_be_read_are_looked_at(scene: np.ndarray) -> None:
    data = shot(scene, 0)
    first = read(data)
    assert is_same(first, first)
    assert not is_same(first, read(shot(scene + 2, 1)))
    assert not is_same(first, read(shot(scene[:352], 1)))
    assert not is_same(first, glimpse(data[: len(data) // 2]))
    assert not is_same(None, first)
    for broken in (b"", b"\x89PNG\r\n\x1a\n", data[:100], b"\xff\xd8\xff" + bytes(100)):
        assert glimpse(broken) is None
    assert glimpse(shot(np.zeros((50, 400, 3), np.float32), 0)) is None


def test_slow_changes_add_up_since_the_frame_that_was_looked_at(scene: np.ndarray) -> None:
    first = read(shot(scene, 0))
    dawn = [is_same(first, read(shot(scene + 0.1 * step, step))) for step in range(1, 31)]
    assert dawn[0]
    assert not any(dawn[-10:])


def test_a_damaged_note_in_a_frame_is_not_spoken_of_in_logs(scene: np.ndarray) -> None:
    data = shot(scene, 0)
    cut = b"Exif\0\0II*\0" + struct.pack("<IHH", 8, 1, 0x0132)
    damaged = data[:2] + b"\xff\xe1" + struct.pack(">H", len(cut) + 2) + cut + data[2:]
    with pytest.warns(UserWarning, match="Corrupt EXIF"):
        Image.open(io.BytesIO(damaged)).getexif()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(damaged)
