"""A first night over the town and an unchanged second one, without a scheduler."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

from measuring import Figures

from detectors.pictures import pictures_folder
from plugins import nightly
from plugins.demo.town import build_town
from plugins.request import RunRequest


def measure() -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        town = build_town(Path(folder) / "town", pictures_folder())
        times = []
        for run in ("first", "second"):
            start = time.perf_counter()
            request = RunRequest(str(town.settings), run, date(2026, 10, 20))
            nightly.scan(request, lambda: datetime.now(UTC), lambda n: lambda k: None)
            times.append(time.perf_counter() - start)
    return {"first_night_seconds": times[0], "second_night_seconds": times[1], "second_over_first": times[1] / times[0]}
