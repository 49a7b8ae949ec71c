"""What each kind of database wants said differently: drivers, read-only transactions, time-outs, sizes, digests."""

from __future__ import annotations

import hashlib
import time
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa

from plugins.stores.cells import to_person
from plugins.stores.records import StoreProblem

# The drivers that the read-only transactions below are written for, by what an address or a connection calls them.
DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mssql": "mssql+pymssql",
    "oracle": "oracle+oracledb",
}
# Module and package of those that are not installed with facewarden.
_FURTHER = {"mssql+pymssql": "pymssql", "oracle+oracledb": "oracledb"}

# A page takes milliseconds with an index on its key, and a scan of the table without one.
STATEMENT_SECONDS = 300
CONNECT_SECONDS = 10
_MYSQL = {"connect_timeout": CONNECT_SECONDS, "read_timeout": STATEMENT_SECONDS + 30, "charset": "utf8mb4"}
_CONNECT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": CONNECT_SECONDS},
    "postgresql": {"connect_timeout": CONNECT_SECONDS, "application_name": "facewarden"},
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    # read_only: the intent alone, SQL Server has no read-only transactions; every transaction is rolled back.
    "mssql": {
        "login_timeout": CONNECT_SECONDS,
        "timeout": STATEMENT_SECONDS,
        "appname": "facewarden",
        "read_only": True,
    },
    "oracle": {"tcp_connect_timeout": CONNECT_SECONDS},
}

# What ``str.strip`` takes off an id, as far as one character can say it.
_BLANKS = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
# The instructions of SQLite's machine between two looks at the clock: some milliseconds.
_SQLITE_STEPS = 100_000


def driver_of(name: str, where: str) -> str:
    """Give the driver for a kind of database, as SQLAlchemy names it.

    Raises:
        StoreProblem: no such database is supported, or its driver is not installed.
    """
    if name not in DRIVERS:
        raise StoreProblem(where, f"{name!r} is not a supported database; allowed: {', '.join(sorted(DRIVERS))}")
    driver = DRIVERS[name]
    package = _FURTHER.get(driver)
    if package and find_spec(package) is None:
        raise StoreProblem(where, f"the driver for {name!r} is not installed; install it with `pip install {package}`")
    return driver


def make_engine(url: sa.URL) -> sa.Engine:
    """Make an engine that connects within 10 seconds and whose statements end within 300."""
    dialect = url.get_backend_name()
    # hide_parameters: a key of a row is a person's id, and SQLAlchemy would print it with a failing statement.
    engine = sa.create_engine(
        url, hide_parameters=True, connect_args=_CONNECT_ARGUMENTS[dialect], pool_pre_ping=dialect != "sqlite"
    )
    if dialect == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
    if dialect == "oracle":
        sa.event.listen(engine, "connect", _prepare_oracle)
    return engine


def opening(connection: sa.Connection) -> list[str]:
    """Give the statements that make a transaction one in which the server refuses every change."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        return [
            "SET TRANSACTION READ ONLY",
            f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1000}",
            "SET LOCAL TimeZone = 'UTC'",
            "SET LOCAL DateStyle = 'ISO'",
        ]
    if dialect in {"mysql", "mariadb"}:
        limit = f"max_statement_time = {STATEMENT_SECONDS}"
        if not getattr(connection.dialect, "is_mariadb", False):
            limit = f"max_execution_time = {STATEMENT_SECONDS * 1000}"
        return [f"SET SESSION {limit}", "SET SESSION time_zone = '+00:00'", "START TRANSACTION READ ONLY"]
    if dialect == "mssql":
        return [f"SET LOCK_TIMEOUT {STATEMENT_SECONDS * 1000}"]
    return ["SET TRANSACTION READ ONLY"] if dialect == "oracle" else []  # SQLite's file is opened with mode=ro


# -- expressions -------------------------------------------------------------------------------------------------------


def as_text(dialect: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Select a time in a form that survives any value: PostgreSQL's driver gives up on ``infinity``."""
    return sa.cast(column, sa.Text) if dialect == "postgresql" else column


