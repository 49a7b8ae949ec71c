"""What goes wrong in databases while they are looked through: said in one line each, never fatal, never missing."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from plugins.discover import Outcome, Target, discover
from plugins.stores import catalogue_sample
from plugins.stores.catalogue import declared_columns
from tests.databases import Database

pytest_plugins = ("tests.databases",)

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"picture" * 60


def look(url: str, *schemas: str, each=lambda done: None) -> Outcome:
    return discover([Target(url)], lambda total: each, lambda line: None, schemas)


def classes(outcome: Outcome, table: str) -> dict[str, str]:
    return {f.column: str(f.found) for f in outcome.findings if f.table == table}


def sqlite(path: Path, *statements: str) -> str:
    with contextlib.closing(sqlite3.connect(path)) as made:
        for statement in statements:
            made.execute(statement)
        made.commit()
    return f"sqlite:///{path}"


GOOD = (
    "CREATE TABLE good (id integer primary key, photo blob)",
    f"INSERT INTO good VALUES (1, x'{JPEG.hex()}')",
)


# -- views -------------------------------------------------------------------------------------------------------------


def test_views_in_a_circle_and_views_of_nothing_are_one_line_each(tmp_path: Path) -> None:
    url = sqlite(
        tmp_path / "a.db",
        *GOOD,
        "CREATE VIEW one(photo, staff_no) AS SELECT * FROM two",
        "CREATE VIEW two AS SELECT * FROM one",
        'CREATE VIEW lost AS SELECT p.face_photo, p."x y" AS staff_no FROM gone p WHERE 1',
    )
    outcome = look(url)
    assert classes(outcome, "good")["photo"] == "image_blob"
    assert classes(outcome, "one") == {"photo": "image_blob", "staff_no": "person_id"}
    assert classes(outcome, "lost") == {"face_photo": "image_blob", "staff_no": "person_id"}
    assert all(f.confidence < 0.95 for f in outcome.findings if f.table == "lost")
    assert len(outcome.problems) == 3, outcome.problems
    assert [line for line in outcome.problems if "a/two" in line and "cannot be listed" in line]
    assert not any("\n" in line for line in outcome.problems)


def test_a_virtual_table_whose_module_is_missing_is_listed_as_declared(tmp_path: Path) -> None:
    url = sqlite(tmp_path / "a.db", *GOOD)
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as made:
        made.execute("PRAGMA writable_schema = ON")
        made.execute(
            "INSERT INTO sqlite_master VALUES ('table', 'face_vec', 'face_vec', 0, "
            "'CREATE VIRTUAL TABLE face_vec USING vec0(person_id TEXT PRIMARY KEY, "
            "face_embedding FLOAT[512] distance_metric=cosine)')"
        )
        made.commit()
    outcome = look(url)
    assert classes(outcome, "face_vec") == {"person_id": "person_id", "face_embedding": "template"}
    assert "no such module" in str(outcome.problems)
    assert classes(outcome, "good")["photo"] == "image_blob"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('CREATE VIEW v(a, "b c", [d]) AS SELECT 1, 2, 3', ["a", "b c", "d"]),
        ('create view v as select x, y as z, t."w" from t', ["x", "z", "w"]),
        ("CREATE VIEW v AS SELECT * FROM t", []),
        ("CREATE VIRTUAL TABLE v USING vec0(id TEXT PRIMARY KEY, e FLOAT[768] m=cosine, tokenize='x')", ["id", "e"]),
        ("", []),
    ],
)
def test_names_are_read_off_declarations(text: str, names: list[str]) -> None:
    assert declared_columns(text) == names


ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS photo FROM n",
    "postgres": "SELECT pg_sleep(60)::text AS photo",
    "mariadb": "SELECT sleep(60) AS photo",
}


def test_a_view_that_takes_too_long_is_given_up_and_judged_by_name(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_sample, "STATEMENT_SECONDS", 1)
    database.run("CREATE TABLE good (id integer primary key)", f"CREATE VIEW slow AS {ENDLESS[database.kind]}")
    outcome = look(database.url, *([database.url.rpartition("%3D")[2]] if database.kind == "postgres" else []))
    assert list(classes(outcome, "slow")) == ["photo"]
    assert len(outcome.problems) == 1 and "slow" in outcome.problems[0]
    assert classes(outcome, "good") == {"id": "other"}


# -- values ------------------------------------------------------------------------------------------------------------

CHILD = """
import resource, sys
from plugins.discover import Target, discover
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = discover([Target(sys.argv[1])], lambda n: lambda k: None, print)
print({f.column: str(f.found) for f in found.findings}, found.problems)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_values_of_hundreds_of_megabytes_are_never_fetched(tmp_path: Path) -> None:
    url = sqlite(tmp_path / "a.db", "CREATE TABLE t (id integer primary key, scan blob, portrait text, staff_no text)")
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as made:
        made.execute("INSERT INTO t VALUES (1, zeroblob(500000000), NULL, 'S1')")
        with made.blobopen("t", "scan", 1) as blob:
            blob.write(JPEG)
        made.execute("INSERT INTO t VALUES (2, NULL, ?, 'S2')", ("/9j/4AAQSkZJRg" + "A" * 60_000_000,))
        made.commit()
    done = subprocess.run([sys.executable, "-c", CHILD, url], capture_output=True, text=True, check=True)
    *lines, grown = done.stdout.strip().splitlines()
    assert "'scan': 'image_blob'" in lines[-1] and "'portrait': 'image_base64'" in lines[-1], done.stdout
    assert "'staff_no': 'person_id'" in lines[-1]
    assert int(grown) < 60, f"{grown} MB more"


