"""Databases that fail in the middle of a scan: what is lost, what is said, and what goes on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from PIL import Image

from plugins import nightly, tasks
from plugins.keys import Keyring
from plugins.settings import DatabaseSettings
from plugins.stores import arrow_pages
from plugins.stores.records import StoreProblem
from plugins.stores.tables import TableStore
from tests.backends.own_postgres import OwnPostgres
from tests.organisation import Organisation, jpeg, shrunk

pytest_plugins = ("tests.backends.own_postgres",)
pytestmark = pytest.mark.backend

ROWS = 300
CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)
PEOPLE = {"table": "people", "image_blob": "photo"}


def fill(server: OwnPostgres, table: str = "people") -> None:
    server.run(
        f"CREATE TABLE {table} (person_id text PRIMARY KEY, photo bytea)",
        f"INSERT INTO {table} SELECT 'P' || lpad(n::text, 5, '0'), decode(md5(n::text), 'hex') "
        f"FROM generate_series(1, {ROWS}) n",
    )


def store_of(server: OwnPostgres, folder: Path, *tables: dict[str, str], user: str = "root") -> TableStore:
    held = DatabaseSettings(name="access", url=server.url(user), purpose="gate", tables=tables)
    return TableStore(held, Keyring(bytes(32)), folder, ZoneInfo("UTC"))


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_pages, "PAGE_ROWS", 20)


def test_a_server_that_crashes_and_comes_back_costs_no_row(own_postgres: OwnPostgres, tmp_path: Path) -> None:
    fill(own_postgres)
    store = store_of(own_postgres, tmp_path, PEOPLE)
    listing = store.list()
    found = [next(listing) for _ in range(70)]
    back = own_postgres.crash_and_come_back(1.0)
    found += listing
    back.join()
    assert len({one.uri for one in found}) == len(found) == ROWS
    assert not store.problems
    back = own_postgres.crash_and_come_back(1.0)
    assert len(store.read(found[5])) == 16
    back.join()


def test_a_server_that_stays_away_is_said_and_the_listing_ends(own_postgres: OwnPostgres, tmp_path: Path) -> None:
    fill(own_postgres)
    held = DatabaseSettings(name="access", url=own_postgres.url(), purpose="gate", tables=[PEOPLE])
    store = TableStore(held, Keyring(bytes(32)), tmp_path, ZoneInfo("UTC"), lambda seconds: None)
    listing = store.list()
    found = [next(listing) for _ in range(70)]
    own_postgres.crash()
    with pytest.raises(StoreProblem, match="access/people"):
        found.extend(listing)
    own_postgres.start()
    assert 70 <= len(found) < ROWS


def test_a_right_taken_away_in_the_middle_ends_that_table_only(own_postgres: OwnPostgres, tmp_path: Path) -> None:
    fill(own_postgres)
    fill(own_postgres, "visitors")
    own_postgres.run("CREATE ROLE scanner LOGIN", "GRANT SELECT ON people, visitors TO scanner")
    visitors = {**PEOPLE, "table": "visitors"}
    store = store_of(own_postgres, tmp_path, PEOPLE, visitors, user="scanner")
    listing = store.list_pictures()
    found = [next(listing) for _ in range(30)]
    own_postgres.run("REVOKE SELECT ON people FROM scanner")
    found += listing
    [problem] = store.problems
    assert "permission denied" in str(problem)
    by_table = [one.uri.split("/")[1] for one in found]
    assert by_table.count("visitors") == ROWS
    assert 30 <= by_table.count("people") < ROWS


def night(organisation: Organisation, url: str, on_object: object = None) -> dict[str, object]:
    settings = yaml.safe_load(organisation.settings.read_text())
    settings["databases"][0] |= {"url": url, "tables": [PEOPLE]}
    organisation.settings.write_text(yaml.safe_dump(settings))
    request = organisation.request()
    nightly.scan(request, lambda: CLOCK, lambda n: on_object or (lambda k: None))  # type: ignore[arg-type, return-value]
    report: dict[str, object] = json.loads(tasks.report_text(request, "json"))
    return report


def test_a_night_goes_on_over_a_crash_of_the_database(
    own_postgres: OwnPostgres, organisation: Organisation, pictures: Path
) -> None:
    own_postgres.run("CREATE TABLE people (person_id text PRIMARY KEY, photo bytea)")
    face = jpeg(shrunk(Image.open(pictures / "obama.jpg"))).hex()
    own_postgres.run(*[f"INSERT INTO people VALUES ('P{n}', '\\x{face}')" for n in range(6)])
    looked, back = list[int](), []

    def crash_once(done: int) -> None:
        looked.append(done)
        if len(looked) == 9:  # in the middle of the database, behind the stores of files
            back.append(own_postgres.crash_and_come_back(0.7))

    report = night(organisation, own_postgres.url(), crash_once)
    back[0].join()
    [access] = [store for store in report["stores"] if store["kind"] == "database"]  # type: ignore[attr-defined]
    assert (access["coverage"]["seen"], access["coverage"]["scanned"], access["faces"]) == (6, 6, 6)
    assert access["problem"] == ""


def test_a_value_of_500_mb_never_leaves_the_server(own_postgres: OwnPostgres, organisation: Organisation) -> None:
    own_postgres.run(
        "CREATE TABLE people (person_id text PRIMARY KEY, photo bytea)",
        "INSERT INTO people VALUES ('huge', convert_to(repeat('x', 500 * 1024 * 1024), 'UTF8')), ('small', '\\x00')",
    )
    report = night(organisation, own_postgres.url())
    [access] = [store for store in report["stores"] if store["kind"] == "database"]  # type: ignore[attr-defined]
    assert access["coverage"]["seen"] == 2
    reasons = {item["reason"] for item in report["quarantine"]["listed"] if item["store"] == "access"}  # type: ignore[index]
    assert "too_large" in reasons