def size_of(dialect: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """Give the expression for the bytes of a cell; none of the databases reads the cell for it."""
    if dialect == "oracle":
        return sa.func.dbms_lob.getlength(column)
    names = {"sqlite": "length", "mssql": "datalength"}
    return getattr(sa.func, names.get(dialect, "octet_length"))(column)  # type: ignore[no-any-return]


def digest_of(dialect: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any] | None:
    """Give the expression for a digest of a cell, made where the cell is: MD5, since most servers know it.

    It tells a changed cell from an unchanged one; it guards nothing. None for Oracle, which makes digests of large
    objects only by a package that few users may call.
    """
    if dialect == "oracle":
        return None
    if dialect == "sqlite":
        return sa.func.md5(sa.cast(column, sa.LargeBinary))  # a text that is none would not reach the function
    if dialect == "mssql":
        digest = sa.func.hashbytes(sa.literal_column("'MD5'"), column)
        return sa.func.convert(sa.literal_column("varchar(32)"), digest, sa.literal_column("2"))
    return sa.func.md5(column)


def person_of(dialect: str, column: sa.ColumnElement[Any], is_number: bool) -> sa.ColumnElement[Any]:
    """Give the expression that makes ids of people comparable as ``cells.to_person`` does; NULL where there is none.

    Numbers are compared as numbers; texts byte by byte, without blanks around them.
    """
    if dialect == "sqlite":
        text = sa.func.typeof(column) == sa.literal_column("'text'")
        return sa.func.facewarden_person(sa.case((text, sa.cast(column, sa.LargeBinary)), else_=column))
    if is_number:
        return column
    if dialect == "postgresql":
        return sa.func.nullif(sa.func.btrim(sa.cast(column, sa.Text), sa.literal_column(_quoted(_BLANKS))), "")
    if dialect in {"mysql", "mariadb"}:
        trimmed = sa.func.regexp_replace(column, "^[[:space:]]+|[[:space:]]+$", "")
        return sa.func.nullif(sa.cast(trimmed, sa.LargeBinary), "")
    if dialect == "mssql":
        trimmed = sa.func.ltrim(sa.func.rtrim(sa.cast(column, sa.Unicode(4000))))
        return sa.func.nullif(sa.collate(trimmed, "Latin1_General_BIN2"), "")
    return sa.func.trim(column)


def _quoted(text: str) -> str:
    return "'" + text.replace("%", "%%") + "'"


# -- connections -------------------------------------------------------------------------------------------------------


class Deadline:
    """The moment at which a statement of SQLite, which knows no time-out, is broken off."""

    def __init__(self) -> None:
        self.until = 0.0
        self.renew()

    def renew(self) -> None:
        """Give the statement its whole time from now on."""
        self.until = time.monotonic() + STATEMENT_SECONDS

    def is_over(self) -> bool:
        """Say whether the time is up."""
        return time.monotonic() > self.until


def renew_deadline(connection: sa.Connection) -> None:
    """Give the statements of a connection their whole time from now on; servers do so by themselves."""
    if isinstance(deadline := connection.info.get("deadline"), Deadline):
        deadline.renew()


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA query_only = ON").close()
    connection.create_function("md5", 1, _md5, deterministic=True)
    connection.create_function("facewarden_person", 1, _person, deterministic=True)
    record.info["deadline"] = deadline = Deadline()
    connection.set_progress_handler(deadline.is_over, _SQLITE_STEPS)


def _md5(cell: bytes | None) -> str | None:
    return None if cell is None else hashlib.md5(cell, usedforsecurity=False).hexdigest()


def _person(cell: Any) -> str | None:
    return to_person(cell)


def _prepare_oracle(connection: Any, _: Any) -> None:
    connection.call_timeout = STATEMENT_SECONDS * 1000  # milliseconds
