"""Kill -9 at random moments: whatever is killed, the run that is allowed to end says what an undisturbed one says.

A night without a scheduler is killed in three ways, in turn: the process that looks at objects, the whole process
group, and the writer just before or after one of its renames. Each round ends with a night that is left alone; its
objects, faces, findings, head-count and report are then held against the undisturbed night's, row by row, and no look
at more objects than one chunk for each process was lost by any one kill.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import launcher
import numpy as np
import pandas as pd
import yaml

KILLS = int(os.environ.get("FACEWARDEN_TORTURE_KILLS", "200"))
A_ROUND = 12
CHUNK, WORKERS = 2, 2
WAYS = ("looker", "group", "writer")
SAID = ("coverage", "people", "filing", "findings", "consent", "retention", "stores", "quarantine")


def torture() -> dict[str, float]:
    """Kill as often as asked, in rounds that each end with a night left alone."""
    with tempfile.TemporaryDirectory() as folder:
        town = _Town(Path(folder))
        started = time.monotonic()
        while town.kills.total() < KILLS:
            town.round(min(A_ROUND, KILLS - town.kills.total()))
        return {
            "kill_kills": float(town.kills.total()),
            **{f"kill_of_{way}": float(town.kills[way]) for way in WAYS},
            "kill_rounds": float(town.rounds),
            "kill_most_looks_lost_by_one": float(town.most_lost),
            "kill_most_sealed_files_left": float(town.most_unnamed),
            "kill_seconds": time.monotonic() - started,
        }


class _Town:
    """A small organisation, scanned again and again: what a night has made is thrown away after each round."""

    def __init__(self, folder: Path) -> None:
        from detectors.pictures import pictures_folder
        from tests.organisation import make_organisation

        self._town = make_organisation(folder / "town", pictures_folder())
        settings = yaml.safe_load(self._town.settings.read_text(encoding="utf-8"))
        settings["scan"] |= {"chunk_objects": CHUNK, "workers": WORKERS}
        self._town.settings.write_text(yaml.safe_dump(settings), encoding="utf-8")
        self._looks = folder / "looks"
        self._rng = np.random.default_rng(0)
        self.kills, self.rounds, self.most_lost, self.most_unnamed = Counter[str](), 0, 0, 0
        self._ended(self._start())
        self._truth = self._facts()
        _load(self._looks.with_name("modules"))
        self._forget()
        started = time.monotonic()
        self._ended(self._start())
        self._seconds = time.monotonic() - started
        self._check()
        self._writes = int(self._looks.with_name("writes").read_text())

    def round(self, times: int) -> None:
        """Kill nights until one has ended all the same, or so many are killed and one is left alone."""
        for _ in range(times):
            way = WAYS[int(self._rng.integers(len(WAYS)))]
            before = self._looked()
            self.kills[way] += getattr(self, f"_kill_{way}")()
            self._check_lost(before)
            if self._is_committed():
                break
        else:
            before = self._looked()
            self._ended(self._start())
            self._check_lost(before)
        self.rounds += 1
        self._check()
        print(f"round {self.rounds}: {self.kills.total()} kills so far", file=sys.stderr, flush=True)

    def _check(self) -> None:
        found = self._facts()
        for name, frame in self._truth.items():
            if isinstance(frame, pd.DataFrame):
                pd.testing.assert_frame_equal(frame, found[name], obj=f"round {self.rounds}: {name}")
            elif frame != found[name]:
                raise AssertionError(f"round {self.rounds}: {name} differs: {frame} {found[name]}")
        self._forget()

    def _check_lost(self, before: Counter[str]) -> None:
        """Count the looks at objects that were begun before, since then."""
        looks = sum(times - (uri not in before) for uri, times in (self._looked() - before).items())
        self.most_lost = max(self.most_lost, looks)
        if looks > CHUNK * WORKERS:
            raise AssertionError(f"{looks} objects were looked at again after one kill")

    def _is_committed(self) -> bool:
        return any((self._town.folder / "evidence" / "commits").glob("*.json"))

    # -- the three ways: each says how many kills it was ------------------------------------------------------------

    def _kill_group(self) -> int:
        night = self._start()
        until = time.monotonic() + float(self._rng.uniform(0.1, 1.0) * self._seconds)
        while night.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        if night.poll() is None:
            os.killpg(night.pid, signal.SIGKILL)
        return int(night.wait() != 0)

    def _kill_writer(self) -> int:
        at, moment = int(self._rng.integers(1, self._writes)), str(self._rng.choice(["before", "after"]))
        return int(self._start(str(at), moment).wait() != 0)

    def _kill_looker(self) -> int:
        """Kill each of the first processes that look, at random moments; the night goes on to its end.

        Not their successors: an object at which two processes died is put aside, as it must be.
        """
        night, victims, kills = self._start(), list[int](), 0
        while night.poll() is None and len(victims) < WORKERS:
            victims = _children(night.pid)
            time.sleep(0.01)
        for victim in victims:
            time.sleep(float(self._rng.uniform(0, 0.3) * self._seconds))
            if victim in _children(night.pid):
                os.kill(victim, signal.SIGKILL)
                kills += 1
        self._ended(night)
        return kills

    # -- one night -----------------------------------------------------------------------------------------------------

    def _start(self, *words: str) -> _Night:
        return _Night(str(self._town.settings), str(self._looks), *words)

    def _ended(self, night: _Night) -> None:
        if night.wait():
            said = self._looks.with_name("said").read_text()
            raise AssertionError(f"a night that was left alone failed: {said[-2000:]}")

    def _looked(self) -> Counter[str]:
        """Give how often each object was begun in this round."""
        if not self._looks.exists():
            return Counter()
        return Counter(line.split(" ", 1)[1] for line in self._looks.read_text().splitlines() if " " in line)

    def _forget(self) -> None:
        self._looks.unlink(missing_ok=True)
        for name in ("evidence", "vectors", "reports"):
            shutil.rmtree(self._town.folder / name, ignore_errors=True)

    def _facts(self) -> dict[str, Any]:
        """Give what the night says, without what names files."""
        from plugins.evidence import Evidence
        from tests.test_night import facts

        evidence = Evidence(str(self._town.folder / "evidence"))
        [commit] = evidence.commits()  # a night that counts is over
        report = json.loads(evidence.read_bytes(f"reports/{commit.run_id}.json"))
        sealed = {path.name.split("_", 1)[1] for path in (self._town.folder / "vectors" / "sealed").iterdir()}
        named = set(evidence.objects()["file"])
        # What was sealed and not yet named when a night was killed after its commit goes with the next night.
        self.most_unnamed = max(self.most_unnamed, len(sealed - named))
        rows = {"rows": len(evidence.read("objects")), "vectors": len(sealed & named)}
        return {**facts(self._town), **rows, **{part: report[part] for part in SAID}}


class _Night:
    """A night in a fork of this process, which has loaded what it needs: loading would take most of its time."""

    def __init__(self, *words: str) -> None:
        self.pid, self._status = os.fork(), None
        if not self.pid:
            self._run(words)

    def _run(self, words: tuple[str, ...]) -> None:
        status = 1
        try:
            os.setsid()
            said = os.open(str(Path(words[1]).with_name("said")), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            launcher.main(*words)
            status = 0
        except Exception:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)

    def poll(self) -> int | None:
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status

    def wait(self) -> int:
        while (status := self.poll()) is None:
            time.sleep(0.01)
        return status


def _load(names: Path) -> None:
    """Load the modules that a night has loaded."""
    for name in names.read_text().split():
        with suppress(Exception):
            importlib.import_module(name)


def _children(parent: int) -> list[int]:
    """Give the processes that look, as the system knows them."""
    try:
        tasks = list(Path(f"/proc/{parent}/task").iterdir())
        named = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
        return [pid for pid in named if b"plugins.child" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    except OSError:
        return []
