"""Memory of one process that looks at many pictures of mixed sizes; draws ``docs/memory.svg``.

It is the process of a real scan, sampled after every object, over ``FACEWARDEN_BENCH_IMAGES`` pictures (20,000): JPEG,
PNG and WebP of 0.08 to 12 megapixels, with a face or without, made out of the sample pictures.
"""

from __future__ import annotations

import io
import os
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
from measuring import Figures
from PIL import Image

from detectors.pictures import pictures_folder
from plugins.request import RunRequest
from plugins.run import Run
from plugins.scan import supervised

IMAGES = int(os.environ.get("FACEWARDEN_BENCH_IMAGES", "20000"))
DRAWING = Path("docs/memory.svg")
# Widths of the pictures, and how many of two hundred have each.
WIDTHS = {320: 106, 640: 80, 1280: 10, 1920: 3, 4000: 1}
SETTINGS = """
controller: {name: Benchmark, timezone: UTC}
policy: cn-draft-2023
scan: {chunk_objects: 100000}
stores:
  - {name: camera, url: ./pictures, purpose: access control}
"""


def measure() -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        taken = _sampled(Path(folder))
    early, late = np.median(taken[len(taken) // 10 : len(taken) // 5]), np.median(taken[-len(taken) // 10 :])
    DRAWING.write_text(_drawing(taken), encoding="utf-8")
    return {
        "memory_images": float(len(taken)),
        "memory_peak_gib": float(taken.max()) / 1024,
        "memory_last_tenth_over_second_tenth": float(late / early),
    }


def _sampled(folder: Path) -> np.ndarray:
    """Give the resident memory, MiB, after each object; one process does them all, unless it is replaced."""
    pictures = folder / "pictures"
    pictures.mkdir()
    made = _made()
    for number in range(IMAGES):
        data, ending = made[number % len(made)]
        # What follows the end of a picture is not read; so every file is another one.
        (pictures / f"{number:06}.{ending}").write_bytes(data + number.to_bytes(4, "big"))
    (folder / "facewarden.yaml").write_text(SETTINGS, encoding="utf-8")
    run = Run(RunRequest(str(folder / "facewarden.yaml"), "night", date(2026, 10, 20)))
    taken = []
    [holding] = run.holdings
    with supervised(run) as looking:
        for _ in looking.through(list(run.pictures(holding).list())):
            taken.append(looking.memory_mb())
    return np.array(taken)


def _made() -> list[tuple[bytes, str]]:
    """Make pictures of all widths and formats in an order that mixes them."""
    rng = np.random.default_rng(0)
    sources = [
        Image.open(pictures_folder() / name).convert("RGB") for name in ("astronaut.png", "coffee.png", "chelsea.png")
    ]
    widths = rng.permutation([width for width, many in WIDTHS.items() for _ in range(many)])
    return [_picture(sources[number % 3], int(width), number) for number, width in enumerate(widths)]


def _picture(source: Image.Image, width: int, number: int) -> tuple[bytes, str]:
    picture = source.resize((width, width * 3 // 4))
    out, ending = io.BytesIO(), ("jpg", "png", "webp", "jpg")[number % 4]
    picture.save(out, {"jpg": "JPEG"}.get(ending, ending.upper()), quality=70 + number % 25)
    return out.getvalue(), ending


def _drawing(taken: np.ndarray) -> str:
    """Draw the samples as a line, with the limit of the settings above it; the most of each step is shown."""
    steps = np.array_split(taken, min(400, len(taken)))
    wide, high, top = 760.0, 240.0, 1228.8
    points = " ".join(
        f"{60 + wide * n / (len(steps) - 1):.1f},{20 + high * (1 - step.max() / top):.1f}"
        for n, step in enumerate(steps)
    )
    heights = {mb: round(20 + high * (1 - mb / top)) for mb in (0, 300, 600, 900, 1200)}
    ticks = "".join(
        f'<text x="52" y="{y + 4}" text-anchor="end">{mb}</text><path d="M60 {y}H820" stroke="#ddd"/>'
        for mb, y in heights.items()
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 840 310" font-family="sans-serif" font-size="12">'
        '<rect width="840" height="310" fill="white"/>'
        f'{ticks}<polyline points="{points}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>'
        f'<text x="60" y="282">0</text><text x="820" y="282" text-anchor="end">{len(taken):,} pictures</text>'
        '<text x="60" y="302">MiB resident of one process that looks at pictures; the most of each step. '
        "`make bench ONLY=memory`</text></svg>\n"
    )
