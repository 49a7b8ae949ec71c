"""A first night over pictures of twelve megapixels, one without change, and one with a hundredth changed.

By ``plugins.nightly.scan`` in one process, as a worker of Airflow runs it night by night; the night without change a
second time as ``facewarden scan``, which loads everything anew. FACEWARDEN_BENCH_PICTURES is 10,000 when it is not set.
The pictures are copies of a few that are made of the samples; each is looked at, since a folder vouches for no content.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import yaml
from measuring import Figures
from PIL import Image

from detectors.pictures import pictures_folder
from plugins import nightly
from plugins.request import RunRequest

PICTURES = int(os.environ.get("FACEWARDEN_BENCH_PICTURES", "10000"))
SIZE_WH_PX = (4096, 3072)
SAMPLES = ("astronaut.png", "obama.jpg", "biden.jpg", "chelsea.png")
DISTINCT = 40
DAY = date(2026, 10, 20)


def measure() -> Figures:
    """Measure the nights."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_pictures(folder / "pictures")
        settings = write_settings(folder)
        expected = nightly.outlook(RunRequest(str(settings), "outlook", DAY)).minutes
        first, unchanged = night(settings, "first"), night(settings, "unchanged")
        start = time.perf_counter()
        command = [sys.executable, "-m", "plugins.cli", "scan", "-c", str(settings), "--as-of", DAY.isoformat()]
        subprocess.run(command, check=True, capture_output=True)
        by_command = time.perf_counter() - start
        changed = list(folder.glob("pictures/*/*.jpg"))[:: 100 if PICTURES >= 100 else 1]
        for path in changed:
            path.touch()
        after_change = night(settings, "changed")
    return {
        "night_pictures": float(PICTURES),
        "night_first_seconds": first,
        "night_expected_over_first": (expected or 0) * 60 / first,
        "night_unchanged_seconds": unchanged,
        "night_unchanged_over_first": unchanged / first,
        "night_unchanged_command_seconds": by_command,
        "night_unchanged_command_over_first": by_command / first,
        "night_hundredth_changed_over_first": after_change / first,
    }


def night(settings: Path, name: str) -> float:
    """Scan; give the seconds."""
    start = time.perf_counter()
    request = RunRequest(str(settings), name, DAY)
    nightly.scan(request, lambda: datetime.now(UTC), lambda n: lambda k: None)
    return time.perf_counter() - start


def make_pictures(root: Path) -> None:
    """Fill twenty cameras' folders with copies of a few pictures, as a camera takes them."""
    root.mkdir()
    made = [root.parent / f"{number}.jpg" for number in range(min(DISTINCT, PICTURES))]
    for number, path in enumerate(made):
        sample = Image.open(pictures_folder() / SAMPLES[number % len(SAMPLES)]).convert("RGB")
        left, top = 3 * number, 2 * number
        sample.crop((left, top, sample.width, sample.height)).resize(SIZE_WH_PX).save(path, quality=85)
    for number, path in zip(range(PICTURES), (made[n % len(made)] for n in count()), strict=False):
        camera = root / f"camera-{number % 20}"
        camera.mkdir(exist_ok=True)
        shutil.copyfile(path, camera / f"{number:06d}.jpg")


def write_settings(folder: Path) -> Path:
    """Write a settings file with one store."""
    settings = {
        "controller": {"name": "Bench", "timezone": "UTC"},
        "policy": "cn-draft-2023",
        "coverage_floor": 0,
        "stores": [{"name": "cams", "url": "./pictures", "purpose": "security", "same_frames": "look"}],
    }
    path = folder / "facewarden.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path
