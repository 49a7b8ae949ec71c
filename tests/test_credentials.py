"""Addresses, Airflow connections and secrets."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from plugins.stores import connections
from plugins.stores.credentials import Secret, database_url, expand, redact, remember, scrub, storage
from plugins.stores.records import StoreProblem

PASSWORD = "pl4nted-s3cret/@:"
QUOTED = "pl4nted-s3cret%2F%40%3A"
BASE = Path("/base")


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        pytest.param("postgresql://u@h/d", "postgresql+psycopg", id="postgresql"),
        pytest.param("postgres://u@h/d", "postgresql+psycopg", id="postgres"),
        pytest.param("postgresql+psycopg2://u@h/d", "postgresql+psycopg", id="another driver"),
        pytest.param("mysql://u@h/d", "mysql+pymysql", id="mysql"),
        pytest.param("mariadb://u@h/d", "mariadb+pymysql", id="mariadb"),
    ],
)
def test_the_installed_driver_is_chosen(url, driver):
    assert database_url(url, None, "db", BASE).reveal().drivername == driver


def test_sqlite_files_are_opened_read_only_whatever_their_name(tmp_path):
    name = "a b?#%41.db"
    with sqlite3.connect(tmp_path / name) as made:
        made.execute("CREATE TABLE people (id)")
    made.close()
    engine = sa.create_engine(database_url(f"sqlite:///./{quote(name)}", None, "db", tmp_path).reveal())
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM people").scalar() == 0
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            connection.exec_driver_sql("INSERT INTO people VALUES (1)")
    engine.dispose()


@pytest.mark.parametrize(
    ("conn", "url"),
    [
        pytest.param(f"postgres://clerk:{QUOTED}@host:5433/people?sslmode=require", "postgresql+psycopg", id="URI"),
        pytest.param(
            json.dumps(
                {
                    "conn_type": "postgres",
                    "host": "host",
                    "port": 5433,
                    "login": "clerk",
                    "password": PASSWORD,
                    "schema": "people",
                    "extra": {"sslmode": "require", "cursor": "dictcursor"},
                }
            ),
            "postgresql+psycopg",
            id="JSON",
        ),
        pytest.param(f"mysql://clerk:{QUOTED}@host:5433/people?sslmode=require", "mysql+pymysql", id="MySQL"),
    ],
)
def test_a_connection_in_the_environment_becomes_a_url(monkeypatch, conn, url):
    monkeypatch.setenv("AIRFLOW_CONN_PEOPLE_DB", conn)
    made = database_url(None, "people_db", "db", BASE).reveal()
    assert made.drivername == url
    assert (made.host, made.port, made.username, made.password) == ("host", 5433, "clerk", PASSWORD)
    assert (made.database, dict(made.query)) == ("people", {"sslmode": "require"})


def test_an_s3_connection_gives_bucket_and_options_and_the_settings_win(monkeypatch):
    extra = {"endpoint_url": "http://minio:9000", "region_name": "x", "bucket_name": "faces"}
    said = {"conn_type": "aws", "login": "clerk", "password": PASSWORD, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_MINIO", json.dumps(said))
    url, options = storage(None, {"endpoint_url": "http://other"}, "minio", "store", BASE)
    assert url == "s3://faces"
    assert options.reveal() == {
        "key": "clerk",
        "secret": PASSWORD,
        "endpoint_url": "http://other",
        "client_kwargs": {"region_name": "x"},
    }


@pytest.mark.parametrize("conn", ["{broken", '{"port": "x"}', "postgres://h:port/x", "[]"])
def test_a_connection_that_cannot_be_read_is_said_without_its_text(monkeypatch, conn):
    monkeypatch.setenv("AIRFLOW_CONN_BAD", conn)
    with pytest.raises(StoreProblem) as caught:
        database_url(None, "bad", "db", BASE)
    assert conn not in str(caught.value)


def test_an_unknown_connection_says_how_to_make_it_known():
    code = (
        "from pathlib import Path\n"
        "from plugins.stores.credentials import database_url\n"
        "database_url(None, 'nobody_knows', 'db', Path())\n"
    )
    environment = {**os.environ, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    last = ran.stderr.strip().splitlines()[-1]
    assert "db: no Airflow connection 'nobody_knows'; set AIRFLOW_CONN_NOBODY_KNOWS or add it in Airflow" in last


def test_airflow_is_asked_when_the_environment_does_not_know(monkeypatch):
    from airflow.sdk import Connection

    known = Connection(conn_id="x", conn_type="mysql", host="h", login="clerk", password=PASSWORD, schema="d")
    monkeypatch.setattr(Connection, "get", classmethod(lambda cls, conn_id: known))
    assert database_url(None, "x", "db", BASE).reveal().password == PASSWORD


def test_airflow_masks_what_was_used(monkeypatch):
    import airflow.sdk.log as log

    masked: list[str] = []
    monkeypatch.setattr(log, "mask_secret", masked.append)
    remember("masked-by-airflow")
    assert masked == ["masked-by-airflow"]


def test_variables_are_put_in_and_a_missing_one_is_named(monkeypatch):
    monkeypatch.setenv("DB_USER", "clerk")
    assert expand("x://${DB_USER}@h", "db") == "x://clerk@h"
    with pytest.raises(StoreProblem, match="db: needs the environment variable 'NOT_SET_HERE', which is not set"):
        expand("${NOT_SET_HERE}", "db")


def test_a_secret_hides_itself():
    secret = Secret(PASSWORD)
    assert PASSWORD not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == PASSWORD


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("postgresql://clerk:s3cr3t-x@host/db", id="user info"),
        pytest.param("postgresql://clerk:s3cr3t-x@y@host/db", id="an @ in the password"),
        pytest.param("postgresql://clerk:s3cr3t-x/y@host/db", id="a slash in the password"),
        pytest.param("sftp://s3cr3t-x@host/", id="a token for a user"),
        pytest.param("password=s3cr3t-x host=h", id="a DSN"),
        pytest.param("{'password': 's3cr3t-x', 'user': 'u'}", id="a dict"),
        pytest.param('{"aws_secret_access_key": "s3cr3t-x"}', id="JSON"),
        pytest.param("https://h/x?sig=s3cr3t-x&se=1", id="a signed URL"),
        pytest.param("AccountKey=s3cr3t-x==;EndpointSuffix=y", id="an Azure connection string"),
        pytest.param("X-Amz-Security-Token: s3cr3t-x", id="a header"),
    ],
)
def test_scrub_takes_credentials_out_of_texts(text):
    assert "s3cr3t-x" not in scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "connection to server at 10.0.0.1, port 5432 failed: Connection refused",
        "Could not connect to the endpoint URL: http://minio:9000/faces?list-type=2",
        "relation people does not exist",
    ],
)
def test_scrub_leaves_the_rest_of_a_text_alone(text):
    assert scrub(text) == text


def test_scrub_knows_every_secret_that_was_used():
    database_url("postgresql://clerk:one-of-a-kind%2F1@h/d", None, "db", BASE)
    storage("s3://x", {"secret": "another-of-a-kind", "client_kwargs": {"token": "third-of-a-kind"}}, None, "s", BASE)
    clean = scrub("one-of-a-kind/1 one-of-a-kind%2F1 another-of-a-kind third-of-a-kind")
    assert clean == "*** *** *** ***"


def test_redact_keeps_what_is_no_secret():
    options = {"key": "k", "endpoint_url": "http://u:p@h", "client_kwargs": {"region_name": "x", "token": "t"}}
    assert redact(options) == {
        "key": "***",
        "endpoint_url": "http://***@h",
        "client_kwargs": {"region_name": "x", "token": "***"},
    }


def test_a_connection_hides_its_password():
    made = connections.Connection("postgres", password=PASSWORD, extra={"token": PASSWORD})
    assert PASSWORD not in repr(made)


def test_problems_survive_pickling():
    problem = StoreProblem("db", "why", retry=True, kind="vanished")
    again = pickle.loads(pickle.dumps(problem))
    assert (str(again), again.retry, again.kind) == ("db: why", True, "vanished")
