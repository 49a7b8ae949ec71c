"""Fixtures for tests of stores: a secret, and databases that are made for one test and dropped after it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from plugins.keys import Keyring

POSTGRES = os.environ.get("FACEWARDEN_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
MARIADB = os.environ.get("FACEWARDEN_TEST_MARIADB", "mariadb://root@127.0.0.1:3306/test")

_START = {
    "postgres": "docker run -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust -e POSTGRES_USER=root -e POSTGRES_DB=test "
    "postgres:17` or set FACEWARDEN_TEST_POSTGRES",
    "mariadb": "docker run -p 3306:3306 -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 -e MARIADB_DATABASE=test mariadb:11` "
    "or set FACEWARDEN_TEST_MARIADB",
}


@dataclass(frozen=True)
class Database:
    """A database of one test: its URL as settings have it, and an engine that may write."""

    kind: str
    url: str
    engine: sa.Engine

    def run(self, *statements: str) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def fill(self, table: sa.Table, rows: list[dict[str, object]]) -> None:
        table.metadata.create_all(self.engine)
        if rows:
            with self.engine.begin() as connection:
                connection.execute(table.insert(), rows)


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(bytes(range(32)))


@pytest.fixture
def no_pause() -> Callable[[float], None]:
    """A pause between tries that takes no time."""
    return lambda seconds: None


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.backend),
        pytest.param("mariadb", marks=pytest.mark.backend),
    ]
)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with ExitStack() as stack:
        yield open_database(request.param, tmp_path, stack)


def open_database(kind: str, folder: Path, stack: ExitStack) -> Database:
    name = f"facewarden_{uuid.uuid4().hex[:12]}"
    if kind == "sqlite":
        url = driver = f"sqlite:///{folder}/{name}.db"
    elif kind == "postgres":
        server = _server(kind, POSTGRES.replace("postgresql://", "postgresql+psycopg://"), stack)
        _made(server, f"CREATE SCHEMA {name}", f"DROP SCHEMA {name} CASCADE", stack)
        url = f"{POSTGRES}?options=-csearch_path%3D{name}"
        driver = url.replace("postgresql://", "postgresql+psycopg://")
    else:
        server = _server(kind, MARIADB.replace("mariadb://", "mariadb+pymysql://"), stack)
        _made(server, f"CREATE DATABASE {name}", f"DROP DATABASE {name}", stack)
        url = sa.make_url(MARIADB).set(database=name).render_as_string(hide_password=False)
        driver = url.replace("mariadb://", "mariadb+pymysql://")
    engine = sa.create_engine(driver)
    stack.callback(engine.dispose)
    return Database(kind, url, engine)


def _server(kind: str, url: str, stack: ExitStack) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"connect_timeout": 3}, isolation_level="AUTOCOMMIT")
    stack.callback(engine.dispose)
    try:
        engine.connect().close()
    except sa.exc.OperationalError:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"no {kind} server answers; start one with `{_START[kind]}")
    return engine


def _made(server: sa.Engine, make: str, drop: str, stack: ExitStack) -> None:
    def run(statement: str) -> None:
        with server.connect() as connection:
            connection.exec_driver_sql(statement)

    run(make)
    stack.callback(run, drop)
