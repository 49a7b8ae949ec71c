"""A film of two hours beside one of ten minutes: memory of the process that looks at it, and what an hour costs."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Figures
from PIL import Image

from detectors.pictures import pictures_folder

SIZE = (1280, 720)
RATE, KEY_SECONDS = 25, 2
# So much is encoded once, and repeated.
PART_SECONDS = 20
SHORT_MINUTES, LONG_MINUTES = 10, 120
# For memory a still each four seconds is enough; how long an hour takes is measured with the usual one each second.
EVERY_SECONDS = 4.0


def measure() -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "part.mp4"
        _encode(part)
        films = {minutes: _repeated(part, Path(folder), minutes) for minutes in (SHORT_MINUTES, LONG_MINUTES)}
        short, long = (_in_process(film, EVERY_SECONDS) for film in films.values())
        usual = _in_process(films[SHORT_MINUTES], 1.0)
    return {
        "film_long_stills": float(long[0]),
        "film_long_gib": long[2],
        "film_long_over_short_memory": long[2] / short[2],
        "film_cpu_seconds_an_hour": usual[1] * 60 / SHORT_MINUTES,
        "film_cpu_seconds_an_hour_key_frames_only": long[1] * 60 / LONG_MINUTES,
    }


def _encode(path: Path) -> None:
    """Make some seconds of film: somebody walks to and fro."""
    import av

    ground = np.asarray(Image.open(pictures_folder() / "coffee.png").convert("RGB").resize(SIZE))
    person = np.asarray(Image.open(pictures_folder() / "astronaut.png").convert("RGB").resize((256, 256)))
    with av.open(path, "w") as file:
        stream: Any = file.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "38"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.gop_size = RATE * KEY_SECONDS
        for n in range(PART_SECONDS * RATE):
            picture, left = ground.copy(), round(500 + 400 * np.sin(2 * np.pi * n / RATE / PART_SECONDS))
            picture[200:456, left : left + 256] = person
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def _repeated(part: Path, folder: Path, minutes: int) -> Path:
    """Put the packets of a film behind each other again and again."""
    import av

    whole = folder / f"{minutes}.mp4"
    with av.open(whole, "w") as out, av.open(part) as source:
        given = source.streams.video[0]
        stream = out.add_stream_from_template(given)
        step = round(PART_SECONDS / given.time_base)
        packets = [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in source.demux(given) if p.size]
        for turn in range(minutes * 60 // PART_SECONDS):
            for data, pts, dts, is_key in packets:
                packet = av.Packet(data)
                packet.pts, packet.dts, packet.time_base = pts + turn * step, dts + turn * step, given.time_base
                packet.stream, packet.is_keyframe = stream, is_key
                out.mux(packet)
    return whole


def _in_process(film: Path, every_seconds: float) -> tuple[int, float, float]:
    """Look at a film in a process of its own; give the stills, seconds of processor and peak memory in GiB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_look, (film, every_seconds))


def _look(film: Path, every_seconds: float) -> tuple[int, float, float]:
    from detectors.look import Looker

    with Looker(every_seconds=every_seconds) as looker, film.open("rb") as file:
        start = time.process_time()
        watched = looker.look(file).watched
        taken = time.process_time() - start
    if watched is None or watched.refusal or watched.longest_gap_ms > 1000 * every_seconds + 100:
        raise RuntimeError(f"watched {watched}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return watched.stills, taken, peak / 2**30
