"""Reads consent registries, from tables and from CSV or Parquet files, into one table; bad rows are set aside."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.columns import CONSENTS
from plugins.keys import Keyring
from plugins.settings import ConsentColumns, ConsentSettings
from plugins.settings_file import nearest
from plugins.stores.cells import to_flag, to_person, to_utc
from plugins.stores.credentials import storage
from plugins.stores.database import Database
from plugins.stores.objects import say
from plugins.stores.records import StoreProblem

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 2000
_GUARDIAN = "guardian"
_TIMES = ("granted_at", "withdrawn_at", "expires_at")


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One row of a registry that is not believed; the reason never holds a value of it.

    ``row_number`` counts as a spreadsheet shows a CSV file (the header is row 1); in a Parquet file or a database
    table, in the order of its primary key, the first row is 1.
    """

    source: str
    row_number: int
    reason: str


# A row as it comes: its number, its values by our names, and the zone of its times that have none.
_Raw = tuple[int, dict[str, Any], dict[str, tzinfo]]


def read_consents(
    registries: Sequence[ConsentSettings], keyring: Keyring, timezone: tzinfo, base: Path
) -> tuple[pa.Table, list[RowProblem]]:
    """Read all consent registries.

    Args:
        registries: what the settings file says of them.
        keyring: makes ids of people into pseudonyms.
        timezone: clock of times without a zone.
        base: folder of the settings file.

    Returns:
        The consents in the schema of ``CONSENTS``, and the rows that were set aside.

    Raises:
        StoreProblem: a registry cannot be read to its end. There is no half answer: a consent that was not read would
            make a lawful record look groundless.
    """
    import pyarrow as pa

    schema = CONSENTS.arrow_schema()
    batches: list[pa.RecordBatch] = []
    problems: list[RowProblem] = []
    for registry in registries:
        consents = _believed(registry, _rows_of(registry, timezone, base), keyring, problems)
        for chunk in _chunks(consents):
            batches.append(pa.RecordBatch.from_pylist(chunk, schema=schema))
    return pa.Table.from_batches(batches, schema=schema), problems


def _believed(
    registry: ConsentSettings, rows: Iterable[_Raw], keyring: Keyring, problems: list[RowProblem]
) -> Iterator[dict[str, Any]]:
    for number, values, zones in rows:
        try:
            yield _consent(registry, values, zones, keyring)
        except ValueError as error:
            problems.append(RowProblem(registry.name, number, str(error)))


def _consent(
    registry: ConsentSettings, values: dict[str, Any], zones: dict[str, tzinfo], keyring: Keyring
) -> dict[str, Any]:
    """Turn one row into a consent.

    Raises:
        ValueError: which column is wrong and how, without its value.
    """
    if extra := values.get("row"):
        raise ValueError(extra)
    person, purpose, kind = (to_person(values[name]) for name in ("subject", "purpose", "kind"))
    for name, text in (("subject", person), ("purpose", purpose), ("kind", kind)):
        if text is None:
            raise ValueError(f"{name} is missing")
    found: dict[str, Any] = {
        "subject_ref": keyring.pseudonym(registry.id_namespace, person),
        "purpose": purpose,
        "kind": str(kind).lower(),
    }
    for name in _TIMES:
        try:
            found[name] = to_utc(values.get(name), zones[name])
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    try:
        said = to_flag(values.get("guardian"))
    except ValueError as error:
        raise ValueError(f"guardian {error}") from None
    return {**found, "guardian": found["kind"] == _GUARDIAN if said is None else said}


def _rows_of(registry: ConsentSettings, timezone: tzinfo, base: Path) -> Iterator[_Raw]:
    if registry.path is None:
        return _from_database(registry, timezone, base)
    return _from_file(registry, timezone, base)


def _mapping(columns: ConsentColumns) -> dict[str, str]:
    """Give our name and theirs for each column that the settings name."""
    return {name: str(column) for name, column in columns if column}


# -- databases ---------------------------------------------------------------------------------------------------------


def _from_database(registry: ConsentSettings, timezone: tzinfo, base: Path) -> Iterator[_Raw]:
    names, where, table = _mapping(registry.columns), registry.name, str(registry.table)
    database = Database(registry.url, registry.conn_id, where, base)
    view = database.view(table, list(names.values()))
    columns = [
        (database.as_text(view.column(theirs)) if ours in _TIMES else view.column(theirs)).label(f"f_{ours}")
        for ours, theirs in names.items()
    ]
    zones = {name: UTC if names.get(name) in view.utc_columns else timezone for name in _TIMES}
    for number, row in enumerate(database.stream(view, columns, f"{where}/{table}"), start=1):
        yield number, dict(zip(names, row, strict=True)), zones


# -- files -------------------------------------------------------------------------------------------------------------


def _from_file(registry: ConsentSettings, timezone: tzinfo, base: Path) -> Iterator[_Raw]:
    import fsspec

    place, options = storage(registry.path, {}, None, registry.name, base)
    reader = _from_parquet if place.lower().endswith((".parquet", ".pq")) else _from_csv
    zones = dict.fromkeys(_TIMES, timezone)
    try:
        with fsspec.open(place, "rb", **options.reveal()) as file:
            for number, values in reader(registry, file):
                yield number, values, zones
        return
    except StoreProblem:
        raise
    except Exception as error:  # the boundary of one registry: file systems raise what they like
        problem = StoreProblem(registry.name, say(error))
    raise problem


def _from_parquet(registry: ConsentSettings, file: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = _mapping(registry.columns)
    try:
        parquet = pq.ParquetFile(file)
    except pa.ArrowInvalid:
        raise StoreProblem(registry.name, "the file is not Parquet; correct `path` or write it again") from None
    _check(registry, names, parquet.schema_arrow.names)
    number = 0
    for batch in parquet.iter_batches(_BATCH_ROWS, columns=list(dict.fromkeys(names.values()))):
        for row in batch.to_pylist():
            number += 1
            yield number, {ours: row[theirs] for ours, theirs in names.items()}


def _from_csv(registry: ConsentSettings, file: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    names = _mapping(registry.columns)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        first = text.readline()
        separator = max(",;\t|", key=first.count)
        header = next(csv.reader([first], delimiter=separator), [])
        header = [name.strip() for name in header]
        _check(registry, names, header)
        for number, row in enumerate(csv.reader(text, delimiter=separator), start=2):
            if not row:
                continue
            if len(row) != len(header):
                yield number, {"row": f"has {len(row)} fields where the header has {len(header)}"}
                continue
            yield number, {ours: row[header.index(theirs)] for ours, theirs in names.items()}
    except UnicodeDecodeError:
        raise StoreProblem(registry.name, "the file is not text in UTF-8; save it as CSV UTF-8") from None
    except csv.Error as error:
        raise StoreProblem(registry.name, f"the file is not CSV ({error}); write it again") from None


def _check(registry: ConsentSettings, names: dict[str, str], known: Sequence[str]) -> None:
    for ours, theirs in names.items():
        if theirs not in known:
            raise StoreProblem(
                registry.name, f"has no column `{theirs}`, which `columns.{ours}` names{nearest(theirs, known)}"
            )


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(rows, _BATCH_ROWS)):
        yield chunk
