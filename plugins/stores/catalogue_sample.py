"""Takes a small sample of a table: first rows, last rows by its key, and values of columns that are mostly empty.

No statement sorts without an index, counts or draws by chance; no more than 10,000 rows of a table are walked over.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from detectors.column_facts import ColumnFacts, Storage, Value
from plugins.stores.catalogue_cells import HEAD, MAX_BYTES, cut, to_value
from plugins.stores.database import Database
from plugins.stores.records import StoreProblem

FIRST_ROWS, LAST_ROWS, DEEP_ROWS = 60, 40, 9_900
STATEMENT_SECONDS = 15
# What one statement may bring at most, and so many columns: SQLite allows 2,000 results, each column takes two.
_STATEMENT_BYTES = 48 * 2**20
_COLUMNS_AT_ONCE = 200
# Of columns whose sample is empty, so many are searched further in, and so many values are enough.
_DEEP_COLUMNS, _DEEP_VALUES = 40, 20
_WIDE = (Storage.BINARY, Storage.VECTOR, Storage.ARRAY, Storage.JSON, Storage.ANY, Storage.BITS, Storage.TEXT)
_SLOW = re.compile(r"timeout|interrupted|max_statement_time|maximum statement execution|time limit", re.IGNORECASE)
_FAILURES_IN_A_ROW = 3


@dataclass(slots=True)
class Sample:
    """What was read of one table.

    Attributes:
        rows: how many were looked at.
        values: by column.
        problems: what could not be read, each in words.
    """

    rows: int = 0
    values: dict[str, list[Value]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A table to sample.

    Attributes:
        table: what to select from; its columns carry no types.
        columns: what the catalogue says of them.
        key: columns with an index that tells rows apart; empty when there is none.
        view: it is a view: no order, no second look.
        where: for error texts.
    """

    table: sa.TableClause
    columns: Sequence[ColumnFacts]
    key: tuple[str, ...]
    view: bool
    where: str


@contextlib.contextmanager
def limited(connection: sa.Connection) -> Iterator[None]:
    """Give every statement of a connection 15 seconds."""
    name = connection.dialect.name
    if name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1000}")
    elif name in {"mysql", "mariadb"}:
        maria = getattr(connection.dialect, "is_mariadb", False)
        limit = (
            f"max_statement_time = {STATEMENT_SECONDS}" if maria else f"max_execution_time = {STATEMENT_SECONDS * 1000}"
        )
        connection.exec_driver_sql(f"SET SESSION {limit}, SESSION lock_wait_timeout = {STATEMENT_SECONDS}")
    elif name == "sqlite":
        with _limited_sqlite(connection.connection.dbapi_connection):
            yield
        return
    yield


@contextlib.contextmanager
def _limited_sqlite(driver: Any) -> Iterator[None]:
    import sqlite3

    until = time.monotonic() + STATEMENT_SECONDS
    driver.set_progress_handler(lambda: time.monotonic() > until, 20_000)
    before = driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * MAX_BYTES)
    try:
        yield
    finally:
        driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)
        driver.set_progress_handler(None, 0)


