"""Measures, in one run and as medians and ratios: `make bench`, or `make bench ONLY=name[,name]`.

Each name is a file of this folder with a function ``measure``. Writes ``build/bench.json``: one object, a short name to
each figure of this run. Seconds are this machine's; the ratios are what carries over.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

NAMES = (
    "look",
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
    "consents",
    "judge",
    "workers",
)
OUT = Path("build/bench.json")


def main(words: Iterable[str]) -> None:
    only = [name for word in words for name in word.split(",") if name]
    if unknown := sorted(set(only) - set(NAMES)):
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}")
    figures: dict[str, float] = {}
    for name in only or NAMES:
        for figure, value in importlib.import_module(name.replace("-", "_")).measure().items():
            figures[figure] = float(f"{value:.4g}")
            print(f"{name:13} {figure:40} {figures[figure]:12g}", flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
