"""Rows of the tables that the settings name, read page by page and column by column; flaws are counted, not raised."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from plugins.keys import Keyring
from plugins.settings import DatabaseSettings, TableSettings
from plugins.stores.arrow_pages import Query, keyset_pages, plain
from plugins.stores.cell_columns import Cells, Flaws, people, times
from plugins.stores.consent_rows import pseudonym_column
from plugins.stores.database import Database
from plugins.stores.records import StoreProblem
from plugins.stores.tableview import TableView

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a table: the columns of their key, and their cells by what was asked for, a column each."""

    key: Sequence[Cells]
    cells: Mapping[str, Cells]

    @property
    def keys(self) -> Sequence[Key]:
        """The key of each row, as its database takes it back."""
        return list(zip(*map(plain, self.key), strict=True))


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
            if not view.key:
                raise StoreProblem(
                    self.where(table), "has no primary key; name columns that tell its rows apart: `key`"
                )
            if view.keyless is not None:
                count = sa.select(sa.func.count()).select_from(view.source).where(view.keyless)
                lost = self.database.attempt(lambda c: c.execute(count).scalar_one(), self.where(table))
                self.note(table, "has no key", lost)
            self._views[table.table] = view
        return self._views[table.table]

    def pages(
        self,
        table: TableSettings,
        fields: Mapping[str, sa.ColumnElement[Any]],
        only: Sequence[sa.ColumnElement[bool]] = (),
        broken: Callable[[Key], None] | None = None,
        heavy: bool = False,
    ) -> Iterator[Page]:
        """Read a table page by page; ``fields`` names what each row gives.

        Args:
            table: which.
            fields: what to select, by name.
            only: conditions on the rows.
            broken: called with the key of a row that the server cannot give; it is counted as bad in any case.
            heavy: whether the fields cost the server the content of pictures or templates.

        Raises:
            StoreProblem: the table cannot be read to its end.
        """

        def note(key: list[Any]) -> None:
            self.note(table, "cannot be read")
            if broken:
                broken(tuple(key))

        view, columns = self.view(table), [column.label(f"f_{name}") for name, column in fields.items()]
        width = len(view.key)
        for page in keyset_pages(self.database, Query(view, columns, self.where(table), only, heavy), note):
            yield Page(page[:width], dict(zip(fields, page[width:], strict=True)))

    def field(self, table: TableSettings, column: str | None) -> sa.ColumnElement[Any]:
        """Select a column as it is; NULL when the settings name none."""
        return self.view(table).column(column) if column else sa.null()

    def time_field(self, table: TableSettings, column: str | None) -> sa.ColumnElement[Any]:
        """Select a column that holds times or days."""
        return self.database.as_text(self.field(table, column)) if column else sa.null()

    def times(self, table: TableSettings, column: str | None, cells: Cells) -> pa.Array:
        """Read times into UTC; what is no time is counted as bad and read as none."""
        return self.noted(table, column, times(cells, UTC if column in self.view(table).utc_columns else self.timezone))

    def noted(self, table: TableSettings, column: str | None, read: tuple[pa.Array, Flaws]) -> pa.Array:
        """Count the cells of a column that could not be read; they are read as none."""
        for why, count in Counter(read[1].values()).items():
            self.note(table, f"{column} {why}", count)
        return read[0]

    def refs(self, table: TableSettings, cells: Cells) -> pa.Array:
        """Give the pseudonyms of rows' people, null where a row names nobody."""
        import pyarrow as pa
        import pyarrow.compute as pc

        names = people(cells)
        known = pseudonym_column(names.drop_null(), table.id_namespace, self.keyring)
        return pc.replace_with_mask(pa.nulls(len(names), pa.string()), names.is_valid(), known)

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
