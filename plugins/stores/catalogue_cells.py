"""Cuts values to their beginnings within the database, so that a value of 500 MB never leaves it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from detectors.column_facts import Storage, Value

# The longest value of which more than its length is asked; PostgreSQL and SQLite would have to unpack it whole.
MAX_BYTES = 2 * 2**20
# Enough for 4,096 numbers in eight bytes; the head of a picture takes 32.
HEAD = 32 * 2**10
_TEXTLESS = {Storage.ARRAY, Storage.VECTOR, Storage.JSON, Storage.BITS, Storage.ANY}

Cut = tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]
"""The beginning of a value, and its length in bytes."""


def cut(column: sa.ColumnElement[Any], storage: Storage, dialect: str, head: int = HEAD) -> Cut:
    """Select the beginning of a column's values and their lengths.

    Args:
        column: without a type.
        storage: how it stores its values.
        dialect: name of the database system.
        head: how many bytes or characters to take.
    """
    return _CUTS.get(dialect, _plain)(column, storage, head)


def _sqlite(column: sa.ColumnElement[Any], _: Storage, head: int) -> Cut:
    # `length` and `typeof` read no content of a BLOB; `substr` would read all of it.
    large = sa.and_(sa.func.typeof(column) == "blob", sa.func.length(column) > MAX_BYTES)
    return sa.case((large, sa.null()), else_=sa.func.substr(column, 1, head)), sa.func.length(column)


def _postgresql(column: sa.ColumnElement[Any], storage: Storage, head: int) -> Cut:
    if storage is Storage.BINARY:  # a slice of a stored value is read without the rest
        return sa.func.substr(column, 1, head), sa.func.octet_length(column)
    text = sa.cast(column, sa.Text)
    if storage not in _TEXTLESS:
        return sa.func.substr(text, 1, head), sa.func.octet_length(text)
    small = sa.func.pg_column_size(column) <= MAX_BYTES
    return sa.case((small, sa.func.substr(text, 1, head))), sa.case(
        (small, sa.func.octet_length(text)), else_=MAX_BYTES
    )


def _mysql(column: sa.ColumnElement[Any], storage: Storage, head: int) -> Cut:
    if storage in {Storage.BINARY, Storage.VECTOR}:
        return sa.func.substr(column, 1, head), sa.func.octet_length(column)
    if storage is Storage.BITS:
        return sa.func.bin(column), sa.func.length(sa.func.bin(column))
    # As bytes: what is no text in its character set would otherwise stop the driver.
    text = sa.cast(column, sa.CHAR) if storage is not Storage.TEXT else column
    return sa.cast(sa.func.substr(text, 1, head), sa.BINARY), sa.func.octet_length(column)


def _mssql(column: sa.ColumnElement[Any], storage: Storage, head: int) -> Cut:
    kind: sa.types.TypeEngine[Any] = sa.LargeBinary() if storage is Storage.BINARY else sa.UnicodeText()
    return sa.func.substring(sa.cast(column, kind), 1, head), sa.func.datalength(column)


def _oracle(column: sa.ColumnElement[Any], storage: Storage, head: int) -> Cut:
    if storage is Storage.BINARY:  # RAW ends at 2,000 bytes
        return sa.func.dbms_lob.substr(column, min(head, 2000), 1), sa.func.dbms_lob.getlength(column)
    return sa.func.substr(column, 1, min(head, 4000)), sa.func.length(column)


def _plain(column: sa.ColumnElement[Any], _: Storage, head: int) -> Cut:
    return sa.func.substr(column, 1, head), sa.func.length(column)


_CUTS = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "mssql": _mssql,
    "oracle": _oracle,
}


def to_value(found: Any, length: Any, storage: Storage, head: int) -> Value | None:
    """Make a value of what the driver gave; None for NULL."""
    if found is None:
        return Value("", int(length)) if length else None
    if isinstance(found, bytes | bytearray | memoryview):
        found = bytes(found)
        if storage is not Storage.BINARY and _is_text(found):
            found = found.decode("utf-8", "surrogateescape")
    else:
        found = str(found)
    # Lengths are bytes and text is cut by characters: what came whole has the length that came.
    return Value(found, len(found) if len(found) < head else max(int(length or 0), len(found)))


def _is_text(found: bytes) -> bool:
    if b"\0" in found[:256]:
        return False
    try:
        found.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(found) - 4
    return True
