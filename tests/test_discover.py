"""Finding facial data in databases, the same on SQLite, PostgreSQL and MariaDB; and the command that prints it."""

# ruff: noqa: DTZ001 - columns of databases hold times without a zone

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, oracle, postgresql

from detectors.column_facts import Storage
from plugins.discover import Outcome, Target, discover
from plugins.stores.catalogue_cells import cut
from tests.databases import Database

pytest_plugins = ("tests.databases",)

COMMAND = str(Path(sys.executable).parent / "facewarden")
KEYS = ["database", "schema", "table", "column", "class", "confidence", "because"]
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"picture" * 60
ROWS = 150


def template(seed: int, dim: int = 128) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=dim)
    return vector / np.linalg.norm(vector)


def quiet(total: int):
    return lambda done: None


def look(url: str | None, schemas: tuple[str, ...] = (), **more: Any) -> Outcome:
    return discover([Target(url, **more)], quiet, lambda line: None, schemas)


def schema_of(database: Database) -> str:
    if database.kind == "sqlite":
        return "main"
    return (
        database.url.rpartition("%3D")[2] if database.kind == "postgres" else sa.make_url(database.url).database or ""
    )


def classes(outcome: Outcome, table: str) -> dict[str, str]:
    return {f.column: str(f.found) for f in outcome.findings if f.table == table}


def found_in(database: Database, table: str) -> dict[str, str]:
    return classes(look(database.url, (schema_of(database),)), table)


def staff() -> sa.Table:
    return sa.Table(
        "staff",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("staff_no", sa.String(20), unique=True),
        sa.Column("full_name", sa.String(60)),
        sa.Column("born_on", sa.Date),
        sa.Column("portrait", sa.LargeBinary(2**20)),
        sa.Column("portrait_text", sa.Text),
        sa.Column("photo_file", sa.String(200)),
        sa.Column("face_vector", sa.LargeBinary(4096)),
        sa.Column("face_json", sa.Text),
        sa.Column("agreed", sa.Boolean),
        sa.Column("agreed_at", sa.DateTime),
        sa.Column("withdrawn_at", sa.DateTime),
        sa.Column("enrolled_at", sa.DateTime),
        sa.Column("last_seen_at", sa.DateTime),
        sa.Column("expires_at", sa.DateTime),
        sa.Column("purpose", sa.String(40)),
        sa.Column("notes", sa.Text),
        sa.Column("salary", sa.Numeric(10, 2)),
    )


STAFF = {
    "id": "person_id",
    "staff_no": "person_id",
    "full_name": "person_name",
    "born_on": "birth_date",
    "portrait": "image_blob",
    "portrait_text": "image_base64",
    "photo_file": "image_ref",
    "face_vector": "template",
    "face_json": "template",
    "agreed": "consent_flag",
    "agreed_at": "consent_date",
    "withdrawn_at": "withdrawn_date",
    "enrolled_at": "created_at",
    "last_seen_at": "last_seen_at",
    "expires_at": "expires_at",
    "purpose": "purpose",
    "notes": "other",
    "salary": "other",
}


def person(number: int) -> dict[str, Any]:
    day = datetime(2026, 3, 1 + number % 28, 9)
    return {
        "id": number,
        "staff_no": f"S-{number:05d}",
        "full_name": "Quentin Marker",
        "born_on": date(1990, 1, 2),
        "portrait": JPEG,
        "portrait_text": base64.b64encode(JPEG).decode(),
        "photo_file": f"portraits/{number}.jpg",
        "face_vector": template(number).astype("<f4").tobytes(),
        "face_json": json.dumps(template(number).tolist()),
        "agreed": True,
        "agreed_at": day,
        "withdrawn_at": day,
        "enrolled_at": day,
        "last_seen_at": day,
        "expires_at": day,
        "purpose": "entry",
        "notes": "a remark in words",
        "salary": 1234.5,
    }


@pytest.fixture
def filled(database: Database) -> Database:
    database.fill(staff(), [person(n) for n in range(1, ROWS)])
    return database


