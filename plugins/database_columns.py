"""Reads what the columns of the run's databases hold into the evidence, and which of them the settings declare."""

from __future__ import annotations

import pyarrow as pa

from detectors.column_facts import FACIAL, UNDECIDED_BELOW
from expectations.columns import COLUMNS
from plugins.discover import Finding, discover, target_of
from plugins.run import Run
from plugins.settings import DatabaseSettings, TableSettings


def database_columns(run: Run, database: DatabaseSettings) -> tuple[pa.Table, list[str]]:
    """Classify every column of a database, unless its settings say ``discover: false``.

    Returns:
        The rows of the evidence table ``columns``, none where it is not discovered or could not be opened; and what
        went wrong, a line each.
    """
    schema = COLUMNS.arrow_schema()
    if not database.discover:
        return schema.empty_table(), []
    outcome = discover([target_of(database, run.settings)], lambda n: lambda k: None, lambda line: None)
    declared = {place for table in database.tables for place in _places(table)}
    rows = [_row(database.name, found, declared) for found in outcome.findings]
    return pa.Table.from_pylist(rows, schema), outcome.problems


def _row(store: str, found: Finding, declared: set[tuple[str, str]]) -> dict[str, object]:
    named = {(found.table, found.column), (f"{found.schema}.{found.table}", found.column)}
    return {
        "store": store,
        "table": f"{found.schema}.{found.table}" if found.schema not in {"", "main"} else found.table,
        "column": found.column,
        "holds": str(found.found),
        "confidence": found.confidence,
        "sure": found.confidence >= UNDECIDED_BELOW,
        "because": found.because,
        "facial": found.found in FACIAL,
        "declared": not named.isdisjoint(declared),
    }


def _places(table: TableSettings) -> list[tuple[str, str]]:
    return [(table.table, name) for name in (table.image_blob, table.image_path, table.template) if name]
