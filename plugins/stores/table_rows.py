"""Rows of the tables that the settings name, read page by page and cell by cell; flaws are counted, not raised."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from plugins.keys import Keyring
from plugins.settings import DatabaseSettings, TableSettings
from plugins.stores.cells import to_person, to_utc
from plugins.stores.database import Database
from plugins.stores.records import StoreProblem
from plugins.stores.tableview import TableView

T = TypeVar("T")
Row = sa.Row[Any]


class TableRows:
    """The rows of one database's tables. See ``TableStore`` for the arguments and for what the counts mean."""

    def __init__(
        self,
        settings: DatabaseSettings,
        keyring: Keyring,
        base: Path,
        timezone: tzinfo,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.settings, self.keyring, self.base, self.pause = settings, keyring, base, pause
        self.timezone = timezone
        self._views: dict[str, TableView] = {}
        self.problems: list[StoreProblem] = []
        self.bad_rows: Counter[tuple[str, str]] = Counter()

    @cached_property
    def database(self) -> Database:
        """The opened database."""
        return Database(self.settings.url, self.settings.conn_id, self.settings.name, self.base, self.pause)

    def where(self, table: TableSettings) -> str:
        """Name a table in error texts."""
        return f"{self.settings.name}/{table.table}"

    def every(self, work: Callable[[TableSettings], Iterator[T]]) -> Iterator[T]:
        """Do something with every table; a table that fails is noted in ``problems``, and the next one follows."""
        for table in self.settings.tables:
            try:
                yield from work(table)
            except StoreProblem as problem:
                if str(problem) not in map(str, self.problems):
                    self.problems.append(problem)

    def view(self, table: TableSettings) -> TableView:
        """Find a table with all columns that the settings name; rows without a whole key are counted as bad.

        Raises:
            StoreProblem: see ``Database.view``.
        """
        if table.table not in self._views:
            view = self.database.view(table.table, _columns_of(table), table.key_columns)
            if view.keyless is not None:
                count = sa.select(sa.func.count()).select_from(view.source).where(view.keyless)
                lost = self.database.attempt(lambda c: c.execute(count).scalar_one(), self.where(table))
                self.note(table, "has no key", lost)
            self._views[table.table] = view
        return self._views[table.table]

    def pages(
        self, table: TableSettings, fields: Mapping[str, sa.ColumnElement[Any]], only: Sequence[Any] = ()
    ) -> Iterator[Sequence[Row]]:
        """Read a table page by page; ``fields`` names what each row gives, its key stands before them.

        Raises:
            StoreProblem: a page cannot be read.
        """
        columns = [column.label(name) for name, column in fields.items()]
        return self.database.pages(self.view(table), columns, self.where(table), only)

    def field(self, table: TableSettings, column: str | None) -> sa.ColumnElement[Any]:
        """Select a column as it is; NULL when the settings name none."""
        return self.view(table).column(column) if column else sa.null()

    def time_field(self, table: TableSettings, column: str | None) -> sa.ColumnElement[Any]:
        """Select a column that holds times or days."""
        return self.database.as_text(self.field(table, column)) if column else sa.null()

    def time(self, table: TableSettings, column: str | None, value: Any) -> datetime | None:
        """Read a time into UTC; a value that is no time is counted as bad and read as none."""
        tz = UTC if column in self.view(table).utc_columns else self.timezone
        return self.cell(table, column, value, lambda v: to_utc(v, tz))

    def cell(self, table: TableSettings, column: str | None, value: Any, reader: Callable[[Any], T | None]) -> T | None:
        """Read a value; one that ``reader`` refuses is counted as bad and read as none."""
        try:
            return reader(value)
        except ValueError as error:
            self.note(table, f"{column} {error}")
            return None

    def ref(self, table: TableSettings, person: Any) -> str | None:
        """Give the pseudonym of a row's person, None when the row names nobody."""
        text = to_person(person)
        return self.keyring.pseudonym(table.id_namespace, text) if text else None

    def note(self, table: TableSettings, flaw: str, rows: int = 1) -> None:
        """Count rows with a flaw."""
        if rows:
            self.bad_rows[(table.table, flaw)] += rows


def _columns_of(table: TableSettings) -> list[str]:
    named = (
        table.person_id,
        table.image_blob,
        table.image_path,
        table.template,
        table.stored_at,
        table.last_interaction_at,
        table.born_on,
        table.minor,
        table.updated_at,
    )
    return [column for column in named if column]
