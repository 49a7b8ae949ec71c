"""docs/scale.md: its table is the one that its unit costs give."""

from __future__ import annotations

from pathlib import Path

from tests import scale_costs as costs

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_the_table_is_what_the_unit_costs_of_the_page_give() -> None:
    assert costs.written(PAGE) == PAGE, "run `.venv/bin/python tests/scale_costs.py --write`"


def test_the_costs_are_those_of_the_formulas() -> None:
    one = dict.fromkeys(costs.units(PAGE), 0.0) | {
        "look_seconds": 0.36,
        "list_seconds": 36.0,
        "core_hour_price": 2.0,
        "list_price": 0.005,
        "get_price": 0.0004,
        "changed_share": 0.1,
        "known_bytes": 60.0,
        "chunk_objects": 300.0,
    }
    found = costs.rows(one, 1e6)
    assert found["first scan, core-hours"] == "100"  # 100 for looking, 0.01 for listing
    assert found["... money for cores"] == "200"
    assert found["... money for requests"] == "0.41"  # 0.005 for 1,000 LIST, 0.4 for a million GET
    assert found["a later night, core-hours"] == "10"
    assert found["... in memory, GB"] == "0.06"


def test_a_changed_price_changes_the_table() -> None:
    dearer = PAGE.replace("| `core_hour_price` | **0.04**", "| `core_hour_price` | **0.4**")
    assert dearer != PAGE
    assert costs.written(dearer) not in {dearer, PAGE}
