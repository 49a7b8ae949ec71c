"""Kill -9 at random moments: whatever is killed, the run that is allowed to end says what an undisturbed one says.

A scan without a scheduler is started and killed, again and again, and then left alone; its facts and findings are
held against those of a scan that nobody disturbed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

KILLS = int(os.environ.get("FACEWARDEN_TORTURE_KILLS", "200"))
DAY = "2026-10-20"


def torture() -> dict[str, float]:
    """Kill as often as asked, in rounds that each end with a run left alone."""
    from detectors.pictures import pictures_folder
    from tests.organisation import make_organisation

    rng, kills, rounds = np.random.default_rng(0), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = make_organisation(Path(folder) / "calm", pictures_folder())
        started = time.monotonic()
        _scan(undisturbed.settings, None)
        alone = time.monotonic() - started
        truth = _facts(undisturbed.folder)
        while kills < KILLS:
            rounds += 1
            town = make_organisation(Path(folder) / f"r{rounds}", pictures_folder())
            for _ in range(min(10, KILLS - kills)):
                _scan(town.settings, float(rng.uniform(0.2, 1.1) * alone))
                kills += 1
            _scan(town.settings, None)
            found = _facts(town.folder)
            if found != truth:
                raise AssertionError(f"round {rounds} differs: {[k for k in truth if truth[k] != found[k]]}")
    return {"kill_kills": float(kills), "kill_rounds": float(rounds)}


def _scan(settings: Path, kill_after: float | None) -> None:
    words = [sys.executable, "-m", "plugins.cli", "scan", "-c", str(settings), "--as-of", DAY, "--format", "json"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(kill_after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _facts(folder: Path) -> dict[str, Any]:
    """Give what the last report and the evidence say, without what names the run or the time."""
    from plugins.evidence import Evidence

    evidence = Evidence(str(folder / "evidence"))
    objects = evidence.objects()
    faces = evidence.faces(objects)
    findings = evidence.read("findings")
    last = evidence.commits()[-1]
    report = json.loads(evidence.read_bytes(f"reports/{last.run_id}.json"))
    # The address of a database row holds its encrypted key, which is another one in every organisation.
    names = objects["uri"].map(lambda uri: "row" if uri.startswith("row:") else Path(uri).name)
    return {
        "objects": sorted(zip(names, objects["status"], objects["faces"], strict=True)),
        "faces": len(faces),
        "findings": sorted(findings["rule"].value_counts().items()),
        "people": {k: report["people"][k] for k in ("low", "best", "high", "verdict")},
        "rows": len(evidence.read("objects")),
    }
