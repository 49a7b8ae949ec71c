"""Reads rows of databases column by column: tables in pages by their key, anything else by a cursor of the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from plugins.stores.cell_columns import Cells
from plugins.stores.database import Database, behind
from plugins.stores.dialects import renew_deadline
from plugins.stores.records import StoreProblem
from plugins.stores.tableview import TableView

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

PAGE_ROWS = 50_000
# Where a row is asked for what costs the server its whole content (a digest of a picture), fewer are asked for at once.
HEAVY_ROWS = 2_000
# A page that fails is asked for again in smaller ones, down to a single row, and these grow again.
_SHRINK, _GROW = 16, 4
# A table is given up when so many rows in a row cannot be read: it is then not the rows.
_BROKEN_IN_A_ROW = 100

# Types whose text is not what their value is written as elsewhere: 42.00 and 42 are one id, \x5031 are two bytes.
_NUMBERS, _BYTES, _WHOLE = {700, 701, 1700}, {17}, {20, 21, 23}  # as in pg_type.dat of PostgreSQL


@dataclass(frozen=True, slots=True)
class Query:
    """What to read of a table.

    Attributes:
        view: the table.
        columns: what to select.
        where: for error texts.
        only: conditions on the rows.
        heavy: whether the columns cost the server the content of pictures or templates.
    """

    view: TableView
    columns: Sequence[sa.ColumnElement[Any]]
    where: str
    only: Sequence[sa.ColumnElement[bool]] = ()
    heavy: bool = False

    @property
    def page_rows(self) -> int:
        """Rows of a full page."""
        return min(PAGE_ROWS, HEAVY_ROWS) if self.heavy else PAGE_ROWS

    def select(self, after: Sequence[Any] | None, rows: int, columns: Sequence[Any]) -> sa.Select[Any]:
        """Select the next rows behind a key; the key's columns stand before ``columns``."""
        key = [self.view.column(name) for name in self.view.key]
        whole = sa.select(*key, *columns).where(*[k.is_not(None) for k in key], *self.only).order_by(*key).limit(rows)
        return whole.where(behind(key, list(after))) if after else whole


def keyset_pages(
    database: Database, query: Query, broken: Callable[[list[Any]], None] | None = None
) -> Iterator[list[Cells]]:
    """Read a table in pages in the order of its key, each in its own transaction and tried again by itself.

    The next page is read while the one before is worked on.

    Args:
        database: it is in.
        query: what to read of it.
        broken: called with the key of a row that the server cannot give; without it such a row ends the table.

    Yields:
        The columns of the query, those of the table's key before them.

    Raises:
        StoreProblem: a page cannot be read.
    """
    return _one_ahead(_keyset_pages(database, query, broken))


def _one_ahead(items: Iterator[T]) -> Iterator[T]:
    """Give items, each time with the next one under way in a thread."""
    end: Any = object()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item


def _keyset_pages(
    database: Database, query: Query, broken: Callable[[list[Any]], None] | None
) -> Iterator[list[Cells]]:
    after: list[Any] | None = None
    size, in_a_row = query.page_rows, 0
    while True:
        try:
            pages = _pages(database, query, after, size)
        except StoreProblem as problem:
            if problem.retry or (size == 1 and (broken is None or in_a_row == _BROKEN_IN_A_ROW)):
                raise
            if size > 1:
                size = max(1, size // _SHRINK)
                continue
            in_a_row += 1
            after = _next_key(database, query, after, problem)
            if broken:
                broken(after)
            continue
        for page in pages:
            yield page
            after = [plain(cells[-1:])[0] for cells in page[: len(query.view.key)]]
        if sum(len(page[0]) for page in pages) < size:
            return
        size, in_a_row = min(size * _GROW, query.page_rows), 0


def _pages(database: Database, query: Query, after: list[Any] | None, size: int) -> list[list[Cells]]:
    statement = query.select(after, size, query.columns)
    return database.attempt(lambda connection: list(_page(connection, statement)), query.where)


def _next_key(database: Database, query: Query, after: list[Any] | None, problem: StoreProblem) -> list[Any]:
    """Give the key of the next row, which itself cannot be read.

    Raises:
        StoreProblem: the key cannot be read either; the ``problem`` there was with the row.
    """
    statement = query.select(after, 1, ())
    try:
        pages = database.attempt(lambda connection: list(_page(connection, statement)), query.where)
    except StoreProblem:
        raise problem from None
    if not pages or not len(pages[0][0]):
        raise problem
    return [plain(cells)[0] for cells in pages[0]]


def _page(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[list[Cells]]:
    """Read one page: from PostgreSQL as text (binary arrays), from others as their drivers give it."""
    if connection.dialect.name == "postgresql":
        return _copied(connection, statement)
    return streamed_pages(connection, statement)


def plain(cells: Cells) -> Sequence[Any]:
    """Give a column as what its database takes back as parameters: texts as texts."""
    if isinstance(cells, Sequence):
        return cells
    values = cells.to_pylist()
    return [value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value for value in values]


def streamed_pages(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[list[Cells]]:
    """Read what a statement selects by a cursor of the server, page by page; each fetch has the time of a statement.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: it cannot be read to its end.
    """
    result = connection.execution_options(stream_results=True, max_row_buffer=PAGE_ROWS).execute(statement)
    for rows in result.partitions(PAGE_ROWS):
        renew_deadline(connection)
        yield [list(column) for column in zip(*rows, strict=True)]


def _copied(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[list[Cells]]:
    import psycopg

    asked: sa.CursorResult[Any] = connection.execute(statement.limit(0))
    kinds: list[Any] = [column[1] for column in asked.cursor.description] if asked.cursor else []
    asked.close()
    compiled = statement.compile(dialect=connection.dialect)
    sql, values = str(compiled), dict(compiled.params)
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv)", values) as copy:
            rows = iter(copy)  # the server sends each row by itself
            # As bytes: thousands of memory views at a time would keep the garbage collector busy.
            while part := b"".join([bytes(row) for row in islice(rows, PAGE_ROWS)]):
                yield _parsed(part, kinds)
        return
    except psycopg.Error as error:
        problem = sa.exc.DBAPIError.instance(sql, None, error, psycopg.Error, hide_parameters=True)
    raise problem


def _parsed(rows: bytes, kinds: list[int]) -> list[Cells]:
    import pyarrow as pa
    import pyarrow.csv as pc

    names = [str(number) for number in range(len(kinds))]
    quoted = b'"' in rows  # only a quoted value can hold a line break
    table = pc.read_csv(
        pa.BufferReader(rows),
        read_options=pc.ReadOptions(column_names=names, block_size=1 << 28 if quoted else 1 << 20),
        parse_options=pc.ParseOptions(newlines_in_values=quoted),
        convert_options=pc.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    ).combine_chunks()
    return [_typed(column.combine_chunks(), kind) for column, kind in zip(table.columns, kinds, strict=True)]


def _typed(column: pa.Array, kind: int) -> Cells:
    if kind in _NUMBERS:
        return [None if text is None else Decimal(text.decode()) for text in column.to_pylist()]
    if kind in _WHOLE:
        import pyarrow as pa

        return column.cast(pa.string()).cast(pa.int64())
    if kind in _BYTES:
        return [None if text is None else bytes.fromhex(text[2:].decode()) for text in column.to_pylist()]
    return column
