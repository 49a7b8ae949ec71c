"""Reads whom the rows of a table are about, a column at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from expectations.columns import SUBJECTS
from plugins.settings import TableSettings
from plugins.stores.cell_columns import Cells, days, flags
from plugins.stores.table_rows import TableRows

if TYPE_CHECKING:
    import pyarrow as pa

_CLASSES = ("image", "template", "attribute")


def subject_batches(rows: TableRows, table: TableSettings) -> Iterator[pa.RecordBatch]:
    """Read a table in the schema of ``SUBJECTS``: a row for each row, person and kind of data.

    Raises:
        StoreProblem: it cannot be read to its end.
    """
    if table.person_id is None:
        return
    fields = {
        "person": rows.field(table, table.person_id),
        "image": _present(rows, table, (table.image_blob, table.image_path)),
        "template": _present(rows, table, (table.template,)),
        "stored_at": rows.time_field(table, table.stored_at),
        "last_interaction_at": rows.time_field(table, table.last_interaction_at),
        "born_on": rows.field(table, table.born_on),
        "minor": rows.field(table, table.minor),
    }
    for page in rows.pages(table, fields):
        yield from _subjects(rows, table, page.cells)


def merged(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Make one row of all rows of a person and kind of data in one table.

    The earliest ``stored_at`` counts, the latest interaction, the first date of birth; one row that says minor is
    enough.
    """
    import pyarrow as pa

    schema = SUBJECTS.arrow_schema()
    same = ["store", "table", "subject_ref", "data_class", "purpose"]
    ways = {"stored_at": "min", "last_interaction_at": "max", "minor": "any", "born_on": "first"}
    whole = pa.Table.from_batches(batches, schema)
    found = whole.group_by(same, use_threads=False).aggregate(list(ways.items()))
    return found.rename_columns([*same, *ways]).select(schema.names).cast(schema)


def _subjects(rows: TableRows, table: TableSettings, cells: Mapping[str, Cells]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.compute as pc

    refs = rows.refs(table, cells["person"])
    rows.note(table, f"{table.person_id} is missing", refs.null_count)
    known = {
        "subject_ref": refs,
        "stored_at": rows.times(table, table.stored_at, cells["stored_at"]),
        "last_interaction_at": rows.times(table, table.last_interaction_at, cells["last_interaction_at"]),
        "born_on": rows.noted(table, table.born_on, days(cells["born_on"])),
        "minor": rows.noted(table, table.minor, flags(cells["minor"])),
        "image": pc.fill_null(flags(cells["image"])[0], False),
        "template": pc.fill_null(flags(cells["template"])[0], False),
    }
    page = pa.RecordBatch.from_pydict(known).filter(refs.is_valid())
    held = {"image": page["image"], "template": page["template"]}
    held["attribute"] = pc.invert(pc.or_(page["image"], page["template"]))
    said = {"store": rows.settings.name, "table": table.table, "purpose": rows.settings.purpose}
    for data_class in _CLASSES:
        part = page.filter(held[data_class])
        if len(part):
            yield _whole(part, {**said, "data_class": data_class})


def _whole(part: pa.RecordBatch, said: Mapping[str, str]) -> pa.RecordBatch:
    """Add what is the same for all rows, in the order of the contract."""
    import pyarrow as pa

    schema = SUBJECTS.arrow_schema()
    arrays = [pa.repeat(said[name], len(part)) if name in said else part[name] for name in schema.names]
    return pa.RecordBatch.from_arrays(arrays, names=schema.names).cast(schema)


def _present(rows: TableRows, table: TableSettings, names: Iterable[str | None]) -> sa.ColumnElement[Any]:
    """Select 1 where one of some columns is filled; not every database can select a condition itself."""
    given = [rows.field(table, name).is_not(None) for name in names if name]
    no: sa.ColumnElement[Any] = sa.literal_column("0")
    return sa.case((sa.or_(*given), sa.literal_column("1")), else_=no) if given else no
