"""Mutated pictures and videos: each has to end decoded or refused, in time and within memory, and the process to live.

Every file is made from a real one of its format by flipped bytes, cut ends, doubled and removed stretches, and changed
lengths. They are decoded in processes that may die; one that dies, hangs or raises something else fails the campaign.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import resource
import time
from collections import Counter
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from PIL import Image

FILES = int(os.environ.get("FACEWARDEN_TORTURE_FILES", "20000"))
WORKERS = 2
SECONDS = 20.0
MEMORY_GIB = 2.0


def torture() -> dict[str, float]:
    """Decode them all; give how they ended, and the slowest and largest."""
    seeds = originals()
    started, ended, worst, peak, dead = time.monotonic(), Counter[str](), 0.0, 0, 0
    for share in _shares(FILES, WORKERS):
        for outcome, seconds, kib in share:
            if outcome == "died":
                dead += 1
            ended[outcome] += 1
            worst, peak = max(worst, seconds), max(peak, kib)
    strange = {name: n for name, n in ended.items() if name.startswith("raised")}
    figures = {
        "fuzz_files": float(ended.total()),
        "fuzz_originals": float(len(seeds)),
        "fuzz_decoded": float(ended["decoded"]),
        "fuzz_refused": float(sum(n for name, n in ended.items() if name.startswith("refused"))),
        "fuzz_processes_that_died": float(dead),
        "fuzz_slowest_seconds": worst,
        "fuzz_peak_gib": peak / 2**20,
        "fuzz_seconds": time.monotonic() - started,
    }
    if strange or dead or worst > SECONDS + 5 or peak / 2**20 > MEMORY_GIB:
        raise AssertionError(f"{strange} {figures}")
    return figures


def originals() -> dict[str, bytes]:
    """Make a small picture or video of every format that is read."""
    import av

    rng = np.random.default_rng(0)
    smooth = np.asarray(Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize((160, 120)))
    picture = Image.fromarray(smooth)
    found: dict[str, bytes] = {}
    for name in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000"):
        out = io.BytesIO()
        picture.save(out, name)
        found[name] = out.getvalue()
    from pillow_heif import from_pillow

    out = io.BytesIO()
    from_pillow(picture).save(out)
    found["HEIF"] = out.getvalue()
    out = io.BytesIO()
    picture.save(out, "JPEG", progressive=True, exif=picture.getexif().tobytes())
    found["progressive JPEG"] = out.getvalue()
    for container, codec in (("mp4", "libx264"), ("matroska", "libx264"), ("avi", "mpeg4"), ("mpegts", "mpeg2video")):
        out = io.BytesIO()
        with av.open(out, "w", format=container) as file:
            stream: Any = file.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            for n in range(12):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(smooth, 3 * n, axis=1), format="rgb24")))
            file.mux(stream.encode(None))
        found[f"{container} {codec}"] = out.getvalue()
    return found


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one of five ways; its first bytes mostly stay, so that it is taken for what it was."""
    changed, head = bytearray(data), int(rng.choice([0, 4, 16]))
    way = rng.integers(5)
    at = int(rng.integers(head, len(changed)))
    if way == 0:
        for place in rng.integers(head, len(changed), int(rng.integers(1, 40))):
            changed[place] = int(rng.integers(256))
    elif way == 1:
        del changed[at:]
    elif way == 2:
        changed[at:at] = changed[at : at + int(rng.integers(1, 2000))]
    elif way == 3:
        del changed[at : at + int(rng.integers(1, 500))]
    else:  # a length or size field that lies
        extreme = rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFF])
        changed[at : at + 4] = int(extreme).to_bytes(4, "big" if rng.integers(2) else "little")
    return bytes(changed)


def _shares(files: int, workers: int) -> Any:
    numbers = np.array_split(np.arange(files), workers * 20)
    with multiprocessing.get_context("spawn").Pool(1) as _:
        pass  # fails here, and not in every share, where processes cannot be started
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as threads:
        yield from threads.map(_one_share, numbers)


def _one_share(numbers: Any) -> list[tuple[str, float, int]]:
    """Decode some files in a process of their own; begin a new one behind a file that killed it."""
    context, results = multiprocessing.get_context("spawn"), list[tuple[str, float, int]]()
    left = [int(n) for n in numbers]
    while left:
        ours, theirs = context.Pipe()
        process = context.Process(target=_decode_all, args=(left, theirs), daemon=True)
        process.start()
        theirs.close()
        done = 0
        try:
            while done < len(left):
                if not ours.poll(SECONDS + 60):
                    break
                results.append(ours.recv())
                done += 1
        except EOFError:
            pass
        if done < len(left):
            results.append(("died", 0.0, 0))
            done += 1
        process.kill()
        left = left[done:]
    return results


def _decode_all(numbers: list[int], told: Connection) -> None:
    from detectors.decode import DecodeLimits, decode
    from detectors.errors import Refused
    from detectors.signatures import Film, recognise
    from detectors.video import Video

    limits, seeds = DecodeLimits(max_pixels=20_000_000, max_seconds=SECONDS), list(originals().values())
    for number in numbers:
        rng = np.random.default_rng(number)
        data = mutated(seeds[number % len(seeds)], rng)
        start = time.monotonic()
        try:
            kind = recognise(data)
            if isinstance(kind, Film):
                video = Video(io.BytesIO(data), kind, limits, 1.0)
                for _ in video.stills():
                    pass
            else:
                decode(data, limits)
            outcome = "decoded"
        except Refused as refused:
            outcome = f"refused: {refused.reason.value}"
        except Exception as error:
            outcome = f"raised {type(error).__name__}"
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        told.send((outcome, time.monotonic() - start, kib))
