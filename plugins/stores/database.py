"""Reads databases without ever writing: read-only transactions, checked names, errors without data.

Values come as the driver gives them, not through SQLAlchemy's types: one cell that is not what its column says must
not lose the page it stands on (SQLite lets anything stand anywhere).
"""

from __future__ import annotations

import re
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from plugins.stores import dialects
from plugins.stores.credentials import database_url, scrub
from plugins.stores.records import StoreProblem
from plugins.stores.retry import attempt
from plugins.stores.tableview import TableView, find_view

T = TypeVar("T")

# Pauses between tries: a database that recovers from a crash answers again after some seconds.
RESTART_SECONDS = (0.5, 2.0, 8.0)

# What drivers say when the server is away, restarting or busy. A refused password is not among them: trying it again
# could lock the account.
_PASSING = re.compile(
    r"refused|timed out|timeout expired|starting up|shutting down|server closed|lost connection|can't connect"
    r"|gone away|too many (clients|connections)|reset by peer|no route|is locked|deadlock|recovery mode"
    r"|not yet accepting|is the server running|terminating connection|DPY-(4011|6005)|\b2000[2369]\b",
    re.IGNORECASE,
)

_BROKEN = re.compile("[\udc80-\udcff]")


class Database:
    """One database, opened for reading.

    A server that is away is waited for once; until it answers again each further question gets one try, and none for
    as long as the last one took, so that a night with a dead server comes to its end.

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
        self._engine = dialects.make_engine(made)
        self._away: StoreProblem | None = None
        self._again_at, self._took = 0.0, 0.0
        weakref.finalize(self, self._engine.dispose)

    def __repr__(self) -> str:
        return f"Database({self.name!r}, {self.dialect})"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction in which the server refuses every change."""
        with self._engine.connect() as connection:
            dialects.renew_deadline(connection)
            for statement in dialects.opening(connection):
                connection.exec_driver_sql(statement)
            yield connection
            connection.rollback()

    def attempt(self, what: Callable[[sa.Connection], T], where: str) -> T:
        """Do something in a read-only transaction, up to four times when the connection breaks.

        Raises:
            StoreProblem: it failed; says ``where`` and why, without values and credentials.
        """
        if self._away and time.monotonic() < self._again_at:
            raise StoreProblem(where, self._away.why, retry=True)
        try:
            done = attempt(
                lambda: self._once(what),
                lambda error: StoreProblem(where, say(error), retry=_may_pass(error)),
                self._pause,
                () if self._away else RESTART_SECONDS,
            )
        except StoreProblem as problem:
            self._away = problem if problem.retry else None
            self._again_at = time.monotonic() + self._took
            raise
        self._away = None
        return done

    def _once(self, what: Callable[[sa.Connection], T]) -> T:
        started = time.monotonic()
        try:
            with self.reading() as connection:
                return what(connection)
        finally:
            self._took = time.monotonic() - started

    def view(self, table: str, columns: Sequence[str], key: tuple[str, ...] = ()) -> TableView:
        """Find a table and columns in the database; ``key`` is what the settings say tells its rows apart.

        Without ``key`` the view's key is the primary key, or nothing.

        Raises:
            StoreProblem: no such table or column (with the nearest name), or rows cannot be told apart.
        """
        where = f"{self.name}/{table}"
        return self.attempt(lambda connection: find_view(connection, table, [*columns, *key], key, where), where)

    def as_text(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """Select a time in a form that survives any value."""
        return dialects.as_text(self.dialect, column)

    def size_of(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
        """Give the expression for the bytes of a cell."""
        return dialects.size_of(self.dialect, column)

    def digest_of(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any] | None:
        """Give the expression for a digest of a cell; None where the database makes none."""
        return dialects.digest_of(self.dialect, column)


def behind(key: list[sa.ColumnClause[Any]], after: list[Any]) -> sa.ColumnElement[bool]:
    """Say "this row comes after that key", written so that MariaDB, too, can use an index for it."""
    last = [typeless(value) for value in after]
    steps = [sa.and_(*[key[m] == last[m] for m in range(n)], key[n] > last[n]) for n in range(len(key))]
    return sa.and_(key[0] >= last[0], sa.or_(*steps))


def typeless(value: Any) -> sa.ColumnElement[Any]:
    """Hand a value to the driver as it is: a type that SQLAlchemy guessed would be cast to, and ``uuid`` is no text."""
    if isinstance(value, str) and not value.isascii() and _BROKEN.search(value):
        # Text that is no UTF-8 came with surrogates; SQLite takes it back as bytes that are called a text.
        raw = sa.bindparam(None, value.encode("utf-8", "surrogateescape"), type_=sa.types.NullType(), unique=True)
        return sa.cast(raw, sa.Text)
    return sa.bindparam(None, value, type_=sa.types.NullType(), unique=True)


# -- errors ------------------------------------------------------------------------------------------------------------


def say(error: Exception) -> str:
    """Put a driver's error into words without values of rows and without credentials."""
    if not isinstance(error, exc.DBAPIError) or error.orig is None:
        return f"cannot be read ({type(error).__name__})"
    cause = error.orig
    if isinstance(error, exc.OperationalError | exc.ProgrammingError | exc.InterfaceError | exc.NotSupportedError):
        if str(cause) == "interrupted":  # by SQLite's own deadline
            return f"cannot be read: a statement took more than {dialects.STATEMENT_SECONDS} seconds"
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