# -- on every database -------------------------------------------------------------------------------------------------


def test_every_class_is_found(filled: Database) -> None:
    outcome = look(filled.url, (schema_of(filled),))
    assert classes(outcome, "staff") == STAFF
    assert outcome.problems == []


def test_an_empty_table_is_judged_by_names_and_less_surely(database: Database) -> None:
    staff().metadata.create_all(database.engine)
    found = look(database.url, (schema_of(database),)).findings
    by_name = {f.column: f for f in found if f.table == "staff"}
    assert by_name["face_vector"].found == "template"
    assert by_name["face_vector"].confidence < 0.9
    assert "no value" in by_name["face_vector"].because
    assert (by_name["portrait"].found, by_name["photo_file"].found) == ("image_blob", "image_ref")


def test_views_count_and_say_what_their_columns_hold(filled: Database) -> None:
    filled.run("CREATE VIEW badge_list AS SELECT staff_no, portrait AS p, face_vector AS f FROM staff")
    assert found_in(filled, "badge_list") == {"staff_no": "person_id", "p": "image_blob", "f": "template"}


def test_values_far_behind_many_empty_rows_are_found(database: Database) -> None:
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("k", sa.Integer, primary_key=True), sa.Column("x", sa.LargeBinary(4096))
    )
    rows: list[dict[str, Any]] = [{"k": n + 1, "x": None} for n in range(3000)]
    for n in range(2000, 2010):
        rows[n]["x"] = JPEG
    database.fill(table, rows)
    assert found_in(database, "t")["x"] == "image_blob"


def test_the_last_rows_are_looked_at_too(database: Database) -> None:
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("k", sa.Integer, primary_key=True), sa.Column("x", sa.LargeBinary(4096))
    )
    rng = np.random.default_rng(3)
    database.fill(table, [{"k": n + 1, "x": rng.bytes(300) if n < 500 else JPEG} for n in range(540)])
    assert found_in(database, "t")["x"] == "image_blob"


def test_names_with_quotes_spaces_emoji_and_sql_do_no_harm(filled: Database) -> None:
    wild = "a \"b\" `c` 'd'; DROP TABLE staff; -- 人 %s :x %(y)s"
    if filled.kind != "mariadb":
        wild += " 😀"  # MariaDB's names end at the basic plane
    table = sa.Table(wild[:60], sa.MetaData(), sa.Column(wild[:50], sa.LargeBinary(4096)))
    filled.fill(table, [{wild[:50]: JPEG}])
    outcome = look(filled.url, (schema_of(filled),))
    assert classes(outcome, wild[:60]) == {wild[:50]: "image_blob"}
    assert classes(outcome, "staff") == STAFF
    assert outcome.problems == []


def test_foreign_keys_tell_whose_a_template_is(filled: Database) -> None:
    filled.run(
        "CREATE TABLE prints (k integer primary key, r integer references staff(id), v text)",
        *[f"INSERT INTO prints VALUES ({n}, {n}, '{json.dumps(template(n, 512).tolist())}')" for n in range(1, 21)],
    )
    if filled.kind == "mariadb":
        filled.run("ALTER TABLE prints ADD FOREIGN KEY (r) REFERENCES staff(id)")
    assert found_in(filled, "prints") == {"k": "other", "r": "person_id", "v": "template"}


def test_a_table_of_two_thousand_columns_is_read_whole(database: Database) -> None:
    wide = (
        1000 if database.kind == "mariadb" else 1600 if database.kind == "postgres" else 2000
    )  # as many as each allows
    names = [f"c{n}" for n in range(wide - 1)]
    database.run(f"CREATE TABLE wide ({', '.join(f'{n} integer' for n in names)}, photo {_blob(database)})")
    with database.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO wide (c0, photo) VALUES (1, :p)"), [{"p": JPEG}] * 3)
    outcome = look(database.url, (schema_of(database),))
    found = classes(outcome, "wide")
    assert (len(found), found["photo"]) == (wide, "image_blob")
    assert outcome.problems == []


