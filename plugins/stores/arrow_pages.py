"""Reads rows of databases column by column: tables in pages by their key, anything else by a cursor of the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from plugins.stores.cell_columns import Cells
from plugins.stores.database import Database, behind
from plugins.stores.tableview import TableView

if TYPE_CHECKING:
    import pyarrow as pa

PAGE_ROWS = 50_000

# Types whose text is not what their value is written as elsewhere: 42.00 and 42 are one id, \x5031 are two bytes.
_NUMBERS, _BYTES = {700, 701, 1700}, {17}  # float4, float8, numeric; bytea (pg_type.dat of PostgreSQL)


def keyset_pages(
    database: Database, view: TableView, columns: Sequence[sa.ColumnElement[Any]], where: str
) -> Iterator[list[Cells]]:
    """Read a table in pages in the order of its key, each in its own transaction and tried again by itself.

    Args:
        database: it is in.
        view: the table.
        columns: what to select.
        where: for error texts.

    Raises:
        StoreProblem: a page cannot be read.
    """
    key = [view.column(name) for name in view.key]
    whole = sa.select(*key, *columns).where(*[k.is_not(None) for k in key]).order_by(*key).limit(PAGE_ROWS)
    after: list[Any] | None = None
    while True:
        statement = whole.where(behind(key, after)) if after else whole
        pages = database.attempt(lambda connection, s=statement: list(_page(connection, s)), where)  # type: ignore[misc]
        for page in pages:
            yield page[len(key) :]
            after = [_plain(cells[-1]) for cells in page[: len(key)]]
        if sum(len(page[0]) for page in pages) < PAGE_ROWS:
            return


def _page(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[list[Cells]]:
    """Read one page: from PostgreSQL as text (binary arrays), from others as their drivers give it."""
    if connection.dialect.name == "postgresql":
        return _copied(connection, statement)
    return streamed_pages(connection, statement)


def _plain(cell: Any) -> Any:
    """Give a cell of a page as what its database takes back as a parameter."""
    value = cell.as_py() if hasattr(cell, "as_py") else cell
    return value.decode() if isinstance(value, bytes) and hasattr(cell, "as_py") else value


def streamed_pages(connection: sa.Connection, statement: sa.Select[Any]) -> Iterator[list[Cells]]:
    """Read what a statement selects by a cursor of the server, page by page; each fetch has the time of a statement.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: it cannot be read to its end.
    """
    result = connection.execution_options(stream_results=True, max_row_buffer=PAGE_ROWS).execute(statement)
    for rows in result.partitions(PAGE_ROWS):
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
            while part := list(islice(rows, PAGE_ROWS)):
                yield _parsed(b"".join(part), kinds)
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
    if kind in _BYTES:
        return [None if text is None else bytes.fromhex(text[2:].decode()) for text in column.to_pylist()]
    return column
