"""Finds tables, columns and telling keys in a database before anything is read."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from plugins.settings_file import nearest
from plugins.stores.records import StoreProblem


@dataclass(frozen=True, slots=True)
class TableView:
    """A table whose name and columns were found in the database.

    Attributes:
        source: what to select from; its columns carry no types.
        key: columns that tell one row from every other, in the order to page by.
        utc_columns: columns whose times without a zone are in UTC (MariaDB's TIMESTAMP).
        number_columns: columns of numbers, whatever they are written as.
        keyless: a condition for rows that no page will hold, because a part of their key is NULL; None when there
            can be none.
    """

    source: sa.TableClause
    key: tuple[str, ...]
    utc_columns: frozenset[str]
    number_columns: frozenset[str]
    keyless: sa.ColumnElement[bool] | None

    def column(self, name: str) -> sa.ColumnClause[Any]:
        """Give a column; its name was checked when the view was made."""
        return self.source.c[name]


def find_view(
    connection: sa.Connection, table: str, columns: Sequence[str], key: tuple[str, ...], where: str
) -> TableView:
    """Find a table and columns; see ``Database.view``.

    Raises:
        StoreProblem: no such table or column (with the nearest name), or rows cannot be told apart.
    """
    inspector = sa.inspect(connection)
    schema, name = _split(inspector, table, where)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exc.SAWarning)  # a column of a type SQLAlchemy does not know: read as it comes
        found = sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection, resolve_fks=False)
    for column in columns:
        if column not in found.c:
            raise StoreProblem(where, f"has no column `{column}`{nearest(column, found.c.keys())}")
    source = sa.table(name, *[sa.column(c.name) for c in found.c], schema=schema)
    telling = _telling_key(connection, found, source, key, where)
    nullable = [source.c[name].is_(None) for name in telling if found.c[name].nullable]
    keyless = sa.or_(*nullable) if nullable else None
    numbers = frozenset(c.name for c in found.c if isinstance(c.type, sa.Integer | sa.Numeric))
    return TableView(source, telling, _utc_columns(connection, found), numbers, keyless)


def _utc_columns(connection: sa.Connection, found: sa.Table) -> frozenset[str]:
    if connection.dialect.name not in {"mysql", "mariadb"}:
        return frozenset()
    return frozenset(column.name for column in found.c if isinstance(column.type, sa.TIMESTAMP))


def _split(inspector: sa.Inspector, table: str, where: str) -> tuple[str | None, str]:
    schema, _, name = table.rpartition(".")
    for place, called in ((None, table), (schema or None, name)):
        if inspector.has_table(called, schema=place):
            return place, called
    known = [*inspector.get_table_names(), *inspector.get_view_names()]
    raise StoreProblem(where, f"there is no table `{table}`{nearest(table, known)}")


def _telling_key(
    connection: sa.Connection, found: sa.Table, source: sa.TableClause, key: tuple[str, ...], where: str
) -> tuple[str, ...]:
    """Give a key that certainly tells rows apart: paging and tokens would lose rows with any other."""
    primary = tuple(column.name for column in found.primary_key.columns)
    if not key:
        return primary
    promised = [set(primary)] if primary else []
    promised += [set(i.columns.keys()) for i in found.indexes if i.unique and not _is_partial(i)]
    promised += [set(c.columns.keys()) for c in found.constraints if isinstance(c, sa.UniqueConstraint)]
    if any(columns and columns <= set(key) for columns in promised):
        return key
    if primary:
        return primary
    columns = [source.c[name] for name in key]
    twice = sa.select(sa.literal(1)).select_from(source).group_by(*columns).having(sa.func.count() > 1).limit(1)
    if connection.execute(twice).first():
        said = ", ".join(key)
        raise StoreProblem(where, f"`{said}` does not tell its rows apart; name the columns that do under `key`")
    return key


def _is_partial(index: sa.Index) -> bool:
    return any(option.endswith("_where") and value is not None for option, value in index.dialect_kwargs.items())
