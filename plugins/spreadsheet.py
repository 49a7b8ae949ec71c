"""Writes CSV that a spreadsheet shows as text: a cell that would run as a formula gets an apostrophe before it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

# A spreadsheet runs a cell that begins so as a formula (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(names: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Give a header and rows as CSV (RFC 4180)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def safe_cell(cell: object) -> object:
    """Give a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if str(cell).startswith(_FORMULA_STARTS) else cell
