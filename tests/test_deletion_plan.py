"""The deletion plan: what the findings ask to delete, safe to open, and closed by the next scan once it is gone."""

from __future__ import annotations

import csv
import json
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from plugins import nightly
from plugins.cli import cli
from plugins.deletion_plan import RULES, Item, plan_deletion, s3_manifests, write_plan
from plugins.judge import RunIncomplete
from plugins.run import Run
from tests.organisation import Organisation

CLOCK = datetime(2026, 10, 20, 18, tzinfo=UTC)


def item(**more: str) -> Item:
    names = ("store", "owner", "kind", "locator", "subject_ref", "version", "rules", "since", "articles", "finding_ids")
    return Item(**{**dict.fromkeys(names, ""), "kind": "object", **more})


def scan(organisation: Organisation, name: str) -> Run:
    nightly.scan(organisation.request(name), lambda: CLOCK, lambda n: lambda k: None)
    return Run(organisation.request(name))


def test_what_the_findings_ask_for_is_listed_and_gone_once_it_is_deleted(organisation: Organisation) -> None:
    run = scan(organisation, "night-1")
    items = plan_deletion(run)
    places = {(i.store, i.kind, i.locator.rsplit("/", 1)[-1]): i.rules for i in items}
    assert places == {
        ("gate", "object", "cam1_20261001T090000.jpg"): "retention_overdue",
        ("access", "record", "people"): places[("access", "record", "people")],
    }
    refs = {run.keyring.pseudonym("person", person): person for person in ("SECRET-ID-2", "SECRET-ID-3")}
    assert {refs[i.subject_ref]: i.rules for i in items if i.kind == "record"} == {
        "SECRET-ID-2": "withdrawn_still_stored",
        "SECRET-ID-3": "retention_overdue",
    }
    (organisation.folder / "stores/gate/cam1_20261001T090000.jpg").unlink()
    with closing(sqlite3.connect(organisation.folder / "access.db")) as db, db:
        db.execute("delete from people where id in ('SECRET-ID-2', 'SECRET-ID-3')")
    assert plan_deletion(scan(organisation, "night-2")) == []


def test_further_rules_can_be_asked_for_and_one_record_is_one_line(organisation: Organisation) -> None:
    run = scan(organisation, "night-1")
    items = plan_deletion(run, RULES)
    records = [i for i in items if i.kind == "record"]
    assert len({(i.store, i.locator, i.subject_ref) for i in records}) == len(records) == 3
    [third] = [i for i in records if i.subject_ref == run.keyring.pseudonym("person", "SECRET-ID-3")]
    assert third.rules == "no_recorded_ground retention_overdue"
    assert len(third.finding_ids.split()) == 2


def test_the_command_writes_files_for_their_owner_alone(organisation: Organisation, tmp_path: Path) -> None:
    scan(organisation, "night-1")
    words = ["deletion-plan", "-c", str(organisation.settings), "-o", str(tmp_path / "plan"), "--format", "json"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)
    assert said["items"] == 3
    assert said["by_store"][0] == {"store": "access", "owner": "", "kind": "record", "items": 2}
    [path] = map(Path, said["files"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rows = list(csv.DictReader(path.open()))
    assert {row["kind"] for row in rows} == {"object", "record"}
    assert all(row["articles"] and row["finding_ids"] for row in rows)
    assert "SECRET-ID" not in path.read_text()


def test_a_name_that_is_a_formula_is_shown_as_text(tmp_path: Path) -> None:
    write_plan([item(store="s", locator='=HYPERLINK("http://x","y")', owner="@SUM(A1)")], tmp_path)
    [row] = csv.DictReader((tmp_path / "deletion-plan.csv").open())
    assert row["locator"].startswith("'=")
    assert row["owner"].startswith("'@")


def test_buckets_get_a_manifest_and_a_lifecycle_rule(tmp_path: Path) -> None:
    items = [
        item(locator="s3://faces/a b/c,d.jpg"),
        item(locator="quoted:s3://faces/%FF.jpg"),
        item(locator="s3://other/x.jpg"),
        item(locator="/srv/x.jpg"),
        item(kind="record", locator="s3://faces/no"),
    ]
    assert s3_manifests(items) == {
        "faces": ["faces,a%20b/c%2Cd.jpg\n", "faces,%FF.jpg\n"],
        "other": ["other,x.jpg\n"],
    }
    names = {path.name for path in write_plan(items, tmp_path)}
    assert names == {"deletion-plan.csv", "s3-faces.csv", "s3-other.csv", "s3-lifecycle.json"}
    [rule] = json.loads((tmp_path / "s3-lifecycle.json").read_text())["Rules"]
    assert rule["Filter"] == {"Tag": {"Key": "facewarden", "Value": "delete"}}


def test_without_a_judgement_there_is_no_plan(organisation: Organisation) -> None:
    with pytest.raises(RunIncomplete, match="facewarden scan"):
        plan_deletion(Run(organisation.request()))


def test_the_help_names_every_rule_and_another_is_refused(organisation: Organisation) -> None:
    shown = " ".join(CliRunner().invoke(cli, ["deletion-plan", "--help"]).output.split())
    assert all(rule in shown for rule in RULES)
    done = CliRunner().invoke(cli, ["deletion-plan", "-o", "x", "-c", str(organisation.settings), "--rule", "overdue"])
    assert done.exit_code == 2
    assert "retention_overdue" in done.output