def _blob(database: Database) -> str:
    return {"sqlite": "blob", "postgres": "bytea", "mariadb": "longblob"}[database.kind]


def test_nothing_is_written_and_no_value_shows(filled: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    before = rows_of(filled)
    outcome = look(filled.url, (schema_of(filled),))
    assert rows_of(filled) == before
    said = caplog.text + repr(outcome)
    assert not [value for value in ("Quentin", "S-00001", "portraits/1", "a remark in") if value in said]


def rows_of(database: Database) -> list[Any]:
    with database.engine.connect() as connection:
        return sorted(connection.execute(sa.text("SELECT id, staff_no FROM staff")).fetchall())


# -- what only some of them have ---------------------------------------------------------------------------------------


@pytest.mark.backend
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_postgresql_arrays_json_comments_and_materialised_views(database: Database) -> None:
    floats = "{" + ",".join(map(str, template(1))) + "}"

    def as_json(n: int) -> str:
        return json.dumps({"face": template(n).tolist()})

    bits = "".join(np.where(template(2, 512) > 0, "1", "0"))
    database.run(
        "CREATE TABLE a (k int primary key, emp_no text, face_r real[], face_d double precision[], j jsonb, x text, "
        "face_b bit(512))",
        *[f"INSERT INTO a VALUES ({n}, 'e', '{floats}', '{floats}', '{as_json(n)}', 'w', '{bits}')" for n in range(20)],
        "COMMENT ON COLUMN a.x IS '用途'",
        "CREATE MATERIALIZED VIEW m AS SELECT face_d FROM a",
        "CREATE TABLE odd (k int primary key, t timestamp, d date)",
        "INSERT INTO odd VALUES (1, 'infinity', '-infinity')",
    )
    outcome = look(database.url, (schema_of(database),))
    templates = {c for c, found in classes(outcome, "a").items() if found == "template"}
    assert templates == {"face_r", "face_d", "j", "face_b"}
    assert classes(outcome, "a")["x"] == "purpose"
    assert classes(outcome, "m") == {"face_d": "template"}
    assert outcome.problems == []


@pytest.mark.backend
@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_mariadb_reads_other_character_sets_and_bits(database: Database) -> None:
    database.run(
        "CREATE TABLE g (k int primary key, 姓名 varchar(20) CHARACTER SET gbk, ok bit(1), b longtext) "
        "DEFAULT CHARSET=utf8mb4 COMMENT '人员表'",
        "INSERT INTO g VALUES (1, '王小明', b'1', 'x'), (2, '李四', b'0', 'y')",
    )
    outcome = look(database.url)
    assert classes(outcome, "g") == {"k": "other", "姓名": "person_name", "ok": "other", "b": "other"}
    assert outcome.problems == []


@pytest.mark.parametrize("dialect", [mssql.dialect(), oracle.dialect(), postgresql.dialect()], ids=lambda d: d.name)
@pytest.mark.parametrize("storage", [Storage.BINARY, Storage.TEXT, Storage.TIME, Storage.ANY])
def test_statements_can_be_written_for_databases_that_are_not_here(dialect: sa.Dialect, storage: Storage) -> None:
    table = sa.table("t", sa.column("c"), schema="s")
    text = str(sa.select(*cut(table.c.c, storage, dialect.name)).limit(5).compile(dialect=dialect))
    assert "substr" in text.lower()


# -- the command -------------------------------------------------------------------------------------------------------


def call(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, "discover", *map(str, words)], capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "access control.db"
    made = sa.create_engine(f"sqlite:///{path}")
    Database("sqlite", f"sqlite:///{path}", made).fill(staff(), [person(n) for n in range(20)])
    made.dispose()
    return path


def test_json_is_one_list_with_every_column_and_the_promised_keys(file: Path) -> None:
    for address in (file, f"sqlite:///{file}"):
        done = call(address, "--format", "json")
        assert done.returncode == 0, done.stderr
        rows = json.loads(done.stdout)
        assert [list(row) for row in rows] == [KEYS] * len(STAFF)
        assert {row["column"]: row["class"] for row in rows} == STAFF
        assert {(row["database"], row["schema"], row["table"]) for row in rows} == {("access control", "main", "staff")}
        assert all(0 <= row["confidence"] <= 1 and row["because"] for row in rows)
        assert "Quentin" not in done.stdout + done.stderr


def test_text_puts_facial_columns_first_then_the_undecided_then_counts(file: Path) -> None:
    with sa.create_engine(f"sqlite:///{file}").begin() as connection:
        connection.exec_driver_sql("CREATE TABLE vectors (v text)")
        connection.execute(
            sa.text("INSERT INTO vectors VALUES (:v)"), [{"v": json.dumps(template(n, 300).tolist())} for n in range(9)]
        )
    text = call(file).stdout
    order = [
        text.index(title) for title in ("Facial data:", "Beside it", "For the DPO to decide", "columns in 2 tables")
    ]
    assert order == sorted(order)
    assert text.index("staff.portrait") < order[1]
    assert order[2] < text.index("vectors.v") < order[3]


def test_a_database_that_cannot_be_opened_is_one_line_and_the_others_are_done(file: Path, tmp_path: Path) -> None:
    (tmp_path / "no.db").write_bytes(b"this is no database, but has the length of something" * 100)
    done = call(tmp_path / "missing.db", tmp_path / "no.db", file, "--format", "json")
    assert done.returncode == 1
    assert len(json.loads(done.stdout)) == len(STAFF)
    assert len(done.stderr.strip().splitlines()) == 2
    assert "no SQLite file" in done.stderr and "no SQLite database" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_address_the_command_says_what_it_needs() -> None:
    done = call()
    assert done.returncode == 2
    assert "give a URL" in done.stderr


def test_a_password_never_shows() -> None:
    done = call("postgresql://nobody:pl4nted-s3cret@127.0.0.1:9/none")
    assert done.returncode == 1
    assert "pl4nted" not in done.stdout + done.stderr


SETTINGS = """
controller: {{name: Town, timezone: Asia/Shanghai}}
policy: cn-draft-2023
databases:
  - name: access
    url: sqlite:///{file}
    purpose: entry
    tables: [{{table: staff, person_id: staff_no, image_blob: portrait}}]
    column_classes:
      staff.salary: person_id
      main.staff.portrait: other
      staff.portrit: other
"""


def test_the_settings_word_goes_before_what_was_found(file: Path, tmp_path: Path) -> None:
    (tmp_path / "facewarden.yaml").write_text(SETTINGS.format(file=file), encoding="utf-8")
    done = call("-c", tmp_path / "facewarden.yaml", "--format", "json")
    rows = {row["column"]: row for row in json.loads(done.stdout)}
    assert (rows["salary"]["class"], rows["salary"]["confidence"]) == ("person_id", 1.0)
    assert rows["portrait"]["class"] == "other"
    assert rows["portrait"]["because"].startswith("the settings say so (found: image_blob")
    assert "column_classes names 'staff.portrit'" in done.stderr and "did you mean `staff.portrait`?" in done.stderr
    assert done.returncode == 0


def test_a_class_that_does_not_exist_is_refused(file: Path, tmp_path: Path) -> None:
    text = SETTINGS.format(file=file).replace("staff.salary: person_id", "staff.salary: face")
    (tmp_path / "facewarden.yaml").write_text(text, encoding="utf-8")
    done = call("-c", tmp_path / "facewarden.yaml")
    assert done.returncode == 2
    assert "column_classes.staff.salary" in done.stderr and "'template'" in done.stderr


def test_an_airflow_connection_names_a_database_as_well(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HR", json.dumps({"conn_type": "sqlite", "host": str(file)}))
    assert classes(look(None, conn_id="hr"), "staff") == STAFF


def test_help_stays_fast_and_loads_no_database_code() -> None:
    code = "import sys, plugins.cli; sys.exit(bool({'sqlalchemy', 'numpy', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ)).returncode == 0


def test_the_same_database_gives_the_same_list(file: Path) -> None:
    assert call(file, "--format", "json").stdout == call(file, "--format", "json").stdout
