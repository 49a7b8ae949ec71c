"""Measures, in one run and as medians and ratios: `make bench`, or `make bench ONLY=name[,name]`.

Each name is a file of this folder with a function ``measure``. Writes ``build/bench.json`` after each: one object, a
short name to each figure of this run. Where a figure is to be something, it says whether that is met. Seconds are this
machine's; the ratios are what carries over.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

NAMES = (
    "look",
    "finding",
    "whole",
    "deepface",
    "film",
    "stillness",
    "encode",
    "night",
    "memory",
    "people",
    "worse",
    "few",
    "scale",
    "until-verdict",
    "matching",
    "discover",
    "tables",
    "listing",
    "kept",
    "consents",
    "judge",
    "workers",
)
OUT = Path("build/bench.json")
# What the figures are to be at most, and at least.
MOST = {
    "scan_12mp_over_decoding_in_full": 1.0,
    "scan_1080p_over_decoding_in_full": 3.0,
    "finding_animals_false_per_1000": 2.0,
    "finding_offices_false_per_1000": 0.0,
    "stillness_faces_missed": 0.0,
    "night_unchanged_over_first": 0.01,
    "night_hundredth_changed_over_first": 0.03,
    "listing_folder_seconds": 120.0,
    "listing_folder_gib": 1.0,
    "listing_s3_seconds": 120.0,
    "listing_s3_gib": 1.0,
    "listing_csv_seconds": 120.0,
    "listing_csv_gib": 1.0,
    "listing_orc_seconds": 120.0,
    "listing_orc_gib": 1.0,
    "listing_parquet_seconds": 120.0,
    "listing_parquet_gib": 1.0,
    "memory_peak_gib": 1.2,
    "workers_overhead_share": 0.05,
}
LEAST = {
    "face_recognition_1080p_over_scan": 15.0,
    "finding_boxes_recall": 0.95,
    "finding_counted_recall": 0.95,
    "workers_one_over_two": 1.8,
}


def main(words: Iterable[str]) -> None:
    only = [name for word in words for name in word.split(",") if name]
    if unknown := sorted(set(only) - set(NAMES)):
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    OUT.parent.mkdir(exist_ok=True)
    figures: dict[str, float] = {}
    for name in only or NAMES:
        for figure, value in importlib.import_module(name.replace("-", "_")).measure().items():
            figures[figure] = float(f"{value:.4g}")
            print(
                f"{name:13} {figure:40} {figures[figure]:12g}  {verdict(figure, figures[figure])}".rstrip(), flush=True
            )
        OUT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def verdict(figure: str, value: float) -> str:
    """Say whether a figure is what it is to be; nothing of a figure that is to be nothing."""
    if figure in MOST:
        return f"at most {MOST[figure]:g}: {'met' if value <= MOST[figure] else 'MISSED'}"
    if figure in LEAST:
        return f"at least {LEAST[figure]:g}: {'met' if value >= LEAST[figure] else 'MISSED'}"
    return ""


if __name__ == "__main__":
    main(sys.argv[1:])
