"""Writes a report as JSON, reads it back, and puts page and JSON file into a folder whole or not at all."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import Any

from pydantic import TypeAdapter

from plugins.evidence import Evidence
from plugins.reports.model import Report
from plugins.reports.page import to_html

HTML_NAME = "report.html"
JSON_NAME = "report.json"


def to_json(report: Report) -> str:
    """Give the report as one JSON object; days and times in ISO 8601, unknown values as null."""
    text = json.dumps(asdict(report), ensure_ascii=False, indent=2, allow_nan=False, default=_plain)
    # Half characters (from file names that are no text) become JSON's own escapes.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def from_json(text: str) -> Report:
    """Read a report back, so that a page can be drawn again without judging again.

    Raises:
        pydantic.ValidationError: the text is no report of this version.
    """
    return TypeAdapter(Report).validate_python(json.loads(text))


def write_reports(report: Report, folder: str, options: dict[str, Any] | None = None) -> dict[str, str]:
    """Write ``report.html`` and ``report.json`` into ``folder`` (any fsspec URL, made if absent).

    Returns:
        ``html`` and ``json`` to where they are.
    """
    files = Evidence(folder, options)
    files.publish(JSON_NAME, to_json(report).encode())
    files.publish(HTML_NAME, to_html(report).encode())
    base = folder.rstrip("/")
    return {"html": f"{base}/{HTML_NAME}", "json": f"{base}/{JSON_NAME}"}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "item"):  # a numpy scalar, from a column of the evidence
        return value.item()
    raise TypeError(f"a report holds a {type(value).__name__}; only numbers, texts, days and records can be written")