class Sampler:
    """Samples the tables of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(self, what: Callable[[sa.Connection], Any], where: str) -> Any:
        """Do something read-only within 15 seconds a statement; see ``Database.attempt``.

        Raises:
            StoreProblem: it failed.
        """

        def within(connection: sa.Connection) -> Any:
            with limited(connection):
                return what(connection)

        return self._database.attempt(within, where)

    def sample(self, source: Source) -> Sample:
        """Take a sample; what cannot be read is told in it."""
        sample = Sample(values={column.name: [] for column in source.columns})
        for at in range(0, len(source.columns), _COLUMNS_AT_ONCE):
            if not sample.lost:
                self._chunk(source, source.columns[at : at + _COLUMNS_AT_ONCE], sample)
        self._open_large(source, sample)
        if not source.view and not sample.lost and sample.rows >= FIRST_ROWS:
            self._deeper(source, sample)
        return sample

    def _chunk(self, source: Source, columns: Sequence[ColumnFacts], sample: Sample) -> None:
        try:
            first = self._page(source, columns, FIRST_ROWS, last=False)
            sample.rows = max(sample.rows, len(first))
            _add(sample, columns, first)
            if source.key and len(first) == FIRST_ROWS:
                _add(sample, columns, self._page(source, columns, LAST_ROWS, last=True))
        except StoreProblem as problem:
            self._one_by_one(source, columns, sample, problem)

    def _page(
        self, source: Source, columns: Sequence[ColumnFacts], rows: int, *, last: bool
    ) -> list[list[Value | None]]:
        head = _head_for(columns, rows)
        results = [
            part for c in columns for part in cut(source.table.c[c.name], c.storage, self._database.dialect, head)
        ]
        statement = _in_order(sa.select(*[r.label(f"r{n}") for n, r in enumerate(results)]), source, last=last).limit(
            rows
        )
        found = self.run(
            lambda connection: connection.execute(statement.select_from(source.table)).fetchall(), source.where
        )
        return [
            [to_value(row[2 * n], row[2 * n + 1], column.storage, head) for n, column in enumerate(columns)]
            for row in found
        ]

    def _one_by_one(
        self, source: Source, columns: Sequence[ColumnFacts], sample: Sample, problem: StoreProblem
    ) -> None:
        """Read column by column after a failure, so that one bad column costs itself only."""
        failed: list[str] = []
        if len(columns) == 1 or problem.retry or _SLOW.search(problem.why):
            sample.problems.append(problem.why)
            sample.lost = problem.retry or source.view or _SLOW.search(problem.why) is not None
            return
        for column in columns:
            try:
                rows = self._page(source, [column], FIRST_ROWS, last=False)
            except StoreProblem as error:
                rows = self._row_by_row(source, column)
                failed += [] if rows else [column.name]
                problem = error
            sample.rows = max(sample.rows, len(rows))
            _add(sample, [column], rows)
            if len(failed) == _FAILURES_IN_A_ROW and sample.rows == 0:
                sample.lost = True
                sample.problems.append(problem.why)
                return
        if failed:
            listed = ", ".join(f"`{name}`" for name in failed[:5]) + (" and others" if len(failed) > 5 else "")
            sample.problems.append(
                f"of {listed} not every value can be read: {problem.why.removeprefix('cannot be read: ')}"
            )

    def _row_by_row(self, source: Source, column: ColumnFacts) -> list[list[Value | None]]:
        """Read what can be read of a column of SQLite, where one value may be too large for a statement."""
        if self._database.dialect != "sqlite" or source.view:
            return []
        rowid: sa.ColumnElement[int] = sa.literal_column("rowid")
        with contextlib.suppress(StoreProblem):
            keys = self.run(
                lambda c: c.execute(sa.select(rowid).select_from(source.table).limit(FIRST_ROWS)).scalars().all(),
                source.where,
            )
            return [
                [self.run(partial(_blob_head, source=source, column=column.name, rowid=key), source.where)]
                for key in keys
            ]
        return []

    def _open_large(self, source: Source, sample: Sample) -> None:
        """Look at the heads of BLOBs that SQLite would have to read whole to cut them."""
        for column in source.columns:
            if any(value.length and not value.head for value in sample.values[column.name]):
                heads = (row[0] for row in self._row_by_row(source, column))
                sample.values[column.name] = [value for value in heads if value is not None]

    # -- columns that are mostly empty ---------------------------------------------------------------------------------

    def _deeper(self, source: Source, sample: Sample) -> None:
        empty = [c for c in source.columns if c.storage in _WIDE and not sample.values[c.name]]
        for column in sorted(empty, key=lambda c: _WIDE.index(c.storage))[:_DEEP_COLUMNS]:
            statement = self._deep_statement(source, column)
            if statement is None:
                continue
            try:
                found = self.run(partial(_fetch, statement=statement), source.where)
            except StoreProblem as problem:
                sample.problems.append(f"`{column.name}` beyond the first {FIRST_ROWS} rows {problem.why}")
                return
            values = (to_value(row[0], row[1], column.storage, HEAD) for row in found)
            sample.values[column.name] += [value for value in values if value is not None]

    def _deep_statement(self, source: Source, column: ColumnFacts) -> sa.Select[Any] | None:
        """Search the first 9,900 rows for values, walking over no more of them.

        MySQL and MariaDB would copy the rows of a subquery with all their bytes: there the key's range is the limit.
        """
        dialect, target = self._database.dialect, source.table.c[column.name]
        if dialect not in {"mysql", "mariadb"}:
            inner = sa.select(target.label("v")).select_from(source.table).limit(DEEP_ROWS).subquery("looked_at")
            results = cut(inner.c.v, column.storage, dialect)
            return sa.select(*results).where(inner.c.v.is_not(None)).limit(_DEEP_VALUES)
        if len(source.key) != 1:
            return None
        key = source.table.c[source.key[0]]
        ordered = sa.select(key).select_from(source.table).order_by(key)
        edge = ordered.limit(1).offset(DEEP_ROWS).scalar_subquery()
        within = sa.or_(key < edge, edge.is_(None))
        results = cut(target, column.storage, dialect)
        return sa.select(*results).select_from(source.table).where(within, target.is_not(None)).limit(_DEEP_VALUES)


def _fetch(connection: sa.Connection, statement: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    return connection.execute(statement).fetchall()


def _in_order(statement: sa.Select[Any], source: Source, *, last: bool) -> sa.Select[Any]:
    key = [source.table.c[name] for name in source.key]
    return statement.order_by(*[column.desc() if last else column for column in key]) if key else statement


def _head_for(columns: Sequence[ColumnFacts], rows: int) -> int:
    wide = sum(column.storage in _WIDE for column in columns)
    return max(1024, min(HEAD, _STATEMENT_BYTES // (rows * max(wide, 1))))


def _add(sample: Sample, columns: Sequence[ColumnFacts], rows: list[list[Value | None]]) -> None:
    for number, column in enumerate(columns):
        sample.values[column.name] += [value for row in rows if (value := row[number]) is not None]


def _blob_head(connection: sa.Connection, source: Source, column: str, rowid: int) -> Value | None:
    """Open one value of SQLite and read its beginning; the rest stays on the disk."""
    import sqlite3

    driver: Any = connection.connection.dbapi_connection
    try:
        with driver.blobopen(
            source.table.name, column, rowid, readonly=True, name=source.table.schema or "main"
        ) as blob:
            return to_value(blob.read(min(HEAD, len(blob))), len(blob), Storage.ANY, HEAD)
    except sqlite3.Error:  # NULL and numbers cannot be opened
        return None
