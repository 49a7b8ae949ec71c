"""Reads a consent registry from a file on any fsspec URL: CSV, Parquet, JSON Lines or XLSX, told by its ending."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from itertools import islice
from pathlib import Path
from typing import Any

from plugins.settings import ConsentSettings
from plugins.stores.cell_columns import Cells
from plugins.stores.consent_rows import PAGE_ROWS, TIMES, Page, check_columns, mapping
from plugins.stores.credentials import storage
from plugins.stores.faults import say
from plugins.stores.json_fields import FieldsSeen
from plugins.stores.records import StoreProblem

Row = tuple[int, Sequence[Any] | None, str]
"""Its number, its values in the order of the mapping, and what is wrong with it as a whole (then there are none)."""

_ENDINGS = {
    (".parquet", ".pq"): "parquet",
    (".jsonl", ".ndjson"): "lines",
    (".xlsx", ".xlsm"): "sheet",
}


def file_pages(registry: ConsentSettings, timezone: tzinfo, base: Path) -> Iterator[Page]:
    """Read a file.

    Raises:
        StoreProblem: it cannot be read to its end.
    """
    import fsspec

    place, options = storage(registry.path, {}, None, registry.name, base)
    zones = dict.fromkeys(TIMES, timezone)
    try:
        with fsspec.open(place, "rb", **options.reveal()) as file:
            yield from _READERS[_kind_of(place)](registry, file, zones)
        return
    except StoreProblem:
        raise
    except Exception as error:  # the boundary of one registry: file systems raise what they like
        problem = StoreProblem(registry.name, say(error))
    raise problem


def row_pages(names: Sequence[str], rows: Iterable[Row], zones: dict[str, tzinfo]) -> Iterator[Page]:
    """Gather rows into pages."""
    rows = iter(rows)
    while chunk := list(islice(rows, PAGE_ROWS)):
        blank = (None,) * len(names)
        columns: list[Cells] = [list(cells) for cells in zip(*[row or blank for _, row, _ in chunk], strict=True)]
        flaws = {at: why for at, (_, _, why) in enumerate(chunk) if why}
        yield Page([number for number, _, _ in chunk], dict(zip(names, columns, strict=True)), zones, flaws)


def _kind_of(place: str) -> str:
    for endings, kind in _ENDINGS.items():
        if place.lower().endswith(endings):
            return kind
    return "csv"


def _parquet(registry: ConsentSettings, file: Any, zones: dict[str, tzinfo]) -> Iterator[Page]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = mapping(registry.columns)
    try:
        parquet = pq.ParquetFile(file)
    except pa.ArrowInvalid:
        raise StoreProblem(registry.name, "the file is not Parquet; correct `path` or write it again") from None
    check_columns(registry, parquet.schema_arrow.names)
    number = 1
    for batch in parquet.iter_batches(PAGE_ROWS, columns=list(dict.fromkeys(names.values()))):
        columns = {ours: batch[theirs] for ours, theirs in names.items()}
        yield Page(range(number, number + len(batch)), columns, zones, {})
        number += len(batch)


def _csv(registry: ConsentSettings, file: Any, zones: dict[str, tzinfo]) -> Iterator[Page]:
    names = mapping(registry.columns)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        first = text.readline()
        separator = max(",;\t|", key=first.count)
        header = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
        check_columns(registry, header)
        at = [header.index(theirs) for theirs in names.values()]
        yield from row_pages(list(names), _csv_rows(csv.reader(text, delimiter=separator), len(header), at), zones)
    except UnicodeDecodeError:
        raise StoreProblem(registry.name, "the file is not text in UTF-8; save it as CSV UTF-8") from None
    except csv.Error as error:
        raise StoreProblem(registry.name, f"the file is not CSV ({error}); write it again") from None


def _csv_rows(rows: Iterable[list[str]], fields: int, at: Sequence[int]) -> Iterator[Row]:
    for number, row in enumerate(rows, start=2):
        if len(row) == fields:
            yield number, [row[place] for place in at], ""
        elif row:
            yield number, None, f"has {len(row)} fields where the header has {fields}"


def _lines(registry: ConsentSettings, file: Any, zones: dict[str, tzinfo]) -> Iterator[Page]:
    names = mapping(registry.columns)
    seen = FieldsSeen(registry)
    try:
        yield from row_pages(list(names), _line_rows(file, seen), zones)
    except UnicodeDecodeError:
        raise StoreProblem(registry.name, "the file is not text in UTF-8; write it again") from None
    yield from seen.check()


def _line_rows(file: Any, seen: FieldsSeen) -> Iterator[Row]:
    for number, line in enumerate(io.TextIOWrapper(file, encoding="utf-8-sig"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        yield (number, *seen.read(record))


def _sheet(registry: ConsentSettings, file: Any, zones: dict[str, tzinfo]) -> Iterator[Page]:
    names = mapping(registry.columns)
    rows = _sheet_of(registry, file).iter_rows(values_only=True)
    header = [str(name).strip() if name is not None else "" for name in next(rows, ())]
    check_columns(registry, header)
    at = [header.index(theirs) for theirs in names.values()]
    yield from row_pages(list(names), _sheet_rows(rows, at), zones)


def _sheet_of(registry: ConsentSettings, file: Any) -> Any:
    import openpyxl

    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except Exception:  # whatever a broken archive makes of the reader
        raise StoreProblem(registry.name, "the file is not XLSX; correct `path` or save it again") from None
    if registry.sheet is None:
        return book.worksheets[0]
    if registry.sheet not in book.sheetnames:
        raise StoreProblem(registry.name, f"has no sheet `{registry.sheet}`; there are {', '.join(book.sheetnames)}")
    return book[registry.sheet]


def _sheet_rows(rows: Iterable[Sequence[Any]], at: Sequence[int]) -> Iterator[Row]:
    for number, row in enumerate(rows, start=2):
        values = [row[place] if place < len(row) else None for place in at]
        if any(value is not None for value in row):
            yield number, values, ""


_READERS = {"parquet": _parquet, "csv": _csv, "lines": _lines, "sheet": _sheet}
