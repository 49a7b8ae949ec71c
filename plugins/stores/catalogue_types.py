"""Says of a column's type, as SQLAlchemy reflects it, how it stores its values."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.sql import sqltypes

from detectors.column_facts import Storage

_VECTORS = re.compile(r"(?:half|sparse)?vec(?:tor)?\b", re.IGNORECASE)
_BY_TYPE: tuple[tuple[type[Any], Storage], ...] = (
    (postgresql.BIT, Storage.BITS),
    (mysql.BIT, Storage.BITS),
    (sqltypes._Binary, Storage.BINARY),
    (sa.JSON, Storage.JSON),
    (sa.ARRAY, Storage.ARRAY),
    (sqltypes.Uuid, Storage.UUID),
    (sa.Boolean, Storage.BOOLEAN),
    (sa.Integer, Storage.INTEGER),
    (sa.Numeric, Storage.NUMBER),
    (sa.DateTime, Storage.TIME),
    (sa.Date, Storage.DATE),
    (sa.String, Storage.TEXT),
)


def storage_of(kind: sa.types.TypeEngine[Any], type_name: str, dialect: str) -> Storage:
    """Say how a type stores its values.

    Args:
        kind: as reflected; ``NullType`` when SQLAlchemy does not know it.
        type_name: the database's own word for it.
        dialect: name of the database system.
    """
    if _VECTORS.match(type_name):
        return Storage.VECTOR
    if isinstance(kind, mysql.TINYINT) and kind.display_width == 1:
        return Storage.BOOLEAN
    if isinstance(kind, mysql.BIT | postgresql.BIT) and kind.length in {None, 1}:
        return Storage.BOOLEAN
    found = next((storage for known, storage in _BY_TYPE if isinstance(kind, known)), Storage.ANY)
    # SQLite takes any word for a type; those that it does not know count as NUMERIC, whatever they hold.
    return Storage.ANY if dialect == "sqlite" and type(kind) is sa.NUMERIC else found


def name_of(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> str:
    """Spell a reflected type; empty when SQLAlchemy does not know it."""
    if isinstance(kind, sa.types.NullType):
        return ""
    try:
        return str(kind.compile(dialect=dialect))
    except sa.exc.CompileError:
        return str(kind)


def size_of(kind: sa.types.TypeEngine[Any]) -> int | None:
    """Give the greatest length that a type allows; None when it names none."""
    length = getattr(kind, "length", None)
    return length if isinstance(length, int) else None
