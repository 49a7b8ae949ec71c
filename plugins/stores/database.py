"""Reads databases without ever writing: read-only transactions, checked names, keyset pages, errors without data.

Values come as the driver gives them, not through SQLAlchemy's types: one cell that is not what its column says must
not lose the page it stands on (SQLite lets anything stand anywhere).
"""

from __future__ import annotations

import hashlib
import re
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from plugins.stores.credentials import database_url, scrub
from plugins.stores.records import StoreProblem
from plugins.stores.retry import attempt
from plugins.stores.tableview import TableView, find_view

T = TypeVar("T")

# A page takes milliseconds with an index on its key, and a scan of the table without one.
STATEMENT_SECONDS = 300
CONNECT_SECONDS = 10
PAGE_ROWS = 2000

# What drivers say when the server is away, restarting or busy. A refused password is not among them: trying it again
# could lock the account.
_PASSING = re.compile(
    r"refused|timed out|timeout expired|starting up|shutting down|server closed|lost connection|can't connect"
    r"|gone away|too many (clients|connections)|reset by peer|no route|is locked|deadlock",
    re.IGNORECASE,
)


class Database:
    """One database, opened for reading.

    Args:
        url: SQLAlchemy URL, see ``credentials.database_url``.
        conn_id: an Airflow connection, when there is no URL.
        name: what it is called in error texts.
        base: folder of the settings file.
        pause: sleeps between tries.

    Raises:
        StoreProblem: the address cannot be used.
    """

    def __init__(
        self,
        url: str | None,
        conn_id: str | None,
        name: str,
        base: Path,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.name, self._pause = name, pause
        made = database_url(url, conn_id, name, base).reveal()
        self.dialect = made.get_backend_name()
        # hide_parameters: a key of a row is a person's id, and SQLAlchemy would print it with a failing statement.
        arguments = _CONNECT_ARGUMENTS[self.dialect]
        self._engine = sa.create_engine(made, hide_parameters=True, connect_args=arguments, pool_pre_ping=True)
        if self.dialect == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
        weakref.finalize(self, self._engine.dispose)

    def __repr__(self) -> str:
        return f"Database({self.name!r}, {self.dialect})"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction in which the server refuses every change."""
        with self._engine.connect() as connection:
            for statement in self._opening(connection):
                connection.exec_driver_sql(statement)
            yield connection
            connection.rollback()

    def _opening(self, connection: sa.Connection) -> list[str]:
        if self.dialect == "postgresql":
            return [
                "SET TRANSACTION READ ONLY",
                f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1000}",
                "SET LOCAL TimeZone = 'UTC'",
                "SET LOCAL DateStyle = 'ISO'",
            ]
        if self.dialect in {"mysql", "mariadb"}:
            limit = f"max_statement_time = {STATEMENT_SECONDS}"
            if not getattr(connection.dialect, "is_mariadb", False):
                limit = f"max_execution_time = {STATEMENT_SECONDS * 1000}"
            return [f"SET SESSION {limit}", "SET SESSION time_zone = '+00:00'", "START TRANSACTION READ ONLY"]
        return []  # SQLite's file is opened with mode=ro, and the connection is query_only

    def attempt(self, what: Callable[[sa.Connection], T], where: str) -> T:
        """Do something in a read-only transaction, up to three times when the connection breaks.

        Raises:
            StoreProblem: it failed; says ``where`` and why, without values and credentials.
        """

        def once() -> T:
            with self.reading() as connection:
                return what(connection)

        return attempt(once, lambda error: StoreProblem(where, say(error), retry=_may_pass(error)), self._pause)

    def view(self, table: str, columns: Sequence[str], key: tuple[str, ...] = ()) -> TableView:
        """Find a table and columns in the database; ``key`` is what the settings say tells its rows apart.

        Without ``key`` the view's key is the primary key, or nothing.

        Raises:
            StoreProblem: no such table or column (with the nearest name), or rows cannot be told apart.
        """
        where = f"{self.name}/{table}"
        return self.attempt(lambda connection: find_view(connection, table, [*columns, *key], key, where), where)

    def pages(
        self, view: TableView, columns: Sequence[sa.ColumnElement[Any]], where: str, only: Sequence[Any] = ()
    ) -> Iterator[Sequence[sa.Row[Any]]]:
        """Read a table in pages of 2,000 rows in the order of its key, each page in its own transaction.

        Args:
            view: the table.
            columns: what to select; the key's columns are put before them in every row.
            where: for error texts.
            only: conditions on the rows.

        Raises:
            StoreProblem: a page cannot be read.
        """
        key = [view.column(name) for name in view.key]
        base = sa.select(*key, *columns).where(*[k.is_not(None) for k in key], *only).order_by(*key).limit(PAGE_ROWS)
        after: list[Any] | None = None
        while True:
            statement = base.where(behind(key, after)) if after else base
            rows = self.attempt(lambda connection, s=statement: connection.execute(s).fetchall(), where)  # type: ignore[misc]
            if rows:
                yield rows
                after = list(rows[-1][: len(key)])
            if len(rows) < PAGE_ROWS:
                return

    def stream(self, view: TableView, columns: Sequence[sa.ColumnElement[Any]], where: str) -> Iterator[sa.Row[Any]]:
        """Read a table in one go, in the order of its key, without holding it in memory.

        Raises:
            StoreProblem: it cannot be read to its end.
        """
        key = [view.column(name) for name in view.key]
        try:
            with self.reading() as connection:
                options = {"stream_results": True, "yield_per": PAGE_ROWS}
                yield from connection.execution_options(**options).execute(sa.select(*columns).order_by(*key))
        except exc.SQLAlchemyError as error:
            problem = StoreProblem(where, say(error), retry=_may_pass(error))
        else:
            return
        raise problem

    def as_text(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Select a time in a form that survives any value: PostgreSQL's driver gives up on ``infinity``."""
        return sa.cast(column, sa.Text) if self.dialect == "postgresql" else column

    def size_of(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
        """Give the expression for the bytes of a cell."""
        return sa.func.length(column) if self.dialect == "sqlite" else sa.func.octet_length(column)

    def digest_of(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Give the expression for a digest of a cell, made where the cell is: MD5, since all three servers know it.

        It tells a changed cell from an unchanged one; it guards nothing. NULL where the server knows none.
        """
        return sa.func.md5(column) if self.dialect in _CONNECT_ARGUMENTS else sa.null()


_CONNECT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": CONNECT_SECONDS},
    "postgresql": {"connect_timeout": CONNECT_SECONDS, "application_name": "facewarden"},
    "mysql": {"connect_timeout": CONNECT_SECONDS, "read_timeout": STATEMENT_SECONDS + 30, "charset": "utf8mb4"},
    "mariadb": {"connect_timeout": CONNECT_SECONDS, "read_timeout": STATEMENT_SECONDS + 30, "charset": "utf8mb4"},
}


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA query_only = ON").close()
    connection.create_function("md5", 1, _md5, deterministic=True)


def _md5(cell: str | bytes | None) -> str | None:
    if cell is None:
        return None
    content = cell.encode("utf-8", "surrogateescape") if isinstance(cell, str) else cell
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def behind(key: list[sa.ColumnClause[Any]], after: list[Any]) -> sa.ColumnElement[bool]:
    """Say "this row comes after that key", written so that MariaDB, too, can use an index for it."""
    last = [typeless(value) for value in after]
    steps = [sa.and_(*[key[m] == last[m] for m in range(n)], key[n] > last[n]) for n in range(len(key))]
    return sa.and_(key[0] >= last[0], sa.or_(*steps))


def typeless(value: Any) -> sa.BindParameter[Any]:
    """Hand a value to the driver as it is: a type that SQLAlchemy guessed would be cast to, and ``uuid`` is no text."""
    return sa.bindparam(None, value, type_=sa.types.NullType(), unique=True)


# -- errors ------------------------------------------------------------------------------------------------------------


def say(error: Exception) -> str:
    """Put a driver's error into words without values of rows and without credentials."""
    if not isinstance(error, exc.DBAPIError) or error.orig is None:
        return f"cannot be read ({type(error).__name__})"
    cause = error.orig
    if isinstance(error, exc.OperationalError | exc.ProgrammingError | exc.InterfaceError | exc.NotSupportedError):
        lines = scrub(cause.args[-1] if cause.args else type(cause).__name__).strip().splitlines()
        return f"cannot be read: {' '.join(lines[:1])[:200]}"
    # The texts of the others (a value out of range, a value of a wrong form) quote the value.
    code = getattr(cause, "sqlstate", None) or next((a for a in cause.args if isinstance(a, int)), "")
    return f"cannot be read ({type(cause).__name__} {code})".replace(" )", ")")


def _may_pass(error: Exception) -> bool:
    """Only a broken connection or a lock is worth another try: what the server has refused it will refuse again."""
    if not isinstance(error, exc.DBAPIError):
        return False
    return bool(error.connection_invalidated) or _PASSING.search(str(error.orig)) is not None
