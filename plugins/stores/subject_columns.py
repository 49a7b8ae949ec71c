"""Reads whom the rows of a table are about, a column at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import TYPE_CHECKING

import sqlalchemy as sa

from expectations.columns import SUBJECTS
from plugins.settings import TableSettings
from plugins.stores.arrow_pages import keyset_pages
from plugins.stores.cell_columns import Cells, Flaws, days, flags, people, times
from plugins.stores.consent_rows import pseudonym_column
from plugins.stores.table_rows import TableRows

if TYPE_CHECKING:
    import pyarrow as pa

_CLASSES = ("image", "template", "attribute")


def subject_batches(rows: TableRows, table: TableSettings) -> Iterator[pa.RecordBatch]:
    """Read a table in the schema of ``SUBJECTS``: a row for each row, person and kind of data.

    Raises:
        StoreProblem: it cannot be read to its end.
    """
    fields = {
        "person": rows.field(table, table.person_id),
        "image": _present(rows, table, (table.image_blob, table.image_path)),
        "template": _present(rows, table, (table.template,)),
        "stored_at": rows.time_field(table, table.stored_at),
        "last_interaction_at": rows.time_field(table, table.last_interaction_at),
        "born_on": rows.field(table, table.born_on),
        "minor": rows.field(table, table.minor),
    }
    columns = [column.label(f"f_{name}") for name, column in fields.items()]
    for page in keyset_pages(rows.database, rows.view(table), columns, rows.where(table)):
        yield from _subjects(rows, table, dict(zip(fields, page, strict=True)))


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

    names = people(cells["person"])
    rows.note(table, f"{table.person_id} is missing", names.null_count)
    known = {
        "subject_ref": names,
        "stored_at": _times(rows, table, table.stored_at, cells["stored_at"]),
        "last_interaction_at": _times(rows, table, table.last_interaction_at, cells["last_interaction_at"]),
        "born_on": _noted(rows, table, table.born_on, days(cells["born_on"])),
        "minor": _noted(rows, table, table.minor, flags(cells["minor"])),
        "image": pc.fill_null(flags(cells["image"])[0], False),
        "template": pc.fill_null(flags(cells["template"])[0], False),
    }
    page = pa.RecordBatch.from_pydict(known).filter(names.is_valid())
    refs = pseudonym_column(page["subject_ref"], table.id_namespace, rows.keyring)
    page = page.set_column(page.schema.get_field_index("subject_ref"), "subject_ref", refs)
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


def _times(rows: TableRows, table: TableSettings, column: str | None, cells: Cells) -> pa.Array:
    zone = UTC if column in rows.view(table).utc_columns else rows.timezone
    return _noted(rows, table, column, times(cells, zone))


def _noted(rows: TableRows, table: TableSettings, column: str | None, read: tuple[pa.Array, Flaws]) -> pa.Array:
    """Count the cells of a column that could not be read; they are read as none."""
    for why, count in Counter(read[1].values()).items():
        rows.note(table, f"{column} {why}", count)
    return read[0]


def _present(rows: TableRows, table: TableSettings, names: Iterable[str | None]) -> sa.ColumnElement[bool]:
    given = [rows.field(table, name).is_not(None) for name in names if name]
    return sa.or_(*given) if given else sa.false()
