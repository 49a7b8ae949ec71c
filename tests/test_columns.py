"""The evidence contract and its page say the same."""

from __future__ import annotations

from pathlib import Path

from expectations.columns import TABLES, columns_page


def test_the_page_of_columns_is_the_one_that_the_code_prints() -> None:
    page = Path(__file__).resolve().parent.parent / "docs" / "evidence.md"
    assert page.read_text(encoding="utf-8") == columns_page()


def test_the_tables_of_the_design_are_there() -> None:
    judged = {"findings", "closed", "safeguards", "runs"}
    assert set(TABLES) == {"objects", "faces", "subjects", "consents", "census", "columns"} | judged
