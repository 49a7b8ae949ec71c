"""Reads what the databases hold and the consent registries into the evidence, when it changed since last time."""

from __future__ import annotations

import hashlib
import logging
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from expectations.columns import SAFEGUARDS, SUBJECTS
from plugins.database_columns import database_columns
from plugins.evidence import Fragment
from plugins.guarding import guards_of
from plugins.run import Run
from plugins.settings import DatabaseSettings
from plugins.stores.consents import read_consents
from plugins.stores.records import StoreProblem

log = logging.getLogger(__name__)

_ALL = "all"
ADULT_AGE = 18  # United Nations Convention on the Rights of the Child, Art. 1


def read_registers(run: Run) -> Fragment:
    """Read subjects and columns of every database of the run, how every store is guarded, and all consents.

    Publishes them and gives them as a fragment.

    What is the same as at the last commit is not written again: the digest of the content is the file's name. A
    database that could not be read in full keeps its last known records; the note ``register_problems`` says so. The
    note ``tallies`` has what each table holds, the note ``discovery_problems`` what discovery could not read.
    """
    made, problems = Fragment(), dict[str, str]()
    tallies, unseen = dict[str, list[dict[str, Any]]](), dict[str, list[str]]()
    for database in run.settings.databases:
        table, failed = _subjects(run, database)
        if failed:
            log.warning("database %s was not read in full; its last known records stand", database.name)
        if not failed or not run.evidence.latest("subjects", database.name):
            made += _kept(run, "subjects", database.name, table)
        counted, uncounted = _tallies(run, database)
        if counted or not uncounted:
            tallies[database.name] = counted
        columns, unseen[database.name] = database_columns(run, database)
        if len(columns) or not database.discover:
            made += _kept(run, "columns", database.name, columns)
        if failed or uncounted:
            problems[database.name] = "; ".join(sorted({*failed, *uncounted}))
    for name, guards in guards_of(run).items():
        schema = SAFEGUARDS.arrow_schema()
        made += _kept(run, "safeguards", name, pa.Table.from_pandas(guards, schema, preserve_index=False))
    consents, refused = read_consents(
        run.settings.consents, run.keyring, run.settings.controller.zone, run.settings.folder
    )
    made += _kept(run, "consents", _ALL, consents)
    made.notes["register_problems"] = problems
    made.notes["tallies"] = tallies
    made.notes["discovery_problems"] = unseen
    made.notes["consent_rows_refused"] = [[r.source, r.row_number, r.reason] for r in refused]
    run.evidence.save_fragment(f"{run.folder}/registers.json", made)
    return made


def _subjects(run: Run, database: DatabaseSettings) -> tuple[pa.Table, list[str]]:
    schema = SUBJECTS.arrow_schema()
    try:
        store = run.database(database)
        table = pa.Table.from_batches(list(store.subjects()), schema)
        return _with_minors(table, run.request.as_of), [problem.why for problem in store.problems]
    except StoreProblem as problem:
        return schema.empty_table(), [problem.why]


def _tallies(run: Run, database: DatabaseSettings) -> tuple[list[dict[str, Any]], list[str]]:
    try:
        store = run.database(database)
        return [tally.as_dict() for tally in store.tallies()], [problem.why for problem in store.problems]
    except StoreProblem as problem:
        return [], [problem.why]


def _with_minors(table: pa.Table, as_of: date) -> pa.Table:
    """Fill ``minor``: as the row says, or under 18 on the day of the scan by the date of birth."""
    last_day = 28 if (as_of.month, as_of.day) == (2, 29) else as_of.day
    grown_up = pa.scalar(date(as_of.year - ADULT_AGE, as_of.month, last_day), pa.date32())
    by_birth = pc.greater(table["born_on"], grown_up)
    return table.set_column(table.schema.get_field_index("minor"), "minor", pc.coalesce(table["minor"], by_birth))


def _kept(run: Run, name: str, store: str, table: pa.Table) -> Fragment:
    """Write a table unless the last commit has the very same."""
    table = table.sort_by([(column, "ascending") for column in table.column_names])
    digest = _digest(table)
    if any(path.endswith(f"/{digest}.parquet") for path in run.evidence.latest(name, store)):
        return Fragment()
    return Fragment({name: [run.evidence.write_table(name, table, store, run.request.as_of, digest)]})


def _digest(table: pa.Table) -> str:
    """Hash the content of a sorted table, BLAKE2b, 16 hex digits."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.blake2b(sink.getvalue(), digest_size=8).hexdigest()
