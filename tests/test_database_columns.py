"""Discovery in the nightly scan: what nobody declared becomes a finding, stays one, and goes when it is declared."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import yaml

from plugins import nightly, tasks
from plugins.evidence import Evidence
from plugins.reports.jsonfile import from_json
from plugins.reports.page import to_html
from tests.organisation import Organisation

CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)
RULE = "undeclared_facial_data"


@pytest.fixture
def hidden(organisation: Organisation) -> Organisation:
    """An organisation whose database has face templates in a table that its settings do not name."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(40, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with closing(sqlite3.connect(organisation.folder / "access.db")) as db, db:
        db.execute("create table visitor_cache (visitor_no integer primary key, face_embedding blob, zp, seen_on text)")
        rows = [(n, vector.tobytes(), None, "2026-10-01") for n, vector in enumerate(vectors)]
        db.executemany("insert into visitor_cache values (?, ?, ?, ?)", rows)
    return organisation


def night(organisation: Organisation, run_id: str = "night-1", **database: Any) -> dict[str, Any]:
    """Scan with some keys of the database's settings changed; give the report."""
    settings = yaml.safe_load(organisation.settings.read_text())
    settings["databases"][0] |= database
    organisation.settings.write_text(yaml.safe_dump(settings))
    request = organisation.request(run_id)
    nightly.scan(request, lambda: CLOCK, lambda n: lambda k: None)
    return json.loads(tasks.report_text(request, "json"))


def open_findings(organisation: Organisation) -> list[tuple[str, str]]:
    found = Evidence(str(organisation.folder / "evidence")).read("findings")
    return [(row.store, row.locator) for row in found[found["rule"] == RULE].itertuples()]


def test_an_undeclared_template_column_is_a_finding_and_a_word_beside_the_number(hidden: Organisation) -> None:
    report = night(hidden)
    assert report["findings"]["by_rule"][RULE] == 1
    assert open_findings(hidden) == [("access", "visitor_cache.face_embedding")]
    [rule] = [r for r in report["findings"]["rules"] if r["rule"] == RULE]
    assert rule["severity"] == "high"
    assert "template" in rule["listed"][0]["because"]
    assert any("do not name: 1" in note for note in report["people"]["notes"])


def test_the_report_shows_tables_by_count_and_columns_to_decide_on(hidden: Organisation) -> None:
    report = night(hidden)
    [access] = [store for store in report["stores"] if store["kind"] == "database"]
    [people] = access["tables"]
    assert (people["rows"], people["people"], people["pictures"], people["templates"], people["template_people"]) == (
        4, 4, 1, 4, 4
    )  # fmt: skip
    found = access["discovered"]
    assert (found["columns"], found["declared"], found["undeclared"], found["problems"]) == (10, 2, 1, [])
    assert found["undecided"] == len(found["listed"])
    page = to_html(from_json(json.dumps(report)))
    assert "what its tables hold" in page
    assert "10 columns looked through" in page
    for person in ("SECRET-ID-1", "SECRET-ID-4"):
        assert person not in page


def test_the_finding_keeps_its_id_and_goes_once_the_column_is_declared(hidden: Organisation) -> None:
    night(hidden)
    ids = set(Evidence(str(hidden.folder / "evidence")).read("findings").query("rule == @RULE")["finding_id"])
    night(hidden, "night-2")
    again = Evidence(str(hidden.folder / "evidence")).read("findings").query("rule == @RULE")
    assert set(again["finding_id"]) == ids
    settings = yaml.safe_load(hidden.settings.read_text())["databases"][0]["tables"]
    table = {"table": "visitor_cache", "person_id": "visitor_no", "template": "face_embedding", "template_encoder": "x"}
    report = night(hidden, "night-3", tables=[*settings, table])
    assert open_findings(hidden) == []
    assert not any("do not name" in note for note in report["people"]["notes"])
    assert report["people"]["with_template"] == 44, "40 visitors count by their ids, though nothing compares to them"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"discover": False}, id="not discovered"),
        pytest.param({"column_classes": {"visitor_cache.face_embedding": "other"}}, id="said to be other"),
    ],
)
def test_the_settings_have_the_last_word(hidden: Organisation, said: dict[str, Any]) -> None:
    night(hidden)
    report = night(hidden, "night-2", **said)
    assert open_findings(hidden) == []
    assert RULE not in report["findings"]["by_rule"]


def test_a_database_without_tables_is_only_looked_through(hidden: Organisation) -> None:
    night(hidden)
    report = night(hidden, "night-2", tables=[])
    [access] = [store for store in report["stores"] if store["kind"] == "database"]
    assert access["tables"] == [], "what they held when they were declared is forgotten"
    places = [place for _, place in open_findings(hidden)]
    assert sorted(places) == ["people.photo", "people.template", "visitor_cache.face_embedding"]
    assert report["people"]["with_template"] == 0


def test_a_database_that_cannot_be_opened_keeps_what_was_known(hidden: Organisation) -> None:
    night(hidden)
    (hidden.folder / "access.db").rename(hidden.folder / "gone.db")
    report = night(hidden, "night-2")
    assert open_findings(hidden) == [("access", "visitor_cache.face_embedding")]
    [access] = [store for store in report["stores"] if store["kind"] == "database"]
    assert access["problem"]
    assert access["tables"][0]["rows"] == 4
