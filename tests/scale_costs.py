"""Works out what docs/scale.md says of 100 million and 10 billion objects from the unit costs that stand in it.

    .venv/bin/python tests/scale_costs.py            prints the table
    .venv/bin/python tests/scale_costs.py --write    writes it into the page

Change a figure of the page, a price or an assumption, and write again; a test holds page and table together.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- worked out by tests/scale_costs.py -->\n", "<!-- end -->"
SIZES = {"100 million": 1e8, "10 billion": 1e10}
SECONDS_A_NIGHT = 8 * 3600.0
Units = dict[str, float]


def units(page: str) -> Units:
    """Read the first two columns of the rows whose second one is a number in bold."""
    found = re.findall(r"^\| `?([a-z_]+)`? \| \*\*([\d.,]+)\*\* \|", page, flags=re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in found}


def rows(one: Units, objects: float) -> dict[str, str]:
    """Give what so many objects take, by what it is."""
    look_hours = objects * one["look_seconds"] * (1 + one["overhead_share"]) / 3600
    list_hours = objects / 1e6 * one["list_seconds"] / 3600
    list_cost = objects / 1000 * one["list_price"] / 1000
    night_hours = list_hours + one["changed_share"] * look_hours
    requests = list_cost + objects * one["get_price"] / 1000
    faces = objects * one["faces_an_object"]
    kept = objects * one["object_bytes"] + faces * one["face_bytes"]
    return {
        "first scan, core-hours": _number(look_hours + list_hours),
        "... on so many cores in one night of 8 hours": _number(look_hours * 3600 / SECONDS_A_NIGHT),
        "... money for cores": _number((look_hours + list_hours) * one["core_hour_price"]),
        "... money for requests": _number(requests),
        "one process lists and compares for, hours": _number(list_hours),
        "... in memory, GB": _number(objects * one["known_bytes"] / 1e9),
        "a later night, core-hours": _number(night_hours),
        "... money for cores and listing": _number(night_hours * one["core_hour_price"] + list_cost),
        "faces": _number(faces),
        "evidence and sealed vectors, GB": _number(kept / 1e9),
        "... money a month": _number(kept / 1e9 * one["storage_price"]),
        "chunks of the first scan": _number(objects / one["chunk_objects"]),
    }


def table(page: str) -> str:
    """Give the table of the page, from the unit costs of the page."""
    columns = [rows(units(page), objects) for objects in SIZES.values()]
    lines = ["| what | " + " | ".join(SIZES) + " |", "|---|" + "---|" * len(SIZES)]
    lines += [f"| {what} | " + " | ".join(column[what] for column in columns) + " |" for what in columns[0]]
    return "\n".join(lines) + "\n"


def written(page: str) -> str:
    """Give the page with its table worked out anew."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}{table(page)}{END}{rest.split(END, 1)[1]}"


def _number(value: float) -> str:
    """Write two digits that count, and no more than can be read."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    if "--write" in sys.argv:
        PAGE.write_text(written(text), encoding="utf-8")
    else:
        print(table(text), end="")