def test_text_that_is_no_text_costs_nothing_but_itself(tmp_path: Path) -> None:
    url = sqlite(
        tmp_path / "a.db",
        "CREATE TABLE people (id integer primary key, full_name text, photo text)",
        "INSERT INTO people VALUES (1, CAST(x'ff00fe41' AS TEXT), CAST(x'ff' AS TEXT))",
        *[f"INSERT INTO people VALUES ({n}, 'Jane Doe', 'p/{n}.jpg')" for n in range(2, 20)],
    )
    outcome = look(url)
    assert classes(outcome, "people") == {"id": "person_id", "full_name": "person_name", "photo": "image_ref"}
    assert outcome.problems == []


@pytest.mark.backend
@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_mariadb_text_that_is_no_text_costs_nothing_but_itself(database: Database) -> None:
    database.run(
        "CREATE TABLE people (id int primary key, full_name varbinary(40), photo varchar(40) CHARACTER SET latin1)",
        "INSERT INTO people VALUES (1, x'ff00fe41', x'ff')",
        *[f"INSERT INTO people VALUES ({n}, 'Jane Doe', 'p/{n}.jpg')" for n in range(2, 20)],
    )
    outcome = look(database.url)
    assert classes(outcome, "people")["photo"] == "image_ref"
    assert outcome.problems == []


# -- rights and connections --------------------------------------------------------------------------------------------


@pytest.fixture
def guest(database: Database) -> Iterator[str]:
    """The URL of a user who may read `open_table` only."""
    name = f"guest_{uuid.uuid4().hex[:8]}"
    schema = database.url.rpartition("%3D")[2]
    database.run(
        "CREATE TABLE open_table (id int primary key, photo bytea, closed_column bytea)",
        "CREATE TABLE closed_table (id int primary key, face_template bytea, portrait bytea)",
        f"INSERT INTO open_table VALUES (1, '\\x{JPEG.hex()}', '\\x00')",
        f"CREATE ROLE {name} LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"GRANT SELECT (id, photo) ON open_table TO {name}",
    )
    yield sa.make_url(database.url).set(username=name).render_as_string(hide_password=False)
    database.run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.mark.backend
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_table_without_rights_is_judged_by_its_names_and_told(database: Database, guest: str) -> None:
    outcome = look(guest, database.url.rpartition("%3D")[2])
    assert classes(outcome, "closed_table") == {
        "id": "person_id",
        "face_template": "template",
        "portrait": "image_blob",
    }
    assert classes(outcome, "open_table")["photo"] == "image_blob"
    lines = [line for line in outcome.problems if "permission denied" in line]
    assert len(lines) == len(outcome.problems) == 2
    assert [line for line in lines if "`closed_column`" in line]


def staff_tables(database: Database, count: int) -> str:
    schema = database.url.rpartition("%3D")[2]
    for n in range(count):
        database.run(
            f"CREATE TABLE t{n} (id int primary key, face_photo bytea)",
            f"INSERT INTO t{n} VALUES (1, '\\x{JPEG.hex()}')",
        )
    return schema


class Proxy:
    """Hands a TCP connection on until it is told to stop."""

    def __init__(self, host: str, port: int) -> None:
        self._target, self._open = (host, port), list[socket.socket]()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(self._target)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._hand_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _hand_on(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)

    def cut(self) -> None:
        for opened in self._open:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        self._open.clear()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()


def through(proxy: Proxy, address: sa.URL) -> str:
    return address.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)


def proxy_to(address: sa.URL) -> Proxy:
    return Proxy(address.host or "127.0.0.1", address.port or 5432)


@pytest.mark.backend
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_connection_that_is_cut_is_made_again(database: Database) -> None:
    schema = staff_tables(database, 4)
    proxy = proxy_to(sa.make_url(database.url))
    outcome = look(through(proxy, sa.make_url(database.url)), schema, each=lambda done: proxy.cut())
    proxy.stop()
    assert {f.confidence for f in outcome.findings if f.column == "face_photo"} == {0.99}
    assert outcome.problems == []


@pytest.mark.backend
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_database_that_goes_away_leaves_its_columns_by_name(database: Database) -> None:
    schema = staff_tables(database, 8)
    proxy = proxy_to(sa.make_url(database.url))
    url = through(proxy, sa.make_url(database.url))
    seen: list[int] = []

    def each(done: int) -> None:
        seen.append(done)
        if len(seen) == 2:
            proxy.stop()

    outcome = look(url, schema, each=each)
    photos = [f for f in outcome.findings if f.column == "face_photo"]
    assert [str(f.found) for f in photos] == ["image_blob"] * 8
    assert [f.confidence > 0.9 for f in photos] == [True] * 2 + [False] * 6
    assert "judged by name only" in outcome.problems[-1]
    assert outcome.unopened == 0


def test_no_statement_sorts_counts_or_draws_by_chance(tmp_path: Path) -> None:
    url = sqlite(
        tmp_path / "a.db", "CREATE TABLE t (a text, b blob)", "CREATE TABLE k (id integer primary key, a blob)"
    )
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as made:
        made.executemany("INSERT INTO t VALUES (?, NULL)", [("x",)] * 300)
        made.executemany("INSERT INTO k VALUES (?, NULL)", [(n,) for n in range(300)])
        made.commit()
    said: list[str] = []

    def note(connection, cursor, statement, parameters, context, executemany) -> None:
        said.append(statement.lower())

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        look(url)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    reading = [s for s in said if "from main.t" in s or "from main.k" in s]
    assert len(reading) >= 3
    assert not [s for s in said if "count(" in s or "random" in s or "order by a" in s]
    assert all("limit" in s for s in reading)
