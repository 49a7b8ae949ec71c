"""Stores that fail at random, and disks that are full or read-only: nothing wrong is ever taken down, nothing is lost.

A bucket is scanned through a proxy that answers by a seeded plan: with 503, with a reset, with half a body, after the
client's patience, or never. Meanwhile somebody removes and overwrites objects. Whatever is put aside then is read by
the next, calm night, and then all is as if nothing had happened. As root, evidence is also written to a small tmpfs
that fills up, and to one that is read-only: the run ends with one line, and goes on when there is room.
"""

from __future__ import annotations

import io
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from PIL import Image

from detectors.pictures import pictures_folder
from plugins import tasks
from plugins.evidence import Evidence
from plugins.request import RunRequest
from tests.misbehaving import STALL_SECONDS, misbehaving
from tests.organisation import make_organisation

ROUNDS = int(os.environ.get("FACEWARDEN_TORTURE_ROUNDS", "6"))
OBJECTS = 120
FAULTS = ("503", "reset", "cut", "stall")
CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)
SETTINGS = """
controller: {{name: Torture, timezone: UTC}}
policy: cn-draft-2023
scan: {{chunk_objects: 40}}
stores:
  - name: camera
    url: s3://cameras
    purpose: torture
    options: {{endpoint_url: {url}, key: k, secret: s,
               config_kwargs: {{read_timeout: {patience}, retries: {{max_attempts: 0}}}}}}
"""
Ended = dict[str, tuple[str, str | None, int]]


def torture() -> dict[str, float]:
    """Scan the bucket in bad weather, so many rounds; then fill a disk."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    counts: Counter[str] = Counter()
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            host, port = server.get_host_and_port()
            bucket = _Bucket(Path(folder), f"http://{host}:{port}")
            for seed in range(ROUNDS):
                counts += bucket.round(seed)
    finally:
        server.stop()
    disks = _full_and_read_only() if os.geteuid() == 0 and sys.platform == "linux" else 0
    figures = {f"stores_{name}": float(n) for name, n in sorted(counts.items())}
    return {"stores_rounds": float(ROUNDS), **figures, "stores_bad_disks": float(disks),
            "stores_seconds": time.monotonic() - started}  # fmt: skip


class _Bucket:
    """A bucket of pictures, made anew for each round."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        import boto3

        given = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        self._client: Any = boto3.client("s3", endpoint_url=endpoint, **given)
        self._client.create_bucket(Bucket="cameras")
        self._folder, self._endpoint = folder, endpoint
        self._pictures = [_jpeg(name) for name in ("astronaut.png", "chelsea.png", "coffee.png")]
        self._pictures.append(self._pictures[0][:3000])

    def round(self, seed: int) -> Counter[str]:
        """Scan in bad weather, while objects change and vanish; then calmly."""
        rng, faults = np.random.default_rng(seed), Counter[str]()
        for number in range(OBJECTS):
            self._put(number, number % 4)
        calm = self._night("calm", self._endpoint)
        self._forget()

        def plan(path: str, times: int) -> str | None:
            chance = np.random.default_rng(crc32(f"{seed} {path} {times}".encode()))
            always = crc32(f"{seed} {path}".encode()) % 40 == 0 and path.endswith(".jpg")
            fault = str(chance.choice(FAULTS[:3] if always else FAULTS))
            if not always and chance.random() > 0.25:
                return None
            faults[fault] += 1
            return fault

        touched = {int(n): str(rng.choice(["gone", "other"])) for n in rng.choice(OBJECTS, 12, replace=False)}
        with misbehaving(self._endpoint, plan) as proxy:
            stormy = self._night("stormy", proxy, lambda: self._touch(touched))
        put_aside = self._check(calm, stormy, {f"{n:03}.jpg" for n in touched})
        again = self._night("again", self._endpoint)
        self._check_all(calm | stormy | again, touched, calm)
        self._forget()
        return faults + Counter(put_aside)

    def _touch(self, touched: dict[int, str]) -> None:
        for number, how in touched.items():
            if how == "gone":
                self._client.delete_object(Bucket="cameras", Key=f"{number:03}.jpg")
            else:
                self._put(number, (number + 1) % 4)
            time.sleep(0.05)

    def _put(self, number: int, which: int) -> None:
        # What follows the end of a JPEG is not read; so every object is another one.
        body = self._pictures[which] + (number.to_bytes(2, "big") if which < 3 else b"")
        self._client.put_object(Bucket="cameras", Key=f"{number:03}.jpg", Body=body)

    def _night(self, name: str, url: str, meanwhile: Any = lambda: None) -> Ended:
        """Plan and look; commit without judging."""
        settings = self._folder / "facewarden.yaml"
        settings.write_text(SETTINGS.format(url=url, patience=STALL_SECONDS / 3), encoding="utf-8")
        request = RunRequest(str(settings), name, date(2026, 10, 20))
        chunks = list(tasks.plan(request).chunks)
        other = threading.Thread(target=meanwhile)
        other.start()
        tasks.look(request, chunks, workers=2)
        other.join()
        evidence = Evidence(str(self._folder / "evidence"))
        evidence.commit(name, evidence.pending(f"pending/{name}"), CLOCK)
        objects = evidence.objects()
        reasons = objects["reason"].astype(object).where(objects["status"] != "scanned", None)
        rows = zip(objects["uri"], objects["status"], reasons, objects["faces"], strict=True)
        return {uri.rsplit("/", 1)[1]: (status, reason, int(faces)) for uri, status, reason, faces in rows}

    def _check(self, calm: Ended, stormy: Ended, touched: set[str]) -> Counter[str]:
        """Every object ended as in calm weather, or was put aside for a reason that passes."""
        passing, put_aside = {"unreadable", "changed", "vanished"}, Counter[str]()
        for name, ended in calm.items():
            found = stormy[name]
            if found != ended:
                put_aside[f"put_aside_{found[1]}"] += 1
                if found[1] not in passing or (found[1] != "unreadable" and name not in touched):
                    raise AssertionError(f"{name}: {ended} in calm weather, {found} in bad")
        return put_aside

    def _check_all(self, now: Ended, touched: dict[int, str], calm: Ended) -> None:
        for number in range(OBJECTS):
            how, name = touched.get(number), f"{number:03}.jpg"
            wanted = calm[f"{(number + 1) % 4:03}.jpg"] if how == "other" else calm[name]
            if how != "gone" and now[name] != wanted:
                raise AssertionError(f"{name} ({how}) ended as {now[name]}, wanted {wanted}")

    def _forget(self) -> None:
        for name in ("evidence", "vectors"):
            shutil.rmtree(self._folder / name, ignore_errors=True)


