"""Torture: long campaigns of faults, run by hand: `make torture`, or `make torture ONLY=name[,name]`.

Each name is a file of this folder with a function ``torture`` that gives figures, and raises when what must not
happen has happened. Writes ``build/torture.json``.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

NAMES = ("fuzz", "kill", "stores", "cluster")
OUT = Path("build/torture.json")


def main(words: Iterable[str]) -> None:
    only = [name for word in words for name in word.split(",") if name]
    if unknown := sorted(set(only) - set(NAMES)):
        sys.exit(f"no torture {', '.join(unknown)}; there are {', '.join(NAMES)}")
    OUT.parent.mkdir(exist_ok=True)
    figures: dict[str, float] = {}
    for name in only or NAMES:
        for figure, value in importlib.import_module(name).torture().items():
            figures[figure] = value
            print(f"{name:7} {figure:40} {value:12g}", flush=True)
        OUT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
