"""Counts what a table holds by SQL, where the table is: rows, pictures, templates, and different people by id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from plugins.settings import TableSettings
from plugins.stores.dialects import person_of
from plugins.stores.table_rows import TableRows

# The make of templates that the encoder of the settings made; those of any other are foreign.
OWN = "own"


@dataclass(frozen=True, slots=True)
class Tally:
    """What one table holds at one moment, as the database counts it.

    Attributes:
        table: its name in the settings.
        rows: all of them.
        people: different ids of people (``COUNT(DISTINCT)``), None when the table has none.
        pictures: rows that hold or name a picture.
        templates: rows with a template.
        template_people: different ids among them, None when the table has none.
        nameless: rows with a template that is filed under nobody.
        encoder: the make of the templates; None without templates.
    """

    table: str
    rows: int
    people: int | None
    pictures: int
    templates: int
    template_people: int | None
    nameless: int
    encoder: str | None

    @property
    def is_foreign(self) -> bool:
        """Say whether its templates are of another make, not to be compared with faces."""
        return self.encoder not in (None, OWN)

    def as_dict(self) -> dict[str, Any]:
        """Give it for a note of the evidence: counts alone."""
        return asdict(self)


def tally_of(rows: TableRows, table: TableSettings) -> Iterator[Tally]:
    """Count one table.

    Raises:
        StoreProblem: it cannot be counted.
    """
    statement = tally_statement(rows, table)
    found = rows.database.attempt(lambda connection: connection.execute(statement).one(), rows.where(table))
    counts = [int(n or 0) for n in found]
    named = table.person_id is not None
    yield Tally(
        table=table.table,
        rows=counts[0],
        people=counts[1] if named else None,
        pictures=counts[2],
        templates=counts[3],
        template_people=counts[4] if named else None,
        nameless=counts[3] - counts[5],
        encoder=table.template_encoder if table.template else None,
    )


def tally_statement(rows: TableRows, table: TableSettings) -> sa.Select[*tuple[Any, ...]]:
    """Select six numbers: rows, people, pictures, templates, people with one, and templates filed under somebody."""
    view = rows.view(table)
    nothing: sa.ColumnElement[int] = sa.literal_column("0")
    pictured = [rows.field(table, name).is_not(None) for name in (table.image_blob, table.image_path) if name]
    held = rows.field(table, table.template).is_not(None) if table.template else None
    person = None
    if table.person_id:
        is_number = table.person_id in view.number_columns
        person = person_of(rows.database.dialect, rows.field(table, table.person_id), is_number)
    return sa.select(
        sa.func.count(),
        nothing if person is None else sa.func.count(sa.distinct(person)),
        _rows_where(sa.or_(*pictured)) if pictured else nothing,
        nothing if held is None else _rows_where(held),
        nothing if held is None or person is None else sa.func.count(sa.distinct(sa.case((held, person)))),
        nothing if held is None or person is None else _rows_where(sa.and_(held, person.is_not(None))),
    ).select_from(view.source)


def _rows_where(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, sa.literal_column("1")), else_=sa.literal_column("0")))