def _jpeg(name: str) -> bytes:
    picture, out = Image.open(pictures_folder() / name).convert("RGB"), io.BytesIO()
    picture.thumbnail((320, 320))
    picture.save(out, "JPEG")
    return out.getvalue()


def _full_and_read_only() -> int:
    """Scan with the evidence on a disk that is full, then read-only, then in order; give how many bad ones it met."""
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        town = make_organisation(Path(folder) / "town", pictures_folder())
        disk = town.folder / "evidence"
        disk.mkdir()
        _run("mount", "-t", "tmpfs", "-o", "size=28k", "tmpfs", str(disk))
        try:
            for options, says in (("size=28k", "No space left"), ("size=60k", "No space left"), ("ro", "Read-only")):
                _run("mount", "-o", f"remount,{options}", str(disk))
                said = _scan(town.settings, wanted=1)
                if says not in said or "Traceback" in said:
                    raise AssertionError(said)
                bad += 1
            _run("mount", "-o", "remount,rw,size=50m", str(disk))
            _scan(town.settings, wanted=0)
        finally:
            _run("umount", str(disk))
    return bad


def _scan(settings: Path, wanted: int) -> str:
    words = [sys.executable, "-m", "plugins.cli", "scan", "-c", str(settings), "--as-of", "2026-10-20"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != wanted:
        raise AssertionError(f"exit code {done.returncode}, wanted {wanted}: {done.stderr}")
    return done.stderr


def _run(*words: str) -> None:
    subprocess.run(words, check=True)
