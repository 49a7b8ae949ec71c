"""The same night from other places: pictures from an S3 endpoint over HTTP, people from PostgreSQL and MariaDB."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
import yaml

from plugins import nightly, tasks
from plugins.evidence import Evidence
from tests.databases import Database, open_database
from tests.organisation import Organisation

pytestmark = pytest.mark.backend

CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)


def scan(organisation: Organisation, run_id: str) -> dict[str, Any]:
    request = organisation.request(run_id)
    nightly.scan(request, lambda: CLOCK, lambda n: lambda k: None)
    return json.loads(tasks.report_text(request, "json"))


def change_settings(organisation: Organisation, **changes: Any) -> None:
    settings = yaml.safe_load(organisation.settings.read_text(encoding="utf-8"))
    organisation.settings.write_text(yaml.safe_dump(settings | changes), encoding="utf-8")


def settings_of(organisation: Organisation) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(organisation.settings.read_text(encoding="utf-8"))
    return read


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """An S3 endpoint and a client that writes to it."""
    import boto3
    from moto.server import ThreadedMotoServer

    monkeypatch.setenv("TEST_S3_KEY", "key-in-the-environment")
    monkeypatch.setenv("TEST_S3_SECRET", "s3cret-in-the-environment")
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    client.create_bucket(Bucket="cameras")
    yield endpoint, client
    server.stop()


def test_a_night_from_a_bucket_finds_what_the_same_night_from_folders_finds(
    organisation: Organisation, bucket: tuple[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    local = scan(organisation, "local")
    endpoint, client = bucket
    stores = settings_of(organisation)["stores"]
    for store in stores:
        folder = organisation.folder / store["url"]
        for path in folder.iterdir():
            client.put_object(Bucket="cameras", Key=f"{store['name']}/{path.name}", Body=path.read_bytes())
        store["url"] = f"s3://cameras/{store['name']}"
        store["options"] = {"endpoint_url": endpoint, "key": "${TEST_S3_KEY}", "secret": "${TEST_S3_SECRET}"}
    change_settings(organisation, stores=stores, evidence="./evidence-s3", vectors={"url": "./vectors-s3"})
    remote = scan(organisation, "remote")
    assert remote["coverage"] == local["coverage"]
    assert {k: remote["people"][k] for k in ("low", "best", "high", "verdict")} == {
        k: local["people"][k] for k in ("low", "best", "high", "verdict")
    }
    faces = Evidence(str(organisation.folder / "evidence-s3")).read("faces")
    assert faces["uri"].str.startswith("s3://cameras/").any()
    again = scan(organisation, "again")
    assert (again["coverage"]["scanned"], again["coverage"]["unchanged"]) == (0, local["coverage"]["scanned"])
    for text in (caplog.text, json.dumps(remote), *(p.read_text(errors="replace") for p in reports(organisation))):
        assert "in-the-environment" not in text


def reports(organisation: Organisation) -> list[Path]:
    return [p for p in (organisation.folder / "reports").rglob("*") if p.is_file()]


def test_evidence_vectors_and_reports_can_live_in_a_bucket(
    organisation: Organisation, bucket: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, client = bucket
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    places = {"evidence": "s3://cameras/evidence", "reports": "s3://cameras/reports"}
    change_settings(organisation, **places, vectors={"url": "s3://cameras/vectors"})
    first = scan(organisation, "night-1")
    tasks.write_report(organisation.request("night-1"))
    assert first["coverage"]["scanned"] == 5
    assert scan(organisation, "night-2")["coverage"]["unchanged"] == 5
    keys = [o["Key"] for o in client.list_objects_v2(Bucket="cameras")["Contents"]]
    assert "reports/night-1/report.html" in keys
    assert not [k for k in keys if k.startswith("evidence/pending/")]


@pytest.fixture(params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with ExitStack() as stack:
        yield open_database(request.param, tmp_path, stack)


def copy_table(source: Path, name: str, target: Database) -> None:
    frame = pd.read_sql(f"select * from {name}", sa.create_engine(f"sqlite:///{source}"))
    types = {"photo": sa.LargeBinary(2**24), "template": sa.LargeBinary(2**16)}
    dtype = {column: types[column] if column in types else sa.String(40) for column in frame.columns}
    dtype |= {column: sa.DateTime() for column in ("enrolled_at", "last_seen", "granted", "withdrawn", "expires")}
    dates = [c for c in frame.columns if isinstance(dtype[c], sa.DateTime)]
    frame[dates] = frame[dates].apply(pd.to_datetime)
    frame.to_sql(name, target.engine, index=False, dtype={c: dtype[c] for c in frame.columns})
    if "photo" in frame:
        target.run(f"ALTER TABLE {name} ADD PRIMARY KEY (id)")


def test_a_night_from_a_server_finds_what_the_same_night_from_sqlite_finds(
    organisation: Organisation, server: Database
) -> None:
    local = scan(organisation, "local")
    copy_table(organisation.folder / "access.db", "people", server)
    copy_table(organisation.folder / "registry.db", "consents", server)
    settings = settings_of(organisation)
    for held in (*settings["databases"], *settings["consents"]):
        held["url"] = server.url
    change_settings(organisation, **settings, evidence="./evidence-server", vectors={"url": "./vectors-server"})
    remote = scan(organisation, "remote")
    for part in ("coverage", "consent", "filing"):
        assert remote[part] == local[part], part
    asked_of_servers = remote["findings"]["by_rule"].pop("safeguard_missing")
    assert asked_of_servers == 1, "these test servers let their user in without a password"
    assert remote["findings"]["by_rule"] == local["findings"]["by_rule"]
    for end in ("low", "best", "high", "with_template"):
        assert remote["people"][end] == local["people"][end]


def test_redis_answers_as_the_broker_of_several_workers_must() -> None:
    import os

    import redis

    client = redis.Redis.from_url(os.environ.get("FACEWARDEN_TEST_REDIS", "redis://127.0.0.1:6379/5"))
    try:
        client.ping()
    except redis.ConnectionError:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("no Redis answers on 127.0.0.1:6379; start one, or set FACEWARDEN_TEST_REDIS")
    assert client.info("server")["redis_version"] >= "6"
