"""Reads a consent registry from a database: a table, or the answer of one SELECT that the settings give."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from plugins.settings import ConsentSettings
from plugins.stores.arrow_pages import Query, keyset_pages, streamed_pages
from plugins.stores.cell_columns import Cells
from plugins.stores.consent_rows import TIMES, Page, check_columns, mapping
from plugins.stores.database import Database, say
from plugins.stores.records import StoreProblem

_LIKE_A_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w)")  # what SQLAlchemy would take for one: 'a :b'
_MYSQL_TIMESTAMP = 7  # the protocol's MYSQL_TYPE_TIMESTAMP: sent in the session's zone, which is UTC


def table_pages(registry: ConsentSettings, timezone: tzinfo, base: Path) -> Iterator[Page]:
    """Read a table in the order of its primary key, page by page; one without such a key in one go.

    Raises:
        StoreProblem: it cannot be read to its end.
    """
    names, table = mapping(registry.columns), str(registry.table)
    database = Database(registry.url, registry.conn_id, registry.name, base)
    view = database.view(table, list(names.values()))
    columns = [_selected(database, view.column(theirs), ours) for ours, theirs in names.items()]
    zones, where = _zones(names, view.utc_columns, timezone), f"{registry.name}/{table}"
    if view.key:
        pages = (page[len(view.key) :] for page in keyset_pages(database, Query(view, columns, where)))
        return _numbered(pages, list(names), zones)
    return _numbered(_streamed(database, sa.select(*columns), where), list(names), zones)


def query_pages(registry: ConsentSettings, timezone: tzinfo, base: Path) -> Iterator[Page]:
    """Read the answer of the settings' SELECT, which the database runs in a read-only transaction.

    Raises:
        StoreProblem: it is refused, lacks a column, or cannot be read to its end.
    """
    names = mapping(registry.columns)
    database = Database(registry.url, registry.conn_id, registry.name, base)
    source = _subquery(str(registry.query))
    found = database.attempt(lambda connection: _described(connection, source), registry.name)
    check_columns(registry, list(found))
    columns = [_selected(database, sa.column(theirs), ours) for ours, theirs in names.items()]
    statement = sa.select(*columns).select_from(source)
    zones = _zones(names, [name for name, in_utc in found.items() if in_utc], timezone)
    return _numbered(_streamed(database, statement, registry.name), list(names), zones)


def _selected(database: Database, column: sa.ColumnClause[Any], ours: str) -> sa.ColumnElement[Any]:
    return (database.as_text(column) if ours in TIMES else column).label(f"f_{ours}")


def _subquery(query: str) -> sa.TextClause:
    """Make a query one to select from: then it can only be a single SELECT, whatever it says."""
    text = _LIKE_A_PARAMETER.sub(r"\\:", query.strip().rstrip(";"))
    return sa.text(f"({text}\n) AS registry_answer")  # the line break ends a comment on the last line


def _described(connection: sa.Connection, source: sa.TextClause) -> dict[str, bool]:
    """Give the columns of an answer, and whether their times are in UTC."""
    result: sa.CursorResult[Any] = connection.execute(sa.select(sa.literal_column("*")).select_from(source).limit(0))
    description = result.cursor.description if result.cursor else []
    is_mysql = connection.dialect.name in {"mysql", "mariadb"}
    found = {str(column[0]): is_mysql and column[1] == _MYSQL_TIMESTAMP for column in description}
    result.close()
    return found


def _zones(
    names: Mapping[str, str], utc_columns: Sequence[str] | frozenset[str], timezone: tzinfo
) -> dict[str, tzinfo]:
    return {name: UTC if names.get(name) in utc_columns else timezone for name in TIMES}


def _numbered(pages: Iterable[list[Cells]], names: Sequence[str], zones: Mapping[str, tzinfo]) -> Iterator[Page]:
    number = 1
    for columns in pages:
        rows = len(columns[0])
        yield Page(range(number, number + rows), dict(zip(names, columns, strict=True)), zones, {})
        number += rows


def _streamed(database: Database, statement: sa.Select[Any], where: str) -> Iterator[list[Cells]]:
    try:
        with database.reading() as connection:
            yield from streamed_pages(connection, statement)
        return
    except exc.SQLAlchemyError as error:
        problem = StoreProblem(where, say(error))
    raise problem
