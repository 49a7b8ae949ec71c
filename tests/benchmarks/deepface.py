"""A whole scan of 1080p JPEGs with one face each against DeepFace with its mediapipe detector and its Dlib model.

DeepFace needs an older MediaPipe and TensorFlow, so it gets an environment of its own (``build/deepface``, from
``deepface.lock``, 1.6 GB; x86-64 Linux with Python 3.11 or 3.12); its Dlib weights are put where it looks for them, so
that it fetches nothing. Both have one core and their models loaded. How many faces each finds is said too: DeepFace
encodes the whole picture where it finds none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from encode import dlib_weights
from measuring import Figures, median_seconds, one_core
from whole import COUNT, SIZES, Scan, made, request_of

from plugins.run import Run
from plugins.scan import supervised

HOME = Path("build/deepface")
PEER = """
import json, sys, time
from deepface import DeepFace
def look(path):
    return DeepFace.represent(path, model_name="Dlib", detector_backend="mediapipe", enforce_detection=False)
look(sys.argv[1])
for _ in range(3):
    start = time.perf_counter()
    found = sum(each["face_confidence"] > 0 for path in sys.argv[1:] for each in look(path))
    print(json.dumps([time.perf_counter() - start, found]))
"""


def measure() -> Figures:
    python = _environment()
    with one_core(), tempfile.TemporaryDirectory() as name:
        pictures = made(Path(name) / "pictures", SIZES["1080p"])
        with supervised(Run(request_of(Path(name), 0))) as looking:
            [ours] = median_seconds(Scan(Path(name), looking), runs=3)
        told = subprocess.run(
            [python, "-c", PEER, *map(str, pictures)],
            env=os.environ | {"DEEPFACE_HOME": str(HOME.absolute()), "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    runs = [json.loads(line) for line in told.stdout.decode().splitlines() if line.startswith("[")]
    seconds, found = sorted(runs)[len(runs) // 2]
    return {"deepface_1080p_over_scan": seconds / ours, "deepface_1080p_share_of_faces_found": found / COUNT}


def _environment() -> Path:
    """Make its environment, unless it stands from an earlier run."""
    python = HOME.absolute() / "venv/bin/python"
    weights = HOME / ".deepface/weights"
    if not (weights / "made").exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, python.parents[1]], check=True)
        lock = Path(__file__).with_name("deepface.lock")
        install = [uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "--require-hashes", "-r", lock]
        subprocess.run(install, check=True)
        weights.mkdir(parents=True, exist_ok=True)
        shutil.copy(dlib_weights(), weights)
        (weights / "made").touch()
    return python


if __name__ == "__main__":
    print(measure())
