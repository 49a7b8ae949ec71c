"""Builds a schema of the corpus in a database: SQLite, PostgreSQL (with pgvector where there is) or MariaDB."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine, UserDefinedType

from tests.corpus.drawing import Cell
from tests.corpus.schemas import Column, Schema, Table
from tests.corpus.values import cells

_ROWS_AT_ONCE = 100
_WHOLE: dict[str, type[TypeEngine[Any]]] = {"int": sa.Integer, "smallint": sa.SmallInteger, "bigint": sa.BigInteger}
_PLAIN: dict[str, TypeEngine[Any]] = {
    "float": sa.Double(),
    "bool": sa.Boolean(),
    "date": sa.Date(),
    "datetime": sa.DateTime(),
    "timestamptz": sa.DateTime(timezone=True),
    "text": sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb"),
    "blob": sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb"),
    "uuid": sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite"),
    "json": sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql"),
}
_ARRAYS: dict[str, TypeEngine[Any]] = {"float4[]": sa.REAL(), "float8[]": sa.Double(), "int[]": sa.Integer()}


class _Verbatim(UserDefinedType[str]):
    """A type whose declaration is given word for word; its values travel as text."""

    cache_ok = True

    def __init__(self, declaration: str) -> None:
        self.declaration = declaration

    def get_col_spec(self, **_: object) -> str:
        return self.declaration


def build(schema: Schema, engine: sa.Engine) -> sa.MetaData:
    """Create a schema's tables in an empty database, or in the first schema of the search path, and fill them.

    Args:
        schema: what to build.
        engine: where; it must be allowed to create tables.

    Returns:
        The tables as they were declared.
    """
    home = _pgvector_home(engine)
    metadata = sa.MetaData()
    for table in schema.tables:
        _declare(table, metadata, engine.dialect.name, home)
    metadata.create_all(engine)
    with engine.begin() as connection:
        for table in schema.tables:
            rows = _rows(schema, table, engine.dialect.name)
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                connection.execute(metadata.tables[table.name].insert(), rows[start : start + _ROWS_AT_ONCE])
    return metadata


def _pgvector_home(engine: sa.Engine) -> str:
    """Name the schema that has the type vector; empty where there is none."""
    if engine.dialect.name != "postgresql":
        return ""
    query = "SELECT nspname FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace WHERE typname = 'vector'"
    with engine.connect() as connection:
        return connection.scalar(sa.text(query)) or ""


def _declare(table: Table, metadata: sa.MetaData, dialect: str, home: str) -> None:
    columns = [
        sa.Column(column.name, _type(column.type, dialect, home), primary_key=column.key, autoincrement=False)
        for column in table.columns
    ]
    sa.Table(table.name, metadata, *columns, mysql_charset="utf8mb4", mariadb_charset="utf8mb4")


def _type(name: str, dialect: str, home: str) -> TypeEngine[Any]:
    if name in _WHOLE:
        return _WHOLE[name]()
    if length := re.fullmatch(r"varchar\((\d+)\)", name):
        return sa.String(int(length[1]))
    if name in _ARRAYS and dialect == "postgresql":
        return sa.ARRAY(_ARRAYS[name])
    if name.startswith("vector(") and home:
        return _Verbatim(f"{home}.{name}")
    if name == "untyped" and dialect == "sqlite":
        return _Verbatim("")
    return _PLAIN.get(name, _PLAIN["text"])


def _rows(schema: Schema, table: Table, dialect: str) -> list[dict[str, Cell]]:
    made = {
        column.name: [_fit(cell, column, dialect) for cell in cells(schema.name, table.name, column, table.rows)]
        for column in table.columns
    }
    return [{name: column[row] for name, column in made.items()} for row in range(table.rows)]


def _fit(cell: Cell, column: Column, dialect: str) -> Cell:
    """Turn a cell into what its column's type takes in this dialect."""
    if isinstance(cell, datetime):
        return _fit_moment(cell, column.type, dialect)
    if column.type in _WHOLE and cell is not None:
        return int(str(cell)) if not isinstance(cell, int) else cell
    if isinstance(cell, list | dict) and column.type != "json":
        in_array = column.type in _ARRAYS and dialect == "postgresql"
        return cell if in_array else json.dumps(cell, separators=(",", ":"))
    return cell


def _fit_moment(moment: datetime, kind: str, dialect: str) -> Cell:
    if kind == "date":
        return moment.date()
    if kind == "timestamptz" and dialect == "postgresql":
        return moment
    return moment.replace(tzinfo=None)
